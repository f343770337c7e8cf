//! Helpers that left their job between two chunks because other jobs waited for a worker.
//!
//! Such a helper is not sent again: rayon would give its ticket to the same worker at once. It waits here for
//! a worker without other tickets. A helper that has waited long goes before the tickets that are sent
//! meanwhile, and may then stay as long as it had to wait. So, where there is always more work than workers,
//! waiting helpers and new tickets share the time.
//!
//! No helper is forgotten: only a worker defers a helper, and each worker that ends a visit takes up a
//! deferred helper, unless a ticket waits; the worker that takes up the last of these tickets looks here
//! afterwards.
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
    /// Since when the first helper waits, in nanoseconds since `begun`; 0: no helper waits.
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

    /// Whether a helper has waited so long that others should make room. Relaxed: advice.
    #[inline]
    pub(super) fn is_overdue(&self) -> bool {
        let first = self.first.load(Ordering::Relaxed);
        first > 0 && self.begun.elapsed().saturating_sub(Duration::from_nanos(first)) >= LONGEST_WAIT
    }

    /// Whether no helper waits. The answer is right about helpers that the calling worker deferred, and about
    /// those that were here when the worker began with its last ticket.
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

    /// The first helper, and how long it may stay even if others wait. `others`: tickets wait for this
    /// worker, so the helper is taken only if it is overdue.
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
