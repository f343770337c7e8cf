//! The lookout: helpers beyond the number of processors.
//!
//! A callback that computes gains nothing from more threads than there are processors: they take turns, and whoever is off
//! the processor when the last chunk is claimed ends late (24 equal chunks of half a millisecond on 2 processors: 14 % longer).
//! But a callback may wait, for a disk or a lock, and then processors lie idle until more chunks are begun. So helpers beyond the
//! processors are not sent at once: the lookout, one more thread, looks at the processor time that workers and callers take, and
//! sends them when there is some to spare. A callback may also spin until others run, which looks like work: so they come one by
//! one in any case, after a while. The lookout is started when it is first needed, which is never where the pool
//! has no more threads than there are processors, and sleeps while there is nothing to look at. Where threads have no clock that
//! is good enough (Windows), it sends helpers after a moment in any case.

use super::clock::ThreadClock;
use super::thread::Thread;
use super::DEFAULT_STACK_SIZE;
use super::{Pool, PoolRef};
use crate::job::Ticket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long it watches before the first answer, and at the most between two.
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_millis(8);

/// A callback may wait by spinning, which looks like work: after this time one more helper is sent in any case.
const PATIENCE: Duration = Duration::from_millis(20);

/// See the module.
#[derive(Default)]
pub(super) struct Lookout {
    /// Half of the processors or more are idle: helpers need not ask the lookout.
    idle: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<Waiting>,
    thread: Option<Thread>,
    /// It sleeps until there is something to look at.
    resting: bool,
    ended: bool,
}

/// A ticket for a helper beyond the processors.
struct Waiting {
    ticket: Ticket,
    /// The job that it is for, and since when.
    job: u64,
    since: Instant,
}

impl Waiting {
    fn new(ticket: Ticket) -> Self {
        Self { job: ticket.job(), ticket, since: Instant::now() }
    }

    /// Whether the lookout shall keep it. Patience is for one job: it begins again with the next one of the same caller.
    fn keep(&mut self) -> bool {
        let job = self.ticket.job();
        if job != self.job {
            (self.job, self.since) = (job, Instant::now());
        }
        self.ticket.keep_watch()
    }
}

/// What threads did since a moment. Reading the clocks of 24 threads takes some microseconds: each is read once a look. The
/// vectors are used again, as the lookout must not allocate while others count on that.
struct Usage {
    since: Instant,
    clocks: Vec<(ThreadClock, Duration)>,
    threads: Vec<ThreadClock>,
    before: Vec<(ThreadClock, Duration)>,
}

impl Usage {
    fn begin() -> Self {
        Self { since: Instant::now(), clocks: Vec::new(), threads: Vec::new(), before: Vec::new() }
    }

    /// Watches these threads from now on, or since the last look if they were watched before.
    fn watch(&mut self, threads: impl Iterator<Item = ThreadClock>) {
        self.threads.clear();
        self.threads.extend(threads);
        self.threads.sort_unstable();
        self.threads.dedup();
        std::mem::swap(&mut self.clocks, &mut self.before);
        let read = |&clock: &ThreadClock| match self.before.binary_search_by_key(&clock, |known| known.0) {
            Ok(at) => Some(self.before[at]),
            Err(_) => Some((clock, clock.read()?)),
        };
        self.clocks.clear();
        self.clocks.extend(self.threads.iter().filter_map(read));
    }

    /// How many processors they have kept busy since then; none where the system does not tell.
    fn processors(&mut self) -> f64 {
        let (mut took, now) = (Duration::ZERO, Instant::now());
        for (clock, before) in &mut self.clocks {
            if let Some(time) = clock.read() {
                took += time.saturating_sub(std::mem::replace(before, time));
            }
        }
        took.as_secs_f64() / (now - std::mem::replace(&mut self.since, now)).as_secs_f64().max(1e-9)
    }
}

impl Lookout {
    /// Whether more helpers are welcome, whatever the number of processors.
    #[inline]
    pub(super) fn sees_idle(&self) -> bool {
        // Relaxed: advice.
        self.idle.load(Ordering::Relaxed)
    }

    /// Takes a ticket to be sent later; gives it back if no lookout can be had.
    pub(super) fn watch(&self, pool: PoolRef, ticket: Ticket) -> Option<Ticket> {
        let mut state = self.state();
        if state.ended {
            return Some(ticket);
        }
        if state.thread.is_none() {
            // SAFETY: the pool stops its lookout before it ends.
            let pool: &'static Pool = unsafe { pool.get() };
            let name = format!("{}-lookout", pool.config.thread_name);
            match Thread::start(&name, DEFAULT_STACK_SIZE, Box::new(|| pool.lookout.run(pool))) {
                Ok(thread) => state.thread = Some(thread),
                Err(_) => return Some(ticket),
            }
        }
        state.waiting.push(Waiting::new(ticket));
        if state.resting {
            self.changed.notify_all();
        }
        None
    }

    /// Ends the lookout; no call uses the pool any more.
    pub(super) fn stop(&self) {
        let mut state = self.state();
        state.ended = true;
        let thread = state.thread.take();
        drop(state);
        self.changed.notify_all();
        if let Some(thread) = thread {
            let _ = thread.join(); // it runs no foreign code that could panic
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The life of its thread.
    fn run(&self, pool: &Pool) {
        let mut state = self.state();
        while !state.ended {
            if state.waiting.is_empty() && !self.sees_idle() {
                state.resting = true;
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.resting = false;
                continue;
            }
            state = self.look(pool, state);
        }
    }

    /// Watches until there is nothing to watch any more.
    fn look<'s>(&'s self, pool: &Pool, mut state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        let processors = f64::from(pool.cpus);
        let workers = pool.clocks();
        let (mut interval, mut usage) = (SHORTEST, Usage::begin());
        loop {
            let callers = state.waiting.iter().filter_map(|waiting| waiting.ticket.callers_clock());
            usage.watch(workers.iter().copied().chain(callers));
            state = self.changed.wait_timeout(state, interval).unwrap_or_else(PoisonError::into_inner).0;
            let used = usage.processors();
            // Where nobody works any more there is nothing to be advised.
            let anybody = pool.busy.load(Ordering::Relaxed) > 0 || !state.waiting.is_empty();
            self.idle.store(anybody && used < processors * 0.5, Ordering::Relaxed);
            // Three quarters, as a processor may be away for a moment.
            let spare = used < processors - 0.75;
            // While callbacks only wait, and nobody asks, it looks more and more rarely: it must not be what takes time.
            let asked = !state.waiting.is_empty();
            interval = if spare && asked { SHORTEST } else { (interval * 2).min(LONGEST) };
            let mut at = 0;
            while let Some(waiting) = state.waiting.get_mut(at) {
                if spare || waiting.job == waiting.ticket.job() && waiting.since.elapsed() >= PATIENCE {
                    let ticket = state.waiting.swap_remove(at).ticket;
                    if ticket.end_watch() {
                        pool.send(ticket);
                    }
                } else if waiting.keep() {
                    at += 1;
                } else {
                    state.waiting.swap_remove(at);
                }
            }
            if state.ended || state.waiting.is_empty() && !self.sees_idle() {
                return state;
            }
        }
    }
}
