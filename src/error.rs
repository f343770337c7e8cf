//! Errors as Rust sees them. `ffi::status` gives each kind its number in the C ABI.
#![forbid(unsafe_code)]

use std::borrow::Cow;
use std::fmt;

/// The kinds of failure. Each has exactly one status in the C ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An argument is outside its documented range, or contradicts another.
    InvalidArgument,
    /// A valid request that this build or this platform does not support.
    Unsupported,
    /// The output does not fit into the destination.
    BufferTooSmall,
    /// The system has no memory left for the call.
    OutOfMemory,
    /// A limit would be exceeded: one that the caller set, or a documented one.
    LimitExceeded,
    /// Threads could not be started, or fewer than the call needs.
    Threads,
    /// The compressed data is damaged.
    Corrupt,
    /// The data decodes, but its checksum differs.
    Checksum,
    /// The compressed data ends too early.
    Truncated,
    /// The data needs a dictionary, and none or another was given.
    Dictionary,
    /// The data is not zstd.
    NotZstd,
    /// A callback asked to stop; the code is the callback's return value.
    Callback,
    /// The call was cancelled.
    Cancelled,
    /// The timeout has passed.
    Timeout,
    /// The queue or stream is closed.
    Closed,
    /// The pool is running with other options.
    AlreadyStarted,
    /// Not possible from inside a callback or a hook.
    Busy,
    /// The source of a stream has nothing now; the stream goes on.
    Again,
    /// The operating system reported an error on a file; the code is its number.
    Io,
    /// A callback panicked.
    Panic,
    /// A fault of fastpar itself.
    Internal,
}

/// A failure: its kind, an error code, a position, and a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    code: i32,
    position: Option<u64>,
    needed: Option<u64>,
    message: Cow<'static, str>,
}

/// The result of everything that can fail in fastpar.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A failure of `kind`; `message` says in one clause, without a full stop, what failed and where.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, code: 0, position: None, needed: None, message: message.into() }
    }

    /// The failure of a call whose callback returned `code`: what the callback has `told`, or else `message`.
    pub(crate) fn of_callback(message: String, code: i32, told: Option<Self>) -> Self {
        match told {
            None => Self::new(ErrorKind::Callback, message).with_code(code),
            Some(mut told) => {
                if told.message.is_empty() {
                    told.message = message.into();
                }
                if told.kind == ErrorKind::Callback && told.code == 0 {
                    told.code = code;
                }
                told
            }
        }
    }

    /// The failure of a call whose cancel flag is set.
    pub(crate) fn cancelled() -> Self {
        Self::new(ErrorKind::Cancelled, "cancelled")
    }

    /// Adds an error code: a callback's return value, zstd's or the system's error code.
    #[must_use]
    pub fn with_code(mut self, code: i32) -> Self {
        self.code = code;
        self
    }

    /// Adds a position: the index of a chunk, item or frame, or a byte offset.
    #[must_use]
    pub fn at(mut self, position: u64) -> Self {
        self.position = Some(position);
        self
    }

    /// Adds the size that would have been enough for something that did not fit.
    #[must_use]
    pub fn with_needed(mut self, needed: u64) -> Self {
        self.needed = Some(needed);
        self
    }

    /// The same with another message.
    #[must_use]
    pub(crate) fn saying(mut self, message: String) -> Self {
        self.message = message.into();
        self
    }

    /// The kind of the failure.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// A callback's return value, zstd's or the system's error code; 0: there is none.
    pub fn code(&self) -> i32 {
        self.code
    }

    /// The chunk, item or frame index, or byte offset, if there is one.
    pub fn position(&self) -> Option<u64> {
        self.position
    }

    /// The size of the destination, or of a limit, that would have been enough, if it is known.
    pub fn needed(&self) -> Option<u64> {
        self.needed
    }

    /// The sentence for people.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
