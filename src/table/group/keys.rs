//! Keys of groups as words that compare as the keys do.
#![forbid(unsafe_code)]

use super::super::aggregate::Value;
use super::super::column::{invalid, Column};
use super::super::state::{bits, ordered, unordered};
use super::super::words::{Class, Rows, BLOCK};
use crate::error::Result;
use crate::sort::KeyType;

const SIGN: u64 = 1 << 63;
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
        let pairs = words.iter_mut().zip(numbers);
        match *self {
            Self::Number { class } => pairs.for_each(|(word, &number)| *word = bits(class, number)),
            Self::Whole { class, width, origin } => {
                let mut bucket = WholeBuckets { class, width, origin, begin: 0, last: None };
                pairs.for_each(|(word, &number)| *word = bucket.of(number));
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

/// Buckets of whole numbers. The last bucket is remembered, as dividing takes long, and neighbours are often
/// in one.
struct WholeBuckets {
    class: Class,
    width: u64,
    origin: u64,
    /// The first number of the last bucket, and the bucket's word; None if its begin is no number of 64 bits.
    begin: u64,
    last: Option<u64>,
}

impl WholeBuckets {
    #[inline(always)]
    fn of(&mut self, number: u64) -> u64 {
        match self.last {
            Some(word) if number.wrapping_sub(self.begin) < self.width && !self.is_before(number) => word,
            _ => self.divide(number),
        }
    }

    /// Whether the number is less than the begin of the last bucket: their difference may have more bits.
    #[inline(always)]
    fn is_before(&self, number: u64) -> bool {
        match self.class {
            Class::Signed => (number as i64) < self.begin as i64,
            _ => number < self.begin,
        }
    }

    fn divide(&mut self, number: u64) -> u64 {
        let (width, origin) = (i128::from(self.width), i128::from(self.origin));
        let bucket = (self.class.integer(number) - origin).div_euclid(width);
        let begin = origin + bucket * width;
        let word = bucket as i64 as u64 ^ SIGN;
        let fits = match self.class {
            Class::Signed => i64::try_from(begin).is_ok(),
            _ => u64::try_from(begin).is_ok(),
        };
        self.begin = begin as u64;
        self.last = fits.then_some(word);
        word
    }
}
