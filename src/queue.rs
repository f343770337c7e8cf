//! A bounded queue of numbers for many producers and consumers, with timeouts and an end.
//!
//! A ring under a lock. Its memory is taken when it is opened: neither pushing, nor popping, nor waiting takes any, so that none of
//! them can fail for the lack of it.
#![forbid(unsafe_code)]

use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The largest capacity: a queue takes its memory when it is opened.
pub const MAX_CAPACITY: usize = 1 << 24;

/// See the module.
pub struct Queue {
    capacity: usize,
    state: Mutex<State>,
    /// There is a value, or the queue is closed.
    filled: Condvar,
    /// There is room, or the queue is closed.
    drained: Condvar,
}

struct State {
    values: VecDeque<u64>,
    closed: bool,
    /// Who sleeps: waking nobody would cost a system call.
    producers: usize,
    consumers: usize,
}

fn closed_error() -> Error {
    Error::new(ErrorKind::Closed, "the queue is closed")
}

fn timeout_error() -> Error {
    Error::new(ErrorKind::Timeout, "the time given is over")
}

/// When to give up; a time past the end of time is none.
fn deadline(timeout: Option<Duration>) -> Option<Instant> {
    timeout.and_then(|timeout| Instant::now().checked_add(timeout))
}

/// Sleeps until something changes; false: the time is over.
fn sleep<'s>(
    changed: &Condvar,
    state: MutexGuard<'s, State>,
    deadline: Option<Instant>,
) -> (MutexGuard<'s, State>, bool) {
    let Some(deadline) = deadline else {
        return (changed.wait(state).unwrap_or_else(PoisonError::into_inner), true);
    };
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return (state, false);
    }
    (changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0, true)
}

impl Queue {
    /// A queue for at most `capacity` values.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for 0 or more than [`MAX_CAPACITY`], [`ErrorKind::OutOfMemory`].
    pub fn new(capacity: usize) -> Result<Self> {
        if !(1..=MAX_CAPACITY).contains(&capacity) {
            let text = format!("capacity is {capacity}, expected 1 to {MAX_CAPACITY}");
            return Err(Error::new(ErrorKind::InvalidArgument, text));
        }
        memory::check()?;
        let mut values = VecDeque::new();
        if values.try_reserve_exact(capacity).is_err() {
            let text = format!("no memory for a queue of {capacity} values");
            return Err(Error::new(ErrorKind::OutOfMemory, text));
        }
        let state = State { values, closed: false, producers: 0, consumers: 0 };
        Ok(Self { capacity, state: Mutex::new(state), filled: Condvar::new(), drained: Condvar::new() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a value, waiting for room.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`]; [`ErrorKind::Closed`], also when the queue is closed while this waits. The value is not added then.
    pub fn push(&self, value: u64, timeout: Option<Duration>) -> Result<()> {
        let mut state = self.lock();
        let mut until = None;
        while !state.closed && state.values.len() >= self.capacity {
            let until = *until.get_or_insert_with(|| deadline(timeout));
            let in_time;
            state.producers += 1;
            (state, in_time) = sleep(&self.drained, state, until);
            state.producers -= 1;
            if !in_time {
                return Err(timeout_error());
            }
        }
        if state.closed {
            return Err(closed_error());
        }
        state.values.push_back(value); // within what was reserved
        let wake = state.consumers > 0;
        drop(state);
        if wake {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Takes the oldest value, waiting for one.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`]; [`ErrorKind::Closed`] once the queue is closed and empty.
    pub fn pop(&self, timeout: Option<Duration>) -> Result<u64> {
        let mut state = self.lock();
        let mut until = None;
        loop {
            if let Some(value) = state.values.pop_front() {
                let wake = state.producers > 0;
                drop(state);
                if wake {
                    self.drained.notify_one();
                }
                return Ok(value);
            }
            if state.closed {
                return Err(closed_error());
            }
            let until = *until.get_or_insert_with(|| deadline(timeout));
            let in_time;
            state.consumers += 1;
            (state, in_time) = sleep(&self.filled, state, until);
            state.consumers -= 1;
            if !in_time {
                return Err(timeout_error());
            }
        }
    }

    /// Ends the queue: no value can be added any more, those inside can still be taken.
    pub fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
        self.drained.notify_all();
    }
}
