//! From libzstd's error codes to kinds of failure, with the place.
#![forbid(unsafe_code)]

use super::frame::Frame;
use crate::error::{Error, ErrorKind};
use std::io;
use std::path::Path;
use zstd::zstd_safe::zstd_sys::ZSTD_ErrorCode;
use zstd::zstd_safe::{self, ErrorCode};

fn is(code: ErrorCode, kind: ZSTD_ErrorCode) -> bool {
    zstd_safe::is_error_kind(code, kind)
}

/// libzstd's number of an error, as its header names it.
pub(super) fn number(code: ErrorCode) -> i32 {
    i32::try_from(code.wrapping_neg()).unwrap_or(0)
}

/// Whether the output did not fit.
pub(super) fn is_too_small(code: ErrorCode) -> bool {
    is(code, ZSTD_ErrorCode::ZSTD_error_dstSize_tooSmall)
        || is(code, ZSTD_ErrorCode::ZSTD_error_noForwardProgress_destFull)
}

/// Whether the system had no memory.
pub(super) fn is_out_of_memory(code: ErrorCode) -> bool {
    is(code, ZSTD_ErrorCode::ZSTD_error_memory_allocation)
}

/// Why a frame could not be decoded. `room`: bytes that there were for a frame of unknown size.
pub(super) fn decoding(code: ErrorCode, frame: &Frame, room: usize) -> Error {
    let name = zstd_safe::get_error_name(code);
    if is_too_small(code) && frame.content_size.is_none() {
        return frame.error(ErrorKind::BufferTooSmall, format!("it does not fit into the {room} bytes left"));
    }
    let kind = if is(code, ZSTD_ErrorCode::ZSTD_error_checksum_wrong) {
        ErrorKind::Checksum
    } else if is(code, ZSTD_ErrorCode::ZSTD_error_dictionary_wrong) {
        ErrorKind::Dictionary
    } else if is_out_of_memory(code) {
        ErrorKind::OutOfMemory
    } else {
        // The headers and the sizes have been checked before: whatever else libzstd finds is damage.
        ErrorKind::Corrupt
    };
    frame.error(kind, name).with_code(number(code))
}

/// Why a frame could not be compressed, other than for want of room.
pub(super) fn encoding(code: ErrorCode, frame: usize) -> Error {
    let kind = if is_out_of_memory(code) { ErrorKind::OutOfMemory } else { ErrorKind::Internal };
    let name = zstd_safe::get_error_name(code);
    Error::new(kind, format!("frame {frame}: {name}")).with_code(number(code)).at(frame as u64)
}

/// A context could not be made.
pub(super) fn no_context() -> Error {
    Error::new(ErrorKind::OutOfMemory, "no memory for a zstd context")
}

/// What a reader or a writer of the caller's came to. An error of fastpar's that went through it comes out as it was.
pub(super) fn io(error: &io::Error, doing: &str) -> Error {
    if let Some(inner) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        return inner.clone();
    }
    Error::new(ErrorKind::Io, format!("{doing} failed: {error}")).with_code(error.raw_os_error().unwrap_or(0))
}

/// The way back, for those who read and write through traits of std.
pub(super) fn to_io(error: Error) -> io::Error {
    let kind = match error.kind() {
        ErrorKind::Truncated => io::ErrorKind::UnexpectedEof,
        ErrorKind::Corrupt | ErrorKind::Checksum | ErrorKind::NotZstd | ErrorKind::Dictionary => {
            io::ErrorKind::InvalidData
        }
        ErrorKind::InvalidArgument => io::ErrorKind::InvalidInput,
        ErrorKind::Unsupported => io::ErrorKind::Unsupported,
        ErrorKind::OutOfMemory => io::ErrorKind::OutOfMemory,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

/// The longest message that the C form of an error holds.
const LONGEST: usize = 239;

/// A message about a file. Of a long path the end is kept: it tells most.
pub(super) fn about(text: &str, path: &Path) -> String {
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
pub(super) fn file(error: &io::Error, doing: &str, path: &Path) -> Error {
    let text = about(&format!("{doing} failed: {error}"), path);
    Error::new(ErrorKind::Io, text).with_code(error.raw_os_error().unwrap_or(0))
}

/// A directory where a file is needed, with the number that the system has for it.
pub(super) fn directory(doing: &str, path: &Path) -> Error {
    #[cfg(unix)]
    let code = libc::EISDIR;
    #[cfg(windows)]
    let code = windows_sys::Win32::Foundation::ERROR_DIRECTORY_NOT_SUPPORTED as i32;
    let text = about(&format!("{doing} failed: it is a directory"), path);
    Error::new(ErrorKind::Io, text).with_code(code)
}
