//! Which workers of a pool run: starting those that are missing, waiting for those that were started, hooks
//! for all of them.

use super::Pool;
use crate::error::{Error, ErrorKind, Result};
use crate::pool::arrivals::Arrivals;
use crate::pool::{hooks, thread_state};
use std::sync::{Arc, PoisonError};

impl Pool {
    /// Starts the workers that could not be started before.
    ///
    /// # Errors
    /// [`ErrorKind::Threads`] if some still cannot.
    pub(in crate::pool) fn complete(&self) -> Result<()> {
        self.crew.complete(|| self.release())
    }

    /// The same in passing, at the begin of a call.
    #[inline]
    pub(in crate::pool) fn try_to_complete(&self) {
        if self.crew.is_short() {
            self.crew.try_to_complete(|| self.release());
        }
    }

    /// How many workers run: fewer than the threads of the pool where some could not be started.
    pub(crate) fn workers(&self) -> u32 {
        self.crew.running()
    }

    /// Whether there is a worker that could help. There will be from then on.
    #[inline]
    pub(crate) fn has_workers(&self) -> bool {
        self.crew.running() > 0
    }

    /// Makes sure of so many workers.
    ///
    /// # Errors
    /// [`ErrorKind::Threads`] if there are fewer, and no more can be started; [`ErrorKind::Busy`] where the
    /// process exits.
    pub(crate) fn need_workers(&self, workers: u32) -> Result<()> {
        if self.crew.running() >= workers {
            return Ok(());
        }
        thread_state::check_others()?; // none can be started, and a thread that did may have been ended
        match self.complete() {
            Err(error) if self.crew.running() < workers => Err(Error::new(
                ErrorKind::Threads,
                format!("{workers} threads are needed beside the caller, but {error}"),
            )),
            _ => Ok(()),
        }
    }

    /// The workers that have arrived: of use after the pool, too.
    pub(crate) fn arrivals(&self) -> Arc<Arrivals> {
        Arc::clone(&self.sleepers.arrivals)
    }

    /// Waits until every worker runs: then what waits for workers does not wait for what the calling thread
    /// may be doing.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`] if they do not for some time.
    #[inline]
    pub(crate) fn await_workers(&self) -> Result<()> {
        self.sleepers.arrivals.wait(self.crew.running())
    }

    /// The same for every thread that `stop` joins.
    pub(in crate::pool) fn await_threads(&self) -> Result<()> {
        self.await_workers()?;
        self.idle_cpus.wait_for_thread()
    }

    /// Runs the hooks that workers have not run yet, on every worker.
    pub(in crate::pool) fn run_new_hooks(&self) -> Result<()> {
        self.await_workers()?;
        // The broadcast waits for every worker, so each must be where rayon finds it.
        self.sleepers.let_all_in();
        if let Some(rayon) = &*self.rayon.read().unwrap_or_else(PoisonError::into_inner) {
            if self.crew.is_short() {
                self.crew.broadcast(hooks::catch_up, |task| rayon.spawn(task));
            } else {
                rayon.broadcast(|context| hooks::catch_up(context.index() as u32));
            }
        }
        self.sleepers.let_them_sleep();
        Ok(())
    }
}
