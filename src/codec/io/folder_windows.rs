//! The folder that a target is in, by its path.
#![forbid(unsafe_code)]

use super::Kind;
use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use windows_sys::Win32::Foundation::{ERROR_ACCESS_DENIED, ERROR_FILE_EXISTS, ERROR_WRITE_PROTECT};

/// See the module.
pub(crate) struct Folder(PathBuf);

/// What had the name of the target when the call began.
pub(crate) struct Found(Metadata);

impl Folder {
    /// The folder of a path; the name in it. `None`: the path ends like one of a folder.
    pub(crate) fn of(path: &Path) -> io::Result<Option<(Self, OsString)>> {
        let Some(name) = path.file_name() else { return Ok(None) };
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        Ok(Some((Self(folder.to_owned()), name.to_owned())))
    }

    /// What has this name; a link is not followed.
    pub(crate) fn look(&self, name: &OsStr) -> io::Result<Option<Found>> {
        match std::fs::symlink_metadata(self.0.join(name)) {
            Ok(metadata) => Ok(Some(Found(metadata))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether the name leads to the source, by links as well.
    pub(crate) fn leads_to(&self, name: &OsStr, source: &File) -> bool {
        let Ok(source) = source.try_clone() else { return false };
        let target = same_file::Handle::from_path(self.0.join(name));
        matches!((same_file::Handle::from_file(source), target), (Ok(source), Ok(target)) if source == target)
    }

    /// Whether the name leads to a folder.
    pub(crate) fn leads_to_folder(&self, name: &OsStr) -> bool {
        std::fs::metadata(self.0.join(name)).is_ok_and(|metadata| metadata.is_dir())
    }

    /// Makes a file that was not there.
    pub(crate) fn create_new(&self, name: &OsStr, _private: bool) -> io::Result<File> {
        File::options().write(true).create_new(true).open(self.0.join(name))
    }

    /// Opens what was found, to write to it.
    pub(crate) fn open(&self, name: &OsStr, _: &Found) -> io::Result<File> {
        File::options().write(true).open(self.0.join(name))
    }

    /// Why a rename cannot replace what was found: only the rename itself tells.
    pub(crate) fn obstacle(&self, _: &Found) -> Option<io::Error> {
        None
    }

    /// Gives a file its name, in one step; `keep`: only if nothing has that name.
    pub(crate) fn rename(&self, from: &OsStr, to: &OsStr, keep: bool) -> io::Result<()> {
        if !keep {
            return std::fs::rename(self.0.join(from), self.0.join(to));
        }
        // A second name is refused where the first is taken. File systems without such names have the look at
        // the beginning only.
        match std::fs::hard_link(self.0.join(from), self.0.join(to)) {
            Ok(()) => self.remove(from),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
            Err(_) if self.look(to)?.is_some() => Err(exists()),
            Err(_) => std::fs::rename(self.0.join(from), self.0.join(to)),
        }
    }

    /// Removes a file.
    pub(crate) fn remove(&self, name: &OsStr) -> io::Result<()> {
        std::fs::remove_file(self.0.join(name))
    }
}

impl Found {
    /// What it is.
    pub(crate) fn kind(&self) -> Kind {
        let kind = self.0.file_type();
        if kind.is_symlink() {
            Kind::Link
        } else if kind.is_dir() {
            Kind::Directory
        } else if kind.is_file() {
            Kind::File
        } else {
            Kind::Other
        }
    }

    /// Whether no user may write to it.
    pub(crate) fn is_read_only(&self) -> bool {
        self.0.permissions().readonly()
    }
}

/// Whether errors of making a file say that the folder cannot be written.
pub(crate) fn cannot_be_written(error: &io::Error) -> bool {
    let code = error.raw_os_error().and_then(|code| u32::try_from(code).ok());
    matches!(code, Some(ERROR_ACCESS_DENIED | ERROR_WRITE_PROTECT))
}

/// Something has the name already.
pub(crate) fn exists() -> io::Error {
    io::Error::from_raw_os_error(ERROR_FILE_EXISTS as i32)
}
