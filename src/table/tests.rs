//! Columns of made-up records against loops over values, with chunks of few rows, so that there are many.

use super::*;
use crate::job::Control;
use crate::sort::KeyType;
use crate::ErrorKind;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::mem::MaybeUninit;
use std::sync::atomic::AtomicI32;

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

/// A product of 64-bit numbers, summed, may have more than 128 bits: then the call says so, and the others are
/// asked for alone.
fn ask(records: &Records, lanes_: u32, asked: &[Aggregate]) -> Result<Vec<Value>, crate::Error> {
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 192 }))]

    #[test]
    fn aggregates_are_those_of_a_loop(records in records()) {
        let rows = records.picked();
        prop_assume!(!wide(&records, &rows));
        let asked = asked();
        let alone = ask(&records, 1, &asked).unwrap();
        let (values, weights) = (records.numbers(0), records.numbers(1));
        for (asked, found) in asked.iter().zip(&alone) {
            check(asked.operation, *found, &values, &weights)?;
        }
        prop_assert!(same(&alone, &ask(&records, 3, &asked).unwrap()));
    }

    #[test]
    fn masks_are_those_of_a_loop(records in records(), low in any::<prop::sample::Index>(), closed: bool) {
        let column = records.column(0);
        let kind = column.kind();
        let value = |at: usize| match records.count {
            0 => vec![0; kind.size()],
            count => records.bytes_of(0, at % count).to_vec(),
        };
        let (low, high) = (value(low.index(1 << 16)), value(closed as usize * 77));
        for comparison in [
            Comparison::Equal, Comparison::NotEqual, Comparison::Less, Comparison::LessEqual,
            Comparison::Greater, Comparison::GreaterEqual, Comparison::Between, Comparison::BetweenClosed,
        ] {
            let mut mask = vec![MaybeUninit::new(0x55); records.count.div_ceil(8)];
            compare(&column, comparison, &low, &high, &mut mask, &lanes(2)).unwrap();
            let mask = masked_bits(&mask);
            let (low, high) = (number(kind, &low), number(kind, &high));
            for row in 0..8 * mask.len() {
                let holds = row < records.count && {
                    let value = records.number(0, row);
                    match comparison {
                        Comparison::Equal => value == low,
                        Comparison::NotEqual => value != low,
                        Comparison::Less => value < low,
                        Comparison::LessEqual => value <= low,
                        Comparison::Greater => value > low,
                        Comparison::GreaterEqual => value >= low,
                        Comparison::Between => value >= low && value < high,
                        Comparison::BetweenClosed => value >= low && value <= high,
                    }
                };
                prop_assert_eq!(mask[row / 8] >> (row % 8) & 1 == 1, holds, "{:?} of row {}", comparison, row);
            }
        }
    }

    #[test]
    fn what_is_taken_is_what_the_mask_picks(records in records(), record: bool) {
        let whole = Column::new(&records.bytes, records.count, 0, KeyType::Bytes(records.stride)).unwrap();
        let column = if record { whole } else { records.column(0) };
        let mask = Mask::new(&records.mask, records.count).unwrap();
        let picked = Records { masked: true, ..records.clone() }.picked();
        prop_assert_eq!(mask.count(), picked.len());
        let expected: Vec<u8> = picked.iter().flat_map(|&row| column.value(row).to_vec()).collect();
        let mut out = vec![MaybeUninit::new(0); expected.len() + 3];
        prop_assert_eq!(take(&column, mask, &mut out, &lanes(2)).unwrap(), expected.len());
        prop_assert_eq!(&masked_bits(&out)[..expected.len()], &expected);
        let numbers: Vec<u64> = picked.iter().map(|&row| row as u64).collect();
        prop_assert_eq!(take_rows(&column, &numbers, &mut out, &lanes(2)).unwrap(), expected.len());
        prop_assert_eq!(&masked_bits(&out)[..expected.len()], &expected);
        if let Some(less) = expected.len().checked_sub(1) {
            let error = take(&column, mask, &mut out[..less], &lanes(2)).unwrap_err();
            prop_assert_eq!((error.kind(), error.needed()), (ErrorKind::BufferTooSmall, Some(expected.len() as u64)));
        }
    }

    #[test]
    fn masks_combine_bit_by_bit(a in prop::collection::vec(any::<u8>(), 20), b in prop::collection::vec(any::<u8>(), 20), rows in 0usize..160) {
        let mask = |bytes| Mask::new(bytes, rows).unwrap();
        let each: [(MaskOperation, fn(bool, bool) -> bool); 5] = [
            (MaskOperation::And, |a, b| a && b),
            (MaskOperation::Or, |a, b| a || b),
            (MaskOperation::Xor, |a, b| a != b),
            (MaskOperation::AndNot, |a, b| a && !b),
            (MaskOperation::Not, |a, _| !a),
        ];
        for (operation, expected) in each {
            let mut made = vec![MaybeUninit::new(0xff); rows.div_ceil(8)];
            combine(operation, mask(&a), mask(&b), &mut made).unwrap();
            let made = masked_bits(&made);
            let bit = |mask: &[u8], row: usize| mask[row / 8] >> (row % 8) & 1 == 1;
            for row in 0..8 * made.len() {
                prop_assert_eq!(bit(&made, row), row < rows && expected(bit(&a, row), bit(&b, row)));
            }
        }
    }

    #[test]
    fn histograms_are_those_of_a_loop(records in records(), bins in 1usize..40) {
        let found = histogram(&records.column(0), records.mask(), -8.0..9.0, bins, &lanes(2)).unwrap();
        let mut expected = vec![0u64; bins];
        for value in records.numbers(0).into_iter().map(Number::float) {
            if (-8.0..9.0).contains(&value) {
                expected[(((value + 8.0) * (bins as f64 / 17.0)) as usize).min(bins - 1)] += 1;
            }
        }
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn groups_are_those_of_a_map(records in records(), width in 1u64..1000, origin in -50i64..50, plain: bool) {
        let columns = [records.column(0), records.column(1)];
        let kind = records.fields[0].0;
        let float = matches!(kind, KeyType::F32 | KeyType::F64);
        let bucket = match (plain, float) {
            (true, _) => None,
            (_, true) => Some(Bucket::Float { width: width as f64 / 4.0, origin: origin as f64 }),
            _ => Some(Bucket::Whole { width, origin }),
        };
        // The key of a row, as something that is sorted as the groups are.
        let key = |row: usize| match (records.number(0, row), bucket) {
            (Number::Whole(value), None) => (value, value as f64),
            (Number::Whole(value), _) => {
                let (width, origin) = (i128::from(width), i128::from(origin));
                let label = (value - origin).div_euclid(width) * width + origin;
                (label, label as f64)
            }
            (Number::Float(value), bucket) => {
                let value = match bucket {
                    Some(Bucket::Float { width, origin }) => ((value - origin) / width).floor() + 0.0,
                    _ => value,
                };
                let value = if value.is_nan() && bucket.is_some() { f64::NAN } else { value };
                let bits = value.to_bits() as i64;
                let label = if bucket.is_some() { origin as f64 + value * (width as f64 / 4.0) } else { value };
                (i128::from(bits ^ ((bits >> 63) as u64 >> 1) as i64), label)
            }
        };
        let mut expected: BTreeMap<i128, (f64, Vec<usize>)> = BTreeMap::new();
        for row in records.picked() {
            let (key, label) = key(row);
            expected.entry(key).or_insert((label, Vec::new())).1.push(row);
        }
        prop_assume!(expected.values().all(|(_, rows)| !wide(&records, rows)));
        let asked: Vec<Aggregate> = asked()
            .into_iter()
            .map(|asked| match asked.operation.columns() {
                1 => Aggregate { column: 1, ..asked },
                2 => Aggregate { column: 1, weights: 0, ..asked },
                _ => asked,
            })
            .collect();
        let keys = [GroupKey { column: 0, bucket }];
        let found = group(&columns, records.mask(), &keys, &asked, 0, &lanes(2)).unwrap();
        prop_assert_eq!(found.count(), expected.len());
        let first: Vec<u64> = expected.values().map(|(_, rows)| rows[0] as u64).collect();
        prop_assert_eq!(found.first_rows().collect::<Vec<_>>(), first);
        for (value, (key, (label, rows))) in found.key(0).unwrap().zip(&expected) {
            let value = value.unwrap();
            prop_assert_eq!(value.rows, rows.len() as u64);
            if !float {
                prop_assert_eq!(value.integer, *key);
            }
            prop_assert!(close(value.number, *label, *label), "{} {}", value.number, label);
        }
        let mut alone = Vec::new();
        for (index, asked) in asked.iter().enumerate() {
            for (value, (_, rows)) in found.value(index).unwrap().zip(expected.values()) {
                let of = |field| rows.iter().map(|&row| records.number(field, row)).collect::<Vec<_>>();
                let value = value.unwrap();
                check(asked.operation, value, &of(1), &of(0))?;
                alone.push(value);
            }
        }
        let again = group(&columns, records.mask(), &keys, &asked, 0, &lanes(1)).unwrap();
        let again: Vec<Value> =
            (0..asked.len()).flat_map(|index| again.value(index).unwrap().map(Result::unwrap)).collect();
        prop_assert!(same(&alone, &again));
    }
}

#[test]
fn groups_by_several_keys_are_sorted_by_them() {
    let rows: Vec<([u8; 10], i32)> = (0..5000u32)
        .map(|row| {
            (
                *[b"abcdefghij", b"abcdefghia", b"b\0\0\0\0\0\0\0\0\0"][row as usize % 3],
                (row / 500) as i32 - 5,
            )
        })
        .collect();
    let bytes: Vec<u8> =
        rows.iter().flat_map(|(name, time)| [&name[..], &time.to_ne_bytes()].concat()).collect();
    let columns = [
        Column::new(&bytes, rows.len(), 14, KeyType::Bytes(10)).unwrap(),
        Column::new(&bytes[10..], rows.len(), 14, KeyType::I32).unwrap(),
    ];
    let keys = [
        GroupKey { column: 0, bucket: None },
        GroupKey { column: 1, bucket: Some(Bucket::Whole { width: 4, origin: 1 }) },
    ];
    let asked = [Aggregate { operation: Operation::Count, column: 0, weights: 0 }];
    let found = group(&columns, None, &keys, &asked, 0, &lanes(2)).unwrap();
    let mut expected: BTreeMap<([u8; 10], i32), u64> = BTreeMap::new();
    for (name, time) in &rows {
        *expected.entry((*name, (time - 1).div_euclid(4) * 4 + 1)).or_default() += 1;
    }
    let times: Vec<i128> = found.key(1).unwrap().map(|value| value.unwrap().integer).collect();
    assert_eq!(times, expected.keys().map(|(_, time)| i128::from(*time)).collect::<Vec<_>>());
    let counts: Vec<i128> = found.value(0).unwrap().map(|value| value.unwrap().integer).collect();
    assert_eq!(counts, expected.values().map(|count| i128::from(*count)).collect::<Vec<_>>());
    let names: Vec<&[u8]> = found.first_rows().map(|row| &rows[row as usize].0[..]).collect();
    assert_eq!(names, expected.keys().map(|(name, _)| &name[..]).collect::<Vec<_>>());
    assert_eq!(found.key(0).unwrap().next().unwrap().unwrap_err().kind(), ErrorKind::InvalidArgument);

    let error = group(&columns, None, &keys, &asked, 100, &lanes(2)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
}

#[test]
fn buckets_reach_over_the_ends_of_their_types() {
    let values = [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX];
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_ne_bytes()).collect();
    for (kind, at) in
        [(KeyType::I64, values.map(i128::from)), (KeyType::U64, values.map(|value| value as u64 as i128))]
    {
        let columns = [Column::new(&bytes, values.len(), 0, kind).unwrap()];
        for (width, origin) in [(1000, 7), (u64::MAX, 3), (2, -1), (1, 5)] {
            let keys = [GroupKey { column: 0, bucket: Some(Bucket::Whole { width, origin }) }];
            let found = group(&columns, None, &keys, &[], 0, &lanes(1)).unwrap();
            let (width, origin) = (i128::from(width), i128::from(origin));
            let expected: std::collections::BTreeSet<i128> =
                at.iter().map(|value| (value - origin).div_euclid(width) * width + origin).collect();
            let labels: Vec<i128> = found.key(0).unwrap().map(|value| value.unwrap().integer).collect();
            assert_eq!(labels, expected.into_iter().collect::<Vec<_>>(), "{kind:?} {width} {origin}");
        }
    }
}

#[test]
fn sums_of_floats_lose_nothing_that_rounding_would() {
    let values: Vec<f64> = (0..9000).map(|i| [1e16, 1.0, -1e16, 1.0][i % 4]).collect();
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_ne_bytes()).collect();
    let columns = [Column::new(&bytes, values.len(), 0, KeyType::F64).unwrap()];
    let asked = [Aggregate { operation: Operation::Sum, column: 0, weights: 0 }];
    assert_eq!(aggregate(&columns, None, &asked, &lanes(2)).unwrap()[0].number, 4500.0);
}

#[test]
fn products_of_more_than_128_bits_are_an_error_and_sums_are_not() {
    let bytes = [0xff; 8 * 4];
    let columns = [Column::new(&bytes, 4, 0, KeyType::U64).unwrap()];
    let asked = [
        Aggregate { operation: Operation::Sum, column: 0, weights: 0 },
        Aggregate { operation: Operation::Dot, column: 0, weights: 0 },
    ];
    let sum = aggregate(&columns, None, &asked[..1], &lanes(1)).unwrap()[0].integer;
    assert_eq!(sum, 4 * i128::from(u64::MAX));
    let error = aggregate(&columns, None, &asked, &lanes(1)).unwrap_err();
    assert_eq!((error.kind(), error.position()), (ErrorKind::LimitExceeded, Some(1)));
    // Products of other signs bring the sum back: only the result counts.
    let mut bytes = [[0xff; 8], [0xff; 8], [0xff; 8], [0xff; 8]].concat();
    bytes.extend(i64::MIN.to_ne_bytes().repeat(4));
    let columns = [
        Column::new(&bytes, 4, 0, KeyType::U64).unwrap(),
        Column::new(&bytes[32..], 4, 0, KeyType::I64).unwrap(),
    ];
    let asked = [Aggregate { operation: Operation::WeightedMean, column: 1, weights: 0 }];
    assert_eq!(aggregate(&columns, None, &asked, &lanes(1)).unwrap()[0].number, i64::MIN as f64);
}

#[test]
fn misfits_are_refused() {
    let bytes = [0; 64];
    let kind = |error: crate::Error| error.kind();
    let bad = |result: crate::Result<Column<'_>>| kind(result.unwrap_err());
    assert_eq!(bad(Column::new(&bytes, 9, 0, KeyType::U64)), ErrorKind::InvalidArgument);
    assert_eq!(bad(Column::new(&bytes, 2, 7, KeyType::U64)), ErrorKind::InvalidArgument);
    assert_eq!(bad(Column::new(&bytes, 0, 0, KeyType::Bytes(0))), ErrorKind::InvalidArgument);
    assert_eq!(bad(Column::new(&bytes, usize::MAX, usize::MAX, KeyType::U8)), ErrorKind::InvalidArgument);
    let (eight, four) = (
        Column::new(&bytes, 8, 0, KeyType::U64).unwrap(),
        Column::new(&bytes, 4, 0, KeyType::Bytes(3)).unwrap(),
    );
    let asked = |column, weights| [Aggregate { operation: Operation::Dot, column, weights }];
    let refused = |columns: &[Column<'_>], asked: &[Aggregate]| {
        assert_eq!(kind(aggregate(columns, None, asked, &lanes(1)).unwrap_err()), ErrorKind::InvalidArgument);
    };
    refused(&[eight, four], &asked(0, 0));
    refused(&[eight], &asked(0, 1));
    refused(&[four], &asked(0, 0));
    let mask = Mask::new(&bytes, 9).unwrap();
    assert_eq!(
        kind(aggregate(&[eight], Some(mask), &[], &lanes(1)).unwrap_err()),
        ErrorKind::InvalidArgument
    );
    assert!(Mask::new(&bytes, 8 * 64 + 1).is_err());
    let error = take_rows(&eight, &[7, 8, 9], &mut [MaybeUninit::new(0); 64], &lanes(1)).unwrap_err();
    assert_eq!((error.kind(), error.position()), (ErrorKind::InvalidArgument, Some(1)));
    for (range, bins) in
        [(0.0..0.0, 1), (0.0..f64::NAN, 1), (0.0..f64::INFINITY, 1), (0.0..1.0, 0), (0.0..1.0, MAX_BINS + 1)]
    {
        assert_eq!(
            kind(histogram(&eight, None, range, bins, &lanes(1)).unwrap_err()),
            ErrorKind::InvalidArgument
        );
    }
    let keys = |width| [GroupKey { column: 0, bucket: Some(Bucket::Whole { width, origin: 0 }) }];
    assert_eq!(
        kind(group(&[eight], None, &keys(0), &[], 0, &lanes(1)).unwrap_err()),
        ErrorKind::InvalidArgument
    );
    assert_eq!(
        kind(group(&[four], None, &keys(2), &[], 0, &lanes(1)).unwrap_err()),
        ErrorKind::InvalidArgument
    );
    assert_eq!(kind(group(&[eight], None, &[], &[], 0, &lanes(1)).unwrap_err()), ErrorKind::InvalidArgument);
}

#[test]
fn a_flag_cancels() {
    let bytes = vec![1; 1 << 14];
    let column = Column::new(&bytes, bytes.len(), 0, KeyType::U8).unwrap();
    let flag = AtomicI32::new(1);
    let control = Control { cancel: Some(&flag), ..Control::default() };
    let mut mask = vec![MaybeUninit::new(0); bytes.len() / 8];
    let mut cancelled = Vec::new();
    cancelled.push(aggregate(&[column], None, &[], &control).unwrap_err());
    cancelled.push(compare(&column, Comparison::Equal, &[1], &[], &mut mask, &control).unwrap_err());
    cancelled.push(histogram(&column, None, 0.0..2.0, 2, &control).unwrap_err());
    let keys = [GroupKey { column: 0, bucket: None }];
    cancelled.push(group(&[column], None, &keys, &[], 0, &control).unwrap_err());
    assert!(cancelled.iter().all(|error| error.kind() == ErrorKind::Cancelled));
}
