//! One step of a radix sort from the left, in parallel: items go to the bucket of their word's highest
//! bits.

use super::elements::Elements;
use super::work::{Parts, Work, BUCKETS};
use crate::error::Result;
use crate::memory;
use crate::trace::Kind;
use std::sync::{Mutex, PoisonError};

/// Words from `lo` to `hi`, in buckets of equal width; what lies outside goes to the first and the last
/// one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Buckets {
    lo: u64,
    shift: u32,
    last: usize,
}

impl Buckets {
    /// At most `most` buckets, a power of two. `lo` and `hi` differ, and then so do their buckets.
    pub(super) fn new(lo: u64, hi: u64, most: usize) -> Self {
        let bits = u64::BITS - (hi - lo).leading_zeros();
        let shift = bits.saturating_sub(most.trailing_zeros());
        Self { lo, shift, last: ((hi - lo) >> shift) as usize }
    }

    #[inline(always)]
    pub(super) fn of(self, word: u64) -> usize {
        ((word.saturating_sub(self.lo) >> self.shift) as usize).min(self.last)
    }

    pub(super) fn count(self) -> usize {
        self.last + 1
    }
}

/// The lowest and the highest word of some items, of which there is at least one.
pub(super) fn bounds<X: Elements>(elements: &X, items: &[X::Item]) -> (u64, u64) {
    items.iter().fold((u64::MAX, 0), |(lo, hi), item| {
        let word = elements.key(item);
        (lo.min(word), hi.max(word))
    })
}

/// The same, by all lanes.
pub(super) fn bounds_in_parallel<X: Elements>(
    elements: &X,
    items: &[X::Item],
    work: &Work<'_>,
) -> Result<(u64, u64)> {
    let found = Mutex::new((u64::MAX, 0));
    work.for_each(Kind::FindBounds, items.chunks(work.block(items.len())), |block| {
        let (lo, hi) = bounds(elements, block);
        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
        *found = (found.0.min(lo), found.1.max(hi));
        0
    })?;
    Ok(found.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// The same of a sample: buckets between these hold about what they would hold between the true bounds,
/// and more evenly where a few words are far from the others.
pub(super) fn bounds_of_sample<X: Elements>(elements: &X, items: &[X::Item]) -> (u64, u64) {
    const SAMPLE: usize = 1024;
    let step = (items.len() / SAMPLE).max(1);
    items.iter().step_by(step).fold((u64::MAX, 0), |(lo, hi), item| {
        let word = elements.key(item);
        (lo.min(word), hi.max(word))
    })
}

/// Where items are put, each to a position of its own.
struct Target<T> {
    items: *mut T,
    len: usize,
}

// SAFETY: only positions are written to, and each by one thread (see `put`).
unsafe impl<T: Send> Sync for Target<T> {}

impl<T: Copy> Target<T> {
    /// # Safety
    /// No other thread puts something at this position, and nobody reads it meanwhile.
    #[inline(always)]
    unsafe fn put(&self, at: usize, item: T) {
        // If the program changes records while they are sorted, counts are wrong; nothing else may be.
        if at < self.len {
            // SAFETY: within the buffer.
            unsafe { self.items.add(at).write(item) };
        }
    }
}

/// Moves the items of `from` to `to`, bucket by bucket, and in a bucket in their order; tells where
/// buckets end. If it fails, `from` still has all of them.
pub(super) fn split<X: Elements>(
    elements: &X,
    buckets: Buckets,
    from: &[X::Item],
    to: &mut [X::Item],
    work: &Work<'_>,
) -> Result<Vec<usize>> {
    let block = work.block(from.len());
    let blocks = from.len().div_ceil(block);
    let width = buckets.count();
    let mut positions: Vec<usize> = Vec::new();
    memory::reserve(&mut positions, blocks * width)?;
    positions.resize(blocks * width, 0);
    let parts = from.chunks(block).zip(positions.chunks_mut(width));
    work.for_each(Kind::CountBuckets, parts, |(items, counts)| {
        let mut local = [0u32; BUCKETS];
        items.iter().for_each(|item| local[buckets.of(elements.key(item)) % BUCKETS] += 1);
        counts.iter_mut().zip(local).for_each(|(count, local)| *count = local as usize);
        0
    })?;
    let ends = positions_of(&mut positions, width)?;
    let target = Target { items: to.as_mut_ptr(), len: to.len() };
    let parts = from.chunks(block).zip(positions.chunks(width));
    work.for_each(Kind::FillBuckets, parts, |(items, starts)| {
        let mut next = [0usize; BUCKETS];
        next[..width].copy_from_slice(starts);
        for item in items {
            let at = &mut next[buckets.of(elements.key(item)) % BUCKETS];
            // SAFETY: the positions of this block's items in this bucket are those from `starts` on, as
            // many as were counted, and no other block's; `to` is borrowed for all of it.
            unsafe { target.put(*at, *item) };
            *at += 1;
        }
        0
    })?;
    Ok(ends)
}

/// From how many items of each block go to each bucket, to where the first of them goes. Returns where
/// buckets end.
fn positions_of(counts: &mut [usize], width: usize) -> Result<Vec<usize>> {
    let mut ends = Vec::new();
    memory::reserve(&mut ends, width)?;
    let mut position = 0;
    for bucket in 0..width {
        for count in counts[bucket..].iter_mut().step_by(width) {
            position += std::mem::replace(count, position);
        }
        ends.push(position);
    }
    Ok(ends)
}

/// Neighbouring buckets in both buffers, for one lane.
pub(super) struct Group<'g, T> {
    pub(super) a: &'g mut [T],
    pub(super) b: &'g mut [T],
    /// Where its buckets end, counted from `begin`.
    pub(super) ends: &'g [usize],
    pub(super) begin: usize,
}

/// The buckets of at most `most` items, in groups of about that many or fewer. Calls `large` with the
/// others.
pub(super) fn groups<'g, T>(
    mut a: &'g mut [T],
    mut b: &'g mut [T],
    ends: &'g [usize],
    most: usize,
    mut large: impl FnMut(std::ops::Range<usize>),
) -> Result<Parts<Group<'g, T>>> {
    /// Items that are enough for a group: the claim of a group costs nothing beside them.
    const ENOUGH: usize = 1 << 13;
    let mut list = Vec::new();
    memory::reserve(&mut list, ends.len())?;
    let mut begin = 0;
    let mut first = 0;
    let mut close = |until: usize, begin: &mut usize, first: &mut usize, keep: bool| {
        let end = if until == 0 { 0 } else { ends[until - 1] };
        let (a_here, a_rest) = std::mem::take(&mut a).split_at_mut(end - *begin);
        let (b_here, b_rest) = std::mem::take(&mut b).split_at_mut(end - *begin);
        (a, b) = (a_rest, b_rest);
        if keep && end > *begin {
            let ends = &ends[*first..until];
            list.push(Mutex::new(Some(Group { a: a_here, b: b_here, ends, begin: *begin })));
        }
        (*begin, *first) = (end, until);
    };
    for (bucket, &end) in ends.iter().enumerate() {
        let start = if bucket == 0 { 0 } else { ends[bucket - 1] };
        if end - start > most {
            close(bucket, &mut begin, &mut first, true);
            large(start..end);
            close(bucket + 1, &mut begin, &mut first, false);
        } else if end - begin >= ENOUGH {
            close(bucket + 1, &mut begin, &mut first, true);
        }
    }
    close(ends.len(), &mut begin, &mut first, true);
    Ok(list)
}
