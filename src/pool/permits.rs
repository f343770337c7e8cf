//! Permits: the right to occupy a worker. Every helper of a loop takes a permit while it works; a team takes
//! all of its permits before it begins.
//!
//! There is one permit for each worker. The holder of a permit either occupies a worker or gets one at once:
//! a ticket that arrives without a permit goes away again. Members of a team wait for each other, so a team
//! sends its members only when it has a permit for each. Then all members find workers, whatever other teams
//! do, and in whatever order the workers take them up. A team inside a callback gets all of its permits at
//! once or an error. Of the teams that may wait, only one gathers permits at a time, and no other thread
//! takes any meanwhile: each permit given back brings the team nearer to its start. Holders of permits do not
//! need the gathering team's permits to end: helpers run chunks, and teams that have begun are complete.
//! Helpers that find no permit are put aside, and sent again when there is one. Meanwhile their loops go on
//! with the threads that they have.
#![forbid(unsafe_code)]

use crate::error::{Error, ErrorKind, Result};
use crossbeam_utils::CachePadded;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

/// The permits of a pool, and the tickets `T` of helpers that found no permit.
pub(super) struct Permits<T> {
    /// Workers that are neither working nor reserved; negative by the permits that a gathering team still
    /// lacks.
    free: CachePadded<AtomicI64>,
    /// A team gathers: helpers that have worked for some time had better leave. Advice, on a cache line that
    /// seldom changes.
    wanted: CachePadded<AtomicBool>,
    /// Held by the team that gathers.
    gathering: Mutex<()>,
    /// The gathering team sleeps here until `free` is not negative any more.
    gathered: (Mutex<()>, Condvar),
    aside: Mutex<Vec<T>>,
}

impl<T> Permits<T> {
    pub(super) fn new(workers: u32) -> Self {
        Self {
            free: CachePadded::new(AtomicI64::new(i64::from(workers))),
            wanted: CachePadded::default(),
            gathering: Mutex::new(()),
            gathered: (Mutex::new(()), Condvar::new()),
            aside: Mutex::new(Vec::new()),
        }
    }

    /// Takes a permit for a helper that has arrived: gives the ticket back with it, or else puts the ticket
    /// aside.
    pub(super) fn take(&self, ticket: T) -> Option<T> {
        if self.try_take(1) {
            return Some(ticket);
        }
        let mut aside = self.aside.lock().unwrap_or_else(PoisonError::into_inner);
        // Under the lock, so that either this thread sees a permit given back meanwhile, or its giver sees
        // the ticket.
        if self.try_take(1) {
            return Some(ticket);
        }
        aside.push(ticket);
        None
    }

    /// Whether a team waits for permits.
    #[inline]
    pub(super) fn are_wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed)
    }

    fn try_take(&self, permits: i64) -> bool {
        // Sequentially consistent: giving back and putting aside mirror each other, and one must see the
        // other.
        self.free
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |free| {
                (free >= permits).then_some(free - permits)
            })
            .is_ok()
    }

    /// Gives one permit back; returns the tickets that can be sent again.
    pub(super) fn release(&self) -> Vec<T> {
        let before = self.free.fetch_add(1, Ordering::SeqCst);
        if before < 0 {
            if before == -1 {
                // The gathering team checks `free` under the lock and releases the lock only by sleeping: it
                // cannot miss this.
                drop(self.gathered.0.lock());
                self.gathered.1.notify_one();
            }
            // The gathering team gives its permits back later: the last of them finds the tickets put aside.
            return Vec::new();
        }
        match self.aside.lock() {
            Ok(mut aside) => std::mem::take(&mut *aside),
            Err(poisoned) => std::mem::take(&mut *poisoned.into_inner()),
        }
    }

    /// Takes permits for the workers of a team, all or none; each is given back when its member ends. A
    /// caller that `must_not_wait` says where it is, and gets them at once or this failure.
    pub(super) fn reserve(
        &self,
        workers: u32,
        must_not_wait: Option<(ErrorKind, &'static str)>,
    ) -> Result<()> {
        let permits = i64::from(workers);
        if permits == 0 || self.try_take(permits) {
            return Ok(());
        }
        if let Some((kind, place)) = must_not_wait {
            let free = self.free.load(Ordering::Relaxed).max(0);
            let text =
                format!("the team needs {workers} more threads, but {free} are free; {place} it cannot wait");
            return Err(Error::new(kind, text));
        }
        let _one_at_a_time = self.gathering.lock().unwrap_or_else(PoisonError::into_inner);
        self.free.fetch_sub(permits, Ordering::SeqCst);
        self.wanted.store(true, Ordering::Relaxed);
        let mut guard = self.gathered.0.lock().unwrap_or_else(PoisonError::into_inner);
        while self.free.load(Ordering::SeqCst) < 0 {
            guard = self.gathered.1.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        self.wanted.store(false, Ordering::Relaxed);
        Ok(())
    }
}
