//! Jobs in pools of one thread, where it is certain who runs what.

use crate::support::isolated::Isolated;
use fastpar::job::{for_each_chunk, Body, Chunk, Control, JobHandle};
use fastpar::plan::Schedule;
use fastpar::{pool, team, ErrorKind};
use std::ops::ControlFlow::{self, Continue};
use std::sync::{mpsc, Arc, Mutex, OnceLock};

const EACH: Schedule = Schedule::Grain { grain: 1 };

fn one_worker() -> Isolated {
    Isolated::default().env("FASTPAR_THREADS", "1")
}

fn start(chunks: usize, body: impl Fn(&Chunk) -> ControlFlow<i32> + Send + Sync + 'static) -> JobHandle {
    let body: Body = Box::new(body);
    JobHandle::start(EACH, chunks, 0, None, None, body).expect("it starts")
}

/// A chunk waits for another job, whose chunk runs on the same thread and waits for the first: it would wait
/// for itself.
#[test]
fn waiting_for_the_job_around_the_own_is_refused() {
    one_worker().run(|| {
        let outer = Arc::new(OnceLock::<JobHandle>::new());
        let around = Arc::clone(&outer);
        let (told, answer) = mpsc::channel();
        let started = start(1, move |_| {
            let (around, told) = (Arc::clone(&around), told.clone());
            let inner = start(1, move |_| {
                let around = loop {
                    match around.get() {
                        Some(job) => break job,
                        None => std::thread::yield_now(),
                    }
                };
                told.send(around.wait(None).expect_err("it is around this one").kind())
                    .expect("the test waits");
                Continue(())
            });
            inner.wait(None).expect("the only worker runs it while it waits");
            Continue(())
        });
        assert!(outer.set(started).is_ok());
        assert_eq!(answer.recv(), Ok(ErrorKind::Busy));
        outer.get().expect("it was set").wait(None).expect("it succeeds");
    });
}

/// The only worker is busy, so the waiter runs every chunk: inside them it is inside a callback.
#[test]
fn a_waiter_is_inside_the_chunks_it_runs() {
    one_worker().run(|| {
        let (go_on, may_go_on) = mpsc::channel::<()>();
        let (running, is_running) = mpsc::channel();
        let may_go_on = Mutex::new(may_go_on);
        let blocker = start(1, move |_| {
            running.send(()).expect("the test waits");
            let _ = may_go_on.lock().unwrap().recv();
            Continue(())
        });
        is_running.recv().expect("the worker runs it");
        let job = start(10, move |_| {
            assert_eq!(pool::worker(), None, "the worker is busy");
            assert_eq!(pool::shutdown().unwrap_err().kind(), ErrorKind::Busy);
            assert_eq!(pool::hook(Some(Box::new(|_| {})), None).unwrap_err().kind(), ErrorKind::Busy);
            for_each_chunk(EACH, 10, &Control::default(), |_| Continue(())).expect("a nested loop runs");
            team::run(1, &|_, _| Continue(())).expect("alone it needs nobody");
            Continue(())
        });
        job.wait(None).expect("no assertion failed");
        go_on.send(()).expect("the worker waits");
        blocker.wait(None).expect("it succeeds");
        pool::shutdown().expect("outside it is allowed again");
    });
}

/// The waiter takes the only lane, runs out of time, and never comes back.
#[test]
fn the_only_lane_is_taken_over() {
    one_worker().run(|| {
        let (go_on, may_go_on) = mpsc::channel::<()>();
        let may_go_on = Mutex::new(may_go_on);
        let blocker = start(1, move |_| {
            let _ = may_go_on.lock().unwrap().recv();
            Continue(())
        });
        let (done, is_done) = mpsc::channel();
        let job = start(3, move |chunk| {
            if chunk.index == 0 {
                std::thread::sleep(std::time::Duration::from_millis(20)); // longer than the waiter has
            }
            done.send(chunk.index).expect("the test waits");
            Continue(())
        });
        let waited = job.wait(Some(std::time::Duration::from_millis(10)));
        assert_eq!(waited.unwrap_err().kind(), ErrorKind::Timeout);
        go_on.send(()).expect("the worker waits");
        assert_eq!(is_done.iter().take(3).collect::<Vec<_>>(), [0, 1, 2]);
        blocker.wait(None).expect("it succeeds");
        job.wait(None).expect("it succeeds");
        pool::shutdown().expect("nothing is left running");
    });
}
