//! What the pool counts.
#![forbid(unsafe_code)]

use super::local;
use super::{peek, Pool};
use std::sync::atomic::{AtomicU64, Ordering};

/// What the statistics add up. Relaxed everywhere: they are numbers for people.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) jobs: AtomicU64,
    pub(super) chunks: AtomicU64,
    pub(super) helpers: AtomicU64,
}

/// What a pool has done since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Workers that it has; 0: it does not run.
    pub threads: u32,
    /// Workers that are working for a job now.
    pub busy: u32,
    /// Parallel calls begun.
    pub jobs: u64,
    /// Chunks handed to them.
    pub chunks: u64,
    /// Times that a worker came to help.
    pub helpers: u64,
}

impl Pool {
    pub(super) fn counters(&self) -> &Counters {
        &self.counters[local::with(|local| local.shard())]
    }

    /// Counts a worker that came to help.
    pub(crate) fn count_helper(&self) {
        self.counters().helpers.fetch_add(1, Ordering::Relaxed);
    }

    fn stats(&self) -> Stats {
        let sum = |which: fn(&Counters) -> &AtomicU64| {
            self.counters.iter().map(|counters| which(counters).load(Ordering::Relaxed)).sum()
        };
        Stats {
            threads: self.config.threads,
            busy: self.busy.load(Ordering::Relaxed),
            jobs: sum(|counters| &counters.jobs),
            chunks: sum(|counters| &counters.chunks),
            helpers: sum(|counters| &counters.helpers),
        }
    }
}

/// What the pool has done since it started.
pub fn stats() -> Stats {
    peek(Pool::stats).unwrap_or_default()
}
