//! Sorting through the C function: large inputs, hostile arguments, cancelling from another thread. What is
//! sorted how is compared with std in `src/sort/tests.rs`.

use crate::support::random::Random;
use crate::support::watchdog::watch;
use fastpar::ffi::*;
use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};

fn key(offset: usize, kind: u32, flags: u32) -> fastpar_sort_key {
    fastpar_sort_key { offset, r#type: kind, flags }
}

fn options() -> fastpar_loop_options {
    // SAFETY: integers and pointers, for which zero is valid.
    let mut options: fastpar_loop_options = unsafe { std::mem::zeroed() };
    options.struct_size = size_of::<fastpar_loop_options>();
    options
}

fn sort<T>(options: &fastpar_loop_options, records: &mut [T], keys: &[fastpar_sort_key]) -> fastpar_status {
    let (data, count) = (records.as_mut_ptr().cast(), records.len());
    // SAFETY: every pointer is NULL or valid.
    unsafe { fastpar_sort(options, data, count, size_of::<T>(), keys.as_ptr(), keys.len(), ptr::null_mut()) }
}

#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C)]
struct Trade {
    time: i64,
    price: f64,
    symbol: [u8; 8],
    rest: [u64; 3],
}

fn trades(count: usize) -> Vec<Trade> {
    let mut random = Random::new(7);
    let mut trade = |number: usize| {
        let noise = random.next();
        let prices = [-0.0, 0.0, f64::NAN, f64::NEG_INFINITY, 1.5, -1.5];
        Trade {
            time: 1_700_000_000 + (noise % 50_000) as i64,
            price: prices[noise as usize % 6],
            symbol: *[b"ABC\0\0\0\0\0", b"ABCD\0\0\0\0", b"XYZ\0\0\0\0\0"][noise as usize % 3],
            rest: [number as u64, noise, 0],
        }
    };
    (0..count).map(&mut trade).collect()
}

fn bits(trades: &[Trade]) -> Vec<(i64, u64, [u8; 8], [u64; 3])> {
    trades.iter().map(|t| (t.time, t.price.to_bits(), t.symbol, t.rest)).collect()
}

#[test]
fn many_records_by_one_key_and_by_several() {
    let _watch = watch();
    let trades = trades(120_000);
    let by_time = [key(0, FASTPAR_I64, 0)];
    let mut expected = trades.clone();
    expected.sort_by_key(|trade| trade.time);
    for max_lanes in [0, 1, 2] {
        let mut sorted = trades.clone();
        assert_eq!(sort(&fastpar_loop_options { max_lanes, ..options() }, &mut sorted, &by_time), FASTPAR_OK);
        assert_eq!(bits(&sorted), bits(&expected));
    }
    let by_all = [
        key(16, FASTPAR_BYTES, 8 << 8 | FASTPAR_SORT_DESCENDING),
        key(8, FASTPAR_F64, 0),
        key(0, FASTPAR_I64, FASTPAR_SORT_DESCENDING),
    ];
    expected.clone_from(&trades);
    expected.sort_by(|a, b| {
        let symbols = b.symbol.cmp(&a.symbol);
        symbols.then(a.price.total_cmp(&b.price)).then(b.time.cmp(&a.time))
    });
    let mut sorted = trades;
    assert_eq!(sort(&options(), &mut sorted, &by_all), FASTPAR_OK);
    assert_eq!(bits(&sorted), bits(&expected));
}

#[test]
fn numbers_of_every_shape() {
    let _watch = watch();
    let mut random = Random::new(11);
    let noise: Vec<u64> = (0..300_000).map(|_| random.next()).collect();
    let shapes: [fn(u64, u64) -> u64; 6] = [
        |noise, _| noise,
        |_, index| index,
        |_, index| u64::MAX - index,
        |noise, _| noise % 3,
        |noise, index| if index % 1000 == 0 { noise } else { 1 << 40 | noise & 0xffff },
        |noise, _| 1 << (noise % 64),
    ];
    for shape in shapes {
        let mut sorted: Vec<u64> = noise.iter().zip(0..).map(|(&noise, index)| shape(noise, index)).collect();
        let mut expected = sorted.clone();
        expected.sort_unstable();
        assert_eq!(sort(&options(), &mut sorted, &[key(0, FASTPAR_U64, 0)]), FASTPAR_OK);
        assert!(sorted == expected);
        expected.reverse();
        let descending = [key(0, FASTPAR_U64, FASTPAR_SORT_DESCENDING)];
        assert_eq!(sort(&options(), &mut sorted, &descending), FASTPAR_OK);
        assert!(sorted == expected);
        let mut floats: Vec<f64> = noise.iter().map(|&noise| f64::from_bits(noise)).collect();
        assert_eq!(sort(&options(), &mut floats, &[key(0, FASTPAR_F64, 0)]), FASTPAR_OK);
        assert!(floats.is_sorted_by(|a, b| a.total_cmp(b).is_le()));
    }
}

#[test]
fn unaligned_records_lie_where_they_lay() {
    let _watch = watch();
    let mut random = Random::new(13);
    let mut bytes: Vec<u8> = (0..40_000 * 11 + 3).map(|_| random.next() as u8).collect();
    let before = bytes.clone();
    let mut expected: Vec<&[u8]> = before[1..1 + 40_000 * 11].chunks_exact(11).collect();
    expected.sort_by_key(|record| u32::from_ne_bytes([record[7], record[8], record[9], record[10]]));
    let keys = [key(7, FASTPAR_U32, 0)];
    let data = bytes[1..].as_mut_ptr().cast();
    // SAFETY: the records lie within `bytes`.
    let status = unsafe { fastpar_sort(ptr::null(), data, 40_000, 11, keys.as_ptr(), 1, ptr::null_mut()) };
    assert_eq!(status, FASTPAR_OK);
    assert!(bytes[1..1 + 40_000 * 11] == expected.concat());
    assert_eq!((bytes[0], &bytes[1 + 40_000 * 11..]), (before[0], &before[1 + 40_000 * 11..]));
}

#[test]
fn cancelled_at_any_moment_the_records_are_all_there() {
    let _watch = watch();
    let trades = trades(60_000);
    let mut expected: Vec<u64> = trades.iter().map(|trade| trade.rest[0]).collect();
    expected.sort_unstable();
    let mut random = Random::new(17);
    for _ in 0..20 {
        let cancel = AtomicI32::new(0);
        let mut sorted = trades.clone();
        let spins = random.next() % 2_000_000;
        let status = std::thread::scope(|scope| {
            scope.spawn(|| {
                (0..spins).for_each(|_| std::hint::spin_loop());
                cancel.store(1, Relaxed);
            });
            let options = fastpar_loop_options { cancel: cancel.as_ptr(), ..options() };
            sort(&options, &mut sorted, &[key(0, FASTPAR_I64, 0)])
        });
        assert!(status == FASTPAR_OK || status == FASTPAR_ERR_CANCELLED);
        let mut numbers: Vec<u64> = sorted.iter().map(|trade| trade.rest[0]).collect();
        assert!(status != FASTPAR_OK || sorted.is_sorted_by_key(|trade| trade.time));
        numbers.sort_unstable();
        assert!(numbers == expected);
    }
    let cancel = AtomicI32::new(1);
    let options = fastpar_loop_options { cancel: cancel.as_ptr(), ..options() };
    for count in [0, 1, 2, 60_000] {
        let mut sorted = trades[..count].to_vec();
        assert_eq!(sort(&options, &mut sorted, &[key(0, FASTPAR_I64, 0)]), FASTPAR_ERR_CANCELLED);
        assert_eq!(bits(&sorted), bits(&trades[..count]), "nothing was begun");
    }
}

unsafe extern "C" fn stop(_: *mut c_void, _: u64, _: u64) -> i32 {
    1
}

#[test]
fn hostile_arguments() {
    let _watch = watch();
    const WRONG: fastpar_status = FASTPAR_ERR_INVALID_ARGUMENT;
    let good = [key(0, FASTPAR_U64, 0); 17];
    let mut numbers = [3_u64, 1, 2];
    let data: *mut c_void = numbers.as_mut_ptr().cast();
    let try_one = |data: *mut c_void, count, size, keys: *const fastpar_sort_key, keys_count| {
        let mut bytes = 77;
        // SAFETY: every pointer is NULL or valid for what is said of it, or refused before it is used.
        unsafe {
            let memory = fastpar_sort_memory(count, size, keys, keys_count, &mut bytes, ptr::null_mut());
            assert!(memory != FASTPAR_ERR_INVALID_ARGUMENT || bytes == 77);
            (fastpar_sort(ptr::null(), data, count, size, keys, keys_count, ptr::null_mut()), memory)
        }
    };
    let none = ptr::null_mut();
    assert_eq!(try_one(none, 3, 8, good.as_ptr(), 1), (WRONG, FASTPAR_OK));
    assert_eq!(try_one(none, 0, 8, good.as_ptr(), 1), (FASTPAR_OK, FASTPAR_OK));
    assert_eq!(try_one(data, 3, 0, good.as_ptr(), 1), (WRONG, WRONG));
    assert_eq!(try_one(data, 3, 8, ptr::null(), 1), (WRONG, WRONG));
    assert_eq!(try_one(data, 3, 8, good.as_ptr(), 0), (WRONG, WRONG));
    assert_eq!(try_one(data, 3, 8, good.as_ptr(), 17), (WRONG, WRONG));
    assert_eq!(try_one(data, usize::MAX, 8, good.as_ptr(), 1), (WRONG, WRONG));
    assert_eq!(try_one(data, usize::MAX / 16, 16, good.as_ptr(), 1), (WRONG, WRONG));
    assert_eq!(try_one(data, 1, usize::MAX, good.as_ptr(), 1).1, WRONG);
    for wrong in [
        key(1, FASTPAR_U64, 0),
        key(usize::MAX, FASTPAR_U8, 0),
        key(8, FASTPAR_U8, 0),
        key(0, 0, 0),
        key(0, 12, 0),
        key(0, u32::MAX, 0),
        key(0, FASTPAR_U64, 2),
        key(0, FASTPAR_U64, 8 << 8),
        key(0, FASTPAR_BYTES, 0),
        key(0, FASTPAR_BYTES, 9 << 8),
        key(1, FASTPAR_BYTES, 8 << 8),
        key(0, FASTPAR_BYTES, u32::MAX),
    ] {
        assert_eq!(try_one(data, 3, 8, &wrong, 1), (WRONG, WRONG), "{} {:#x}", wrong.r#type, wrong.flags);
        assert_eq!(try_one(data, 3, 8, [good[0], wrong].as_ptr(), 2), (WRONG, WRONG));
    }
    let huge = try_one(none, 1 << 59, 8, good.as_ptr(), 1);
    assert_eq!(huge, (WRONG, FASTPAR_OK), "the records are NULL, but such a number could be asked about");
    // SAFETY: every pointer is valid or NULL.
    let no_place = unsafe { fastpar_sort_memory(3, 8, good.as_ptr(), 1, ptr::null_mut(), ptr::null_mut()) };
    assert_eq!(no_place, WRONG);
    type Set = fn(&mut fastpar_loop_options);
    let wrong: [Set; 7] = [
        |options| options.schedule = FASTPAR_SCHEDULE_GRAIN,
        |options| options.segments = 1,
        |options| options.grain = 1,
        |options| options.item_size = 1,
        |options| options.cache_bytes = 1,
        |options| options.flags = 1,
        |options| options.struct_size = 3,
    ];
    for set in wrong {
        let mut options = options();
        set(&mut options);
        assert_eq!(sort(&options, &mut numbers, &good[..1]), WRONG);
    }
    assert_eq!(numbers, [3, 1, 2], "nothing was touched");
    assert_eq!(sort(&options(), &mut numbers, &good[..16]), FASTPAR_OK);
    assert_eq!(numbers, [1, 2, 3]);
    // The last report cannot cancel any more, so a short call succeeds.
    let options = fastpar_loop_options { progress: Some(stop), ..options() };
    assert_eq!(sort(&options, &mut numbers, &[key(0, FASTPAR_U64, FASTPAR_SORT_DESCENDING)]), FASTPAR_OK);
    assert_eq!(numbers, [3, 2, 1]);
}
