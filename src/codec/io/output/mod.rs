//! A file that is written: complete, or not there at all.
//!
//! The file is written under a temporary name in the same folder, and renamed in one step at the end. Until
//! then the existing target stays as it is; if anything goes wrong, the temporary file is removed. Links are
//! not followed: the given name itself is replaced.
//!
//! Open descriptors, FIFOs and devices are written in place; so are, if the caller asks for it, ordinary
//! files that a rename cannot replace.
#![forbid(unsafe_code)]

mod begin;

use super::errors;
use super::folder::{Folder, Found};
use super::input::Input;
use super::space::Space;
use super::zeros::{self, Run};
use super::{permissions, transfer};
use crate::error::Result;
use crate::trace;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::PathBuf;

/// Bytes written at a time. For more the kernel's cache takes pages of up to 2 MiB, which it first has to
/// make, and on a virtual machine to get from the host: that can take three times as long as all the rest.
const PIECE: usize = 256 << 10;

/// See the module.
pub(crate) struct Target {
    /// As the caller has given it.
    path: PathBuf,
    way: Way,
    /// Until it is complete.
    file: Option<File>,
    /// Bytes so far, holes included.
    len: u64,
    /// Bytes of a hole that the file ends with: they are skipped, not written yet.
    hole: u64,
    space: Space,
}

/// What the caller asks of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wishes {
    /// It is on the disk, with its name, when the work is done.
    #[cfg_attr(windows, allow(dead_code))] // there the system is asked at the end alone
    pub(crate) sync: bool,
    /// It gets the source's Mark of the Web.
    pub(crate) marked: bool,
    /// Long runs of zeros become holes.
    pub(crate) sparse: bool,
    /// What has the name already is never replaced.
    pub(crate) keep: bool,
    /// An ordinary file that a rename cannot replace is written where it stands.
    pub(crate) in_place: bool,
    /// The target may be the input itself, which is replaced.
    pub(crate) append: bool,
}

/// How the file gets its name.
enum Way {
    /// Under another name at first.
    Beside(Box<Beside>),
    /// An ordinary file, where it stands; emptied when the first byte is there.
    InPlace { emptied: bool },
    /// What is written to as it is.
    Stream,
}

struct Beside {
    folder: Folder,
    name: OsString,
    temporary: OsString,
    keep: bool,
    sparse: bool,
    /// Opened before the work begins, where the name shall be on the disk.
    #[cfg(unix)]
    sync: Option<File>,
    /// What is replaced.
    old: Option<Found>,
}

/// The space of a file that was replaced. Dropping it gives the space back, which takes a while.
pub(crate) struct Replaced(#[cfg(target_os = "linux")] Option<std::os::fd::OwnedFd>);

impl Target {
    /// Bytes that will come, as far as is known: a hint.
    pub(crate) fn expect(&mut self, len: u64) {
        if let Way::Beside(beside) = &self.way {
            if !beside.sparse {
                self.space.expect(len);
            }
        }
    }

    /// Whether it is a pipe or a device, not a file.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(self.way, Way::Stream)
    }

    /// Adds a part of an input; where file systems can, they share its blocks.
    pub(crate) fn copy(&mut self, input: &Input, part: Range<u64>) -> Result<()> {
        let plain = matches!(&self.way, Way::Beside(beside) if !beside.sparse);
        let len = part.end - part.start;
        let file = input.at(part.start)?;
        let copied = match &mut self.file {
            Some(target) if plain => {
                let copied = transfer(trace::Kind::Write, || io::copy(&mut file.take(len), target));
                self.len += *copied.as_ref().unwrap_or(&0);
                copied
            }
            _ => io::copy(&mut Read::take(input, len), self),
        };
        match copied.map_err(|error| errors::file(&error, "copying to", &self.path))? {
            copied if copied == len => Ok(()),
            copied => Err(input.shrunk(part.start + copied)),
        }
    }

    /// Gives the file its name, and the mode and the times of the input; `sync`: it is on the disk then.
    pub(crate) fn commit(mut self, input: Option<&Input>, sync: bool) -> Result<Replaced> {
        self.complete(input, sync).map_err(|error| errors::file(&error, "writing", &self.path))
    }

    fn complete(&mut self, input: Option<&Input>, sync: bool) -> io::Result<Replaced> {
        self.empty()?;
        if let Some(file) = &self.file {
            if self.hole > 0 || self.space.is_more_than(self.len) {
                file.set_len(self.len)?;
            }
            // On Windows nobody else can open the file until it is closed; a read-only file could not be
            // removed.
            if cfg!(unix) {
                self.imitate(file, input);
            }
            if sync {
                match file.sync_all() {
                    // Pipes and devices have no disk.
                    Err(_) if matches!(self.way, Way::Stream) && !has_disk(file) => {}
                    result => result?,
                }
            }
        }
        // If something fails from here on, `drop` removes the file.
        if let (Way::Beside(beside), Some(file)) = (&self.way, &self.file) {
            beside.folder.rename(file, &beside.temporary, &beside.name, beside.keep)?;
        }
        let file = self.file.take();
        let Way::Beside(beside) = &mut self.way else { return Ok(Replaced::nothing()) };
        let old = beside.old.take();
        #[cfg(unix)]
        if let Some(folder) = &beside.sync {
            folder.sync_all()?;
        }
        #[cfg(windows)]
        if let Some(file) = &file {
            self.imitate(file, input);
            if sync {
                file.sync_all()?; // what the file is called, too
            }
        }
        drop(file);
        Ok(Replaced::of(old))
    }

    /// A new file takes over what belongs to an ordinary source.
    fn imitate(&self, file: &File, input: Option<&Input>) {
        if let (Way::Beside(_), Some(input)) = (&self.way, input.filter(|input| input.is_file())) {
            permissions::imitate(file, input);
        }
    }

    /// Empties a file that is written where it stands, at the last moment.
    fn empty(&mut self) -> io::Result<()> {
        if let (Way::InPlace { emptied: emptied @ false }, Some(file)) = (&mut self.way, &self.file) {
            file.set_len(0)?;
            *emptied = true;
        }
        Ok(())
    }

    /// Writes, or skips, the beginning of `data`, which is not empty.
    fn put(&mut self, data: &[u8]) -> io::Result<usize> {
        self.empty()?;
        let data = &data[..data.len().min(PIECE)];
        let Some(file) = &mut self.file else { return Ok(0) };
        let data = match &self.way {
            Way::Beside(beside) if beside.sparse => match zeros::first_run(data, self.len) {
                Run::Hole(len) => {
                    self.hole += len as u64;
                    self.len += len as u64;
                    return Ok(len);
                }
                Run::Data(len) => &data[..len],
            },
            _ => data,
        };
        if self.hole > 0 {
            file.seek(SeekFrom::Start(self.len))?;
            self.hole = 0;
        }
        self.space.make(file, self.len, data.len());
        let len = transfer(trace::Kind::Write, || write(file, data))?;
        self.len += len as u64;
        Ok(len)
    }
}

/// Waits where the program has made a descriptor non-blocking.
fn write(file: &mut File, data: &[u8]) -> io::Result<usize> {
    #[cfg(unix)]
    loop {
        match file.write(data) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                use rustix::event::{poll, PollFd, PollFlags};
                match poll(&mut [PollFd::new(file, PollFlags::OUT)], None) {
                    Err(rustix::io::Errno::INTR) | Ok(_) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            result => return result,
        }
    }
    #[cfg(not(unix))]
    file.write(data)
}

impl Write for Target {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if data.is_empty() {
            return Ok(0);
        }
        self.put(data).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => error,
            _ => errors::to_io(errors::file(&error, "writing", &self.path)),
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if let (Some(file), Way::Beside(beside)) = (&self.file, &self.way) {
            beside.folder.remove(file, &beside.temporary);
        }
    }
}

impl Replaced {
    fn nothing() -> Self {
        Self(
            #[cfg(target_os = "linux")]
            None,
        )
    }

    /// Of what was found: it was held open, so the rename did not have to give its space back.
    fn of(old: Option<Found>) -> Self {
        #[cfg(target_os = "linux")]
        return Self(old.and_then(Found::into_large));
        #[cfg(not(target_os = "linux"))]
        {
            drop(old);
            Self()
        }
    }

    /// What holds the space, where giving it back takes long enough to be done aside.
    #[cfg(target_os = "linux")]
    pub(crate) fn held(self) -> Option<std::os::fd::OwnedFd> {
        self.0
    }
}

/// Whether what was opened is more than a pipe or a device.
fn has_disk(file: &File) -> bool {
    #[cfg(windows)]
    return !super::device::is_stream(file);
    #[cfg(not(windows))]
    file.metadata().is_ok_and(|metadata| metadata.is_file())
}
