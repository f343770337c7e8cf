//! A bounded queue of numbers for many producers and consumers, with timeouts and an end.
//!
//! The queue is crossbeam's bounded channel. `close` drops the queue's own sender. A producer holds a clone
//! of it only while it pushes, and gives up when the second channel tells that the queue is closed. So the
//! channel ends when the last push under way has ended, and a consumer that finds the end has missed no
//! value.
#![forbid(unsafe_code)]

use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use crossbeam_channel::{after, bounded, never, select_biased, Receiver, RecvTimeoutError, Sender};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

/// The largest capacity: a queue takes its memory when it is opened.
pub const MAX_CAPACITY: usize = 1 << 24;

/// See the module.
pub struct Queue {
    open: RwLock<Option<Open>>,
    closed: Receiver<()>,
    values: Receiver<u64>,
}

struct Open {
    values: Sender<u64>,
    /// Dropping this sender tells producers that the queue is closed.
    _closing: Sender<()>,
}

fn closed_error() -> Error {
    Error::new(ErrorKind::Closed, "the queue is closed")
}

fn timeout_error() -> Error {
    Error::new(ErrorKind::Timeout, "the time given is over")
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
        // The channel ends the process if there is no memory for its ring, which may be larger than the
        // reserve: ask first.
        memory::probe(capacity.saturating_mul(size_of::<[u64; 2]>()))?;
        let (sender, values) = bounded(capacity);
        let (closing, closed) = bounded(0);
        Ok(Self { open: RwLock::new(Some(Open { values: sender, _closing: closing })), closed, values })
    }

    /// Adds a value; waits for room.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`]; [`ErrorKind::Closed`], also if the queue is closed while this waits. The value
    /// is not added then.
    pub fn push(&self, value: u64, timeout: Option<Duration>) -> Result<()> {
        let sender = match &*self.open.read().unwrap_or_else(PoisonError::into_inner) {
            Some(open) => open.values.clone(),
            None => return Err(closed_error()),
        };
        if sender.try_send(value).is_ok() {
            return Ok(());
        }
        if timeout == Some(Duration::ZERO) {
            return Err(timeout_error());
        }
        let late = timeout.map_or_else(never, after);
        select_biased! {
            recv(self.closed) -> _ => Err(closed_error()),
            send(sender, value) -> sent => sent.map_err(|_| closed_error()),
            recv(late) -> _ => Err(timeout_error()),
        }
    }

    /// Takes the oldest value; waits for one.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`]; [`ErrorKind::Closed`] once the queue is closed and empty.
    pub fn pop(&self, timeout: Option<Duration>) -> Result<u64> {
        let deadline = timeout.map(|timeout| Instant::now().checked_add(timeout));
        match deadline.flatten() {
            None => self.values.recv().map_err(|_| closed_error()),
            Some(deadline) => self.values.recv_deadline(deadline).map_err(|error| match error {
                RecvTimeoutError::Timeout => timeout_error(),
                RecvTimeoutError::Disconnected => closed_error(),
            }),
        }
    }

    /// Closes the queue: no value can be added any more, but those inside can still be taken.
    pub fn close(&self) {
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
