//! Who may occupy a worker: every helper of a loop takes a permit while it works, a team takes all of its permits before it
//! begins.
//!
//! There is one permit a worker, and whoever has one either has a worker or gets one at once: a ticket that arrives without a
//! permit goes away again. Members of a team wait for each other, so a team sends its members only when it has a permit for
//! each of them: then all of them find workers, whatever other teams do, and in whatever order the workers take them up. A
//! team inside a callback gets all of its permits at once or an error. Of the teams that may wait only one gathers permits at
//! a time, and nobody else takes any meanwhile: each permit given back brings it nearer. Whoever gives permits back does not
//! need what the gathering team holds: helpers run chunks, and teams that have begun are complete. Helpers that find no
//! permit are put aside, and sent again when there is one: their loops go on meanwhile, with the threads that they have.
#![forbid(unsafe_code)]

use crate::error::{Error, ErrorKind, Result};
use crossbeam_utils::CachePadded;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

/// The permits of a pool, and the tickets `T` of helpers that found none.
pub(super) struct Permits<T> {
    /// Workers that are neither working nor set aside; below zero by what a team that gathers still lacks.
    free: CachePadded<AtomicI64>,
    /// Held by the team that gathers.
    gathering: Mutex<()>,
    /// Where it sleeps until `free` is not below zero any more.
    gathered: (Mutex<()>, Condvar),
    aside: Mutex<Vec<T>>,
}

impl<T> Permits<T> {
    pub(super) fn new(workers: u32) -> Self {
        Self {
            free: CachePadded::new(AtomicI64::new(i64::from(workers))),
            gathering: Mutex::new(()),
            gathered: (Mutex::new(()), Condvar::new()),
            aside: Mutex::new(Vec::new()),
        }
    }

    /// Takes a permit for a helper that has arrived: gives the ticket back if there is one, else puts it aside.
    pub(super) fn take(&self, ticket: T) -> Option<T> {
        if self.try_take(1) {
            return Some(ticket);
        }
        let mut aside = self.aside.lock().unwrap_or_else(PoisonError::into_inner);
        // Under the lock, so that a permit given back meanwhile is either seen here, or its giver sees the ticket.
        if self.try_take(1) {
            return Some(ticket);
        }
        aside.push(ticket);
        None
    }

    fn try_take(&self, permits: i64) -> bool {
        // Sequentially consistent: giving back and putting aside are each other's mirror image.
        self.free
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |free| {
                (free >= permits).then_some(free - permits)
            })
            .is_ok()
    }

    /// Gives one permit back; the tickets that can be sent again.
    pub(super) fn release(&self) -> Vec<T> {
        let before = self.free.fetch_add(1, Ordering::SeqCst);
        if before < 0 {
            if before == -1 {
                // The sleeper looks at `free` under the lock and sleeps with the lock released: it cannot miss this.
                drop(self.gathered.0.lock());
                self.gathered.1.notify_one();
            }
            // Whoever gathers gives its permits back later: the last of them finds what is aside.
            return Vec::new();
        }
        match self.aside.lock() {
            Ok(mut aside) => std::mem::take(&mut *aside),
            Err(poisoned) => std::mem::take(&mut *poisoned.into_inner()),
        }
    }

    /// Takes permits for the workers of a team, all or none; each is given back when its member ends.
    pub(super) fn reserve(&self, workers: u32, nested: bool) -> Result<()> {
        let permits = i64::from(workers);
        if permits == 0 || self.try_take(permits) {
            return Ok(());
        }
        if nested {
            let free = self.free.load(Ordering::Relaxed).max(0);
            return Err(Error::new(
                ErrorKind::Threads,
                format!("the team needs {workers} more threads, but {free} are free; inside a callback it cannot wait"),
            ));
        }
        let _one_at_a_time = self.gathering.lock().unwrap_or_else(PoisonError::into_inner);
        self.free.fetch_sub(permits, Ordering::SeqCst);
        let mut guard = self.gathered.0.lock().unwrap_or_else(PoisonError::into_inner);
        while self.free.load(Ordering::SeqCst) < 0 {
            guard = self.gathered.1.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }
}
