//! The claims of a job: each chunk index is given out exactly once, in order, in batches (`batches` decides
//! their size).
#![forbid(unsafe_code)]

use super::batches::{shift_of, Batch, BATCH_NS, BATCH_NS_PER_LANE, FEW, LARGEST_BATCH, SMALLEST_NS};
use crate::sync::{AtomicUsize, Ordering};
use crossbeam_utils::CachePadded;
use std::ops::Range;
use std::time::Instant;

/// How many chunks a lane may claim at once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claiming {
    /// Many while many are left.
    InBatches,
    /// One, however many there are: each chunk is long.
    Singly,
}

/// So many chunks take some microseconds even if they are empty.
const MANY: usize = 1024;

/// The most lanes, as a gate counts them.
const MOST_LANES: usize = 0x4000;

/// Up to this end each lane may add a batch past it without wrapping the counter. Only on 32-bit systems a
/// job may have more chunks.
const LARGEST_END: usize = usize::MAX - MOST_LANES * LARGEST_BATCH;

/// The shared counter of a job.
#[derive(Debug)]
pub(crate) struct Claims {
    next: CachePadded<AtomicUsize>,
    end: usize,
    /// See `shift_of`.
    shift: u32,
    singly: bool,
    batch_ns: u64,
}

impl Claims {
    /// The claims of all of `range`, for `width` lanes that can run at the same time.
    pub(crate) fn new(range: Range<usize>, width: u32, claiming: Claiming) -> Self {
        Self {
            next: CachePadded::new(AtomicUsize::new(range.start)),
            end: range.end,
            shift: shift_of(width),
            singly: claiming == Claiming::Singly || range.len() < FEW,
            batch_ns: BATCH_NS.max(BATCH_NS_PER_LANE * u64::from(width)),
        }
    }

    /// The batch size of a lane that begins now.
    #[inline]
    pub(crate) fn pace(&self) -> Pace {
        if self.singly {
            Pace::ONE
        } else {
            Pace { batch: Batch::ONE, since: Some(Instant::now()) }
        }
    }

    /// The next batch; `None`: everything is claimed.
    #[inline]
    pub(crate) fn claim(&self, pace: &Pace) -> Option<Range<usize>> {
        // Relaxed throughout: the counter only gives out numbers. The gate publishes the job's data, and the
        // results come back through it.
        let guess = self.next.load(Ordering::Relaxed);
        if guess >= self.end {
            return None;
        }
        self.take(pace.batch.of_rest(self.end - guess, self.shift))
    }

    #[inline]
    fn take(&self, size: usize) -> Option<Range<usize>> {
        if self.end > LARGEST_END {
            return self.take_without_wrapping(size);
        }
        // Adding cannot wrap: a lane adds at most once past the end.
        let begin = self.next.fetch_add(size, Ordering::Relaxed);
        (begin < self.end).then(|| begin..begin + size.min(self.end - begin))
    }

    /// For jobs that end close to the largest index: several lanes that add past the end would wrap the
    /// counter, and chunks would be given out twice. Slower, as lanes may have to try again.
    #[cold]
    fn take_without_wrapping(&self, size: usize) -> Option<Range<usize>> {
        let more = |begin: usize| (begin < self.end).then(|| begin.saturating_add(size).min(self.end));
        let begin = self.next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(begin..begin.saturating_add(size).min(self.end))
    }

    /// Whether there are so many chunks that the job takes a while, however short they are.
    #[inline]
    pub(crate) fn are_many(&self) -> bool {
        self.end - self.next.load(Ordering::Relaxed) >= MANY
    }

    /// Changes with each claim.
    pub(crate) fn position(&self) -> usize {
        self.next.load(Ordering::Relaxed)
    }

    /// Whether a thread that comes now would find a chunk to claim.
    #[inline]
    pub(crate) fn any_left(&self) -> bool {
        self.next.load(Ordering::Relaxed) < self.end
    }
}

/// The size of a lane's batches, by the time that the last batch took.
#[derive(Debug)]
pub(crate) struct Pace {
    batch: Batch,
    /// The start of the last batch; `None`: batches are always one chunk.
    since: Option<Instant>,
}

impl Pace {
    /// One chunk at a time.
    pub(crate) const ONE: Self = Self { batch: Batch::ONE, since: None };

    /// A batch of `chunks` has run; its time decides the size of the next.
    #[inline]
    pub(crate) fn ran(&mut self, claims: &Claims, chunks: usize) {
        // A batch that the end of the job made smaller tells nothing: the next batches are smaller still.
        if let (Some(since), true) = (self.since, chunks == self.batch.size) {
            self.adapt(claims.batch_ns, chunks, since);
        }
    }

    /// A function of its own, so that it costs nothing where chunks are claimed singly.
    #[inline(never)]
    fn adapt(&mut self, batch_ns: u64, chunks: usize, since: Instant) {
        let now = Instant::now();
        self.since = Some(now);
        self.batch = self.batch.after(chunks, (now - since).as_nanos() as u64, batch_ns, SMALLEST_NS);
    }
}
