//! Keys of groups as words that compare as the keys do.
#![forbid(unsafe_code)]

use super::super::aggregate::Value;
use super::super::column::{invalid, Column};
use super::super::state::{bits, ordered, unordered};
use super::super::words::{Class, Rows, BLOCK};
use crate::error::Result;
use crate::sort::KeyType;

const SIGN: u64 = 1 << 63;
/// So many neighbours are looked at together.
const NEIGHBOURS: usize = 16;
/// Bytes of a word.
const WORD: usize = 8;

/// What values of a column are put together to: ranges of equal width, from an origin on and before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bucket {
    /// Of whole numbers.
    Whole {
        /// At least 1.
        width: u64,
        /// Where a bucket begins.
        origin: i64,
    },
    /// Of floats.
    Float {
        /// More than 0.
        width: f64,
        /// Where a bucket begins.
        origin: f64,
    },
}

/// What rows are grouped by: the values of a column, or their buckets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GroupKey {
    /// The index of the column.
    pub column: usize,
    /// None: the values themselves, floats by their bits.
    pub bucket: Option<Bucket>,
}

/// A key, as it is read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reader {
    /// The number itself.
    Number {
        class: Class,
    },
    /// How many `width` it is from the origin, which is in `[0, width)`.
    Whole {
        class: Class,
        width: u64,
        origin: u64,
    },
    Float {
        class: Class,
        width: f64,
        origin: f64,
    },
    /// So many bytes.
    Bytes {
        len: usize,
    },
}

impl Reader {
    pub(super) fn new(at: usize, key: &GroupKey, columns: &[Column<'_>]) -> Result<Self> {
        let Some(column) = columns.get(key.column) else {
            return invalid(format!("keys[{at}] is of column {} of {}", key.column, columns.len()));
        };
        let class = Class::of(column.kind());
        match (column.kind(), key.bucket) {
            (KeyType::Bytes(len), None) => Ok(Self::Bytes { len }),
            (KeyType::Bytes(_), Some(_)) => invalid(format!("keys[{at}]: bytes have no buckets")),
            (_, None) => Ok(Self::Number { class }),
            (_, Some(Bucket::Whole { width, origin })) if class != Class::Float => match width {
                0 => invalid(format!("keys[{at}]: a width of 0")),
                1 => Ok(Self::Number { class }),
                _ => {
                    let origin = i128::from(origin).rem_euclid(i128::from(width));
                    Ok(Self::Whole { class, width, origin: origin as u64 })
                }
            },
            (_, Some(Bucket::Float { width, origin })) if class == Class::Float => {
                if !(width > 0.0 && width.is_finite() && origin.is_finite()) {
                    return invalid(format!("keys[{at}]: a width of {width} from {origin} on"));
                }
                Ok(Self::Float { class, width, origin })
            }
            _ => invalid(format!("keys[{at}]: buckets of floats for whole numbers, or the other way round")),
        }
    }

    /// Words of the key.
    pub(super) fn words(&self) -> usize {
        match self {
            Self::Bytes { len } => len.div_ceil(WORD),
            _ => 1,
        }
    }

    /// Fills a block for each word of the key. `numbers`: the words of the column, if it has numbers.
    pub(super) fn read(&self, column: &Column<'_>, rows: &Rows, numbers: &[u64], words: &mut [[u64; BLOCK]]) {
        if let Self::Bytes { .. } = self {
            for at in 0..rows.count() {
                let pieces = column.value(rows.row(at)).chunks(WORD);
                for (word, piece) in words.iter_mut().zip(pieces) {
                    let mut bytes = [0; WORD];
                    bytes[..piece.len()].copy_from_slice(piece);
                    word[at] = u64::from_be_bytes(bytes);
                }
            }
            return;
        }
        let Some(words) = words.first_mut() else { return };
        let words = &mut words[..numbers.len()];
        let pairs = words.iter_mut().zip(numbers);
        match *self {
            Self::Number { class } => pairs.for_each(|(word, &number)| *word = bits(class, number)),
            Self::Whole { class, width, origin } => {
                let mut bucket = LastBucket::new(class, width, origin, numbers);
                for (words, numbers) in words.chunks_mut(NEIGHBOURS).zip(numbers.chunks(NEIGHBOURS)) {
                    if bucket.has_all(numbers) {
                        words.fill(bucket.word);
                        continue;
                    }
                    words.iter_mut().zip(numbers).for_each(|(word, &number)| *word = bucket.of(number));
                }
            }
            Self::Float { width, origin, .. } => pairs.for_each(|(word, &number)| {
                // Adding 0 makes 0.0 of -0.0; NaNs are one bucket.
                let bucket = ((f64::from_bits(number) - origin) / width).floor() + 0.0;
                *word = ordered(Class::Float, bucket.to_bits(), u64::MAX);
            }),
            Self::Bytes { .. } => {}
        }
    }

    /// The key of a group: a bucket's begin.
    pub(super) fn value(&self, words: &[u64], rows: u64) -> Result<Value> {
        let Some(&word) = words.first() else { return invalid("the key has no words") };
        let of = |class: Class, word| match class {
            Class::Float => Value { integer: 0, number: f64::from_bits(word), rows },
            _ => Value { integer: class.integer(word), number: class.number(word), rows },
        };
        match *self {
            Self::Number { class } => Ok(of(class, unordered(class, word))),
            Self::Whole { width, origin, .. } => {
                let bucket = i128::from((word ^ SIGN) as i64);
                let integer = i128::from(origin) + bucket * i128::from(width);
                Ok(Value { integer, number: integer as f64, rows })
            }
            Self::Float { class, width, origin } => {
                let bucket = f64::from_bits(unordered(class, word));
                Ok(Value { integer: 0, number: origin + bucket * width, rows })
            }
            Self::Bytes { .. } => invalid("the key is bytes, which are no number"),
        }
    }
}

/// The last bucket of whole numbers, which is remembered, as dividing takes long, and neighbours are often in
/// one.
struct LastBucket {
    class: Class,
    width: u64,
    origin: u64,
    /// The bucket's word.
    word: u64,
    /// The least number of it, as the bits of its type have one, and how far it is to the greatest.
    low: u64,
    more: u64,
}

impl LastBucket {
    /// Of the first number.
    fn new(class: Class, width: u64, origin: u64, numbers: &[u64]) -> Self {
        let mut made = Self { class, width, origin, word: 0, low: 0, more: 0 };
        if let Some(&number) = numbers.first() {
            made.divide(number);
        }
        made
    }

    /// Whether it has all of these numbers; for a bucket of half of all numbers or more it may say no.
    #[inline(always)]
    fn has_all(&self, numbers: &[u64]) -> bool {
        // What is more than `more` away has a highest bit, or `more` minus it has; and without a branch
        // vectors can do it.
        let distances = numbers.iter().map(|number| number.wrapping_sub(self.low));
        let found = distances.fold(self.more, |found, far| found | far | self.more.wrapping_sub(far));
        found < 1 << 63
    }

    #[inline(always)]
    fn of(&mut self, number: u64) -> u64 {
        // Numbers before the first one are farther away than any of the bucket, which ends where the type
        // does.
        if number.wrapping_sub(self.low) > self.more {
            self.divide(number);
        }
        self.word
    }

    fn divide(&mut self, number: u64) {
        let (width, origin) = (i128::from(self.width), i128::from(self.origin));
        let bucket = (self.class.integer(number) - origin).div_euclid(width);
        let begin = origin + bucket * width;
        let (least, greatest) = match self.class {
            Class::Signed => (i128::from(i64::MIN), i128::from(i64::MAX)),
            _ => (0, i128::from(u64::MAX)),
        };
        let (low, high) = (begin.max(least), (begin + width - 1).min(greatest));
        self.word = bucket as i64 as u64 ^ SIGN;
        (self.low, self.more) = (low as u64, (high - low) as u64);
    }
}
