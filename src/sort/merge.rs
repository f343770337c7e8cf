//! Two lists of sorted records made one: each lane finds where its part of the result begins in both.
#![forbid(unsafe_code)]

use super::format::Format;
use super::work;
use crate::error::{Error, ErrorKind, Result};
use crate::job::Control;
use crate::trace::Kind;
use std::cmp::Ordering::Greater;
use std::mem::MaybeUninit;
use std::sync::atomic::Ordering;

/// Writes the records of `a` and of `b`, which are both sorted, in the order of their keys; of records
/// with equal keys those of `a` are first, each in the order that they have. Of records that are not
/// sorted it is not said which are written. Progress counts records.
///
/// # Errors [`ErrorKind::InvalidArgument`] if `a` or `b` is no whole number of records, or `merged` has
/// not as many bytes as both; [`ErrorKind::Cancelled`] and those of the progress callback.
pub fn merge(
    a: &[u8],
    b: &[u8],
    format: &Format,
    merged: &mut [MaybeUninit<u8>],
    control: &Control<'_>,
) -> Result<()> {
    let size = format.record_size();
    if a.len() % size != 0 || b.len() % size != 0 || merged.len() != a.len() + b.len() {
        let text = format!("records of {} and {} bytes, and {} for both", a.len(), b.len(), merged.len());
        return Err(Error::new(ErrorKind::InvalidArgument, text));
    }
    let count = merged.len() / size;
    work::watch(control, count, 1, |work| {
        let block = work.block(count);
        let parts = merged.chunks_mut(block.saturating_mul(size)).enumerate();
        work.for_each(Kind::MoveRecords, parts, |(part, merged)| {
            let begin = part * block;
            let records = merged.len() / size;
            let (from_a, until_a) = (split(a, b, format, begin), split(a, b, format, begin + records));
            let mut left = a[from_a * size..until_a.max(from_a) * size].chunks_exact(size).peekable();
            let mut right = b[(begin - from_a) * size..].chunks_exact(size).peekable();
            for place in merged.chunks_exact_mut(size) {
                let first = match (left.peek(), right.peek()) {
                    (Some(x), Some(y)) if format.compare(x, y) == Greater => right.next(),
                    (Some(_), _) => left.next(),
                    _ => right.next(),
                };
                let bytes = first.into_iter().flatten();
                place.iter_mut().zip(bytes).for_each(|(place, byte)| {
                    place.write(*byte);
                });
            }
            records
        })?;
        match control.cancel {
            Some(flag) if flag.load(Ordering::Relaxed) != 0 => Err(Error::cancelled()),
            _ => Ok(()),
        }
    })
}

/// How many of the first `count` records of the result are of `a`.
fn split(a: &[u8], b: &[u8], format: &Format, count: usize) -> usize {
    let size = format.record_size();
    let (mut least, mut most) = (count.saturating_sub(b.len() / size), count.min(a.len() / size));
    while least < most {
        let taken = least + (most - least) / 2;
        let (x, y) = (&a[taken * size..][..size], &b[(count - taken - 1) * size..][..size]);
        // Is record `taken` of a among them? Not if the last of b that would be instead is before it.
        if format.compare(x, y) == Greater {
            most = taken;
        } else {
            least = taken + 1;
        }
    }
    least
}
