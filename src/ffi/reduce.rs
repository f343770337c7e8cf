//! Group "loops", third part: reductions.

use super::guard::guard;
use super::loops::{fastpar_chunk, fastpar_loop_options, foreign_chunk, LoopArguments};
use super::status::{fastpar_error, fastpar_status};
use crate::error::{Error, ErrorKind, Result};
use crate::job::{self, Chunk};
use std::alloc::{alloc, dealloc, Layout};
use std::ffi::c_void;
use std::ops::ControlFlow;
use std::ptr::{self, NonNull};

/// Called for one chunk of a reduction: adds the chunk's items to an accumulator.
///
/// Like `fastpar_chunk_fn`, but for the accumulator: it begins as a copy of the identity, belongs to this
/// chunk alone, and is aligned to 128 bytes.
///
/// @param user_data    the `user_data` of the call
/// @param chunk        valid until the callback returns
/// @param accumulator  in and out, `accumulator_size` bytes, valid until the callback returns
/// @return 0 to go on; anything else stops the call, which returns FASTPAR_ERR_CALLBACK with this value in
///         `error->code`.
pub type fastpar_fold_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        chunk: *const fastpar_chunk,
        accumulator: *mut c_void,
    ) -> i32,
>;

/// Adds the accumulator of one chunk to the result.
///
/// Called by the calling thread only, in rising order of chunks. Must return normally.
///
/// @param user_data  the `user_data` of the call
/// @param into       in and out: identity and all chunks before; `accumulator_size` bytes, aligned to 128
/// @param from       the next chunk's accumulator, aligned to 128
/// @return 0 to go on; anything else stops the call, which returns FASTPAR_ERR_CALLBACK with this value in
///         `error->code`.
pub type fastpar_combine_fn =
    Option<unsafe extern "C" fn(user_data: *mut c_void, into: *mut c_void, from: *const c_void) -> i32>;

/// No two accumulators share a cache line, or a pair of lines that the processor fetches together.
const ALIGNMENT: usize = 128;

/// Accumulators of the program's own type, as bytes. The first is the result.
pub(super) struct Accumulators {
    memory: NonNull<u8>,
    layout: Layout,
    stride: usize,
}

// SAFETY: plain memory; each accumulator is used by one thread at a time (see `fold` below).
unsafe impl Sync for Accumulators {}

impl Accumulators {
    fn allocate(count: usize, stride: usize) -> Result<Self> {
        let bytes = count.checked_mul(stride);
        let layout = bytes.and_then(|bytes| Layout::from_size_align(bytes, ALIGNMENT).ok());
        let no_memory = || {
            Error::new(
                ErrorKind::OutOfMemory,
                format!("no memory for {count} accumulators of {stride} bytes"),
            )
        };
        let layout = layout.ok_or_else(no_memory)?;
        // SAFETY: the size is not zero: at least one accumulator of at least ALIGNMENT bytes.
        let memory = NonNull::new(unsafe { alloc(layout) }).ok_or_else(no_memory)?;
        Ok(Self { memory, layout, stride })
    }

    /// Accumulator `index`, which must have been allocated.
    fn get(&self, index: usize) -> *mut u8 {
        debug_assert!(index < self.layout.size() / self.stride);
        // SAFETY: inside the allocation.
        unsafe { self.memory.as_ptr().add(index * self.stride) }
    }
}

impl Drop for Accumulators {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout.
        unsafe { dealloc(self.memory.as_ptr(), self.layout) };
    }
}

/// The program's side of a reduction, but for the folding.
pub(super) struct Reduction {
    combine: unsafe extern "C" fn(*mut c_void, *mut c_void, *const c_void) -> i32,
    user_data: *mut c_void,
    accumulator: *mut u8,
    size: usize,
    stride: usize,
}

// SAFETY: the program's accumulator is only read until `end`, which the calling thread calls.
unsafe impl Sync for Reduction {}

impl Reduction {
    /// Checks the arguments of a reduction.
    ///
    /// # Safety
    /// `accumulator` is NULL or valid for reading and writing `size` bytes as long as the value lives;
    /// `combine` may be called with `user_data` then.
    pub(super) unsafe fn new(
        combine: fastpar_combine_fn,
        user_data: *mut c_void,
        accumulator: *mut c_void,
        size: usize,
    ) -> Result<Self> {
        let invalid = |message: &'static str| Error::new(ErrorKind::InvalidArgument, message);
        let combine = combine.ok_or_else(|| invalid("combine is NULL"))?;
        if accumulator.is_null() {
            return Err(invalid("accumulator is NULL"));
        }
        let stride = size.checked_next_multiple_of(ALIGNMENT).filter(|&stride| stride > 0);
        let stride =
            stride.ok_or_else(|| invalid("accumulator_size is 0, or more than any buffer can have"))?;
        Ok(Self { combine, user_data, accumulator: accumulator.cast(), size, stride })
    }

    /// The bytes of an accumulator with its padding.
    pub(super) fn stride(&self) -> usize {
        self.stride
    }

    /// Accumulators for the result, which is the identity, and for `slots` parts.
    pub(super) fn allocate(&self, slots: usize) -> Result<Accumulators> {
        let made = Accumulators::allocate(slots.saturating_add(1), self.stride)?;
        // SAFETY: both are `size` bytes and apart.
        unsafe { ptr::copy_nonoverlapping(self.accumulator, made.get(0), self.size) };
        Ok(made)
    }

    /// The accumulator of a part, which is the identity.
    pub(super) fn begin(&self, made: &Accumulators, slot: usize) -> *mut c_void {
        let accumulator = made.get(1 + slot);
        // SAFETY: both are `size` bytes and apart; the accumulator belongs to this part alone.
        unsafe { ptr::copy_nonoverlapping(self.accumulator, accumulator, self.size) };
        accumulator.cast()
    }

    /// Adds the accumulator of a part to the result.
    pub(super) fn combine(&self, made: &Accumulators, slot: usize) -> ControlFlow<i32> {
        let (into, from) = (made.get(0).cast(), made.get(1 + slot).cast());
        // SAFETY: both are accumulators, used by this thread alone now; the program promises the rest.
        answer(unsafe { (self.combine)(self.user_data, into, from) })
    }

    /// The same, and the accumulator becomes what the result was before; `spare`: an accumulator of no part.
    pub(super) fn combine_keeping(&self, made: &Accumulators, slot: usize, spare: usize) -> ControlFlow<i32> {
        let (result, kept, part) = (made.get(0), made.get(1 + spare), made.get(1 + slot));
        // SAFETY: accumulators of this size, apart from each other, and used by this thread alone now.
        unsafe { ptr::copy_nonoverlapping(result, kept, self.size) };
        self.combine(made, slot)?;
        // SAFETY: as above.
        unsafe { ptr::copy_nonoverlapping(kept, part, self.size) };
        ControlFlow::Continue(())
    }

    /// What `combine_keeping` has made of the accumulator of a part.
    pub(super) fn before(made: &Accumulators, slot: usize) -> *const c_void {
        made.get(1 + slot).cast_const().cast()
    }

    /// Gives the result to the program.
    pub(super) fn end(&self, made: &Accumulators) {
        // SAFETY: the program's accumulator is valid for writing its size, and not inside our allocation.
        unsafe { ptr::copy_nonoverlapping(made.get(0), self.accumulator, self.size) };
    }
}

/// The program's side of the folding.
pub(super) struct Fold {
    function: unsafe extern "C" fn(*mut c_void, *const fastpar_chunk, *mut c_void) -> i32,
    user_data: *mut c_void,
}

// SAFETY: the program promises that the callback may be called from several threads at the same time.
unsafe impl Sync for Fold {}

impl Fold {
    pub(super) fn new(function: fastpar_fold_fn, user_data: *mut c_void) -> Result<Self> {
        let function = function.ok_or_else(|| Error::new(ErrorKind::InvalidArgument, "fold is NULL"))?;
        Ok(Self { function, user_data })
    }

    /// Folds one chunk into an accumulator of its own.
    pub(super) fn call(&self, chunk: &Chunk, accumulator: *mut c_void) -> ControlFlow<i32> {
        // SAFETY: the accumulator belongs to this chunk alone; the program promises the rest.
        answer(unsafe { (self.function)(self.user_data, foreign_chunk(chunk), accumulator) })
    }
}

/// What a callback's value says.
pub(super) fn answer(code: i32) -> ControlFlow<i32> {
    if code == 0 {
        ControlFlow::Continue(())
    } else {
        ControlFlow::Break(code)
    }
}

/// Folds the chunks of `[0, count)` into accumulators, in parallel, and combines these in chunk order.
///
/// Equivalent to this serial loop, but for the threads:
///
/// ```c
/// T result = *accumulator;                              // the identity, such as 0 for a sum
/// for (size_t i = 0; i < plan.chunks; i++) {            // plan: what fastpar_plan_make tells
///     T part = *accumulator;
///     fastpar_chunk chunk;
///     fastpar_plan_chunk(options, count, i, &chunk, NULL);
///     if (fold(user_data, &chunk, &part) != 0) return FASTPAR_ERR_CALLBACK;
///     if (combine(user_data, &result, &part) != 0) return FASTPAR_ERR_CALLBACK;
/// }
/// *accumulator = result;
/// return FASTPAR_OK;
/// ```
///
/// For one plan the result is the same to the bit however many threads ran it, sums of floats too: SEGMENTS
/// and GRAIN plans do not depend on the threads, CACHE and GUIDED plans do.
///
/// @param options           may be NULL: 24 segments on every thread of the pool
/// @param count             items, 0 to SIZE_MAX; 0: no callback, the identity is the result
/// @param fold              must not be NULL
/// @param combine           must not be NULL
/// @param user_data         given to both; may be NULL
/// @param accumulator       in: the identity; out: the result, untouched on failure. Must not be NULL. It is
///                          copied as bytes: no constructors, no addresses of itself.
/// @param accumulator_size  its bytes, at least 1. The call takes memory for an accumulator of each chunk, at
///                          most 16,384 of them and about 64 MiB at a time, but for each lane in any case.
/// @param error             may be NULL
/// @return as `fastpar_for`; FASTPAR_ERR_OUT_OF_MEMORY also for the accumulators.
///
/// Blocks, threads and nesting: as `fastpar_for`. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_reduce(
    options: *const fastpar_loop_options,
    count: usize,
    fold: fastpar_fold_fn,
    combine: fastpar_combine_fn,
    user_data: *mut c_void,
    accumulator: *mut c_void,
    accumulator_size: usize,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        // SAFETY: the caller's promise.
        let arguments = unsafe { LoopArguments::read(options)? };
        let fold = Fold::new(fold, user_data)?;
        // SAFETY: the caller's promise.
        let reduction = unsafe { Reduction::new(combine, user_data, accumulator, accumulator_size)? };
        let mut memory = None;
        arguments.control(|control| {
            job::reduce_slots(
                arguments.schedule,
                count,
                control,
                reduction.stride(),
                &mut memory,
                |memory, slots| {
                    *memory = Some(reduction.allocate(slots)?);
                    Ok(())
                },
                |memory: &Option<Accumulators>, slot, chunk| match memory {
                    Some(memory) => fold.call(chunk, reduction.begin(memory, slot)),
                    None => ControlFlow::Continue(()),
                },
                |memory, slot| match memory {
                    Some(memory) => reduction.combine(memory, slot),
                    None => ControlFlow::Continue(()),
                },
            )
        })?;
        if let Some(memory) = memory {
            reduction.end(&memory);
        }
        Ok(())
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}
