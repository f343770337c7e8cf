//! Group "loops": a callback for every chunk of a range.

use super::borrow::{self, OptionsStruct};
use super::guard::{guard, guard_value};
use super::status::{fastpar_error, fastpar_status};
use crate::error::{Error, ErrorKind, Result};
use crate::job::{self, Chunk, Control};
use crate::plan::Schedule;
use std::ffi::{c_char, c_void, CStr};
use std::mem::{align_of, offset_of, size_of};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicI32, Ordering};

/// `segments` chunks whose sizes differ by at most one item. The default.
pub const FASTPAR_SCHEDULE_SEGMENTS: u32 = 0;
/// Chunks so small that a chunk for every lane fits into `cache_bytes` at the same time, in whole waves of
/// one chunk a lane.
pub const FASTPAR_SCHEDULE_CACHE: u32 = 1;
/// Chunks of `grain` items.
pub const FASTPAR_SCHEDULE_GRAIN: u32 = 2;
/// Chunks that shrink from half a fair share down to `grain` items.
pub const FASTPAR_SCHEDULE_GUIDED: u32 = 3;

/// `fastpar_loop_options.flags`, with FASTPAR_SCHEDULE_CACHE: `cache_bytes`, which must be 0, is half of what
/// the last-level caches of this machine have together; 64 MiB where the system does not tell.
pub const FASTPAR_LOOP_CACHE_DETECT: u32 = 1;

/// A piece of a range, as a callback sees it: the items `[begin, end)`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fastpar_chunk {
    /// Its number among the chunks, 0 to chunks - 1.
    pub index: usize,
    /// Its first item.
    pub begin: usize,
    /// One past its last item; `begin < end`.
    pub end: usize,
    /// A number below `lanes` that no other thread holds while this one works for the call: lanes index
    /// per-thread scratch memory without locks. The thread that made the call is lane 0.
    pub lane: u32,
    /// How many lanes there are, at most the threads of the pool; the same for all chunks of a call.
    pub lanes: u32,
}

// The core's chunk is handed out as it is.
const _: () = {
    assert!(size_of::<Chunk>() == size_of::<fastpar_chunk>());
    assert!(offset_of!(Chunk, index) == offset_of!(fastpar_chunk, index));
    assert!(offset_of!(Chunk, begin) == offset_of!(fastpar_chunk, begin));
    assert!(offset_of!(Chunk, end) == offset_of!(fastpar_chunk, end));
    assert!(offset_of!(Chunk, lane) == offset_of!(fastpar_chunk, lane));
    assert!(offset_of!(Chunk, lanes) == offset_of!(fastpar_chunk, lanes));
};

/// The C form of a chunk.
#[inline]
pub(super) fn foreign_chunk(chunk: &Chunk) -> *const fastpar_chunk {
    std::ptr::from_ref(chunk).cast()
}

/// Called for one chunk.
///
/// Each chunk is given out exactly once, to the calling thread or to a worker, several at the same time,
/// starting in about rising order. It may call every function of fastpar except `fastpar_pool_shutdown` and
/// `fastpar_pool_hook`. It must return normally: a C++ exception or a longjmp through it is undefined.
///
/// @param user_data  the `user_data` of the call
/// @param chunk      valid until the callback returns
/// @return 0 to go on; anything else stops the call, which returns FASTPAR_ERR_CALLBACK with this value in
///         `error->code`.
pub type fastpar_chunk_fn =
    Option<unsafe extern "C" fn(user_data: *mut c_void, chunk: *const fastpar_chunk) -> i32>;

/// Called with how far a call is: at most about 20 times a second, and once at the end of a call that
/// succeeds.
///
/// Called from the threads that work, never from two at the same time. Must return normally.
///
/// @param user_data  the `progress_data` of the options
/// @param done       items or bytes done
/// @param total      all items or bytes; UINT64_MAX: not known
/// @return 0 to go on; anything else cancels the call (FASTPAR_ERR_CANCELLED). At the end the value is
///         ignored.
pub type fastpar_progress_fn =
    Option<unsafe extern "C" fn(user_data: *mut c_void, done: u64, total: u64) -> i32>;

/// Options of a loop. Set `struct_size` to `sizeof(fastpar_loop_options)` and every field you do not need to
/// zero. A field that the schedule does not use, but is not zero, is FASTPAR_ERR_INVALID_ARGUMENT.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fastpar_loop_options {
    /// `sizeof(fastpar_loop_options)`.
    pub struct_size: usize,
    /// FASTPAR_SCHEDULE_SEGMENTS, _CACHE, _GRAIN or _GUIDED.
    pub schedule: u32,
    /// Threads that work on the loop at the same time, the caller included. 0: every thread of the pool.
    pub max_lanes: u32,
    /// SEGMENTS only: how many chunks; `min(segments, count)` are made, and their sizes differ by at most one
    /// item. 0: 24.
    pub segments: usize,
    /// GRAIN: items per chunk, 0: about 1/768 of the range. GUIDED: the smallest chunk, 0: about 1/64 of a
    /// fair share.
    pub grain: usize,
    /// CACHE only: bytes per item. 0: 1.
    pub item_size: usize,
    /// CACHE only: all lanes' chunks together stay within it. 0: 64 MiB (L3 of a Ryzen 9 7900X).
    pub cache_bytes: usize,
    /// May be NULL. A flag, 0 at first, that any thread may set by `fastpar_cancel` while the call runs.
    pub cancel: *const i32,
    /// May be NULL. Called with how many items are done.
    pub progress: fastpar_progress_fn,
    /// Given to `progress`.
    pub progress_data: *mut c_void,
    /// FASTPAR_LOOP_CACHE_DETECT, or 0.
    pub flags: u32,
    /// 0.
    pub reserved: u32,
    /// May be NULL. What traces call the loop, UTF-8; read when the call begins. A trace keeps 1,000
    /// different names, and 200 bytes of each.
    pub name: *const c_char,
}

// SAFETY: integers and nullable pointers and functions; zero is the default of each; begins with struct_size.
unsafe impl OptionsStruct for fastpar_loop_options {
    const NAME: &'static str = "fastpar_loop_options";
    const SIZE_V1: usize = offset_of!(Self, flags);
}

/// A progress callback of the program, as the core calls it.
pub(super) struct ForeignProgress {
    function: fastpar_progress_fn,
    user_data: *mut c_void,
}

// SAFETY: the program promises that the callback may be called from the threads that work; fastpar serializes
// it.
unsafe impl Sync for ForeignProgress {}
// SAFETY: as above.
unsafe impl Send for ForeignProgress {}

impl ForeignProgress {
    pub(super) fn new(function: fastpar_progress_fn, user_data: *mut c_void) -> Self {
        Self { function, user_data }
    }

    pub(super) fn is_set(&self) -> bool {
        self.function.is_some()
    }

    pub(super) fn report(&self, done: u64, total: u64) -> ControlFlow<()> {
        let Some(function) = self.function else { return ControlFlow::Continue(()) };
        // SAFETY: the program promises that the callback may be called with its data while the call runs.
        match unsafe { function(self.user_data, done, total) } {
            0 => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        }
    }
}

/// A chunk callback of the program, as the core calls it.
pub(super) struct ForeignBody {
    function: unsafe extern "C" fn(*mut c_void, *const fastpar_chunk) -> i32,
    user_data: *mut c_void,
}

// SAFETY: the program promises that the callback may be called from several threads at the same time.
unsafe impl Sync for ForeignBody {}
// SAFETY: as above.
unsafe impl Send for ForeignBody {}

impl ForeignBody {
    pub(super) fn new(function: fastpar_chunk_fn, user_data: *mut c_void) -> Result<Self> {
        match function {
            Some(function) => Ok(Self { function, user_data }),
            None => Err(Error::new(ErrorKind::InvalidArgument, "the chunk callback is NULL")),
        }
    }

    #[inline]
    pub(super) fn call(&self, chunk: &Chunk) -> ControlFlow<i32> {
        // SAFETY: the program promises that the callback may be called with its data while the call runs.
        match unsafe { (self.function)(self.user_data, foreign_chunk(chunk)) } {
            0 => ControlFlow::Continue(()),
            code => ControlFlow::Break(code),
        }
    }
}

/// Refuses options that mean nothing beside the others: the caller expects something of them.
#[inline]
fn check_unused(raw: &fastpar_loop_options) -> Result<()> {
    let used_by_cache = raw.item_size | raw.cache_bytes | raw.flags as usize;
    let unused = match raw.schedule {
        FASTPAR_SCHEDULE_SEGMENTS => raw.grain | used_by_cache,
        FASTPAR_SCHEDULE_CACHE => raw.segments | raw.grain,
        _ => raw.segments | used_by_cache,
    };
    if unused | raw.reserved as usize == 0 && raw.flags == 0 {
        return Ok(());
    }
    check_flags(raw)?;
    if unused == 0 {
        Ok(())
    } else {
        Err(unused_option(raw))
    }
}

#[cold]
fn check_flags(raw: &fastpar_loop_options) -> Result<()> {
    let invalid = |message: String| Err(Error::new(ErrorKind::InvalidArgument, message));
    if raw.flags & !FASTPAR_LOOP_CACHE_DETECT != 0 || raw.reserved != 0 {
        return invalid(format!(
            "flags is {:#x} and reserved {}, expected FASTPAR_LOOP_CACHE_DETECT (1) or 0, and 0",
            raw.flags, raw.reserved
        ));
    }
    if raw.flags != 0 && raw.cache_bytes != 0 {
        return invalid(format!("cache_bytes is {}, but FASTPAR_LOOP_CACHE_DETECT wants 0", raw.cache_bytes));
    }
    Ok(())
}

#[cold]
fn unused_option(raw: &fastpar_loop_options) -> Error {
    let cache = ("FASTPAR_SCHEDULE_CACHE", raw.schedule == FASTPAR_SCHEDULE_CACHE);
    let segments = ("FASTPAR_SCHEDULE_SEGMENTS", raw.schedule == FASTPAR_SCHEDULE_SEGMENTS);
    let grain = ("FASTPAR_SCHEDULE_GRAIN and _GUIDED", !cache.1 && !segments.1);
    let options = [
        ("segments", raw.segments, segments),
        ("grain", raw.grain, grain),
        ("item_size", raw.item_size, cache),
        ("cache_bytes", raw.cache_bytes, cache),
        ("flags", raw.flags as usize, cache),
    ];
    let unused = options.iter().find(|(_, value, (_, used))| *value != 0 && !used);
    let text = unused.map(|(name, value, (user, _))| format!("{name} is {value}, which is for {user} only"));
    Error::new(ErrorKind::InvalidArgument, text.unwrap_or_default())
}

/// The options of a loop, checked.
pub(super) struct LoopArguments<'a> {
    pub(super) schedule: Schedule,
    pub(super) max_lanes: u32,
    pub(super) cancel: Option<&'a AtomicI32>,
    pub(super) progress: ForeignProgress,
    pub(super) name: Option<&'a CStr>,
}

impl LoopArguments<'_> {
    /// # Safety
    /// `options` is NULL or a valid struct whose pointers live for `'a`.
    pub(super) unsafe fn read(options: *const fastpar_loop_options) -> Result<Self> {
        if options.is_null() {
            // Short loops are called so: nothing to check.
            let progress = ForeignProgress::new(None, std::ptr::null_mut());
            return Ok(Self {
                schedule: Schedule::default(),
                max_lanes: 0,
                cancel: None,
                progress,
                name: None,
            });
        }
        // SAFETY: the caller's promise.
        let raw = unsafe { borrow::options(options)? };
        let schedule = match raw.schedule {
            FASTPAR_SCHEDULE_SEGMENTS => Schedule::Segments { segments: raw.segments },
            FASTPAR_SCHEDULE_CACHE => {
                let detect = raw.flags & FASTPAR_LOOP_CACHE_DETECT != 0;
                let cache_bytes = if detect { job::half_of_caches() } else { raw.cache_bytes };
                Schedule::Cache { item_size: raw.item_size, cache_bytes }
            }
            FASTPAR_SCHEDULE_GRAIN => Schedule::Grain { grain: raw.grain },
            FASTPAR_SCHEDULE_GUIDED => Schedule::Guided { grain: raw.grain },
            other => {
                return Err(Error::new(
                    ErrorKind::InvalidArgument,
                    format!("schedule is {other}, expected FASTPAR_SCHEDULE_SEGMENTS (0) to _GUIDED (3)"),
                ))
            }
        };
        check_unused(&raw)?;
        // SAFETY: the caller's promise.
        let cancel = unsafe { borrow::cancel_flag(raw.cancel)? };
        let progress = ForeignProgress::new(raw.progress, raw.progress_data);
        // SAFETY: the caller's promise.
        let name = unsafe { borrow::name(raw.name) };
        Ok(Self { schedule, max_lanes: raw.max_lanes, cancel, progress, name })
    }

    /// Runs `with` with the core's form of the options.
    pub(super) fn control<R>(&self, with: impl FnOnce(&Control<'_>) -> R) -> R {
        let report = |done, total| self.progress.report(done, total);
        with(&Control {
            max_lanes: self.max_lanes,
            cancel: self.cancel,
            progress: if self.progress.is_set() { Some(&report) } else { None },
            name: self.name,
        })
    }
}

/// Calls a function for every chunk of `[0, count)`, in parallel, and returns when all calls have returned.
///
/// Equivalent to this serial loop, but for the threads and the order:
///
/// ```c
/// for (size_t i = 0; i < plan.chunks; i++) {          // plan: what fastpar_plan_make tells
///     fastpar_chunk chunk;
///     fastpar_plan_chunk(options, count, i, &chunk, NULL);
///     int32_t code = body(user_data, &chunk);
///     if (code != 0) return FASTPAR_ERR_CALLBACK;
/// }
/// return FASTPAR_OK;
/// ```
///
/// Work that differs from item to item: FASTPAR_SCHEDULE_GUIDED, whose chunks shrink, so that no thread is
/// left with a long chunk at the end. (24 threads, cost that grows along the range: 784 ms by 24 segments,
/// 408 ms GUIDED, 400 ms would be ideal.)
///
/// The calling thread works too. What callbacks wrote is visible when the call returns. After a failure or a
/// cancel no new chunk starts; the chunks in flight finish first.
///
/// @param options    may be NULL: 24 segments on every thread of the pool
/// @param count      items, 0 to SIZE_MAX; 0: no callback
/// @param body       must not be NULL
/// @param user_data  given to `body`; may be NULL
/// @param error      may be NULL
/// @return FASTPAR_OK: every chunk was done exactly once; FASTPAR_ERR_CALLBACK: a callback returned non-zero:
///         `error->code` is its value, `error->position` the chunk (if several did, the lowest);
///         FASTPAR_ERR_CANCELLED: by the flag (whenever it was set before the return) or by the progress
///         callback; FASTPAR_ERR_INVALID_ARGUMENT, FASTPAR_ERR_UNSUPPORTED: an option;
///         FASTPAR_ERR_OUT_OF_MEMORY: the pool could not be started (without threads the caller works alone);
///         another status: a callback has set it by `fastpar_fail`; FASTPAR_ERR_LIMIT_EXCEEDED: the calling
///         thread is inside 128 calls, each in a callback of the call before; FASTPAR_ERR_BUSY: from inside a
///         hook.
///
/// Blocks until every callback has returned. May be called from any thread, by any number at a time, and from
/// inside callbacks (nested): a loop never waits for a free worker, as its caller can finish it alone. Since:
/// 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_for(
    options: *const fastpar_loop_options,
    count: usize,
    body: fastpar_chunk_fn,
    user_data: *mut c_void,
    error: *mut fastpar_error,
) -> fastpar_status {
    let run = || {
        // SAFETY: the caller's promise.
        let arguments = unsafe { LoopArguments::read(options)? };
        let body = ForeignBody::new(body, user_data)?;
        arguments.control(|control| {
            job::for_each_chunk(arguments.schedule, count, control, move |chunk: &Chunk| body.call(chunk))
        })
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, run) }
}

/// Sets a cancel flag: calls that were given it start no new chunk, and return FASTPAR_ERR_CANCELLED.
///
/// @param flag  an int32_t of the caller's, 0 before; NULL or misaligned: nothing happens. It stays set until
///              the caller writes 0 again, which it may do when no call uses it.
///
/// Never blocks. May be called from any thread, from callbacks and from signal handlers. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_cancel(flag: *mut i32) {
    guard_value((), || {
        if !flag.is_null() && flag as usize % align_of::<AtomicI32>() == 0 {
            // SAFETY: aligned, not NULL, alive by the caller's promise. Relaxed: the flag carries no data.
            unsafe { &*flag.cast::<AtomicI32>() }.store(1, Ordering::Relaxed);
        }
    });
}
