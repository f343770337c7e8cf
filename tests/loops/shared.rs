//! Atomics on the caller's memory, and the C functions of loops, jobs and teams with arguments that are not
//! good.

use crate::support::watchdog::watch;
use fastpar::ffi::*;
use fastpar::job::{for_each_chunk, Control};
use fastpar::plan::Schedule;
use std::ffi::{c_void, CStr};
use std::mem::offset_of;
use std::ops::ControlFlow::Continue;
use std::ptr;

/// An address that other threads may use too.
#[derive(Clone, Copy)]
struct Place(*mut i64);
// SAFETY: the atomics are made for that.
unsafe impl Sync for Place {}

impl Place {
    fn get(&self) -> *mut i64 {
        self.0
    }
}

#[test]
fn atomics_do_what_they_say() {
    let mut value = 5_i64;
    let place = ptr::from_mut(&mut value);
    let mut expected = 1;
    // SAFETY: valid and aligned.
    unsafe {
        assert_eq!(fastpar_atomic_load(place), 5);
        fastpar_atomic_store(place, -3);
        assert_eq!(fastpar_atomic_add(place, 10), -3);
        assert_eq!(fastpar_atomic_max(place, 6), 7);
        assert_eq!(fastpar_atomic_max(place, 100), 7);
        assert_eq!(fastpar_atomic_min(place, 200), 100);
        assert_eq!(fastpar_atomic_min(place, i64::MIN), 100);
        assert_eq!(fastpar_atomic_add(place, -1), i64::MIN, "it wraps around");
        assert_eq!(fastpar_atomic_load(place), i64::MAX);
        assert_eq!(fastpar_atomic_compare_exchange(place, &mut expected, 2), 0);
        assert_eq!(expected, i64::MAX, "it tells the value that it found");
        assert_eq!(fastpar_atomic_compare_exchange(place, &mut expected, 2), 1);
        assert_eq!(fastpar_atomic_load(place), 2);
    }
}

#[test]
fn atomics_with_no_place_or_a_misaligned_one_do_nothing() {
    let mut memory = [7_i64; 2];
    let mut expected = 7;
    // SAFETY: four bytes in, still inside the array.
    let misaligned = unsafe { memory.as_mut_ptr().byte_add(4) };
    for place in [ptr::null_mut(), misaligned] {
        // SAFETY: NULL and misaligned places are allowed.
        unsafe {
            assert_eq!(fastpar_atomic_load(place), 0);
            fastpar_atomic_store(place, 1);
            assert_eq!(fastpar_atomic_add(place, 1), 0);
            assert_eq!(fastpar_atomic_max(place, 100), 0);
            assert_eq!(fastpar_atomic_min(place, -100), 0);
            assert_eq!(fastpar_atomic_compare_exchange(place, &mut expected, 1), 0);
        }
    }
    // SAFETY: valid; `expected` may be NULL.
    unsafe { assert_eq!(fastpar_atomic_compare_exchange(&mut memory[0], ptr::null_mut(), 1), 0) };
    assert_eq!((memory, expected), ([7, 7], 7));
}

#[test]
fn atomics_from_many_threads() {
    let _watch = watch();
    let mut values = [0_i64, 0, i64::MAX, 0];
    let places = values.each_mut().map(|value| Place(value));
    let places = &places;
    for_each_chunk(Schedule::Grain { grain: 1 }, 20_000, &Control::default(), |chunk| {
        let index = chunk.index as i64;
        // SAFETY: valid, aligned, and used only as atomics while the loop runs.
        unsafe {
            fastpar_atomic_add(places[0].get(), index);
            fastpar_atomic_max(places[1].get(), index);
            fastpar_atomic_min(places[2].get(), index - 5);
            let mut known = fastpar_atomic_load(places[3].get());
            while fastpar_atomic_compare_exchange(places[3].get(), &mut known, known + 1) == 0 {}
        }
        Continue(())
    })
    .expect("the loop runs");
    assert_eq!(values, [20_000 * 19_999 / 2, 19_999, -5, 20_000]);
}

unsafe extern "C" fn never(_: *mut c_void, _: *const fastpar_chunk) -> i32 {
    panic!("it must not be called")
}

unsafe extern "C" fn member_7(_: *mut c_void, team: *mut fastpar_team, member: u32, _: u32) -> i32 {
    // SAFETY: fastpar's team.
    let status = unsafe { fastpar_team_barrier(team, ptr::null_mut()) };
    if member == 1 {
        7
    } else {
        status
    }
}

fn options() -> fastpar_loop_options {
    // SAFETY: integers and nullable pointers, for which zero is valid.
    let zero: fastpar_loop_options = unsafe { std::mem::zeroed() };
    fastpar_loop_options { struct_size: size_of::<fastpar_loop_options>(), ..zero }
}

/// What a call said: its status, and its message.
fn told(call: impl FnOnce(*mut fastpar_error) -> fastpar_status) -> (fastpar_status, String) {
    // SAFETY: integers only, for which zero is valid.
    let mut error: fastpar_error = unsafe { std::mem::zeroed() };
    let status = call(&mut error);
    assert_eq!(error.status, status);
    // SAFETY: NUL-terminated by fastpar.
    let message = unsafe { CStr::from_ptr(error.message.as_ptr()) };
    (status, message.to_str().expect("it is UTF-8").to_owned())
}

fn try_for(options: &fastpar_loop_options, body: fastpar_chunk_fn) -> (fastpar_status, String) {
    // SAFETY: valid pointers; the body is not called.
    told(|error| unsafe { fastpar_for(options, 10, body, ptr::null_mut(), error) })
}

#[test]
fn loops_with_bad_options() {
    let good = options();
    let misaligned = ptr::without_provenance(2);
    let invalid = [
        (fastpar_loop_options { struct_size: 0, ..good }, "struct_size is 0"),
        (
            fastpar_loop_options { struct_size: offset_of!(fastpar_loop_options, flags) - 1, ..good },
            "struct_size is",
        ),
        (fastpar_loop_options { struct_size: 5000, ..good }, "struct_size is 5000"),
        (fastpar_loop_options { schedule: 4, ..good }, "schedule is 4"),
        (fastpar_loop_options { cancel: misaligned, ..good }, "cancel"),
    ];
    for (options, part) in invalid {
        let (status, message) = try_for(&options, Some(never));
        assert_eq!(status, FASTPAR_ERR_INVALID_ARGUMENT, "{message}");
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(try_for(&good, None), (FASTPAR_ERR_INVALID_ARGUMENT, "the chunk callback is NULL".into()));
}

#[test]
fn options_of_a_newer_version() {
    #[repr(C)]
    struct Newer {
        known: fastpar_loop_options,
        unknown: [u64; 2],
    }
    let newer = |unknown| {
        let known = fastpar_loop_options { struct_size: size_of::<Newer>(), ..options() };
        let newer = Newer { known, unknown };
        let none = ptr::null_mut();
        // SAFETY: as many bytes as struct_size says; no items, so the body is not called.
        unsafe { fastpar_for(ptr::from_ref(&newer).cast(), 0, Some(never), none, none.cast()) }
    };
    assert_eq!(newer([0, 0]), FASTPAR_OK);
    assert_eq!(newer([0, 1]), FASTPAR_ERR_UNSUPPORTED);
}

#[test]
fn starting_a_job_with_bad_arguments_gives_no_handle() {
    let bad = fastpar_loop_options { schedule: 9, ..options() };
    let none = ptr::null_mut();
    for (options, body) in [(&bad, Some(never as unsafe extern "C" fn(_, _) -> _)), (&options(), None)] {
        let mut job = ptr::dangling_mut();
        // SAFETY: valid pointers; nothing is called.
        let status = unsafe { fastpar_for_start(options, 10, body, none, &mut job, none.cast()) };
        assert_eq!(status, FASTPAR_ERR_INVALID_ARGUMENT);
        assert!(job.is_null(), "NULL on failure");
    }
    // SAFETY: NULL is allowed everywhere here.
    unsafe {
        let started = fastpar_for_start(ptr::null(), 10, Some(never), none, ptr::null_mut(), none.cast());
        assert_eq!(started, FASTPAR_ERR_INVALID_ARGUMENT);
        assert_eq!(fastpar_job_wait(none.cast(), 0, none.cast()), FASTPAR_ERR_INVALID_ARGUMENT);
        let (done, total) = (ptr::null_mut(), ptr::null_mut());
        assert_eq!(fastpar_job_progress(ptr::null(), done, total, none.cast()), FASTPAR_ERR_INVALID_ARGUMENT);
        fastpar_job_cancel(none.cast());
        fastpar_job_free(none.cast());
    }
}

#[test]
fn teams_through_the_c_functions() {
    let _watch = watch();
    let none = ptr::null_mut::<c_void>();
    // SAFETY: NULL, or valid.
    unsafe {
        assert_eq!(fastpar_team_run(1, None, none, none.cast()), FASTPAR_ERR_INVALID_ARGUMENT);
        assert_eq!(fastpar_team_barrier(none.cast(), none.cast()), FASTPAR_ERR_INVALID_ARGUMENT);
        assert_eq!(fastpar_team_run(5, Some(member_7), none, none.cast()), FASTPAR_ERR_CALLBACK);
        assert_eq!(fastpar_team_run(1, Some(member_7), none, none.cast()), FASTPAR_OK);
        assert_eq!(fastpar_team_run(1025, Some(member_7), none, none.cast()), FASTPAR_ERR_THREADS);
    }
}

#[test]
fn cancel_flags_that_are_none() {
    let mut flags = [0_i32; 2];
    // SAFETY: NULL, misaligned and valid flags are allowed.
    unsafe {
        fastpar_cancel(ptr::null_mut());
        fastpar_cancel(flags.as_mut_ptr().byte_add(2));
        assert_eq!(flags, [0, 0]);
        fastpar_cancel(&mut flags[1]);
    }
    assert_eq!(flags, [0, 1]);
}
