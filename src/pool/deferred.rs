//! Helpers that left their job between two chunks, because others waited for a worker.
//!
//! Such a helper is not sent again: rayon would give its ticket to the same worker at once. It waits here for
//! a worker that has nothing else to do. If it waits long, its turn comes before the tickets that are sent
//! meanwhile, and it may stay then as long as it had to wait: where there is always more to do than workers,
//! those who wait and those who came share the time.
//!
//! Nobody is forgotten here: only a worker puts a helper here, and each worker that ends a visit takes one,
//! unless a ticket waits; the worker that takes up the last of these tickets looks here afterwards.
#![forbid(unsafe_code)]

use crossbeam_utils::CachePadded;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A helper that has waited so long goes first.
const LONGEST_WAIT: Duration = Duration::from_millis(2);

/// The most that a helper stays because it had to wait.
const LONGEST_STAY: Duration = Duration::from_millis(10);

/// Helpers that wait for a turn, by their tickets `T`.
pub(super) struct Deferred<T> {
    begun: Instant,
    waiting: Mutex<VecDeque<Waiting<T>>>,
    /// Since when the first one waits, in nanoseconds since `begun`; 0: nobody does.
    first: CachePadded<AtomicU64>,
}

struct Waiting<T> {
    ticket: T,
    since: Instant,
}

impl<T> Deferred<T> {
    pub(super) fn new() -> Self {
        Self { begun: Instant::now(), waiting: Mutex::default(), first: CachePadded::default() }
    }

    /// Whether somebody has waited so long that others should make room. Relaxed: advice.
    #[inline]
    pub(super) fn is_overdue(&self) -> bool {
        let first = self.first.load(Ordering::Relaxed);
        first > 0 && self.begun.elapsed().saturating_sub(Duration::from_nanos(first)) >= LONGEST_WAIT
    }

    /// Whether nobody waits. A worker is right about those whom it put here, or who were here when it began
    /// with its last ticket.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.first.load(Ordering::Relaxed) == 0
    }

    /// A helper waits for its turn.
    pub(super) fn push(&self, ticket: T) {
        let mut waiting = self.lock();
        waiting.push_back(Waiting { ticket, since: Instant::now() });
        self.tell(&waiting);
    }

    /// The first one, and how long it may stay whoever waits. `others`: tickets wait for this worker, so only
    /// if it is overdue.
    pub(super) fn pop(&self, others: bool) -> Option<(T, Duration)> {
        let mut waiting = self.lock();
        let first = waiting.front()?;
        let waited = first.since.elapsed();
        let stay = if others { waited.min(LONGEST_STAY) } else { Duration::ZERO };
        if others && waited < LONGEST_WAIT {
            return None;
        }
        let ticket = waiting.pop_front()?.ticket;
        self.tell(&waiting);
        Some((ticket, stay))
    }

    fn tell(&self, waiting: &VecDeque<Waiting<T>>) {
        let since = |first: &Waiting<T>| (first.since - self.begun).as_nanos().max(1) as u64;
        self.first.store(waiting.front().map_or(0, since), Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Waiting<T>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_first_comes_first_and_before_others_when_overdue() {
        let deferred = Deferred::new();
        assert!(deferred.pop(false).is_none() && !deferred.is_overdue());
        deferred.push(1);
        deferred.push(2);
        assert_eq!(deferred.pop(false), Some((1, Duration::ZERO)));
        while !deferred.is_overdue() {
            std::thread::yield_now();
        }
        let (ticket, stay) = deferred.pop(true).unwrap();
        assert!(ticket == 2 && stay >= LONGEST_WAIT && stay <= LONGEST_STAY);
        assert!(!deferred.is_overdue());
    }
}
