//! Threads that were started and perhaps cannot run yet.
//!
//! While a library is being loaded the system's loader holds a lock, and new threads may need it: to begin at
//! all (Windows), for their thread-local memory (glibc before 2.34), to register its destructors (Linux). So
//! a library's constructor, or DllMain, that waited for workers would wait for threads that wait for it. A
//! worker that has arrived does not need the lock any more.
#![forbid(unsafe_code)]

use crate::error::{Error, ErrorKind, Result};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long to wait for the next thread. A thread that can run arrives within milliseconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// Threads that have arrived.
#[derive(Default)]
pub(crate) struct Arrivals {
    count: AtomicU32,
    lock: Mutex<()>,
    changed: Condvar,
}

impl Arrivals {
    /// Counts the calling thread as arrived.
    pub(super) fn arrive(&self) {
        self.count.fetch_add(1, Ordering::Relaxed); // no data is read because of it

        // A waiting thread reads the count under the lock, and releases the lock only to sleep: so it cannot
        // miss this.
        drop(self.lock());
        self.changed.notify_all();
    }

    /// Waits until so many threads have arrived.
    ///
    /// # Errors [`ErrorKind::Busy`] if no further thread has arrived for `PATIENCE`.
    #[inline]
    pub(crate) fn wait(&self, threads: u32) -> Result<()> {
        if self.are_there(threads) {
            return Ok(());
        }
        self.wait_patiently(threads, PATIENCE)
    }

    /// Whether so many threads have arrived.
    #[inline]
    pub(super) fn are_there(&self, threads: u32) -> bool {
        self.count.load(Ordering::Relaxed) >= threads
    }

    #[cold]
    fn wait_patiently(&self, threads: u32, patience: Duration) -> Result<()> {
        let mut guard = self.lock();
        let (mut seen, mut since) = (self.count.load(Ordering::Relaxed), Instant::now());
        while seen < threads {
            let rest = patience.saturating_sub(since.elapsed());
            if rest.is_zero() {
                let text = "the pool's threads cannot run yet; is this the constructor of a library that is being loaded?";
                return Err(Error::new(ErrorKind::Busy, text));
            }
            guard = self.changed.wait_timeout(guard, rest).unwrap_or_else(PoisonError::into_inner).0;
            let now = self.count.load(Ordering::Relaxed);
            if now != seen {
                (seen, since) = (now, Instant::now());
            }
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn waits_as_long_as_threads_come() {
        let arrivals = Arrivals::default();
        std::thread::scope(|scope| {
            scope.spawn(|| (0..3).for_each(|_| arrivals.arrive()));
            arrivals.wait(3).unwrap();
        });
        let few = arrivals.wait_patiently(4, Duration::from_millis(1));
        assert_eq!(few.unwrap_err().kind(), ErrorKind::Busy);
        arrivals.arrive();
        arrivals.wait(4).unwrap();
    }
}
