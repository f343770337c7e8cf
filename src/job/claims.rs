//! Handing out the chunks of a job: each index exactly once, in order, in batches.
//!
//! A batch is as many chunks as take some microseconds, which each lane finds out for itself ([`Pace`]): chunks that do nothing
//! are taken by the thousand, chunks that take long one by one, so that no lane sits on work that others could do. Towards the
//! end batches shrink, so that all lanes end together.
#![forbid(unsafe_code)]

use super::Claiming;
use crate::sync::{AtomicUsize, Ordering};
use crossbeam_utils::CachePadded;
use std::ops::Range;
use std::time::Instant;

/// The largest batch: enough to make the shared counter free, small enough if its chunks take longer than those before.
const LARGEST_BATCH: usize = 4096;

/// How long a batch shall take: long against a claim, short against the work of a lane. The counter moves from lane to lane, so
/// that with many lanes a batch must outlast a round of all of them.
const BATCH_NS: u64 = 16_000;
const BATCH_NS_PER_LANE: u64 = 4_000;

/// How long the smallest batch may take, and its most chunks: towards the end a claim must not cost more than what it claims.
const SMALLEST_NS: u64 = 250;
const SMALLEST_BATCH: usize = 64;

/// Jobs of fewer chunks are handed out one by one, and read no clock.
const FEW: usize = 64;

/// So many chunks take some microseconds even if they are empty.
const MANY: usize = 1024;

/// The shared counter of a job.
#[derive(Debug)]
pub(crate) struct Claims {
    next: CachePadded<AtomicUsize>,
    end: usize,
    /// A batch is at most the rest shifted right by this: about the rest over twice the lanes that can run at once.
    shift: u32,
    singly: bool,
    batch_ns: u64,
}

impl Claims {
    /// All of `range`, for `width` lanes that can run at the same time.
    pub(crate) fn new(range: Range<usize>, width: u32, claiming: Claiming) -> Self {
        Self {
            next: CachePadded::new(AtomicUsize::new(range.start)),
            end: range.end,
            shift: (width.max(1) * 2).next_power_of_two().trailing_zeros(),
            singly: claiming == Claiming::Singly || range.len() < FEW,
            batch_ns: BATCH_NS.max(BATCH_NS_PER_LANE * u64::from(width)),
        }
    }

    /// How a lane that begins now shall claim.
    #[inline]
    pub(crate) fn pace(&self) -> Pace {
        if self.singly {
            Pace::ONE
        } else {
            Pace { size: 1, least: 1, since: Some(Instant::now()) }
        }
    }

    /// The next batch, or nothing if everything is claimed.
    #[inline]
    pub(crate) fn claim(&self, pace: &Pace) -> Option<Range<usize>> {
        // Relaxed throughout: the counter only deals out numbers. The job's data is published by the gate, and the
        // results come back through it.
        let guess = self.next.load(Ordering::Relaxed);
        if guess >= self.end {
            return None;
        }
        self.take(((self.end - guess) >> self.shift).clamp(pace.least, pace.size))
    }

    #[inline]
    fn take(&self, size: usize) -> Option<Range<usize>> {
        // Adding cannot wrap: a lane adds at most once past the end, 4,096 chunks at most, and running chunks up to
        // that close to usize::MAX would take centuries.
        let begin = self.next.fetch_add(size, Ordering::Relaxed);
        (begin < self.end).then(|| begin..begin.saturating_add(size).min(self.end))
    }

    /// Whether there are so many chunks that it takes a while, however short they are.
    #[inline]
    pub(crate) fn are_many(&self) -> bool {
        self.end - self.next.load(Ordering::Relaxed) >= MANY
    }

    /// Whether somebody who comes now would find something to do.
    #[inline]
    pub(crate) fn any_left(&self) -> bool {
        self.next.load(Ordering::Relaxed) < self.end
    }
}

/// How many chunks a lane claims at once.
#[derive(Debug)]
pub(crate) struct Pace {
    size: usize,
    /// At least, though few are left.
    least: usize,
    /// When the last batch began; none: always one chunk.
    since: Option<Instant>,
}

impl Pace {
    /// One chunk at a time.
    pub(crate) const ONE: Self = Self { size: 1, least: 1, since: None };

    /// A batch of `chunks` has run: the next one is chosen by the time that it took.
    #[inline]
    pub(crate) fn ran(&mut self, claims: &Claims, chunks: usize) {
        // A batch that the end made smaller says nothing: the next ones are smaller still.
        if let (Some(since), true) = (self.since, chunks == self.size) {
            self.adapt(claims.batch_ns, chunks, since);
        }
    }

    /// A function of its own, so that where chunks are claimed one by one nothing of it is in the way.
    #[inline(never)]
    fn adapt(&mut self, batch_ns: u64, chunks: usize, since: Instant) {
        let now = Instant::now();
        self.since = Some(now);
        let took = (now - since).as_nanos() as u64;
        if took < batch_ns / 16 {
            self.size = (self.size * 16).min(LARGEST_BATCH);
        } else if took < batch_ns / 4 {
            self.size = (self.size * 4).min(LARGEST_BATCH);
        } else if took > batch_ns * 2 {
            self.size = (self.size / 4).max(1);
        }
        // `size` has not shrunk below `chunks` if these took so little.
        let enough = SMALLEST_NS * chunks as u64 / took.max(1);
        self.least = (enough as usize).clamp(1, SMALLEST_BATCH).min(self.size);
    }
}
