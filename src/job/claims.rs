//! Handing out the chunks of a job: each index exactly once, in order, in batches that shrink towards the end.
#![forbid(unsafe_code)]

use super::Claiming;
use crate::sync::{AtomicUsize, Ordering};
use crossbeam_utils::CachePadded;
use std::ops::Range;

/// The largest batch: enough to make the shared counter free, small enough for cancelling to be prompt.
const LARGEST_BATCH: usize = 1024;

/// The shared counter of a job.
#[derive(Debug)]
pub(crate) struct Claims {
    next: CachePadded<AtomicUsize>,
    end: usize,
    /// A batch is the rest shifted right by this: about the rest over four times the lanes.
    shift: u32,
    largest: usize,
}

impl Claims {
    /// All of `range`, for `lanes` lanes.
    pub(crate) fn new(range: Range<usize>, lanes: u32, claiming: Claiming) -> Self {
        Self {
            next: CachePadded::new(AtomicUsize::new(range.start)),
            end: range.end,
            shift: (lanes.max(1) * 4).next_power_of_two().trailing_zeros(),
            largest: if claiming == Claiming::Singly { 1 } else { LARGEST_BATCH },
        }
    }

    /// The next batch, or nothing if everything is claimed.
    #[inline]
    pub(crate) fn claim(&self) -> Option<Range<usize>> {
        // Relaxed throughout: the counter only deals out numbers. The job's data is published by the gate, and the
        // results come back through it.
        let guess = self.next.load(Ordering::Relaxed);
        if guess >= self.end {
            return None;
        }
        self.take(((self.end - guess) >> self.shift).clamp(1, self.largest))
    }

    /// The next index alone.
    pub(crate) fn claim_one(&self) -> Option<Range<usize>> {
        if self.any_left() {
            self.take(1)
        } else {
            None
        }
    }

    #[inline]
    fn take(&self, size: usize) -> Option<Range<usize>> {
        // Adding cannot wrap: a lane adds at most once past the end, 1,024 chunks at most, and running chunks up to
        // that close to usize::MAX would take centuries.
        let begin = self.next.fetch_add(size, Ordering::Relaxed);
        (begin < self.end).then(|| begin..begin.saturating_add(size).min(self.end))
    }

    /// Whether somebody who comes now would find something to do.
    #[inline]
    pub(crate) fn any_left(&self) -> bool {
        self.next.load(Ordering::Relaxed) < self.end
    }
}
