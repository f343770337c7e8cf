//! Records of archives as tables: the same as of the records in memory, wherever frames cut them, and to the
//! bit on any number of lanes.

use super::common::{compress, kind, Random};
use fastpar::codec::{archive_aggregate, archive_group, archive_take, Archive, Options, ScanOptions};
use fastpar::job::Control;
use fastpar::sort::KeyType;
use fastpar::table::{
    self, Aggregate, Bucket, Column, Comparison, Condition, Field, GroupKey, Groups, Mask, MaskOperation,
    Operation, Shape, Value,
};
use fastpar::{ErrorKind, Result};
use std::mem::MaybeUninit;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

/// Time, price, quantity, symbol of 3 bytes and a flag: unaligned.
const RECORD: usize = 25;
const FIELDS: [Field; 5] = [
    Field { offset: 0, kind: KeyType::I64 },
    Field { offset: 8, kind: KeyType::F64 },
    Field { offset: 16, kind: KeyType::U32 },
    Field { offset: 21, kind: KeyType::Bytes(3) },
    Field { offset: 24, kind: KeyType::U8 },
];

fn records(count: usize, seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    let mut bytes = Vec::new();
    for row in 0..count {
        bytes.extend((row as i64 * 7 - 5000).to_ne_bytes());
        bytes.extend((random.below(1000) as f64 / 7.0).to_ne_bytes());
        bytes.extend((random.below(500) as u32).to_ne_bytes());
        bytes.push(0);
        bytes.extend([b'A', b'B' + random.below(3) as u8, 0]);
        bytes.push(random.below(2) as u8);
    }
    bytes
}

/// Frames of random sizes.
fn frames(data: &[u8], random: &mut Random, most: usize) -> Vec<u8> {
    let (mut packed, mut at) = (Vec::new(), 0);
    while at < data.len() {
        let end = data.len().min(at + 1 + random.below(most));
        packed.extend(compress(&data[at..end], &Options { single_frame: true, ..Options::default() }));
        at = end;
    }
    packed
}

fn columns(data: &[u8]) -> Vec<Column<'_>> {
    let count = data.len() / RECORD;
    let column = |field: &Field| {
        let bytes = data.get(field.offset..).unwrap_or_default();
        Column::new(bytes, count, RECORD, field.kind).unwrap()
    };
    FIELDS.iter().map(column).collect()
}

fn asked() -> Vec<Aggregate> {
    use Operation::*;
    let of = |operation, column, weights| Aggregate { operation, column, weights };
    vec![
        of(Count, 0, 0),
        of(Sum, 1, 0),
        of(Sum, 2, 0),
        of(Min, 0, 0),
        of(Max, 1, 0),
        of(First, 1, 0),
        of(Last, 0, 0),
        of(Variance, 1, 0),
        of(WeightedMean, 1, 2),
    ]
}

fn options(lanes: u32, piece_size: usize) -> ScanOptions<'static> {
    ScanOptions { record_size: RECORD, max_lanes: lanes, piece_size, ..ScanOptions::default() }
}

/// All there is to know of values.
fn bits(values: &[Value]) -> Vec<(i128, u64, u64)> {
    values.iter().map(|value| (value.integer, value.number.to_bits(), value.rows)).collect()
}

fn close(found: &[Value], expected: &[Value]) {
    for (a, b) in found.iter().zip(expected) {
        assert_eq!((a.integer, a.rows), (b.integer, b.rows));
        let same = a.number.to_bits() == b.number.to_bits();
        assert!(same || (a.number - b.number).abs() <= 1e-9 * b.number.abs(), "{a:?}, expected {b:?}");
    }
}

/// Price in [20, 100), and the quantity at least 100, but not with the symbol "AC" unless the flag is 1.
fn passes(row: &[u8]) -> bool {
    let price = f64::from_ne_bytes(row[8..16].try_into().unwrap());
    let quantity = u32::from_ne_bytes(row[16..20].try_into().unwrap());
    (20.0..100.0).contains(&price) && quantity >= 100 && !(row[21..24] == *b"AC\0" && row[24] != 1)
}

/// Calls `with` with that as conditions.
fn with_conditions<R>(with: impl FnOnce(&[Condition<'_>]) -> R) -> R {
    let (low, high, least) = (20f64.to_ne_bytes(), 100f64.to_ne_bytes(), 100u32.to_ne_bytes());
    let compare = |column, comparison, low, high| Condition::Compare { column, comparison, low, high };
    with(&[
        compare(1, Comparison::Between, &low, &high),
        compare(2, Comparison::GreaterEqual, &least, &[]),
        Condition::Combine(MaskOperation::And),
        compare(3, Comparison::Equal, b"AC\0", &[]),
        compare(4, Comparison::Equal, &[1], &[]),
        Condition::Combine(MaskOperation::Not),
        Condition::Combine(MaskOperation::And),
        Condition::Combine(MaskOperation::AndNot),
    ])
}

fn mask(data: &[u8]) -> Vec<u8> {
    let mut mask = vec![0; (data.len() / RECORD).div_ceil(8)];
    let rows = data.chunks(RECORD).enumerate().filter(|(_, record)| passes(record));
    rows.for_each(|(row, _)| mask[row / 8] |= 1 << (row % 8));
    mask
}

fn taken(archive: &Archive<'_>, options: &ScanOptions<'_>, shape: &Shape<'_>) -> Result<Vec<u8>> {
    let mut rows = Vec::new();
    archive_take(archive, options, shape, |bytes| {
        assert!(!bytes.is_empty() && bytes.len() % RECORD == 0);
        rows.extend_from_slice(bytes);
        Ok(())
    })?;
    Ok(rows)
}

/// Keys, values, first rows.
type All = (Vec<Vec<(i128, u64, u64)>>, Vec<u8>, Vec<Value>, Vec<u64>);

fn all(groups: &Groups) -> All {
    let values = |found: Vec<Result<Value>>| found.into_iter().map(Result::unwrap).collect::<Vec<_>>();
    let mut symbols = vec![MaybeUninit::uninit(); 3 * groups.count()];
    assert_eq!(groups.key_bytes(0, &mut symbols).unwrap(), symbols.len());
    assert_eq!(kind(groups.key_bytes(1, &mut symbols)), ErrorKind::InvalidArgument);
    if groups.count() > 0 {
        assert_eq!(kind(groups.key_bytes(0, &mut symbols[1..])), ErrorKind::BufferTooSmall);
    }
    // SAFETY: all of them were written.
    let symbols = symbols.iter().map(|byte| unsafe { byte.assume_init() }).collect();
    let keys = vec![bits(&values(groups.key(1).unwrap().collect()))];
    let of = |index| values(groups.value(index).unwrap().collect());
    let found = (0..groups.aggregates()).flat_map(of).collect();
    (keys, symbols, found, groups.first_rows().collect())
}

#[test]
fn archives_are_as_the_records_in_memory() {
    let mut random = Random::new(5);
    for (count, most, piece) in
        [(0, 1, 0), (1, 10, 0), (3000, 40, 0), (20_000, 90_000, 0), (20_000, 200_000, 2500)]
    {
        let data = records(count, count as u64);
        let packed = frames(&data, &mut random, most);
        let archive = Archive::new(&packed, &Options::default()).unwrap();
        let (columns, mask) = (columns(&data), mask(&data));
        let mask = Mask::new(&mask, count).unwrap();
        let keys = [
            GroupKey { column: 3, bucket: None },
            GroupKey { column: 0, bucket: Some(Bucket::Whole { width: 1000, origin: -3 }) },
        ];
        let (aggregates, control) = (asked(), Control::default());
        with_conditions(|conditions| {
            for (conditions, mask) in [(&[][..], None), (conditions, Some(mask))] {
                let shape = Shape { fields: &FIELDS, conditions };
                let expected = table::aggregate(&columns, mask, &aggregates, &control).unwrap();
                let groups = table::group(&columns, mask, &keys, &aggregates, 0, &control).unwrap();
                let rows: Vec<&[u8]> =
                    data.chunks(RECORD).filter(|row| mask.is_none() || passes(row)).collect();
                let mut first = None;
                for lanes in [1, 2, 7] {
                    let options = options(lanes, piece);
                    let found = archive_aggregate(&archive, &options, &shape, &aggregates).unwrap();
                    close(&found, &expected);
                    let in_groups = archive_group(&archive, &options, &shape, &keys, &aggregates, 0).unwrap();
                    let (keys, symbols, values, numbers) = all(&in_groups);
                    let whole = all(&groups);
                    assert!((&keys, &symbols, &numbers) == (&whole.0, &whole.1, &whole.3));
                    close(&values, &whole.2);
                    assert!(taken(&archive, &options, &shape).unwrap() == rows.concat());
                    let to_the_bit = (bits(&found), bits(&values));
                    assert!(*first.get_or_insert_with(|| to_the_bit.clone()) == to_the_bit);
                }
            }
        });
    }
}

#[test]
fn a_part_counts_rows_from_its_begin() {
    let data = records(900, 3);
    let packed = frames(&data, &mut Random::new(3), 2000);
    let archive = Archive::new(&packed, &Options::default()).unwrap();
    let shape = Shape { fields: &FIELDS, ..Shape::default() };
    let part = ScanOptions { offset: 300 * RECORD as u64, size: 100 * RECORD as u64, ..options(0, 0) };
    let found = archive_aggregate(&archive, &part, &shape, &asked()).unwrap();
    assert_eq!((found[0].integer, found[3].integer), (100, 300 * 7 - 5000));
    let keys = [GroupKey { column: 0, bucket: None }];
    let groups = archive_group(&archive, &part, &shape, &keys, &[], 0).unwrap();
    assert!(groups.first_rows().eq(0..100));
    assert_eq!(
        kind(archive_aggregate(&archive, &ScanOptions { offset: 1, ..part }, &shape, &[])),
        ErrorKind::InvalidArgument
    );
}

#[test]
fn groups_keep_to_their_memory() {
    let data = records(30_000, 9);
    let packed = frames(&data, &mut Random::new(9), 50_000);
    let archive = Archive::new(&packed, &Options::default()).unwrap();
    let shape = Shape { fields: &FIELDS, ..Shape::default() };
    let group = |column, most| {
        let keys = [GroupKey { column, bucket: None }];
        archive_group(&archive, &options(2, 0), &shape, &keys, &asked(), most).map(|groups| groups.count())
    };
    assert_eq!(kind(group(0, 1 << 20)), ErrorKind::LimitExceeded, "each record is a group");
    assert_eq!(group(3, 1 << 20).unwrap(), 3);
    assert_eq!(group(0, 0).unwrap(), 30_000);
}

#[test]
fn what_is_wrong_is_told_before_anything_is_read() {
    let data = records(100, 1);
    let mut packed = frames(&data, &mut Random::new(1), 500);
    let archive = Archive::new(&packed, &Options::default()).unwrap();
    let progress = AtomicU64::new(0);
    let report = |done: u64, _: u64| {
        progress.fetch_max(done, Ordering::Relaxed);
        ControlFlow::Continue(())
    };
    let options = ScanOptions { progress: Some(&report), ..options(1, 0) };
    let refused = |shape: &Shape<'_>, aggregates: &[Aggregate]| {
        assert_eq!(
            kind(archive_aggregate(&archive, &options, shape, aggregates)),
            ErrorKind::InvalidArgument
        );
    };
    let count = [Aggregate { operation: Operation::Count, column: 0, weights: 0 }];
    for field in [
        Field { offset: RECORD - 3, kind: KeyType::U32 },
        Field { offset: usize::MAX, kind: KeyType::U8 },
        Field { offset: 0, kind: KeyType::Bytes(0) },
    ] {
        refused(&Shape { fields: &[field], ..Shape::default() }, &count);
    }
    let test = Condition::Compare { column: 4, comparison: Comparison::Equal, low: &[1], high: &[] };
    let long = Condition::Compare { column: 4, comparison: Comparison::Equal, low: &[1, 2], high: &[] };
    let nowhere = Condition::Compare { column: 5, comparison: Comparison::Equal, low: &[1], high: &[] };
    let (and, not) = (Condition::Combine(MaskOperation::And), Condition::Combine(MaskOperation::Not));
    for conditions in [&[test, test][..], &[and], &[not], &[test, and], &[long], &[nowhere], &[test; 257]] {
        refused(&Shape { fields: &FIELDS, conditions }, &count);
    }
    let of_bytes = [Aggregate { operation: Operation::Sum, column: 3, weights: 0 }];
    refused(&Shape { fields: &FIELDS, ..Shape::default() }, &of_bytes);
    refused(&Shape::default(), &[Aggregate { operation: Operation::Sum, column: 0, weights: 0 }]);
    let lines = ScanOptions { lines: true, record_size: 0, ..options };
    assert_eq!(
        kind(archive_take(&archive, &lines, &Shape::default(), |_| Ok(()))),
        ErrorKind::InvalidArgument
    );
    assert_eq!(
        kind(archive_group(&archive, &options, &Shape::default(), &[], &[], 0)),
        ErrorKind::InvalidArgument
    );
    assert_eq!(progress.load(Ordering::Relaxed), 0);
    assert_eq!(archive_aggregate(&archive, &options, &Shape::default(), &count).unwrap()[0].integer, 100);
    let last = packed.len() - 1;
    packed[last] ^= 1;
    let damaged = Archive::new(&packed, &Options::default()).unwrap();
    assert_eq!(kind(archive_aggregate(&damaged, &options, &Shape::default(), &count)), ErrorKind::Checksum);
}

#[test]
fn calls_are_cancelled() {
    let data = records(40_000, 2);
    let packed = frames(&data, &mut Random::new(2), 20_000);
    let archive = Archive::new(&packed, &Options::default()).unwrap();
    let shape = Shape { fields: &FIELDS, ..Shape::default() };
    let keys = [GroupKey { column: 0, bucket: None }];
    for lanes in [1, 3] {
        let cancel = AtomicI32::new(1);
        let options = ScanOptions { cancel: Some(&cancel), ..options(lanes, 0) };
        assert_eq!(kind(archive_aggregate(&archive, &options, &shape, &asked())), ErrorKind::Cancelled);
        assert_eq!(kind(archive_group(&archive, &options, &shape, &keys, &asked(), 0)), ErrorKind::Cancelled);
        assert_eq!(kind(taken(&archive, &options, &shape)), ErrorKind::Cancelled);
        // By the sink, however late.
        cancel.store(0, Ordering::Relaxed);
        let stop = archive_take(&archive, &options, &shape, |_| {
            cancel.store(1, Ordering::Relaxed);
            Ok(())
        });
        assert_eq!(kind(stop), ErrorKind::Cancelled);
    }
    // A sink that fails.
    let stop = archive_take(&archive, &options(2, 0), &shape, |_| {
        Err(fastpar::Error::new(ErrorKind::Closed, "the sink has enough"))
    });
    assert_eq!(kind(stop), ErrorKind::Closed);
}
