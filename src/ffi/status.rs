//! Group "status": the result of a call, and its reason.
//!
//! Where the kinds of failure of the core get their numbers.

use crate::error::{Error, ErrorKind};

/// The result of a call: 0 is success, anything else one of the `FASTPAR_ERR_` constants.
pub type fastpar_status = i32;

/// Success.
pub const FASTPAR_OK: fastpar_status = 0;
/// An argument is NULL, misaligned, outside its range, or contradicts another one.
pub const FASTPAR_ERR_INVALID_ARGUMENT: fastpar_status = 10;
/// A valid request that this version, this platform or this data does not allow.
pub const FASTPAR_ERR_UNSUPPORTED: fastpar_status = 11;
/// The output does not fit; `*written` holds a size that is enough, if it is known.
pub const FASTPAR_ERR_BUFFER_TOO_SMALL: fastpar_status = 12;
/// The system has no memory left for the call.
pub const FASTPAR_ERR_OUT_OF_MEMORY: fastpar_status = 20;
/// A limit given in the options, or a documented one, would be passed.
pub const FASTPAR_ERR_LIMIT_EXCEEDED: fastpar_status = 21;
/// Threads could not be started, or not as many as the call needs.
pub const FASTPAR_ERR_THREADS: fastpar_status = 22;
/// The compressed data is damaged.
pub const FASTPAR_ERR_CORRUPT: fastpar_status = 30;
/// The compressed data decodes, but its checksum differs.
pub const FASTPAR_ERR_CHECKSUM: fastpar_status = 31;
/// The compressed data ends too early.
pub const FASTPAR_ERR_TRUNCATED: fastpar_status = 32;
/// The data needs a dictionary that was not given, or another one; `error->code` holds its id.
pub const FASTPAR_ERR_DICTIONARY: fastpar_status = 33;
/// The data is not zstd.
pub const FASTPAR_ERR_NOT_ZSTD: fastpar_status = 34;
/// A callback returned non-zero; `error->code` holds the value.
pub const FASTPAR_ERR_CALLBACK: fastpar_status = 40;
/// The call was cancelled by its flag or its progress callback, or a team by a failed member.
pub const FASTPAR_ERR_CANCELLED: fastpar_status = 41;
/// The time given was over.
pub const FASTPAR_ERR_TIMEOUT: fastpar_status = 42;
/// The queue or stream is closed.
pub const FASTPAR_ERR_CLOSED: fastpar_status = 43;
/// The pool runs already, with other options.
pub const FASTPAR_ERR_ALREADY_STARTED: fastpar_status = 50;
/// Not possible from inside a callback or a hook, or while another thread uses the handle.
pub const FASTPAR_ERR_BUSY: fastpar_status = 51;
/// The source of a stream has nothing now (FASTPAR_SOURCE_LATER); the stream goes on.
pub const FASTPAR_ERR_AGAIN: fastpar_status = 52;
/// The operating system reported an error on a file; `error->code` holds its number, 0 where it gave none.
pub const FASTPAR_ERR_IO: fastpar_status = 60;
/// A callback panicked (Rust callers only), or fastpar did; the pool stays usable.
pub const FASTPAR_ERR_PANIC: fastpar_status = 90;
/// A fault of fastpar itself; please report it.
pub const FASTPAR_ERR_INTERNAL: fastpar_status = 91;

/// Bytes of `fastpar_error.message`, the terminating NUL included.
pub const FASTPAR_ERROR_MESSAGE_SIZE: usize = 240;

/// What went wrong. The caller allocates it, on the stack for instance; no need to initialise it. A call that
/// fails fills every field, a call that succeeds leaves it untouched.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fastpar_error {
    /// The status that the call returned.
    pub status: i32,
    /// What the callback returned, zstd's error code or the system's (errno, GetLastError), else 0.
    /// FASTPAR_ERR_DICTIONARY for a frame: the id of the dictionary that it needs, an unsigned number.
    pub code: i32,
    /// Chunk, item or frame index, or byte offset, as the function says; UINT64_MAX: none.
    pub position: u64,
    /// UTF-8, NUL-terminated: tells in English what failed, and where.
    pub message: [std::ffi::c_char; FASTPAR_ERROR_MESSAGE_SIZE],
}

const _: () = assert!(std::mem::size_of::<fastpar_error>() == 256);

/// The status of each kind of failure, with its name and its sentence: the one table of numbers.
const TABLE: [(ErrorKind, fastpar_status, &std::ffi::CStr, &std::ffi::CStr); 21] = [
    (
        ErrorKind::InvalidArgument,
        FASTPAR_ERR_INVALID_ARGUMENT,
        c"FASTPAR_ERR_INVALID_ARGUMENT",
        c"an argument is not valid",
    ),
    (ErrorKind::Unsupported, FASTPAR_ERR_UNSUPPORTED, c"FASTPAR_ERR_UNSUPPORTED", c"not supported"),
    (
        ErrorKind::BufferTooSmall,
        FASTPAR_ERR_BUFFER_TOO_SMALL,
        c"FASTPAR_ERR_BUFFER_TOO_SMALL",
        c"the output does not fit into the destination",
    ),
    (ErrorKind::OutOfMemory, FASTPAR_ERR_OUT_OF_MEMORY, c"FASTPAR_ERR_OUT_OF_MEMORY", c"out of memory"),
    (
        ErrorKind::LimitExceeded,
        FASTPAR_ERR_LIMIT_EXCEEDED,
        c"FASTPAR_ERR_LIMIT_EXCEEDED",
        c"a limit would be passed",
    ),
    (
        ErrorKind::Threads,
        FASTPAR_ERR_THREADS,
        c"FASTPAR_ERR_THREADS",
        c"threads could not be started, or not enough of them",
    ),
    (ErrorKind::Corrupt, FASTPAR_ERR_CORRUPT, c"FASTPAR_ERR_CORRUPT", c"the compressed data is damaged"),
    (ErrorKind::Checksum, FASTPAR_ERR_CHECKSUM, c"FASTPAR_ERR_CHECKSUM", c"the checksum differs"),
    (
        ErrorKind::Truncated,
        FASTPAR_ERR_TRUNCATED,
        c"FASTPAR_ERR_TRUNCATED",
        c"the compressed data ends too early",
    ),
    (
        ErrorKind::Dictionary,
        FASTPAR_ERR_DICTIONARY,
        c"FASTPAR_ERR_DICTIONARY",
        c"the dictionary is missing, or is not the right one",
    ),
    (ErrorKind::NotZstd, FASTPAR_ERR_NOT_ZSTD, c"FASTPAR_ERR_NOT_ZSTD", c"the data is not zstd"),
    (ErrorKind::Callback, FASTPAR_ERR_CALLBACK, c"FASTPAR_ERR_CALLBACK", c"a callback asked to stop"),
    (ErrorKind::Cancelled, FASTPAR_ERR_CANCELLED, c"FASTPAR_ERR_CANCELLED", c"cancelled"),
    (ErrorKind::Timeout, FASTPAR_ERR_TIMEOUT, c"FASTPAR_ERR_TIMEOUT", c"the time given is over"),
    (ErrorKind::Closed, FASTPAR_ERR_CLOSED, c"FASTPAR_ERR_CLOSED", c"closed"),
    (
        ErrorKind::AlreadyStarted,
        FASTPAR_ERR_ALREADY_STARTED,
        c"FASTPAR_ERR_ALREADY_STARTED",
        c"the pool runs already, with other options",
    ),
    (
        ErrorKind::Busy,
        FASTPAR_ERR_BUSY,
        c"FASTPAR_ERR_BUSY",
        c"not possible from inside a callback or a hook, or while another thread uses the handle",
    ),
    (ErrorKind::Again, FASTPAR_ERR_AGAIN, c"FASTPAR_ERR_AGAIN", c"the source of the stream has nothing now"),
    (ErrorKind::Io, FASTPAR_ERR_IO, c"FASTPAR_ERR_IO", c"the operating system reported an error"),
    (ErrorKind::Panic, FASTPAR_ERR_PANIC, c"FASTPAR_ERR_PANIC", c"a callback panicked"),
    (ErrorKind::Internal, FASTPAR_ERR_INTERNAL, c"FASTPAR_ERR_INTERNAL", c"internal error"),
];

/// The status of a kind of failure.
pub(super) fn status_of(kind: ErrorKind) -> fastpar_status {
    TABLE.iter().find(|row| row.0 == kind).map_or(FASTPAR_ERR_INTERNAL, |row| row.1)
}

/// The constant's name and its sentence, for any number.
pub(super) fn describe(status: fastpar_status) -> (&'static std::ffi::CStr, &'static std::ffi::CStr) {
    if status == FASTPAR_OK {
        return (c"FASTPAR_OK", c"success");
    }
    TABLE
        .iter()
        .find(|row| row.1 == status)
        .map_or((c"FASTPAR_ERR_UNKNOWN", c"not a status of this version of fastpar"), |row| (row.2, row.3))
}

impl fastpar_error {
    /// The core's form of what a callback wants its call to fail with.
    pub(super) fn to_error(self) -> Error {
        let told = match self.status {
            // They are about the callee's time, not about the caller's work.
            FASTPAR_ERR_TIMEOUT | FASTPAR_ERR_BUSY | FASTPAR_ERR_AGAIN => None,
            status => TABLE.iter().find(|row| row.1 == status),
        };
        let kind = told.map_or(ErrorKind::Callback, |row| row.0);
        let bytes: Vec<u8> =
            self.message.iter().map(|&byte| byte as u8).take_while(|&byte| byte != 0).collect();
        let error = Error::new(kind, String::from_utf8_lossy(&bytes).into_owned()).with_code(self.code);
        if self.position == u64::MAX {
            error
        } else {
            error.at(self.position)
        }
    }

    /// The C form of `error`; a message that is too long ends at the last whole character that fits.
    pub(super) fn from_error(error: &Error) -> Self {
        let mut text = [0; FASTPAR_ERROR_MESSAGE_SIZE];
        let message = error.message();
        let mut end = message.len().min(FASTPAR_ERROR_MESSAGE_SIZE - 1);
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        // A NUL inside would hide the rest from a C reader.
        for (to, &from) in text.iter_mut().zip(&message.as_bytes()[..end]) {
            *to = if from == 0 { b'?' as std::ffi::c_char } else { from as std::ffi::c_char };
        }
        Self {
            status: status_of(error.kind()),
            code: error.code(),
            position: error.position().unwrap_or(u64::MAX),
            message: text,
        }
    }
}
