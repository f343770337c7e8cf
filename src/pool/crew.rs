//! The worker threads of a pool: those that run, and those that could not be started yet.
//!
//! rayon has a place for each worker of the configured number from the start. A place whose thread could not
//! be started is kept, and is given to a thread later; until then rayon takes its worker for busy. Workers
//! never become fewer before the pool ends.
#![forbid(unsafe_code)]

use super::config::Config;
use super::hooks;
use super::sleepers::Sleepers;
use super::thread_state::{self, ThreadState};
use crate::error::{Error, ErrorKind, Result};
use crate::os::affinity;
use crate::os::clock::ThreadClock;
use crate::os::thread::Thread;
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

/// The place of a worker in rayon, until its thread has taken it.
type Place = Arc<Mutex<Option<rayon::ThreadBuilder>>>;

/// See the module.
pub(super) struct Crew {
    wanted: u32,
    /// How many workers run. It only grows.
    running: AtomicU32,
    state: Mutex<State>,
    /// The CPUs that workers are pinned to; none: they are not.
    cpus: Vec<usize>,
    name: String,
    stack_size: usize,
    sleepers: Arc<Sleepers>,
}

#[derive(Default)]
struct State {
    threads: Vec<Thread>,
    missing: VecDeque<Place>,
}

impl Crew {
    /// No worker yet. `cpus` are those that workers are pinned to, if any.
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

    /// The place of one more worker, the next by its number.
    pub(super) fn add_place(&self, place: rayon::ThreadBuilder) {
        self.state().missing.push_back(Arc::new(Mutex::new(Some(place))));
    }

    /// How many workers run. Relaxed: a worker that is not counted yet comes by itself.
    #[inline]
    pub(super) fn running(&self) -> u32 {
        self.running.load(Ordering::Relaxed)
    }

    /// Whether workers could not be started.
    #[inline]
    pub(super) fn is_short(&self) -> bool {
        self.running() < self.wanted
    }

    /// Starts the workers that are missing; `started` is told of each.
    ///
    /// # Errors
    /// [`ErrorKind::Threads`] if some are missing still.
    pub(super) fn complete(&self, started: impl Fn()) -> Result<()> {
        self.start_missing(self.state(), started)
    }

    /// The same, unless somebody is at it; it matters to nobody whether it succeeds.
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
        while let Some(place) = state.missing.front().cloned() {
            let thread = self.start_worker(&place).map_err(|error| {
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

    fn start_worker(&self, place: &Place) -> io::Result<Thread> {
        let index = self.running() as usize;
        let cpu = (!self.cpus.is_empty()).then(|| self.cpus[index % self.cpus.len()]);
        let (place, sleepers) = (Arc::clone(place), Arc::clone(&self.sleepers));
        let life = move || {
            let place = place.lock().unwrap_or_else(PoisonError::into_inner).take();
            // Only the thread that is started for it takes a place.
            if let Some(place) = place {
                run_worker(place, cpu, &sleepers);
            }
        };
        Thread::start(&format!("{}-{index}", self.name), self.stack_size, Box::new(life))
    }

    /// The clocks of the workers' processor time.
    pub(super) fn clocks(&self) -> Vec<ThreadClock> {
        self.state().threads.iter().filter_map(Thread::clock).collect()
    }

    /// Waits until every worker has ended; how many have by a panic.
    pub(super) fn join(&self) -> usize {
        let State { threads, missing } = std::mem::take(&mut *self.state());
        drop(missing);
        threads.into_iter().map(Thread::join).filter(|ended_well| !ended_well).count()
    }

    /// Has every worker that runs do `action`, while some are missing: rayon's broadcast would wait for
    /// these. `send` gives a task to any worker; a worker keeps it for a moment, so that the others come to
    /// the others. Workers that are inside a callback come when it has returned. One that begins meanwhile is
    /// not waited for.
    pub(super) fn broadcast(&self, action: fn(u32), send: impl Fn(Box<dyn FnOnce() + Send>)) {
        /// How long a worker waits for the others, who may be needed by what waits behind it, and how often
        /// tasks are sent.
        const MOMENT: Duration = Duration::from_millis(1);
        // Workers are started in the order of their numbers.
        let workers = self.running() as usize;
        let done = Arc::new(Done { workers: Mutex::new(vec![false; workers]), changed: Condvar::new() });
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

/// Which workers have done what a broadcast asks for.
struct Done {
    workers: Mutex<Vec<bool>>,
    changed: Condvar,
}

impl Done {
    fn note(&self, worker: usize) {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(done) = workers.get_mut(worker) {
            *done = true;
        }
        self.changed.notify_all();
    }

    /// Waits for all of them, so long; whether they have.
    fn wait(&self, time: Duration) -> bool {
        let lacks = |workers: &mut Vec<bool>| workers.contains(&false);
        let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(workers, time, lacks);
        !lacks(&mut waited.unwrap_or_else(PoisonError::into_inner).0)
    }
}

/// The life of a worker thread.
fn run_worker(place: rayon::ThreadBuilder, cpu: Option<usize>, sleepers: &Sleepers) {
    let index = place.index() as u32;
    thread_state::with(|state| state.worker.set(index as i32));
    if let Some(cpu) = cpu {
        affinity::pin_thread(cpu);
    }
    // Rayon's queues keep something for each thread, whose destructor is registered under the loader's lock:
    // now, not in a job.
    #[cfg(unix)]
    drop(crossbeam_epoch::pin());
    sleepers.arrivals.arrive();
    hooks::catch_up(index);
    sleepers.sleep(place.index());
    place.run();
    hooks::run_exits(index);
    // What the thread's own destructors call from here on is not a worker's call: this pool is about to go.
    thread_state::with(ThreadState::leave_pool);
}
