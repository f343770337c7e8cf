//! The folder that a target is in, by its absolute path: a folder with an open file in it keeps its name.
//!
//! A new file is opened with no sharing, and renamed and removed by this one handle, so that nobody comes in
//! between. Until it has its name the system removes it with the handle, whatever becomes of the process.
#![forbid(unsafe_code)]

use super::handle::{self, AccessList, Replace};
use super::mark;
use super::patience::{code, patiently, HELD, SHARED};
use super::{Kind, Model};
use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::windows::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf, Prefix};
use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_ALREADY_EXISTS, ERROR_FILE_EXISTS, ERROR_INVALID_NAME, ERROR_WRITE_PROTECT,
    GENERIC_WRITE,
};
use windows_sys::Win32::Storage::FileSystem::{
    DELETE, FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_REPARSE_POINT, FILE_READ_ATTRIBUTES, READ_CONTROL,
    WRITE_DAC,
};

/// See the module.
pub(crate) struct Folder(PathBuf);

/// What had the name of the target when the call began.
pub(crate) struct Found(Metadata);

impl Folder {
    /// The folder of a path; the name in it. `None`: the path ends like one of a folder.
    pub(crate) fn of(path: &Path) -> io::Result<Option<(Self, OsString)>> {
        let text = path.as_os_str().as_encoded_bytes();
        if matches!(text.last(), None | Some(b'\\' | b'/')) {
            return Ok(None);
        }
        let full = std::path::absolute(path)?;
        let (Some(folder), Some(name)) = (full.parent(), full.file_name()) else { return Ok(None) };
        // The stream of a file cannot be replaced.
        if name.as_encoded_bytes().contains(&b':') {
            return Err(io::Error::from_raw_os_error(ERROR_INVALID_NAME as i32));
        }
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
        let id = |file: &File| handle::id(file).ok();
        let target = opened(&self.0.join(name), FILE_READ_ATTRIBUTES, FILE_FLAG_BACKUP_SEMANTICS);
        target.is_ok_and(|target| id(&target).is_some_and(|target| id(source) == Some(target)))
    }

    /// Whether the name leads to a folder.
    pub(crate) fn leads_to_folder(&self, name: &OsStr) -> bool {
        std::fs::metadata(self.0.join(name)).is_ok_and(|metadata| metadata.is_dir())
    }

    /// Makes a file that was not there.
    pub(crate) fn create_new(&self, name: &OsStr, model: &Model<'_>) -> io::Result<File> {
        let path = self.0.join(name);
        let list = model.old.and_then(|(name, old)| self.access_list(name, old));
        let access = GENERIC_WRITE | FILE_READ_ATTRIBUTES | DELETE;
        let create = |access| {
            File::options().write(true).create_new(true).access_mode(access).share_mode(0).open(&path)
        };
        let file = match list {
            None => create(access)?,
            // Shares of other machines may let nobody write access lists: then it has the folder's.
            Some(mut list) => match create(access | WRITE_DAC) {
                Ok(file) => {
                    let _ = list.give(&file);
                    file
                }
                Err(_) => create(access)?,
            },
        };
        let can = handle::abilities(&file);
        if let (Some(text), true) = (model.mark, can.has_streams) {
            // Before the system is told to remove the file: then no stream of it can be opened any more.
            let _ = mark::write(&path, text);
        }
        if model.sparse {
            handle::allow_holes(&file);
        }
        if can.takes_removals_back {
            let _ = handle::remove_at_end(&file, true);
        }
        Ok(file)
    }

    /// The access list of a file that is replaced; where it cannot be read the new file has the folder's.
    fn access_list(&self, name: &OsStr, old: &Found) -> Option<AccessList> {
        if old.kind() != Kind::File {
            return None;
        }
        let file = opened(&self.0.join(name), READ_CONTROL, FILE_FLAG_OPEN_REPARSE_POINT).ok()?;
        AccessList::of(&file).ok()
    }

    /// Opens what was found, to write to it.
    pub(crate) fn open(&self, name: &OsStr, _: &Found) -> io::Result<File> {
        patiently(&SHARED, || File::options().write(true).open(self.0.join(name)))
    }

    /// Why a rename could not replace what was found: it is held by a program that does not let it be
    /// removed, and not only for a moment.
    pub(crate) fn obstacle(&self, name: &OsStr, _: &Found) -> Option<io::Error> {
        let path = self.0.join(name);
        let flags = FILE_FLAG_OPEN_REPARSE_POINT | FILE_FLAG_BACKUP_SEMANTICS;
        let held = patiently(&HELD, || opened(&path, DELETE, flags)).err()?;
        code(&held).is_some_and(|code| HELD.contains(&code)).then_some(held)
    }

    /// Gives an open file its name, in one step; `keep`: only if nothing has that name.
    pub(crate) fn rename(&self, file: &File, _: &OsStr, to: &OsStr, keep: bool) -> io::Result<()> {
        let to = verbatim(&self.0.join(to));
        // Elsewhere the file has not been removed yet, and would be at once.
        let is_removed_at_end = handle::abilities(file).takes_removals_back;
        let renamed = patiently(&HELD, || {
            if is_removed_at_end {
                handle::remove_at_end(file, false)?;
            }
            let renamed = if keep { handle::rename(file, &to, Replace::Never) } else { replace(file, &to) };
            if renamed.is_err() && is_removed_at_end {
                let _ = handle::remove_at_end(file, true);
            }
            renamed
        });
        renamed.map_err(|error| match code(&error) {
            Some(ERROR_ALREADY_EXISTS) if keep => exists(),
            _ => error,
        })
    }

    /// Removes an open file, as soon as it is closed.
    pub(crate) fn remove(&self, file: &File, _: &OsStr) {
        let _ = handle::remove_at_end(file, true);
    }
}

/// Opens what is there; all others may do as they like meanwhile.
fn opened(path: &Path, access: u32, flags: u32) -> io::Result<File> {
    OpenOptions::new().access_mode(access).custom_flags(flags).open(path)
}

/// Gives a file a name that another may have. Whoever calls has looked at whether the other is read-only.
fn replace(file: &File, to: &Path) -> io::Result<()> {
    match handle::rename(file, to, Replace::Posix) {
        Err(error) if handle::is_unknown(&error) => {}
        result => return result,
    }
    let old = match std::fs::symlink_metadata(to) {
        Ok(old) if old.permissions().readonly() => old.permissions(),
        _ => return handle::rename(file, to, Replace::Plain),
    };
    let mut writable = old.clone();
    #[allow(clippy::permissions_set_readonly_false)] // that is about modes of Unix
    writable.set_readonly(false);
    std::fs::set_permissions(to, writable)?;
    let renamed = handle::rename(file, to, Replace::Plain);
    if renamed.is_err() {
        let _ = std::fs::set_permissions(to, old);
    }
    renamed
}

/// An absolute path with the prefix that lifts the limit of 260 characters.
fn verbatim(path: &Path) -> PathBuf {
    let mut parts = path.components();
    let Some(Component::Prefix(prefix)) = parts.next() else { return path.to_owned() };
    let mut text = OsString::from(r"\\?\");
    match prefix.kind() {
        Prefix::Disk(_) => text.push(prefix.as_os_str()),
        Prefix::UNC(server, share) => {
            for part in [OsStr::new("UNC"), OsStr::new("\\"), server, OsStr::new("\\"), share] {
                text.push(part);
            }
        }
        Prefix::DeviceNS(device) => text.push(device),
        _ => return path.to_owned(), // it has the prefix
    }
    text.push(parts.as_path());
    text.into()
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
    matches!(code(error), Some(ERROR_ACCESS_DENIED | ERROR_WRITE_PROTECT))
}

/// Something has the name already.
pub(crate) fn exists() -> io::Error {
    io::Error::from_raw_os_error(ERROR_FILE_EXISTS as i32)
}
