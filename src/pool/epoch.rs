//! Which pool a call uses, and how shutting down waits for the calls that use it.
//!
//! Pools come one after the other, each in an epoch of its own. A call announces itself in a counter of the
//! current epoch before it looks at the pool, and checks afterwards that the epoch has not changed meanwhile.
//! A shutdown moves the epoch on and then waits until the old epoch's counters are zero. So a call either
//! runs to its end on the old pool, or starts on the next one. No call waits for a pool that is ending, and
//! no pool is freed while a call uses it. There are two sets of counters, used in turn; the shutdown lock
//! keeps a set from being used again before it is zero.
//!
//! Epoch 0 is the time before the first call: it ends when the hooks of forked children are registered.
//! Nothing else happens in it, so a child that is forked before or during the registration has nothing to
//! forget.
//!
//! A shutdown that waits for a limited time only (`try_shutdown`) must not move on before no call is
//! left. While it looks, the epoch is marked, and calls that begin wait for the answer; those inside
//! callbacks belong to calls under way, and do not look at the epoch.
//!
//! Orderings: a call announces itself (add, then load the epoch) and a shutdown moves on (store the epoch,
//! then load the counters). The two mirror each other, which needs sequential consistency: at least one must
//! see the other. Leaving releases what the call did with the pool, and the loads of the counters acquire it
//! before the pool is freed.

use super::thread_state::SHARDS;
use crate::error::Result;
use crate::os::loader;
use crate::sync::{fence_for_loom, yield_now, AtomicPtr, AtomicU64, Condvar, Mutex};
use crate::sync::{Ordering::Relaxed, Ordering::SeqCst};
use crossbeam_utils::CachePadded;
use once_cell::sync::OnceCell;
use std::ptr;
use std::sync::{PoisonError, TryLockError};

/// A pool that is started by the first call that needs it; starting may fail, and the next call tries again.
type Slot<P> = OnceCell<P>;

/// Two sets of counters and slots, which the epochs use in turn.
struct Epoch<P> {
    slot: AtomicPtr<Slot<P>>,
    calls: [CachePadded<AtomicU64>; SHARDS],
}

/// The epochs of pools of type `P`.
pub(super) struct Epochs<P> {
    epochs: [Epoch<P>; 2],
    /// The epoch: 0, or 2 and more.
    current: AtomicU64,
    locks: AtomicPtr<Locks>,
}

/// Replaced in a forked child, because threads that do not exist there may hold them.
struct Locks {
    /// Held by the thread that shuts down.
    shutdown: Mutex<()>,
    /// The shutting thread sleeps here until the last call has left.
    drained: (Mutex<()>, Condvar),
}

/// How far a fork moves the epoch: further than any number of shutdowns, and even, so that the sets keep
/// their turn.
const FORK_STEP: u64 = 1 << 40;

/// Marks the epoch while a shutdown looks whether a call is left.
const LOOKING: u64 = 1 << 63;

#[cfg(not(loom))]
impl<P> Epochs<P> {
    /// Epoch 0.
    pub(super) const fn new() -> Self {
        Self {
            epochs: [const {
                Epoch {
                    slot: AtomicPtr::new(ptr::null_mut()),
                    calls: [const { CachePadded::new(AtomicU64::new(0)) }; SHARDS],
                }
            }; 2],
            current: AtomicU64::new(0),
            locks: AtomicPtr::new(ptr::null_mut()),
        }
    }
}

/// Loom's atomics cannot be made in a constant.
#[cfg(loom)]
impl<P> Epochs<P> {
    /// Epoch 0.
    pub(super) fn new() -> Self {
        let epoch = |_| Epoch {
            slot: AtomicPtr::new(ptr::null_mut()),
            calls: std::array::from_fn(|_| CachePadded::new(AtomicU64::new(0))),
        };
        Self {
            epochs: std::array::from_fn(epoch),
            current: AtomicU64::new(0),
            locks: AtomicPtr::new(ptr::null_mut()),
        }
    }
}

impl<P> Epoch<P> {
    fn is_idle(&self) -> bool {
        self.calls.iter().all(|calls| calls.load(SeqCst) == 0)
    }
}

impl<P> Epochs<P> {
    fn of(&self, epoch: u64) -> &Epoch<P> {
        &self.epochs[epoch as usize % 2]
    }

    /// Announces a call. `register` registers what a forked child must forget; it runs in epoch 0, which ends
    /// when it has succeeded.
    #[inline(always)] // as `Call::enter`
    pub(super) fn enter(&self, shard: usize, register: fn() -> Result<()>) -> Result<Entry<'_, P>> {
        loop {
            let epoch = self.current.load(SeqCst);
            if epoch == 0 {
                self.begin(register)?;
                continue;
            }
            if epoch & LOOKING != 0 {
                self.await_answer();
                continue;
            }
            self.of(epoch).calls[shard].fetch_add(1, SeqCst);
            fence_for_loom();
            if self.current.load(SeqCst) == epoch {
                return Ok(Entry { epochs: self, epoch, shard });
            }
            self.leave(epoch, shard);
        }
    }

    /// While a shutdown looks whether a call is left, which may take a tenth of a second: the calls that it
    /// waits for need the CPU.
    #[cold]
    fn await_answer(&self) {
        let mut looks = 0;
        while self.current.load(SeqCst) & LOOKING != 0 {
            if loader::others_have_ended() {
                self.current.fetch_and(!LOOKING, SeqCst); // nobody looks any more
                return;
            }
            pause(looks);
            looks += 1;
        }
    }

    #[cold]
    fn begin(&self, register: fn() -> Result<()>) -> Result<()> {
        register()?;
        // This fails if another thread has ended epoch 0 meanwhile, or in a forked child.
        let _ = self.current.compare_exchange(0, 2, SeqCst, SeqCst);
        Ok(())
    }

    #[inline]
    fn leave(&self, epoch: u64, shard: usize) {
        // A call that was under way when the process forked belongs to the parent: the child has another
        // epoch, whose counters began at zero.
        let current = self.current.load(SeqCst) & !LOOKING;
        if current < epoch || current - epoch >= FORK_STEP {
            return;
        }
        self.of(epoch).calls[shard].fetch_sub(1, SeqCst);
        fence_for_loom();
        if self.current.load(SeqCst) != epoch {
            self.wake_shutdown();
        }
    }

    #[cold]
    fn wake_shutdown(&self) {
        let drained = &self.locks().drained;
        drop(drained.0.lock());
        drained.1.notify_all();
    }

    fn locks(&self) -> &Locks {
        let fresh = || Locks { shutdown: Mutex::new(()), drained: (Mutex::new(()), Condvar::new()) };
        // SAFETY: the locks are never freed once published.
        unsafe { published(&self.locks, fresh) }
    }

    /// Ends the current pool: waits for the calls that use it, then lets `stop` join its workers, and frees
    /// it. A later call starts a new pool.
    pub(super) fn shutdown(&self, stop: impl FnOnce(&P) -> Result<()>) -> Result<()> {
        let locks = self.locks();
        let _one_at_a_time = locks.shutdown.lock().unwrap_or_else(PoisonError::into_inner);
        let epoch = self.current.load(SeqCst);
        if epoch == 0 {
            return Ok(()); // no pool was ever started
        }
        self.current.swap(epoch + 1, SeqCst); // no plain store: see the fence
        fence_for_loom();
        let old = self.of(epoch);
        let mut guard = locks.drained.0.lock().unwrap_or_else(PoisonError::into_inner);
        while !old.is_idle() {
            guard = locks.drained.1.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        drop(guard);
        Self::end(old, stop)
    }

    /// The same if no call is left, and the pool is `unused` otherwise. While it is in use `hold` is asked
    /// whether to go on looking. `None`: it is in use, and goes on.
    pub(super) fn try_shutdown(
        &self,
        unused: impl Fn(&P) -> bool,
        hold: impl Fn() -> bool,
        stop: impl FnOnce(&P) -> Result<()>,
    ) -> Option<Result<()>> {
        let _one_at_a_time = match self.locks().shutdown.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        let epoch = self.current.load(SeqCst);
        if epoch == 0 {
            return Some(Ok(())); // no pool was ever started
        }
        let old = self.of(epoch);
        self.current.swap(epoch | LOOKING, SeqCst); // no plain store: see the fence
        fence_for_loom();
        // SAFETY: only a shutdown frees a slot, and this is the only one.
        let pool = || unsafe { old.slot.load(SeqCst).as_ref() }.and_then(Slot::get);
        while !old.is_idle() || !pool().is_none_or(&unused) {
            if !hold() {
                self.current.store(epoch, SeqCst);
                return None;
            }
        }
        self.current.store(epoch + 1, SeqCst);
        Some(Self::end(old, stop))
    }

    /// Ends the pool of an epoch that no call is left of, and none can join.
    fn end(old: &Epoch<P>, stop: impl FnOnce(&P) -> Result<()>) -> Result<()> {
        let slot = old.slot.swap(ptr::null_mut(), SeqCst);
        // A reference, not yet the box: the workers hold references to the pool until `stop` has joined them.
        // SAFETY: null, or made by `Box::into_raw` in `published`; it is freed below only.
        let stopped = match unsafe { slot.as_ref() } {
            None => return Ok(()),
            Some(slot) => slot.get().map_or(Ok(()), stop),
        };
        // SAFETY: as above. No call of the pool's epoch is left, none can join it, and the workers have
        // ended.
        drop(unsafe { Box::from_raw(slot) });
        stopped
    }

    /// Frees the locks, as loom demands at the end of a model.
    #[cfg(all(test, loom))]
    pub(super) fn free_locks(&self) {
        let locks = self.locks.swap(ptr::null_mut(), SeqCst);
        if !locks.is_null() {
            // SAFETY: made by `Box::into_raw` in `published`; the model's threads have ended.
            drop(unsafe { Box::from_raw(locks) });
        }
    }

    /// In a forked child everything belonged to the parent. Only stores, as the parent's locks may be held.
    pub(super) fn forget(&self) {
        for epoch in &self.epochs {
            epoch.slot.store(ptr::null_mut(), SeqCst);
            epoch.calls.iter().for_each(|calls| calls.store(0, SeqCst));
        }
        self.locks.store(ptr::null_mut(), SeqCst);
        let current = self.current.load(SeqCst) & !LOOKING;
        self.current.store(current + FORK_STEP, SeqCst);
    }

    /// About how many threads from outside the pool are in a call now. Relaxed: advice, out of date at once.
    #[inline]
    pub(super) fn callers(&self) -> u32 {
        let calls = &self.of(self.current.load(Relaxed)).calls;
        calls.iter().map(|calls| calls.load(Relaxed) as u32).sum()
    }
}

/// An announced call: the pool of its epoch stays while this lives.
pub(super) struct Entry<'e, P> {
    epochs: &'e Epochs<P>,
    epoch: u64,
    shard: usize,
}

impl<P> Entry<'_, P> {
    /// The pool, if it is running.
    pub(super) fn running(&self) -> Option<&P> {
        let slot = self.epochs.of(self.epoch).slot.load(SeqCst);
        // SAFETY: `shutdown` frees a slot once no call of its epoch is left; this entry is such a call.
        unsafe { slot.as_ref() }.and_then(Slot::get)
    }

    /// The pool; `start` makes it if none is running.
    #[inline]
    pub(super) fn pool(&self, start: impl FnOnce() -> Result<P>) -> Result<&P> {
        match self.running() {
            Some(pool) => Ok(pool),
            None => self.slot().get_or_try_init(start),
        }
    }

    /// Forgets a start of the pool that is under way: the thread that made it has been ended. The calling
    /// thread is the only one that is left.
    pub(super) fn forget_start(&self) {
        self.epochs.of(self.epoch).slot.store(ptr::null_mut(), SeqCst);
    }

    fn slot(&self) -> &Slot<P> {
        // SAFETY: as in `running`.
        unsafe { published(&self.epochs.of(self.epoch).slot, Slot::new) }
    }
}

impl<P> Drop for Entry<'_, P> {
    #[inline]
    fn drop(&mut self) {
        self.epochs.leave(self.epoch, self.shard);
    }
}

/// Lets other threads run, after some looks for longer.
#[cfg(not(loom))]
fn pause(looks: u32) {
    const MOST_YIELDS: u32 = 64;
    const REST: std::time::Duration = std::time::Duration::from_micros(100);
    if looks < MOST_YIELDS {
        yield_now();
    } else {
        std::thread::sleep(REST);
    }
}

/// Loom knows no time.
#[cfg(loom)]
fn pause(_: u32) {
    yield_now();
}

/// The value behind `at`, made by the first thread that asks.
///
/// # Safety
/// The value is not freed while the result is used.
unsafe fn published<T>(at: &AtomicPtr<T>, make: impl FnOnce() -> T) -> &T {
    let mut known = at.load(SeqCst);
    if known.is_null() {
        let fresh = Box::into_raw(Box::new(make()));
        known = match at.compare_exchange(ptr::null_mut(), fresh, SeqCst, SeqCst) {
            Ok(_) => fresh,
            Err(other) => {
                // SAFETY: `fresh` came from Box::into_raw just above, and no other thread has seen it.
                drop(unsafe { Box::from_raw(fresh) });
                other
            }
        };
    }
    // SAFETY: the caller's promise.
    unsafe { &*known }
}
