//! Prefix sums: what comes before each chunk, the same to the bit, and what stops them.

use crate::support::watchdog::watch;
use fastpar::ffi::*;
use fastpar::job::{plan, prefix, Chunk, Control};
use fastpar::plan::Schedule;
use fastpar::ErrorKind;
use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering::Relaxed};
use std::sync::Mutex;

const SCHEDULES: [Schedule; 5] = [
    Schedule::Segments { segments: 0 },
    Schedule::Grain { grain: 1 },
    Schedule::Grain { grain: 17 },
    Schedule::Guided { grain: 0 },
    Schedule::Cache { item_size: 8, cache_bytes: 1 << 14 },
];

/// What each chunk is told, by its number; and the total. Lists, so that order counts.
fn told(schedule: Schedule, count: usize, max_lanes: u32) -> (Vec<Option<Vec<usize>>>, Vec<usize>) {
    let control = Control { max_lanes, ..Control::default() };
    let chunks = plan(schedule, count, max_lanes).expect("the environment is good").chunks();
    let seen = Mutex::new(vec![None; chunks]);
    let total = prefix(
        schedule,
        count,
        &control,
        Vec::new(),
        |chunk: &Chunk, all: &mut Vec<usize>| all.push(chunk.index),
        |all, mut part| all.append(&mut part),
        |chunk, before| {
            let old = seen.lock().expect("no test fails inside")[chunk.index].replace(before.clone());
            assert_eq!(old, None, "each chunk is given out once");
        },
    );
    (seen.into_inner().expect("no test fails inside"), total.expect("it succeeds"))
}

#[test]
fn each_chunk_is_told_what_came_before_it() {
    let _watch = watch();
    for schedule in SCHEDULES {
        for count in [0, 1, 2, 23, 24, 25, 300] {
            for max_lanes in [0, 1, 3] {
                let (seen, total) = told(schedule, count, max_lanes);
                let chunks = seen.len();
                for (chunk, before) in seen.into_iter().enumerate() {
                    assert!(before.expect("it was applied").into_iter().eq(0..chunk));
                }
                assert!(total.into_iter().eq(0..chunks));
            }
        }
    }
}

#[test]
fn more_chunks_than_a_wave_has_accumulators() {
    let _watch = watch();
    let count = 40_000; // a wave has 16,384
    let sums: Vec<AtomicU64> = (0..count).map(|_| AtomicU64::new(0)).collect();
    let control = Control::default();
    let fold = |chunk: &Chunk, sum: &mut u64| *sum += chunk.begin as u64 + 1;
    let apply = |chunk: &Chunk, before: &u64| sums[chunk.begin].store(*before, Relaxed);
    let total =
        prefix(Schedule::Grain { grain: 1 }, count, &control, 0, fold, |into, from| *into += from, apply);
    assert_eq!(total, Ok(40_000 * 40_001 / 2));
    for (index, sum) in sums.into_iter().enumerate() {
        assert_eq!(sum.into_inner(), (index * (index + 1) / 2) as u64);
    }
}

#[test]
fn sums_of_floats_are_the_same_to_the_bit() {
    let _watch = watch();
    let run = |max_lanes| {
        let control = Control { max_lanes, ..Control::default() };
        let seen = Mutex::new(vec![0_f64; 1000]);
        let fold = |chunk: &Chunk, sum: &mut f64| {
            (chunk.begin..chunk.end).for_each(|item| *sum += 1.0 / (item + 1) as f64);
        };
        let apply =
            |chunk: &Chunk, before: &f64| seen.lock().expect("no test fails inside")[chunk.index] = *before;
        let schedule = Schedule::Segments { segments: 1000 };
        let total = prefix(schedule, 100_000, &control, 0.0, fold, |into, from| *into += from, apply);
        let all = (seen.into_inner().expect("no test fails inside"), total.expect("it succeeds"));
        all.0.into_iter().chain([all.1]).map(f64::to_bits).collect::<Vec<_>>()
    };
    let alone = run(1);
    assert!([2, 7, 24].into_iter().all(|lanes| run(lanes) == alone));
}

#[test]
fn progress_ends_with_all_items_and_cancels_both_passes() {
    let _watch = watch();
    for count in [100_000, usize::MAX] {
        let last = Mutex::new((0, 0));
        let report = |done, total| {
            *last.lock().expect("no test fails inside") = (done, total);
            std::ops::ControlFlow::Continue(())
        };
        let control = Control { progress: Some(&report), ..Control::default() };
        let sum = prefix(
            Schedule::default(),
            count,
            &control,
            0_usize,
            |chunk, sum| *sum += chunk.end - chunk.begin,
            |into, from| *into += from,
            |_, _| (),
        );
        assert_eq!(sum, Ok(count));
        assert_eq!(last.into_inner().expect("no test fails inside"), (count as u64, count as u64));
    }
    for folds in [true, false] {
        let cancel = AtomicI32::new(0);
        let control = Control { max_lanes: 1, cancel: Some(&cancel), ..Control::default() };
        let applied = AtomicU64::new(0);
        let result = prefix(
            Schedule::default(),
            1000,
            &control,
            0,
            |chunk, _| cancel.store(i32::from(folds && chunk.index == 3), Relaxed),
            |_, _: i32| (),
            |_, _| {
                applied.fetch_add(1, Relaxed);
                cancel.store(1, Relaxed);
            },
        );
        assert_eq!(result.map_err(|error| error.kind()), Err(ErrorKind::Cancelled));
        assert_eq!(applied.into_inner(), u64::from(!folds), "no chunk starts after that");
    }
}

/// What fails: a fold, a combine or an apply, at a chunk.
struct Case {
    failing: Option<(u8, usize)>,
    applied: AtomicU64,
}

unsafe extern "C" fn fold(data: *mut c_void, chunk: *const fastpar_chunk, sum: *mut c_void) -> i32 {
    // SAFETY: what the test gave to the call.
    let (case, chunk) = unsafe { (&*data.cast::<Case>(), &*chunk) };
    // SAFETY: the accumulator is a u64.
    unsafe { *sum.cast::<u64>() += (chunk.end - chunk.begin) as u64 };
    if case.failing == Some((0, chunk.index)) {
        return 70;
    }
    0
}

unsafe extern "C" fn combine(data: *mut c_void, into: *mut c_void, from: *const c_void) -> i32 {
    // SAFETY: what the test gave to the call; accumulators are u64.
    let (case, into, from) =
        unsafe { (&*data.cast::<Case>(), &mut *into.cast::<u64>(), *from.cast::<u64>()) };
    *into += from;
    if matches!(case.failing, Some((1, chunk)) if *into >= (chunk as u64 + 1) * 10) {
        return 71;
    }
    0
}

unsafe extern "C" fn apply(data: *mut c_void, chunk: *const fastpar_chunk, before: *const c_void) -> i32 {
    // SAFETY: what the test gave to the call; accumulators are u64.
    let (case, chunk, before) = unsafe { (&*data.cast::<Case>(), &*chunk, *before.cast::<u64>()) };
    case.applied.fetch_add(u64::from(before == chunk.begin as u64), Relaxed);
    if case.failing == Some((2, chunk.index)) {
        return 72;
    }
    0
}

#[test]
fn through_the_c_function() {
    let _watch = watch();
    // SAFETY: integers and pointers, for which zero is valid.
    let mut options: fastpar_loop_options = unsafe { std::mem::zeroed() };
    options.struct_size = size_of::<fastpar_loop_options>();
    options.segments = 100;
    for failing in [None, Some((0, 9)), Some((1, 9)), Some((2, 9))] {
        let mut case = Case { failing, applied: AtomicU64::new(0) };
        let data = ptr::from_mut(&mut case).cast();
        let mut sum = 0_u64;
        let place = ptr::from_mut(&mut sum).cast();
        // SAFETY: integers only, for which zero is valid.
        let mut error: fastpar_error = unsafe { std::mem::zeroed() };
        // SAFETY: every pointer is valid.
        let status = unsafe {
            fastpar_prefix(&options, 1000, Some(fold), Some(combine), Some(apply), data, place, 8, &mut error)
        };
        match failing {
            None => assert_eq!((status, sum, case.applied.into_inner()), (FASTPAR_OK, 1000, 100)),
            Some((what, chunk)) => {
                assert_eq!((status, error.code), (FASTPAR_ERR_CALLBACK, 70 + i32::from(what)));
                assert_eq!((error.position, sum), (chunk as u64, 0), "untouched on failure");
            }
        }
    }
}

#[test]
fn bad_arguments_of_the_c_function() {
    let _watch = watch();
    let mut case = Case { failing: None, applied: AtomicU64::new(0) };
    let data: *mut c_void = ptr::from_mut(&mut case).cast();
    let mut place = 0_u64;
    let sum = ptr::from_mut(&mut place).cast::<c_void>();
    let none = ptr::null_mut();
    let try_one =
        |count, fold: fastpar_fold_fn, combine: fastpar_combine_fn, apply: fastpar_apply_fn, sum, size| {
            // SAFETY: every pointer is NULL or valid.
            unsafe { fastpar_prefix(ptr::null(), count, fold, combine, apply, data, sum, size, none) }
        };
    assert_eq!(try_one(9, None, Some(combine), Some(apply), sum, 8), FASTPAR_ERR_INVALID_ARGUMENT);
    assert_eq!(try_one(9, Some(fold), None, Some(apply), sum, 8), FASTPAR_ERR_INVALID_ARGUMENT);
    assert_eq!(try_one(9, Some(fold), Some(combine), None, sum, 8), FASTPAR_ERR_INVALID_ARGUMENT);
    assert_eq!(
        try_one(9, Some(fold), Some(combine), Some(apply), none.cast(), 8),
        FASTPAR_ERR_INVALID_ARGUMENT
    );
    assert_eq!(try_one(9, Some(fold), Some(combine), Some(apply), sum, 0), FASTPAR_ERR_INVALID_ARGUMENT);
    assert_eq!(
        try_one(9, Some(fold), Some(combine), Some(apply), sum, usize::MAX),
        FASTPAR_ERR_INVALID_ARGUMENT
    );
    assert_eq!(try_one(9, Some(fold), Some(combine), Some(apply), sum, 1 << 55), FASTPAR_ERR_OUT_OF_MEMORY);
    assert_eq!(try_one(0, Some(fold), Some(combine), Some(apply), sum, 8), FASTPAR_OK);
    assert_eq!(place, 0);
}
