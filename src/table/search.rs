//! Where values would stand in a column that is sorted.
#![forbid(unsafe_code)]

use super::column::{invalid, Column};
use super::state::bits;
use super::words::{word_of, Class};
use super::{parts, CHUNK};
use crate::error::Result;
use crate::job::Control;
use std::mem::{size_of, MaybeUninit};

/// Bytes of the number of a row.
const NUMBER: usize = size_of::<u64>();

/// Writes for each of `values` how many rows of `column`, which is sorted as by
/// [`sort`](crate::sort::sort()), come before it: those that are less, and, if `after`, those that are
/// equal. The numbers are `u64` in the byte order of the machine. Progress counts values.
///
/// # Errors [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument): the values have another
/// type, or `numbers` has not 8 bytes for each; those of
/// [`for_each_chunk`](crate::job::for_each_chunk).
pub fn search(
    column: &Column<'_>,
    values: &Column<'_>,
    after: bool,
    numbers: &mut [MaybeUninit<u8>],
    control: &Control<'_>,
) -> Result<()> {
    let count = values.count();
    if column.kind() != values.kind() || numbers.len() != count.saturating_mul(NUMBER) {
        return invalid("values of another type, or no place for as many numbers");
    }
    let class = Class::of(column.kind());
    parts::for_each(count, numbers.chunks_mut(CHUNK * NUMBER), control, |range, numbers| {
        for (row, place) in range.zip(numbers.chunks_exact_mut(NUMBER)) {
            let found = if column.is_number() {
                let value = bits(class, word_of(values, row));
                first_not(column.count(), |at| {
                    let other = bits(class, word_of(column, at));
                    other < value || (after && other == value)
                })
            } else {
                let value = values.value(row);
                first_not(column.count(), |at| {
                    let other = column.value(at);
                    other < value || (after && other == value)
                })
            };
            place.iter_mut().zip((found as u64).to_ne_bytes()).for_each(|(place, byte)| {
                place.write(byte);
            });
        }
    })
}

/// The first of so many places that is not before.
fn first_not(count: usize, before: impl Fn(usize) -> bool) -> usize {
    let (mut least, mut most) = (0, count);
    while least < most {
        let middle = least + (most - least) / 2;
        if before(middle) {
            least = middle + 1;
        } else {
            most = middle;
        }
    }
    least
}
