//! Tables: columns that are not aligned, outputs that are not written before, groups, and archives of
//! records.

use crate::SmallPool;
use fastpar::codec::{
    archive_aggregate, archive_group, archive_take, compress_to_vec, Archive, Options, ScanOptions,
};
use fastpar::ffi::*;
use fastpar::job::Control;
use fastpar::sort::KeyType;
use fastpar::table::{
    aggregate, compare, group, search, take, take_rows, Aggregate, Bucket, Column, Comparison, Condition,
    Field, GroupKey, Mask, Operation, Shape,
};
use std::mem::MaybeUninit;
use std::ptr;

const RECORD: usize = 13;
const FIELDS: [Field; 3] = [
    Field { offset: 1, kind: KeyType::I64 },
    Field { offset: 9, kind: KeyType::U16 },
    Field { offset: 11, kind: KeyType::Bytes(2) },
];

fn records(count: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for row in 0..count {
        bytes.push(0);
        bytes.extend((row as i64 - 20).to_ne_bytes());
        bytes.extend((row as u16 % 7).to_ne_bytes());
        bytes.extend([b'a' + row as u8 % 2, 0]);
    }
    bytes
}

fn columns(bytes: &[u8]) -> [Column<'_>; 3] {
    FIELDS.map(|field| Column::new(&bytes[field.offset..], bytes.len() / RECORD, RECORD, field.kind).unwrap())
}

fn written(bytes: &[MaybeUninit<u8>]) -> Vec<u8> {
    // SAFETY: the library has written all of them, which Miri checks.
    bytes.iter().map(|byte| unsafe { byte.assume_init() }).collect()
}

const ASKED: [Aggregate; 3] = [
    Aggregate { operation: Operation::Count, column: 0, weights: 0 },
    Aggregate { operation: Operation::Sum, column: 0, weights: 0 },
    Aggregate { operation: Operation::WeightedMean, column: 0, weights: 1 },
];
const KEYS: [GroupKey; 2] = [
    GroupKey { column: 2, bucket: None },
    GroupKey { column: 0, bucket: Some(Bucket::Whole { width: 10, origin: 3 }) },
];

#[test]
fn columns_masks_and_groups() {
    let _pool = SmallPool::start();
    let control = Control::default();
    for count in [1, 70] {
        let bytes = records(count);
        let (columns, rows) = (columns(&bytes), count);
        let mut mask = vec![MaybeUninit::uninit(); rows.div_ceil(8)];
        compare(&columns[1], Comparison::Less, &3u16.to_ne_bytes(), &[], &mut mask, &control).unwrap();
        let mask = written(&mask);
        let mask = Mask::new(&mask, rows).unwrap();
        let mut out = vec![MaybeUninit::uninit(); 2 * mask.count()];
        assert_eq!(take(&columns[2], mask, &mut out, &control).unwrap(), out.len());
        written(&out);
        let found = aggregate(&columns, Some(mask), &ASKED, &control).unwrap();
        assert_eq!(found[0].integer, mask.count() as i128);
        let groups = group(&columns, Some(mask), &KEYS, &ASKED, 0, &control).unwrap();
        let first: Vec<u64> = groups.first_rows().collect();
        let mut names = vec![MaybeUninit::uninit(); 2 * groups.count()];
        groups.key_bytes(0, &mut names).unwrap();
        let mut same = vec![MaybeUninit::uninit(); 2 * groups.count()];
        take_rows(&columns[2], &first, &mut same, &control).unwrap();
        assert_eq!(written(&names), written(&same));
        let mut numbers = vec![MaybeUninit::uninit(); 8 * rows];
        search(&columns[0], &columns[0], false, &mut numbers, &control).unwrap();
        let numbers = written(&numbers);
        assert!(numbers.chunks(8).enumerate().all(|(row, bytes)| bytes == (row as u64).to_ne_bytes()));
    }
}

/// By C, with structs of which nothing is aligned.
#[test]
fn calls_of_c() {
    let _pool = SmallPool::start();
    let bytes = records(30);
    let column = |field: &Field| fastpar_column {
        base: bytes[field.offset..].as_ptr().cast(),
        count: 30,
        stride: RECORD,
        r#type: if field.kind == KeyType::I64 { FASTPAR_I64 } else { FASTPAR_U16 },
        flags: 0,
    };
    let columns = [column(&FIELDS[0]), column(&FIELDS[1])];
    let asked = [fastpar_aggregate { operation: FASTPAR_AGGREGATE_SUM, reserved: 0, column: 1, weights: 0 }];
    let key = fastpar_group_key { column: 0, width: 16, origin: 0, float_width: 0.0, float_origin: 0.0 };
    let mut groups = ptr::null_mut();
    let mut sums = [MaybeUninit::<fastpar_value>::uninit(); 4];
    // SAFETY: as the functions describe.
    unsafe {
        let found = fastpar_table_group(
            ptr::null(),
            columns.as_ptr(),
            2,
            ptr::null(),
            0,
            &key,
            1,
            asked.as_ptr(),
            1,
            0,
            &mut groups,
            ptr::null_mut(),
        );
        assert_eq!(found, FASTPAR_OK);
        let count = fastpar_groups_count(groups);
        assert_eq!(count, 3);
        assert_eq!(
            fastpar_groups_values(groups, 0, sums.as_mut_ptr().cast(), 4, ptr::null_mut()),
            FASTPAR_OK
        );
        let sum: u64 = sums[..count].iter().map(|value| value.assume_init().integer.low).sum();
        assert_eq!(sum, (0..30).map(|row| row % 7).sum());
        fastpar_groups_free(groups);
    }
}

#[test]
fn archives_of_records() {
    let _pool = SmallPool::start();
    let bytes = records(60);
    let packed = compress_to_vec(&bytes, &Options { frame_size: 100, ..Options::default() }).unwrap();
    let archive = Archive::new(&packed, &Options::default()).unwrap();
    let least = 4u16.to_ne_bytes();
    let passes =
        [Condition::Compare { column: 1, comparison: Comparison::GreaterEqual, low: &least, high: &[] }];
    let shape = Shape { fields: &FIELDS, conditions: &passes };
    let options = ScanOptions { record_size: RECORD, ..ScanOptions::default() };
    let rows: Vec<&[u8]> =
        bytes.chunks(RECORD).filter(|row| u16::from_ne_bytes([row[9], row[10]]) >= 4).collect();
    let mut taken = Vec::new();
    archive_take(&archive, &options, &shape, |bytes| {
        taken.extend_from_slice(bytes);
        Ok(())
    })
    .unwrap();
    assert_eq!(taken, rows.concat());
    let found = archive_aggregate(&archive, &options, &shape, &ASKED).unwrap();
    assert_eq!(found[0].integer, rows.len() as i128);
    let groups = archive_group(&archive, &options, &shape, &KEYS, &ASKED, 0).unwrap();
    let counts: i128 = groups.value(0).unwrap().map(|value| value.unwrap().integer).sum();
    assert_eq!(counts, rows.len() as i128);
}
