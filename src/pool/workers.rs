//! A pool: its workers, and how helpers come to them.

use super::config::{self, Config, DEFAULT_STACK_SIZE};
use super::counters::{Counters, Stats};
use super::epoch::Epochs;
use super::hooks;
use super::idle_cpus::{IdleCpus, Machine, Watched};
use super::keep_alive::{BackgroundJobs, KeepAlive};
use super::permits::Permits;
use super::sleepers::Sleepers;
use super::thread_state::{self, ThreadState};
use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use crate::os::clock::ThreadClock;
use crate::os::thread::Thread;
use crate::os::{affinity, module};
use crate::panics::drop_payload;
use crossbeam_utils::CachePadded;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// Memory that starting a thread takes in small pieces, most of it in rayon: about so much.
const THREAD_MEMORY: usize = 8 << 10;

/// Work that helpers from the pool may join, shared by all of them and by those who send them.
pub(crate) trait Help: Send + Sync {
    /// A worker's visit; `shared` is this, to be sent again. A visit that may go on with the next job of the same caller tells
    /// which job it was for.
    fn help(&self, shared: &Arc<dyn Help>, pool: &Pool) -> Option<u64>;

    /// After a visit for job `served`, without a permit, so that a team need not wait for workers that only wait: waits a moment
    /// for the caller's next job. True if the worker shall visit again.
    fn linger(&self, _served: u64, _pool: &Pool) -> bool {
        false
    }

    /// Whether a caller waits for the job and works for it: it needs the CPU more than a worker that looks for tickets.
    fn has_caller(&self) -> bool {
        false
    }

    /// The idle-CPU monitor forgets the ticket; true if there is still something to help with, and no other helper is on the way.
    fn end_watch(&self) -> bool;

    /// Whether the idle-CPU monitor shall keep the ticket.
    fn keep_watch(&self) -> bool;

    /// Tells the jobs that this may be for from each other.
    fn job(&self) -> u64 {
        0
    }

    /// The clock of the caller.
    fn callers_clock(&self) -> Option<ThreadClock> {
        None
    }
}

/// A helper that is sent to a worker.
pub(crate) enum Ticket {
    /// To join what others work for as well.
    Shared(Arc<dyn Help>),
    /// To run a task that brings all that it needs. It is sent at once, never watched.
    Once(Box<dyn FnOnce(&Pool) + Send>),
}

impl Watched for Ticket {
    fn end_watch(&self) -> bool {
        match self {
            Self::Shared(work) => work.end_watch(),
            Self::Once(_) => true,
        }
    }

    fn keep_watch(&self) -> bool {
        match self {
            Self::Shared(work) => work.keep_watch(),
            Self::Once(_) => true,
        }
    }

    fn job(&self) -> u64 {
        match self {
            Self::Shared(work) => work.job(),
            Self::Once(_) => 0,
        }
    }

    fn callers_clock(&self) -> Option<ThreadClock> {
        match self {
            Self::Shared(work) => work.callers_clock(),
            Self::Once(_) => None,
        }
    }
}

/// A running pool.
pub(crate) struct Pool {
    /// Taken by `stop`. Workers do not use it: they send by `rayon::spawn`, which finds the queues of the worker that calls it.
    rayon: RwLock<Option<rayon::ThreadPool>>,
    config: Config,
    cpus: u32,
    /// The calls under way.
    epochs: &'static Epochs<Pool>,
    sleepers: Arc<Sleepers>,
    workers: Mutex<Vec<Thread>>,
    permits: Permits<Ticket>,
    idle_cpus: IdleCpus<Ticket>,
    background: BackgroundJobs,
    /// Its workers are about to be joined.
    stopping: AtomicBool,
    busy: CachePadded<AtomicU32>,
    counters: Counters,
}

impl Pool {
    pub(super) fn start(config: Config, epochs: &'static Epochs<Self>) -> Result<Self> {
        module::keep_module()?;
        let cpus = if config.pin { affinity::cpus()? } else { Vec::new() };
        let threads = config.threads;
        memory::probe(threads as usize * THREAD_MEMORY)?;
        let sleepers = Arc::new(Sleepers::new(threads));
        let mut workers = Vec::new();
        let built = rayon::ThreadPoolBuilder::new()
            .num_threads(threads as usize)
            // Nothing is left to panic (see `work`); if something does, it must not abort the program.
            .panic_handler(drop_payload)
            .spawn_handler(|thread| {
                let cpu = (!cpus.is_empty()).then(|| cpus[thread.index() % cpus.len()]);
                let name = format!("{}-{}", config.thread_name, thread.index());
                let sleepers = sleepers.clone();
                let life = Box::new(move || run_worker(thread, cpu, &sleepers));
                workers.push(Thread::start(&name, config.stack_size, life)?);
                Ok(())
            })
            .build();
        match built {
            Ok(rayon) => Ok(Self {
                rayon: RwLock::new(Some(rayon)),
                config,
                cpus: config::available_cpus(),
                epochs,
                sleepers,
                workers: Mutex::new(workers),
                permits: Permits::new(threads),
                idle_cpus: IdleCpus::new(),
                background: BackgroundJobs::default(),
                stopping: AtomicBool::new(false),
                busy: CachePadded::default(),
                counters: Counters::default(),
            }),
            Err(error) => {
                // rayon has told the workers that did start to end.
                sleepers.let_all_in();
                let started = workers.len();
                workers.into_iter().for_each(|worker| _ = worker.join());
                Err(Error::new(
                    ErrorKind::Threads,
                    format!("only {started} of {threads} threads could be started: {error}"),
                ))
            }
        }
    }

    /// Ends and joins every worker. No call uses the pool any more; helpers that come too late for theirs still do until they
    /// are joined, so the pool stays where it is meanwhile.
    pub(super) fn stop(&self) -> Result<()> {
        self.stopping.store(true, Ordering::Relaxed); // only a hint
        self.background.wait();
        self.idle_cpus.stop();
        // Rayon's workers end when their queues are empty. Late helpers may still send others, into the queues of the worker that
        // sends them, which is among those that have not ended.
        drop(self.rayon.write().unwrap_or_else(PoisonError::into_inner).take());
        self.sleepers.let_all_in();
        let workers = std::mem::take(&mut *self.workers.lock().unwrap_or_else(PoisonError::into_inner));
        let failed = workers.into_iter().map(Thread::join).filter(|ended_well| !ended_well).count();
        if failed > 0 {
            return Err(Error::new(ErrorKind::Internal, format!("{failed} workers ended by a panic")));
        }
        Ok(())
    }

    /// Sends a helper. It needs a permit when it arrives; without one it waits for a team to end.
    pub(crate) fn send(&self, ticket: Ticket) {
        self.spawn(move |pool| pool.help(ticket));
    }

    /// A helper's time on a worker. True if others need the CPU more than a worker that looks for tickets.
    fn help(&self, ticket: Ticket) -> bool {
        let has_caller = matches!(&ticket, Ticket::Shared(work) if work.has_caller());
        let mut arrived = self.permits.take(ticket);
        while let Some(ticket) = arrived {
            let mut visited = None;
            self.work(|| match ticket {
                Ticket::Shared(work) => {
                    let served = work.help(&work, self);
                    visited = served.map(|served| (work, served));
                }
                Ticket::Once(task) => task(self),
            });
            self.release();
            let stays = visited.filter(|(work, served)| work.linger(*served, self));
            arrived = stays.and_then(|(work, _)| self.permits.take(Ticket::Shared(work)));
        }
        has_caller && !self.has_cpus_to_wait(1)
    }

    /// Threads that are at work, or in a call. Relaxed: it may be out of date at once; too few helpers are made good by the
    /// idle-CPU monitor, too many take turns.
    #[inline]
    fn engaged(&self) -> u32 {
        self.busy.load(Ordering::Relaxed) + self.epochs.callers()
    }

    /// Whether one more worker would have a CPU to itself, beside the engaged threads and the workers on their way that the
    /// caller knows of, or the engaged threads leave CPUs idle.
    #[inline]
    pub(crate) fn has_cpu_left(&self, coming: u32) -> bool {
        self.engaged() + coming < self.cpus || self.idle_cpus.sees_idle()
    }

    /// Whether there are CPUs for `more` threads that would only wait for what the engaged threads do.
    pub(crate) fn has_cpus_to_wait(&self, more: u32) -> bool {
        self.engaged() + more <= self.cpus
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

    /// Sends a member of a team, whose permit is reserved. `ended` comes after the permit is given back, so that whoever waits
    /// for the team finds its workers free.
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

    /// Sets workers aside for a team, all or none. A caller that is not inside anything may have to wait for them.
    pub(crate) fn reserve(&self, workers: u32, nested: bool) -> Result<()> {
        self.permits.reserve(workers, nested)
    }

    fn release(&self) {
        for ticket in self.permits.release() {
            self.send(ticket);
        }
    }

    /// Runs a task on a worker. The task tells whether that worker had better sleep then than look for more tickets.
    fn spawn(&self, run: impl FnOnce(&Self) -> bool + Send + 'static) {
        // SAFETY: a pool is freed after its workers have ended; this runs on one of them.
        let pool = unsafe { PoolRef(self).get() };
        self.sleepers.add_ticket();
        let task = move || {
            pool.sleepers.take_ticket();
            if run(pool) {
                pool.sleepers.sleep(thread_state::with(|state| state.worker.get() as usize));
            } else {
                pool.sleepers.go_in();
            }
        };
        if thread_state::with(|state| state.worker.get()) >= 0 {
            // By the worker's own registry, which lives until the worker ends: that the pool is stopping makes no difference.
            rayon::spawn(task);
        } else if let Some(rayon) = &*self.rayon.read().unwrap_or_else(PoisonError::into_inner) {
            // A thread from outside is in a call, or in a background job, or the monitor: `stop` waits for all of these first.
            rayon.spawn(task);
        }
    }

    /// Runs the hooks that workers have not run yet, on every worker.
    pub(super) fn run_new_hooks(&self) {
        // The broadcast waits for every worker, so each must be where rayon finds it.
        self.sleepers.let_all_in();
        if let Some(rayon) = &*self.rayon.read().unwrap_or_else(PoisonError::into_inner) {
            rayon.broadcast(|context| hooks::catch_up(context.index() as u32));
        }
        self.sleepers.let_them_sleep();
    }

    /// Runs work on the calling worker of this pool.
    fn work(&self, work: impl FnOnce()) {
        let index = thread_state::with(|state| {
            state.pool.set(self.address());
            state.worker.get() as u32
        });
        hooks::catch_up(index);
        self.busy.fetch_add(1, Ordering::Relaxed);
        // Callbacks and hooks catch their own panics. What is left is the destructor of a body that a job owned: it must not
        // keep the permit of this worker, or the end of a team, from those who wait for it.
        if let Err(payload) = catch_unwind(AssertUnwindSafe(work)) {
            drop_payload(payload);
        }
        self.busy.fetch_sub(1, Ordering::Relaxed);
    }

    /// Runs work on any thread that has a part in one of this pool's jobs: as on a worker, calls made meanwhile are nested in
    /// it, and what would wait for the job is refused.
    pub(crate) fn work_here(&self, work: impl FnOnce()) {
        // The caller has asked `check_depth`.
        let outer = thread_state::with(|state| {
            state.go_deeper();
            state.pool.replace(self.address())
        });
        work();
        thread_state::with(|state| state.end_use(self.address(), outer));
    }

    /// The address, which tells pools that are alive from each other.
    #[inline]
    pub(crate) fn address(&self) -> *const () {
        std::ptr::from_ref(self).cast()
    }

    /// Threads of the pool.
    pub(crate) fn threads(&self) -> u32 {
        self.config.threads
    }

    /// What the pool was started with.
    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    /// Logical CPUs that the process could use when the pool started.
    pub(crate) fn cpus(&self) -> u32 {
        self.cpus
    }

    /// Whether its workers are about to be joined: a helper that has work for long should leave.
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
        self.counters.stats(self.config.threads, self.busy.load(Ordering::Relaxed))
    }

    /// Keeps the pool for a job that outlives the call which starts it.
    pub(super) fn keep_alive(&self) -> KeepAlive {
        self.background.begin()
    }
}

impl Machine for Pool {
    type Ticket = Ticket;

    fn cpus(&self) -> u32 {
        self.cpus
    }

    fn is_at_work(&self) -> bool {
        self.busy.load(Ordering::Relaxed) > 0
    }

    fn clocks(&self) -> Vec<ThreadClock> {
        let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.iter().filter_map(Thread::clock).collect()
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

/// The life of a worker thread.
fn run_worker(thread: rayon::ThreadBuilder, cpu: Option<usize>, sleepers: &Sleepers) {
    let index = thread.index() as u32;
    thread_state::with(|state| state.worker.set(index as i32));
    if let Some(cpu) = cpu {
        affinity::pin_thread(cpu);
    }
    hooks::catch_up(index);
    sleepers.sleep(thread.index());
    thread.run();
    hooks::run_exits(index);
    // What the thread's own destructors call from here on is not a worker's call: this pool is about to go.
    thread_state::with(ThreadState::leave_pool);
}
