//! Names that stand for devices and pipes, not for files: NUL, CON, COM1, `\\.\pipe\name`. Which names those
//! are differs between versions of Windows, so the system is asked.
#![forbid(unsafe_code)]

use super::handle;
use super::patience::{patiently, SHARED};
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::windows::fs::OpenOptionsExt;
use std::path::{Component, Path, Prefix};
use windows_sys::Win32::Storage::FileSystem::SECURITY_IDENTIFICATION;

/// Consoles, whatever the folder.
const CONSOLES: [&str; 2] = ["CONIN$", "CONOUT$"];

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    File,
    Device,
    Pipe,
}

/// A name as the system completes it.
fn named(path: &Path) -> Named {
    if CONSOLES.iter().any(|name| path.as_os_str().eq_ignore_ascii_case(name)) {
        return Named::Device;
    }
    let Ok(full) = std::path::absolute(path) else { return Named::File };
    let mut parts = full.components();
    let Some(Component::Prefix(prefix)) = parts.next() else { return Named::File };
    let has_name = parts.any(|part| matches!(part, Component::Normal(_)));
    let is_pipe = |name: &OsStr| name.eq_ignore_ascii_case("pipe");
    match prefix.kind() {
        Prefix::DeviceNS(name) | Prefix::Verbatim(name) if has_name && is_pipe(name) => Named::Pipe,
        Prefix::UNC(_, share) | Prefix::VerbatimUNC(_, share) if has_name && is_pipe(share) => Named::Pipe,
        Prefix::DeviceNS(_) if !has_name => Named::Device,
        _ => Named::File,
    }
}

/// Opens a device or a pipe, to write to it. `None`: the name is one of a file.
pub(crate) fn behind(path: &Path) -> Option<io::Result<File>> {
    match named(path) {
        Named::File => None,
        Named::Device | Named::Pipe => Some(open(path, OpenOptions::new().write(true))),
    }
}

/// Opens a file, a device or a pipe.
pub(crate) fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    if named(path) == Named::Pipe {
        // Who has made the pipe may know who we are, and not act in our name.
        options.security_qos_flags(SECURITY_IDENTIFICATION);
    }
    patiently(&SHARED, || options.open(path))
}

/// Whether what was opened is written to as it is: a whole disk is not.
pub(crate) fn is_stream(file: &File) -> bool {
    !handle::is_on_disk(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let named = |path: &str| named(Path::new(path));
        for device in ["NUL", "nul", r"\\.\NUL", "CON", "conout$", "COM1", r"\\.\PhysicalDrive0", r"\\.\C:"] {
            assert_eq!(named(device), Named::Device, "{device}");
        }
        for pipe in [r"\\.\pipe\a", r"\\.\PIPE\a b", "//./pipe/a", r"\\server\pipe\a", r"\\?\pipe\a"] {
            assert_eq!(named(pipe), Named::Pipe, "{pipe}");
        }
        for file in ["a", "null", r"C:\pipe\a", r"\\.\C:\a", r"\\server\share\pipe", r"\\?\C:\NUL", ""] {
            assert_eq!(named(file), Named::File, "{file}");
        }
    }
}
