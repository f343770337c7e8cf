//! How threads call the trace's thread, which sleeps most of the time. A call that comes while the thread is
//! awake is kept: it does not sleep the next time. Neither side takes a lock.
#![forbid(unsafe_code)]

use std::sync::OnceLock;
use std::thread::{self, Thread};
use std::time::Duration;

/// See the module.
#[derive(Default)]
pub(super) struct Bell(OnceLock<Thread>);

impl Bell {
    /// The calling thread is the thread that is called from now on. It then looks at what there is before it
    /// sleeps: earlier calls are not kept.
    pub(super) fn belongs_here(&self) {
        let _ = self.0.set(thread::current()); // set once
    }

    /// Calls.
    pub(super) fn ring(&self) {
        if let Some(thread) = self.0.get() {
            thread.unpark();
        }
    }

    /// Sleeps until there is a call, at most so long. May wake for no reason.
    pub(super) fn wait(&self, at_most: Duration) {
        thread::park_timeout(at_most);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// Waits for the whole time where the call is lost.
    #[test]
    fn a_call_to_a_thread_that_is_awake_is_kept() {
        let bell = Bell::default();
        bell.ring();
        bell.belongs_here();
        for _ in 0..3 {
            thread::scope(|scope| _ = scope.spawn(|| bell.ring()).join());
            bell.wait(Duration::from_secs(3600));
        }
    }
}
