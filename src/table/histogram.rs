//! Histograms: how many values are in each of some ranges of equal width.
#![forbid(unsafe_code)]

use super::aggregate::check_mask;
use super::column::{invalid, Column};
use super::mask::Mask;
use super::words::{Class, Rows, BLOCK};
use super::{parts, CHUNK};
use crate::error::Result;
use crate::job::{self, Control};
use crate::memory;
use crate::plan::Schedule;
use std::ops::{ControlFlow, Range};
use std::sync::{Mutex, PoisonError};

/// The most ranges.
pub const MAX_BINS: usize = 1 << 20;

/// Counts how many values of rows that the mask picks lie in each of `bins` parts of `range`, which
/// have equal widths; a part's end is the next one's begin. Progress counts rows.
///
/// # Errors [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument): no bins or more than
/// [`MAX_BINS`], a range that is empty, too narrow for them or not finite, another number of rows;
/// [`ErrorKind::OutOfMemory`](crate::ErrorKind::OutOfMemory): for bins of each lane; those of
/// [`for_each_chunk`](crate::job::for_each_chunk).
pub fn histogram(
    column: &Column<'_>,
    mask: Option<Mask<'_>>,
    range: Range<f64>,
    bins: usize,
    control: &Control<'_>,
) -> Result<Vec<u64>> {
    let Range { start, end } = range;
    check_mask(mask, column.count())?;
    if bins == 0 || bins > MAX_BINS {
        return invalid(format!("{} bins, expected 1 to {MAX_BINS}", bins));
    }
    // Written so that NaN is refused.
    if !(start < end && (end - start).is_finite()) {
        return invalid(format!("the range from {start} to {end} is empty, or not finite"));
    }
    if !column.is_number() {
        return invalid("the column has no numbers");
    }
    let class = Class::of(column.kind());
    let scale = bins as f64 / (end - start);
    if !scale.is_finite() {
        return invalid(format!("the range from {start} to {end} is too narrow for {bins} bins"));
    }
    let last = bins - 1;
    let mut total = Vec::new();
    memory::reserve(&mut total, bins)?;
    total.resize(bins, 0);
    // Counts of lanes, which may be added up in any order.
    let made: Mutex<Vec<Vec<u64>>> = Mutex::new(Vec::new());
    let failure = parts::Failure::new();
    let result = job::for_each_chunk(Schedule::Grain { grain: CHUNK }, column.count(), control, |chunk| {
        let spare = made.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut counts = spare.unwrap_or_default();
        if counts.is_empty() {
            if let Err(error) = memory::reserve(&mut counts, bins) {
                return failure.of(chunk.index, error);
            }
            counts.resize(bins, 0);
        }
        let mut rows = Rows::new();
        let mut words = [0; BLOCK];
        for begin in (chunk.begin..chunk.end).step_by(BLOCK) {
            rows.set(begin, chunk.end.min(begin + BLOCK), mask);
            rows.read(column, &mut words, &[]);
            for &word in &words[..rows.count()] {
                let value = class.number(word);
                if value >= start && value < end {
                    // Rounding may give the end itself.
                    counts[(((value - start) * scale) as usize).min(last)] += 1;
                }
            }
        }
        made.lock().unwrap_or_else(PoisonError::into_inner).push(counts);
        ControlFlow::Continue(())
    });
    failure.or(result)?;
    for counts in made.into_inner().unwrap_or_else(PoisonError::into_inner) {
        total.iter_mut().zip(counts).for_each(|(total, count)| *total += count);
    }
    Ok(total)
}
