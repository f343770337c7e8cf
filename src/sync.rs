//! The primitives of the concurrent core: std's, or loom's when it explores every interleaving.

#[cfg(all(windows, not(loom)))]
use crate::short_waits::{long_part, ShortWaits};
use std::sync::PoisonError;
use std::time::Duration;

#[cfg(not(loom))]
pub(crate) use std::{
    hint::spin_loop,
    sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering},
    sync::{Condvar, Mutex, MutexGuard},
    thread::yield_now,
};

#[cfg(loom)]
pub(crate) use loom::{
    hint::spin_loop,
    sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering},
    sync::{Condvar, Mutex, MutexGuard},
    thread::yield_now,
};

/// How often a sleeping thread looks at a flag in its caller's memory, which wakes nobody.
pub(crate) const FLAG_LOOK: Duration = Duration::from_millis(20);

/// Loom treats sequentially consistent accesses as acquire and release. This fence stands between a store and
/// a load that must not change places, and gives loom the missing order. Outside loom the accesses themselves
/// do. What stores is a read-modify-write: qemu-user, which runs containers for aarch64 on x86_64, lets a
/// plain store there change places with a later load, whatever their orderings.
#[inline(always)]
pub(crate) fn fence_for_loom() {
    #[cfg(loom)]
    loom::sync::atomic::fence(Ordering::SeqCst);
}

/// A condition variable that asks the system to wake threads only if a thread sleeps; std's asks every time.
/// Notify after a change that was made under the lock; the lock may still be held or not.
#[derive(Default)]
pub(crate) struct QuietCondvar {
    condvar: Condvar,
    sleepers: AtomicUsize,
    #[cfg(all(windows, not(loom)))]
    short: ShortWaits,
}

impl QuietCondvar {
    /// Sleeps until notified, or wakes for no reason.
    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.sleep(|| self.condvar.wait(guard).unwrap_or_else(PoisonError::into_inner))
    }

    /// Like `wait`, for at most `most`; `mutex` is what `guard` has locked.
    pub(crate) fn wait_timeout<'a, T>(
        &self,
        mutex: &'a Mutex<T>,
        guard: MutexGuard<'a, T>,
        most: Duration,
    ) -> MutexGuard<'a, T> {
        self.sleep(|| self.sleep_at_most(mutex, guard, most))
    }

    #[cfg(any(loom, not(windows)))]
    fn sleep_at_most<'a, T>(
        &self,
        _: &'a Mutex<T>,
        guard: MutexGuard<'a, T>,
        most: Duration,
    ) -> MutexGuard<'a, T> {
        self.condvar.wait_timeout(guard, most).unwrap_or_else(PoisonError::into_inner).0
    }

    /// In time, which a condition variable is not: a part of it, if the time is long. The caller comes back.
    #[cfg(all(windows, not(loom)))]
    fn sleep_at_most<'a, T>(
        &self,
        mutex: &'a Mutex<T>,
        guard: MutexGuard<'a, T>,
        most: Duration,
    ) -> MutexGuard<'a, T> {
        let part = long_part(most);
        if part.is_none() {
            if let Some(wait) = self.short.begin() {
                drop(guard);
                wait.wait(most);
                return mutex.lock().unwrap_or_else(PoisonError::into_inner);
            }
        }
        self.condvar.wait_timeout(guard, part.unwrap_or(most)).unwrap_or_else(PoisonError::into_inner).0
    }

    fn sleep<T>(&self, sleep: impl FnOnce() -> T) -> T {
        // Relaxed: counted under the lock. A thread that makes a change under the lock after this sees the
        // sleeper; the sleeper has seen earlier changes.
        self.sleepers.fetch_add(1, Ordering::Relaxed);
        let woken = sleep();
        self.sleepers.fetch_sub(1, Ordering::Relaxed);
        woken
    }

    /// Wakes all sleeping threads.
    pub(crate) fn notify_all(&self) {
        if self.sleepers.load(Ordering::Relaxed) > 0 {
            self.condvar.notify_all();
            #[cfg(all(windows, not(loom)))]
            self.short.end_all();
        }
    }
}

/// Checks a model in every interleaving of three preemptions, or as many as LOOM_MAX_PREEMPTIONS says.
#[cfg(all(test, loom))]
pub(crate) fn model(check: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    if builder.preemption_bound.is_none() {
        builder.preemption_bound = Some(3);
    }
    builder.check(check);
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use loom::sync::Arc;
    use loom::thread;

    /// A waiting thread hears of the change, though only threads that are seen to sleep are woken.
    #[test]
    fn loom_nobody_sleeps_through_a_change() {
        model(|| {
            let shared = Arc::new((Mutex::new(0), QuietCondvar::default()));
            let sleepers = [1, 2].map(|enough| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    let mut changes = shared.0.lock().unwrap();
                    while *changes < enough {
                        changes = shared.1.wait(changes);
                    }
                })
            });
            for _ in 0..2 {
                *shared.0.lock().unwrap() += 1;
                shared.1.notify_all();
            }
            for sleeper in sleepers {
                sleeper.join().unwrap();
            }
        });
    }
}
