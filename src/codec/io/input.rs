//! A file that is read.
#![forbid(unsafe_code)]

use super::folder::Folder;
use super::{errors, transfer};
use crate::error::{Error, ErrorKind, Result};
use crate::trace::Kind;
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

/// See the module.
#[derive(Debug)]
pub(crate) struct Input {
    file: File,
    path: PathBuf,
    /// None of a pipe or a device of Windows.
    metadata: Option<Metadata>,
    /// The same file, opened once more for each thread that reads it at the same time: a handle of Windows
    /// serves one after the other.
    #[cfg(windows)]
    others: std::sync::Mutex<Vec<File>>,
}

impl Input {
    /// Opens a file, a FIFO, a device; not a directory.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Self::open_with(path, false)
    }

    /// Opens a file that can be read at any offset. It does not wait for a FIFO or a device.
    pub(crate) fn open_seekable(path: &Path) -> Result<Self> {
        let input = Self::open_with(path, true)?;
        if !input.is_file() {
            let text = errors::about("cannot be read at any place, as it is no regular file", path);
            return Err(Error::new(ErrorKind::Unsupported, text));
        }
        Ok(input)
    }

    /// What it is, the open file tells: a name may stand for something else the next time.
    fn open_with(path: &Path, at_once: bool) -> Result<Self> {
        let fail = |error: io::Error| errors::file(&error, "opening", path);
        let file = open(path, at_once).map_err(|error| {
            // What opening a directory says differs between systems.
            match std::fs::metadata(path) {
                Ok(metadata) if metadata.is_dir() => errors::directory("reading", path),
                _ => fail(error),
            }
        })?;
        let metadata = metadata(&file).map_err(fail)?;
        if metadata.as_ref().is_some_and(Metadata::is_dir) {
            return Err(errors::directory("reading", path));
        }
        Ok(Self {
            file,
            path: path.to_owned(),
            metadata,
            #[cfg(windows)]
            others: std::sync::Mutex::default(),
        })
    }

    /// The open file.
    #[cfg(target_os = "linux")]
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// What the system knew of it when it was opened.
    pub(crate) fn metadata(&self) -> Option<&Metadata> {
        self.metadata.as_ref()
    }

    /// Whether it is an ordinary file.
    pub(crate) fn is_file(&self) -> bool {
        self.metadata().is_some_and(Metadata::is_file)
    }

    /// Its Mark of the Web.
    pub(crate) fn mark(&self) -> Option<Vec<u8>> {
        #[cfg(windows)]
        return if self.is_file() { super::mark::read(&self.path) } else { None };
        #[cfg(not(windows))]
        None
    }

    /// Whether a name in a folder leads to it, by links as well.
    pub(crate) fn is_behind(&self, folder: &Folder, name: &OsStr) -> bool {
        #[cfg(unix)]
        return self.metadata().is_some_and(|source| folder.leads_to(name, source));
        #[cfg(windows)]
        return folder.leads_to(name, &self.file);
    }

    /// Whether it is the file of which this was told.
    #[cfg(target_os = "linux")]
    pub(crate) fn is(&self, other: &Metadata) -> bool {
        use std::os::unix::fs::MetadataExt;
        let id = |file: &Metadata| (file.dev(), file.ino());
        self.metadata().map(id) == Some(id(other))
    }

    /// Whether it is a character device.
    pub(crate) fn is_device(&self) -> bool {
        #[cfg(unix)]
        return self
            .metadata()
            .is_some_and(|known| std::os::unix::fs::FileTypeExt::is_char_device(&known.file_type()));
        #[cfg(windows)]
        return self.metadata.is_none();
    }

    /// Whether it is an ordinary file that no user may write to.
    pub(crate) fn is_read_only(&self) -> bool {
        self.is_file() && self.metadata().is_some_and(|known| known.permissions().readonly())
    }

    /// Its bytes, if that is known: files that the system makes up as they are read say 0.
    pub(crate) fn len(&self) -> Option<u64> {
        self.metadata().filter(|known| known.is_file()).map(Metadata::len).filter(|&len| len > 0)
    }

    /// Reads exactly `place`, of a file that has a length. From any thread.
    pub(crate) fn read_at(&self, offset: u64, place: &mut [u8]) -> Result<()> {
        let mut filled = 0;
        while filled < place.len() {
            let at = offset + filled as u64;
            match transfer(Kind::Read, || self.read_some_at(&mut place[filled..], at)) {
                Ok(0) => return Err(self.shrunk(at)),
                Ok(len) => filled += len,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(errors::file(&error, "reading", &self.path).at(at)),
            }
        }
        Ok(())
    }

    #[cfg(unix)]
    fn read_some_at(&self, place: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(&self.file, place, offset)
    }

    #[cfg(windows)]
    fn read_some_at(&self, place: &mut [u8], offset: u64) -> io::Result<usize> {
        use std::os::windows::fs::FileExt;
        let others = || self.others.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let idle = others().pop();
        let Some(own) = idle.or_else(|| super::handle::reopen(&self.file).ok()) else {
            return self.file.seek_read(place, offset); // one after the other
        };
        let read = own.seek_read(place, offset);
        others().push(own);
        read
    }

    /// It is read from its beginning again, if it is a file: after `read_at`, which may move the position on
    /// Windows, or once more.
    pub(crate) fn begin_again(&self) -> Result<()> {
        if !self.is_file() {
            return Ok(());
        }
        let rewound = (&self.file).rewind();
        rewound.map_err(|error| errors::file(&error, "reading", &self.path))
    }

    /// The file, to be read from `offset` on.
    pub(crate) fn at(&self, offset: u64) -> Result<&File> {
        let sought = (&self.file).seek(io::SeekFrom::Start(offset));
        sought.map(|_| &self.file).map_err(|error| errors::file(&error, "reading", &self.path))
    }

    /// The same for a whole path.
    pub(crate) fn is_called(&self, path: &Path) -> bool {
        matches!(Folder::of(path), Ok(Some((folder, name))) if self.is_behind(&folder, &name))
    }

    /// It ended before its end.
    pub(crate) fn shrunk(&self, at: u64) -> Error {
        let len = self.metadata().map_or(0, Metadata::len);
        let text = format!("reading failed: the file ends at byte {at}, and had {len} when it was opened");
        Error::new(ErrorKind::Io, errors::about(&text, &self.path)).at(at)
    }
}

/// `at_once`: opening a FIFO does not wait for its other end. No terminal becomes that of the process.
#[cfg(unix)]
fn open(path: &Path, at_once: bool) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = libc::O_NOCTTY | if at_once { libc::O_NONBLOCK } else { 0 };
    File::options().read(true).custom_flags(flags).open(path)
}

#[cfg(windows)]
fn open(path: &Path, _: bool) -> io::Result<File> {
    super::device::open(path, File::options().read(true))
}

fn metadata(file: &File) -> io::Result<Option<Metadata>> {
    #[cfg(windows)]
    if super::device::is_stream(file) {
        return Ok(None);
    }
    file.metadata().map(Some)
}

impl Read for &Input {
    fn read(&mut self, place: &mut [u8]) -> io::Result<usize> {
        let read = transfer(Kind::Read, || (&self.file).read(place));
        read.map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => error,
            _ => errors::to_io(errors::file(&error, "reading", &self.path)),
        })
    }
}
