//! Columns of made-up records against loops over values, with chunks of few rows, so that there are
//! many.

use super::*;
use crate::error::{Error, ErrorKind, Result};
use crate::job::Control;
use crate::sort::KeyType;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::mem::MaybeUninit;

mod groups;
mod orders;
mod pieces;
mod refused;
mod rows;
mod variance;

const NUMBERS: [KeyType; 10] = [
    KeyType::U8,
    KeyType::U16,
    KeyType::U32,
    KeyType::U64,
    KeyType::I8,
    KeyType::I16,
    KeyType::I32,
    KeyType::I64,
    KeyType::F32,
    KeyType::F64,
];

/// A number as Rust reads it.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
enum Number {
    Whole(i128),
    Float(f64),
}

fn number(kind: KeyType, bytes: &[u8]) -> Number {
    macro_rules! read {
        ($kind:ident, $type:ty) => {
            Number::$kind(<$type>::from_ne_bytes(bytes.try_into().unwrap()).into())
        };
    }
    match kind {
        KeyType::U8 => read!(Whole, u8),
        KeyType::U16 => read!(Whole, u16),
        KeyType::U32 => read!(Whole, u32),
        KeyType::U64 => read!(Whole, u64),
        KeyType::I8 => read!(Whole, i8),
        KeyType::I16 => read!(Whole, i16),
        KeyType::I32 => read!(Whole, i32),
        KeyType::I64 => read!(Whole, i64),
        KeyType::F32 => read!(Float, f32),
        KeyType::F64 => read!(Float, f64),
        KeyType::Bytes(_) => unreachable!(),
    }
}

/// A number that compares as the bits of a float do by IEEE total order; a wider float has other bits where
/// it is a NaN that signals.
fn total(kind: KeyType, bytes: &[u8]) -> i64 {
    if kind == KeyType::F32 {
        let bits = i32::from_ne_bytes(bytes.try_into().unwrap());
        return i64::from(bits ^ ((bits >> 31) as u32 >> 1) as i32);
    }
    let bits = i64::from_ne_bytes(bytes.try_into().unwrap());
    bits ^ ((bits >> 63) as u64 >> 1) as i64
}

impl Number {
    fn float(self) -> f64 {
        match self {
            Self::Whole(value) => value as f64,
            Self::Float(value) => value,
        }
    }

    fn whole(self) -> i128 {
        match self {
            Self::Whole(value) => value,
            Self::Float(_) => 0,
        }
    }
}

/// Records of `stride` bytes with two fields of numbers, and a mask of them.
#[derive(Clone)]
struct Records {
    bytes: Vec<u8>,
    count: usize,
    stride: usize,
    fields: [(KeyType, usize); 2],
    mask: Vec<u8>,
    masked: bool,
}

impl Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, stride, fields, masked, .. } = self;
        write!(f, "{count} records of {stride}: {fields:?}, masked: {masked}")
    }
}

impl Records {
    fn column(&self, field: usize) -> Column<'_> {
        let (kind, offset) = self.fields[field];
        Column::new(&self.bytes[offset.min(self.bytes.len())..], self.count, self.stride, kind).unwrap()
    }

    /// The bytes from the first field of the first record on.
    fn field(&self) -> &[u8] {
        &self.bytes[self.fields[0].1.min(self.bytes.len())..]
    }

    fn mask(&self) -> Option<Mask<'_>> {
        self.masked.then(|| Mask::new(&self.mask, self.count).unwrap())
    }

    fn picked(&self) -> Vec<usize> {
        (0..self.count).filter(|row| !self.masked || self.mask[row / 8] >> (row % 8) & 1 == 1).collect()
    }

    fn bytes_of(&self, field: usize, row: usize) -> &[u8] {
        let (kind, offset) = self.fields[field];
        &self.bytes[row * self.stride + offset..][..kind.size()]
    }

    fn number(&self, field: usize, row: usize) -> Number {
        number(self.fields[field].0, self.bytes_of(field, row))
    }

    fn numbers(&self, field: usize) -> Vec<Number> {
        self.picked().into_iter().map(|row| self.number(field, row)).collect()
    }
}

/// Bytes of which many are equal, and some make floats that are special.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let eight = match state >> 60 {
            0 => f64::NAN.to_ne_bytes(),
            1 => f64::INFINITY.to_ne_bytes(),
            2 => (-0.0f64).to_ne_bytes(),
            3 => 0.0f64.to_ne_bytes(),
            4 => [0xff; 8],
            5..=9 => ((state >> 8 & 15) as f64 - 7.5).to_ne_bytes(),
            10..=12 => (state >> 8 & 7).to_ne_bytes(),
            _ => state.to_ne_bytes(),
        };
        bytes.extend(eight);
    }
    bytes.truncate(len);
    bytes
}

prop_compose! {
    fn records()(
        seed: u64,
        count in prop_oneof![Just(0usize), 1usize..70, 500usize..1100, 2000usize..4500],
        kinds in (0usize..10, 0usize..10),
        offsets in (0usize..17, 0usize..17),
        tail in 0usize..9,
        dense: bool,
        masked: bool,
        sparse in 0usize..3,
    ) -> Records {
        let kinds = (NUMBERS[kinds.0], NUMBERS[kinds.1]);
        let (fields, stride) = if dense {
            ([(kinds.0, 0), (kinds.0, 0)], kinds.0.size())
        } else {
            let end = (offsets.0 + kinds.0.size()).max(offsets.1 + kinds.1.size());
            ([(kinds.0, offsets.0), (kinds.1, offsets.1)], end + tail)
        };
        let mut mask = noise(seed ^ 77, count.div_ceil(8));
        match sparse {
            0 => mask.fill(0xff),
            1 => mask.iter_mut().skip(9).for_each(|byte| *byte = 0),
            _ => {}
        }
        Records { bytes: noise(seed, count * stride), count, stride, fields, mask, masked }
    }
}

fn lanes(max_lanes: u32) -> Control<'static> {
    Control { max_lanes, ..Control::default() }
}

fn close(found: f64, expected: f64, scale: f64) -> bool {
    found.to_bits() == expected.to_bits()
        || (found.is_nan() && expected.is_nan())
        || found == expected
        || (found - expected).abs() <= scale.abs() * 1e-9 + 1e-300 // which squares may fall below
}

const ALL: [Operation; 10] = [
    Operation::Count,
    Operation::Sum,
    Operation::Mean,
    Operation::Min,
    Operation::Max,
    Operation::First,
    Operation::Last,
    Operation::Variance,
    Operation::Dot,
    Operation::WeightedMean,
];

fn asked() -> Vec<Aggregate> {
    let of = |operation: Operation| Aggregate {
        operation,
        column: 0,
        weights: usize::from(operation.columns() == 2),
    };
    ALL.into_iter().map(of).collect()
}

/// Checks what aggregates of `values` and `weights` give.
fn check(
    operation: Operation,
    found: Value,
    values: &[Number],
    weights: &[Number],
) -> Result<(), TestCaseError> {
    let floats: Vec<f64> = values.iter().map(|value| value.float()).collect();
    let pairs = || values.iter().zip(weights);
    let products: Vec<f64> = pairs().map(|(a, b)| a.float() * b.float()).collect();
    let whole = matches!(values.first(), Some(Number::Whole(_)));
    let both = whole && matches!(weights.first(), Some(Number::Whole(_)));
    let count = values.len() as f64;
    let size = |of: &[f64]| of.iter().map(|value| value.abs()).sum::<f64>();
    let total = |of: &[f64]| of.iter().sum::<f64>();
    prop_assert_eq!(found.rows, values.len() as u64);
    let number = |expected: f64, scale: f64| {
        prop_assert!(close(found.number, expected, scale), "{operation:?}: {found:?}, expected {expected}");
        Ok(())
    };
    match operation {
        Operation::Count => prop_assert_eq!(found.integer, values.len() as i128),
        Operation::Sum if whole => {
            prop_assert_eq!(found.integer, values.iter().map(|value| value.whole()).sum::<i128>())
        }
        Operation::Sum => number(total(&floats), size(&floats))?,
        Operation::Mean if values.is_empty() => prop_assert!(found.number.is_nan()),
        Operation::Mean => number(total(&floats) / count, size(&floats))?,
        Operation::Dot if both => {
            prop_assert_eq!(found.integer, pairs().map(|(a, b)| a.whole() * b.whole()).sum::<i128>())
        }
        Operation::Dot => number(total(&products), size(&products))?,
        Operation::WeightedMean => {
            let sum: f64 = weights.iter().map(|weight| weight.float()).sum();
            number(total(&products) / sum, f64::INFINITY)?;
        }
        Operation::Variance => {
            let mean = total(&floats) / count;
            let squares: Vec<f64> = floats.iter().map(|value| (value - mean) * (value - mean)).collect();
            number(total(&squares) / count, size(&floats.iter().map(|x| x * x).collect::<Vec<_>>()))?;
        }
        Operation::First | Operation::Last | Operation::Min | Operation::Max => {
            let least = |a: &&Number, b: &&Number| match (a, b) {
                (Number::Whole(a), Number::Whole(b)) => a.cmp(b),
                _ => a.float().total_cmp(&b.float()),
            };
            let real = values.iter().filter(|value| !value.float().is_nan());
            let expected = match operation {
                Operation::First => values.first(),
                Operation::Last => values.last(),
                Operation::Min => real.min_by(least),
                _ => real.max_by(least),
            };
            match expected {
                Some(Number::Whole(expected)) => prop_assert_eq!(found.integer, *expected),
                Some(Number::Float(expected)) if !expected.is_nan() => {
                    prop_assert_eq!(found.number.to_bits(), expected.to_bits())
                }
                _ => prop_assert!(found.number.is_nan()),
            }
        }
    }
    Ok(())
}

/// A product of 64-bit numbers, summed, may have more than 128 bits: then the call says so, and the
/// others are asked for alone.
fn ask(records: &Records, lanes_: u32, asked: &[Aggregate]) -> Result<Vec<Value>, Error> {
    let columns = [records.column(0), records.column(1)];
    aggregate(&columns, records.mask(), asked, &lanes(lanes_))
}

fn wide(records: &Records, rows: &[usize]) -> bool {
    let product = |&row: &usize| {
        let (a, b) = (records.number(0, row).whole(), records.number(1, row).whole());
        a.checked_mul(b)
    };
    let mut sum = 0i128;
    rows.iter().any(|row| match product(row).and_then(|product| sum.checked_add(product)) {
        Some(next) => {
            sum = next;
            false
        }
        None => true,
    })
}

fn same(a: &[Value], b: &[Value]) -> bool {
    let bits = |values: &[Value]| -> Vec<(i128, u64, u64)> {
        values.iter().map(|value| (value.integer, value.number.to_bits(), value.rows)).collect()
    };
    bits(a) == bits(b)
}

fn masked_bits(mask: &[MaybeUninit<u8>]) -> Vec<u8> {
    // SAFETY: each byte was initialised when the mask was made.
    mask.iter().map(|byte| unsafe { byte.assume_init() }).collect()
}
