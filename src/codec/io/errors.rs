//! What the system says about a file or a stream, as an error of fastpar, and the way back.
#![forbid(unsafe_code)]

use crate::error::{Error, ErrorKind};
use std::io;
use std::path::Path;

/// The error of the caller's reader or writer. An error of fastpar inside it is taken out unchanged.
pub(crate) fn io(error: &io::Error, doing: &str) -> Error {
    if let Some(inner) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        return inner.clone();
    }
    Error::new(ErrorKind::Io, format!("{doing} failed: {error}")).with_code(error.raw_os_error().unwrap_or(0))
}

/// The other direction, for the traits of std.
pub(crate) fn to_io(error: Error) -> io::Error {
    let kind = match error.kind() {
        ErrorKind::Truncated => io::ErrorKind::UnexpectedEof,
        ErrorKind::Corrupt | ErrorKind::Checksum | ErrorKind::NotZstd | ErrorKind::Dictionary => {
            io::ErrorKind::InvalidData
        }
        ErrorKind::InvalidArgument => io::ErrorKind::InvalidInput,
        ErrorKind::Unsupported => io::ErrorKind::Unsupported,
        ErrorKind::OutOfMemory => io::ErrorKind::OutOfMemory,
        ErrorKind::Again => io::ErrorKind::WouldBlock,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

/// The longest message that the C form of an error holds.
const LONGEST: usize = 239;

/// A message about a file. Of a long path the end is kept: it tells most.
pub(crate) fn about(text: &str, path: &Path) -> String {
    const LEFT_OUT: &str = "...";
    let shown = path.display().to_string();
    let room = LONGEST.saturating_sub(text.len() + 2);
    if shown.len() <= room {
        return format!("{text}: {shown}");
    }
    let mut start = shown.len() - room.saturating_sub(LEFT_OUT.len()).min(shown.len());
    while !shown.is_char_boundary(start) {
        start += 1;
    }
    format!("{text}: {LEFT_OUT}{}", &shown[start..])
}

/// What the system said about a file.
pub(crate) fn file(error: &io::Error, doing: &str, path: &Path) -> Error {
    let text = about(&format!("{doing} failed: {error}"), path);
    Error::new(ErrorKind::Io, text).with_code(error.raw_os_error().unwrap_or(0))
}

/// What is wrong with the data of a file, with its name: for calls on several files.
pub(crate) fn of_data(error: Error, path: &Path) -> Error {
    match error.kind() {
        ErrorKind::Corrupt
        | ErrorKind::Checksum
        | ErrorKind::Truncated
        | ErrorKind::Dictionary
        | ErrorKind::NotZstd => {
            let text = about(error.message(), path);
            error.saying(text)
        }
        _ => error,
    }
}

/// A directory where a file is needed, with the number that the system has for it.
pub(crate) fn directory(doing: &str, path: &Path) -> Error {
    #[cfg(unix)]
    let code = libc::EISDIR;
    #[cfg(windows)]
    let code = windows_sys::Win32::Foundation::ERROR_DIRECTORY_NOT_SUPPORTED as i32;
    let text = about(&format!("{doing} failed: it is a directory"), path);
    Error::new(ErrorKind::Io, text).with_code(code)
}
