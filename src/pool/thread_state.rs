//! What a thread knows about itself: its worker number, the pool that it works for, how deep its calls are
//! nested.
#![forbid(unsafe_code)]

use super::scope;
use crate::error::{Error, ErrorKind, Result};
use crate::os::fork::ChildHook;
use crate::os::loader;
use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

/// Counters that all threads update are split over this many cache lines.
pub(super) const SHARDS: usize = if cfg!(loom) { 2 } else { 16 };

/// The most calls within each other on one thread: what they leave of a worker's stack, 2 MiB, are 16 KiB for
/// each level.
const MAX_DEPTH: u32 = 128;

/// Forgets what the forking thread knew of the parent's pool.
pub(super) static FORGET: ChildHook = ChildHook::new(|| with(ThreadState::forget));

/// Plain cells without a destructor: usable at any moment of a thread's life, in other destructors too.
pub(super) struct ThreadState {
    /// The worker number, -1 outside the pool.
    pub(super) worker: Cell<i32>,
    /// The address of the pool that the thread is a worker of, or that a call of this thread is using now.
    /// `workers` knows its type, and imports this module.
    pub(super) pool: Cell<*const ()>,
    /// Inside a hook: nothing that needs the pool is possible.
    pub(super) in_hook: Cell<bool>,
    /// Calls under way within each other.
    depth: Cell<u32>,
    /// A call ended before one that began later, which goes on on another stack (a fiber's). Until the last
    /// one ends something keeps the pool for them.
    kept: Cell<bool>,
    /// The thread's number among all threads, plus one; 0: not decided.
    number: Cell<u32>,
}

thread_local! {
    static STATE: ThreadState = const {
        ThreadState {
            worker: Cell::new(-1),
            pool: Cell::new(ptr::null()),
            in_hook: Cell::new(false),
            depth: Cell::new(0),
            kept: Cell::new(false),
            number: Cell::new(0),
        }
    };
}

/// Gives access to the calling thread's cells.
#[inline]
pub(super) fn with<R>(read: impl FnOnce(&ThreadState) -> R) -> R {
    STATE.with(read)
}

/// The calling thread's worker number, if it is a worker of the pool.
pub fn worker() -> Option<u32> {
    u32::try_from(with(|state| state.worker.get())).ok()
}

/// A number of the calling thread that few other threads have, if any.
#[inline]
pub(crate) fn thread_number() -> usize {
    with(ThreadState::number)
}

/// Refuses what cannot be done from inside a callback or a hook.
pub(super) fn refuse_inside(what: &str) -> Result<()> {
    let inside = with(|state| !state.pool.get().is_null() || state.worker.get() >= 0 || state.in_hook.get());
    // The callbacks of a stream run between its uses of the pool.
    if inside || scope::is_in_callback() {
        return Err(Error::new(
            ErrorKind::Busy,
            format!("{what} is not possible from inside a callback or a hook"),
        ));
    }
    Ok(())
}

/// Refuses what needs the pool from inside a hook.
#[cold]
pub(super) fn busy_in_hook() -> Error {
    Error::new(ErrorKind::Busy, "a hook must not use the pool")
}

/// Fails where the process exits and no other thread is left that could be waited for.
#[inline]
pub(crate) fn check_others() -> Result<()> {
    if loader::others_have_ended() {
        return Err(busy_at_exit());
    }
    Ok(())
}

#[cold]
fn busy_at_exit() -> Error {
    Error::new(ErrorKind::Busy, "the process exits, and its other threads have ended already")
}

/// Fails where a pool cannot be waited for: its threads need what the calling thread holds.
pub(super) fn check_loader() -> Result<()> {
    check_others()?;
    if loader::holds_lock() {
        return Err(Error::new(ErrorKind::Busy, "the pool's threads cannot be waited for in DllMain"));
    }
    Ok(())
}

/// Fails where the calling thread is inside as many calls as there may be.
pub(crate) fn check_depth() -> Result<()> {
    if with(ThreadState::can_go_deeper) {
        Ok(())
    } else {
        Err(too_deep())
    }
}

#[cold]
pub(super) fn too_deep() -> Error {
    let text = format!(
        "the calling thread is inside {MAX_DEPTH} calls already, each in a callback of the one before"
    );
    Error::new(ErrorKind::LimitExceeded, text)
}

/// What the end of a call means to those that its thread is inside of still, on other stacks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Nothing.
    Usual,
    /// Something has to keep the pool for them from now on.
    First,
    /// There are none any more.
    Last,
}

impl ThreadState {
    /// A number that few other threads have, if any: numbers are dealt out in turn.
    #[inline]
    fn number(&self) -> usize {
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

    /// Begins a call within those under way: how many there are then. None: there are as many as there may
    /// be.
    #[inline]
    pub(super) fn go_deeper(&self) -> Option<u32> {
        let depth = self.depth.get() + 1;
        self.can_go_deeper().then(|| {
            self.depth.set(depth);
            depth
        })
    }

    /// Whether there may be one more call.
    #[inline]
    fn can_go_deeper(&self) -> bool {
        self.depth.get() < MAX_DEPTH
    }

    /// Ends the call that began as the `level`th, and its use of `pool`. After a fork there is nothing to
    /// end: the thread has forgotten what the parent used.
    #[inline]
    pub(super) fn end_use(&self, level: u32, pool: *const (), outer: *const ()) -> End {
        let depth = self.depth.get();
        self.depth.set(depth.saturating_sub(1));
        if depth == level && !self.kept.get() {
            if self.pool.get() == pool {
                self.pool.set(outer);
            }
            return End::Usual;
        }
        self.end_unusually(level, depth)
    }

    /// Calls end in the reverse order of their begins, unless callbacks switch to other stacks.
    #[cold]
    fn end_unusually(&self, level: u32, depth: u32) -> End {
        if depth <= 1 {
            // The last one. A worker stays one of its pool.
            if self.worker.get() < 0 {
                self.pool.set(ptr::null());
            }
            return if self.kept.replace(false) { End::Last } else { End::Usual };
        }
        if depth > level && !self.kept.replace(true) {
            return End::First;
        }
        End::Usual
    }

    /// After a worker's visit: whether a call goes on on another stack, and nothing keeps the pool for it
    /// yet.
    #[inline]
    pub(super) fn left_open(&self) -> bool {
        self.depth.get() > 0 && !self.kept.replace(true)
    }

    /// The thread is no longer a worker.
    pub(super) fn leave_pool(&self) {
        self.worker.set(-1);
        self.pool.set(ptr::null());
        self.depth.set(0);
        self.kept.set(false);
    }

    /// Forgets everything that belonged to the parent process.
    fn forget(&self) {
        self.leave_pool();
        self.in_hook.set(false);
        scope::forget();
    }
}
