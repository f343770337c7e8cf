//! The end of the process, where it ends in good order.

use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(unix)]
use libc::atexit;
#[cfg(windows)]
extern "C" {
    fn atexit(function: extern "C" fn()) -> i32;
}

/// Runs `function` once when the process ends by `exit`, or by returning from `main`; in children that it
/// forks, too. Only one function: this module's user has no other. The library stays loaded until then.
pub(crate) fn at_exit(function: extern "C" fn()) {
    static REGISTERED: AtomicBool = AtomicBool::new(false);
    // Relaxed: nothing is read on the strength of it.
    if cfg!(not(miri)) && !REGISTERED.swap(true, Ordering::Relaxed) {
        // SAFETY: a plain function of this library, which stays loaded. Without memory it does not run.
        unsafe { atexit(function) };
    }
}
