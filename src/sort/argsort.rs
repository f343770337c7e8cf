//! The order of records, which stay where they are: their numbers, as a stable sort would put them.
#![forbid(unsafe_code)]

use super::elements::{Index, Indexed};
use super::format::Format;
use super::order::{self, Order};
use super::scratch::{pairs_of, Scratch};
use super::work::{self, Work};
use super::{no_memory, parallel, Layout};
use crate::error::{Error, ErrorKind, Result};
use crate::job::Control;
use crate::trace::Kind;
use std::mem::{size_of, MaybeUninit};
use std::sync::atomic::Ordering;

/// Bytes of the number of a record.
const NUMBER: usize = size_of::<u64>();

/// Writes the numbers of whole records, `u64` in the byte order of the machine, in the order that
/// [`sort`](super::sort()) would give the records. Progress counts records.
///
/// # Errors [`ErrorKind::InvalidArgument`] if `bytes` is no whole number of records, or `numbers` has
/// not 8 bytes for each; [`ErrorKind::OutOfMemory`]; [`ErrorKind::Cancelled`] and those of the progress
/// callback.
pub fn argsort(
    bytes: &[u8],
    format: &Format,
    numbers: &mut [MaybeUninit<u8>],
    control: &Control<'_>,
) -> Result<()> {
    let count = bytes.len() / format.record_size();
    if bytes.len() % format.record_size() != 0 || numbers.len() != count.saturating_mul(NUMBER) {
        let text = format!("{} bytes of records, and {} for their numbers", bytes.len(), numbers.len());
        return Err(Error::new(ErrorKind::InvalidArgument, text));
    }
    work::watch(control, count, Indexed::<u32>::STEPS, |work| {
        match if count < 2 { Order::Rising } else { order::of(bytes, format, work)? } {
            Order::Rising => write(numbers, work, |at| at)?,
            Order::Falling => write(numbers, work, |at| count - 1 - at)?,
            Order::None if u32::try_from(count).is_ok() => by_pairs::<u32>(bytes, format, numbers, work)?,
            Order::None => by_pairs::<u64>(bytes, format, numbers, work)?,
        }
        // A flag that was set after the last look at it counts too.
        match control.cancel {
            Some(flag) if flag.load(Ordering::Relaxed) != 0 => Err(Error::cancelled()),
            _ => Ok(()),
        }
    })
}

fn by_pairs<I: Index>(
    bytes: &[u8],
    format: &Format,
    numbers: &mut [MaybeUninit<u8>],
    work: &Work<'_>,
) -> Result<()> {
    let count = bytes.len() / format.record_size();
    let pairs = Layout::of::<I>(count, format).ok_or_else(no_memory)?.pairs;
    let mut scratch = Scratch::new(pairs.checked_mul(2).ok_or_else(no_memory)?)?;
    let (first, second) = scratch.bytes().split_at_mut(pairs);
    let (pairs, other) = (pairs_of::<I>(first), pairs_of::<I>(second));
    let indexed = Indexed::<I>::new(bytes, format);
    indexed.fill(pairs, work)?;
    parallel::sort(&indexed, pairs, other, work)?;
    let pairs = &*pairs;
    write(numbers, work, |at| pairs[at].record())
}

/// Writes `number` of each place.
fn write(
    numbers: &mut [MaybeUninit<u8>],
    work: &Work<'_>,
    number: impl Fn(usize) -> usize + Sync,
) -> Result<()> {
    let block = work.block(numbers.len() / NUMBER);
    work.for_each(Kind::MoveRecords, numbers.chunks_mut(block * NUMBER).enumerate(), |(part, numbers)| {
        let places = numbers.chunks_exact_mut(NUMBER);
        let count = places.len();
        for (at, place) in places.enumerate() {
            let number = number(part * block + at) as u64;
            place.iter_mut().zip(number.to_ne_bytes()).for_each(|(place, byte)| {
                place.write(byte);
            });
        }
        count
    })
}
