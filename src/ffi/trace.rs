//! Group "trace": a timeline of the process, in a file.

use super::borrow::{self, OptionsStruct};
use super::guard::{guard, guard_value};
use super::status::{fastpar_error, fastpar_status};
use crate::error::{Error, ErrorKind, Result};
use crate::trace;
use std::ffi::{c_char, CStr};
use std::mem::size_of;

/// `fastpar_trace_options.categories`: loops, reductions and prefix sums with their passes, jobs and teams,
/// the lanes that work for them, and waiting.
pub const FASTPAR_TRACE_LOOPS: u32 = 1;
/// `fastpar_trace_options.categories`: chunks, and pieces of scans. Where chunks are so short that a lane
/// claims several at once, those are one event, which tells how many.
pub const FASTPAR_TRACE_CHUNKS: u32 = 2;
/// `fastpar_trace_options.categories`: groups and their tasks, pipelines and what is done with their items,
/// sorts and their passes, and the tasks that calls of the codec and streams are made of.
pub const FASTPAR_TRACE_TASKS: u32 = 4;
/// `fastpar_trace_options.categories`: calls of the codec, scans among them; frames, and of frames that
/// several threads share sections and blocks; and bytes so far.
pub const FASTPAR_TRACE_CODEC: u32 = 8;
/// `fastpar_trace_options.categories`: reads and writes of files.
pub const FASTPAR_TRACE_FILES: u32 = 16;
/// `fastpar_trace_options.categories`: the program's own spans, `fastpar_trace_begin`.
pub const FASTPAR_TRACE_USER: u32 = 32;

/// Options of a trace. Set `struct_size` to `sizeof(fastpar_trace_options)` and every field you do not need
/// to zero.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fastpar_trace_options {
    /// `sizeof(fastpar_trace_options)`.
    pub struct_size: usize,
    /// The most bytes of events that wait to be written, of all threads together; each thread has a part of
    /// fixed size. At least 1 MiB. 0: 64 MiB.
    pub max_memory: u64,
    /// A sum of FASTPAR_TRACE_LOOPS, _CHUNKS, _TASKS, _CODEC, _FILES and _USER. 0: all.
    pub categories: u32,
    /// 0.
    pub flags: u32,
}

// SAFETY: integers; zero is the default of each; begins with struct_size.
unsafe impl OptionsStruct for fastpar_trace_options {
    const NAME: &'static str = "fastpar_trace_options";
    const SIZE_V1: usize = size_of::<Self>();
}

/// Starts a timeline of the process: what threads do in calls of fastpar, written to a file that
/// <https://ui.perfetto.dev> and chrome://tracing open.
///
/// The file is in the trace event format (JSON). It has, for each thread, slices of calls, of the lanes that
/// work for them, of chunks, tasks, pieces, frames, parts of frames, reads and writes, and of the program's
/// own spans; arrows from each call to its helpers; counters of busy lanes and of the codec's bytes. Calls
/// that began before are not in it. Times are those of the system's monotonic clock, which the file names, so
/// that the files of several processes can be joined. A trace costs less than 100 ns an event; where there is
/// none a call looks at one number.
///
/// The file is brought up to date several times a second and is whole each time, so it opens after the
/// process was killed, too. No thread waits for it: events that find no room are lost, and the file tells how
/// many. `fastpar_pool_shutdown` and `fastpar_trace_stop` write what is there, and so does the end of the
/// process by `exit`, which ends the trace. A forked child goes on with a file of its own, from when it
/// starts its pool, if `path` holds "%p" and the child does not call `fastpar_trace_stop` before; else it has
/// none.
///
/// The environment variable FASTPAR_TRACE=path does the same at the first call of a process that can use the
/// pool, with all categories: "path.%p" where no "%p" is in it. It is ignored in a program that has more
/// rights than its user, and where the file cannot be made.
///
/// @param options  may be NULL: the defaults
/// @param path     UTF-8, must not be NULL; "%p" becomes the number of the process. The file must not exist,
///                 and a symbolic link is not followed
/// @param error    may be NULL
/// @return FASTPAR_OK; FASTPAR_ERR_ALREADY_STARTED: a trace runs, and goes on; FASTPAR_ERR_IO: the file
///         exists (`error->code` EEXIST), or cannot be made; FASTPAR_ERR_INVALID_ARGUMENT: `path` is
///         NULL, empty or not UTF-8, or an option is outside its range; FASTPAR_ERR_UNSUPPORTED: a
///         field is unknown; FASTPAR_ERR_THREADS: no thread for it; FASTPAR_ERR_OUT_OF_MEMORY;
///         FASTPAR_ERR_BUSY: at the end of the process, see "Ending" above. Then there is no file.
///
/// May be called from any thread. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_trace_start(
    options: *const fastpar_trace_options,
    path: *const c_char,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        // SAFETY: the caller's promise.
        let (raw, path) = unsafe { (borrow::options(options)?, borrow::path(path, "path")?) };
        trace::start(trace_options(&raw)?, path)
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

fn trace_options(raw: &fastpar_trace_options) -> Result<trace::Options> {
    if raw.flags != 0 {
        return Err(Error::new(ErrorKind::InvalidArgument, format!("flags is {:#x}, expected 0", raw.flags)));
    }
    Ok(trace::Options { max_memory: raw.max_memory, categories: raw.categories })
}

/// Ends the trace that runs, and writes what is left of it.
///
/// @param error  may be NULL
/// @return FASTPAR_OK, also if no trace runs; FASTPAR_ERR_IO: the file could not be written, or not wholly:
///         it holds the events before, and can be opened; FASTPAR_ERR_BUSY: at the end of the process, see
///         "Ending" above, where a thread was ended that was writing; FASTPAR_ERR_OUT_OF_MEMORY.
///
/// Events of threads that are inside calls meanwhile may be missing. Blocks until the file is written. May be
/// called from any thread. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_trace_stop(error: *mut fastpar_error) -> fastpar_status {
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, trace::stop) }
}

/// Begins a span of the program's own, on the calling thread; `fastpar_trace_end` ends it.
///
/// Spans may lie within each other, 64 deep. Where no trace runs nothing happens.
///
/// @param name  UTF-8, copied, the first 200 bytes count; what is not UTF-8 is replaced; NULL: ""
///
/// Never blocks, but for some microseconds in a thread's first event. May be called from any thread. Since:
/// 1.0
///
/// # Safety
/// `name` is NULL or a C string.
#[no_mangle]
pub unsafe extern "C" fn fastpar_trace_begin(name: *const c_char) {
    guard_value((), || {
        if !trace::is_on(trace::USER) {
            return;
        }
        // SAFETY: not NULL, and a C string by the caller's promise.
        let name = if name.is_null() { c"" } else { unsafe { CStr::from_ptr(name) } };
        trace::begin(&name.to_string_lossy());
    });
}

/// Ends the span of the calling thread that began last.
///
/// Nothing happens where there is none, or where it began before the trace.
///
/// Never blocks. May be called from any thread. Since: 1.0
#[no_mangle]
pub extern "C" fn fastpar_trace_end() {
    guard_value((), trace::end);
}
