//! Handles: values that a program holds by their address.
//!
//! A handle that is used or freed after it was freed is undefined. Builds with debug assertions find it out: there the memory of a
//! freed handle stays allocated, with a mark that says so, and the call panics, which makes it FASTPAR_ERR_PANIC.

use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicU64, Ordering};

const ALIVE: u64 = u64::from_ne_bytes(*b"fastpar!");
const FREED: u64 = u64::from_ne_bytes(*b"-freed--");

/// The value is first, so that it has the handle's address.
#[repr(C)]
struct Marked<T> {
    value: ManuallyDrop<T>,
    mark: AtomicU64,
}

/// Gives a value out, to be given back to [`free`].
pub(super) fn give<T>(value: T) -> *mut T {
    let value = ManuallyDrop::new(value);
    Box::into_raw(Box::new(Marked { value, mark: AtomicU64::new(ALIVE) })).cast()
}

/// The value behind a handle.
///
/// # Safety
/// `handle` is NULL or came from [`give`], and is not freed while the result is used.
pub(super) unsafe fn look<'a, T>(handle: *const T) -> Option<&'a T> {
    if cfg!(debug_assertions) && !handle.is_null() {
        // SAFETY: the caller's promise; where he breaks it, the memory is still there (see `free`).
        let mark = unsafe { &(*handle.cast::<Marked<T>>()).mark };
        // Relaxed: what it finds out is a mistake of one thread, or undefined.
        assert_eq!(mark.load(Ordering::Relaxed), ALIVE, "a handle is used that was freed, or is none");
    }
    // SAFETY: the caller's promise.
    unsafe { handle.as_ref() }
}

/// Ends a handle; NULL is none.
///
/// # Safety
/// As for [`look`]; the handle is not used again.
pub(super) unsafe fn free<T>(handle: *mut T) {
    if handle.is_null() {
        return;
    }
    let marked = handle.cast::<Marked<T>>();
    // SAFETY: the caller's promise: made by `give`, and given back once; with debug assertions the memory is there even if not.
    unsafe {
        let before = (*marked).mark.swap(FREED, Ordering::Relaxed);
        assert_eq!(before, ALIVE, "a handle is freed twice, or is none");
        ManuallyDrop::drop(&mut (*marked).value);
        if !cfg!(debug_assertions) {
            drop(Box::from_raw(marked));
        }
    }
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use crate::ffi::*;
    use std::ptr::null_mut;

    /// Undefined in a release build; here every use is told, and nothing breaks.
    #[test]
    fn what_is_freed_is_found_out() {
        let mut queue = null_mut();
        // SAFETY: as the functions describe, but for what is tested.
        unsafe {
            assert_eq!(fastpar_queue_open(3, &mut queue, null_mut()), FASTPAR_OK);
            assert_eq!(fastpar_queue_push(queue, 1, 0, null_mut()), FASTPAR_OK);
            fastpar_queue_free(queue);
            assert_eq!(fastpar_queue_push(queue, 1, 0, null_mut()), FASTPAR_ERR_PANIC);
            fastpar_queue_free(queue);
            fastpar_queue_close(queue);
            let mut dict = null_mut();
            let content = [7u8; 100];
            assert_eq!(fastpar_dict_open(content.as_ptr().cast(), 100, 1, &mut dict, null_mut()), FASTPAR_OK);
            fastpar_dict_free(dict);
            fastpar_dict_free(dict);
            assert_eq!(fastpar_dict_id(dict, &mut 0, null_mut()), FASTPAR_ERR_PANIC);
        }
    }
}
