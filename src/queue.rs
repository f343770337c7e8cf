//! A bounded queue of numbers for many producers and consumers, with timeouts and an end.
//!
//! The queue is crossbeam's bounded channel. `close` drops the queue's own sender. A producer holds a clone
//! of it only while it pushes, and gives up when the second channel tells that the queue is closed. So the
//! channel ends when the last push under way has ended, and a consumer that finds the end has missed no
//! value. (On Windows the channel's own waits end late, so the last part of a wait is this file's.)
#![forbid(unsafe_code)]

use crate::error::{Error, ErrorKind, Result};
use crate::memory;
#[cfg(windows)]
use crate::short_waits::{long_part, ShortWaits};
#[cfg(windows)]
use crossbeam_channel::TryRecvError;
use crossbeam_channel::{at, bounded, never, select_biased, Receiver, RecvTimeoutError, Sender};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

/// The largest capacity: a queue takes its memory when it is opened.
pub const MAX_CAPACITY: usize = 1 << 24;

/// See the module.
pub struct Queue {
    open: RwLock<Option<Open>>,
    closed: Receiver<()>,
    values: Receiver<u64>,
    #[cfg(windows)]
    waiting: Waiting,
}

/// The ends of waits that this file does itself.
#[cfg(windows)]
#[derive(Default)]
struct Waiting {
    producers: ShortWaits,
    consumers: ShortWaits,
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
        Ok(Self {
            open: RwLock::new(Some(Open { values: sender, _closing: closing })),
            closed,
            values,
            #[cfg(windows)]
            waiting: Waiting::default(),
        })
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
        let pushed = self.send(&sender, value, timeout);
        drop(sender);
        #[cfg(windows)]
        self.tell_consumers();
        pushed
    }

    fn send(&self, sender: &Sender<u64>, value: u64, timeout: Option<Duration>) -> Result<()> {
        if sender.try_send(value).is_ok() {
            return Ok(());
        }
        if timeout == Some(Duration::ZERO) {
            return Err(timeout_error());
        }
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        #[cfg(windows)]
        if let Some(done) = deadline.and_then(|deadline| self.send_in_time(sender, value, deadline)) {
            return done;
        }
        self.send_until(sender, value, deadline).unwrap_or_else(|| Err(timeout_error()))
    }

    /// Waits for room in the channel; none: the time is over.
    fn send_until(&self, sender: &Sender<u64>, value: u64, deadline: Option<Instant>) -> Option<Result<()>> {
        let late = deadline.map_or_else(never, at);
        select_biased! {
            recv(self.closed) -> _ => Some(Err(closed_error())),
            send(sender, value) -> sent => Some(sent.map_err(|_| closed_error())),
            recv(late) -> _ => None,
        }
    }

    /// Takes the oldest value; waits for one.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`]; [`ErrorKind::Closed`] once the queue is closed and empty.
    pub fn pop(&self, timeout: Option<Duration>) -> Result<u64> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let popped = match deadline {
            None => self.values.recv().map_err(|_| closed_error()),
            Some(deadline) => self.receive(deadline).map_err(|error| match error {
                RecvTimeoutError::Timeout => timeout_error(),
                RecvTimeoutError::Disconnected => closed_error(),
            }),
        };
        #[cfg(windows)]
        if popped.is_ok() {
            self.waiting.producers.end_one();
        }
        popped
    }

    fn receive(&self, deadline: Instant) -> Result<u64, RecvTimeoutError> {
        #[cfg(windows)]
        if let Some(done) = self.receive_in_time(deadline) {
            return done;
        }
        self.values.recv_deadline(deadline)
    }

    /// Closes the queue: no value can be added any more, but those inside can still be taken.
    pub fn close(&self) {
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = None;
        #[cfg(windows)]
        {
            self.waiting.producers.end_all();
            self.waiting.consumers.end_all();
        }
    }
}

/// Waits that end in time, but for the first part of long ones, which are the channel's. None: there is
/// nothing yet, and the channel may wait for what is left of the time.
#[cfg(windows)]
impl Queue {
    fn send_in_time(&self, sender: &Sender<u64>, value: u64, deadline: Instant) -> Option<Result<()>> {
        if let Some(part) = long_part(deadline.saturating_duration_since(Instant::now())) {
            if let Some(done) = self.send_until(sender, value, Some(Instant::now() + part)) {
                return Some(done);
            }
        }
        let attempt = || match self.is_closed() {
            true => Some(Err(closed_error())),
            false => sender.try_send(value).is_ok().then_some(Ok(())),
        };
        self.waiting.producers.attempt(deadline, attempt, || !self.values.is_full())
    }

    fn receive_in_time(&self, deadline: Instant) -> Option<Result<u64, RecvTimeoutError>> {
        if let Some(part) = long_part(deadline.saturating_duration_since(Instant::now())) {
            match self.values.recv_deadline(Instant::now() + part) {
                Err(RecvTimeoutError::Timeout) => {}
                done => return Some(done),
            }
        }
        let attempt = || match self.values.try_recv() {
            Ok(value) => Some(Ok(value)),
            Err(TryRecvError::Disconnected) => Some(Err(RecvTimeoutError::Disconnected)),
            Err(TryRecvError::Empty) => None,
        };
        self.waiting.consumers.attempt(deadline, attempt, || !self.values.is_empty())
    }

    /// After a push: of its value; and of the end, which comes with the last push under way.
    fn tell_consumers(&self) {
        let consumers = &self.waiting.consumers;
        match consumers.are_none() {
            true => {}
            false if self.is_closed() => consumers.end_all(),
            false => consumers.end_one(),
        }
    }

    fn is_closed(&self) -> bool {
        self.closed.try_recv() == Err(TryRecvError::Disconnected)
    }
}
