//! Names that lead to descriptors that are open already: /dev/stdout, /dev/fd/N, /proc/self/fd/N, and links
//! to them.
//!
//! The links of /proc are no text: what they say is not a path, and what they stand for has a position of its
//! own. So a descriptor of this process is duplicated, and shares its position and its flags with the
//! program's descriptor.
//!
//! Links on the way there are read as they are. A link of another user (unless that is root) is refused, and
//! the kernel is asked to follow the name as a whole, so that what it refuses (`protected_symlinks`) is
//! refused here.

use super::folder::Folder;
use crate::error::{Error, ErrorKind, Result};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::{retry_on_intr, Errno};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// Links that are followed, as by the system.
const LINKS: u32 = 40;

/// What a name leads to.
enum End {
    /// A descriptor of this process.
    Own(RawFd),
    /// A descriptor of another process.
    Foreign,
}

/// What a chain of links comes to.
enum Chain {
    /// A descriptor; whether every link on the way may be followed.
    Descriptor(End, bool),
    /// Something else.
    Elsewhere,
    /// It should come to a descriptor, but the system does not let it be followed.
    Broken(Errno),
}

/// Opens what a name leads to, if that is an open descriptor. `Err` of the inner result: the system's.
/// `source` was opened by this call: a descriptor that the program has closed may have got that number.
pub(crate) fn behind(
    folder: &Folder,
    name: &OsStr,
    source: Option<&File>,
) -> Result<Option<io::Result<File>>> {
    let unsupported = |text| Error::new(ErrorKind::Unsupported, text);
    let opened = match follow(folder, name, source.map(AsRawFd::as_raw_fd)) {
        Chain::Elsewhere => return Ok(None),
        Chain::Broken(code) => {
            let text = format!("the output is a link to an open file, and leads to none here: {code}");
            return Err(unsupported(text).with_code(code.raw_os_error()));
        }
        Chain::Descriptor(_, false) => Err(Errno::ACCESS.into()),
        Chain::Descriptor(End::Own(number), true) => duplicate(folder, name, number),
        Chain::Descriptor(End::Foreign, true) => match reopen(folder, name) {
            Ok(None) => {
                let text = "the output is an open file of another process, which cannot be written there";
                return Err(unsupported(text.into()));
            }
            Ok(Some(file)) => Ok(file),
            Err(error) => Err(error),
        },
    };
    Ok(Some(opened))
}

/// Where the chain of links from a name ends; at `source` and at folders on the way is nothing of the
/// program's.
fn follow(folder: &Folder, name: &OsStr, source: Option<RawFd>) -> Chain {
    let first = folder.fd().as_raw_fd();
    let me = rustix::process::geteuid().as_raw();
    let (mut trusted, mut means_descriptor) = (true, false);
    let mut place: Option<(Folder, OsString)> = None;
    for _ in 0..LINKS {
        let (folder, name) =
            place.as_ref().map_or((folder, name), |(folder, name)| (folder, name.as_os_str()));
        let next = step(folder, name, |link, owner| {
            trusted &= owner == 0 || owner == me;
            means_descriptor |= is_about_descriptors(link);
        });
        match next {
            Ok(Step::Descriptor(End::Own(number)))
                if source == Some(number) || [first, folder.fd().as_raw_fd()].contains(&number) =>
            {
                return Chain::Broken(Errno::NOENT);
            }
            Ok(Step::Descriptor(end)) => return Chain::Descriptor(end, trusted),
            Ok(Step::Link(next)) => place = Some(next),
            Ok(Step::NoLink) => return Chain::Elsewhere,
            Err(code) if means_descriptor => return Chain::Broken(code),
            Err(_) => return Chain::Elsewhere, // a link to nothing is replaced
        }
    }
    if means_descriptor {
        Chain::Broken(Errno::LOOP)
    } else {
        Chain::Elsewhere
    }
}

/// A name on the way.
enum Step {
    Descriptor(End),
    Link((Folder, OsString)),
    NoLink,
}

/// Looks at a name; `see` gets the text of a link, and its owner.
fn step(folder: &Folder, name: &OsStr, see: impl FnOnce(&[u8], u32)) -> rustix::io::Result<Step> {
    let stat = rustix::fs::statat(folder.fd(), name, AtFlags::SYMLINK_NOFOLLOW)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
        return Ok(Step::NoLink);
    }
    if let Some(end) = end(folder, name) {
        return Ok(Step::Descriptor(end));
    }
    let link = rustix::fs::readlinkat(folder.fd(), name, Vec::new())?;
    see(link.as_bytes(), stat.st_uid);
    let next = folder.beyond(link.as_bytes());
    let next = next.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    Ok(next.map_or(Step::NoLink, Step::Link)) // a path that ends like one of a folder is none of a descriptor
}

/// Whether the text of a link is a path of descriptors. It is one too where /proc is not mounted, or the
/// descriptor is closed: /dev/stdout is no file to be replaced then.
fn is_about_descriptors(link: &[u8]) -> bool {
    let names = ["/dev/fd", "/dev/stdin", "/dev/stdout", "/dev/stderr"];
    let folders = ["/proc/", "/dev/fd/", "fd/"];
    names.iter().any(|name| link == name.as_bytes())
        || folders.iter().any(|folder| link.starts_with(folder.as_bytes()))
}

/// Whether a link is one of those that stand for descriptors: a number in the folder "fd" of a process or a
/// thread, in /proc.
fn end(folder: &Folder, name: &OsStr) -> Option<End> {
    let number: RawFd = name.to_str()?.parse().ok()?;
    if rustix::fs::fstatfs(folder.fd()).ok()?.f_type != rustix::fs::PROC_SUPER_MAGIC {
        return None;
    }
    let place = |path: &str| {
        let stat = rustix::fs::statat(folder.fd(), path, AtFlags::empty()).ok()?;
        Some((stat.st_dev, stat.st_ino))
    };
    if place("../fd")? != place(".")? {
        return None;
    }
    let me = place("/proc/self")?;
    let own = [place(".."), place("../../..")].contains(&Some(me));
    Some(if own { End::Own(number) } else { End::Foreign })
}

/// A duplicate of the descriptor, if the kernel lets the name be followed to it.
fn duplicate(folder: &Folder, name: &OsStr, number: RawFd) -> io::Result<File> {
    let seen = rustix::fs::openat(folder.fd(), name, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let file = dup(number)?;
    let (seen, here) = (rustix::fs::fstat(seen)?, rustix::fs::fstat(&file)?);
    if (seen.st_dev, seen.st_ino) != (here.st_dev, here.st_ino) {
        return Err(io::Error::other("it was closed meanwhile"));
    }
    let flags = rustix::fs::fcntl_getfl(&file)?;
    let writable = [OFlags::WRONLY, OFlags::RDWR].contains(&(flags & OFlags::ACCMODE));
    if !writable || flags.contains(OFlags::PATH) {
        return Err(Errno::BADF.into());
    }
    Ok(file.into())
}

fn dup(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: a number, not -1: it was parsed from a name in /proc/self/fd without a sign. If it is closed by
    // now, the system says so, and nothing else is done with it.
    let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
    Ok(rustix::io::fcntl_dupfd_cloexec(descriptor, 3)?)
}

/// A pipe or a device has no position that could be lost: opening it again is writing where it stands.
/// `None`: something else.
fn reopen(folder: &Folder, name: &OsStr) -> io::Result<Option<File>> {
    let seen = rustix::fs::openat(folder.fd(), name, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let kind = |stat: rustix::fs::Stat| FileType::from_raw_mode(stat.st_mode);
    if !matches!(kind(rustix::fs::fstat(&seen)?), FileType::Fifo | FileType::CharacterDevice) {
        return Ok(None);
    }
    // Not to be truncated, nor made: what it is now is looked at again below.
    let flags = OFlags::WRONLY | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = retry_on_intr(|| rustix::fs::openat(folder.fd(), name, flags, Mode::empty()))?;
    let is_stream = matches!(kind(rustix::fs::fstat(&file)?), FileType::Fifo | FileType::CharacterDevice);
    Ok(is_stream.then(|| file.into()))
}
