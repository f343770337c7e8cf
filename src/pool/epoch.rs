//! Which pool a call uses, and how shutting down waits for the calls that use it.
//!
//! Pools come one after the other, each in an epoch of its own. A call announces itself in a counter of the current epoch
//! before it looks at the pool, and checks afterwards that the epoch has not changed meanwhile; shutting down moves the epoch
//! on and then waits until the old epoch's counters are zero. So a call either runs to its end on the old pool, or starts on
//! the next one; nobody waits for a pool that is going away, and the pool is freed under nobody's feet. There are two sets
//! of counters, used in turn; the shutdown lock keeps a set from being used again before it is zero.
//!
//! Epoch 0 is the time before the first call: it ends when the handlers for forks are installed. Nothing else happens in it, so a
//! child that is forked before, or while, they are installed begins in epoch 0 as well.
//!
//! Orderings: announcing (add, then load the epoch) and shutting down (store the epoch, then load the counters) are each
//! other's mirror image, which needs sequential consistency: one of the two must see the other. Leaving releases what the
//! call did with the pool, and the loads of the counters acquire it before the pool is freed.

use super::local::{self, SHARDS};
use super::Pool;
use crate::error::{Error, ErrorKind, Result};
use crossbeam_utils::CachePadded;
use once_cell::sync::OnceCell;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Condvar, Mutex, PoisonError};

/// A pool that is started by the first who needs it; starting may fail, and the next call tries again.
type Slot = OnceCell<Pool>;

struct Epoch {
    slot: AtomicPtr<Slot>,
    calls: [CachePadded<AtomicU64>; SHARDS],
}

impl Epoch {
    const fn new() -> Self {
        Self {
            slot: AtomicPtr::new(ptr::null_mut()),
            calls: [const { CachePadded::new(AtomicU64::new(0)) }; SHARDS],
        }
    }

    fn idle(&self) -> bool {
        self.calls.iter().all(|calls| calls.load(SeqCst) == 0)
    }

    /// Calls under way. Relaxed: advice, out of date at once.
    #[inline]
    fn busy(&self) -> u32 {
        self.calls.iter().map(|calls| calls.load(Relaxed) as u32).sum()
    }
}

static EPOCHS: [Epoch; 2] = [Epoch::new(), Epoch::new()];
/// The epoch: 0, or 2 and more.
static CURRENT: AtomicU64 = AtomicU64::new(0);

/// Locks of the module; replaced in a forked child, where they may be held by threads that do not exist.
pub(super) struct Locks {
    /// Held by the one who shuts down.
    shutdown: Mutex<()>,
    /// Where it sleeps until the last call has left.
    drained: (Mutex<()>, Condvar),
}

static LOCKS: AtomicPtr<Locks> = AtomicPtr::new(ptr::null_mut());

fn locks() -> &'static Locks {
    let known = LOCKS.load(SeqCst);
    let locks = if known.is_null() {
        let fresh = Box::into_raw(Box::new(Locks {
            shutdown: Mutex::new(()),
            drained: (Mutex::new(()), Condvar::new()),
        }));
        match LOCKS.compare_exchange(ptr::null_mut(), fresh, SeqCst, SeqCst) {
            Ok(_) => fresh,
            Err(other) => {
                // SAFETY: `fresh` came from Box::into_raw just above, and nobody else saw it.
                drop(unsafe { Box::from_raw(fresh) });
                other
            }
        }
    } else {
        known
    };
    // SAFETY: never freed.
    unsafe { &*locks }
}

/// An announced call: the pool of its epoch stays while this lives.
pub(super) struct Entry {
    epoch: u64,
    shard: usize,
}

impl Entry {
    #[inline]
    pub(super) fn new() -> Result<Self> {
        let shard = local::with(|local| local.shard());
        loop {
            let epoch = CURRENT.load(SeqCst);
            if epoch == 0 {
                begin()?;
                continue;
            }
            let calls = &EPOCHS[epoch as usize % 2].calls[shard];
            calls.fetch_add(1, SeqCst);
            if CURRENT.load(SeqCst) == epoch {
                return Ok(Self { epoch, shard });
            }
            leave(epoch, shard);
        }
    }

    /// The pool, if it is running.
    pub(super) fn running(&self) -> Option<&Pool> {
        let slot = EPOCHS[self.epoch as usize % 2].slot.load(SeqCst);
        // SAFETY: a slot is freed by `shutdown` only, once no call of its epoch is left; this is one.
        unsafe { slot.as_ref() }.and_then(Slot::get)
    }

    /// The pool; `start` makes it if there is none.
    #[inline]
    pub(super) fn pool(&self, start: impl FnOnce() -> Result<Pool>) -> Result<&Pool> {
        match self.running() {
            Some(pool) => Ok(pool),
            None => self.slot().get_or_try_init(start),
        }
    }

    fn slot(&self) -> &Slot {
        let place = &EPOCHS[self.epoch as usize % 2].slot;
        let mut slot = place.load(SeqCst);
        if slot.is_null() {
            let fresh = Box::into_raw(Box::new(Slot::new()));
            slot = match place.compare_exchange(ptr::null_mut(), fresh, SeqCst, SeqCst) {
                Ok(_) => fresh,
                Err(other) => {
                    // SAFETY: `fresh` came from Box::into_raw just above, and nobody else saw it.
                    drop(unsafe { Box::from_raw(fresh) });
                    other
                }
            };
        }
        // SAFETY: as in `running`.
        unsafe { &*slot }
    }
}

impl Drop for Entry {
    #[inline]
    fn drop(&mut self) {
        leave(self.epoch, self.shard);
    }
}

/// Ends epoch 0, if it is not over.
pub(super) fn begin_once() -> Result<()> {
    if CURRENT.load(SeqCst) == 0 {
        begin()?;
    }
    Ok(())
}

/// Ends epoch 0.
#[cold]
fn begin() -> Result<()> {
    #[cfg(unix)]
    super::fork::install()?;
    // It fails if another thread was here at the same time, or in the child of a fork meanwhile: it is over then.
    let _ = CURRENT.compare_exchange(0, 2, SeqCst, SeqCst);
    Ok(())
}

#[inline]
fn leave(epoch: u64, shard: usize) {
    // A call that was under way when the process forked belongs to the parent: the child's epoch is another one, and
    // its counters began at zero.
    let current = CURRENT.load(SeqCst);
    if current < epoch || current - epoch >= FORK_STEP {
        return;
    }
    EPOCHS[epoch as usize % 2].calls[shard].fetch_sub(1, SeqCst);
    if CURRENT.load(SeqCst) != epoch {
        wake_shutdown();
    }
}

#[cold]
fn wake_shutdown() {
    let drained = &locks().drained;
    drop(drained.0.lock());
    drained.1.notify_all();
}

/// Ends the current pool: waits for the calls that use it, then joins its workers. A later call starts a new one.
pub(super) fn shutdown() -> Result<()> {
    let locks = locks();
    let _one_at_a_time = locks.shutdown.lock().unwrap_or_else(PoisonError::into_inner);
    let epoch = CURRENT.load(SeqCst);
    if epoch == 0 {
        return Ok(()); // there never was a pool
    }
    CURRENT.store(epoch + 1, SeqCst);
    let old = &EPOCHS[epoch as usize % 2];
    let mut guard = locks.drained.0.lock().unwrap_or_else(PoisonError::into_inner);
    while !old.idle() {
        guard = locks.drained.1.wait(guard).unwrap_or_else(PoisonError::into_inner);
    }
    drop(guard);
    let slot = old.slot.swap(ptr::null_mut(), SeqCst);
    if slot.is_null() {
        return Ok(());
    }
    // SAFETY: made by Box::into_raw in `slot`; no call of its epoch is left, and none can join it.
    let slot = unsafe { Box::from_raw(slot) };
    match slot.get() {
        None => Ok(()),
        // SAFETY: once, as the slot was swapped out. Its memory is freed after this, when the workers are joined.
        Some(pool) => unsafe { pool.stop() },
    }
}

/// Refuses what cannot be done from inside a callback or a hook.
pub(super) fn refuse_inside(what: &str) -> Result<()> {
    let inside =
        local::with(|local| !local.pool.get().is_null() || local.worker.get() >= 0 || local.in_hook.get());
    if inside {
        return Err(Error::new(
            ErrorKind::Busy,
            format!("{what} is not possible from inside a callback or a hook"),
        ));
    }
    Ok(())
}

/// How far a fork moves the epoch: more than any number of shutdowns, and even, so that the sets keep their turn.
const FORK_STEP: u64 = 1 << 40;

/// In the child of a fork: everything belonged to the parent. Only stores, as the parent's locks may be held.
#[cfg(unix)]
pub(super) fn forget_after_fork() {
    for epoch in &EPOCHS {
        epoch.slot.store(ptr::null_mut(), SeqCst);
        epoch.calls.iter().for_each(|calls| calls.store(0, SeqCst));
    }
    LOCKS.store(ptr::null_mut(), SeqCst);
    CURRENT.fetch_add(FORK_STEP, SeqCst);
}

/// About how many threads from outside the pool are in a call now.
#[inline]
pub(super) fn callers() -> u32 {
    EPOCHS[CURRENT.load(Relaxed) as usize % 2].busy()
}

/// How many forks lie between the first process and this one.
pub(crate) fn generation() -> u64 {
    CURRENT.load(SeqCst) / FORK_STEP
}
