//! Ending the pool: who is waited for, what is left, and what comes after.

use crate::support::isolated::Isolated;
use fastpar::job::{for_each_chunk, Body, Control, JobHandle};
use fastpar::plan::Schedule;
use fastpar::pool;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

/// A loop over `items` items, one a chunk, that counts them.
fn count_items(items: usize) -> usize {
    let done = AtomicUsize::new(0);
    let body = |_: &_| {
        done.fetch_add(1, Ordering::Relaxed);
        ControlFlow::Continue(())
    };
    for_each_chunk(Schedule::Grain { grain: 1 }, items, &Control::default(), body).expect("the loop runs");
    done.into_inner()
}

/// Freed memory is filled with rubbish, so that whoever still uses it fails.
fn with_poisoned_memory() -> Isolated {
    Isolated::default().env("GLIBC_TUNABLES", "glibc.malloc.perturb=165").env("FASTPAR_THREADS", "4")
}

#[test]
fn shutdown_waits_for_jobs_that_use_the_pool() {
    with_poisoned_memory().run(|| {
        for _ in 0..200 {
            let done = Arc::new(AtomicUsize::new(0));
            let counter = Arc::clone(&done);
            let body: Body = Box::new(move |_| {
                counter.fetch_add(count_items(10), Ordering::Relaxed);
                ControlFlow::Continue(())
            });
            let schedule = Schedule::Grain { grain: 1 };
            let job = JobHandle::start(schedule, 100, 0, None, None, body).expect("it starts");
            pool::shutdown().expect("the pool ends");
            assert_eq!(done.load(Ordering::Relaxed), 1000, "shutdown returned before the job was finished");
            job.wait(None).expect("it is finished");
        }
    });
}

#[test]
fn helpers_that_come_after_the_last_call_find_the_pool() {
    with_poisoned_memory().run(|| {
        for _ in 0..500 {
            assert_eq!(count_items(24), 24);
            pool::shutdown().expect("the pool ends");
        }
    });
}
