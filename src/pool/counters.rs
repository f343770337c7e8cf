//! The counters of a pool.
#![forbid(unsafe_code)]

use super::thread_state::{self, ThreadState, SHARDS};
use crossbeam_utils::CachePadded;
use std::sync::atomic::{AtomicU64, Ordering};

/// One shard of the counters, which `stats` adds up. Relaxed everywhere: the numbers are for people.
#[derive(Default)]
struct Shard {
    jobs: AtomicU64,
    chunks: AtomicU64,
    helpers: AtomicU64,
}

/// The counters of a pool.
#[derive(Default)]
pub(super) struct Counters([CachePadded<Shard>; SHARDS]);

/// Statistics of a pool since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Running workers; 0: the pool is not running, or could not start any.
    pub threads: u32,
    /// Workers that are working for a job now.
    pub busy: u32,
    /// Parallel calls begun.
    pub jobs: u64,
    /// Chunks of those calls.
    pub chunks: u64,
    /// Visits of workers to help a job.
    pub helpers: u64,
}

impl Counters {
    #[inline]
    fn shard(&self) -> &Shard {
        &self.0[thread_state::with(ThreadState::shard)]
    }

    /// Counts a parallel call and its chunks.
    #[inline]
    pub(super) fn count_job(&self, chunks: usize) {
        let shard = self.shard();
        shard.jobs.fetch_add(1, Ordering::Relaxed);
        shard.chunks.fetch_add(chunks as u64, Ordering::Relaxed);
    }

    /// Counts a worker that came to help.
    pub(super) fn count_helper(&self) {
        self.shard().helpers.fetch_add(1, Ordering::Relaxed);
    }

    /// The sums, of a pool of `threads` workers of which `busy` are working.
    pub(super) fn stats(&self, threads: u32, busy: u32) -> Stats {
        let sum = |which: fn(&Shard) -> &AtomicU64| {
            self.0.iter().map(|shard| which(shard).load(Ordering::Relaxed)).sum()
        };
        Stats {
            threads,
            busy,
            jobs: sum(|shard| &shard.jobs),
            chunks: sum(|shard| &shard.chunks),
            helpers: sum(|shard| &shard.helpers),
        }
    }
}
