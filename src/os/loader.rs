//! The system's loader, as a thread in DllMain meets it.
//!
//! On Windows a thread needs the loader's lock to begin and to end, and DllMain runs under this lock: a pool
//! cannot be joined there. When the process exits, every other thread is ended before DllMain is called a
//! last time, wherever it was: nothing may be waited for then. Other systems let threads begin and end
//! meanwhile, or do not tell.

use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

#[cfg(windows)]
pub(crate) use windows::{holds_lock, others_have_ended};

/// Locks. `None`: the process exits, and the lock belongs to a thread that was ended.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    if !others_have_ended() {
        return Some(mutex.lock().unwrap_or_else(PoisonError::into_inner));
    }
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// Whether the calling thread holds the lock that threads need to end, as far as the system tells.
#[cfg(not(windows))]
#[inline(always)]
pub(crate) const fn holds_lock() -> bool {
    false
}

/// Whether the process exits, and the calling thread is the only one that is left.
#[cfg(not(windows))]
#[inline(always)]
pub(crate) const fn others_have_ended() -> bool {
    false
}

#[cfg(windows)]
mod windows {
    use std::ffi::c_void;
    use std::ptr;
    use windows_sys::Win32::System::Threading::GetCurrentThreadId;

    #[link(name = "ntdll")]
    extern "system" {
        fn RtlDllShutdownInProgress() -> u8;
        fn RtlGetCurrentPeb() -> *const u8;
    }

    /// Where the system's block of the process has the address of the loader's lock, since Windows NT.
    #[cfg(target_pointer_width = "64")]
    const LOADER_LOCK: usize = 0x110;
    #[cfg(target_pointer_width = "32")]
    const LOADER_LOCK: usize = 0xa0;

    /// A lock of the system, as far as it is read here.
    #[repr(C)]
    struct CriticalSection {
        debug_info: *const c_void,
        lock_count: i32,
        recursion_count: i32,
        owning_thread: usize,
    }

    /// Whether the calling thread holds the lock that threads need to begin and to end.
    pub(crate) fn holds_lock() -> bool {
        // SAFETY: every process has the block; the field is null or the address of a lock that stays. The
        // lock may be changing, but only the calling thread writes its own number there, or takes it away.
        unsafe {
            let lock = RtlGetCurrentPeb().add(LOADER_LOCK).cast::<*const CriticalSection>().read();
            !lock.is_null()
                && ptr::addr_of!((*lock).owning_thread).read_volatile() == GetCurrentThreadId() as usize
        }
    }

    /// Whether the process exits, and the calling thread is the only one that is left.
    #[inline]
    pub(crate) fn others_have_ended() -> bool {
        // SAFETY: reads a flag of the loader.
        unsafe { RtlDllShutdownInProgress() != 0 }
    }
}
