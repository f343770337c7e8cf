//! Ending the pool: who is waited for, what is left, and what comes after.

use crate::support::isolated::{isolated, Isolated};
use crate::{count_chunks, expect_threads, run_chunks, thread_names, EACH};
use fastpar::job::{Body, JobHandle};
use fastpar::{pool, team, ErrorKind};
use std::ops::ControlFlow::Continue;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

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
                counter.fetch_add(count_chunks(10), Relaxed);
                Continue(())
            });
            let job = JobHandle::start(EACH, 100, 0, None, None, body).expect("it starts");
            pool::shutdown().expect("the pool ends");
            assert_eq!(done.load(Relaxed), 1000, "shutdown returned before the job was finished");
            job.wait(None).expect("it is finished");
        }
    });
}

#[test]
fn helpers_that_come_after_the_last_call_find_the_pool() {
    with_poisoned_memory().run(|| {
        for _ in 0..500 {
            assert_eq!(count_chunks(24), 24);
            pool::shutdown().expect("the pool ends");
        }
    });
}

#[test]
fn every_worker_is_joined() {
    isolated(|| {
        let before = thread_names("").len();
        for _ in 0..20 {
            assert_eq!(count_chunks(100), 100);
            expect_threads("", before + 24);
            pool::shutdown().expect("the pool ends");
            expect_threads("", before);
            pool::shutdown().expect("there is nothing to end");
        }
    });
}

#[test]
fn not_from_inside() {
    isolated(|| {
        let refused = |what: &str| {
            assert_eq!(
                pool::shutdown().expect_err("it would wait for itself").kind(),
                ErrorKind::Busy,
                "{what}"
            );
        };
        run_chunks(100, |_| {
            refused("a loop");
            run_chunks(10, |_| refused("a nested loop"));
            refused("after a nested loop");
        });
        team::run(3, &|_, _| {
            refused("a team");
            Continue(())
        })
        .expect("there are enough threads");
        let body: Body = Box::new(move |_| {
            refused("a job");
            Continue(())
        });
        let job = JobHandle::start(EACH, 100, 0, None, None, body).expect("it starts");
        job.wait(None).expect("no assertion failed");
        pool::shutdown().expect("outside it is possible");
    });
}

/// Each call runs, on the pool that ends or on the next one.
#[test]
fn while_eight_threads_submit() {
    Isolated::default().env("FASTPAR_THREADS", "4").run(|| {
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    while !stop.load(Relaxed) {
                        assert_eq!(count_chunks(50), 50);
                        let job = JobHandle::start(EACH, 20, 0, None, None, Box::new(|_| Continue(())));
                        job.expect("it starts").wait(None).expect("it succeeds");
                        team::run(3, &|team, _| {
                            team.barrier().expect("nobody fails");
                            Continue(())
                        })
                        .expect("there are enough threads");
                    }
                });
            }
            for _ in 0..200 {
                pool::shutdown().expect("the pool ends");
            }
            stop.store(true, Relaxed);
        });
        pool::shutdown().expect("the last one ends");
        expect_threads("fastpar", 0);
    });
}

#[test]
fn by_several_threads_at_once() {
    Isolated::default().env("FASTPAR_THREADS", "4").run(|| {
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        assert_eq!(count_chunks(10), 10);
                        pool::shutdown().expect("one of the pools ends");
                    }
                });
            }
        });
        pool::shutdown().expect("the last one ends");
        expect_threads("fastpar", 0);
    });
}

/// A nested call of a job that shutdown waits for stays on the pool that ends.
#[test]
fn a_job_goes_on_to_its_end() {
    Isolated::default().env("FASTPAR_THREADS", "2").run(|| {
        for _ in 0..50 {
            let done = Arc::new(AtomicUsize::new(0));
            let counter = Arc::clone(&done);
            let body: Body = Box::new(move |_| {
                let inner =
                    JobHandle::start(EACH, 5, 0, None, None, Box::new(|_| Continue(()))).expect("it starts");
                inner.wait(None).expect("it succeeds");
                counter.fetch_add(count_chunks(5), Relaxed);
                Continue(())
            });
            let job = JobHandle::start(EACH, 50, 0, None, None, body).expect("it starts");
            thread::scope(|scope| {
                scope.spawn(|| job.wait(None).expect("it succeeds"));
                pool::shutdown().expect("the pool ends");
            });
            assert_eq!(done.load(Relaxed), 250);
        }
        pool::shutdown().expect("nothing is left");
        expect_threads("fastpar", 0);
    });
}

/// A shutdown with a limit: while a call runs the same pool goes on, afterwards it ends.
#[test]
fn a_shutdown_within_a_time_leaves_a_busy_pool_alone() {
    with_poisoned_memory().run(|| {
        pool::shutdown_within(Duration::ZERO).expect("there is no pool");
        let (begun, may_end) = (AtomicBool::new(false), AtomicBool::new(false));
        thread::scope(|scope| {
            scope.spawn(|| {
                run_chunks(1, |_| {
                    begun.store(true, Relaxed);
                    while !may_end.load(Relaxed) {
                        thread::yield_now();
                    }
                    assert_eq!(count_chunks(10), 10, "calls inside go on");
                });
            });
            while !begun.load(Relaxed) {
                thread::yield_now();
            }
            for time in [0, 20] {
                let late = pool::shutdown_within(Duration::from_millis(time)).expect_err("a call runs");
                assert_eq!(late.kind(), ErrorKind::Timeout);
            }
            let before = pool::stats();
            assert_eq!(count_chunks(10), 10);
            assert_eq!(pool::stats().jobs, before.jobs + 1, "the same pool");
            may_end.store(true, Relaxed);
            pool::shutdown_within(Duration::from_secs(100)).expect("the call ends");
            assert_eq!(pool::stats().threads, 0);
        });
        assert_eq!(count_chunks(10), 10);
        // A job that outlives its call counts, too.
        let flag = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&flag);
        let body: Body = Box::new(move |_| {
            while !ends.load(Relaxed) {
                thread::yield_now();
            }
            Continue(())
        });
        let job = JobHandle::start(EACH, 1, 0, None, None, body).expect("it starts");
        let late = pool::shutdown_within(Duration::from_millis(1)).expect_err("a job runs");
        assert_eq!(late.kind(), ErrorKind::Timeout);
        flag.store(true, Relaxed);
        pool::shutdown_within(Duration::from_secs(100)).expect("the job ends");
        job.wait(None).expect("it is finished");
        run_chunks(1, |_| {
            let inside = pool::shutdown_within(Duration::ZERO).expect_err("inside a callback");
            assert_eq!(inside.kind(), ErrorKind::Busy);
        });
    });
}

/// Calls that never pause do not keep the pool.
#[test]
fn a_shutdown_within_a_time_comes_between_short_calls() {
    with_poisoned_memory().run(|| {
        let ended = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !ended.load(Relaxed) {
                        assert_eq!(count_chunks(24), 24);
                    }
                });
            }
            for _ in 0..5 {
                pool::shutdown_within(Duration::from_secs(100)).expect("calls are short");
            }
            ended.store(true, Relaxed);
        });
    });
}
