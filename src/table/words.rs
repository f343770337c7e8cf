//! Blocks of rows as words: what any column's numbers become before they are computed with.
#![forbid(unsafe_code)]

use super::ahead::{fetch, Ahead};
use super::column::Column;
use super::mask::{lowest, Mask};
use crate::sort::KeyType;

/// The most rows of a block, a multiple of 64: the words of some columns stay in the first cache.
pub(super) const BLOCK: usize = 512;

/// After so many rows that are read, more are fetched.
const STEP: usize = 64;
/// How often this happens in a block.
pub(super) const STEPS: usize = BLOCK / STEP;

/// What the words of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// `i64`: of all whole numbers but u64.
    Signed,
    /// `u64`.
    Unsigned,
    /// The bits of an `f64`.
    Float,
}

impl Class {
    pub(super) fn of(kind: KeyType) -> Self {
        match kind {
            KeyType::F32 | KeyType::F64 => Self::Float,
            KeyType::U64 => Self::Unsigned,
            _ => Self::Signed,
        }
    }

    /// The nearest `f64`.
    #[inline(always)]
    pub(super) fn number(self, word: u64) -> f64 {
        match self {
            Self::Signed => word as i64 as f64,
            Self::Unsigned => word as f64,
            Self::Float => f64::from_bits(word),
        }
    }

    /// How far a number is from another one, where that can be told exactly or nearly.
    #[inline(always)]
    pub(super) fn distance(self, word: u64, from: u64) -> f64 {
        match self {
            Self::Signed => match (word as i64).checked_sub(from as i64) {
                Some(distance) => distance as f64,
                None => word as i64 as f64 - from as i64 as f64,
            },
            Self::Unsigned if word >= from => (word - from) as f64,
            Self::Unsigned => -((from - word) as f64),
            Self::Float => f64::from_bits(word) - f64::from_bits(from),
        }
    }

    /// The whole number; 0 for floats.
    pub(super) fn integer(self, word: u64) -> i128 {
        match self {
            Self::Signed => i128::from(word as i64),
            Self::Unsigned => i128::from(word),
            Self::Float => 0,
        }
    }
}

/// Something with the function that makes a word of a number's bytes, for each type; or for bytes
/// `$other`.
macro_rules! by_kind {
    ($kind:expr, $widen:ident => $do:expr, $other:expr) => {
        by_kind!($kind, $widen => $do, $other,
            U8 |value| u64::from(u8::from_ne_bytes(value)),
            U16 |value| u64::from(u16::from_ne_bytes(value)),
            U32 |value| u64::from(u32::from_ne_bytes(value)),
            U64 |value| u64::from_ne_bytes(value),
            I8 |value| i64::from(i8::from_ne_bytes(value)) as u64,
            I16 |value| i64::from(i16::from_ne_bytes(value)) as u64,
            I32 |value| i64::from(i32::from_ne_bytes(value)) as u64,
            I64 |value| u64::from_ne_bytes(value),
            F32 |value| wide_float(u32::from_ne_bytes(value)),
            F64 |value| u64::from_ne_bytes(value))
    };
    ($kind:expr, $widen:ident => $do:expr, $other:expr, $($name:ident |$value:ident| $word:expr),*) => {
        match $kind {
            $(KeyType::$name => {
                let $widen = |$value| $word;
                $do
            })*
            KeyType::Bytes(_) => $other,
        }
    };
}

/// The bits of an `f64` for those of an `f32`. A NaN keeps its own, quiet or signalling, so that other
/// bits stay other bits; what a processor converts is quiet.
#[inline(always)]
fn wide_float(bits: u32) -> u64 {
    const NO_SIGN: u32 = u32::MAX >> 1;
    let number = f64::from(f32::from_bits(bits)).to_bits();
    let nan = u64::from(bits & !NO_SIGN) << 32 | f64::INFINITY.to_bits() | u64::from(bits & 0x7f_ffff) << 29;
    if bits & NO_SIGN > f32::INFINITY.to_bits() {
        nan
    } else {
        number
    }
}

/// The rows of a block that are looked at.
pub(super) struct Rows {
    first: usize,
    count: usize,
    /// Whether they are all from the first on; else `picked` tells how far each is from the first.
    all: bool,
    picked: [u16; BLOCK],
}

impl Rows {
    pub(super) fn new() -> Self {
        Self { first: 0, count: 0, all: true, picked: [0; BLOCK] }
    }

    /// From now on these are the rows of `[begin, end)` that the mask picks; `begin` is a multiple of
    /// 64.
    pub(super) fn set(&mut self, begin: usize, end: usize, mask: Option<Mask<'_>>) {
        (self.first, self.count, self.all) = (begin, end - begin, true);
        let Some(mask) = mask else { return };
        let mut found = 0;
        for row in (begin..end).step_by(64) {
            let mut word = mask.word(row, end);
            let offset = (row - begin) as u16;
            if word == lowest(end - row) {
                for at in 0..(end - row).min(64) {
                    self.picked[found + at] = offset + at as u16;
                }
                found += (end - row).min(64);
                continue;
            }
            while word != 0 {
                self.picked[found] = offset + word.trailing_zeros() as u16;
                found += 1;
                word &= word - 1;
            }
        }
        self.all = found == self.count;
        self.count = found;
    }

    /// How many are looked at.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The number of the row that is looked at as the `at`-th.
    #[inline]
    pub(super) fn row(&self, at: usize) -> usize {
        self.first + if self.all { at } else { usize::from(self.picked[at]) }
    }

    /// Whether they are not a few among many others.
    pub(super) fn are_dense(&self) -> bool {
        self.all || self.count > BLOCK / 4
    }

    /// Reads the numbers of a column into `words`, as many as rows are looked at, and has more rows fetched
    /// meanwhile.
    pub(super) fn read(&self, column: &Column<'_>, words: &mut [u64], ahead: &[Ahead<'_>]) {
        // Numbers are asked for of numbers only.
        by_kind!(column.kind(), widen => self.widen(column, words, ahead, widen), words.fill(0));
    }

    #[inline(always)]
    fn widen<const N: usize>(
        &self,
        column: &Column<'_>,
        words: &mut [u64],
        ahead: &[Ahead<'_>],
        widen: impl Fn([u8; N]) -> u64 + Copy,
    ) {
        let (bytes, stride) = (column.tail(self.first), column.stride());
        if !self.all {
            let rows = words[..self.count].chunks_mut(STEP).zip(self.picked.chunks(STEP));
            for (words, picked) in rows {
                for (word, &at) in words.iter_mut().zip(picked) {
                    *word = widen(first(&bytes[usize::from(at) * stride..]));
                }
                fetch(ahead);
            }
            return;
        }
        // After the last value of a column there need not be a whole stride.
        let Some((last, words)) = words[..self.count].split_last_mut() else { return };
        *last = widen(first(&bytes[words.len() * stride..]));
        let mut rest = bytes;
        for words in words.chunks_mut(STEP) {
            let (rows, later) = rest.split_at(words.len() * stride);
            rest = later;
            if stride == N {
                let values = rows.chunks_exact(N);
                words.iter_mut().zip(values).for_each(|(word, value)| *word = widen(first(value)));
            } else {
                let rows = rows.chunks_exact(stride);
                words.iter_mut().zip(rows).for_each(|(word, row)| *word = widen(first(row)));
            }
            fetch(ahead);
        }
    }
}

/// The number of one row as a word.
pub(super) fn word_of(column: &Column<'_>, row: usize) -> u64 {
    by_kind!(column.kind(), widen => widen(first(column.tail(row))), 0)
}

/// The bytes at the begin, of which there are enough.
#[inline(always)]
fn first<const N: usize>(bytes: &[u8]) -> [u8; N] {
    *bytes.first_chunk().expect("a whole value")
}
