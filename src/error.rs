//! What can go wrong, as Rust sees it. The numbers of the C ABI are given out in `ffi::status`.
#![forbid(unsafe_code)]

use std::borrow::Cow;
use std::fmt;

/// The kinds of failure. Each has exactly one status in the C ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An argument is outside its documented range, or contradicts another one.
    InvalidArgument,
    /// A valid request for something that this build or this platform does not do.
    Unsupported,
    /// The output does not fit into the destination.
    BufferTooSmall,
    /// The system has no memory left for the call.
    OutOfMemory,
    /// A limit that the caller set, or a documented one, would be passed.
    LimitExceeded,
    /// Threads could not be started, or not as many as the call needs.
    Threads,
    /// The compressed data is damaged.
    Corrupt,
    /// The data decodes, but its checksum differs.
    Checksum,
    /// The compressed data ends too early.
    Truncated,
    /// The data needs a dictionary that was not given, or another one.
    Dictionary,
    /// The data is not zstd.
    NotZstd,
    /// A callback asked to stop; the code is what it returned.
    Callback,
    /// The call was cancelled.
    Cancelled,
    /// The time given was over.
    Timeout,
    /// The queue or stream is closed.
    Closed,
    /// The pool runs already, with other options.
    AlreadyStarted,
    /// Not possible from inside a callback or a hook.
    Busy,
    /// The operating system reported an error on a file; the code is its number.
    Io,
    /// A callback panicked.
    Panic,
    /// A fault of fastpar itself.
    Internal,
}

/// A failure: its kind, a number from elsewhere, a place, and a sentence for people.
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
    /// A failure of `kind`; `message` says what and where, in one clause without a full stop.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, code: 0, position: None, needed: None, message: message.into() }
    }

    /// The failure of a call whose cancel flag is set.
    pub(crate) fn cancelled() -> Self {
        Self::new(ErrorKind::Cancelled, "cancelled")
    }

    /// The same with a number from elsewhere: a callback's return, zstd's or the system's error code.
    #[must_use]
    pub fn with_code(mut self, code: i32) -> Self {
        self.code = code;
        self
    }

    /// The same with a place: a chunk, item or frame index, or a byte offset.
    #[must_use]
    pub fn at(mut self, position: u64) -> Self {
        self.position = Some(position);
        self
    }

    /// The same with the size that would have been enough, where something did not fit.
    #[must_use]
    pub fn with_needed(mut self, needed: u64) -> Self {
        self.needed = Some(needed);
        self
    }

    /// What kind of failure this is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The callback's return, zstd's or the system's error code, else 0.
    pub fn code(&self) -> i32 {
        self.code
    }

    /// The chunk, item or frame index, or byte offset, if there is one.
    pub fn position(&self) -> Option<u64> {
        self.position
    }

    /// The size that would have been enough, if it is known: of a destination that was too small.
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
