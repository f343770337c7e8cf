//! Calls under way, and jobs that nobody waits for: each keeps the pool alive.

use super::epoch::Entry;
use super::local::{self, Local, MAX_DEPTH};
use super::{Pool, PoolOptions, PoolRef};
use crate::error::{Error, ErrorKind, Result};
use crate::job::{lanes_of, LoopGate};
use crate::memory;
use crate::sync::{Mutex, QuietCondvar};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

/// A parallel call under way: it keeps its pool alive, and marks the thread as being inside it.
pub(crate) struct Call {
    pool: *const Pool,
    outer: *const Pool,
    /// None for a nested call: the outermost one, or being a worker, keeps the pool alive.
    _entry: Option<Entry>,
}

impl Call {
    /// Begins a call, starting the pool if there is none.
    #[inline]
    pub(crate) fn enter() -> Result<Self> {
        let (outer, in_hook) = local::with(|local| (local.pool.get(), local.in_hook.get()));
        if in_hook {
            return Err(Error::new(ErrorKind::Busy, "a hook must not use the pool"));
        }
        memory::check()?;
        if !outer.is_null() {
            if !local::with(Local::go_deeper) {
                return Err(too_deep());
            }
            return Ok(Self { pool: outer, outer, _entry: None });
        }
        let entry = Entry::new()?;
        let pool: *const Pool = entry.pool(|| Pool::start(PoolOptions::default().resolve()?))?;
        local::with(|local| {
            local.go_deeper();
            local.pool.set(pool);
        });
        Ok(Self { pool, outer, _entry: Some(entry) })
    }

    /// The pool of this call.
    #[inline]
    pub(crate) fn pool(&self) -> &Pool {
        // SAFETY: kept alive by the entry, or by what made the call a nested one.
        unsafe { &*self.pool }
    }

    /// Lanes for this call.
    pub(crate) fn lanes(&self, max_lanes: u32) -> u32 {
        lanes_of(self.pool().config.threads, max_lanes)
    }

    /// Whether the calling thread is inside a callback, or another call.
    pub(crate) fn is_nested(&self) -> bool {
        !self.outer.is_null()
    }

    /// The pool's address, for a job that outlives this call, and keeps the pool by `keep_alive`.
    pub(crate) fn pool_ref(&self) -> PoolRef {
        PoolRef(self.pool)
    }

    /// Keeps the pool for a job that outlives this call.
    pub(crate) fn keep_alive(&self) -> KeepAlive {
        // Before the call ends, so that a shutdown which waits for the call finds it.
        let background = Arc::clone(&self.pool().background);
        background.begin();
        KeepAlive(background)
    }

    /// Counts a parallel call and its chunks.
    #[inline]
    pub(crate) fn count_job(&self, chunks: usize) {
        let counters = self.pool().counters();
        counters.jobs.fetch_add(1, Ordering::Relaxed);
        counters.chunks.fetch_add(chunks as u64, Ordering::Relaxed);
    }

    /// A closed gate of the calling thread.
    #[inline]
    pub(crate) fn take_gate(&self) -> Arc<LoopGate> {
        local::take_gate(self.pool)
    }

    /// Gives it back, closed and empty.
    #[inline]
    pub(crate) fn return_gate(&self, gate: Arc<LoopGate>) {
        local::return_gate(self.pool, gate);
    }
}

/// Fails where the calling thread is inside as many calls as there may be.
pub(crate) fn check_depth() -> Result<()> {
    if local::with(Local::can_go_deeper) {
        Ok(())
    } else {
        Err(too_deep())
    }
}

#[cold]
fn too_deep() -> Error {
    let text = format!(
        "the calling thread is inside {MAX_DEPTH} calls already, each in a callback of the one before"
    );
    Error::new(ErrorKind::LimitExceeded, text)
}

impl Drop for Call {
    #[inline]
    fn drop(&mut self) {
        local::with(|local| local.end_use(self.pool, self.outer));
    }
}

/// The jobs under way that nobody waits for.
#[derive(Default)]
pub(super) struct Background {
    running: Mutex<usize>,
    none: QuietCondvar,
}

impl Background {
    fn begin(&self) {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    }

    fn end(&self) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        *running -= 1;
        if *running == 0 {
            self.none.notify_all();
        }
    }

    pub(super) fn wait(&self) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        while *running > 0 {
            running = self.none.wait(running);
        }
    }
}

/// Keeps the pool until it is dropped.
pub(crate) struct KeepAlive(Arc<Background>);

impl Drop for KeepAlive {
    fn drop(&mut self) {
        self.0.end();
    }
}
