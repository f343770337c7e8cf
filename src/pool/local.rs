//! What a thread knows about itself: its worker number, the pool it is working for, its reusable gates.

use super::Pool;
use crate::job::{new_gate, LoopGate};
use std::cell::{Cell, RefCell};
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;

/// Counters that all threads update are split over this many cache lines.
pub(super) const SHARDS: usize = 16;

/// Gates kept for reuse by one thread: one for each level of nesting that is usual.
const GATES: usize = 4;

/// The most calls within each other on one thread: what they leave of a worker's stack, 2 MiB, are 16 KiB for each level.
pub(super) const MAX_DEPTH: u32 = 128;

/// Plain cells without a destructor: usable at any moment of a thread's life, in other destructors too.
pub(super) struct Local {
    /// The worker number, -1 outside the pool.
    pub(super) worker: Cell<i32>,
    /// The pool that the thread is a worker of, or that a call of this thread is using now.
    pub(super) pool: Cell<*const Pool>,
    /// Inside a hook: nothing that needs the pool is possible.
    pub(super) in_hook: Cell<bool>,
    /// Calls under way within each other.
    depth: Cell<u32>,
    /// Its number among all threads, plus one; 0: not decided.
    number: Cell<u32>,
}

thread_local! {
    static LOCAL: Local = const {
        Local {
            worker: Cell::new(-1),
            pool: Cell::new(ptr::null()),
            in_hook: Cell::new(false),
            depth: Cell::new(0),
            number: Cell::new(0),
        }
    };
    static GATE_STORE: RefCell<Vec<(*const Pool, Arc<LoopGate>)>> = const { RefCell::new(Vec::new()) };
}

/// Gives access to the calling thread's cells.
#[inline]
pub(super) fn with<R>(read: impl FnOnce(&Local) -> R) -> R {
    LOCAL.with(read)
}

impl Local {
    /// A number that few other threads have, if any: they are dealt out in turn.
    #[inline]
    pub(super) fn number(&self) -> usize {
        if self.number.get() == 0 {
            static NEXT: AtomicU32 = AtomicU32::new(0);
            // Relaxed: any distribution is correct.
            self.number.set(NEXT.fetch_add(1, Ordering::Relaxed).saturating_add(1));
        }
        self.number.get() as usize - 1
    }

    /// The counters that this thread uses.
    #[inline]
    pub(super) fn shard(&self) -> usize {
        self.number() % SHARDS
    }

    /// Begins a call within those under way; false: there are as many as there may be.
    #[inline]
    pub(super) fn go_deeper(&self) -> bool {
        let can = self.can_go_deeper();
        if can {
            self.depth.set(self.depth.get() + 1);
        }
        can
    }

    /// Whether there may be one more.
    #[inline]
    pub(super) fn can_go_deeper(&self) -> bool {
        self.depth.get() < MAX_DEPTH
    }

    /// Ends the use of `pool`, and one call. After a fork there is nothing to end: the thread has forgotten what the parent used.
    #[inline]
    pub(super) fn end_use(&self, pool: *const Pool, outer: *const Pool) {
        self.depth.set(self.depth.get().saturating_sub(1));
        if self.pool.get() == pool {
            self.pool.set(outer);
        }
    }

    /// The thread is no longer a worker.
    pub(super) fn leave_pool(&self) {
        self.worker.set(-1);
        self.pool.set(ptr::null());
        self.depth.set(0);
    }

    /// Forgets everything that belonged to the parent process. The gates may wait for tickets that never come.
    #[cfg(unix)]
    pub(super) fn forget_after_fork(&self) {
        self.leave_pool();
        self.in_hook.set(false);
        let _ = GATE_STORE.try_with(|gates| {
            if let Ok(mut gates) = gates.try_borrow_mut() {
                gates.drain(..).for_each(std::mem::forget);
            }
        });
    }
}

/// A closed gate for calls of `pool`, used before if possible. Never one of another pool: a late helper of that one may still
/// be on its way to it.
#[inline]
pub(super) fn take_gate(pool: *const Pool) -> Arc<LoopGate> {
    // While the thread's destructors run there is no store any more.
    match GATE_STORE.try_with(|gates| gates.borrow_mut().pop()) {
        Ok(Some((of, gate))) if of == pool => gate,
        _ => new_gate(),
    }
}

/// Keeps a closed and empty gate for the thread's next call.
#[inline]
pub(super) fn return_gate(pool: *const Pool, gate: Arc<LoopGate>) {
    let _ = GATE_STORE.try_with(|gates| {
        let mut gates = gates.borrow_mut();
        if gates.len() < GATES {
            gates.push((pool, gate));
        }
    });
}
