//! The counters of a pool.
#![forbid(unsafe_code)]

use super::thread_state::{self, ThreadState, SHARDS};
use super::times::{Counter, Spent, Totals};
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
pub(super) struct Counters {
    shards: [CachePadded<Shard>; SHARDS],
    /// What the process had counted before the pool.
    before: Totals,
    /// The times that were told last, of each kind, and of workers at work. Relaxed, as above.
    told: [AtomicU64; Counter::Busy as usize + 1],
}

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
    /// Bytes that the codec has taken.
    pub bytes_in: u64,
    /// Bytes that it has given.
    pub bytes_out: u64,
    /// Nanoseconds that workers were working for jobs, all workers together. A worker at work is counted when
    /// it has left its job.
    pub busy_ns: u64,
    /// Nanoseconds that threads have waited within calls: for other threads to end their part, for files.
    pub waiting_ns: u64,
    /// Nanoseconds in callbacks, all threads together.
    pub callback_ns: u64,
    /// Nanoseconds of compressing and decompressing, all threads together.
    pub codec_ns: u64,
    /// Contexts of libzstd that were made.
    pub contexts_made: u64,
    /// Times that a context was used again instead.
    pub contexts_reused: u64,
    /// Helpers that came when nothing was left to do.
    pub late_helpers: u64,
}

impl Counters {
    pub(super) fn new() -> Self {
        Self { shards: Default::default(), before: Totals::now(), told: Default::default() }
    }

    /// A time that is never less than before. (How long a tick is becomes known during the first second.)
    fn tell(&self, which: usize, nanoseconds: u64) -> u64 {
        self.told[which].fetch_max(nanoseconds, Ordering::Relaxed).max(nanoseconds)
    }

    #[inline]
    fn shard(&self) -> &Shard {
        &self.shards[thread_state::with(ThreadState::shard)]
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
            self.shards.iter().map(|shard| which(shard).load(Ordering::Relaxed)).sum()
        };
        let counted = Totals::now().since(&self.before);
        let time = |on: Spent| self.tell(on as usize, counted.spent(on));
        Stats {
            threads,
            busy,
            jobs: sum(|shard| &shard.jobs),
            chunks: sum(|shard| &shard.chunks),
            helpers: sum(|shard| &shard.helpers),
            bytes_in: counted.get(Counter::BytesIn),
            bytes_out: counted.get(Counter::BytesOut),
            busy_ns: self.tell(Counter::Busy as usize, counted.busy()),
            waiting_ns: time(Spent::Waiting),
            callback_ns: time(Spent::Callbacks),
            codec_ns: time(Spent::Codec),
            contexts_made: counted.get(Counter::ContextsMade),
            contexts_reused: counted.get(Counter::ContextsReused),
            late_helpers: counted.get(Counter::LateHelpers),
        }
    }
}
