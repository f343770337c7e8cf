//! From libzstd's error codes to kinds of errors, with their positions.
#![forbid(unsafe_code)]

use crate::codec::format::frame::Frame;
use crate::error::{Error, ErrorKind};
use zstd::zstd_safe::zstd_sys::ZSTD_ErrorCode;
use zstd::zstd_safe::{self, ErrorCode};

/// What libzstd returns for damage of any kind.
pub(crate) const CORRUPTION: ErrorCode = code(ZSTD_ErrorCode::ZSTD_error_corruption_detected);
/// What it returns for content that has another checksum.
pub(crate) const CHECKSUM: ErrorCode = code(ZSTD_ErrorCode::ZSTD_error_checksum_wrong);
/// What it returns where there is no room.
pub(crate) const TOO_SMALL: ErrorCode = code(ZSTD_ErrorCode::ZSTD_error_dstSize_tooSmall);

/// What it returns for a parameter that it does not have.
pub(crate) const UNSUPPORTED: ErrorCode = code(ZSTD_ErrorCode::ZSTD_error_parameter_unsupported);

const fn code(kind: ZSTD_ErrorCode) -> ErrorCode {
    (kind as ErrorCode).wrapping_neg()
}

fn is(code: ErrorCode, kind: ZSTD_ErrorCode) -> bool {
    zstd_safe::is_error_kind(code, kind)
}

/// libzstd's number of an error, as its header names it.
pub(crate) fn number(code: ErrorCode) -> i32 {
    i32::try_from(code.wrapping_neg()).unwrap_or(0)
}

/// Whether the output did not fit.
pub(crate) fn is_too_small(code: ErrorCode) -> bool {
    is(code, ZSTD_ErrorCode::ZSTD_error_dstSize_tooSmall)
        || is(code, ZSTD_ErrorCode::ZSTD_error_noForwardProgress_destFull)
}

/// Whether the system had no memory.
pub(crate) fn is_out_of_memory(code: ErrorCode) -> bool {
    is(code, ZSTD_ErrorCode::ZSTD_error_memory_allocation)
}

/// Why a frame could not be decoded. `room`: the bytes that were available for a frame of unknown size.
/// Where its blocks may not have more, what does not fit is damage.
pub(crate) fn decoding(code: ErrorCode, frame: &Frame, room: usize) -> Error {
    if is_too_small(code) && frame.content_size.is_none() && (room as u64) < frame.most {
        return frame.error(ErrorKind::BufferTooSmall, format!("it does not fit into the {room} bytes left"));
    }
    in_stream(code, frame)
}

/// Why a frame could not be decoded in a stream, where there is room for every valid frame. So what does not
/// fit is damage: which of the two libzstd says depends on how much room its buffers have.
pub(crate) fn in_stream(code: ErrorCode, frame: &Frame) -> Error {
    let code = if is_too_small(code) { CORRUPTION } else { code };
    let name = zstd_safe::get_error_name(code);
    let kind = if is(code, ZSTD_ErrorCode::ZSTD_error_checksum_wrong) {
        ErrorKind::Checksum
    } else if is(code, ZSTD_ErrorCode::ZSTD_error_dictionary_wrong) {
        ErrorKind::Dictionary
    } else if is_out_of_memory(code) {
        ErrorKind::OutOfMemory
    } else {
        // The headers and the sizes have been checked before: any other error of libzstd is damage.
        ErrorKind::Corrupt
    };
    frame.error(kind, name).with_code(number(code))
}

/// A frame holds another number of bytes than it tells, or than is known of it, which is `what` then. libzstd
/// does not look at the size where the last block is empty, and it decodes step by step.
pub(crate) fn wrong_size(frame: &Frame, what: &'static str) -> Error {
    match frame.content_size {
        Some(_) => in_stream(CORRUPTION, frame),
        None => frame.error(ErrorKind::Corrupt, what),
    }
}

/// Why a frame could not be compressed; not for an output that did not fit.
pub(crate) fn encoding(code: ErrorCode, frame: usize) -> Error {
    let kind = if is_out_of_memory(code) { ErrorKind::OutOfMemory } else { ErrorKind::Internal };
    let name = zstd_safe::get_error_name(code);
    Error::new(kind, format!("frame {frame}: {name}")).with_code(number(code)).at(frame as u64)
}

/// The error when a context could not be made.
pub(crate) fn no_context() -> Error {
    Error::new(ErrorKind::OutOfMemory, "no memory for a zstd context")
}
