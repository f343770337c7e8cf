//! Sorting of records by typed keys: stable, in parallel, in memory of known size.
//!
//! The keys of a record, one after the other, make a string of bytes that compares as they do; it is
//! looked at in words of 64 bits. Small records are moved themselves. Of others, pairs of a word and an
//! index are sorted, and the records are put in that order at the end.
//!
//! Whatever is large is split by the highest bits of its words that differ, into buckets that fit into
//! a core's cache (`split`); each of these is sorted by one lane (`serial`), which looks at more words
//! only where words are equal. A bucket that is still too large for one lane is split again.
//!
//! A call that ends early leaves a permutation: items are moved from one buffer to the other, and what
//! has not arrived is copied back from where it is whole (`parallel`). Records are written to last, in
//! one go.

mod argsort;
mod elements;
mod format;
mod merge;
mod order;
mod parallel;
mod scratch;
mod serial;
mod split;
#[cfg(test)]
mod tests;
mod work;

use crate::error::{Error, ErrorKind, Result};
use crate::job::Control;
use crate::trace;
pub use argsort::argsort;
use elements::{Direct, Index, Indexed, Pair};
pub use format::{Format, Key, KeyType, MAX_KEYS};
pub use merge::merge;
use order::Order;
use scratch::{records_of, Scratch};
use std::mem::size_of;
use std::sync::atomic::Ordering;
use work::Work;

/// Sorts whole records of `format`, of which `bytes` are, in place; records with equal keys keep their
/// order. Of `control` the progress counts records.
///
/// # Errors [`ErrorKind::InvalidArgument`] if `bytes` is no whole number of records;
/// [`ErrorKind::OutOfMemory`], and the records are unchanged; [`ErrorKind::Cancelled`] and those of the
/// progress callback, and the records are in some order.
///
/// ```
/// use fastpar::sort::{sort, Format, Key, KeyType};
///
/// let mut pairs = *b"b1a2a1";
/// let by_letter = Format::new(2, &[Key { offset: 0, kind: KeyType::U8, descending: false }])?;
/// sort(&mut pairs, &by_letter, &Default::default())?;
/// assert_eq!(&pairs, b"a2a1b1");
/// # Ok::<(), fastpar::Error>(())
/// ```
pub fn sort(bytes: &mut [u8], format: &Format, control: &Control<'_>) -> Result<()> {
    if bytes.len() % format.record_size() != 0 {
        return Err(Error::new(
            ErrorKind::InvalidArgument,
            format!("{} bytes are no whole number of records of {}", bytes.len(), format.record_size()),
        ));
    }
    trace::when_first_call();
    let traced = trace::begin_named(trace::TASKS, control.name);
    let steps = if format.direct().is_some() { 1 } else { Indexed::<u32>::STEPS };
    let (count, size) = (bytes.len() / format.record_size(), format.record_size() as u64);
    let sorted = work::watch(control, count, steps, |work| {
        sort_records(bytes, format, work)?;
        // A flag that was set after the last look at it counts too.
        match control.cancel {
            Some(flag) if flag.load(Ordering::Relaxed) != 0 => Err(Error::cancelled()),
            _ => Ok(()),
        }
    });
    if let Some(traced) = traced {
        traced.end(trace::Kind::Sort, [count as u64, size, 0]);
    }
    sorted
}

/// The most bytes that sorting so many records allocates.
///
/// # Errors
/// [`ErrorKind::OutOfMemory`] if that is more than can be counted.
pub fn memory(count: usize, format: &Format) -> Result<usize> {
    if count < 2 {
        return Ok(0);
    }
    let main = if format.direct().is_some() {
        count.checked_mul(format.record_size())
    } else if u32::try_from(count).is_ok() {
        Layout::of::<u32>(count, format).map(|layout| layout.bytes)
    } else {
        Layout::of::<u64>(count, format).map(|layout| layout.bytes)
    };
    main.and_then(|bytes| bytes.checked_add(work::tables(count))).ok_or_else(no_memory)
}

fn no_memory() -> Error {
    Error::new(ErrorKind::OutOfMemory, "sorting these records takes more memory than there can be")
}

/// The scratch memory of sorting pairs.
struct Layout {
    /// Of one buffer of pairs.
    pairs: usize,
    /// Of that, and of what follows it: first the other buffer of pairs, then the records in order.
    bytes: usize,
}

impl Layout {
    fn of<I: Index>(count: usize, format: &Format) -> Option<Self> {
        let pairs = count.checked_mul(size_of::<Pair<I>>())?;
        let records = count.checked_mul(format.record_size())?;
        Some(Self { pairs, bytes: pairs.checked_add(pairs.max(records))? })
    }
}

fn sort_records(bytes: &mut [u8], format: &Format, work: &Work<'_>) -> Result<()> {
    let count = bytes.len() / format.record_size();
    if count < 2 {
        return Ok(());
    }
    match order::of(bytes, format, work)? {
        Order::Rising => return Ok(()),
        Order::Falling => return order::reverse(bytes, format, work),
        Order::None => {}
    }
    if let (Some(sizes), Some(field)) = (format.direct(), format.single()) {
        return match sizes {
            (1, _) => sort_direct(bytes, Direct::<1, 1>(field), work),
            (2, _) => sort_direct(bytes, Direct::<2, 2>(field), work),
            (4, _) => sort_direct(bytes, Direct::<4, 4>(field), work),
            (8, 4) => sort_direct(bytes, Direct::<8, 4>(field), work),
            (8, _) => sort_direct(bytes, Direct::<8, 8>(field), work),
            (_, 4) => sort_direct(bytes, Direct::<16, 4>(field), work),
            (..) => sort_direct(bytes, Direct::<16, 8>(field), work),
        };
    }
    if u32::try_from(count).is_ok() {
        sort_indexed::<u32>(bytes, format, work)
    } else {
        sort_indexed::<u64>(bytes, format, work)
    }
}

/// Moves the records themselves.
fn sort_direct<const N: usize, const LEN: usize>(
    bytes: &mut [u8],
    direct: Direct<'_, N, LEN>,
    work: &Work<'_>,
) -> Result<()> {
    let mut scratch = Scratch::new(bytes.len())?;
    parallel::sort(&direct, records_of::<N>(bytes), records_of::<N>(scratch.bytes()), work)
}

/// Sorts pairs of a word and an index; then the records are put in that order.
fn sort_indexed<I: Index>(bytes: &mut [u8], format: &Format, work: &Work<'_>) -> Result<()> {
    let count = bytes.len() / format.record_size();
    let layout = Layout::of::<I>(count, format).ok_or_else(no_memory)?;
    let mut scratch = Scratch::new(layout.bytes)?;
    let (first, rest) = scratch.bytes().split_at_mut(layout.pairs);
    let pairs = scratch::pairs_of::<I>(first);
    let indexed = Indexed::<I>::new(bytes, format);
    indexed.fill(pairs, work)?;
    parallel::sort(&indexed, pairs, scratch::pairs_of::<I>(&mut rest[..layout.pairs]), work)?;
    let sorted = &mut rest[..bytes.len()];
    order::gather(bytes, sorted, format.record_size(), pairs, work)?;
    // From here on nothing ends the call, so the records are never half written.
    order::copy(bytes, sorted, work);
    Ok(())
}
