//! A pool: its workers, and how tickets are sent to them.

mod staff;
mod tickets;
mod visits;

use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use crate::os::affinity;
use crate::os::clock::{self, ThreadClock};
use crate::os::thread::Thread;
use crate::panics::drop_payload;
use crate::pool::config::{Config, DEFAULT_STACK_SIZE};
use crate::pool::counters::{Counters, Stats};
use crate::pool::cpu_count;
use crate::pool::crew::Crew;
use crate::pool::deferred::Deferred;
use crate::pool::epoch::Epochs;
use crate::pool::fibers::{self, Kept};
use crate::pool::hooks;
use crate::pool::idle_cpus::{IdleCpus, Machine, Watched};
use crate::pool::keep_alive::{BackgroundJobs, KeepAlive};
use crate::pool::permits::Permits;
use crate::pool::sleepers::Sleepers;
use crate::pool::thread_state::{self, End, ThreadState};
use crate::pool::times;
use crate::trace;
use crossbeam_utils::CachePadded;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
pub(crate) use tickets::{Help, Seat, Ticket, Turn, Visit};

/// Memory that starting a thread takes in small pieces, most of it in rayon: about so much.
const THREAD_MEMORY: usize = 8 << 10;

/// A running pool.
pub(crate) struct Pool {
    /// Taken by `stop`. Workers do not use it: they send by `rayon::spawn`, which finds the queues of the
    /// worker that calls it.
    rayon: RwLock<Option<rayon::ThreadPool>>,
    config: Config,
    /// The calls under way.
    epochs: &'static Epochs<Pool>,
    sleepers: Arc<Sleepers>,
    crew: Crew,
    permits: Permits<Ticket>,
    deferred: Deferred<Ticket>,
    idle_cpus: IdleCpus<Ticket>,
    background: BackgroundJobs,
    /// Its workers are about to be joined.
    stopping: AtomicBool,
    busy: CachePadded<AtomicU32>,
    counters: Counters,
}

impl Pool {
    /// Starts a pool; if `partial`, also with fewer workers than asked for, or with none.
    pub(super) fn start(config: Config, partial: bool, epochs: &'static Epochs<Self>) -> Result<Self> {
        clock::begin_ticks();
        trace::when_first_call();
        let cpus = if config.pin { affinity::cpus()? } else { Vec::new() };
        let threads = config.threads;
        memory::probe(threads as usize * THREAD_MEMORY)?;
        let sleepers = Arc::new(Sleepers::new(threads));
        let crew = Crew::new(&config, cpus, Arc::clone(&sleepers));
        let rayon = rayon::ThreadPoolBuilder::new()
            .num_threads(threads as usize)
            // All panics are caught before (see `work`); a panic that is not must not abort the program.
            .panic_handler(drop_payload)
            .spawn_handler(|builder| {
                crew.add_builder(builder);
                Ok(())
            })
            .build()
            .map_err(|error| Error::new(ErrorKind::Threads, format!("rayon has no pool for us: {error}")))?;
        let complete = crew.complete(|| ());
        if let (Err(error), false) = (complete, partial) {
            drop(rayon); // tells the workers that did start to end
            sleepers.let_all_in();
            crew.join();
            return Err(error);
        }
        Ok(Self {
            rayon: RwLock::new(Some(rayon)),
            config,
            epochs,
            sleepers,
            permits: Permits::new(crew.running()),
            crew,
            deferred: Deferred::new(),
            idle_cpus: IdleCpus::new(),
            background: BackgroundJobs::default(),
            stopping: AtomicBool::new(false),
            busy: CachePadded::default(),
            counters: Counters::new(),
        })
    }

    /// Ends and joins every worker. No call uses the pool any more. Late helpers still do until they are
    /// joined, so the pool must not move meanwhile.
    pub(super) fn stop(&self) -> Result<()> {
        self.stopping.store(true, Ordering::Relaxed); // only a hint
        self.background.wait();
        self.idle_cpus.stop();
        // Rayon's workers end when their queues are empty. Late helpers may still send others, into the
        // queues of the worker that sends them, which is among those that have not ended.
        drop(self.rayon.write().unwrap_or_else(PoisonError::into_inner).take());
        self.sleepers.let_all_in();
        let failed = self.crew.join();
        if failed > 0 {
            return Err(Error::new(ErrorKind::Internal, format!("{failed} workers ended by a panic")));
        }
        Ok(())
    }

    /// Sends a helper as soon as CPUs are idle.
    #[cold]
    pub(crate) fn send_when_idle(&self, ticket: Ticket) {
        let refused = self.idle_cpus.watch(ticket, || {
            // SAFETY: the pool stops its monitor before it ends.
            let pool: &'static Self = unsafe { PoolRef(self).get() };
            let name = format!("{}-monitor", self.config.thread_name);
            Thread::start(&name, DEFAULT_STACK_SIZE, Box::new(|| pool.idle_cpus.run(pool))).map(Some)
        });
        // There can be no monitor: too many helpers are better than too few.
        if let Some(ticket) = refused.filter(Ticket::end_watch) {
            self.send(ticket);
        }
    }

    /// Sends a member of a team, whose permit is reserved. `ended` is called after the permit is given back,
    /// so that the caller that waits for the team finds its workers free.
    pub(crate) fn send_reserved(
        &self,
        member: impl FnOnce() + Send + 'static,
        ended: impl FnOnce() + Send + 'static,
    ) {
        self.spawn(move |pool| {
            pool.work(member);
            pool.release();
            ended();
            false
        });
    }

    /// Reserves workers for a team, all or none. A caller that is not inside a call may have to wait for
    /// them.
    pub(crate) fn reserve(
        &self,
        workers: u32,
        must_not_wait: Option<(ErrorKind, &'static str)>,
    ) -> Result<()> {
        self.permits.reserve(workers, must_not_wait)
    }

    fn release(&self) {
        for ticket in self.permits.release() {
            self.send(ticket);
        }
    }

    /// Runs work on the calling worker of this pool.
    fn work(&self, work: impl FnOnce()) {
        let index = thread_state::with(|state| {
            state.pool.set(self.address());
            state.worker.get() as u32
        });
        hooks::catch_up(index);
        self.busy.fetch_add(1, Ordering::Relaxed);
        // Callbacks and hooks catch their own panics. The destructor of a body that a job owned may panic
        // still: threads may wait for the permit of this worker or the end of a team, and must get it.
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| times::at_work(work))) {
            drop_payload(payload);
        }
        self.busy.fetch_sub(1, Ordering::Relaxed);
        if thread_state::with(ThreadState::left_open) {
            fibers::end(End::First, || Kept::Pool(self.keep_alive()));
        }
    }

    /// Runs work on any thread that takes part in one of this pool's jobs. As on a worker, calls made
    /// meanwhile are nested in the job, and a call that would wait for the job is refused.
    pub(crate) fn work_here(&self, work: impl FnOnce()) {
        // A call that could nest for ever has asked `check_depth`; the end of a job is told at any depth.
        let (level, outer) =
            thread_state::with(|state| (state.go_deeper(), state.pool.replace(self.address())));
        work();
        let end = thread_state::with(|state| match level {
            Some(level) => state.end_use(level, self.address(), outer),
            None => {
                if state.pool.get() == self.address() {
                    state.pool.set(outer);
                }
                End::Usual
            }
        });
        if end != End::Usual {
            fibers::end(end, || Kept::Pool(self.keep_alive()));
        }
    }

    /// Runs work within a callback of one of this pool's jobs, as a call that the callback makes. None: the
    /// calling thread is inside as many calls as there may be.
    #[inline]
    pub(crate) fn nest_here<R>(&self, work: impl FnOnce() -> R) -> Option<R> {
        let level = thread_state::with(ThreadState::go_deeper)?;
        let result = work();
        // The thread uses this pool before and after.
        let end = thread_state::with(|state| state.end_use(level, self.address(), self.address()));
        if end != End::Usual {
            fibers::end(end, || Kept::Pool(self.keep_alive()));
        }
        Some(result)
    }

    /// The address, which distinguishes pools that are alive.
    #[inline]
    pub(crate) fn address(&self) -> *const () {
        std::ptr::from_ref(self).cast()
    }

    /// Threads of the pool.
    pub(crate) fn threads(&self) -> u32 {
        self.config.threads
    }

    /// The options that the pool was started with.
    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    /// Logical CPUs that the process may use.
    pub(crate) fn cpus(&self) -> u32 {
        cpu_count::known()
    }

    /// Whether the workers are about to be joined: a helper with long work should leave.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Counts a parallel call and its chunks.
    #[inline]
    pub(super) fn count_job(&self, chunks: usize) {
        self.counters.count_job(chunks);
    }

    /// Counts a worker that came to help.
    pub(crate) fn count_helper(&self) {
        self.counters.count_helper();
    }

    /// What the pool has done since it started.
    pub(super) fn stats(&self) -> Stats {
        self.counters.stats(self.crew.running(), self.busy.load(Ordering::Relaxed))
    }

    /// Whether no job is left that outlives the call which started it.
    pub(super) fn is_unused(&self) -> bool {
        self.background.are_none()
    }

    /// Keeps the pool for a job that outlives the call which starts it.
    pub(super) fn keep_alive(&self) -> KeepAlive {
        self.background.begin()
    }
}

impl Machine for Pool {
    type Ticket = Ticket;

    fn cpus(&self) -> u32 {
        cpu_count::refreshed()
    }

    fn is_at_work(&self) -> bool {
        self.busy.load(Ordering::Relaxed) > 0
    }

    fn clocks(&self) -> Vec<ThreadClock> {
        self.crew.clocks()
    }

    fn send(&self, ticket: Ticket) {
        Pool::send(self, ticket);
    }
}

/// A pool's address, for code that knows by other means that the pool is alive.
#[derive(Clone, Copy)]
pub(crate) struct PoolRef(*const Pool);

// SAFETY: Pool is Sync; `get` says what makes it alive.
unsafe impl Send for PoolRef {}
// SAFETY: as above.
unsafe impl Sync for PoolRef {}

impl PoolRef {
    pub(super) fn of(pool: &Pool) -> Self {
        Self(pool)
    }

    /// The pool that the calling thread is a worker of, or that a call of this thread is using.
    #[inline]
    pub(super) fn here() -> Option<Self> {
        let address = thread_state::with(|state| state.pool.get());
        (!address.is_null()).then_some(Self(address.cast()))
    }

    /// The address, which distinguishes the pool from others.
    #[inline]
    pub(super) fn address(self) -> *const () {
        self.0.cast()
    }

    /// The pool.
    ///
    /// # Safety
    /// It has not ended, and does not end while the result is used.
    #[inline]
    pub(crate) unsafe fn get<'a>(self) -> &'a Pool {
        // SAFETY: the caller's promise; a pool does not move.
        unsafe { &*self.0 }
    }
}
