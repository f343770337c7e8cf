//! A helper's time on a worker: how it comes, whether it is welcome, and when it makes room for others.

use super::tickets::SHORTEST_STAY;
use super::{Help, Pool, PoolRef, Ticket, Turn, Visit};
use crate::os::loader;
use crate::pool::cpu_count;
use crate::pool::thread_state;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

impl Pool {
    /// Sends a helper. It needs a permit when it arrives; without one it waits for a team to end.
    pub(crate) fn send(&self, ticket: Ticket) {
        self.spawn(move |pool| pool.help(ticket, Duration::ZERO));
    }

    /// A helper's time on a worker, `stay` at least. True if others need the CPU more than a worker that
    /// looks for tickets.
    fn help(&self, ticket: Ticket, stay: Duration) -> bool {
        cpu_count::refreshed(); // the caller has no time for it
        let has_caller = match &ticket {
            Ticket::Shared(work) | Ticket::Back(work, _) => work.has_caller(),
            Ticket::Once(_) => false,
        };
        let mut arrived = self.permits.take(ticket);
        while let Some(ticket) = arrived.take() {
            let mut visited = None;
            self.work(|| visited = self.visit(ticket, stay.max(SHORTEST_STAY)));
            self.release();
            match visited {
                Some((work, Visit::Served(job))) if !self.deferred.is_overdue() && work.linger(job, self) => {
                    arrived = self.permits.take(Ticket::Shared(work));
                }
                Some((work, Visit::Left(seat))) => self.deferred.push(Ticket::Back(work, seat)),
                _ => {}
            }
        }
        has_caller && !self.has_cpus_to_wait(1)
    }

    /// What a ticket is for.
    fn visit(&self, ticket: Ticket, stay: Duration) -> Option<(Arc<dyn Help>, Visit)> {
        let (work, seat) = match ticket {
            Ticket::Shared(work) => (work, None),
            Ticket::Back(work, seat) => (work, Some(seat)),
            Ticket::Once(task) => {
                task(self);
                return None;
            }
        };
        let visit = work.help(&work, self, Turn { seat, until: Instant::now() + stay });
        Some((work, visit))
    }

    /// Whether a helper of a job for which `coming` tickets are on their way should make room, between two
    /// claims.
    #[inline]
    pub(crate) fn needs_room(&self, coming: u32, turn: &Turn) -> bool {
        let others = self.sleepers.unserved() > coming as usize;
        (others || self.permits.are_wanted() || self.deferred.is_overdue()) && Instant::now() >= turn.until
    }

    /// The helper that comes back on a worker that has ended a visit, and how long it stays. If tickets wait
    /// for that worker it has to be `overdue`, or there is none.
    fn next_deferred(&self, overdue: bool) -> Option<(Ticket, Duration)> {
        if self.deferred.is_empty() {
            return None;
        }
        let others = self.sleepers.unserved_now() > 0;
        if others && !overdue {
            return None;
        }
        self.deferred.pop(others)
    }

    /// Threads that are at work, or in a call. Relaxed: it may be out of date at once; too few helpers are
    /// made good by the idle-CPU monitor, too many take turns.
    #[inline]
    fn engaged(&self) -> u32 {
        self.busy.load(Ordering::Relaxed) + self.epochs.callers()
    }

    /// Whether one more worker would have a CPU to itself, beside the engaged threads and the workers on
    /// their way that the caller knows of, or the engaged threads leave CPUs idle.
    #[inline]
    pub(crate) fn has_cpu_left(&self, coming: u32) -> bool {
        self.engaged() + coming < cpu_count::known() || self.idle_cpus.sees_idle()
    }

    /// Whether one more helper of a job is welcome that has so many threads: at work, and on their way. Where
    /// all CPUs are taken it is as long as the helpers of others are more.
    #[inline]
    pub(crate) fn has_share_left(&self, helpers: u32, coming: u32, callers: u32) -> bool {
        let others = self.busy.load(Ordering::Relaxed).saturating_sub(helpers);
        self.has_cpu_left(coming) || others > helpers + coming + callers
    }

    /// Whether there are CPUs for `more` threads that would only wait for what the engaged threads do.
    pub(crate) fn has_cpus_to_wait(&self, more: u32) -> bool {
        self.engaged() + more <= cpu_count::known()
    }

    /// Runs a task on a worker. The task tells whether that worker had better sleep then than look for more
    /// tickets.
    pub(super) fn spawn(&self, run: impl FnOnce(&Self) -> bool + Send + 'static) {
        if loader::others_have_ended() {
            return; // nobody would run it, and the queues may have been left locked
        }
        // SAFETY: a pool is freed after its workers have ended; this runs on one of them.
        let pool = unsafe { PoolRef(self).get() };
        self.sleepers.add_ticket();
        let task = move || {
            pool.sleepers.take_ticket();
            let mut sleeps = run(pool);
            let mut overdue = true;
            while let Some((ticket, stay)) = pool.next_deferred(overdue) {
                sleeps = pool.help(ticket, stay);
                overdue = false; // tickets that wait and helpers that come back take turns
            }
            if sleeps {
                pool.sleepers.sleep(thread_state::with(|state| state.worker.get() as usize));
            } else {
                pool.sleepers.go_in();
            }
        };
        if thread_state::with(|state| state.worker.get()) >= 0 {
            // By the worker's own registry, which lives until the worker ends: that the pool is stopping
            // makes no difference.
            rayon::spawn(task);
        } else if let Some(rayon) = &*self.rayon.read().unwrap_or_else(PoisonError::into_inner) {
            // A thread from outside is in a call, or in a background job, or the monitor: `stop` waits for
            // all of these first.
            rayon.spawn(task);
        }
    }
}
