//! Tables of made-up records: masks, aggregates, groups and what is taken are what a plain loop finds, and
//! those of the same records in an archive are the same. Conditions that make no sense are refused.
#![no_main]

use fastpar::codec::{
    archive_aggregate, archive_group, archive_take, compress_to_vec, Archive, Options, ScanOptions,
};
use fastpar::job::Control;
use fastpar::sort::KeyType;
use fastpar::table::{
    aggregate, compare, group, Aggregate, Bucket, Column, Comparison, Condition, Field, GroupKey, Groups,
    Mask, MaskOperation, Operation, Shape, Value,
};
use fastpar::{ErrorKind, Result};
use fastpar_fuzz::{start_pool, Choices};
use std::mem::MaybeUninit;

const COMPARISONS: [Comparison; 8] = [
    Comparison::Equal,
    Comparison::NotEqual,
    Comparison::Less,
    Comparison::LessEqual,
    Comparison::Greater,
    Comparison::GreaterEqual,
    Comparison::Between,
    Comparison::BetweenClosed,
];
const LOGIC: [MaskOperation; 5] =
    [MaskOperation::And, MaskOperation::Or, MaskOperation::Xor, MaskOperation::AndNot, MaskOperation::Not];
const OPERATIONS: [Operation; 10] = [
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

static ZEROS: [u8; 12] = [0; 12];

fn kind(choices: &mut Choices<'_>) -> KeyType {
    use KeyType::*;
    let bytes = Bytes(1 + choices.below(12));
    [U8, U16, U32, U64, I8, I16, I32, I64, F32, F64, bytes][choices.below(11)]
}

/// A number of the type.
fn number(kind: KeyType, bytes: &[u8]) -> Result<i128, f64> {
    macro_rules! read {
        ($($kind:ident $type:ty)*) => {
            match kind {
                $(KeyType::$kind => Ok(<$type>::from_ne_bytes(bytes.try_into().unwrap()).into()),)*
                KeyType::F32 => Err(f32::from_ne_bytes(bytes.try_into().unwrap()).into()),
                KeyType::F64 => Err(f64::from_ne_bytes(bytes.try_into().unwrap())),
                KeyType::Bytes(_) => unreachable!(),
            }
        };
    }
    read!(U8 u8 U16 u16 U32 u32 U64 u64 I8 i8 I16 i16 I32 i32 I64 i64)
}

fn holds<T: PartialOrd>(comparison: Comparison, value: T, low: T, high: T) -> bool {
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
}

fn compared(kind: KeyType, comparison: Comparison, value: &[u8], low: &[u8], high: &[u8]) -> bool {
    if let KeyType::Bytes(_) = kind {
        return holds(comparison, value, low, high);
    }
    match [value, low, high].map(|bytes| number(kind, bytes)) {
        [Ok(value), Ok(low), Ok(high)] => holds(comparison, value, low, high),
        [Err(value), Err(low), Err(high)] => holds(comparison, value, low, high),
        _ => unreachable!(),
    }
}

/// What does not depend on the order of additions.
fn exact(values: &Result<Vec<Value>>) -> Result<Vec<(i128, u64)>, ErrorKind> {
    let values = values.as_ref().map_err(fastpar::Error::kind)?;
    Ok(values.iter().map(|value| (value.integer, value.rows)).collect())
}

fn rows_of(groups: &Result<Groups>) -> Result<Vec<u64>, ErrorKind> {
    Ok(groups.as_ref().map_err(fastpar::Error::kind)?.first_rows().collect())
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    start_pool();
    let mut choices = Choices(data);
    let fields: Vec<Field> =
        (0..3).map(|_| Field { kind: kind(&mut choices), offset: choices.below(20) }).collect();
    let record =
        fields.iter().map(|field| field.offset + field.kind.size()).max().unwrap() + choices.below(9);
    let frame_size = 1 + choices.below(500);
    let piece_size = choices.below(300);
    let steps: Vec<[usize; 4]> =
        (0..choices.below(7)).map(|_| [14, 3, 1000, 1000].map(|limit| choices.below(limit))).collect();
    let asked: Vec<Aggregate> = (0..choices.below(5))
        .map(|_| {
            let operation = OPERATIONS[choices.below(OPERATIONS.len())];
            let of = |used, column| if used { column } else { 0 };
            let (a, b) = (choices.below(4), choices.below(3));
            let columns = operation.columns();
            Aggregate { operation, column: of(columns > 0, a), weights: of(columns > 1, b) }
        })
        .collect();
    let keys: Vec<GroupKey> = (0..choices.below(3))
        .map(|_| {
            let bucket = match choices.below(3) {
                0 => None,
                1 => Some(Bucket::Whole { width: choices.magnitude(), origin: choices.magnitude() as i64 }),
                _ => {
                    Some(Bucket::Float { width: choices.below(100) as f64, origin: choices.below(9) as f64 })
                }
            };
            GroupKey { column: choices.below(4), bucket }
        })
        .collect();
    let bytes = &choices.0[..choices.0.len() / record * record];
    let rows = bytes.len() / record;
    let columns: Vec<Column<'_>> = fields
        .iter()
        .map(|field| {
            Column::new(bytes.get(field.offset..).unwrap_or_default(), rows, record, field.kind).unwrap()
        })
        .collect();
    let value = |field: usize, row: usize| -> &[u8] {
        let Field { offset, kind } = fields[field];
        match rows {
            0 => &ZEROS[..kind.size()],
            _ => &bytes[row % rows * record + offset..][..kind.size()],
        }
    };

    // Masks, and what a loop finds.
    let (control, mut conditions) = (Control::default(), Vec::new());
    let mut stack: Option<Vec<Vec<bool>>> = Some(Vec::new());
    for &[step, field, low, high] in &steps {
        if let Some(&operation) = LOGIC.get(step) {
            conditions.push(Condition::Combine(operation));
            stack = stack.and_then(|mut stack| {
                let b = stack.pop()?;
                let a = if operation == MaskOperation::Not { b.clone() } else { stack.pop()? };
                let both = |(a, b): (&bool, &bool)| match operation {
                    MaskOperation::And => a & b,
                    MaskOperation::Or => a | b,
                    MaskOperation::Xor => a ^ b,
                    MaskOperation::AndNot => a & !b,
                    MaskOperation::Not => !b,
                };
                let made = a.iter().zip(&b).map(both).collect();
                stack.push(made);
                Some(stack)
            });
            continue;
        }
        let (comparison, kind) = (COMPARISONS[step % 8], fields[field].kind);
        let (low, high) = (value(field, low), value(field, high));
        conditions.push(Condition::Compare { column: field, comparison, low, high });
        let expected: Vec<bool> =
            (0..rows).map(|row| compared(kind, comparison, value(field, row), low, high)).collect();
        let mut mask = vec![MaybeUninit::uninit(); rows.div_ceil(8)];
        compare(&columns[field], comparison, low, high, &mut mask, &control).unwrap();
        for (row, expected) in expected.iter().enumerate() {
            // SAFETY: all bytes are written.
            let byte = unsafe { mask[row / 8].assume_init() };
            assert_eq!(byte >> (row % 8) & 1 == 1, *expected, "{comparison:?} of row {row}");
        }
        if let Some(stack) = &mut stack {
            stack.push(expected);
        }
    }
    let packed = compress_to_vec(bytes, &Options { level: -5, frame_size, ..Options::default() }).unwrap();
    let archive = Archive::new(&packed, &Options::default()).unwrap();
    let options = ScanOptions { record_size: record, piece_size, ..ScanOptions::default() };
    let shape = Shape { fields: &fields, conditions: &conditions };
    let mut taken = Vec::new();
    let given = archive_take(&archive, &options, &shape, |rows| {
        taken.extend_from_slice(rows);
        Ok(())
    });
    let Some(stack) = stack.filter(|stack| stack.len() <= 1) else {
        assert_eq!(given.unwrap_err().kind(), ErrorKind::InvalidArgument);
        return;
    };
    given.unwrap();
    let passes = stack.into_iter().next().unwrap_or_else(|| vec![true; rows]);
    let picked: Vec<usize> = (0..rows).filter(|&row| passes[row]).collect();
    assert!(
        taken == picked.iter().flat_map(|row| &bytes[row * record..][..record]).copied().collect::<Vec<_>>()
    );
    let mut mask = vec![0u8; rows.div_ceil(8)];
    picked.iter().for_each(|row| mask[row / 8] |= 1 << (row % 8));
    let mask = Mask::new(&mask, rows).unwrap();

    // Aggregates.
    let found = aggregate(&columns, Some(mask), &asked, &control);
    assert_eq!(exact(&found), exact(&archive_aggregate(&archive, &options, &shape, &asked)));
    for (asked, found) in asked.iter().zip(found.iter().flatten()) {
        let whole: Option<Vec<i128>> = match asked.operation.columns() {
            1 => picked
                .iter()
                .map(|&row| number(fields[asked.column].kind, value(asked.column, row)).ok())
                .collect(),
            _ => None,
        };
        let Some(whole) = whole.filter(|whole| !whole.is_empty()) else { continue };
        let expected = match asked.operation {
            Operation::Sum => whole.iter().sum(),
            Operation::Min => *whole.iter().min().unwrap(),
            Operation::Max => *whole.iter().max().unwrap(),
            Operation::First => whole[0],
            Operation::Last => whole[whole.len() - 1],
            _ => continue,
        };
        assert_eq!(found.integer, expected);
    }

    // Groups: of whole rows, each once, in order.
    let groups = group(&columns, Some(mask), &keys, &asked, 0, &control);
    assert_eq!(rows_of(&groups), rows_of(&archive_group(&archive, &options, &shape, &keys, &asked, 0)));
    if let Ok(groups) = groups {
        let mut first: Vec<u64> = groups.first_rows().collect();
        first.sort_unstable();
        assert!(first.windows(2).all(|two| two[0] < two[1]) && first.len() <= picked.len());
        assert!(first.iter().all(|&row| passes[row as usize]));
        assert_eq!(first.first().map(|&row| row as usize), picked.first().copied());
        if let Ok(values) = groups.value(0) {
            // Those of which a sum is not too large.
            let rows: u64 = values.flatten().map(|value| value.rows).sum();
            assert!(rows <= picked.len() as u64);
        }
    }
});
