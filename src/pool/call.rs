//! Parallel calls under way: each keeps its pool alive.

use super::fibers::{self, Kept};
use super::global::{self, Entry};
use super::keep_alive::KeepAlive;
use super::limit::most_lanes;
use super::thread_state::{self, busy_in_hook, too_deep, End, ThreadState};
use super::workers::{Pool, PoolRef};
use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use crate::os::loader;
use crate::plan::lanes_of;
use std::ptr;

/// A parallel call under way: it keeps its pool alive, and marks the thread as being inside it.
pub(crate) struct Call {
    pool: PoolRef,
    outer: *const (),
    /// How many calls the thread was inside of, this call included.
    level: u32,
    /// Identifies the thread that the call began on.
    thread: *const ThreadState,
    /// `None` for a nested call: the outermost call of the thread, or the worker that it is, keeps the pool
    /// alive.
    entry: Option<Entry>,
}

impl Call {
    /// Begins a call, starting the pool if there is none.
    ///
    /// Always inlined: a result in memory would be written and read in pieces of different sizes, and each of
    /// its three copies would wait for the writes (30 ns of an empty loop of 260).
    #[inline(always)]
    pub(crate) fn enter() -> Result<Self> {
        let (outer, in_hook) = thread_state::with(|state| (state.pool.get(), state.in_hook.get()));
        if in_hook {
            return Err(busy_in_hook());
        }
        memory::check()?;
        if let Some(pool) = PoolRef::here() {
            return thread_state::with(|state| match state.go_deeper() {
                Some(level) => Ok(Self { pool, outer, level, thread: state, entry: None }),
                None => Err(too_deep()),
            });
        }
        let entry = global::enter()?;
        let pool = global::pool_of(&entry)?;
        let pool = PoolRef::of(pool);
        Ok(thread_state::with(|state| {
            let level = state.go_deeper().unwrap_or_default();
            state.pool.set(pool.address());
            Self { pool, outer: ptr::null(), level, thread: state, entry: Some(entry) }
        }))
    }

    /// The pool of this call.
    #[inline]
    pub(crate) fn pool(&self) -> &Pool {
        // SAFETY: the pool is kept alive by the entry, or, in a nested call, by the outermost call or the
        // worker.
        unsafe { self.pool.get() }
    }

    /// The lanes that this call may have.
    pub(crate) fn lanes(&self, max_lanes: u32) -> u32 {
        lanes_of(self.pool().threads(), max_lanes)
    }

    /// Whether the limit allows helpers, and the pool has workers.
    #[inline]
    pub(crate) fn can_have_help(&self) -> bool {
        most_lanes() > 1 && self.pool().has_workers() && !loader::others_have_ended()
    }

    /// Whether the calling thread is inside a callback, or another call.
    pub(crate) fn is_nested(&self) -> bool {
        !self.outer.is_null()
    }

    /// Where the calling thread is, if it must not wait for workers: whoever has them may be waiting for it.
    /// With the failure of a team that does not get its workers at once.
    pub(crate) fn must_not_wait(&self) -> Option<(ErrorKind, &'static str)> {
        if self.is_nested() {
            return Some((ErrorKind::Threads, "inside a callback"));
        }
        loader::holds_lock().then_some((ErrorKind::Busy, "in DllMain"))
    }

    /// The pool's address, for a job that outlives this call. Such a job keeps the pool by `keep_alive`.
    pub(crate) fn pool_ref(&self) -> PoolRef {
        self.pool
    }

    /// Keeps the pool for a job that outlives this call. A shutdown that waits for the call finds the job
    /// under way.
    pub(crate) fn keep_alive(&self) -> KeepAlive {
        self.pool().keep_alive()
    }

    /// Fails if a callback has moved the call to another thread.
    #[inline]
    pub(crate) fn check_thread(&self) -> Result<()> {
        if thread_state::with(|state| ptr::eq(state, self.thread)) {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Unsupported,
            "a callback returned on another thread than it was called on; the pool can no longer be shut down",
        ))
    }

    /// Counts a parallel call and its chunks.
    #[inline]
    pub(crate) fn count_job(&self, chunks: usize) {
        self.pool().count_job(chunks);
    }
}

impl Call {
    /// Ends the call before a call that began later, or on another thread than it began on (`None`).
    #[cold]
    fn end_unusually(&mut self, end: Option<End>) {
        match end {
            Some(end) => fibers::end(end, || match self.entry.take() {
                Some(entry) => Kept::Entry(entry),
                None => Kept::Pool(self.keep_alive()),
            }),
            // The thread that the call began on stays marked as being inside the call, so the pool must stay
            // too.
            None => std::mem::forget(self.entry.take()),
        }
    }
}

impl Drop for Call {
    #[inline]
    fn drop(&mut self) {
        let end = thread_state::with(|state| {
            if !ptr::eq(state, self.thread) {
                return None;
            }
            Some(state.end_use(self.level, self.pool.address(), self.outer))
        });
        if end != Some(End::Usual) {
            self.end_unusually(end);
        }
    }
}
