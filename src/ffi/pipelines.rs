//! Group "pipelines": in order in, in parallel, in order out.

use super::borrow::{self, OptionsStruct};
use super::groups::fastpar_drop_fn;
use super::guard::guard;
use super::status::{fastpar_error, fastpar_status};
use crate::error::{Error, ErrorKind, Result};
use crate::job::{run_pipeline, PipelineOptions, Steps};
use std::ffi::{c_char, c_void};
use std::mem::offset_of;
use std::ops::ControlFlow;

/// Gives a pipeline its next item.
///
/// Called on the thread that runs the pipeline, while fewer items than `in_flight` are under way. It may call
/// every function of fastpar except `fastpar_pool_shutdown` and `fastpar_pool_hook`. It must return normally:
/// no C++ exception, no longjmp.
///
/// @param user_data  the `user_data` of the call
/// @param item       out: the item; it is NULL before, and NULL is the end
/// @return 0 to go on; anything else ends the pipeline, which returns FASTPAR_ERR_CALLBACK with this value in
///         `error->code`, and takes no item.
pub type fastpar_feed_fn =
    Option<unsafe extern "C" fn(user_data: *mut c_void, item: *mut *mut c_void) -> i32>;

/// Works on an item of a pipeline, or takes one.
///
/// As to what it may call, and how it returns, as `fastpar_feed_fn`.
///
/// @param user_data  the `user_data` of the call
/// @param item       the item
/// @param lane       work: a number below `fastpar_pool_threads()`, and below `max_lanes` if that is not 0,
///                   that no other thread of the call has meanwhile; take: 0
/// @return 0 to go on; anything else ends the pipeline, which returns FASTPAR_ERR_CALLBACK with this value in
///         `error->code`
pub type fastpar_item_fn =
    Option<unsafe extern "C" fn(user_data: *mut c_void, item: *mut c_void, lane: u32) -> i32>;

/// Options of a pipeline. Set `struct_size` to `sizeof(fastpar_pipeline_options)` and every field you do not
/// need to zero.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fastpar_pipeline_options {
    /// `sizeof(fastpar_pipeline_options)`.
    pub struct_size: usize,
    /// Threads that work on items at the same time, the caller included. 0: every thread of the pool.
    pub max_lanes: u32,
    /// The most items that were fed and are not taken yet: it bounds the memory. 0: twice the lanes.
    pub in_flight: u32,
    /// May be NULL. A flag, 0 at first, that any thread may set by `fastpar_cancel` while the call runs.
    pub cancel: *const i32,
    /// May be NULL. After a failure or a cancel called on the calling thread, with the `user_data` of the
    /// call, once for each item that was fed and will not be taken.
    pub drop: fastpar_drop_fn,
    /// May be NULL. What traces call the pipeline, as `fastpar_loop_options.name`.
    pub name: *const c_char,
}

// SAFETY: integers and nullable pointers and functions; zero is the default of each; begins with struct_size.
unsafe impl OptionsStruct for fastpar_pipeline_options {
    const NAME: &'static str = "fastpar_pipeline_options";
    const SIZE_V1: usize = offset_of!(Self, name);
}

/// An item of the program.
#[derive(Clone, Copy)]
struct ForeignItem(*mut c_void);

// SAFETY: the program promises that its items may be worked on by any thread.
unsafe impl Send for ForeignItem {}

type ItemFunction = unsafe extern "C" fn(*mut c_void, *mut c_void, u32) -> i32;

/// The program's side of a pipeline.
struct ForeignSteps {
    feed: unsafe extern "C" fn(*mut c_void, *mut *mut c_void) -> i32,
    work: ItemFunction,
    take: ItemFunction,
    drop: fastpar_drop_fn,
    user_data: *mut c_void,
}

// SAFETY: the program promises that `work` may be called from several threads at the same time; the others
// are called by the caller alone.
unsafe impl Send for ForeignSteps {}
// SAFETY: as above.
unsafe impl Sync for ForeignSteps {}

fn answer<R>(code: i32, result: R) -> ControlFlow<i32, R> {
    match code {
        0 => ControlFlow::Continue(result),
        code => ControlFlow::Break(code),
    }
}

impl Steps for ForeignSteps {
    type Item = ForeignItem;

    fn feed(&self) -> ControlFlow<i32, Option<ForeignItem>> {
        let mut item = std::ptr::null_mut();
        // SAFETY: the program promises that the callback may be called with its data while the call runs.
        let code = unsafe { (self.feed)(self.user_data, &mut item) };
        answer(code, (!item.is_null()).then_some(ForeignItem(item)))
    }

    fn work(&self, item: ForeignItem, lane: u32) -> ControlFlow<i32> {
        // SAFETY: as above.
        answer(unsafe { (self.work)(self.user_data, item.0, lane) }, ())
    }

    fn take(&self, item: ForeignItem) -> ControlFlow<i32> {
        // SAFETY: as above.
        answer(unsafe { (self.take)(self.user_data, item.0, 0) }, ())
    }

    fn discard(&self, item: ForeignItem) {
        if let Some(function) = self.drop {
            // SAFETY: as above.
            unsafe { function(self.user_data, item.0) };
        }
    }
}

/// Feeds items in order, works on them in parallel, and takes them in order.
///
/// Equivalent to this, but for the threads:
///
/// ```c
/// void *item = NULL;
/// while (feed(user_data, &item) == 0 && item != NULL) {
///     if (work(user_data, item, 0) != 0 || take(user_data, item, 0) != 0) return FASTPAR_ERR_CALLBACK;
///     item = NULL;
/// }
/// return FASTPAR_OK;
/// ```
///
/// For files that are read, converted and written in pieces: `feed` allocates a piece, `work` converts it,
/// `take` writes and frees it, and `drop` frees it where something fails. The memory is bounded: while
/// `in_flight` items are under way nothing is fed. What is done and first in order is taken before `feed` is
/// called again, which may take long. The calling thread works too while it has nothing to feed and nothing
/// to take; where no other thread works for it, each item is taken before the next is fed. A `feed` that
/// waits for what `take` does needs an `in_flight` of 1.
///
/// Each item that `feed` set and returned 0 for reaches `take`, whatever that returns, or `drop`, once. When
/// the work on an item fails, no later one is begun or taken; those before it are taken first. A failure of
/// `feed` or `take`, and a cancel, drop everything that is not taken. Of several items whose work failed the
/// lowest is reported.
///
/// @param options    may be NULL: every thread of the pool, no `drop`
/// @param feed       must not be NULL
/// @param work       must not be NULL; called on any thread, several at the same time
/// @param take       must not be NULL; called on the calling thread
/// @param user_data  given to all of them; may be NULL
/// @param error      may be NULL
/// @return FASTPAR_OK: all items were taken; FASTPAR_ERR_CALLBACK: a callback returned non-zero:
///         `error->code` is its value, `error->position` the number of the item, from 0; another status: a
///         callback has set it by `fastpar_fail`;
///         FASTPAR_ERR_CANCELLED: the flag was set before the return, and nothing
///         failed; FASTPAR_ERR_INVALID_ARGUMENT, FASTPAR_ERR_UNSUPPORTED: an option, or a callback is NULL;
///         FASTPAR_ERR_OUT_OF_MEMORY: for an item's place, or the pool; FASTPAR_ERR_LIMIT_EXCEEDED,
///         FASTPAR_ERR_BUSY: as `fastpar_for`; FASTPAR_ERR_THREADS: in a child that a callback forked, where
///         no item is dropped.
///
/// Blocks until the last item is taken or dropped. May be called from any thread, by any number at a time,
/// and from inside callbacks (nested): the caller can finish it alone. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_pipeline_run(
    options: *const fastpar_pipeline_options,
    feed: fastpar_feed_fn,
    work: fastpar_item_fn,
    take: fastpar_item_fn,
    user_data: *mut c_void,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || -> Result<()> {
        // SAFETY: the caller's promise.
        let raw = unsafe { borrow::options(options)? };
        // SAFETY: the caller's promise.
        let cancel = unsafe { borrow::cancel_flag(raw.cancel)? };
        // SAFETY: the caller's promise.
        let name = unsafe { borrow::name(raw.name) };
        let missing = |name: &'static str| move || Error::new(ErrorKind::InvalidArgument, name);
        let steps = ForeignSteps {
            feed: feed.ok_or_else(missing("feed is NULL"))?,
            work: work.ok_or_else(missing("work is NULL"))?,
            take: take.ok_or_else(missing("take is NULL"))?,
            drop: raw.drop,
            user_data,
        };
        let fastpar_pipeline_options { max_lanes, in_flight, .. } = raw;
        run_pipeline(steps, &PipelineOptions { max_lanes, in_flight, cancel, name })
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}
