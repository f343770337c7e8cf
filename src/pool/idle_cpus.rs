//! The idle-CPU monitor: it sends helpers beyond the number of CPUs.
//!
//! A callback that computes gains nothing from more threads than there are CPUs: the threads take turns,
//! and the one that is off the CPU when the last chunk is claimed ends late (24 equal chunks of half a
//! millisecond on 2 CPUs: 14 % longer). But a callback may wait, for a disk or a lock, and then CPUs lie
//! idle until more chunks are begun. So helpers beyond the CPUs are not sent at once: the monitor, one more
//! thread, reads the CPU time that workers and callers take, and sends helpers when there is some to spare.
//! Where other programs use the CPUs too, time that is not taken is not to spare: threads that wait for a CPU
//! count as if they had one (`usage`).
//! A callback may also spin until others run, which looks like work: so helpers come one by one in any case
//! while a job claims no chunk for some time. (A long job that computes does claim chunks: more threads
//! would only take the CPUs from others.) The monitor is started when it is first needed, which is never
//! where the pool has no more threads than there are CPUs, and sleeps while there is nothing to look at.
//! Where threads have no clocks the CPU time of the process counts, which takes longer (`coarse_usage`).
#![forbid(unsafe_code)]

use super::arrivals::Arrivals;
use super::usage::Usage;
use crate::error::Result;
use crate::os::clock::ThreadClock;
use crate::os::thread::Thread;
use crate::sync::{AtomicBool, Condvar, Mutex, MutexGuard, Ordering};
use std::io;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// How long the monitor watches before the first answer, and at the most between two.
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_millis(8);

/// A callback may wait by spinning, which looks like work: after this time without a claim one more helper is
/// sent in any case.
const PATIENCE: Duration = Duration::from_millis(20);

/// The pool, as the monitor sees it.
pub(super) trait Machine {
    /// A ticket for a helper.
    type Ticket: Watched;

    /// CPUs for the pool, now.
    fn cpus(&self) -> u32;

    /// Whether a worker is at work.
    fn is_at_work(&self) -> bool;

    /// The clocks of the workers.
    fn clocks(&self) -> Vec<ThreadClock>;

    /// Sends a helper.
    fn send(&self, ticket: Self::Ticket);
}

/// What the monitor asks a ticket that waits.
pub(super) trait Watched {
    /// The monitor forgets the ticket; true if there is still something to help with, and no other helper is
    /// on the way.
    fn end_watch(&self) -> bool;

    /// Whether the monitor shall keep the ticket.
    fn keep_watch(&self) -> bool;

    /// Distinguishes the jobs that a ticket may be for.
    fn job(&self) -> u64;

    /// Changes when a thread of the job claims chunks, where that is known; else it is always the same.
    fn claimed(&self) -> u64;

    /// The clock of the thread that waits for the job and works for it.
    fn callers_clock(&self) -> Option<ThreadClock>;
}

/// See the module. `T` is the ticket of a helper.
pub(super) struct IdleCpus<T> {
    /// Half of the CPUs or more are idle: helpers need not ask the monitor.
    idle: AtomicBool,
    state: Mutex<State<T>>,
    changed: Condvar,
    /// Whether its thread runs.
    arrivals: Arrivals,
}

struct State<T> {
    waiting: Vec<Waiting<T>>,
    started: bool,
    thread: Option<Thread>,
    /// The monitor sleeps until there is something to look at.
    resting: bool,
    ended: bool,
}

/// A ticket for a helper beyond the CPUs.
struct Waiting<T> {
    ticket: T,
    /// The job that it is for, how far that is, and since when.
    job: u64,
    claimed: u64,
    since: Instant,
}

impl<T: Watched> Waiting<T> {
    fn new(ticket: T) -> Self {
        Self { job: ticket.job(), claimed: ticket.claimed(), ticket, since: Instant::now() }
    }

    /// Whether the job may be at a standstill. Patience begins again with each claim, and with the next job
    /// of the same caller.
    fn is_overdue(&mut self) -> bool {
        let (job, claimed) = (self.ticket.job(), self.ticket.claimed());
        if (job, claimed) != (self.job, self.claimed) {
            (self.job, self.claimed, self.since) = (job, claimed, Instant::now());
            return false;
        }
        self.since.elapsed() >= PATIENCE
    }
}

impl<T: Watched> IdleCpus<T> {
    /// No thread yet.
    pub(super) fn new() -> Self {
        let state = State { waiting: Vec::new(), started: false, thread: None, resting: false, ended: false };
        Self {
            idle: AtomicBool::new(false),
            state: Mutex::new(state),
            changed: Condvar::new(),
            arrivals: Arrivals::default(),
        }
    }

    /// Whether more helpers are useful, whatever the number of CPUs.
    #[inline]
    pub(super) fn sees_idle(&self) -> bool {
        // Relaxed: advice.
        self.idle.load(Ordering::Relaxed)
    }

    /// Takes a ticket to be sent later; gives it back if there can be no monitor. `start` starts the thread,
    /// which calls `run`.
    pub(super) fn watch(&self, ticket: T, start: impl FnOnce() -> io::Result<Option<Thread>>) -> Option<T> {
        let mut state = self.state();
        if state.ended {
            return Some(ticket);
        }
        if !state.started {
            match start() {
                Ok(thread) => (state.started, state.thread) = (true, thread),
                Err(_) => return Some(ticket),
            }
        }
        state.waiting.push(Waiting::new(ticket));
        if state.resting {
            self.changed.notify_all();
        }
        None
    }

    /// Waits until the thread runs, if it was started.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`](crate::error::ErrorKind::Busy) if it does not for some time.
    pub(super) fn wait_for_thread(&self) -> Result<()> {
        let started = self.state().started;
        self.arrivals.wait(started.into())
    }

    /// Ends the monitor; no call uses the pool any more.
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

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The life of the thread.
    pub(super) fn run(&self, machine: &impl Machine<Ticket = T>) {
        self.arrivals.arrive();
        let mut state = self.state();
        while !state.ended {
            if state.waiting.is_empty() && !self.sees_idle() {
                state.resting = true;
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.resting = false;
                continue;
            }
            state = self.look(machine, state);
        }
    }

    /// Watches until there is nothing to watch any more.
    fn look<'s>(
        &'s self,
        machine: &impl Machine<Ticket = T>,
        mut state: MutexGuard<'s, State<T>>,
    ) -> MutexGuard<'s, State<T>> {
        let workers = machine.clocks();
        let (mut interval, mut usage) = (SHORTEST, Usage::begin());
        loop {
            let callers = state.waiting.iter().filter_map(|waiting| waiting.ticket.callers_clock());
            usage.watch(workers.iter().copied().chain(callers));
            self.pause(state, interval);
            // Without the lock: files of the system are read, and callers that have a ticket would wait.
            let cpus = f64::from(machine.cpus());
            // Three quarters, as a CPU may be away for a moment.
            let enough = cpus - 0.75;
            let wanted = usage.cpus_wanted(enough);
            state = self.state();
            // When no worker works any more no ticket waits for advice.
            let anybody = machine.is_at_work() || !state.waiting.is_empty();
            self.idle.store(anybody && wanted < cpus * 0.5, Ordering::Relaxed);
            let spare = wanted < enough;
            // While callbacks only wait, and no ticket comes, the monitor looks more and more rarely: it must
            // not be what takes time.
            let asked = !state.waiting.is_empty();
            interval = if spare && asked { SHORTEST } else { (interval * 2).min(LONGEST) };
            let mut at = 0;
            while let Some(waiting) = state.waiting.get_mut(at) {
                if waiting.is_overdue() || spare {
                    let ticket = state.waiting.swap_remove(at).ticket;
                    if ticket.end_watch() {
                        machine.send(ticket);
                    }
                } else if waiting.ticket.keep_watch() {
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

    /// Lets some time pass, and leaves the lock.
    #[cfg(not(any(loom, windows)))]
    fn pause(&self, state: MutexGuard<'_, State<T>>, interval: Duration) {
        drop(self.changed.wait_timeout(state, interval).unwrap_or_else(PoisonError::into_inner));
    }

    /// On Windows a condition variable wakes with the system's timer, every 16 ms; a thread that sleeps has a
    /// timer of its own. So the monitor's end takes `LONGEST` at the most.
    #[cfg(all(windows, not(loom)))]
    fn pause(&self, state: MutexGuard<'_, State<T>>, interval: Duration) {
        drop(state);
        std::thread::sleep(interval);
    }

    /// Loom knows no time: whatever can happen while the lock is free happens in one of the interleavings.
    #[cfg(loom)]
    fn pause(&self, state: MutexGuard<'_, State<T>>, _: Duration) {
        drop(state);
        crate::sync::yield_now();
    }
}

/// A ticket for tests: of a job that has claimed so many chunks, and always wants help.
#[cfg(test)]
#[derive(Default)]
pub(super) struct TestTicket(std::sync::Arc<std::sync::atomic::AtomicU64>);

#[cfg(test)]
impl Watched for TestTicket {
    fn end_watch(&self) -> bool {
        true
    }

    fn keep_watch(&self) -> bool {
        true
    }

    fn job(&self) -> u64 {
        0
    }

    fn claimed(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn callers_clock(&self) -> Option<ThreadClock> {
        None
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn only_a_job_at_a_standstill_gets_helpers_by_patience() {
        let ticket = TestTicket::default();
        let claimed = ticket.0.clone();
        let mut waiting = Waiting::new(ticket);
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE * 3 {
            claimed.fetch_add(1, Ordering::Relaxed);
            assert!(!waiting.is_overdue());
        }
        while !waiting.is_overdue() {
            std::thread::yield_now();
        }
    }
}
