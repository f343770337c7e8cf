//! Group "shared state": atomics on the caller's memory, and a bounded queue, for callers without their own.

use super::borrow::{self, Out};
use super::guard::{guard, guard_value};
use super::handle::{self, Held};
use super::status::{fastpar_error, fastpar_status};
use crate::error::{Error, ErrorKind, Result};
use crate::queue::Queue;
use std::mem::align_of;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

/// Borrows a place in the caller's memory as an atomic; nothing where it is NULL or misaligned.
///
/// # Safety
/// `place` is NULL or valid, and concurrently used only as an atomic.
unsafe fn atomic<'a>(place: *const i64) -> Option<&'a AtomicI64> {
    if place.is_null() || place as usize % align_of::<AtomicI64>() != 0 {
        return None;
    }
    // SAFETY: aligned, not NULL, valid by the caller's promise; an AtomicI64 has the layout of an i64.
    Some(unsafe { &*place.cast::<AtomicI64>() })
}

/// Reads an integer that other threads may be changing.
///
/// @param place  aligned to 8 bytes
/// @return its value; 0 if `place` is NULL or misaligned.
///
/// Ordering: sequentially consistent. Never blocks. May be called from any thread. Since: 1.0
///
/// # Safety
/// `place` is NULL, or valid and used only through these functions (or as an atomic) while several threads
/// use it.
#[no_mangle]
pub unsafe extern "C" fn fastpar_atomic_load(place: *const i64) -> i64 {
    // SAFETY: the caller's promise.
    unsafe { atomic(place) }.map_or(0, |value| value.load(SeqCst))
}

/// Writes an integer that other threads may be reading.
///
/// @param place  aligned to 8 bytes; NULL or misaligned: nothing happens
/// @param value  the new value
///
/// Ordering: sequentially consistent. Never blocks. May be called from any thread. Since: 1.0
///
/// # Safety
/// `place` is NULL, or valid and used only through these functions (or as an atomic) while several threads
/// use it.
#[no_mangle]
pub unsafe extern "C" fn fastpar_atomic_store(place: *mut i64, value: i64) {
    // SAFETY: the caller's promise.
    if let Some(place) = unsafe { atomic(place) } {
        place.store(value, SeqCst);
    }
}

/// Adds to an integer in one step, wrapping around.
///
/// @param place  aligned to 8 bytes; NULL or misaligned: nothing happens
/// @param delta  the number to add
/// @return the value before; 0 if `place` is NULL or misaligned.
///
/// Ordering: sequentially consistent. Never blocks. May be called from any thread. Since: 1.0
///
/// # Safety
/// `place` is NULL, or valid and used only through these functions (or as an atomic) while several threads
/// use it.
#[no_mangle]
pub unsafe extern "C" fn fastpar_atomic_add(place: *mut i64, delta: i64) -> i64 {
    // SAFETY: the caller's promise.
    unsafe { atomic(place) }.map_or(0, |place| place.fetch_add(delta, SeqCst))
}

/// Raises an integer to at least `value` in one step.
///
/// @param place  aligned to 8 bytes; NULL or misaligned: nothing happens
/// @param value  the least that it shall be
/// @return the value before; 0 if `place` is NULL or misaligned.
///
/// Ordering: sequentially consistent. Never blocks. May be called from any thread. Since: 1.0
///
/// # Safety
/// `place` is NULL, or valid and used only through these functions (or as an atomic) while several threads
/// use it.
#[no_mangle]
pub unsafe extern "C" fn fastpar_atomic_max(place: *mut i64, value: i64) -> i64 {
    // SAFETY: the caller's promise.
    unsafe { atomic(place) }.map_or(0, |place| place.fetch_max(value, SeqCst))
}

/// Lowers an integer to at most `value` in one step.
///
/// @param place  aligned to 8 bytes; NULL or misaligned: nothing happens
/// @param value  the most that it shall be
/// @return the value before; 0 if `place` is NULL or misaligned.
///
/// Ordering: sequentially consistent. Never blocks. May be called from any thread. Since: 1.0
///
/// # Safety
/// `place` is NULL, or valid and used only through these functions (or as an atomic) while several threads
/// use it.
#[no_mangle]
pub unsafe extern "C" fn fastpar_atomic_min(place: *mut i64, value: i64) -> i64 {
    // SAFETY: the caller's promise.
    unsafe { atomic(place) }.map_or(0, |place| place.fetch_min(value, SeqCst))
}

/// Replaces an integer in one step, if it has the expected value.
///
/// @param place     aligned to 8 bytes
/// @param expected  in: the value expected; out, if the value differs: the value found. Must not be NULL.
/// @param desired   the new value
/// @return 1: replaced; 0: the value differs, or `place` is NULL or misaligned, or `expected` is NULL.
///
/// Ordering: sequentially consistent. Never blocks. May be called from any thread. Since: 1.0
///
/// # Safety
/// `place` is NULL, or valid and used only through these functions (or as an atomic) while several threads
/// use it.
#[no_mangle]
pub unsafe extern "C" fn fastpar_atomic_compare_exchange(
    place: *mut i64,
    expected: *mut i64,
    desired: i64,
) -> i32 {
    // SAFETY: the caller's promise.
    let (Some(place), false) = (unsafe { atomic(place) }, expected.is_null()) else { return 0 };
    // SAFETY: not NULL, and the caller's own.
    match place.compare_exchange(unsafe { expected.read_unaligned() }, desired, SeqCst, SeqCst) {
        Ok(_) => 1,
        Err(other) => {
            // SAFETY: as above.
            unsafe { expected.write_unaligned(other) };
            0
        }
    }
}

/// A bounded queue of numbers. Opaque; made by `fastpar_queue_open`, released by `fastpar_queue_free`.
pub struct fastpar_queue {
    queue: Queue,
}

/// Holds a queue for the time of a call.
///
/// # Safety
/// `queue` is NULL or a live handle.
unsafe fn hold_queue(queue: *const fastpar_queue) -> Result<Held<fastpar_queue>> {
    // SAFETY: the caller's promise.
    unsafe { handle::hold(queue) }.ok_or_else(|| Error::new(ErrorKind::InvalidArgument, "queue is NULL"))
}

/// Makes a queue for any number of producers and consumers: first in, first out.
///
/// @param capacity  values that it holds at most, 1 to 16,777,216; its memory is taken now
/// @param queue     out, must not be NULL: the handle, to be released by `fastpar_queue_free`; NULL on
///                  failure
/// @param error     may be NULL
/// @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: `queue` is NULL, or `capacity` is outside its range;
///         FASTPAR_ERR_OUT_OF_MEMORY.
///
/// Never blocks. May be called from any thread. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_queue_open(
    capacity: usize,
    queue: *mut *mut fastpar_queue,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { Out::new(queue, "queue")? };
        place.set(std::ptr::null_mut());
        let queue = Queue::new(capacity)?;
        place.set(handle::give(fastpar_queue { queue }));
        Ok(())
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// Adds a value, waiting for room.
///
/// @param queue       must not be NULL
/// @param value       any number, such as an index or an address
/// @param timeout_ms  milliseconds; 0: do not wait; UINT64_MAX: for ever
/// @param error       may be NULL
/// @return FASTPAR_OK; FASTPAR_ERR_TIMEOUT: it stayed full; FASTPAR_ERR_CLOSED: it is closed, before or while
///         this waited; FASTPAR_ERR_INVALID_ARGUMENT: `queue` is NULL. The value is added on FASTPAR_OK only.
///
/// What the producer wrote before is visible to the consumer of the value. A chunk's callback that waits
/// occupies its thread, and the chunk that would make room may not have begun: let members of a team wait, or
/// other threads. May be called from any thread. Since: 1.0
///
/// # Safety
/// `queue` is NULL or a live handle.
#[no_mangle]
pub unsafe extern "C" fn fastpar_queue_push(
    queue: *mut fastpar_queue,
    value: u64,
    timeout_ms: u64,
    error: *mut fastpar_error,
) -> fastpar_status {
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, || hold_queue(queue)?.queue.push(value, borrow::timeout(timeout_ms))) }
}

/// Takes the oldest value, waiting for one.
///
/// @param queue       must not be NULL
/// @param timeout_ms  milliseconds; 0: do not wait; UINT64_MAX: for ever
/// @param value       out, must not be NULL; untouched on failure
/// @param error       may be NULL
/// @return FASTPAR_OK; FASTPAR_ERR_TIMEOUT: it stayed empty; FASTPAR_ERR_CLOSED: it is closed and empty;
///         FASTPAR_ERR_INVALID_ARGUMENT: `queue` or `value` is NULL.
///
/// May be called from any thread; see `fastpar_queue_push` on waiting inside chunks. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_queue_pop(
    queue: *mut fastpar_queue,
    timeout_ms: u64,
    value: *mut u64,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        // SAFETY: the caller's promise.
        let (queue, place) = unsafe { (hold_queue(queue)?, Out::new(value, "value")?) };
        place.set(queue.queue.pop(borrow::timeout(timeout_ms))?);
        Ok(())
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// Closes a queue: no value can be added any more, but the values inside can still be taken. Threads that
/// wait in vain are released.
///
/// @param queue  NULL: nothing happens. Closing twice is the same as once.
///
/// Never blocks. May be called from any thread. Since: 1.0
///
/// # Safety
/// `queue` is NULL or a live handle.
#[no_mangle]
pub unsafe extern "C" fn fastpar_queue_close(queue: *mut fastpar_queue) {
    guard_value((), || {
        // SAFETY: the caller's promise.
        if let Ok(queue) = unsafe { hold_queue(queue) } {
            queue.queue.close();
        }
    });
}

/// Releases a queue and the values left in it.
///
/// @param queue  NULL: nothing happens. Not to be used afterwards, by any thread. Threads that wait in it are
///               released as by `fastpar_queue_close`; the queue is freed with the last of them.
///
/// Never blocks. May be called from any thread. Since: 1.0
///
/// # Safety
/// `queue` is NULL or a live handle.
#[no_mangle]
pub unsafe extern "C" fn fastpar_queue_free(queue: *mut fastpar_queue) {
    guard_value((), || {
        // SAFETY: NULL, or made in `fastpar_queue_open` and given back once.
        if let Some(queue) = unsafe { handle::end(queue) } {
            queue.queue.close();
        }
    });
}
