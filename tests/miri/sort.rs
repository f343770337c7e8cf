//! Sorting and prefix sums: buffers that are not written before, of which each lane has a part.

use crate::pool::EACH;
use crate::SmallPool;
use fastpar::ffi::*;
use fastpar::job::{prefix, Control};
use fastpar::sort::{sort, Format, Key, KeyType};
use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};
use std::sync::Mutex;

/// Records of `size` bytes that begin with a number, which few share, and have the record's own at the end.
fn records(count: usize, size: usize) -> Vec<u8> {
    let mut bytes = vec![0; count * size];
    for (at, record) in bytes.chunks_mut(size).enumerate() {
        record[..2].copy_from_slice(&(at.wrapping_mul(40_503) as u16 & 0x3fff).to_ne_bytes());
        record[size - 2..].copy_from_slice(&(at as u16).to_ne_bytes());
    }
    bytes
}

fn number(bytes: &[u8]) -> u16 {
    u16::from_ne_bytes(bytes[..2].try_into().unwrap())
}

fn check(count: usize, size: usize) {
    let mut sorted = records(count, size);
    let records = sorted.clone();
    let mut expected: Vec<_> = records.chunks(size).collect();
    expected.sort_by_key(|record| number(record));
    let format = Format::new(size, &[Key { offset: 0, kind: KeyType::U16, descending: false }]).unwrap();
    sort(&mut sorted, &format, &Control::default()).unwrap();
    assert!(sorted == expected.concat());
}

/// Blocks are small under Miri, so that these are split.
#[test]
fn records_themselves_are_moved() {
    let _pool = SmallPool::start();
    check(150, 4);
}

#[test]
fn pairs_are_moved_and_records_after_them() {
    let _pool = SmallPool::start();
    check(100, 12);
}

/// All records are there, in some order.
#[test]
fn sorting_is_cancelled() {
    let _pool = SmallPool::start();
    let cancel = AtomicI32::new(0);
    let report = |done: u64, _: u64| {
        cancel.store(i32::from(done > 0), Relaxed);
        std::ops::ControlFlow::Continue(())
    };
    let control = Control { cancel: Some(&cancel), progress: Some(&report), ..Control::default() };
    let mut bytes = records(150, 4);
    let records = bytes.clone();
    let mut expected: Vec<_> = records.chunks(4).collect();
    let format = Format::new(4, &[Key { offset: 0, kind: KeyType::U16, descending: false }]).unwrap();
    assert!(sort(&mut bytes, &format, &control).is_err());
    let mut found: Vec<_> = bytes.chunks(4).collect();
    expected.sort();
    found.sort();
    assert!(found == expected);
}

#[test]
fn prefix_sums_of_values() {
    let _pool = SmallPool::start();
    let begins = Mutex::new(Vec::new());
    let total = prefix(
        EACH,
        10,
        &Control::default(),
        Vec::new(),
        |chunk, list: &mut Vec<usize>| list.push(chunk.begin),
        |into, from| into.extend(from),
        |chunk, before| begins.lock().unwrap().push((chunk.begin, before.len())),
    )
    .unwrap();
    assert!(total.into_iter().eq(0..10));
    let begins = begins.into_inner().unwrap();
    assert!(begins.len() == 10 && begins.iter().all(|(begin, before)| begin == before));
}

/// By the function of C, whose accumulators are bytes that libfastpar keeps; the sums replace the items.
#[test]
fn prefix_sums_of_bytes() {
    unsafe extern "C" fn fold(items: *mut c_void, chunk: *const fastpar_chunk, sum: *mut c_void) -> i32 {
        // SAFETY: items that this chunk has alone; a sum.
        unsafe {
            let items = items.cast::<u64>();
            ((*chunk).begin..(*chunk).end).for_each(|at| *sum.cast::<u64>() += *items.add(at));
        }
        0
    }
    unsafe extern "C" fn combine(_: *mut c_void, into: *mut c_void, from: *const c_void) -> i32 {
        // SAFETY: sums.
        unsafe { *into.cast::<u64>() += *from.cast::<u64>() };
        0
    }
    unsafe extern "C" fn apply(
        items: *mut c_void,
        chunk: *const fastpar_chunk,
        before: *const c_void,
    ) -> i32 {
        // SAFETY: as in `fold`.
        unsafe {
            let mut sum = *before.cast::<u64>();
            for at in (*chunk).begin..(*chunk).end {
                let item = items.cast::<u64>().add(at);
                sum += *item;
                *item = sum;
            }
        }
        0
    }
    let _pool = SmallPool::start();
    let mut items: Vec<u64> = (1..=20).collect();
    let mut total = 0u64;
    // SAFETY: zero is the default of each field.
    let mut options: fastpar_loop_options = unsafe { std::mem::zeroed() };
    options.struct_size = size_of_val(&options);
    options.segments = 7;
    let data = items.as_mut_ptr().cast();
    let into = ptr::from_mut(&mut total).cast();
    // SAFETY: items, each of which is one chunk's; an accumulator.
    let status = unsafe {
        let (fold, combine, apply) = (Some(fold as _), Some(combine as _), Some(apply as _));
        fastpar_prefix(&options, 20, fold, combine, apply, data, into, size_of::<u64>(), ptr::null_mut())
    };
    assert_eq!((status, total), (FASTPAR_OK, 210));
    assert!(items.iter().enumerate().all(|(at, sum)| *sum as usize == (at + 1) * (at + 2) / 2));
}
