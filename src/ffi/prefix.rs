//! Group "loops", fourth part: prefix sums.

use super::guard::guard;
use super::loops::{fastpar_chunk, fastpar_loop_options, foreign_chunk, LoopArguments};
use super::reduce::{answer, fastpar_combine_fn, fastpar_fold_fn, Accumulators, Fold, Reduction};
use super::status::{fastpar_error, fastpar_status};
use crate::error::{Error, ErrorKind, Result};
use crate::job::{self, Chunk, Passes};
use std::ffi::c_void;
use std::ops::ControlFlow;

/// Called for one chunk of a prefix sum, with what comes before it.
///
/// Like `fastpar_chunk_fn`; each chunk is given out exactly once, after it was folded.
///
/// @param user_data  the `user_data` of the call
/// @param chunk      valid until the callback returns
/// @param before     identity and all chunks before, combined; `accumulator_size` bytes, aligned to
///                   128; valid until the callback returns
/// @return 0 to go on; anything else stops the call, which returns FASTPAR_ERR_CALLBACK with this value
///         in `error->code`.
pub type fastpar_apply_fn = Option<
    unsafe extern "C" fn(user_data: *mut c_void, chunk: *const fastpar_chunk, before: *const c_void) -> i32,
>;

/// The program's side of the second pass.
struct Apply {
    function: unsafe extern "C" fn(*mut c_void, *const fastpar_chunk, *const c_void) -> i32,
    user_data: *mut c_void,
}

// SAFETY: the program promises that the callback may be called from several threads at the same time.
unsafe impl Sync for Apply {}

impl Apply {
    fn new(function: fastpar_apply_fn, user_data: *mut c_void) -> Result<Self> {
        let function = function.ok_or_else(|| Error::new(ErrorKind::InvalidArgument, "apply is NULL"))?;
        Ok(Self { function, user_data })
    }

    fn call(&self, chunk: &Chunk, before: *const c_void) -> ControlFlow<i32> {
        // SAFETY: the accumulator is only read now; the program promises the rest.
        answer(unsafe { (self.function)(self.user_data, foreign_chunk(chunk), before) })
    }
}

/// Accumulators of one wave, and how many.
type Wave = Option<(Accumulators, usize)>;

/// Folds the chunks of `[0, count)`, combines what came of them in chunk order, and gives each chunk
/// the combination of all chunks before it: prefix sums, counting and then filling, running maxima.
///
/// Equivalent to this serial code, but for the threads:
///
/// ```c
/// T total = *accumulator;                               // the identity, such as 0 for a sum
/// for (size_t i = 0; i < plan.chunks; i++) {            // plan: what fastpar_plan_make tells
///     T part = *accumulator, before = total;
///     fastpar_chunk chunk;
///     fastpar_plan_chunk(options, count, i, &chunk, NULL);
///     if (fold(user_data, &chunk, &part) != 0) return FASTPAR_ERR_CALLBACK;
///     if (combine(user_data, &total, &part) != 0) return FASTPAR_ERR_CALLBACK;
///     if (apply(user_data, &chunk, &before) != 0) return FASTPAR_ERR_CALLBACK;
/// }
/// *accumulator = total;
/// return FASTPAR_OK;
/// ```
///
/// A prefix sum of an array: `fold` adds the items of its chunk, `combine` adds two sums, and `apply`
/// begins with `before` and writes a sum for each of its items. Of every 16,384 chunks all are folded
/// before one is applied; `apply` may write where `fold` of the same chunk has read. For one plan the
/// results are the same to the bit however many threads ran it (see `fastpar_reduce`).
///
/// @param options           may be NULL: 24 segments on every thread of the pool. Progress: items that
///                          are done are applied; those that are only folded count half.
/// @param count             items, 0 to SIZE_MAX; 0: no callback, the identity is the total
/// @param fold              must not be NULL
/// @param combine           must not be NULL
/// @param apply             must not be NULL
/// @param user_data         given to all; may be NULL
/// @param accumulator       in: the identity; out: the total, untouched on failure. Must not be NULL.
///                          It is copied as bytes: no constructors, no addresses of itself.
/// @param accumulator_size  its bytes, at least 1. Memory is taken as by `fastpar_reduce`.
/// @param error             may be NULL
/// @return as `fastpar_reduce`. After a failure some chunks may have been applied.
///
/// Blocks, threads and nesting: as `fastpar_for`. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_prefix(
    options: *const fastpar_loop_options,
    count: usize,
    fold: fastpar_fold_fn,
    combine: fastpar_combine_fn,
    apply: fastpar_apply_fn,
    user_data: *mut c_void,
    accumulator: *mut c_void,
    accumulator_size: usize,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        // SAFETY: the caller's promise.
        let arguments = unsafe { LoopArguments::read(options)? };
        let fold = Fold::new(fold, user_data)?;
        let apply = Apply::new(apply, user_data)?;
        // SAFETY: the caller's promise.
        let sums = unsafe { Reduction::new(combine, user_data, accumulator, accumulator_size)? };
        let mut wave = None;
        let passes = Passes {
            prepare: |wave: &mut Wave, slots: usize| {
                *wave = Some((sums.allocate(slots.saturating_add(1))?, slots));
                Ok(())
            },
            fold: |wave: &Wave, slot: usize, chunk: &Chunk| match wave {
                Some((made, _)) => fold.call(chunk, sums.begin(made, slot)),
                None => ControlFlow::Continue(()),
            },
            combine: |wave: &mut Wave, slot: usize| match wave {
                Some((made, spare)) => sums.combine_keeping(made, slot, *spare),
                None => ControlFlow::Continue(()),
            },
            apply: |wave: &Wave, slot: usize, chunk: &Chunk| match wave {
                Some((made, _)) => apply.call(chunk, Reduction::before(made, slot)),
                None => ControlFlow::Continue(()),
            },
        };
        arguments.control(|control| {
            job::prefix_slots(arguments.schedule, count, control, sums.stride(), &mut wave, passes)
        })?;
        if let Some((made, _)) = wave {
            sums.end(&made);
        }
        Ok(())
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}
