//! Tickets: what is sent to a worker to get a helper, and what the helper comes for.
#![forbid(unsafe_code)]

use super::Pool;
use crate::os::clock::ThreadClock;
use crate::pool::idle_cpus::Watched;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a helper stays before it makes room for others: changing the job takes a microsecond or two.
pub(super) const SHORTEST_STAY: Duration = Duration::from_micros(100);

/// How a helper's visit ended.
pub(crate) enum Visit {
    /// The helper has no reason to come back.
    Over,
    /// The helper worked for this job, and may go on with the next job of the same caller.
    Served(u64),
    /// Others waited for the worker: the helper comes back.
    Left(Seat),
}

/// The lane that a helper which left between two chunks comes back to.
#[derive(Clone, Copy)]
pub(crate) struct Seat {
    /// Distinguishes the job from others of the same caller.
    pub(crate) job: u64,
    pub(crate) lane: u32,
}

/// A helper's visit.
pub(crate) struct Turn {
    /// The lane of a helper that comes back.
    pub(crate) seat: Option<Seat>,
    /// Until then the helper stays, even if others wait for the worker.
    pub(crate) until: Instant,
}

impl Turn {
    /// A visit that begins.
    pub(crate) fn now() -> Self {
        Self { seat: None, until: Instant::now() + SHORTEST_STAY }
    }
}

/// Work that helpers from the pool may join, shared by the helpers and the threads that send them.
pub(crate) trait Help: Send + Sync {
    /// A worker's visit; `shared` is this work, to be sent again.
    fn help(&self, shared: &Arc<dyn Help>, pool: &Pool, turn: Turn) -> Visit;

    /// After a visit for job `served`: waits a moment for the caller's next job. True if the worker shall
    /// visit again. The worker has no permit meanwhile, so that a team need not wait for workers that only
    /// wait.
    fn linger(&self, _served: u64, _pool: &Pool) -> bool {
        false
    }

    /// Whether a caller waits for the job and works for it: it needs the CPU more than a worker that looks
    /// for tickets.
    fn has_caller(&self) -> bool {
        false
    }

    /// The idle-CPU monitor forgets the ticket; true if there is still work for a helper, and no other helper
    /// is on the way.
    fn end_watch(&self) -> bool;

    /// Whether the idle-CPU monitor shall keep the ticket.
    fn keep_watch(&self) -> bool;

    /// Distinguishes the jobs that this work may be for.
    fn job(&self) -> u64 {
        0
    }

    /// Changes when chunks are claimed, where that is known.
    fn claimed(&self) -> u64 {
        0
    }

    /// The clock of the caller.
    fn callers_clock(&self) -> Option<ThreadClock> {
        None
    }
}

/// A helper that is sent to a worker.
pub(crate) enum Ticket {
    /// To join work that others work for as well.
    Shared(Arc<dyn Help>),
    /// The same, to come back. The idle-CPU monitor never gets this ticket.
    Back(Arc<dyn Help>, Seat),
    /// To run a boxed task once. The ticket is sent at once, never given to the monitor.
    Once(Box<dyn FnOnce(&Pool) + Send>),
}

impl Watched for Ticket {
    fn end_watch(&self) -> bool {
        match self {
            Self::Shared(work) => work.end_watch(),
            Self::Back(..) | Self::Once(_) => true,
        }
    }

    fn keep_watch(&self) -> bool {
        match self {
            Self::Shared(work) => work.keep_watch(),
            Self::Back(..) | Self::Once(_) => true,
        }
    }

    fn job(&self) -> u64 {
        match self {
            Self::Shared(work) => work.job(),
            Self::Back(..) | Self::Once(_) => 0,
        }
    }

    fn claimed(&self) -> u64 {
        match self {
            Self::Shared(work) => work.claimed(),
            Self::Back(..) | Self::Once(_) => 0,
        }
    }

    fn callers_clock(&self) -> Option<ThreadClock> {
        match self {
            Self::Shared(work) => work.callers_clock(),
            Self::Back(..) | Self::Once(_) => None,
        }
    }
}
