//! Ending the process, or a thread, while fastpar works.

use crate::support::isolated::Isolated;
use crate::{count_chunks, run_chunks};
use fastpar::job::{Body, JobHandle};
use fastpar::plan::Schedule;
use fastpar::{pool, team};
use std::ops::ControlFlow::Continue;
use std::process::exit;
use std::sync::mpsc;
use std::thread;

/// A job without end, which runs when this returns.
fn endless_job() -> JobHandle {
    let (running, is_running) = mpsc::channel();
    let body: Body = Box::new(move |chunk| {
        if chunk.index == 0 {
            running.send(()).expect("the test waits");
        }
        count_chunks(10);
        Continue(())
    });
    let schedule = Schedule::Grain { grain: 1 };
    let job = JobHandle::start(schedule, usize::MAX, 0, None, None, body).expect("it starts");
    is_running.recv().expect("the job runs");
    job
}

fn exits_with_7() -> Isolated {
    Isolated::default().exits_with(7)
}

#[test]
fn exit_while_a_job_runs() {
    exits_with_7().run(|| {
        let _job = endless_job();
        exit(7);
    });
}

#[test]
fn exit_from_a_callback_of_a_worker() {
    exits_with_7().run(|| {
        run_chunks(usize::MAX, |_| {
            if pool::worker().is_some() {
                exit(7);
            }
        });
    });
}

#[test]
fn exit_from_a_callback_of_the_caller() {
    exits_with_7().run(|| {
        run_chunks(usize::MAX, |chunk| {
            if chunk.lane == 0 && chunk.index > 1000 {
                exit(7);
            }
        });
    });
}

#[test]
fn exit_from_a_member_of_a_team() {
    exits_with_7().run(|| {
        let result = team::run(0, &|team, member| {
            if member == 5 {
                exit(7);
            }
            let _ = team.barrier(); // the others wait for it
            Continue(())
        });
        unreachable!("{result:?}");
    });
}

#[test]
fn exit_while_another_thread_shuts_down() {
    exits_with_7().run(|| {
        let _job = endless_job();
        thread::spawn(pool::shutdown);
        thread::yield_now();
        exit(7);
    });
}

#[test]
fn a_thread_ends_while_its_job_runs() {
    Isolated::default().run(|| {
        for _ in 0..20 {
            let job = thread::spawn(endless_job).join().expect("it only starts a job");
            assert_eq!(count_chunks(100), 100);
            job.cancel();
            assert!(job.wait(None).is_err(), "it is cancelled");
        }
    });
}

/// A thread that ends with gates of its own while helpers are on their way to them.
#[test]
fn threads_that_end_at_once() {
    Isolated::default().run(|| {
        for _ in 0..200 {
            assert_eq!(thread::spawn(|| count_chunks(30)).join().expect("it succeeds"), 30);
        }
        pool::shutdown().expect("the pool ends");
    });
}

/// A destructor of a thread's own data runs a loop, when the thread has no gates left.
#[test]
fn a_loop_in_a_thread_local_destructor() {
    struct AtEnd;
    impl Drop for AtEnd {
        fn drop(&mut self) {
            assert_eq!(count_chunks(100), 100);
        }
    }
    thread_local!(static AT_END: AtEnd = const { AtEnd });
    Isolated::default().run(|| {
        for first in [true, false] {
            let ended = thread::spawn(move || {
                if first {
                    AT_END.with(|_| {}); // destroyed after what comes later
                }
                count_chunks(100);
                AT_END.with(|_| {});
            });
            ended.join().expect("it succeeds");
        }
    });
}
