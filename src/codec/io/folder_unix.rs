//! The folder that a target is in, held open: every name of the call is looked up in that folder, even if the
//! path changes meanwhile.
#![forbid(unsafe_code)]

use super::{Kind, Model};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::{retry_on_intr, Errno};
use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io;
#[cfg(target_os = "linux")]
use std::os::fd::AsFd;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// To look at something, or in a folder, without the right to read it.
#[cfg(target_os = "linux")]
const LOOK: OFlags = OFlags::PATH;
#[cfg(not(target_os = "linux"))]
const LOOK: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK);

/// See the module.
pub(crate) struct Folder(OwnedFd);

/// What had the name of the target when the call began. On Linux it is held open.
pub(crate) struct Found {
    stat: Stat,
    #[cfg(target_os = "linux")]
    held: OwnedFd,
}

impl Folder {
    /// Opens the folder of a path; the name in it. `None`: the path ends like one of a folder.
    pub(crate) fn of(path: &Path) -> io::Result<Option<(Self, OsString)>> {
        Self::from(rustix::fs::CWD, path.as_os_str().as_bytes())
    }

    /// The same for a path that a link in this folder holds.
    #[cfg(target_os = "linux")]
    pub(crate) fn beyond(&self, link: &[u8]) -> io::Result<Option<(Self, OsString)>> {
        Self::from(self.fd(), link)
    }

    fn from(base: BorrowedFd<'_>, path: &[u8]) -> io::Result<Option<(Self, OsString)>> {
        let (folder, name) =
            path.split_at(path.iter().rposition(|&byte| byte == b'/').map_or(0, |at| at + 1));
        if [&b""[..], b".", b".."].contains(&name) {
            return Ok(None);
        }
        let folder = OsStr::from_bytes(if folder.is_empty() { b"." } else { folder });
        let flags = LOOK | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(base, folder, flags, Mode::empty())?;
        Ok(Some((Self(fd), OsStr::from_bytes(name).to_owned())))
    }

    /// The open folder.
    #[cfg(target_os = "linux")]
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// What has this name; a link is not followed.
    pub(crate) fn look(&self, name: &OsStr) -> io::Result<Option<Found>> {
        #[cfg(target_os = "linux")]
        let found =
            rustix::fs::openat(&self.0, name, LOOK | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
                .and_then(|held| Ok(Found { stat: rustix::fs::fstat(&held)?, held }));
        #[cfg(not(target_os = "linux"))]
        let found = rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW).map(|stat| Found { stat });
        match found {
            Ok(found) => Ok(Some(found)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the name leads to the source, by links as well.
    #[allow(clippy::unnecessary_cast)] // macOS numbers devices in 32 bits
    pub(crate) fn leads_to(&self, name: &OsStr, source: &Metadata) -> bool {
        rustix::fs::statat(&self.0, name, AtFlags::empty())
            .is_ok_and(|stat| (stat.st_dev as u64, stat.st_ino as u64) == (source.dev(), source.ino()))
    }

    /// Whether the name leads to a folder.
    pub(crate) fn leads_to_folder(&self, name: &OsStr) -> bool {
        rustix::fs::statat(&self.0, name, AtFlags::empty())
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
    }

    /// Makes a file that was not there.
    pub(crate) fn create_new(&self, name: &OsStr, model: &Model<'_>) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(if model.private { 0o600 } else { 0o666 });
        Ok(rustix::fs::openat(&self.0, name, flags, mode)?.into())
    }

    /// Opens what was found, to write to it. Opening a FIFO waits for a reader, whatever signals come.
    pub(crate) fn open(&self, name: &OsStr, found: &Found) -> io::Result<File> {
        self.refuse_strangers(found)?;
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = retry_on_intr(|| rustix::fs::openat(&self.0, name, flags, Mode::empty()))?;
        let stat = rustix::fs::fstat(&file)?;
        if (stat.st_dev, stat.st_ino) != (found.stat.st_dev, found.stat.st_ino) {
            return Err(io::Error::other("it was replaced meanwhile"));
        }
        Ok(file.into())
    }

    /// In a sticky folder that others may write to, only what belongs to this user or to the folder's owner
    /// is written to: as Linux has it with `protected_fifos` and `protected_regular`, whether or not they are
    /// set.
    fn refuse_strangers(&self, found: &Found) -> io::Result<()> {
        let folder = rustix::fs::fstat(&self.0)?;
        let shared = folder.st_mode & 0o1000 != 0 && folder.st_mode & 0o022 != 0;
        let owner = found.stat.st_uid;
        if shared && owner != folder.st_uid && owner != rustix::process::geteuid().as_raw() {
            return Err(Errno::ACCESS.into());
        }
        Ok(())
    }

    /// Why the system would not let a rename replace what was found, if that can be known before.
    #[cfg(target_os = "linux")]
    pub(crate) fn obstacle(&self, _: &OsStr, found: &Found) -> Option<io::Error> {
        use rustix::fs::{StatxAttributes, StatxFlags};
        let look = |fd: BorrowedFd<'_>| {
            rustix::fs::statx(fd, "", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS | StatxFlags::MNT_ID)
        };
        // What the kernel does not tell is found out by the rename.
        let (Ok(folder), Ok(target)) = (look(self.fd()), look(found.held.as_fd())) else { return None };
        let knows_mounts = folder.stx_mask & target.stx_mask & StatxFlags::MNT_ID.bits() != 0;
        if knows_mounts && folder.stx_mnt_id != target.stx_mnt_id
            || target.stx_attributes.contains(StatxAttributes::MOUNT_ROOT)
        {
            return Some(Errno::BUSY.into());
        }
        let fixed = StatxAttributes::IMMUTABLE | StatxAttributes::APPEND;
        if target.stx_attributes.intersects(fixed) || folder.stx_attributes.intersects(fixed) {
            return Some(Errno::PERM.into());
        }
        let me = rustix::process::geteuid().as_raw();
        let sticky = u32::from(folder.stx_mode) & 0o1000 != 0;
        if sticky && target.stx_uid != me && folder.stx_uid != me && !owns_everything() {
            return Some(Errno::PERM.into());
        }
        None
    }

    /// The same where only the rename itself tells.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn obstacle(&self, _: &OsStr, _: &Found) -> Option<io::Error> {
        None
    }

    /// Gives a file its name, in one step; `keep`: only if nothing has that name.
    pub(crate) fn rename(&self, _: &File, from: &OsStr, to: &OsStr, keep: bool) -> io::Result<()> {
        if !keep {
            return Ok(rustix::fs::renameat(&self.0, from, &self.0, to)?);
        }
        #[cfg(target_os = "linux")]
        match rustix::fs::renameat_with(&self.0, from, &self.0, to, rustix::fs::RenameFlags::NOREPLACE) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {} // by the file system, or the kernel
            result => return Ok(result?),
        }
        rustix::fs::linkat(&self.0, from, &self.0, to, AtFlags::empty())?;
        Ok(rustix::fs::unlinkat(&self.0, from, AtFlags::empty())?)
    }

    /// Removes a file, as far as that is possible.
    pub(crate) fn remove(&self, _: &File, name: &OsStr) {
        let _ = rustix::fs::unlinkat(&self.0, name, AtFlags::empty());
    }

    /// What can be synced for the names to be on the disk.
    pub(crate) fn to_sync(&self) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.0, ".", flags, Mode::empty())?.into())
    }
}

/// Whether the process may treat every file as its own.
#[cfg(target_os = "linux")]
fn owns_everything() -> bool {
    use rustix::thread::{capabilities, CapabilitySet};
    capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::FOWNER))
}

impl Found {
    /// What it is.
    pub(crate) fn kind(&self) -> Kind {
        match FileType::from_raw_mode(self.stat.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Directory,
            FileType::Symlink => Kind::Link,
            FileType::Fifo | FileType::CharacterDevice => Kind::Stream,
            _ => Kind::Other,
        }
    }

    /// Whether no user may write to it.
    pub(crate) fn is_read_only(&self) -> bool {
        self.stat.st_mode & 0o222 == 0
    }

    /// What keeps the space of a file that is replaced from being given back, if that takes a while.
    #[cfg(target_os = "linux")]
    pub(crate) fn into_large(self) -> Option<OwnedFd> {
        (self.kind() == Kind::File && self.stat.st_size >= LARGE).then_some(self.held)
    }
}

/// From this size on giving the space back takes more than a millisecond.
#[cfg(target_os = "linux")]
const LARGE: i64 = 16 << 20;

/// Whether errors of making a file say that the folder cannot be written.
pub(crate) fn cannot_be_written(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::ACCESS | Errno::PERM | Errno::ROFS))
}

/// Something has the name already.
pub(crate) fn exists() -> io::Error {
    Errno::EXIST.into()
}
