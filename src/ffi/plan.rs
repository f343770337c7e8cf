//! Group "loops", second part: plans, which tell a loop's chunks without running it.

use super::borrow::{self, OptionsStruct, Out};
use super::guard::guard;
use super::loops::{fastpar_chunk, fastpar_loop_options, LoopArguments};
use super::status::{fastpar_error, fastpar_status};
use crate::job;
use std::mem::size_of;

/// How a loop would be cut. Set `struct_size` to `sizeof(fastpar_plan)` before the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fastpar_plan {
    /// `sizeof(fastpar_plan)`.
    pub struct_size: usize,
    /// Items.
    pub count: usize,
    /// Chunks; 0 if there are no items.
    pub chunks: usize,
    /// Items in the largest chunk.
    pub largest: usize,
    /// `fastpar_chunk.lanes` of every chunk: at least 1.
    pub lanes: u32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: integers; begins with struct_size.
unsafe impl OptionsStruct for fastpar_plan {
    const NAME: &'static str = "fastpar_plan";
    const SIZE_V1: usize = size_of::<Self>();
}

/// Tells how a loop would be cut; runs nothing and starts no thread.
///
/// @param options  may be NULL; the same as for the loop. `cancel` and `progress` do not matter.
/// @param count    items, 0 to SIZE_MAX
/// @param plan     out, must not be NULL; in: `struct_size`. Untouched on failure.
/// @param error    may be NULL
/// @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT, FASTPAR_ERR_UNSUPPORTED: an option, `plan`, or the
///         environment.
///
/// A plan depends on the options, the count and, for CACHE, GUIDED and `lanes`, on the threads of the pool.
/// Never blocks. May be called from any thread. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_plan_make(
    options: *const fastpar_loop_options,
    count: usize,
    plan: *mut fastpar_plan,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        // SAFETY: the caller's promise.
        let (arguments, place) =
            unsafe { (LoopArguments::read(options)?, borrow::sized_output(plan, "plan")?) };
        let made = job::plan(arguments.schedule, count, arguments.max_lanes)?;
        place.set(|struct_size| fastpar_plan {
            struct_size,
            count: made.count(),
            chunks: made.chunks(),
            largest: made.largest(),
            lanes: made.lanes(),
            reserved: 0,
        });
        Ok(())
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// Tells one chunk of a loop's plan; runs nothing and starts no thread.
///
/// @param options  may be NULL; the same as for the loop
/// @param count    items, 0 to SIZE_MAX
/// @param index    which chunk, below `fastpar_plan.chunks`
/// @param chunk    out, must not be NULL; `lane` is 0. Untouched on failure.
/// @param error    may be NULL
/// @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT, FASTPAR_ERR_UNSUPPORTED: an option, `index`, `chunk`, or
///         the environment.
///
/// Never blocks. May be called from any thread. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_plan_chunk(
    options: *const fastpar_loop_options,
    count: usize,
    index: usize,
    chunk: *mut fastpar_chunk,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        // SAFETY: the caller's promise.
        let (arguments, place) = unsafe { (LoopArguments::read(options)?, Out::new(chunk, "chunk")?) };
        let plan = job::plan(arguments.schedule, count, arguments.max_lanes)?;
        let (begin, end) = plan.bounds(index)?;
        place.set(fastpar_chunk { index, begin, end, lane: 0, lanes: plan.lanes() });
        Ok(())
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}
