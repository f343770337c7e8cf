//! The number of chunks that a lane claims at once: pure arithmetic, in any unit of time. The simulation of
//! other machines (`xtask/src/bench/simulate`) includes this file.
//!
//! A batch is as many chunks as take some microseconds, which each lane measures for itself. Empty chunks are
//! claimed by the thousand; long chunks are claimed singly, so that no lane holds chunks that others could
//! run. Towards the end batches shrink, so that all lanes end together.

/// The largest batch: so large that the shared counter costs nothing, and so small that little is lost if its
/// chunks take longer than those before.
pub(crate) const LARGEST_BATCH: usize = 4096;

/// The time that a batch should take: long against a claim, short against the work of a lane. The counter's
/// cache line moves from lane to lane, so with many lanes a batch must outlast a round of all of them.
pub(crate) const BATCH_NS: u64 = 16_000;
/// Added to it for each lane.
pub(crate) const BATCH_NS_PER_LANE: u64 = 4_000;

/// The time that the smallest batch may take: towards the end a claim must not cost more than the chunks that
/// it claims.
pub(crate) const SMALLEST_NS: u64 = 250;
/// The most chunks of the smallest batch.
const SMALLEST_BATCH: usize = 64;

/// Jobs of fewer chunks are claimed singly, and read no clock.
pub(crate) const FEW: usize = 64;

/// The size of a lane's next claim.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batch {
    /// Chunks, while many are left.
    pub(crate) size: usize,
    /// The least chunks, when few are left.
    pub(crate) least: usize,
}

impl Batch {
    /// One chunk: every lane begins with it.
    pub(crate) const ONE: Self = Self { size: 1, least: 1 };

    /// The number of chunks to claim when `rest` are left; `shift` is the job's.
    #[inline]
    pub(crate) fn of_rest(self, rest: usize, shift: u32) -> usize {
        (rest >> shift).clamp(self.least, self.size)
    }

    /// The next batch, after a batch of `chunks` took `took`. A batch should take `target`, and the smallest
    /// one `smallest`.
    #[inline]
    pub(crate) fn after(self, chunks: usize, took: u64, target: u64, smallest: u64) -> Self {
        let mut size = self.size;
        if took < target / 16 {
            size = (size * 16).min(LARGEST_BATCH);
        } else if took < target / 4 {
            size = (size * 4).min(LARGEST_BATCH);
        } else if took > target * 2 {
            size = (size / 4).max(1);
        }
        // `size` was not below `chunks`, as these took less than `target`.
        let enough = smallest * chunks as u64 / took.max(1);
        Self { size, least: (enough as usize).clamp(1, SMALLEST_BATCH).min(size) }
    }
}

/// A batch is at most the rest shifted right by this: about the rest over twice the lanes that can run at
/// once.
#[inline]
pub(crate) fn shift_of(lanes: u32) -> u32 {
    (lanes.max(1) * 2).next_power_of_two().trailing_zeros()
}
