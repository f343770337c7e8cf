//! Workers that sleep outside rayon, so that they do not look for work.
//!
//! A worker of rayon that finds nothing to do yields dozens of times before it sleeps. With more threads than
//! CPUs each yield is a switch to another thread that has work, and new workers do it all at once, as the
//! program begins. So new workers sleep here first, and workers that leave a loop while every CPU is taken
//! sleep here again. For each ticket that no worker inside rayon is free for, one sleeper is let in. The last
//! one to fall asleep is woken first, as its memory may still be in a cache.
#![forbid(unsafe_code)]

use super::arrivals::Arrivals;
use crate::sync::{AtomicUsize, Condvar, Mutex, MutexGuard, Ordering};
use crossbeam_utils::CachePadded;
use std::sync::{Arc, PoisonError};

/// The sleeping workers of a pool. No worker sleeps here while there is a ticket that no worker inside rayon
/// is free for.
pub(super) struct Sleepers {
    state: Mutex<State>,
    /// A condition variable for each worker.
    wakes: Box<[Condvar]>,
    /// Tickets that no worker is free for. For readers without the lock: written only where it changes.
    unserved: CachePadded<AtomicUsize>,
    /// Workers that run.
    pub(super) arrivals: Arc<Arrivals>,
}

struct State {
    /// Tickets that no worker has taken up.
    tickets: usize,
    /// Workers without a ticket that are inside rayon, or let in.
    free: usize,
    /// Sleeping workers, in the order in which they fell asleep.
    asleep: Vec<usize>,
    let_in: Box<[bool]>,
    /// Callers that need every worker inside rayon.
    holders: usize,
}

impl Sleepers {
    pub(super) fn new(workers: u32) -> Self {
        let count = workers as usize;
        let state = State {
            tickets: 0,
            free: 0,
            asleep: Vec::with_capacity(count),
            let_in: vec![false; count].into(),
            holders: 0,
        };
        let wakes = (0..count).map(|_| Condvar::new()).collect();
        let unserved = CachePadded::new(AtomicUsize::new(0));
        Self { state: Mutex::new(state), wakes, unserved, arrivals: Arc::default() }
    }

    /// A worker without a ticket goes in without sleeping.
    pub(super) fn go_in(&self) {
        let mut state = self.lock();
        state.free += 1;
        self.tell(&state);
    }

    /// Tickets that wait for a worker. Relaxed: advice.
    #[inline]
    pub(super) fn unserved(&self) -> usize {
        self.unserved.load(Ordering::Relaxed)
    }

    /// The same; the worker that takes these tickets up sees what the caller did before.
    pub(super) fn unserved_now(&self) -> usize {
        let state = self.lock();
        state.tickets.saturating_sub(state.free)
    }

    /// Updates what readers without the lock see. The caller holds the lock.
    fn tell(&self, state: &State) {
        let unserved = state.tickets.saturating_sub(state.free);
        if self.unserved() != unserved {
            self.unserved.store(unserved, Ordering::Relaxed);
        }
    }

    /// A worker without a ticket sleeps until it is needed inside.
    pub(super) fn sleep(&self, worker: usize) {
        let mut state = self.lock();
        if state.holders > 0 || state.tickets > state.free {
            state.free += 1;
            self.tell(&state);
            return;
        }
        state.asleep.push(worker);
        while !state.let_in[worker] {
            state = self.wakes[worker].wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.let_in[worker] = false;
    }

    /// Announces one more ticket.
    pub(super) fn add_ticket(&self) {
        let mut state = self.lock();
        state.tickets += 1;
        if state.tickets > state.free {
            let sleeper = state.let_one_in();
            self.tell(&state);
            drop(state);
            sleeper.inspect(|&worker| self.wakes[worker].notify_one());
        }
    }

    /// A worker inside rayon takes up a ticket.
    pub(super) fn take_ticket(&self) {
        let mut state = self.lock();
        state.tickets -= 1;
        state.free -= 1;
    }

    /// Lets every sleeper in. Workers stay inside until `let_them_sleep` has been called as often as this.
    pub(super) fn let_all_in(&self) {
        let mut state = self.lock();
        state.holders += 1;
        while let Some(worker) = state.let_one_in() {
            self.wakes[worker].notify_one();
        }
        self.tell(&state);
    }

    pub(super) fn let_them_sleep(&self) {
        self.lock().holders -= 1;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The sleeper that must be woken.
    fn let_one_in(&mut self) -> Option<usize> {
        let worker = self.asleep.pop()?;
        self.let_in[worker] = true;
        self.free += 1;
        Some(worker)
    }
}
