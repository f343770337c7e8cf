//! Where workers sleep that are not to look for work.
//!
//! A worker of rayon that finds nothing to do yields dozens of times before it sleeps. Where threads are more than processors
//! each of these is a switch to another thread that has work, and new workers do it all at once, as the program begins. So new
//! workers sleep here first, and those who leave a loop while every processor is taken do again. Of the sleepers one is let in
//! for each ticket that no worker inside is free for; who slept last goes first, as its memory is still in a cache.
#![forbid(unsafe_code)]

use crate::sync::{Condvar, Mutex, MutexGuard};
use std::sync::PoisonError;

/// The door between a pool's workers and rayon. Nobody sleeps here while a ticket is left that nobody inside is free for.
pub(super) struct Door {
    state: Mutex<State>,
    /// One for each worker.
    sleepers: Box<[Condvar]>,
}

struct State {
    /// Tickets that nobody has begun with.
    tickets: usize,
    /// Workers inside, or let in, that have no ticket.
    free: usize,
    /// In the order in which they came.
    asleep: Vec<usize>,
    let_in: Box<[bool]>,
    /// Who needs every worker inside.
    holders: usize,
}

impl Door {
    pub(super) fn new(workers: u32) -> Self {
        let count = workers as usize;
        let state = State {
            tickets: 0,
            free: 0,
            asleep: Vec::with_capacity(count),
            let_in: vec![false; count].into(),
            holders: 0,
        };
        Self { state: Mutex::new(state), sleepers: (0..count).map(|_| Condvar::new()).collect() }
    }

    /// A worker without a ticket goes in.
    pub(super) fn go_in(&self) {
        self.lock().free += 1;
    }

    /// A worker without a ticket goes in when it is needed.
    pub(super) fn wait(&self, worker: usize) {
        let mut state = self.lock();
        if state.holders > 0 || state.tickets > state.free {
            state.free += 1;
            return;
        }
        state.asleep.push(worker);
        while !state.let_in[worker] {
            state = self.sleepers[worker].wait(state).unwrap_or_else(PoisonError::into_inner);
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
            sleeper.inspect(|&worker| self.sleepers[worker].notify_one());
        }
    }

    /// A worker inside begins with a ticket.
    pub(super) fn take_ticket(&self) {
        let mut state = self.lock();
        state.tickets -= 1;
        state.free -= 1;
    }

    /// Lets everybody in, and whoever comes until it is closed as often.
    pub(super) fn open(&self) {
        let mut state = self.lock();
        state.holders += 1;
        while let Some(worker) = state.let_one_in() {
            self.sleepers[worker].notify_one();
        }
    }

    pub(super) fn close(&self) {
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
