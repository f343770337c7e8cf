//! Group "streams": those that are decompressed.

use super::borrow::{self, Out};
use super::codec::fastpar_zstd_options;
use super::guard::{guard, guard_value};
use super::handle::{self, Held};
use super::status::{fastpar_error, fastpar_status};
use super::streams::{ask, Handle, Released};
use crate::codec::{Options, Reader};
use crate::error::{Error, ErrorKind, Result};
use std::cell::Cell;
use std::ffi::c_void;
use std::io::{self, Read};
use std::sync::atomic::AtomicI32;

/// What a source returns to say: no more now; neither the end nor a failure. See `fastpar_source_fn`.
pub const FASTPAR_SOURCE_LATER: i32 = -2147483647;

/// Gives compressed data, in order.
///
/// Called only by the thread that calls the reader, while it does, never by two at a time; not called again
/// once it has told the end, or failed. It must return normally: a C++ exception or a longjmp through it is
/// undefined. Using the same reader inside it is FASTPAR_ERR_BUSY.
///
/// @param user_data  the `user_data` of `fastpar_reader_open`
/// @param buffer     to be filled from its start on
/// @param capacity   bytes, at least 1
/// @param len        out, bytes filled, 0 before the call; leaving 0 tells the end of the data. May be fewer
///                   than `capacity`.
/// @return 0 to go on; FASTPAR_SOURCE_LATER: it has no more now, and must not wait (event loops, non-blocking
///         descriptors); the `*len` bytes that it gave count, and 0 are not the end. The source is then not
///         asked again by this call. Anything else ends the stream, and what this call gave does not count:
///         the reader returns FASTPAR_ERR_CALLBACK with this value in `error->code`.
pub type fastpar_source_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        buffer: *mut c_void,
        capacity: usize,
        len: *mut usize,
    ) -> i32,
>;

/// A source of the program's.
struct ForeignSource {
    function: unsafe extern "C" fn(*mut c_void, *mut c_void, usize, *mut usize) -> i32,
    user_data: *mut c_void,
    released: Released,
    cancel: Option<&'static AtomicI32>,
    /// Whether it has given bytes in this call, and no more now.
    later: Cell<bool>,
}

impl Read for ForeignSource {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.released.check()?;
        if self.later.get() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let (mut len, mut later) = (0, false);
        let (data, capacity) = (buffer.as_mut_ptr().cast(), buffer.len());
        ask("source", self.cancel, || {
            // SAFETY: the program promises that the callback may be called with its data, and writes within
            // the buffer.
            let code = unsafe { (self.function)(self.user_data, data, capacity, &mut len) };
            later = code == FASTPAR_SOURCE_LATER;
            if later {
                0
            } else {
                code
            }
        })?;
        self.later.set(later);
        if later && len == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if len <= capacity {
            return Ok(len);
        }
        let text = format!("the source says that it has written {len} bytes into {capacity}");
        Err(io::Error::other(Error::new(ErrorKind::InvalidArgument, text)))
    }
}

/// A stream that is decompressed. Opaque; made by `fastpar_reader_open`, released by `fastpar_reader_free`.
pub struct fastpar_reader(Handle<Reader<'static, ForeignSource>>);

/// Holds a reader for the time of a call.
///
/// # Safety
/// `reader` is NULL or a live handle.
unsafe fn hold_reader(reader: *mut fastpar_reader) -> Result<Held<fastpar_reader>> {
    // SAFETY: the caller's promise.
    unsafe { handle::hold(reader) }.ok_or_else(|| Error::new(ErrorKind::InvalidArgument, "reader is NULL"))
}

/// Opens a stream that is decompressed, in parallel where the data allows.
///
/// Reads all valid zstd data: any number of frames, of known and unknown sizes, skippable ones among them.
/// Frames are decoded at the same time, by the threads of the pool and by the calling one. A frame of more
/// than 8 MiB that comes first, or of whose size there is not room for one a lane, is decoded part by part,
/// and its decoded part can be read before the rest has come: other lanes decode its blocks for the calling
/// thread, which puts them together, while the process leaves a CPU idle, and if twice the window and some 40
/// MB fit into `max_memory`; else, or with `max_lanes` 1, libzstd decodes it. A seek table
/// is not needed; it is read with FASTPAR_ZSTD_CHECK_TABLE and FASTPAR_ZSTD_COMPLETE, for the checksums in
/// it. The data need not be trusted: memory stays below 256 MB, and one window, or
/// within `max_memory`.
///
/// The source is read ahead of the output. Once it gave less than it was asked for, whole frames are given
/// out before it is asked again, and so is every whole block of a large frame, and of any that does not tell
/// its size, where `max_memory` has room for its window and for a part of it. But a source that has given
/// a megabyte without keeping the call waiting for 5 ms is asked for the rest of a frame that has begun,
/// before those in front of it are given out: so lanes work at the same time on what comes fast through a
/// pipe. A source that waits for an answer to other blocks, or gives all that it is asked for and then
/// waits, cannot be read this way: it returns FASTPAR_SOURCE_LATER instead of waiting.
///
/// @param options    may be NULL. The struct is copied, a dictionary is shared; what `cancel` and
///                   `progress_data` point to must live until the reader is freed. `progress` is told bytes
///                   of the source, `total` is UINT64_MAX until the end.
/// @param source     must not be NULL; called by `fastpar_reader_read`, not by this function
/// @param user_data  given to `source`; must live until the reader is freed
/// @param reader     out, must not be NULL: the handle, to be released by `fastpar_reader_free`; NULL on
///                   failure
/// @param error      may be NULL
/// @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT, FASTPAR_ERR_UNSUPPORTED: an argument or an option;
///         FASTPAR_ERR_LIMIT_EXCEEDED: `max_memory` is less than 2 MiB; FASTPAR_ERR_OUT_OF_MEMORY.
///
/// Does not block, and starts no thread. May be called from any thread, and from inside callbacks. The handle
/// may go from thread to thread, but is used by one thread at a time (FASTPAR_ERR_BUSY otherwise). Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_reader_open(
    options: *const fastpar_zstd_options,
    source: fastpar_source_fn,
    user_data: *mut c_void,
    reader: *mut *mut fastpar_reader,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { Out::new(reader, "reader")? };
        place.set(std::ptr::null_mut());
        let function =
            source.ok_or_else(|| Error::new(ErrorKind::InvalidArgument, "the source callback is NULL"))?;
        let released = Released::default();
        let open = |options: &Options<'static>| {
            let (released, cancel) = (released.clone(), options.cancel);
            let source = ForeignSource { function, user_data, released, cancel, later: Cell::new(false) };
            Reader::new(source, options)
        };
        // SAFETY: the caller's promise.
        let stream = unsafe { Handle::open(options, released.clone(), open)? };
        place.set(handle::give(fastpar_reader(stream)));
        Ok(())
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// Gives out the next decompressed bytes.
///
/// What comes before damaged data, before the place where data is cut, or before a failure of the source, is
/// given out first, to the last whole block; a checksum that is wrong is told after all of its frame. A
/// reader that has failed is dead: every later call for bytes fails in the same way.
///
/// @param reader    must not be NULL
/// @param dst       may be NULL if `capacity` is 0. Its bytes after `*len` are untouched.
/// @param capacity  bytes; 0: nothing is done
/// @param len       out, bytes, must not be NULL: at least 1 and maybe fewer than `capacity`; 0: the end of
///                  the data, or `capacity` is 0. 0 on failure.
/// @param error     may be NULL; `position` is the offset of the frame in the compressed data, if it is about
///                  one
/// @return FASTPAR_OK, at the end too, as often as it is asked; FASTPAR_ERR_AGAIN: the source returned
///         FASTPAR_SOURCE_LATER, and nothing can be given out before it is asked again, which the next call
///         does: nothing is lost, and the reader goes on; FASTPAR_ERR_CALLBACK: the source returned another
///         value than 0, `error->code` holds the value; FASTPAR_ERR_NOT_ZSTD, FASTPAR_ERR_TRUNCATED,
///         FASTPAR_ERR_CORRUPT, FASTPAR_ERR_CHECKSUM, FASTPAR_ERR_DICTIONARY: the data, as by
///         `fastpar_decompress`; FASTPAR_ERR_LIMIT_EXCEEDED: more than `max_output` bytes come out, a frame
///         needs a larger window than `window_log` allows, or more memory than `max_memory`;
///         FASTPAR_ERR_CANCELLED: by the flag or the progress callback; FASTPAR_ERR_CLOSED: it was freed
///         meanwhile; FASTPAR_ERR_BUSY: another thread uses the reader, or this is inside its own callback
///         (the reader goes on), or inside a hook; FASTPAR_ERR_INVALID_ARGUMENT: an argument, or the source
///         wrote more than there was room for; FASTPAR_ERR_OUT_OF_MEMORY; FASTPAR_ERR_THREADS: the reader
///         belongs to the parent of this forked process.
///
/// Blocks while the source does, and until there is something to give; the calling thread decompresses
/// meanwhile. May be called from any thread, and from inside callbacks. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_reader_read(
    reader: *mut fastpar_reader,
    dst: *mut c_void,
    capacity: usize,
    len: *mut usize,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { Out::new(len, "len")? };
        place.set(0);
        // SAFETY: the caller's promise.
        let (reader, dst) = unsafe { (hold_reader(reader)?, borrow::output(dst.cast(), capacity, "dst")?) };
        if dst.is_empty() {
            return Ok(());
        }
        let read = reader.0.with("reader", |reader| {
            reader.get_ref().later.set(false); // each call asks again
            let chunk = reader.chunk()?;
            let len = chunk.len().min(dst.len());
            for (place, &byte) in dst.iter_mut().zip(&chunk[..len]) {
                place.write(byte);
            }
            reader.consume(len);
            Ok(len)
        })?;
        place.set(read);
        Ok(())
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// Releases a reader, at any time; the source is not called.
///
/// @param reader  NULL: nothing happens. Not to be used afterwards, by any thread. A call under way, on
///                another thread or around the callback that calls this, ends with FASTPAR_ERR_CLOSED without
///                asking the source or calling `progress` again; it needs what it was given until then.
///                A callback that calls this and then fails may end its call with that failure instead.
///
/// Waits for the frames that are being decoded, which takes moments; where a call is under way, that call
/// does. May be called from any thread, and from its own callbacks. Since: 1.0
///
/// # Safety
/// `reader` is NULL or a live handle.
#[no_mangle]
pub unsafe extern "C" fn fastpar_reader_free(reader: *mut fastpar_reader) {
    guard_value((), || {
        // SAFETY: NULL, or made in `fastpar_reader_open` and given back once.
        if let Some(reader) = unsafe { handle::end(reader) } {
            reader.0.release();
        }
    });
}
