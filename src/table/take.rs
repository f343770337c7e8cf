//! Selection: values of rows, one after the other, by a mask or by the rows' numbers.
#![forbid(unsafe_code)]

use super::aggregate::check_mask;
use super::column::{invalid, Column};
use super::mask::Mask;
use super::{parts, CHUNK};
use crate::error::{Error, ErrorKind, Result};
use crate::job::Control;
use crate::memory;
use std::mem::{self, MaybeUninit};
use std::sync::atomic::{AtomicUsize, Ordering};

type Place = [MaybeUninit<u8>];

/// Copies a value to its place.
#[inline(always)]
fn put(place: &mut Place, value: &[u8]) {
    place.iter_mut().zip(value).for_each(|(place, byte)| {
        place.write(*byte);
    });
}

/// Calls `$with` with the size as a constant where values often have it, so that copies are a few
/// moves.
macro_rules! sized {
    ($size:expr, $with:ident => $body:expr) => {
        match $size {
            1 => {
                const $with: usize = 1;
                $body
            }
            2 => {
                const $with: usize = 2;
                $body
            }
            4 => {
                const $with: usize = 4;
                $body
            }
            8 => {
                const $with: usize = 8;
                $body
            }
            16 => {
                const $with: usize = 16;
                $body
            }
            24 => {
                const $with: usize = 24;
                $body
            }
            32 => {
                const $with: usize = 32;
                $body
            }
            40 => {
                const $with: usize = 40;
                $body
            }
            48 => {
                const $with: usize = 48;
                $body
            }
            56 => {
                const $with: usize = 56;
                $body
            }
            64 => {
                const $with: usize = 64;
                $body
            }
            #[allow(non_snake_case)]
            $with => $body,
        }
    };
}

/// Cuts the output into what each chunk of rows writes.
struct Cuts<'p, I> {
    rest: &'p mut Place,
    sizes: I,
}

impl<'p, I: Iterator<Item = usize>> Iterator for Cuts<'p, I> {
    type Item = &'p mut Place;

    fn next(&mut self) -> Option<&'p mut Place> {
        let size = self.sizes.next()?;
        let (part, rest) = mem::take(&mut self.rest).split_at_mut(size);
        self.rest = rest;
        Some(part)
    }
}

/// The bytes of so many values.
fn bytes_of(count: usize, size: usize, capacity: usize) -> Result<usize> {
    match count.checked_mul(size) {
        Some(bytes) if bytes <= capacity => Ok(bytes),
        bytes => {
            let needed = bytes.unwrap_or(usize::MAX);
            let text = format!("{count} values take {needed} bytes, and there are {capacity}");
            Err(Error::new(ErrorKind::BufferTooSmall, text).with_needed(needed as u64))
        }
    }
}

/// Writes the values of the rows that the mask picks to `out`, in the order of the rows, and returns
/// how many bytes these are. Progress counts rows.
///
/// # Errors [`ErrorKind::InvalidArgument`]: the mask is for another number of rows;
/// [`ErrorKind::BufferTooSmall`], with what is needed; those of
/// [`for_each_chunk`](crate::job::for_each_chunk).
pub fn take(
    column: &Column<'_>,
    mask: Mask<'_>,
    out: &mut [MaybeUninit<u8>],
    control: &Control<'_>,
) -> Result<usize> {
    let (rows, size) = (column.count(), column.kind().size());
    check_mask(Some(mask), rows)?;
    let mut sizes = Vec::new();
    memory::reserve(&mut sizes, rows.div_ceil(CHUNK))?;
    sizes.extend((0..rows).step_by(CHUNK).map(|begin| mask.count_in(begin, rows.min(begin + CHUNK))));
    let bytes = bytes_of(sizes.iter().sum(), size, out.len())?;
    let cuts = Cuts { rest: out, sizes: sizes.iter().map(|count| count * size) };
    parts::for_each(rows, cuts, control, |range, out| {
        sized!(size, SIZE => {
            let mut places = out.chunks_exact_mut(SIZE);
            for begin in range.clone().step_by(64) {
                let mut word = mask.word(begin, range.end);
                while word != 0 {
                    let row = begin + word.trailing_zeros() as usize;
                    if let Some(place) = places.next() {
                        put(place, &column.tail(row)[..SIZE]);
                    }
                    word &= word - 1;
                }
            }
        });
    })?;
    Ok(bytes)
}

/// Writes the values of the rows of these numbers to `out`, in their order, and returns how many bytes
/// these are. Progress counts numbers.
///
/// # Errors [`ErrorKind::InvalidArgument`], with the position of the first number that is of no row;
/// [`ErrorKind::BufferTooSmall`], with what is needed; those of
/// [`for_each_chunk`](crate::job::for_each_chunk).
pub fn take_rows(
    column: &Column<'_>,
    numbers: &[u64],
    out: &mut [MaybeUninit<u8>],
    control: &Control<'_>,
) -> Result<usize> {
    let (rows, size) = (column.count(), column.kind().size());
    let bytes = bytes_of(numbers.len(), size, out.len())?;
    // Relaxed: read when all lanes have been waited for.
    let wrong = AtomicUsize::new(usize::MAX);
    let parts = out[..bytes].chunks_mut(CHUNK.saturating_mul(size));
    parts::for_each(numbers.len(), parts, control, |range, out| {
        sized!(size, SIZE => {
            let places = out.chunks_exact_mut(SIZE).zip(&numbers[range.clone()]);
            for (at, (place, &number)) in places.enumerate() {
                match usize::try_from(number) {
                    Ok(row) if row < rows => put(place, &column.tail(row)[..SIZE]),
                    _ => {
                        wrong.fetch_min(range.start + at, Ordering::Relaxed);
                    }
                }
            }
        });
    })?;
    match wrong.into_inner() {
        usize::MAX => Ok(bytes),
        at => invalid(format!("rows[{at}] is {}, and there are {rows} rows", numbers[at]))
            .map_err(|error: Error| error.at(at as u64)),
    }
}
