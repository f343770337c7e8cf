//! Who may occupy a worker: every helper of a loop takes a permit while it works, a team takes all of its permits before it
//! begins.
//!
//! Members of a team wait for each other, so a team must never hold some of its workers and wait for the rest while another
//! team does the same. There is one permit a worker; a team inside a callback gets all of its permits at once or an error, and
//! of the teams that may wait only one gathers workers at a time. Whatever holds a permit without being a team is running
//! chunks, and ends by itself: so the one that gathers ends up complete. Helpers that find no permit are put aside, and sent
//! again when one is given back: their loops go on meanwhile, with the threads that they have.
#![forbid(unsafe_code)]

use crate::error::{Error, ErrorKind, Result};
use crate::job::Ticket;
use crossbeam_utils::CachePadded;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The permits of a pool.
pub(super) struct Permits {
    /// Workers that are neither working nor set aside; below zero while a team gathers more than there are.
    free: CachePadded<AtomicI64>,
    gathering: Mutex<()>,
    aside: Mutex<Vec<Ticket>>,
}

/// Permits of a team. They are given back one by one, as its members end.
pub(crate) struct Reservation<'p> {
    /// Held until every member has arrived, if some of the workers were not free.
    _gathering: Option<MutexGuard<'p, ()>>,
}

impl Reservation<'_> {
    /// Whether the workers may still be busy elsewhere: then the team must be complete before the value is dropped.
    pub(crate) fn must_gather(&self) -> bool {
        self._gathering.is_some()
    }
}

impl Permits {
    pub(super) fn new(workers: u32) -> Self {
        Self {
            free: CachePadded::new(AtomicI64::new(i64::from(workers))),
            gathering: Mutex::new(()),
            aside: Mutex::new(Vec::new()),
        }
    }

    /// Takes a permit for a helper that has arrived: gives the ticket back if there is one, else puts it aside.
    pub(super) fn take(&self, ticket: Ticket) -> Option<Ticket> {
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
    pub(super) fn release(&self) -> Vec<Ticket> {
        if self.free.fetch_add(1, Ordering::SeqCst) < 0 {
            return Vec::new();
        }
        match self.aside.lock() {
            Ok(mut aside) => std::mem::take(&mut *aside),
            Err(poisoned) => std::mem::take(&mut *poisoned.into_inner()),
        }
    }

    /// Takes permits for a team.
    pub(super) fn reserve(&self, workers: u32, nested: bool) -> Result<Reservation<'_>> {
        let permits = i64::from(workers);
        if self.try_take(permits) {
            return Ok(Reservation { _gathering: None });
        }
        if nested {
            let free = self.free.load(Ordering::Relaxed).max(0);
            return Err(Error::new(
                ErrorKind::Threads,
                format!("the team needs {workers} more threads, but {free} are free; inside a callback it cannot wait"),
            ));
        }
        let gathering = self.gathering.lock().unwrap_or_else(PoisonError::into_inner);
        self.free.fetch_sub(permits, Ordering::SeqCst);
        Ok(Reservation { _gathering: Some(gathering) })
    }
}
