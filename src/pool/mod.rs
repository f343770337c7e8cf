//! The global pool's life: which threads there are, who uses them, when they start and end.
//!
//! The threads are a rayon pool that fastpar owns; rayon queues tickets and wakes the workers that sleep inside, `door` those
//! that do not get to rayon. What a worker does with a ticket is `job`'s business.

mod call;
mod clock;
mod config;
mod door;
mod epoch;
#[cfg(unix)]
mod fork;
mod hooks;
mod local;
mod lookout;
#[cfg(all(test, loom))]
mod loom_tests;
mod permits;
mod pin;
mod place;
mod stats;
mod thread;

pub(crate) use call::{check_depth, Call, KeepAlive};
pub(crate) use clock::ThreadClock;
pub use config::{PoolOptions, Threads, DEFAULT_STACK_SIZE, DEFAULT_THREADS, MAX_THREADS};
pub(crate) use epoch::generation;
pub use hooks::{hook, Hook};
pub use stats::{stats, Stats};

use crate::error::{Error, ErrorKind, Result};
use crate::job::{drop_payload, Ticket};
use crate::memory;
use call::Background;
use config::Config;
use crossbeam_utils::CachePadded;
use door::Door;
use epoch::Entry;
use local::{Local, SHARDS};
use lookout::Lookout;
use permits::Permits;
use stats::Counters;
use std::mem::ManuallyDrop;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use thread::Thread;

/// Memory that starting a thread takes in small pieces, most of it in rayon: about so much.
const THREAD_MEMORY: usize = 8 << 10;

/// A running pool.
pub(crate) struct Pool {
    /// Taken by `stop`.
    rayon: ManuallyDrop<rayon::ThreadPool>,
    config: Config,
    cpus: u32,
    door: Arc<Door>,
    workers: Mutex<Vec<Thread>>,
    permits: Permits,
    lookout: Lookout,
    background: Arc<Background>,
    /// Its workers are about to be joined.
    stopping: AtomicBool,
    busy: CachePadded<AtomicU32>,
    counters: [CachePadded<Counters>; SHARDS],
}

impl Pool {
    fn start(config: Config) -> Result<Self> {
        pin::keep_module()?;
        let cpus = if config.pin { pin::cpus()? } else { Vec::new() };
        let threads = config.threads;
        memory::probe(threads as usize * THREAD_MEMORY)?;
        let door = Arc::new(Door::new(threads));
        let mut workers = Vec::new();
        let built = rayon::ThreadPoolBuilder::new()
            .num_threads(threads as usize)
            // Nothing is left to panic (see `work`); if something does, it must not abort the program.
            .panic_handler(drop_payload)
            .spawn_handler(|thread| {
                let cpu = (!cpus.is_empty()).then(|| cpus[thread.index() % cpus.len()]);
                let name = format!("{}-{}", config.thread_name, thread.index());
                let door = door.clone();
                let life = Box::new(move || run_worker(thread, cpu, &door));
                workers.push(Thread::start(&name, config.stack_size, life)?);
                Ok(())
            })
            .build();
        match built {
            Ok(rayon) => Ok(Self {
                rayon: ManuallyDrop::new(rayon),
                config,
                cpus: config::available_cpus(),
                door,
                workers: Mutex::new(workers),
                permits: Permits::new(threads),
                lookout: Lookout::default(),
                background: Arc::default(),
                stopping: AtomicBool::new(false),
                busy: CachePadded::default(),
                counters: Default::default(),
            }),
            Err(error) => {
                // rayon has told those that did start to end.
                door.open();
                let started = workers.len();
                workers.into_iter().for_each(|worker| _ = worker.join());
                Err(Error::new(
                    ErrorKind::Threads,
                    format!("only {started} of {threads} threads could be started: {error}"),
                ))
            }
        }
    }

    /// Ends and joins every worker. No call uses the pool any more; helpers that come too late for theirs still do until
    /// they are joined, so the pool stays where it is.
    ///
    /// # Safety
    /// Called once.
    unsafe fn stop(&self) -> Result<()> {
        self.stopping.store(true, Ordering::Relaxed); // only a hint
        self.background.wait();
        self.lookout.stop();
        // SAFETY: taken once, by the caller's promise. Late helpers may still send others: what `spawn` uses is kept alive by
        // the workers themselves, which end when their queues are empty.
        drop(unsafe { std::ptr::read(&*self.rayon) });
        self.door.open();
        let workers = std::mem::take(&mut *self.workers.lock().unwrap_or_else(PoisonError::into_inner));
        let failed = workers.into_iter().map(Thread::join).filter(|ended_well| !ended_well).count();
        if failed > 0 {
            return Err(Error::new(ErrorKind::Internal, format!("{failed} workers ended by a panic")));
        }
        Ok(())
    }

    /// Sends a helper on its way. It needs a permit when it arrives; without one it waits for a team to end.
    pub(crate) fn send(&self, ticket: Ticket) {
        self.spawn(move |pool| pool.help(ticket));
    }

    /// Sends a helper for a thread that has work of its own to do: as soon as it runs, it leaves that thread's processor to it.
    pub(crate) fn send_away(&self, ticket: Ticket) {
        let here = place::here();
        self.spawn(move |pool| {
            place::leave(here);
            pool.help(ticket)
        });
    }

    /// A helper's time on a worker. True if others need the processor more than somebody who looks for tickets.
    fn help(&self, ticket: Ticket) -> bool {
        let is_loops = matches!(ticket, Ticket::Loop(_));
        let mut arrived = self.permits.take(ticket);
        while let Some(ticket) = arrived {
            let mut done = None;
            self.work(|| done = ticket.run(self));
            self.release();
            // Without a permit, so that a team need not wait for those who only wait.
            arrived =
                done.and_then(|served| served.linger(self)).and_then(|ticket| self.permits.take(ticket));
        }
        is_loops && !self.has_processors_to_wait(1)
    }

    /// Threads that are at work, or in a call. Relaxed: it may be out of date at once; too few helpers are made good by the
    /// lookout, too many take turns.
    #[inline]
    fn engaged(&self) -> u32 {
        self.busy.load(Ordering::Relaxed) + epoch::callers()
    }

    /// Whether one more worker would have a processor to itself, beside those engaged and those on their way that the caller
    /// knows of, or those engaged leave processors idle.
    #[inline]
    pub(crate) fn has_processor_left(&self, coming: u32) -> bool {
        self.engaged() + coming < self.cpus || self.lookout.sees_idle()
    }

    /// Processors for `more` threads that would only wait for what the engaged ones do.
    pub(crate) fn has_processors_to_wait(&self, more: u32) -> bool {
        self.engaged() + more <= self.cpus
    }

    /// Sends a helper as soon as processors are idle.
    #[cold]
    pub(crate) fn send_when_idle(&self, ticket: Ticket) {
        if let Some(ticket) = self.lookout.watch(PoolRef(self), ticket) {
            // No lookout can be had: too many helpers are better than too few.
            if ticket.end_watch() {
                self.send(ticket);
            }
        }
    }

    /// Sends a member of a team on its way, whose permit is reserved. `ended` comes after the permit is given back, so that
    /// whoever waits for the team finds its workers free.
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

    /// Runs something on a worker. It tells whether that worker had better sleep then than look for more tickets.
    fn spawn(&self, run: impl FnOnce(&Self) -> bool + Send + 'static) {
        // SAFETY: a pool is freed after its workers have ended; this runs on one of them.
        let pool = unsafe { PoolRef(self).get() };
        self.door.add_ticket();
        self.rayon.spawn(move || {
            pool.door.take_ticket();
            if run(pool) {
                pool.door.wait(local::with(|local| local.worker.get() as usize));
            } else {
                pool.door.go_in();
            }
        });
    }

    /// Runs work on the calling worker of this pool.
    fn work(&self, work: impl FnOnce()) {
        let index = local::with(|local| {
            local.pool.set(self);
            local.worker.get() as u32
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
        // Whoever may call back for ever has asked `check_depth`; the end of a job is told at any depth.
        let (deeper, outer) = local::with(|local| (local.go_deeper(), local.pool.replace(self)));
        work();
        local::with(|local| {
            if deeper {
                local.end_use(self, outer);
            } else if std::ptr::eq(local.pool.get(), self) {
                local.pool.set(outer);
            }
        });
    }

    /// The clocks of its workers.
    fn clocks(&self) -> Vec<ThreadClock> {
        let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.iter().filter_map(Thread::clock).collect()
    }

    /// Threads of the pool.
    pub(crate) fn threads(&self) -> u32 {
        self.config.threads
    }

    /// Logical CPUs that the process could use when the pool started.
    pub(crate) fn cpus(&self) -> u32 {
        self.cpus
    }

    /// Whether its workers are about to be joined: a helper that has work for long should leave.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}

/// A pool's address, for those who know by other means that it is there.
#[derive(Clone, Copy)]
pub(crate) struct PoolRef(*const Pool);

// SAFETY: Pool is Sync; `get` says what makes it alive.
unsafe impl Send for PoolRef {}
// SAFETY: as above.
unsafe impl Sync for PoolRef {}

impl PoolRef {
    /// The pool.
    ///
    /// # Safety
    /// It has not ended, and does not end while the result is used.
    pub(crate) unsafe fn get<'a>(self) -> &'a Pool {
        // SAFETY: the caller's promise; a pool does not move.
        unsafe { &*self.0 }
    }
}

/// The life of a worker thread.
fn run_worker(thread: rayon::ThreadBuilder, cpu: Option<usize>, door: &Door) {
    let index = thread.index() as u32;
    local::with(|local| local.worker.set(index as i32));
    if let Some(cpu) = cpu {
        pin::pin_thread(cpu);
    }
    hooks::catch_up(index);
    door.wait(thread.index());
    thread.run();
    hooks::run_exits(index);
    // What the thread's own destructors call from here on is not a worker's call: this pool is about to go.
    local::with(Local::leave_pool);
}

/// Starts the pool with these options.
///
/// # Errors
/// [`ErrorKind::AlreadyStarted`] if it runs with others, [`ErrorKind::InvalidArgument`] for a value outside its range,
/// [`ErrorKind::Threads`] if not all threads could be started (then none is left), [`ErrorKind::Unsupported`] if pinning is not
/// possible here.
pub fn start(options: &PoolOptions) -> Result<()> {
    let config = options.resolve()?;
    let entry;
    let outer = local::with(|local| local.pool.get());
    let running = if outer.is_null() {
        if local::with(|local| local.in_hook.get()) {
            return Err(Error::new(ErrorKind::Busy, "a hook must not use the pool"));
        }
        entry = Entry::new()?;
        entry.pool(|| Pool::start(config.clone()))?
    } else {
        // SAFETY: inside a call or on a worker: the pool is alive.
        unsafe { &*outer }
    };
    if running.config == config {
        return Ok(());
    }
    let Config { threads, pin, stack_size, thread_name } = &running.config;
    Err(Error::new(
        ErrorKind::AlreadyStarted,
        format!(
            "the pool runs already with threads {threads}, {}pinned, stack_size {stack_size}, thread_name {thread_name:?}",
            if *pin { "" } else { "not " },
        ),
    ))
}

/// Looks at the pool if it runs; starts nothing.
fn peek<R>(look: impl FnOnce(&Pool) -> R) -> Option<R> {
    let outer = local::with(|local| local.pool.get());
    if outer.is_null() {
        Entry::new().ok()?.running().map(look)
    } else {
        // SAFETY: inside a call or on a worker: the pool is alive.
        Some(look(unsafe { &*outer }))
    }
}

/// Threads that the pool has, or would start with.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`] if the environment asks for a number that cannot be.
pub fn threads() -> Result<u32> {
    peek(|pool| pool.config.threads).map_or_else(config::threads_of_environment, Ok)
}

/// Logical CPUs that the process may use, by the pool if it runs; starts nothing.
pub(crate) fn cpus() -> u32 {
    peek(|pool| pool.cpus).unwrap_or_else(config::available_cpus)
}

/// The calling thread's worker number, if it is a worker of the pool.
pub fn worker() -> Option<u32> {
    u32::try_from(local::with(|local| local.worker.get())).ok()
}

/// A number of the calling thread that few others have, if any.
#[inline]
pub(crate) fn thread_number() -> usize {
    local::with(Local::number)
}

/// Sees to it that a forked child forgets what belonged to the parent, for state that may exist without a pool.
pub(crate) fn watch_forks() -> Result<()> {
    epoch::begin_once()
}

/// Waits for the calls under way, then ends and joins every worker. A later call starts a new pool.
///
/// # Errors
/// [`ErrorKind::Busy`] from inside a callback or a hook.
pub fn shutdown() -> Result<()> {
    epoch::refuse_inside("shutting the pool down")?;
    epoch::shutdown()
}
