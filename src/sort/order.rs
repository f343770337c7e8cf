//! Whole records: whether they are in order, turning them round, and putting them in the order of pairs.
#![forbid(unsafe_code)]

use super::elements::{Index, Pair};
use super::format::Format;
use super::work::Work;
use crate::error::Result;
use crate::trace::Kind;
use std::cmp;
use std::sync::atomic::{AtomicBool, Ordering};

/// The order that records have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// They are sorted.
    Rising,
    /// Each is less than the one before.
    Falling,
    /// Another.
    None,
}

/// Records that are looked at between two looks at what the other lanes have found.
const LOOK: usize = 1024;

/// The order of these records, of which there are at least two. Of records in no order little is read.
pub(super) fn of(bytes: &[u8], format: &Format, work: &Work<'_>) -> Result<Order> {
    let size = format.record_size();
    let count = bytes.len() / size;
    // Relaxed: nothing else is read on the strength of these, and the lanes are waited for.
    let (rising, falling) = (AtomicBool::new(true), AtomicBool::new(true));
    let word = format.word(0);
    let whole = format.words() == 1;
    // Neighbouring blocks share a record.
    let block = work.block(count);
    let begins = (0..count - 1).step_by(block);
    work.for_each(Kind::FindOrder, begins, |begin| {
        let end = (begin + block).min(count - 1) + 1;
        let mut last = &bytes[begin * size..][..size];
        let mut key = word.read(last);
        for looked in bytes[(begin + 1) * size..end * size].chunks(LOOK.saturating_mul(size)) {
            for record in looked.chunks_exact(size) {
                let next = word.read(record);
                match key.cmp(&next) {
                    cmp::Ordering::Equal if !whole => note(format.compare(last, record), &rising, &falling),
                    order => note(order, &rising, &falling),
                }
                (last, key) = (record, next);
            }
            if !rising.load(Ordering::Relaxed) && !falling.load(Ordering::Relaxed) {
                break;
            }
        }
        0
    })?;
    Ok(match (rising.into_inner(), falling.into_inner()) {
        (true, _) => Order::Rising,
        (_, true) => Order::Falling,
        _ => Order::None,
    })
}

#[inline(always)]
fn note(order: cmp::Ordering, rising: &AtomicBool, falling: &AtomicBool) {
    let wrong = match order {
        cmp::Ordering::Less => falling,
        cmp::Ordering::Greater => rising,
        cmp::Ordering::Equal => falling,
    };
    if wrong.load(Ordering::Relaxed) {
        wrong.store(false, Ordering::Relaxed);
    }
}

/// Turns the order round: pairs of records change places, so there is a permutation at each moment.
pub(super) fn reverse(bytes: &mut [u8], format: &Format, work: &Work<'_>) -> Result<()> {
    let size = format.record_size();
    let count = bytes.len() / size;
    let (front, back) = bytes.split_at_mut(count / 2 * size);
    let back = &mut back[count % 2 * size..];
    let block = work.block(count) / 2 * size;
    let parts = front.chunks_mut(block).zip(back.rchunks_mut(block));
    work.for_each(Kind::MoveRecords, parts, |(front, back)| {
        let records = front.chunks_exact_mut(size).zip(back.chunks_exact_mut(size).rev());
        records.for_each(|(first, last)| first.swap_with_slice(last));
        0
    })
}

/// Copies records to `sorted` in the order of `pairs`.
pub(super) fn gather<I: Index>(
    bytes: &[u8],
    sorted: &mut [u8],
    size: usize,
    pairs: &[Pair<I>],
    work: &Work<'_>,
) -> Result<()> {
    let block = work.block(pairs.len());
    let parts = sorted.chunks_mut(block.saturating_mul(size)).zip(pairs.chunks(block));
    work.for_each(Kind::MoveRecords, parts, |(sorted, pairs)| {
        match size {
            16 => gather_of::<16, I>(bytes, sorted, pairs),
            24 => gather_of::<24, I>(bytes, sorted, pairs),
            32 => gather_of::<32, I>(bytes, sorted, pairs),
            40 => gather_of::<40, I>(bytes, sorted, pairs),
            48 => gather_of::<48, I>(bytes, sorted, pairs),
            56 => gather_of::<56, I>(bytes, sorted, pairs),
            64 => gather_of::<64, I>(bytes, sorted, pairs),
            _ => {
                for (to, pair) in sorted.chunks_exact_mut(size).zip(pairs) {
                    to.copy_from_slice(&bytes[pair.record() * size..][..size]);
                }
            }
        }
        pairs.len()
    })
}

/// The same for a size that the compiler knows: several copies are under way at a time.
fn gather_of<const N: usize, I: Index>(bytes: &[u8], sorted: &mut [u8], pairs: &[Pair<I>]) {
    for (to, pair) in sorted.chunks_exact_mut(N).zip(pairs) {
        to.copy_from_slice(&bytes[pair.record() * N..][..N]);
    }
}

/// Copies `from` to `to`, whatever happens.
pub(super) fn copy(to: &mut [u8], from: &[u8], work: &Work<'_>) {
    /// Bytes of a part.
    const PART: usize = 4 << 20;
    let parts = to.chunks_mut(PART).zip(from.chunks(PART));
    let copied = work.to_the_end().for_each(Kind::MoveRecords, parts, |(to, from)| {
        to.copy_from_slice(from);
        0
    });
    if copied.is_err() {
        to.copy_from_slice(from); // no memory for the list, or no pool
    }
}
