//! Group "streams": parallel zstd over callbacks, for data of any size and from anywhere.

use super::borrow::{self, Out};
use super::codec::{fastpar_zstd_options, KeptArguments};
use super::guard::{guard, guard_value};
use super::handle::{self, Held};
use super::status::{fastpar_error, fastpar_status};
use crate::codec::{Options, Writer};
use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use crate::pool::Scope;
use std::ffi::c_void;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, TryLockError};

/// Takes compressed data, in order.
///
/// Called only by the thread that calls the writer, while it does, never by two at a time. It must return
/// normally: a C++ exception or a longjmp through it is undefined. Using the same writer inside it is
/// FASTPAR_ERR_BUSY.
///
/// @param user_data  the `user_data` of `fastpar_writer_open`
/// @param data       valid until the callback returns
/// @param len        bytes, at least 1; all of them must be taken
/// @return 0 to go on; anything else ends the stream: the call returns FASTPAR_ERR_CALLBACK with this value
///         in `error->code`.
pub type fastpar_sink_fn =
    Option<unsafe extern "C" fn(user_data: *mut c_void, data: *const c_void, len: usize) -> i32>;

/// A sink of the program's.
struct ForeignSink {
    function: unsafe extern "C" fn(*mut c_void, *const c_void, usize) -> i32,
    user_data: *mut c_void,
    released: Released,
    cancel: Option<&'static AtomicI32>,
}

impl Write for ForeignSink {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.released.check()?;
        // SAFETY: the program promises that the callback may be called with its data; the bytes are valid
        // meanwhile.
        let sink = || unsafe { (self.function)(self.user_data, data.as_ptr().cast(), data.len()) };
        ask("sink", self.cancel, sink).map(|()| data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs a callback of a stream that `cancel` cancels.
pub(super) fn ask(who: &str, cancel: Option<&AtomicI32>, callback: impl FnOnce() -> i32) -> io::Result<()> {
    Scope::enter(&cancel, |scope| match callback() {
        0 => Ok(()),
        code => Err(io::Error::other(Error::of_callback(
            format!("the {who} returned {code}"),
            code,
            scope.take(),
        ))),
    })
}

/// A stream that is compressed. Opaque; made by `fastpar_writer_open`, released by `fastpar_writer_free`.
pub struct fastpar_writer(Handle<Writer<'static, ForeignSink>>);

/// Whether the program has released a stream, which a call under way may still be using.
#[derive(Clone, Default)]
pub(super) struct Released(Arc<AtomicBool>);

impl Released {
    /// Refuses to go on with a stream that is released: its callback is not called again.
    pub(super) fn check(&self) -> io::Result<()> {
        self.refuse().map_err(io::Error::other)
    }

    fn is_set(&self) -> bool {
        // Relaxed: it carries no data; the callback that released the stream ran on this thread.
        self.0.load(Ordering::Relaxed)
    }

    fn refuse(&self) -> Result<()> {
        if self.is_set() {
            return Err(Error::new(ErrorKind::Closed, "the stream was released during this call"));
        }
        Ok(())
    }
}

/// A stream, and what it refers to.
pub(super) struct Handle<S> {
    // Declared, and so dropped, first.
    stream: Mutex<S>,
    _arguments: KeptArguments,
    released: Released,
}

impl<S> Handle<S> {
    /// Opens a stream with the options of the program.
    ///
    /// # Safety
    /// `options` is NULL or a valid struct whose pointers live as long as the handle.
    pub(super) unsafe fn open(
        options: *const fastpar_zstd_options,
        released: Released,
        open: impl FnOnce(&Options<'static>) -> Result<S>,
    ) -> Result<Self> {
        memory::check()?;
        let flag = released.clone();
        let is_released = move || flag.is_set();
        // SAFETY: the caller's promise.
        let arguments = unsafe { KeptArguments::read(options, is_released)? };
        // SAFETY: the stream is dropped before the arguments.
        let stream = open(unsafe { &arguments.options() })?;
        Ok(Self { stream: Mutex::new(stream), _arguments: arguments, released })
    }

    /// Uses the stream, unless another call does.
    pub(super) fn with<R>(&self, what: &str, run: impl FnOnce(&mut S) -> Result<R>) -> Result<R> {
        let done = match self.stream.try_lock() {
            Ok(mut stream) => run(&mut stream)?,
            Err(TryLockError::Poisoned(poisoned)) => run(&mut poisoned.into_inner())?,
            Err(TryLockError::WouldBlock) => {
                return Err(Error::new(
                    ErrorKind::Busy,
                    format!("the {what} is in use, by another thread or by the call that this is inside of"),
                ))
            }
        };
        self.released.refuse()?;
        Ok(done)
    }

    /// The program has released the stream: a call under way ends.
    pub(super) fn release(&self) {
        self.released.0.store(true, Ordering::Relaxed); // see `Released::is_set`
    }
}

/// Holds a writer for the time of a call.
///
/// # Safety
/// `writer` is NULL or a live handle.
unsafe fn hold_writer(writer: *mut fastpar_writer) -> Result<Held<fastpar_writer>> {
    // SAFETY: the caller's promise.
    unsafe { handle::hold(writer) }.ok_or_else(|| Error::new(ErrorKind::InvalidArgument, "writer is NULL"))
}

/// Opens a stream that is compressed, in parallel, to ordinary zstd data.
///
/// What is written is cut into frames of `frame_size` bytes (by default 4 MiB, or two windows of the level
/// where that is more, up to 64 MiB); they are compressed by the threads of the pool and by the calling one,
/// and given to the sink in order. After the last one comes a seek table, as by `fastpar_compress`; more than
/// 134,217,728 frames have none. The result depends on the bytes, on where they are flushed, and on the
/// options `level`, `flags`, `frame_size`, `window_log`, `strategy`, `dict` and `prefix` only: not on
/// how they are cut into calls, nor on threads. It is the same as that of `fastpar_compress` with the
/// same `frame_size`. With FASTPAR_ZSTD_SINGLE_FRAME sections of the frame are compressed in the same
/// way, and the frame does not tell its size.
///
/// Memory does not grow with the stream, but for 8 bytes a frame: below 256 MB at level 3, see `max_memory`.
/// Until it is finished, has failed or is freed, a stream between two calls holds the bytes that are not
/// compressed yet, and may keep one context for the next frame (1.3 MB at level 3, 40 MB at level 12).
///
/// @param options    may be NULL. The struct is copied, a dictionary is shared; what `cancel` and
///                   `progress_data` point to must live until the writer is freed. `progress` is told
///                   uncompressed bytes, `total` is UINT64_MAX until the end.
/// @param sink       must not be NULL; called by `fastpar_writer_write`, `_flush` and `_finish`, not by this
///                   function
/// @param user_data  given to `sink`; must live until the writer is freed
/// @param writer     out, must not be NULL: the handle, to be released by `fastpar_writer_free`; NULL on
///                   failure
/// @param error      may be NULL
/// @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT, FASTPAR_ERR_UNSUPPORTED: an argument or an option;
///         FASTPAR_ERR_LIMIT_EXCEEDED: not even one lane fits into `max_memory`; FASTPAR_ERR_OUT_OF_MEMORY.
///
/// Does not block, and starts no thread. May be called from any thread, and from inside callbacks. The handle
/// may go from thread to thread, but is used by one thread at a time (FASTPAR_ERR_BUSY otherwise). Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_writer_open(
    options: *const fastpar_zstd_options,
    sink: fastpar_sink_fn,
    user_data: *mut c_void,
    writer: *mut *mut fastpar_writer,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { Out::new(writer, "writer")? };
        place.set(std::ptr::null_mut());
        let function =
            sink.ok_or_else(|| Error::new(ErrorKind::InvalidArgument, "the sink callback is NULL"))?;
        let released = Released::default();
        let open = |options: &Options<'static>| {
            let sink =
                ForeignSink { function, user_data, released: released.clone(), cancel: options.cancel };
            Writer::new(sink, options)
        };
        // SAFETY: the caller's promise.
        let stream = unsafe { Handle::open(options, released.clone(), open)? };
        place.set(handle::give(fastpar_writer(stream)));
        Ok(())
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// Compresses bytes.
///
/// All bytes are taken; their compressed form reaches the sink in this call or in a later one. A writer that
/// has failed is dead: every later call fails in the same way. What the sink got before is then a valid
/// beginning of zstd data, nothing more.
///
/// @param writer  must not be NULL
/// @param data    may be NULL if `len` is 0; not kept
/// @param len     bytes
/// @param error   may be NULL; `position` is the frame, if it is about one
/// @return FASTPAR_OK; FASTPAR_ERR_CALLBACK: the sink returned non-zero, `error->code` holds the value;
///         FASTPAR_ERR_CLOSED: the stream is finished, or was freed meanwhile; FASTPAR_ERR_CANCELLED: by the
///         flag or the progress callback; FASTPAR_ERR_LIMIT_EXCEEDED: more than `max_output` bytes come out,
///         or the seek table passes `max_memory`; FASTPAR_ERR_BUSY: another thread uses the writer, or this
///         is inside its own callback (the writer goes on), or inside a hook; FASTPAR_ERR_INVALID_ARGUMENT:
///         an argument; FASTPAR_ERR_OUT_OF_MEMORY; FASTPAR_ERR_THREADS: the writer belongs to the parent of
///         this forked process.
///
/// Blocks while the sink does, and while as much is under way as fits into its memory; the calling thread
/// compresses meanwhile. May be called from any thread, and from inside callbacks. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_writer_write(
    writer: *mut fastpar_writer,
    data: *const c_void,
    len: usize,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        // SAFETY: the caller's promise.
        let (writer, data) = unsafe { (hold_writer(writer)?, borrow::input(data.cast(), len, "data")?) };
        writer.0.with("writer", |writer| writer.write(data))
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// Ends the current frame, and gives everything written so far to the sink.
///
/// A reader can decompress all of it then. With FASTPAR_ZSTD_SINGLE_FRAME only a section is ended. Where
/// nothing was written since the last flush nothing happens. Every frame, and every section, costs
/// compression: flush rarely.
///
/// @param writer  must not be NULL
/// @param error   may be NULL
/// @return FASTPAR_OK; otherwise as `fastpar_writer_write`.
///
/// Blocks until the sink has everything. May be called from any thread, and from inside callbacks. Since: 1.0
///
/// # Safety
/// `writer` is NULL or a live handle.
#[no_mangle]
pub unsafe extern "C" fn fastpar_writer_flush(
    writer: *mut fastpar_writer,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        // SAFETY: the caller's promise.
        let writer = unsafe { hold_writer(writer)? };
        writer.0.with("writer", Writer::flush)
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// Ends the stream: the last frame and the seek table are given to the sink.
///
/// A stream of no bytes makes one empty frame. The handle is still to be freed; every other call on it is
/// FASTPAR_ERR_CLOSED from now on, this one too.
///
/// @param writer  must not be NULL
/// @param error   may be NULL
/// @return FASTPAR_OK; otherwise as `fastpar_writer_write`.
///
/// Blocks until the sink has everything. May be called from any thread, and from inside callbacks. Since: 1.0
///
/// # Safety
/// `writer` is NULL or a live handle.
#[no_mangle]
pub unsafe extern "C" fn fastpar_writer_finish(
    writer: *mut fastpar_writer,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        // SAFETY: the caller's promise.
        let writer = unsafe { hold_writer(writer)? };
        writer.0.with("writer", Writer::finish)
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// Releases a writer. Without `fastpar_writer_finish` the data that has not reached the sink is dropped; the
/// sink is not called.
///
/// @param writer  NULL: nothing happens. Not to be used afterwards, by any thread. A call under way, on
///                another thread or around the callback that calls this, ends with FASTPAR_ERR_CLOSED without
///                calling the sink or `progress` again; it needs what it was given until then.
///                A callback that calls this and then fails may end its call with that failure instead.
///
/// Waits for the frames that are being compressed, which takes moments; where a call is under way, that call
/// does. May be called from any thread, and from its own callbacks. Since: 1.0
///
/// # Safety
/// `writer` is NULL or a live handle.
#[no_mangle]
pub unsafe extern "C" fn fastpar_writer_free(writer: *mut fastpar_writer) {
    guard_value((), || {
        // SAFETY: NULL, or made in `fastpar_writer_open` and given back once.
        if let Some(writer) = unsafe { handle::end(writer) } {
            writer.0.release();
        }
    });
}
