//! Workers that sleep outside rayon, so that they do not look for work.
//!
//! A worker of rayon that finds nothing to do yields dozens of times before it sleeps. Where threads are more than CPUs each yield
//! is a switch to another thread that has work, and new workers do it all at once, as the program begins. So new workers sleep
//! here first, and workers that leave a loop while every CPU is taken sleep here again. For each ticket that no worker inside
//! rayon is free for, one sleeper is let in; the last one to fall asleep goes first, as its memory is still in a cache.
#![forbid(unsafe_code)]

use crate::sync::{Condvar, Mutex, MutexGuard};
use std::sync::PoisonError;

/// The sleeping workers of a pool. No worker sleeps here while a ticket is left that no worker inside rayon is free for.
pub(super) struct Sleepers {
    state: Mutex<State>,
    /// One for each worker.
    wakes: Box<[Condvar]>,
}

struct State {
    /// Tickets that no worker has begun with.
    tickets: usize,
    /// Workers inside rayon, or let in, that have no ticket.
    free: usize,
    /// Sleeping workers, in the order in which they came.
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
        Self { state: Mutex::new(state), wakes: (0..count).map(|_| Condvar::new()).collect() }
    }

    /// A worker without a ticket goes in without sleeping.
    pub(super) fn go_in(&self) {
        self.lock().free += 1;
    }

    /// A worker without a ticket sleeps until it is needed inside.
    pub(super) fn sleep(&self, worker: usize) {
        let mut state = self.lock();
        if state.holders > 0 || state.tickets > state.free {
            state.free += 1;
            return;
        }
        state.asleep.push(worker);
        while !state.let_in[worker] {
            state = self.wakes[worker].wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.let_in[worker] = false;
    }

    /// There will be one more ticket.
    pub(super) fn add_ticket(&self) {
        let mut state = self.lock();
        state.tickets += 1;
        if state.tickets > state.free {
            let sleeper = state.let_one_in();
            drop(state);
            sleeper.inspect(|&worker| self.wakes[worker].notify_one());
        }
    }

    /// A worker inside begins with a ticket.
    pub(super) fn take_ticket(&self) {
        let mut state = self.lock();
        state.tickets -= 1;
        state.free -= 1;
    }

    /// Lets every worker in, and those that come until `let_them_sleep` was called as often.
    pub(super) fn let_all_in(&self) {
        let mut state = self.lock();
        state.holders += 1;
        while let Some(worker) = state.let_one_in() {
            self.wakes[worker].notify_one();
        }
    }

    pub(super) fn let_them_sleep(&self) {
        self.lock().holders -= 1;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The sleeper to be woken.
    fn let_one_in(&mut self) -> Option<usize> {
        let worker = self.asleep.pop()?;
        self.let_in[worker] = true;
        self.free += 1;
        Some(worker)
    }
}
