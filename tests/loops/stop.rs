//! Loops that end early: failures, panics, cancelling, progress.

use crate::support::random::Random;
use crate::support::watchdog::watch;
use fastpar::job::{for_each_chunk, Chunk, Control};
use fastpar::plan::Schedule;
use fastpar::{Error, ErrorKind};
use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::Duration;

const EACH: Schedule = Schedule::Grain { grain: 1 };

/// More chunks than anybody could run: only stopping ends the loop.
const ENDLESS: usize = usize::MAX;

fn run(
    chunks: usize,
    control: &Control<'_>,
    body: impl Fn(&Chunk) -> ControlFlow<i32> + Sync,
) -> Option<Error> {
    for_each_chunk(EACH, chunks, control, body).err()
}

fn pool_still_works() {
    let done = AtomicUsize::new(0);
    let failed = run(1000, &Control::default(), |_| {
        done.fetch_add(1, Relaxed);
        Continue(())
    });
    assert_eq!((failed, done.into_inner()), (None, 1000));
}

#[test]
fn the_lowest_of_those_that_failed_is_told() {
    let _watch = watch();
    let mut random = Random::new(1);
    for _ in 0..500 {
        let one_in = 1 + random.below(200);
        let failing: Vec<bool> = (0..400).map(|_| random.one_in(one_in)).collect();
        let failed = Mutex::new(Vec::new());
        let error = run(400, &Control::default(), |chunk| {
            if !failing[chunk.index] {
                return Continue(());
            }
            failed.lock().unwrap().push(chunk.index);
            Break(1000 + chunk.index as i32)
        });
        let lowest = failed.into_inner().unwrap().into_iter().min();
        let told = error.map(|error| {
            assert_eq!(error.kind(), ErrorKind::Callback);
            (error.code(), error.position())
        });
        assert_eq!(told, lowest.map(|chunk| (1000 + chunk as i32, Some(chunk as u64))));
    }
}

#[test]
fn every_chunk_fails() {
    let _watch = watch();
    for _ in 0..200 {
        let ran = AtomicUsize::new(0);
        let error = run(10_000, &Control::default(), |_| {
            ran.fetch_add(1, Relaxed);
            Break(-1)
        });
        let error = error.expect("they all fail");
        assert_eq!(
            (error.code(), error.position()),
            (-1, Some(0)),
            "the first is started by the first who comes"
        );
        assert!(ran.into_inner() <= 24, "each lane stops at its first failure");
    }
}

/// How often a chunk starts though its lane could have known that the loop is to stop. Between a lane's last
/// look and the start of its chunk there is one chunk for each lane, never a second.
#[test]
fn no_new_chunk_starts_after_a_cancel() {
    let _watch = watch();
    for round in 0..300 {
        let flag = AtomicI32::new(0);
        let late: Vec<_> = (0..24).map(|_| AtomicUsize::new(0)).collect();
        let control = Control { cancel: Some(&flag), ..Control::default() };
        let error = run(ENDLESS, &control, |chunk| {
            if flag.load(Relaxed) != 0 {
                late[chunk.lane as usize].fetch_add(1, Relaxed);
            } else if chunk.index == round {
                flag.store(1, Relaxed);
            }
            Continue(())
        });
        assert_eq!(error.expect("it is cancelled").kind(), ErrorKind::Cancelled);
        assert!(
            late.iter().all(|late| late.load(Relaxed) <= 1),
            "a chunk started after the cancel: {late:?}"
        );
    }
}

#[test]
fn a_failure_stops_a_loop_without_end() {
    let _watch = watch();
    for round in 0..100 {
        let error =
            run(
                ENDLESS,
                &Control::default(),
                |chunk| if chunk.index == round { Break(3) } else { Continue(()) },
            );
        assert_eq!(error.expect("a chunk fails").position(), Some(round as u64));
    }
}

#[test]
fn cancelled_from_outside() {
    let _watch = watch();
    for _ in 0..50 {
        let (flag, running) = (AtomicI32::new(0), Barrier::new(2));
        thread::scope(|scope| {
            scope.spawn(|| {
                running.wait();
                flag.store(1, Relaxed);
            });
            let control = Control { cancel: Some(&flag), ..Control::default() };
            let error = run(ENDLESS, &control, |chunk| {
                if chunk.index == 0 {
                    running.wait();
                }
                Continue(())
            });
            assert_eq!(error.expect("it is cancelled").kind(), ErrorKind::Cancelled);
        });
    }
}

#[test]
fn cancelled_before_it_began() {
    let _watch = watch();
    let flag = AtomicI32::new(-7); // any value but 0
    for max_lanes in [0, 1] {
        for chunks in [0, 1, 2, ENDLESS] {
            let control = Control { cancel: Some(&flag), max_lanes, ..Control::default() };
            let error = run(chunks, &control, |_| panic!("a chunk started"));
            assert_eq!(error.expect("it is cancelled").kind(), ErrorKind::Cancelled, "{chunks} chunks");
        }
    }
}

#[test]
fn cancelled_in_its_last_chunk() {
    let _watch = watch();
    let flag = AtomicI32::new(0);
    let control = Control { cancel: Some(&flag), ..Control::default() };
    let error = run(1, &control, |_| {
        flag.store(1, Relaxed);
        Continue(())
    });
    assert_eq!(error.expect("it was set before the return").kind(), ErrorKind::Cancelled);
}

#[test]
fn a_failure_beats_a_cancel() {
    let _watch = watch();
    let flag = AtomicI32::new(0);
    let control = Control { cancel: Some(&flag), ..Control::default() };
    let error = run(100, &control, |_| {
        flag.store(1, Relaxed);
        Break(4)
    });
    assert_eq!(error.expect("a chunk failed").code(), 4);
}

#[test]
fn a_cancelled_inner_loop_leaves_the_outer_one() {
    let _watch = watch();
    let outer = run(100, &Control::default(), |_| {
        let flag = AtomicI32::new(0);
        let control = Control { cancel: Some(&flag), ..Control::default() };
        let inner = run(ENDLESS, &control, |chunk| {
            if chunk.index == 10 {
                flag.store(1, Relaxed);
            }
            Continue(())
        });
        assert_eq!(inner.expect("it is cancelled").kind(), ErrorKind::Cancelled);
        Continue(())
    });
    assert_eq!(outer, None);
}

#[test]
fn a_panic_is_told_and_the_pool_lives() {
    let _watch = watch();
    for round in 0..30 {
        let error = run(100, &Control::default(), |chunk| {
            assert!(chunk.index != 3 * round, "on purpose");
            Continue(())
        });
        let error = error.expect("a chunk panics");
        assert_eq!((error.kind(), error.position()), (ErrorKind::Panic, Some(3 * round as u64)));
        assert_eq!(error.message(), format!("the callback panicked at chunk {}: on purpose", 3 * round));
        pool_still_works();
    }
}

#[test]
fn a_panic_whose_payload_panics_again() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("again");
        }
    }
    let _watch = watch();
    let error = run(100, &Control::default(), |_| std::panic::panic_any(Bomb));
    assert_eq!(error.expect("chunks panic").kind(), ErrorKind::Panic);
    pool_still_works();
}

#[test]
fn a_panic_in_a_nested_loop() {
    let _watch = watch();
    let error = run(10, &Control::default(), |outer| {
        let inner = run(10, &Control::default(), |inner| {
            assert!((outer.index, inner.index) != (4, 7), "on purpose");
            Continue(())
        });
        assert_eq!(inner.is_some(), outer.index == 4);
        if inner.is_some() {
            Break(1)
        } else {
            Continue(())
        }
    });
    assert_eq!(error.expect("it is passed on").position(), Some(4));
    pool_still_works();
}

/// What a progress callback was told; it panics if it is called by two threads at once.
#[derive(Default)]
struct Told {
    inside: AtomicBool,
    reports: Mutex<Vec<(u64, u64)>>,
}

impl Told {
    fn report(&self, done: u64, total: u64) {
        assert!(!self.inside.swap(true, Relaxed), "two threads report at the same time");
        thread::sleep(Duration::from_micros(100)); // makes it likely that others come meanwhile
        self.reports.lock().unwrap().push((done, total));
        self.inside.store(false, Relaxed);
    }

    fn check(self, total: u64, complete: bool) {
        let reports = self.reports.into_inner().unwrap();
        assert!(reports.iter().all(|&(done, of)| of == total && done <= total));
        assert!(reports.is_sorted_by_key(|report| report.0), "it goes back: {reports:?}");
        assert!(
            !complete || reports.last() == Some(&(total, total)),
            "the last report is missing: {reports:?}"
        );
    }
}

#[test]
fn progress_is_serialized_and_monotone_and_ends() {
    let _watch = watch();
    let pause = |chunk: &Chunk| {
        if chunk.index % 100 == 0 {
            thread::sleep(Duration::from_millis(5)); // so that it is time for a report now and then
        }
        Continue(())
    };
    for (schedule, items) in [(EACH, 3000), (Schedule::default(), 1_000_003), (EACH, 1), (EACH, 0)] {
        let told = Told::default();
        let report = |done, total| {
            told.report(done, total);
            Continue(())
        };
        let control = Control { progress: Some(&report), ..Control::default() };
        for_each_chunk(schedule, items, &control, pause).expect("no assertion failed");
        told.check(items as u64, true);
    }
}

#[test]
fn progress_cancels() {
    let _watch = watch();
    let (told, calls) = (Told::default(), AtomicU64::new(0));
    let report = |done, total| {
        told.report(done, total);
        calls.fetch_add(1, Relaxed);
        Break(())
    };
    let control = Control { progress: Some(&report), ..Control::default() };
    let error = run(ENDLESS, &control, |_| Continue(()));
    assert_eq!(error.expect("it is cancelled").kind(), ErrorKind::Cancelled);
    assert!(calls.load(Relaxed) >= 1);
    told.check(ENDLESS as u64, false);
}

#[test]
fn progress_at_the_end_cannot_cancel() {
    let _watch = watch();
    let report = |_, _| Break(());
    let control = Control { progress: Some(&report), ..Control::default() };
    assert_eq!(run(10, &control, |_| Continue(())), None);
}

#[test]
fn a_panicking_progress_callback() {
    let _watch = watch();
    let report = |_, _| panic!("on purpose");
    let control = Control { progress: Some(&report), ..Control::default() };
    let error = run(ENDLESS, &control, |_| Continue(()));
    assert_eq!(error.expect("it is stopped").kind(), ErrorKind::Panic);
    pool_still_works();
}
