//! Group "pool": the threads, their options, hooks and statistics.

use super::borrow::{self, OptionsStruct};
use super::guard::{guard, guard_value};
use super::status::{fastpar_error, fastpar_status};
use crate::error::{Error, ErrorKind, Result};
use crate::pool::{self, PoolOptions, Threads};
use std::ffi::{c_char, CStr};
use std::mem::{offset_of, size_of};

/// `fastpar_pool_options.threads`: as many as the operating system lets this process use (affinity, cgroup
/// quota).
pub const FASTPAR_THREADS_AUTO: u32 = 4_294_967_295;
/// `fastpar_pool_options.flags`: each worker stays on one logical CPU.
pub const FASTPAR_POOL_PIN: u32 = 1;

/// `fastpar_pool_options.flags`: run with the threads that could be started, be it none: callers finish their
/// loops alone. The pool that a first call starts by itself is always so.
pub const FASTPAR_POOL_PARTIAL: u32 = 2;

/// Options of the pool. Set `struct_size` to `sizeof(fastpar_pool_options)` and every field you do not need
/// to zero.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fastpar_pool_options {
    /// `sizeof(fastpar_pool_options)`.
    pub struct_size: usize,
    /// Worker threads, 1 to 1024. 0: the environment variable FASTPAR_THREADS ("auto" or a number), else 24.
    /// FASTPAR_THREADS_AUTO: as many as the operating system lets this process use.
    pub threads: u32,
    /// The sum of FASTPAR_POOL_PIN and FASTPAR_POOL_PARTIAL, or 0.
    pub flags: u32,
    /// Bytes of stack of each worker, 64 KiB to 1 GiB. 0: 2 MiB.
    pub stack_size: usize,
    /// Prefix of the workers' names, UTF-8, followed by "-" and the worker's number; copied. NULL: "fastpar".
    /// Linux keeps the first 15 bytes of a name.
    pub thread_name: *const c_char,
}

// SAFETY: integers and a nullable pointer; zero is the default of each; begins with struct_size.
unsafe impl OptionsStruct for fastpar_pool_options {
    const NAME: &'static str = "fastpar_pool_options";
    const SIZE_V1: usize = size_of::<Self>();
}

/// What the pool has done since it started. Set `struct_size` to `sizeof(fastpar_pool_stats)` before the
/// call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fastpar_pool_stats {
    /// `sizeof(fastpar_pool_stats)`.
    pub struct_size: usize,
    /// Worker threads that run; 0: the pool does not run, or none could be started.
    pub threads: u32,
    /// Workers that are working for a job at this moment.
    pub busy: u32,
    /// Parallel calls begun.
    pub jobs: u64,
    /// Chunks of those calls.
    pub chunks: u64,
    /// Times that a worker came to help with a call.
    pub helpers: u64,
    /// Bytes that the codec has taken: content to compress, data to decompress. Of calls and streams, as far
    /// as they have come.
    pub bytes_in: u64,
    /// Bytes that the codec has given for them.
    pub bytes_out: u64,
    /// Nanoseconds that workers have worked for jobs, all workers together. A worker that is at work now
    /// counts from the moment when it leaves its job.
    pub busy_ns: u64,
    /// Nanoseconds that threads have waited inside calls: for other threads to end their part, and for files
    /// to be read and written.
    pub waiting_ns: u64,
    /// Nanoseconds in the program's callbacks, and in sorting, on all threads together. What a callback
    /// spends in calls of fastpar counts as what is done there. A thread's time counts when it leaves the
    /// call.
    pub callback_ns: u64,
    /// Nanoseconds of compressing and decompressing, on all threads together.
    pub codec_ns: u64,
    /// Working memory of the codec, for a frame at a time, that was made anew.
    pub contexts_made: u64,
    /// Times that such memory was there from earlier frames.
    pub contexts_reused: u64,
    /// Workers that came to help when nothing was left to do.
    pub late_helpers: u64,
}

// SAFETY: integers; begins with struct_size.
unsafe impl OptionsStruct for fastpar_pool_stats {
    const NAME: &'static str = "fastpar_pool_stats";
    const SIZE_V1: usize = offset_of!(Self, bytes_in);
    const PADDING: (usize, usize) = (offset_of!(Self, busy) + size_of::<u32>(), offset_of!(Self, jobs));
}

/// Turns C options into the core's.
///
/// # Safety
/// `options` is NULL or a valid struct, its `thread_name` NULL or a C string.
unsafe fn pool_options(options: *const fastpar_pool_options) -> Result<PoolOptions> {
    // SAFETY: the caller's promise.
    let raw = unsafe { borrow::options(options)? };
    if raw.flags & !(FASTPAR_POOL_PIN | FASTPAR_POOL_PARTIAL) != 0 {
        return Err(Error::new(
            ErrorKind::InvalidArgument,
            format!("flags is {:#x}, expected a sum of FASTPAR_POOL_PIN (1) and _PARTIAL (2)", raw.flags),
        ));
    }
    let thread_name = if raw.thread_name.is_null() {
        None
    } else {
        // SAFETY: not NULL, and a C string by the caller's promise.
        let name = unsafe { CStr::from_ptr(raw.thread_name) };
        let name =
            name.to_str().map_err(|_| Error::new(ErrorKind::InvalidArgument, "thread_name is not UTF-8"))?;
        Some(name.to_owned())
    };
    let threads = match raw.threads {
        0 => Threads::Default,
        FASTPAR_THREADS_AUTO => Threads::Auto,
        threads => Threads::Exactly(threads),
    };
    Ok(PoolOptions {
        threads,
        pin: raw.flags & FASTPAR_POOL_PIN != 0,
        partial: raw.flags & FASTPAR_POOL_PARTIAL != 0,
        stack_size: raw.stack_size,
        thread_name,
    })
}

/// Starts the pool now, with these options.
///
/// There is no need to: the first parallel call starts it with the defaults, and with the threads that it
/// gets. This insists on all threads, unless FASTPAR_POOL_PARTIAL says otherwise: if a running pool lacks
/// some, they are started.
///
/// @param options  may be NULL: the defaults
/// @param error    may be NULL
/// @return FASTPAR_OK: it runs with these options, started now or before; FASTPAR_ERR_ALREADY_STARTED: it
///         runs with other options (shut it down first), and goes on running; FASTPAR_ERR_INVALID_ARGUMENT: a
///         field, or FASTPAR_THREADS where `threads` is 0, is outside its range; FASTPAR_ERR_UNSUPPORTED:
///         pinning is not possible on this system, or a field is unknown; FASTPAR_ERR_THREADS: without
///         FASTPAR_POOL_PARTIAL: not every thread could be started. Then no thread is left running, but a
///         pool that ran with fewer before goes on; FASTPAR_ERR_OUT_OF_MEMORY; FASTPAR_ERR_BUSY from inside a
///         hook, or at the end of the process, see "Ending" above.
///
/// May be called from any thread. Blocks while the threads are started, a millisecond or so. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_pool_start(
    options: *const fastpar_pool_options,
    error: *mut fastpar_error,
) -> fastpar_status {
    // SAFETY: the caller's promises, passed on.
    unsafe { guard(error, || pool::start(&pool_options(options)?)) }
}

/// Returns how many threads the pool has, or would start with; starts nothing.
///
/// @return 1 to 1024; 0 if the environment variable FASTPAR_THREADS holds something that is not a number of
///         threads (then every parallel call fails with FASTPAR_ERR_INVALID_ARGUMENT).
///
/// Never blocks, but for up to a tenth of a second beside `fastpar_pool_shutdown_within`. May be called from
/// any thread. Since: 1.0
#[no_mangle]
pub extern "C" fn fastpar_pool_threads() -> u32 {
    guard_value(0, || pool::threads().unwrap_or(0))
}

/// Returns how many logical CPUs this process may use now: affinity and cgroup quota counted, on Windows
/// affinity, CPU sets and the CPU rate of its job object.
///
/// @return at least 1, at most 1024, whatever the pool has. It starts nothing.
///
/// Never blocks. May be called from any thread. Since: 1.0
#[no_mangle]
pub extern "C" fn fastpar_cpus() -> u32 {
    guard_value(1, pool::cpus)
}

/// Caps the threads that work for a call at the same time: for every parallel call of the process, by any
/// part of it.
///
/// For a program that shares its machine for a while, or that has plug-ins, whose `max_lanes` it cannot set.
/// The pool keeps its threads, and plans and `fastpar_chunk.lanes` stay what they are: results do not change.
///
/// @param lanes  threads, the caller included: 1 leaves each call to its caller (and a job of
///               `fastpar_for_start` to one worker). 0: no cap, as at first. A cap above what a call has
///               changes nothing.
/// @param error  may be NULL
/// @return FASTPAR_OK.
///
/// It holds for every call that begins from now on, and for calls under way as far as helpers still come;
/// threads that work already go on. Members of teams are exempt: they need each other. It is kept over
/// `fastpar_pool_shutdown`, and copied by fork. Never blocks. May be called from any thread, and from inside
/// callbacks and hooks. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_pool_limit(lanes: u32, error: *mut fastpar_error) -> fastpar_status {
    let body = || {
        pool::set_limit(lanes);
        Ok(())
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// Returns what `fastpar_pool_limit` has set.
///
/// @return threads a call; 0: no cap.
///
/// Never blocks. May be called from any thread. Since: 1.0
#[no_mangle]
pub extern "C" fn fastpar_pool_limit_get() -> u32 {
    guard_value(0, pool::limit)
}

/// Returns the calling thread's worker number.
///
/// @return 0 to threads - 1 on a thread of the pool, -1 on any other.
///
/// Never blocks. May be called from any thread. Since: 1.0
#[no_mangle]
pub extern "C" fn fastpar_pool_worker() -> i32 {
    guard_value(-1, || pool::worker().map_or(-1, |worker| worker as i32))
}

/// Reads the pool's statistics since its start.
///
/// @param stats  out, must not be NULL; in: `struct_size`. All zero (but `struct_size`) if the pool does not
///               run.
/// @param error  may be NULL
/// @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: `stats` is NULL, or `struct_size` is not a size of it.
///
/// Times are counted when what takes them has ended; of each thread up to some 20 us may not be in them yet,
/// but those of the calling thread are. The numbers are read one by one while others work: they may be from
/// different instants. Never blocks, but for up to a tenth of a second beside
/// `fastpar_pool_shutdown_within`. May be called from any thread. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_pool_stats_read(
    stats: *mut fastpar_pool_stats,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        // SAFETY: the caller's promise: NULL or a struct that begins with its size.
        let place = unsafe { borrow::sized_output(stats, "stats")? };
        let now = pool::stats();
        place.set(|struct_size| fastpar_pool_stats {
            struct_size,
            threads: now.threads,
            busy: now.busy,
            jobs: now.jobs,
            chunks: now.chunks,
            helpers: now.helpers,
            bytes_in: now.bytes_in,
            bytes_out: now.bytes_out,
            busy_ns: now.busy_ns,
            waiting_ns: now.waiting_ns,
            callback_ns: now.callback_ns,
            codec_ns: now.codec_ns,
            contexts_made: now.contexts_made,
            contexts_reused: now.contexts_reused,
            late_helpers: now.late_helpers,
        });
        Ok(())
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// Waits for the parallel calls under way, then ends and joins every worker thread.
///
/// There is no need to call it before a program ends. A later parallel call starts a new pool with the
/// defaults, whatever options this one had (`fastpar_pool_start` gives it others); so does a call that
/// another thread makes while this one waits. If no pool runs, nothing happens.
///
/// @param error  may be NULL
/// @return FASTPAR_OK; FASTPAR_ERR_BUSY: from inside a callback or a hook, where it would wait for itself; or
///         workers cannot begin or end now, see "Loading" above.
///
/// Blocks until the last callback has returned. A callback that waits for a thread that calls this waits for
/// ever. May be called from any thread that is not inside a callback. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_pool_shutdown(error: *mut fastpar_error) -> fastpar_status {
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, pool::shutdown) }
}

/// Does what `fastpar_pool_shutdown` does, if the calls under way end in time.
///
/// @param timeout_ms  milliseconds; UINT64_MAX: as `fastpar_pool_shutdown`. 0: only if no call is under way
/// @param error       may be NULL
/// @return as `fastpar_pool_shutdown`; FASTPAR_ERR_TIMEOUT: calls or jobs are under way still: the pool
///         goes on, as if this had not been called.
///
/// Calls that other threads begin meanwhile belong to the pool as long as it goes on, and are waited for;
/// while they keep coming each may have to wait for up to a tenth of a second. Once no call is left the
/// workers end, which is waited for however long it takes: some milliseconds, or the rest of a task of the
/// codec. May be called from any thread that is not inside a callback.
/// Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_pool_shutdown_within(
    timeout_ms: u64,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || match borrow::timeout(timeout_ms) {
        Some(timeout) => pool::shutdown_within(timeout),
        None => pool::shutdown(),
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}
