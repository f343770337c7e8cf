//! The worker threads of a pool: those that run, and those that could not be started yet.
//!
//! rayon makes a thread builder for each worker of the configured number at the start. If a thread could not
//! be started its builder is kept for a later attempt; until then rayon takes that worker for busy. The
//! number of workers never falls before the pool ends.
#![forbid(unsafe_code)]

use super::config::Config;
use super::hooks;
use super::sleepers::Sleepers;
use super::thread_state::{self, ThreadState};
use crate::error::{Error, ErrorKind, Result};
use crate::os::affinity;
use crate::os::clock::ThreadClock;
use crate::os::thread::Thread;
use crate::sync::{self, QuietCondvar};
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

/// rayon's builder of a worker, until the worker's thread has taken it.
type Builder = Arc<Mutex<Option<rayon::ThreadBuilder>>>;

/// See the module.
pub(super) struct Crew {
    wanted: u32,
    /// How many workers run; the number only grows.
    running: AtomicU32,
    state: Mutex<State>,
    /// The CPUs that workers are pinned to; empty: workers are not pinned.
    cpus: Vec<usize>,
    name: String,
    stack_size: usize,
    sleepers: Arc<Sleepers>,
}

#[derive(Default)]
struct State {
    threads: Vec<Thread>,
    missing: VecDeque<Builder>,
}

impl Crew {
    /// A crew without a worker yet. `cpus`: where workers are pinned to, if anywhere.
    pub(super) fn new(config: &Config, cpus: Vec<usize>, sleepers: Arc<Sleepers>) -> Self {
        Self {
            wanted: config.threads,
            running: AtomicU32::new(0),
            state: Mutex::default(),
            cpus,
            name: config.thread_name.clone(),
            stack_size: config.stack_size,
            sleepers,
        }
    }

    /// Adds rayon's builder of the worker with the next number.
    pub(super) fn add_builder(&self, builder: rayon::ThreadBuilder) {
        self.state().missing.push_back(Arc::new(Mutex::new(Some(builder))));
    }

    /// How many workers run. Relaxed: a worker that is not counted yet finds work by itself.
    #[inline]
    pub(super) fn running(&self) -> u32 {
        self.running.load(Ordering::Relaxed)
    }

    /// Whether workers could not be started.
    #[inline]
    pub(super) fn is_short(&self) -> bool {
        self.running() < self.wanted
    }

    /// Starts the missing workers, and calls `started` after each.
    ///
    /// # Errors [`ErrorKind::Threads`] if workers are missing still.
    pub(super) fn complete(&self, started: impl Fn()) -> Result<()> {
        self.start_missing(self.state(), started)
    }

    /// The same, unless another thread does it already. A failure is not told: the next call tries again.
    #[cold]
    pub(super) fn try_to_complete(&self, started: impl Fn()) {
        let state = match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        let _ = self.start_missing(state, started);
    }

    fn start_missing(&self, mut state: MutexGuard<'_, State>, started: impl Fn()) -> Result<()> {
        while let Some(builder) = state.missing.front().cloned() {
            let thread = self.start_worker(&builder).map_err(|error| {
                let (running, wanted) = (self.running(), self.wanted);
                Error::new(
                    ErrorKind::Threads,
                    format!("only {running} of {wanted} threads could be started: {error}"),
                )
            })?;
            state.missing.pop_front();
            state.threads.push(thread);
            self.running.fetch_add(1, Ordering::Relaxed);
            started();
        }
        Ok(())
    }

    fn start_worker(&self, builder: &Builder) -> io::Result<Thread> {
        let index = self.running() as usize;
        let cpu = (!self.cpus.is_empty()).then(|| self.cpus[index % self.cpus.len()]);
        let (builder, sleepers) = (Arc::clone(builder), Arc::clone(&self.sleepers));
        let life = move || {
            let builder = builder.lock().unwrap_or_else(PoisonError::into_inner).take();
            // The builder is there: only the thread that is started for it takes it.
            if let Some(builder) = builder {
                run_worker(builder, cpu, &sleepers);
            }
        };
        Thread::start(&format!("{}-{index}", self.name), self.stack_size, Box::new(life))
    }

    /// The clocks of the workers' CPU time.
    pub(super) fn clocks(&self) -> Vec<ThreadClock> {
        self.state().threads.iter().filter_map(Thread::clock).collect()
    }

    /// Waits until every worker has ended. Returns how many ended by a panic.
    pub(super) fn join(&self) -> usize {
        let State { threads, missing } = std::mem::take(&mut *self.state());
        drop(missing);
        threads.into_iter().map(Thread::join).filter(|ended_well| !ended_well).count()
    }

    /// Has every running worker do `action` while other workers are missing: rayon's broadcast would wait for
    /// those. `send` gives a task to any worker. A worker stays in its task for a moment, so that the other
    /// workers take the other tasks. A worker that is inside a callback comes when the callback has returned;
    /// a worker that starts meanwhile is not waited for.
    pub(super) fn broadcast(&self, action: fn(u32), send: impl Fn(Box<dyn FnOnce() + Send>)) {
        /// How long a worker stays in its task, as others may need it, and how often tasks are sent.
        const MOMENT: Duration = Duration::from_millis(1);
        // Workers are started in the order of their numbers.
        let workers = self.running() as usize;
        let done = Arc::new(Done {
            workers: sync::Mutex::new(vec![false; workers]),
            changed: QuietCondvar::default(),
        });
        loop {
            for _ in 0..workers {
                let done = Arc::clone(&done);
                send(Box::new(move || {
                    let worker = thread_state::with(|state| state.worker.get()) as u32;
                    action(worker);
                    done.note(worker as usize);
                    done.wait(MOMENT);
                }));
            }
            if done.wait(MOMENT) {
                return;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which workers have done the action of a broadcast.
struct Done {
    workers: sync::Mutex<Vec<bool>>,
    changed: QuietCondvar,
}

impl Done {
    fn note(&self, worker: usize) {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(done) = workers.get_mut(worker) {
            *done = true;
        }
        self.changed.notify_all();
    }

    /// Waits for all workers, at most so long. Returns whether all have done the action.
    fn wait(&self, time: Duration) -> bool {
        let begun = Instant::now();
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        while workers.contains(&false) {
            let rest = time.saturating_sub(begun.elapsed());
            if rest.is_zero() {
                return false;
            }
            workers = self.changed.wait_timeout(&self.workers, workers, rest);
        }
        true
    }
}

/// The life of a worker thread.
fn run_worker(builder: rayon::ThreadBuilder, cpu: Option<usize>, sleepers: &Sleepers) {
    let index = builder.index() as u32;
    thread_state::with(|state| state.worker.set(index as i32));
    if let Some(cpu) = cpu {
        affinity::pin_thread(cpu);
    }
    // rayon's queues keep a thread-local value, whose destructor is registered under the loader's lock. This
    // does it now, not in a job.
    #[cfg(unix)]
    drop(crossbeam_epoch::pin());
    sleepers.arrivals.arrive();
    hooks::catch_up(index);
    sleepers.sleep(builder.index());
    builder.run();
    hooks::run_exits(index);
    // Calls from the thread's own destructors are not a worker's calls any more: this pool is about to end.
    thread_state::with(ThreadState::leave_pool);
}
