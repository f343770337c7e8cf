//! Small programs that a fuzzer made up: loops within loops, jobs, teams, queues, cancelling and shutdowns, in any order.
#![no_main]

use fastpar::job::{for_each_chunk, reduce, Control, JobHandle};
use fastpar::plan::Schedule;
use fastpar::queue::Queue;
use fastpar::{pool, team, Error, ErrorKind};
use fastpar_fuzz::{start_pool, Choices};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Duration;

/// Levels of loops within loops.
const DEPTH: u32 = 4;

fn schedule(choices: &mut Choices<'_>) -> Schedule {
    match choices.byte() % 3 {
        0 => Schedule::Segments { segments: usize::from(choices.byte() % 40) },
        1 => Schedule::Grain { grain: usize::from(choices.byte() % 40) },
        _ => Schedule::Guided { grain: usize::from(choices.byte() % 40) },
    }
}

/// A loop whose chunks may hold loops, may fail and may cancel; every item is counted once, or the loop says why not.
fn a_loop(program: &[u8], depth: u32) -> Result<(), Error> {
    let mut choices = Choices(program);
    let plan = schedule(&mut choices);
    let count = choices.below(200);
    let (fails, cancels) = (choices.byte(), choices.byte());
    let flag = AtomicI32::new(0);
    let control = Control { max_lanes: u32::from(choices.byte() % 5), cancel: Some(&flag), progress: None };
    let inner = choices.0;
    let done = AtomicUsize::new(0);
    let result = for_each_chunk(plan, count, &control, |chunk| {
        if chunk.index == usize::from(fails) && fails > 8 {
            return ControlFlow::Break(7);
        }
        if chunk.index == usize::from(cancels) && cancels > 8 {
            flag.store(1, Ordering::Relaxed);
        }
        if depth > 0 && !inner.is_empty() && chunk.index < 3 {
            let _ = a_loop(&inner[1..], depth - 1);
        }
        done.fetch_add(chunk.end - chunk.begin, Ordering::Relaxed);
        ControlFlow::Continue(())
    });
    match &result {
        Ok(()) => assert_eq!(done.into_inner(), count),
        Err(error) => match error.kind() {
            ErrorKind::Callback => assert_eq!((error.code(), error.position()), (7, Some(u64::from(fails)))),
            kind => assert!(kind == ErrorKind::Cancelled && cancels > 8),
        },
    }
    result
}

fn a_job(choices: &mut Choices<'_>) -> JobHandle {
    let (count, fails) = (choices.below(300), choices.byte());
    let body = move |chunk: &fastpar::job::Chunk| match chunk.index {
        index if fails > 200 && index == usize::from(fails - 200) => ControlFlow::Break(3),
        _ => ControlFlow::Continue(()),
    };
    JobHandle::start(schedule(choices), count, 0, None, None, Box::new(body)).expect("a job starts")
}

fn a_team(choices: &mut Choices<'_>) {
    let (members, fails) = (1 + u32::from(choices.byte() % 3), u32::from(choices.byte()));
    let arrived = AtomicUsize::new(0);
    let result = team::run(members, &|team, member| {
        if member == fails {
            return ControlFlow::Break(9);
        }
        arrived.fetch_add(1, Ordering::SeqCst);
        if team.barrier().is_ok() {
            // Whoever failed is not waited for.
            assert!(arrived.load(Ordering::SeqCst) as u32 >= members - u32::from(fails < members));
        }
        ControlFlow::Continue(())
    });
    assert_eq!(result.is_err(), fails < members);
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut choices = Choices(data);
    let queue = Arc::new(Queue::new(1 + choices.below(50)).unwrap());
    let mut inside = 0usize;
    let mut jobs = Vec::new();
    let mut closed = false;
    start_pool();
    for _ in 0..40 {
        if choices.0.is_empty() {
            break;
        }
        match choices.byte() % 12 {
            0..=2 => {
                let len = usize::from(choices.byte() % 60);
                let _ = a_loop(choices.bytes(len), DEPTH);
            }
            3 => jobs.push(a_job(&mut choices)),
            4 => {
                if let Some(job) = jobs.get(choices.below(jobs.len().max(1))) {
                    let timeout = Duration::from_millis(u64::from(choices.byte() % 3));
                    let (done, total) = job.progress().unwrap();
                    assert!(done <= total);
                    let result = job.wait(Some(timeout));
                    if let Err(error) = result {
                        assert!(matches!(
                            error.kind(),
                            ErrorKind::Timeout | ErrorKind::Callback | ErrorKind::Cancelled
                        ));
                    }
                }
            }
            5 => {
                if !jobs.is_empty() {
                    let job = jobs.swap_remove(choices.below(jobs.len()));
                    if choices.byte() % 2 == 0 {
                        job.cancel();
                    }
                    drop(job);
                }
            }
            6 => a_team(&mut choices),
            7 => match queue.push(choices.number(), Some(Duration::ZERO)) {
                Ok(()) => inside += 1,
                Err(error) => {
                    assert_eq!(error.kind(), if closed { ErrorKind::Closed } else { ErrorKind::Timeout })
                }
            },
            8 => match queue.pop(Some(Duration::ZERO)) {
                Ok(_) => inside -= 1,
                Err(error) => {
                    assert_eq!(inside, 0);
                    assert_eq!(error.kind(), if closed { ErrorKind::Closed } else { ErrorKind::Timeout });
                }
            },
            9 => {
                let plan = schedule(&mut choices);
                let count = choices.below(1000);
                let sum = reduce(
                    plan,
                    count,
                    &Control::default(),
                    0,
                    |chunk, sum| *sum += chunk.end - chunk.begin,
                    |a, b| *a += b,
                );
                assert_eq!(sum.unwrap(), count);
            }
            10 => {
                if choices.byte() % 8 == 0 {
                    pool::shutdown().unwrap();
                }
            }
            _ => {
                if choices.byte() % 16 == 0 {
                    queue.close();
                    closed = true;
                }
            }
        }
    }
});
