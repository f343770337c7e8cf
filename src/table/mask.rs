//! Masks: a bit for each row, the lowest bit of a byte first, as in Arrow.
#![forbid(unsafe_code)]

use super::column::invalid;
use crate::error::Result;
use std::mem::MaybeUninit;
use std::ops::Range;

/// The rows whose bits are set.
#[derive(Clone, Copy, Debug)]
pub struct Mask<'a> {
    bytes: &'a [u8],
    rows: usize,
}

impl<'a> Mask<'a> {
    /// The bits of `rows` rows; what follows them is not looked at.
    ///
    /// # Errors [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument): there are too few
    /// bytes.
    pub fn new(bytes: &'a [u8], rows: usize) -> Result<Self> {
        let needed = rows.div_ceil(8);
        if bytes.len() < needed {
            return invalid(format!("the mask has {} bytes, and {rows} rows have {needed}", bytes.len()));
        }
        Ok(Self { bytes: &bytes[..needed], rows })
    }

    /// How many rows it is for.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many bits are set.
    pub fn count(&self) -> usize {
        self.count_in(0, self.rows)
    }

    /// How many of the rows `[begin, end)`; `begin` is a multiple of 64.
    pub(super) fn count_in(&self, begin: usize, end: usize) -> usize {
        (begin..end).step_by(64).map(|row| self.word(row, end).count_ones() as usize).sum()
    }

    /// The rows whose bits are set, neighbours together.
    pub(super) fn runs(self) -> impl Iterator<Item = Range<usize>> + 'a {
        let mut from = 0;
        std::iter::from_fn(move || {
            let begin = self.next(from, true)?;
            from = self.next(begin, false).unwrap_or(self.rows);
            Some(begin..from)
        })
    }

    /// The first row from `from` on whose bit is set, or is not.
    fn next(&self, from: usize, set: bool) -> Option<usize> {
        let first = from & !63;
        (first..self.rows).step_by(64).find_map(|begin| {
            let word = self.word(begin, self.rows) ^ if set { 0 } else { u64::MAX };
            let word = if begin == first { word & !lowest(from - first) } else { word };
            let row = begin + word.trailing_zeros() as usize;
            (word != 0 && row < self.rows).then_some(row)
        })
    }

    /// The bits of 64 rows from `row` on, which is a multiple of 8; those from `end` on are 0.
    #[inline]
    pub(super) fn word(&self, row: usize, end: usize) -> u64 {
        let bytes = &self.bytes[row / 8..];
        let word = match bytes.first_chunk() {
            Some(bytes) => u64::from_le_bytes(*bytes),
            None => {
                let mut word = [0; 8];
                word[..bytes.len()].copy_from_slice(bytes);
                u64::from_le_bytes(word)
            }
        };
        word & lowest(end - row)
    }
}

/// So many bits, from the lowest on.
#[inline]
pub(super) fn lowest(count: usize) -> u64 {
    if count >= 64 {
        u64::MAX
    } else {
        (1 << count) - 1
    }
}

/// What is made of two masks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaskOperation {
    /// Rows of both.
    And,
    /// Rows of the first, the second or both.
    Or,
    /// Rows of one of them.
    Xor,
    /// Rows of the first and not of the second.
    AndNot,
    /// Rows that are not of the first; there is no second.
    Not,
}

impl MaskOperation {
    /// Of 64 rows.
    #[inline]
    pub(super) fn of_words(self, a: u64, b: u64) -> u64 {
        match self {
            Self::And => a & b,
            Self::Or => a | b,
            Self::Xor => a ^ b,
            Self::AndNot => a & !b,
            Self::Not => !a,
        }
    }
}

/// Makes `result` of `a` and `b`, which are for as many rows; bits past the rows are 0.
///
/// # Errors [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument): they are of different
/// sizes.
pub fn combine(
    operation: MaskOperation,
    a: Mask<'_>,
    b: Mask<'_>,
    result: &mut [MaybeUninit<u8>],
) -> Result<()> {
    if a.rows != b.rows || result.len() != a.bytes.len() {
        return invalid("the masks are for different numbers of rows");
    }
    match operation {
        MaskOperation::And => each(a, b, result, |a, b| a & b),
        MaskOperation::Or => each(a, b, result, |a, b| a | b),
        MaskOperation::Xor => each(a, b, result, |a, b| a ^ b),
        MaskOperation::AndNot => each(a, b, result, |a, b| a & !b),
        MaskOperation::Not => each(a, b, result, |a, _| !a),
    }
    Ok(())
}

#[inline(always)]
fn each(a: Mask<'_>, b: Mask<'_>, result: &mut [MaybeUninit<u8>], apply: impl Fn(u8, u8) -> u8) {
    let Some((last, result)) = result.split_last_mut() else { return };
    let pairs = a.bytes.iter().zip(b.bytes);
    result.iter_mut().zip(pairs).for_each(|(place, (a, b))| {
        place.write(apply(*a, *b));
    });
    let at = result.len();
    last.write(apply(a.bytes[at], b.bytes[at]) & lowest(a.rows - 8 * at) as u8);
}
