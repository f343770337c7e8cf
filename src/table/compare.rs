//! Comparisons with values, to masks.
#![forbid(unsafe_code)]

use super::ahead::Ahead;
use super::column::{invalid, Column};
use super::mask::lowest;
use super::words::{word_of, Class, Rows, BLOCK, STEPS};
use super::{parts, CHUNK};
use crate::error::Result;
use crate::job::Control;
use crate::sort::KeyType;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::slice;

/// How the values of a column are compared, of floats as by IEEE 754: NaN is equal to nothing and
/// neither less nor greater, and -0.0 is equal to 0.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // they say it
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    /// At least the first value, and less than the second.
    Between,
    /// At least the first value, and at most the second.
    BetweenClosed,
}

impl Comparison {
    /// How many values it takes.
    pub fn values(self) -> usize {
        match self {
            Self::Between | Self::BetweenClosed => 2,
            _ => 1,
        }
    }

    #[inline(always)]
    fn holds<T: PartialOrd>(self, value: T, low: T, high: T) -> bool {
        match self {
            Self::Equal => value == low,
            Self::NotEqual => value != low,
            Self::Less => value < low,
            Self::LessEqual => value <= low,
            Self::Greater => value > low,
            Self::GreaterEqual => value >= low,
            Self::Between => value >= low && value < high,
            Self::BetweenClosed => value >= low && value <= high,
        }
    }
}

/// Whole numbers in terms of keys that compare as they do: from `low` on, so many more; or none; or
/// others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Interval {
    /// XORed into words: the sign of signed ones.
    sign: u64,
    low: u64,
    more: u64,
    /// The bits of numbers inside, and of those outside.
    inside: bool,
    outside: bool,
}

impl Interval {
    fn new(comparison: Comparison, class: Class, low: u64, high: u64) -> Self {
        let sign = if class == Class::Signed { 1 << 63 } else { 0 };
        let (low, high) = (low ^ sign, high ^ sign);
        // Both ends belong to it.
        let (ends, negated) = match comparison {
            Comparison::Equal => (Some((low, low)), false),
            Comparison::NotEqual => (Some((low, low)), true),
            Comparison::Less => (low.checked_sub(1).map(|last| (0, last)), false),
            Comparison::LessEqual => (Some((0, low)), false),
            Comparison::Greater => (Some((0, low)), true),
            Comparison::GreaterEqual => (low.checked_sub(1).map(|last| (0, last)), true),
            Comparison::Between => (high.checked_sub(1).map(|last| (low, last)), false),
            Comparison::BetweenClosed => (Some((low, high)), false),
        };
        match ends.filter(|(low, high)| low <= high) {
            Some((low, high)) => Self { sign, low, more: high - low, inside: !negated, outside: negated },
            None => Self { sign, low: 0, more: 0, inside: negated, outside: negated },
        }
    }
}

/// The bits of up to 64 words.
#[inline(always)]
fn bits(words: &[u64], test: impl Fn(u64) -> bool) -> u64 {
    let mut bytes = [0u8; 64];
    for (byte, &word) in bytes.iter_mut().zip(words) {
        *byte = u8::from(test(word));
    }
    let mut packed = [0u8; 8];
    for (byte, eight) in packed.iter_mut().zip(bytes.chunks_exact(8)) {
        // The multiplication moves bit 0 of byte i to bit 56 + i, and no two bits to one place.
        let eight = eight.first_chunk().map_or(0, |eight| u64::from_le_bytes(*eight));
        *byte = (eight.wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8;
    }
    u64::from_le_bytes(packed)
}

/// Writes the bits of 64 rows, or of fewer at the end.
fn put(mask: &mut [MaybeUninit<u8>], bits: u64, rows: usize) {
    let bits = (bits & lowest(rows)).to_le_bytes();
    mask.iter_mut().zip(bits).take(rows.div_ceil(8)).for_each(|(place, byte)| {
        place.write(byte);
    });
}

/// Gives out the bits of the rows `range` of numbers, 64 at a time.
fn numbers(column: &Column<'_>, range: Range<usize>, give: Give<'_>, test: impl Fn(u64) -> bool) {
    let (mut rows, mut ahead) = (Rows::new(), Ahead::new(*column, STEPS));
    let mut words = [0; BLOCK];
    for begin in range.clone().step_by(BLOCK) {
        let next = range.end.min(begin + BLOCK);
        rows.set(begin, next, None);
        ahead.set(begin..next);
        rows.read(column, &mut words, slice::from_ref(&ahead));
        words[..rows.count()].chunks(64).for_each(|words| give(bits(words, &test), words.len()));
    }
}

/// What takes the bits of up to 64 rows, and how many these are.
pub(super) type Give<'g> = &'g mut dyn FnMut(u64, usize);

/// A comparison that has been checked against the type of a column.
#[derive(Clone, Copy, Debug)]
pub(super) enum Test<'a> {
    Whole(Interval),
    Float(Comparison, f64, f64),
    Bytes(Comparison, &'a [u8], &'a [u8]),
}

impl<'a> Test<'a> {
    /// # Errors [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument): a value has another
    /// number of bytes than those of the column.
    pub(super) fn new(kind: KeyType, comparison: Comparison, low: &'a [u8], high: &'a [u8]) -> Result<Self> {
        let size = kind.size();
        if low.len() != size || (comparison.values() == 2 && high.len() != size) {
            return invalid(format!("values of {} and {} bytes, expected {size}", low.len(), high.len()));
        }
        let high = if comparison.values() == 2 { high } else { low };
        if matches!(kind, KeyType::Bytes(_)) {
            return Ok(Self::Bytes(comparison, low, high));
        }
        let word = |value| Ok(word_of(&Column::new(value, 1, 0, kind)?, 0));
        let (low, high) = (word(low)?, word(high)?);
        Ok(match Class::of(kind) {
            Class::Float => Self::Float(comparison, f64::from_bits(low), f64::from_bits(high)),
            class => Self::Whole(Interval::new(comparison, class, low, high)),
        })
    }

    /// Gives out the bits of the rows `range` of a column, 64 at a time.
    pub(super) fn bits(&self, column: &Column<'_>, range: Range<usize>, give: Give<'_>) {
        match *self {
            // No branch is left in the test: both are known bits.
            Self::Whole(Interval { sign, low, more, inside, outside }) => {
                numbers(column, range, give, |word| {
                    let within = (word ^ sign).wrapping_sub(low) <= more;
                    (within & inside) | (!within & outside)
                });
            }
            Self::Float(comparison, low, high) => {
                macro_rules! float {
                    ($($name:ident)*) => {
                        match comparison {
                            $(Comparison::$name => numbers(column, range, give, |word| {
                                Comparison::$name.holds(f64::from_bits(word), low, high)
                            }),)*
                        }
                    };
                }
                float!(Equal NotEqual Less LessEqual Greater GreaterEqual Between BetweenClosed);
            }
            Self::Bytes(comparison, low, high) => {
                for begin in range.clone().step_by(64) {
                    let rows = begin..range.end.min(begin + 64);
                    let bits = rows.clone().enumerate().fold(0, |bits, (at, row)| {
                        bits | u64::from(comparison.holds(column.value(row), low, high)) << at
                    });
                    give(bits, rows.len());
                }
            }
        }
    }
}

/// Sets the bits of rows whose values compare so with `low`, and for two values `high`; each has the
/// bytes of a value. Bits past the rows are 0. `mask` has a byte for each 8 rows, and the last may be
/// for fewer. Progress counts rows.
///
/// # Errors [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument): another number of bytes;
/// those of [`for_each_chunk`](crate::job::for_each_chunk).
pub fn compare(
    column: &Column<'_>,
    comparison: Comparison,
    low: &[u8],
    high: &[u8],
    mask: &mut [MaybeUninit<u8>],
    control: &Control<'_>,
) -> Result<()> {
    let rows = column.count();
    let test = Test::new(column.kind(), comparison, low, high)?;
    if mask.len() != rows.div_ceil(8) {
        return invalid(format!(
            "the mask has {} bytes, and {rows} rows have {}",
            mask.len(),
            rows.div_ceil(8)
        ));
    }
    parts::for_each(rows, mask.chunks_mut(CHUNK / 8), control, |range, mask| {
        let mut places = mask.chunks_mut(8);
        test.bits(column, range, &mut |bits, rows| {
            if let Some(place) = places.next() {
                put(place, bits, rows);
            }
        });
    })
}
