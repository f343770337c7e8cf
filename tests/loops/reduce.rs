//! Reductions: the identity, the order of combining, results that are the same to the bit, and what stops
//! them.

use crate::support::random::Random;
use crate::support::watchdog::watch;
use fastpar::ffi::*;
use fastpar::job::{plan, reduce, Chunk, Control};
use fastpar::plan::Schedule;
use fastpar::ErrorKind;
use std::ffi::c_void;
use std::ops::ControlFlow::{Break, Continue};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};

const SCHEDULES: [Schedule; 6] = [
    Schedule::Segments { segments: 0 },
    Schedule::Segments { segments: 1000 },
    Schedule::Grain { grain: 1 },
    Schedule::Grain { grain: 17 },
    Schedule::Guided { grain: 0 },
    Schedule::Cache { item_size: 8, cache_bytes: 1 << 14 },
];

fn list(schedule: Schedule, count: usize, max_lanes: u32) -> Vec<Vec<usize>> {
    let control = Control { max_lanes, ..Control::default() };
    let fold = |chunk: &Chunk, all: &mut Vec<Vec<usize>>| all.push((chunk.begin..chunk.end).collect());
    reduce(schedule, count, &control, Vec::new(), fold, |all, mut part| all.append(&mut part))
        .expect("it succeeds")
}

#[test]
fn chunks_are_combined_in_order() {
    let _watch = watch();
    for schedule in SCHEDULES {
        for count in [0, 1, 2, 23, 24, 25, 1000, 20_000] {
            for max_lanes in [0, 1, 3] {
                let parts = list(schedule, count, max_lanes);
                let chunks = plan(schedule, count, max_lanes).expect("the environment is good").chunks();
                assert_eq!(parts.len(), chunks, "each chunk has an accumulator of its own");
                assert!(parts.into_iter().flatten().eq(0..count));
            }
        }
    }
}

#[test]
fn more_chunks_than_a_wave_has_accumulators() {
    let _watch = watch();
    let count = 40_000; // a wave has 16,384
    assert!(list(Schedule::Grain { grain: 1 }, count, 0).into_iter().flatten().eq(0..count));
}

#[test]
fn every_chunk_begins_with_the_identity() {
    let _watch = watch();
    let count = |identity| {
        reduce(
            Schedule::default(),
            1000,
            &Control::default(),
            identity,
            |chunk: &Chunk, sum: &mut u64| {
                assert_eq!(*sum, identity);
                *sum += (chunk.end - chunk.begin) as u64;
            },
            |sum: &mut u64, part| *sum += part,
        )
    };
    assert_eq!(count(0), Ok(1000));
    assert_eq!(count(7), Ok(7 * 25 + 1000), "once for the result, once for each of the 24 chunks");
}

#[test]
fn sums_of_floats_are_the_same_to_the_bit() {
    let _watch = watch();
    let mut random = Random::new(3);
    let values: Vec<f64> = (0..100_000)
        .map(|_| (random.next() as f64 - 9e18) * 10_f64.powi(random.below(30) as i32 - 15))
        .collect();
    for schedule in [
        Schedule::default(),
        Schedule::Segments { segments: 100 },
        Schedule::Grain { grain: 0 },
        Schedule::Grain { grain: 3 },
    ] {
        let sum = |max_lanes| {
            let control = Control { max_lanes, ..Control::default() };
            let fold =
                |chunk: &Chunk, sum: &mut f64| values[chunk.begin..chunk.end].iter().for_each(|x| *sum += x);
            reduce(schedule, values.len(), &control, 0.0, fold, |sum, part| *sum += part)
                .expect("it succeeds")
                .to_bits()
        };
        // The definition: a left fold over the chunks.
        let plan = plan(schedule, values.len(), 1).expect("the environment is good");
        let mut serial = 0.0;
        for index in 0..plan.chunks() {
            let (begin, end) = plan.bounds(index).expect("there is such a chunk");
            let mut part = 0.0;
            values[begin..end].iter().for_each(|x| part += x);
            serial += part;
        }
        for max_lanes in [1, 2, 5, 24, 0] {
            assert_eq!(sum(max_lanes), serial.to_bits(), "{schedule:?} with {max_lanes} lanes");
        }
    }
}

#[test]
fn a_panic_while_folding_is_told() {
    let _watch = watch();
    let fold = |chunk: &Chunk, _: &mut u8| assert!(chunk.index != 5, "on purpose");
    let error = reduce(Schedule::default(), 100, &Control::default(), 0, fold, |_, _| {}).unwrap_err();
    assert_eq!((error.kind(), error.position()), (ErrorKind::Panic, Some(5)));
}

#[test]
fn a_panic_while_combining_passes_to_the_caller() {
    let _watch = watch();
    let combine = |_: &mut u8, _| panic!("on purpose");
    let passed = catch_unwind(AssertUnwindSafe(|| {
        reduce(Schedule::default(), 100, &Control::default(), 0, |_: &Chunk, _: &mut u8| {}, combine)
    }));
    assert!(passed.is_err());
    assert_eq!(list(Schedule::default(), 100, 0).into_iter().flatten().count(), 100, "the pool is usable");
}

#[test]
fn cancelled_before_while_folding_and_while_combining() {
    let _watch = watch();
    for count in [0, 1, 100] {
        let flag = AtomicI32::new(1);
        let control = Control { cancel: Some(&flag), ..Control::default() };
        let fold = |_: &Chunk, _: &mut u8| panic!("a chunk started");
        let error = reduce(Schedule::default(), count, &control, 0, fold, |_, _| {}).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled, "{count} items");
    }
    let flag = AtomicI32::new(0);
    let control = Control { cancel: Some(&flag), ..Control::default() };
    let endless = Schedule::Grain { grain: 1 };
    let fold = |chunk: &Chunk, _: &mut u8| {
        if chunk.index == 50 {
            flag.store(1, Relaxed);
        }
    };
    let error = reduce(endless, usize::MAX, &control, 0, fold, |_, _| {}).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    flag.store(0, Relaxed);
    let combine = |_: &mut u8, _| flag.store(1, Relaxed);
    let error =
        reduce(Schedule::default(), 10, &control, 0, |_: &Chunk, _: &mut u8| {}, combine).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled, "the flag was set before the return");
}

#[test]
fn progress_counts_over_all_waves() {
    let _watch = watch();
    let last = std::sync::Mutex::new((0, 0));
    let report = |done, total| {
        let before = std::mem::replace(&mut *last.lock().unwrap(), (done, total));
        if before.0 <= done {
            Continue(())
        } else {
            Break(())
        }
    };
    let control = Control { progress: Some(&report), ..Control::default() };
    let fold = |chunk: &Chunk, sum: &mut usize| *sum += chunk.end - chunk.begin;
    let sum = reduce(Schedule::Grain { grain: 1 }, 40_000, &control, 0, fold, |sum, part| *sum += part);
    assert_eq!(sum, Ok(40_000));
    assert_eq!(last.into_inner().unwrap(), (40_000, 40_000));
}

/// Adds the chunk's items; fails at the chunk that `user_data` says.
unsafe extern "C" fn fold(
    user_data: *mut c_void,
    chunk: *const fastpar_chunk,
    accumulator: *mut c_void,
) -> i32 {
    // SAFETY: fastpar's promises.
    let (chunk, sum) = unsafe { (&*chunk, &mut *accumulator.cast::<[u64; 3]>()) };
    assert_eq!(accumulator as usize % 128, 0, "accumulators are aligned");
    sum[0] += (chunk.begin..chunk.end).map(|item| item as u64).sum::<u64>();
    sum[1] += 1;
    if user_data as usize == chunk.index + 1 {
        77
    } else {
        0
    }
}

unsafe extern "C" fn combine(_: *mut c_void, into: *mut c_void, from: *const c_void) -> i32 {
    // SAFETY: fastpar's promises.
    let (into, from) = unsafe { (&mut *into.cast::<[u64; 3]>(), &*from.cast::<[u64; 3]>()) };
    into[0] += from[0];
    into[1] += from[1];
    if into[1] == into[2] {
        -5
    } else {
        0
    }
}

/// Runs a reduction through the C function.
fn call(count: usize, failing_chunk: usize, accumulator: &mut [u64; 3]) -> (fastpar_status, fastpar_error) {
    // SAFETY: integers only, for which zero is valid.
    let mut error: fastpar_error = unsafe { std::mem::zeroed() };
    let data = failing_chunk as *mut c_void;
    let accumulator = ptr::from_mut(accumulator);
    // SAFETY: every pointer is NULL or valid.
    let status = unsafe {
        fastpar_reduce(
            ptr::null(),
            count,
            Some(fold),
            Some(combine),
            data,
            accumulator.cast(),
            24,
            &mut error,
        )
    };
    (status, error)
}

#[test]
fn through_the_c_function() {
    let _watch = watch();
    let mut result = [0, 0, u64::MAX];
    assert_eq!(call(1000, 0, &mut result).0, FASTPAR_OK);
    assert_eq!(result, [499_500, 24, u64::MAX]);
    let mut result = [1, 0, u64::MAX];
    assert_eq!(call(0, 0, &mut result).0, FASTPAR_OK);
    assert_eq!(result, [1, 0, u64::MAX], "of nothing, the identity is the result");

    let mut result = [5, 0, 0];
    let (status, error) = call(1000, 10, &mut result);
    assert_eq!((status, error.status, error.code, error.position), (FASTPAR_ERR_CALLBACK, status, 77, 9));
    assert_eq!(result, [5, 0, 0], "untouched on failure");

    let mut result = [0, 0, 3]; // the third chunk that is combined fails
    let (status, error) = call(1000, 0, &mut result);
    assert_eq!((status, error.code, error.position), (FASTPAR_ERR_CALLBACK, -5, 2));
    assert_eq!(result, [0, 0, 3], "untouched on failure");
}

#[test]
fn bad_arguments_of_the_c_function() {
    let _watch = watch();
    let mut place = [0_u64; 3];
    let place = place.as_mut_ptr().cast::<c_void>();
    let try_one =
        |fold: fastpar_fold_fn, combine: fastpar_combine_fn, accumulator: *mut c_void, size: usize| {
            let (none, data) = (ptr::null_mut(), ptr::null_mut());
            // SAFETY: every pointer is NULL or valid, and nothing is called.
            unsafe { fastpar_reduce(ptr::null(), 10, fold, combine, data, accumulator, size, none) }
        };
    assert_eq!(try_one(None, Some(combine), place, 24), FASTPAR_ERR_INVALID_ARGUMENT);
    assert_eq!(try_one(Some(fold), None, place, 24), FASTPAR_ERR_INVALID_ARGUMENT);
    assert_eq!(try_one(Some(fold), Some(combine), ptr::null_mut(), 24), FASTPAR_ERR_INVALID_ARGUMENT);
    assert_eq!(try_one(Some(fold), Some(combine), place, 0), FASTPAR_ERR_INVALID_ARGUMENT);
    assert_eq!(try_one(Some(fold), Some(combine), place, usize::MAX), FASTPAR_ERR_INVALID_ARGUMENT);
    assert_eq!(try_one(Some(fold), Some(combine), place, usize::MAX / 2), FASTPAR_ERR_OUT_OF_MEMORY);
    assert_eq!(try_one(Some(fold), Some(combine), place, 1 << 55), FASTPAR_ERR_OUT_OF_MEMORY);
}
