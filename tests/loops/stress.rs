//! Everything at once, for a fixed number of rounds with fixed random numbers. Results are checked exactly;
//! nothing depends on timing.

use crate::support::random::Random;
use crate::support::watchdog::watch;
use fastpar::job::{for_each_chunk, reduce, Body, Chunk, Control, JobHandle};
use fastpar::plan::Schedule;
use fastpar::queue::Queue;
use fastpar::{pool, team, ErrorKind};
use std::ops::ControlFlow::{Break, Continue};
use std::sync::atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

const CALLERS: u64 = 8;
const ROUNDS: usize = 60;

fn schedule(random: &mut Random) -> Schedule {
    match random.below(4) {
        0 => Schedule::Segments { segments: random.below(60) as usize },
        1 => Schedule::Grain { grain: random.below(20) as usize },
        2 => Schedule::Guided { grain: random.below(5) as usize },
        _ => Schedule::Cache { item_size: 1 + random.below(64) as usize, cache_bytes: 1 << random.below(20) },
    }
}

/// A random tree of loops; each item is a loop of its own until the depth is used up. Returns the leaves.
fn nested(random: &mut Random, depth: u64) -> usize {
    let count = random.below(14) as usize;
    let (schedule, max_lanes, seed) = (schedule(random), random.below(6) as u32, random.next());
    if depth == 0 {
        return count;
    }
    let leaves = AtomicUsize::new(0);
    let control = Control { max_lanes, ..Control::default() };
    for_each_chunk(schedule, count, &control, |chunk| {
        for item in chunk.begin..chunk.end {
            leaves.fetch_add(nested(&mut Random::new(seed ^ item as u64), depth - 1), Relaxed);
        }
        Continue(())
    })
    .expect("a nested loop runs");
    leaves.into_inner()
}

/// The same tree, counted by one thread alone.
fn nested_serially(random: &mut Random, depth: u64) -> usize {
    let count = random.below(14) as usize;
    let (_, _, seed) = (schedule(random), random.below(6), random.next());
    if depth == 0 {
        return count;
    }
    (0..count).map(|item| nested_serially(&mut Random::new(seed ^ item as u64), depth - 1)).sum()
}

fn check_nested(random: &mut Random) {
    let seed = random.next();
    assert_eq!(nested(&mut Random::new(seed), 3), nested_serially(&mut Random::new(seed), 3));
}

/// A loop whose chunks fail, panic or cancel at random.
fn check_stopped(random: &mut Random) {
    let (count, seed, one_in) = (random.below(500) as usize, random.next(), 1 + random.below(300));
    let (flag, lowest, done) = (AtomicI32::new(0), AtomicU64::new(u64::MAX), AtomicUsize::new(0));
    let control = Control { cancel: Some(&flag), ..Control::default() };
    let result = for_each_chunk(Schedule::Grain { grain: 1 }, count, &control, |chunk| {
        let mut random = Random::new(seed ^ chunk.index as u64);
        done.fetch_add(1, Relaxed);
        if random.one_in(one_in) {
            match random.below(3) {
                0 => flag.store(1, Relaxed),
                1 => {
                    lowest.fetch_min(chunk.index as u64, Relaxed);
                    return Break(chunk.index as i32 + 1);
                }
                _ => {
                    lowest.fetch_min(chunk.index as u64, Relaxed);
                    // Unlike panic!, it says nothing on the terminal.
                    std::panic::resume_unwind(Box::new("on purpose"));
                }
            }
        }
        Continue(())
    });
    let lowest = lowest.into_inner();
    match result {
        Ok(()) => assert_eq!((done.into_inner(), lowest, flag.into_inner()), (count, u64::MAX, 0)),
        Err(error) if error.kind() == ErrorKind::Cancelled => {
            assert_eq!((flag.into_inner(), lowest), (1, u64::MAX))
        }
        Err(error) => {
            assert!(matches!(error.kind(), ErrorKind::Callback | ErrorKind::Panic), "{error}");
            assert_eq!(error.position(), Some(lowest));
        }
    }
}

fn check_reduce(random: &mut Random) {
    let (schedule, count) = (schedule(random), random.below(3000) as usize);
    let control = Control { max_lanes: random.below(8) as u32, ..Control::default() };
    let fold = |chunk: &Chunk, all: &mut Vec<usize>| all.extend(chunk.begin..chunk.end);
    let all = reduce(schedule, count, &control, Vec::new(), fold, |all, mut part| all.append(&mut part));
    assert!(all.expect("it succeeds").into_iter().eq(0..count));
}

/// A job that is waited for, polled, cancelled or dropped.
fn check_job(random: &mut Random) {
    let count = random.below(400) as usize;
    let (done, inside) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counter, guard) = (Arc::clone(&done), Arc::clone(&inside));
    let body: Body = Box::new(move |_| {
        guard.fetch_add(1, Relaxed);
        counter.fetch_add(1, Relaxed);
        guard.fetch_sub(1, Relaxed);
        Continue(())
    });
    let lanes = random.below(4) as u32;
    let job =
        JobHandle::start(Schedule::Grain { grain: 1 }, count, lanes, None, None, body).expect("it starts");
    match random.below(4) {
        0 => job.wait(None).expect("it succeeds"),
        1 => {
            let patience = Some(Duration::from_micros(random.below(100)));
            while let Err(error) = job.wait(patience) {
                assert_eq!(error.kind(), ErrorKind::Timeout);
            }
        }
        2 => {
            job.cancel();
            match job.wait(None) {
                Ok(()) => assert_eq!(done.load(Relaxed), count),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Cancelled),
            }
            assert_eq!(inside.load(Relaxed), 0);
            return;
        }
        _ => {
            drop(job);
            assert_eq!(inside.load(Relaxed), 0, "a chunk runs after its job was dropped");
            return;
        }
    }
    assert_eq!(done.load(Relaxed), count);
}

fn check_team(random: &mut Random) {
    let members = 1 + random.below(u64::from(pool::threads().expect("the environment is good"))) as u32;
    let (phases, failing) = (random.below(5), random.below(40) as u32);
    let arrived: Vec<_> = (0..phases).map(|_| AtomicUsize::new(0)).collect();
    let result = team::run(members, &|team, member| {
        for phase in &arrived {
            phase.fetch_add(1, Relaxed);
            if team.barrier().is_err() {
                return Break(-1);
            }
            assert_eq!(phase.load(Relaxed), members as usize);
        }
        if member == failing {
            Break(9)
        } else {
            Continue(())
        }
    });
    match result {
        Ok(()) => assert!(failing >= members),
        Err(error) => assert_eq!((error.code(), error.position()), (9, Some(u64::from(failing)))),
    }
}

fn check_queue(random: &mut Random) {
    let queue = Queue::new(1 + random.below(8) as usize).expect("the capacity is in range");
    let (count, total) = (random.below(200), AtomicU64::new(0));
    team::run(2, &|_, member| {
        if member == 0 {
            (0..count).for_each(|value| queue.push(value, None).expect("it is open"));
            queue.close();
        } else {
            while let Ok(value) = queue.pop(None) {
                total.fetch_add(value, Relaxed);
            }
        }
        Continue(())
    })
    .expect("every member succeeds");
    assert_eq!(total.into_inner(), (0..count).sum());
}

#[test]
fn many_callers_do_all_kinds_of_things() {
    let _watch = watch();
    thread::scope(|scope| {
        for caller in 0..CALLERS {
            scope.spawn(move || {
                let mut random = Random::new(caller + 1);
                for _ in 0..ROUNDS {
                    match random.below(7) {
                        0 => check_nested(&mut random),
                        1 => check_stopped(&mut random),
                        2 => check_reduce(&mut random),
                        3 => check_job(&mut random),
                        4 => check_team(&mut random),
                        5 => check_queue(&mut random),
                        // The other tests of this program go on meanwhile: their pool is another one then.
                        _ if caller == 0 => pool::shutdown().expect("it is outside of everything"),
                        _ => check_stopped(&mut random),
                    }
                }
            });
        }
    });
}

#[test]
fn the_same_inside_callbacks() {
    let _watch = watch();
    for_each_chunk(Schedule::Grain { grain: 1 }, 100, &Control::default(), |chunk| {
        let mut random = Random::new(1000 + chunk.index as u64);
        match random.below(4) {
            0 => check_nested(&mut random),
            1 => check_stopped(&mut random),
            2 => check_reduce(&mut random),
            _ => check_job(&mut random),
        }
        Continue(())
    })
    .expect("no assertion failed");
}
