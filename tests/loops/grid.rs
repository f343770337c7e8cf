//! The grid: for many counts, schedules and lanes a loop completes, stays in bounds, runs every item exactly
//! once, and gives each lane to one thread at a time.

use crate::support::watchdog::watch;
use fastpar::job::{for_each_chunk, plan, Chunk, Control};
use fastpar::plan::Schedule;
use fastpar::pool;
use std::cell::Cell;
use std::ops::ControlFlow::Continue;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::Relaxed};
use std::sync::Barrier;
use std::thread;

const SCHEDULES: [Schedule; 14] = [
    Schedule::Segments { segments: 0 },
    Schedule::Segments { segments: 1 },
    Schedule::Segments { segments: 7 },
    Schedule::Segments { segments: 5000 },
    Schedule::Grain { grain: 0 },
    Schedule::Grain { grain: 1 },
    Schedule::Grain { grain: 3 },
    Schedule::Grain { grain: 1000 },
    Schedule::Guided { grain: 0 },
    Schedule::Guided { grain: 1 },
    Schedule::Guided { grain: 16 },
    Schedule::Cache { item_size: 0, cache_bytes: 0 },
    Schedule::Cache { item_size: 48, cache_bytes: 4096 },
    Schedule::Cache { item_size: 8, cache_bytes: 1 },
];

/// Runs one loop and checks everything that must hold for it.
fn check(schedule: Schedule, count: usize, max_lanes: u32) {
    let what = format!("{schedule:?}, {count} items, {max_lanes} lanes");
    let expected = plan(schedule, count, max_lanes).expect("the environment is good");
    let items: Vec<_> = (0..count).map(|_| AtomicU32::new(0)).collect();
    let chunks = AtomicUsize::new(0);
    let lanes: Vec<_> = (0..expected.lanes()).map(|_| AtomicBool::new(false)).collect();
    let caller = thread::current().id();
    let body = |chunk: &Chunk| {
        assert_eq!(chunk.lanes, expected.lanes(), "{what}");
        let lane = &lanes[chunk.lane as usize]; // in bounds
        assert!(!lane.swap(true, Relaxed), "two threads are in lane {}: {what}", chunk.lane);
        assert_eq!(chunk.lane == 0, thread::current().id() == caller, "lane 0 is the caller: {what}");
        assert_eq!((chunk.begin, chunk.end), expected.bounds(chunk.index).expect("in bounds"), "{what}");
        for item in &items[chunk.begin..chunk.end] {
            item.fetch_add(1, Relaxed);
        }
        chunks.fetch_add(1, Relaxed);
        lane.store(false, Relaxed);
        Continue(())
    };
    let control = Control { max_lanes, ..Control::default() };
    for_each_chunk(schedule, count, &control, body).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(chunks.into_inner(), expected.chunks(), "{what}");
    let wrong = items.iter().position(|item| item.load(Relaxed) != 1);
    assert_eq!(wrong, None, "an item was not run exactly once: {what}");
}

#[test]
fn every_combination() {
    let _watch = watch();
    for schedule in SCHEDULES {
        for count in [0, 1, 2, 3, 22, 23, 24, 25, 47, 48, 49, 100, 767, 768, 769, 4099] {
            for max_lanes in [0, 1, 2, 3, 23, 24, 25, u32::MAX] {
                check(schedule, count, max_lanes);
            }
        }
    }
}

#[test]
fn many_chunks_more_often() {
    let _watch = watch();
    for round in 0..30 {
        check(Schedule::Grain { grain: 1 }, 30_000 + round, 0);
    }
}

#[test]
fn counts_that_no_array_has() {
    let _watch = watch();
    let items = std::sync::Mutex::new(Vec::new());
    for_each_chunk(Schedule::default(), usize::MAX, &Control::default(), |chunk| {
        items.lock().unwrap().push((chunk.begin, chunk.end));
        Continue(())
    })
    .expect("the loop runs");
    let mut items = items.into_inner().unwrap();
    items.sort_unstable();
    assert_eq!(items.len(), 24);
    assert_eq!((items[0].0, items[23].1), (0, usize::MAX));
    assert!(items.windows(2).all(|pair| pair[0].1 == pair[1].0));
}

#[test]
fn what_chunks_wrote_is_visible_to_the_caller() {
    /// A cell that the compiler lets threads share; the loop alone orders the accesses.
    struct Shared(Vec<Cell<usize>>);
    // SAFETY: each cell is written by the one chunk that holds it, and read when the loop has returned.
    unsafe impl Sync for Shared {}
    impl Shared {
        fn get(&self, index: usize) -> &Cell<usize> {
            &self.0[index]
        }
    }

    let _watch = watch();
    for round in 0..300 {
        let cells = Shared((0..100).map(|_| Cell::new(0)).collect());
        for_each_chunk(Schedule::Grain { grain: 1 }, 100, &Control::default(), |chunk| {
            cells.get(chunk.index).set(round + chunk.index);
            Continue(())
        })
        .expect("the loop runs");
        assert!((0..100).all(|index| cells.get(index).get() == round + index));
    }
}

#[test]
fn sixty_four_foreign_threads_at_once() {
    let _watch = watch();
    let start = Barrier::new(64);
    thread::scope(|scope| {
        for caller in 0..64 {
            let start = &start;
            scope.spawn(move || {
                start.wait();
                for round in 0..10 {
                    check(
                        SCHEDULES[(caller + round) % SCHEDULES.len()],
                        50 * caller + round,
                        (caller % 30) as u32,
                    );
                }
            });
        }
    });
}

/// Three levels: items are counted at the innermost.
fn nested(depth: u32, each: usize, total: &AtomicUsize) {
    if depth == 0 {
        total.fetch_add(1, Relaxed);
        return;
    }
    for_each_chunk(Schedule::Grain { grain: 1 }, each, &Control::default(), |_| {
        nested(depth - 1, each, total);
        Continue(())
    })
    .expect("a nested loop runs");
}

#[test]
fn nested_three_deep() {
    let _watch = watch();
    for each in [1, 2, 24, 30] {
        let total = AtomicUsize::new(0);
        nested(3, each, &total);
        assert_eq!(total.into_inner(), each.pow(3));
    }
}

#[test]
fn nested_from_many_threads() {
    let _watch = watch();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let total = AtomicUsize::new(0);
                nested(3, 12, &total);
                assert_eq!(total.into_inner(), 12_usize.pow(3));
            });
        }
    });
}

#[test]
fn nested_deeper_than_gates_are_kept() {
    let _watch = watch();
    let total = AtomicUsize::new(0);
    nested(9, 2, &total);
    assert_eq!(total.into_inner(), 512);
}

#[test]
fn a_nested_callers_lane_is_0_too() {
    let _watch = watch();
    for_each_chunk(Schedule::default(), 100, &Control::default(), |_| {
        let caller = thread::current().id();
        for_each_chunk(Schedule::default(), 100, &Control::default(), |chunk| {
            assert_eq!(chunk.lane == 0, thread::current().id() == caller);
            Continue(())
        })
        .expect("a nested loop runs");
        Continue(())
    })
    .expect("no assertion failed");
}

#[test]
fn workers_have_numbers() {
    let _watch = watch();
    assert_eq!(pool::worker(), None);
    let caller = thread::current().id();
    let threads = pool::threads().expect("the environment is good");
    for_each_chunk(Schedule::default(), 1000, &Control::default(), |_| {
        match pool::worker() {
            None => assert_eq!(thread::current().id(), caller),
            Some(worker) => assert!(worker < threads),
        }
        Continue(())
    })
    .expect("no assertion failed");
}
