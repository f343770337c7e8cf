//! Calls under way: each keeps the pool alive.

use super::global::{self, Entry};
use super::keep_alive::KeepAlive;
use super::thread_state::{self, busy_in_hook, too_deep, ThreadState};
use super::workers::{Pool, PoolRef};
use crate::error::Result;
use crate::memory;
use crate::plan::lanes_of;
use std::ptr;

/// A parallel call under way: it keeps its pool alive, and marks the thread as being inside it.
pub(crate) struct Call {
    pool: PoolRef,
    outer: *const (),
    /// None for a nested call: the outermost one, or being a worker, keeps the pool alive.
    _entry: Option<Entry>,
}

impl Call {
    /// Begins a call, starting the pool if there is none.
    #[inline]
    pub(crate) fn enter() -> Result<Self> {
        let (outer, in_hook) = thread_state::with(|state| (state.pool.get(), state.in_hook.get()));
        if in_hook {
            return Err(busy_in_hook());
        }
        memory::check()?;
        if let Some(pool) = PoolRef::here() {
            if !thread_state::with(ThreadState::go_deeper) {
                return Err(too_deep());
            }
            return Ok(Self { pool, outer, _entry: None });
        }
        let entry = global::enter()?;
        let pool = global::pool_of(&entry)?;
        thread_state::with(|state| {
            state.go_deeper();
            state.pool.set(pool.address());
        });
        Ok(Self { pool: PoolRef::of(pool), outer: ptr::null(), _entry: Some(entry) })
    }

    /// The pool of this call.
    #[inline]
    pub(crate) fn pool(&self) -> &Pool {
        // SAFETY: kept alive by the entry, or by what made the call a nested one.
        unsafe { self.pool.get() }
    }

    /// Lanes for this call.
    pub(crate) fn lanes(&self, max_lanes: u32) -> u32 {
        lanes_of(self.pool().threads(), max_lanes)
    }

    /// Whether the calling thread is inside a callback, or another call.
    pub(crate) fn is_nested(&self) -> bool {
        !self.outer.is_null()
    }

    /// The pool's address, for a job that outlives this call, and keeps the pool by `keep_alive`.
    pub(crate) fn pool_ref(&self) -> PoolRef {
        self.pool
    }

    /// Keeps the pool for a job that outlives this call. A shutdown that waits for the call finds the job under way.
    pub(crate) fn keep_alive(&self) -> KeepAlive {
        self.pool().keep_alive()
    }

    /// Counts a parallel call and its chunks.
    #[inline]
    pub(crate) fn count_job(&self, chunks: usize) {
        self.pool().count_job(chunks);
    }
}

impl Drop for Call {
    #[inline]
    fn drop(&mut self) {
        thread_state::with(|state| state.end_use(self.pool().address(), self.outer));
    }
}
