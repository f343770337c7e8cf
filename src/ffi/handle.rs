//! Handles: values that a program holds by their address.
//!
//! A handle is counted: the program has one count, and every running call has another. So a callback may
//! release the handle of the call that it is inside of, and another thread that of a call under way: the
//! value goes with the last of them.
//!
//! A handle that is used or freed after it was freed is undefined. Builds with debug assertions find it out:
//! there the memory of a freed handle stays allocated, with a mark that says so, and the call panics, which
//! makes it FASTPAR_ERR_PANIC.

use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

const ALIVE: u64 = u64::from_ne_bytes(*b"fastpar!");
const FREED: u64 = u64::from_ne_bytes(*b"-freed--");

/// The value is first, so that it has the handle's address.
#[repr(C)]
struct Counted<T> {
    value: ManuallyDrop<T>,
    mark: AtomicU64,
    /// Counts of the program and of the calls under way.
    holders: AtomicUsize,
}

/// One count of a handle.
pub(super) struct Held<T>(NonNull<Counted<T>>);

/// Gives a value out, to be given back to [`end`].
pub(super) fn give<T>(value: T) -> *mut T {
    let value = ManuallyDrop::new(value);
    let (mark, holders) = (AtomicU64::new(ALIVE), AtomicUsize::new(1));
    Box::into_raw(Box::new(Counted { value, mark, holders })).cast()
}

/// The value behind a handle, held for the time of a call; NULL is none.
///
/// # Safety
/// `handle` is NULL or came from [`give`], and is not freed before this returns.
pub(super) unsafe fn hold<T>(handle: *const T) -> Option<Held<T>> {
    let counted = NonNull::new(handle.cast_mut().cast::<Counted<T>>())?;
    // SAFETY: the caller's promise; where it is broken, debug assertions have kept the memory (see
    // `Held::drop`).
    let found = unsafe { counted.as_ref() };
    if cfg!(debug_assertions) {
        // Relaxed: it only detects a misuse by one thread; by several, misuse is undefined.
        assert_eq!(found.mark.load(Ordering::Relaxed), ALIVE, "a handle is used that was freed, or is none");
    }
    // Relaxed: the program's own count keeps the value meanwhile, as for any second reference.
    found.holders.fetch_add(1, Ordering::Relaxed);
    Some(Held(counted))
}

/// Takes a handle back from the program; NULL is none. The value goes when the result is dropped, or with the
/// last call under way.
///
/// # Safety
/// As for [`hold`]; the handle is not used again.
pub(super) unsafe fn end<T>(handle: *mut T) -> Option<Held<T>> {
    let counted = NonNull::new(handle.cast::<Counted<T>>())?;
    // SAFETY: as in `hold`.
    let before = unsafe { counted.as_ref() }.mark.swap(FREED, Ordering::Relaxed);
    if cfg!(debug_assertions) {
        assert_eq!(before, ALIVE, "a handle is freed twice, or is none");
    }
    Some(Held(counted)) // the program's own count
}

impl<T> Deref for Held<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this count keeps the value.
        unsafe { &self.0.as_ref().value }
    }
}

impl<T> Drop for Held<T> {
    fn drop(&mut self) {
        // Release and acquire: the thread that drops the value has seen what all holders did with it.
        // SAFETY: this count keeps the memory.
        let holders = unsafe { &self.0.as_ref().holders };
        if holders.fetch_sub(1, Ordering::Release) != 1 {
            return;
        }
        // A load and no fence: ThreadSanitizer knows no fences. It sees all counts that were given back.
        holders.load(Ordering::Acquire);
        let counted = self.0.as_ptr();
        // SAFETY: made by `give`; the last count is gone, so no thread holds it or can hold it again.
        unsafe {
            ManuallyDrop::drop(&mut (*counted).value);
            if !cfg!(debug_assertions) {
                drop(Box::from_raw(counted));
            }
        }
    }
}

#[cfg(test)]
mod counts {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn the_last_holder_drops_the_value() {
        let value = Arc::new(());
        let handle = give(Arc::clone(&value));
        // SAFETY: a live handle, ended once.
        unsafe {
            let call = hold(handle).expect("it is there");
            let another = std::thread::scope(|scope| {
                let handle = handle as usize;
                scope
                    .spawn(move || hold(handle as *const Arc<()>).map(|held| Arc::strong_count(&held)))
                    .join()
            });
            assert!(another.is_ok_and(|count| count == Some(2)));
            drop(end(handle));
            assert_eq!(Arc::strong_count(&call), 2, "a call is still under way");
            drop(call);
            assert_eq!(Arc::strong_count(&value), 1);
            assert!(hold(std::ptr::null::<u8>()).is_none() && end(std::ptr::null_mut::<u8>()).is_none());
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
