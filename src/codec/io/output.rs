//! A file that is written: complete, or not there at all.
//!
//! It is written under another name in the same folder, one that nobody else has, and takes its own name at the end, in one step.
//! Until then what has that name stays as it is; if anything goes wrong, the other file is removed.
#![forbid(unsafe_code)]

use super::errors as failure;
use super::input::Input;
use crate::error::{Error, ErrorKind, Result};
use std::collections::hash_map::RandomState;
use std::fs::{File, FileTimes, Metadata, OpenOptions};
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Names that are tried before giving up.
const TRIES: u32 = 100;
/// Bytes written at a time. For more the kernel's cache takes pages of up to 2 MiB, which it first has to make, and on a virtual
/// machine to get from the host: that can take three times as long as all the rest.
const PIECE: usize = 256 << 10;
/// Symbolic links that are followed, as by the system.
const LINKS: u32 = 40;

/// See the module.
pub(crate) struct Target {
    /// Its own name.
    path: PathBuf,
    /// The other name.
    temporary: PathBuf,
    /// None: it has its own name, or is removed.
    file: Option<File>,
}

impl Target {
    /// Begins a file that shall be called `path`. What may not be written over is refused: the input, by whatever name,
    /// directories, devices.
    pub(crate) fn create(path: &Path, input: &Input) -> Result<Self> {
        let path = follow(path)?;
        match std::fs::metadata(&path) {
            Ok(metadata) => refuse(&path, &metadata, input)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failure::file(&error, "writing", &path)),
        }
        let folder = folder(&path);
        for _ in 0..TRIES {
            let temporary = folder.join(temporary_name());
            match create_new(&temporary, input.metadata().is_file()) {
                Ok(file) => return Ok(Self { path, temporary, file: Some(file) }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failure::file(&error, "creating", &path)),
            }
        }
        Err(Error::new(ErrorKind::Io, format!("no free name for a new file: {}", folder.display())))
    }

    /// Gives the file its name, and the mode and the times of the input; `sync`: it is on the disk then.
    pub(crate) fn commit(mut self, input: &Input, sync: bool) -> Result<()> {
        let fail = |error: io::Error| failure::file(&error, "writing", &self.path);
        if let Some(file) = &self.file {
            if input.metadata().is_file() {
                imitate(file, input.metadata());
            }
            if sync {
                file.sync_all().map_err(fail)?;
            }
        }
        // Windows does not rename what is open. If it fails, `drop` removes the file.
        let file = self.file.take();
        drop(file);
        if let Err(error) = std::fs::rename(&self.temporary, &self.path) {
            let _ = std::fs::remove_file(&self.temporary);
            return Err(fail(error));
        }
        if sync {
            sync_folder(folder(&self.path)).map_err(fail)?;
        }
        Ok(())
    }
}

impl Write for Target {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let Some(file) = &mut self.file else { return Ok(0) };
        file.write(&data[..data.len().min(PIECE)]).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => error,
            _ => failure::to_io(failure::file(&error, "writing", &self.path)),
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            drop(file); // Windows does not remove what is open
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

/// What a name stands for: the end of a chain of symbolic links, which need not exist.
fn follow(path: &Path) -> Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        let Ok(link) = std::fs::read_link(&path) else { return Ok(path) };
        path = folder(&path).join(link);
    }
    Ok(path) // the system will say what it thinks of it
}

/// The folder that a file is in.
fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn refuse(path: &Path, metadata: &Metadata, input: &Input) -> Result<()> {
    if metadata.is_dir() {
        return Err(failure::directory("writing", path));
    }
    if same(path, metadata, input) {
        let text = format!("the input and the output are the same file: {}", path.display());
        return Err(Error::new(ErrorKind::InvalidArgument, text));
    }
    if !metadata.is_file() {
        let text = format!("the output is not an ordinary file, and cannot be replaced: {}", path.display());
        return Err(Error::new(ErrorKind::Unsupported, text));
    }
    Ok(())
}

#[cfg(unix)]
fn same(_: &Path, metadata: &Metadata, input: &Input) -> bool {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino()) == (input.metadata().dev(), input.metadata().ino())
}

#[cfg(windows)]
fn same(path: &Path, _: &Metadata, input: &Input) -> bool {
    let Ok(file) = input.file().try_clone() else { return false };
    match (same_file::Handle::from_file(file), same_file::Handle::from_path(path)) {
        (Ok(input), Ok(output)) => input == output,
        _ => false,
    }
}

/// A name that is short whatever the target's is, and that no other call makes.
fn temporary_name() -> String {
    // Different for every call: the state is seeded by the system once for a thread, and counts.
    let random = RandomState::new().build_hasher().finish();
    format!(".fastpar-{}-{random:016x}.tmp", std::process::id())
}

fn create_new(path: &Path, private: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if private {
        // Nobody reads it before it has the mode of the input.
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    #[cfg(not(unix))]
    let _ = private;
    options.open(path)
}

/// Mode, owner and times of the input, as far as the system allows it: the data does not depend on them.
fn imitate(file: &File, metadata: &Metadata) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{fchown, MetadataExt, PermissionsExt};
        // In this order no one can do more with the file than with the input at any time.
        let _ = fchown(file, None, Some(metadata.gid()));
        let _ = file.set_permissions(PermissionsExt::from_mode(metadata.mode() & 0o777));
        let _ = fchown(file, Some(metadata.uid()), None);
    }
    #[cfg(not(unix))]
    let _ = file.set_permissions(metadata.permissions());
    let mut times = FileTimes::new();
    if let Ok(modified) = metadata.modified() {
        times = times.set_modified(modified);
    }
    if let Ok(accessed) = metadata.accessed() {
        times = times.set_accessed(accessed);
    }
    let _ = file.set_times(times);
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Windows writes names to the disk by itself.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
