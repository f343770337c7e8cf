//! Jobs that nobody waits for at once: they complete, once, whoever waits, gives up, cancels or goes away.

use crate::support::watchdog::watch;
use fastpar::job::{for_each_chunk, Body, Chunk, Control, JobHandle, OwnedProgress};
use fastpar::plan::Schedule;
use fastpar::{pool, team, ErrorKind, Result};
use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering::Relaxed};
use std::sync::{mpsc, Arc, Barrier, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

const EACH: Schedule = Schedule::Grain { grain: 1 };

/// Starts a job that counts its chunks into the counter.
fn counting(chunks: usize, lanes: u32) -> (JobHandle, Arc<AtomicUsize>) {
    let done = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&done);
    let job = start(chunks, lanes, move |_| {
        counter.fetch_add(1, Relaxed);
        Continue(())
    });
    (job, done)
}

fn start(
    chunks: usize,
    lanes: u32,
    body: impl Fn(&Chunk) -> ControlFlow<i32> + Send + Sync + 'static,
) -> JobHandle {
    let body: Body = Box::new(body);
    JobHandle::start(EACH, chunks, lanes, None, None, body).expect("it starts")
}

/// A job of one chunk that runs until it is told to go on; the chunk is running when this returns.
fn blocked() -> (JobHandle, mpsc::Sender<()>) {
    let (running, is_running) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel();
    let may_go_on = Mutex::new(may_go_on);
    let job = start(1, 0, move |_| {
        running.send(()).expect("the test waits");
        let _ = may_go_on.lock().unwrap().recv();
        Continue(())
    });
    is_running.recv().expect("a worker runs it");
    (job, go_on)
}

fn kind(result: Result<()>) -> ErrorKind {
    result.expect_err("it fails").kind()
}

#[test]
fn every_chunk_once_whatever_the_lanes() {
    let _watch = watch();
    for chunks in [0, 1, 2, 23, 24, 25, 1000] {
        for lanes in [0, 1, 2, 7] {
            let (job, done) = counting(chunks, lanes);
            job.wait(None).expect("it succeeds");
            assert_eq!(done.load(Relaxed), chunks);
            assert_eq!(job.progress().expect("it is ours"), (chunks as u64, chunks as u64));
            job.wait(Some(Duration::ZERO)).expect("it tells the same again");
        }
    }
}

#[test]
fn lanes_are_below_their_number_and_held_by_one_thread() {
    let _watch = watch();
    let held: Arc<Vec<AtomicBool>> = Arc::new((0..5).map(|_| AtomicBool::new(false)).collect());
    let job = start(500, 5, move |chunk| {
        assert_eq!(chunk.lanes, 5);
        assert!(!held[chunk.lane as usize].swap(true, Relaxed), "two threads have the same lane");
        thread::yield_now();
        held[chunk.lane as usize].store(false, Relaxed);
        Continue(())
    });
    thread::scope(|scope| {
        for patience in [None, Some(Duration::from_micros(50)), Some(Duration::from_micros(200))] {
            let job = &job;
            scope.spawn(
                move || while job.wait(patience).map_err(|error| error.kind()) == Err(ErrorKind::Timeout) {},
            );
        }
    });
    job.wait(None).expect("no assertion failed");
}

#[test]
fn waiting_with_a_timeout() {
    let _watch = watch();
    let (job, go_on) = blocked();
    assert_eq!(kind(job.wait(Some(Duration::ZERO))), ErrorKind::Timeout);
    assert_eq!(kind(job.wait(Some(Duration::from_millis(5)))), ErrorKind::Timeout);
    assert_eq!(job.progress().expect("it is ours"), (0, 1));
    go_on.send(()).expect("the chunk waits");
    job.wait(Some(Duration::MAX)).expect("it succeeds");
    assert_eq!(job.progress().expect("it is ours"), (1, 1));
}

#[test]
fn several_waiters_are_told_the_same() {
    let _watch = watch();
    for round in 0..100 {
        let job = start(100, round % 4, move |chunk| if chunk.index == 57 { Break(5) } else { Continue(()) });
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let error = job.wait(None).expect_err("a chunk fails");
                    assert_eq!(
                        (error.kind(), error.code(), error.position()),
                        (ErrorKind::Callback, 5, Some(57))
                    );
                });
            }
        });
    }
}

/// Who waits and gives up leaves a lane behind. If it is the only one, somebody must take it over.
#[test]
fn a_job_completes_after_its_waiter_gave_up() {
    let _watch = watch();
    for round in 0..20 {
        let (done, is_done) = mpsc::channel();
        let lanes = 1 + round % 2;
        let job = start(100, lanes, move |chunk| {
            thread::sleep(Duration::from_micros(20)); // so that a waiter's time is likely to end in the middle
            if chunk.index == 99 {
                done.send(()).expect("the test waits");
            }
            Continue(())
        });
        let _ = job.wait(Some(Duration::from_micros(300)));
        is_done.recv().expect("the last chunk runs, though nobody waits");
        job.wait(None).expect("it succeeds");
    }
}

#[test]
fn nobody_waits_and_it_completes() {
    let _watch = watch();
    let (done, is_done) = mpsc::channel();
    // The thread that starts it is gone at once, and keeps the handle from being dropped.
    let job = thread::spawn(move || {
        let left = AtomicUsize::new(300);
        start(300, 0, move |_| {
            if left.fetch_sub(1, Relaxed) == 1 {
                done.send(()).expect("the test waits");
            }
            Continue(())
        })
    });
    let job = job.join().expect("it only starts a job");
    is_done.recv().expect("the last chunk runs");
    job.wait(None).expect("it succeeds");
}

#[test]
fn cancelling_stops_it() {
    let _watch = watch();
    for round in 0..100 {
        let started = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&started);
        let job = start(1 << 40, 0, move |_| {
            counter.fetch_add(1, Relaxed);
            Continue(())
        });
        if round % 2 == 0 {
            while started.load(Relaxed) == 0 {
                thread::yield_now();
            }
        }
        job.cancel();
        assert_eq!(kind(job.wait(None)), ErrorKind::Cancelled);
        let seen = started.load(Relaxed);
        job.cancel();
        assert_eq!(kind(job.wait(None)), ErrorKind::Cancelled);
        assert_eq!(started.load(Relaxed), seen, "a chunk started after the job was finished");
    }
}

#[test]
fn a_finished_job_cannot_be_cancelled() {
    let _watch = watch();
    let (job, done) = counting(100, 0);
    job.wait(None).expect("it succeeds");
    job.cancel();
    job.wait(None).expect("it stays as it was");
    assert_eq!(done.load(Relaxed), 100);
}

#[test]
fn a_flag_cancels_it() {
    static FLAG: AtomicI32 = AtomicI32::new(0);
    let _watch = watch();
    let body: Body = Box::new(|chunk| {
        if chunk.index == 3 {
            FLAG.store(1, Relaxed);
        }
        Continue(())
    });
    let job = JobHandle::start(EACH, 1 << 40, 0, Some(&FLAG), None, body).expect("it starts");
    assert_eq!(kind(job.wait(None)), ErrorKind::Cancelled);
    let body: Body = Box::new(|_| panic!("a chunk started though the flag was set before"));
    let job = JobHandle::start(EACH, 100, 0, Some(&FLAG), None, body).expect("it starts");
    assert_eq!(kind(job.wait(None)), ErrorKind::Cancelled);
}

#[test]
fn dropping_cancels_and_waits() {
    let _watch = watch();
    for round in 0..100 {
        let inside = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&inside);
        let job = start(1 << 40, 0, move |_| {
            counter.fetch_add(1, Relaxed);
            thread::yield_now();
            counter.fetch_sub(1, Relaxed);
            Continue(())
        });
        if round % 2 == 0 {
            thread::yield_now();
        }
        drop(job);
        assert_eq!(inside.load(Relaxed), 0, "a chunk was still running");
    }
}

#[test]
fn waiting_from_inside_its_own_chunk_is_refused() {
    let _watch = watch();
    let job = Arc::new(OnceLock::<JobHandle>::new());
    let refused = Arc::new(AtomicUsize::new(0));
    let (own, counter) = (Arc::clone(&job), Arc::clone(&refused));
    let started = start(50, 0, move |_| {
        let own = own.wait_for();
        assert_eq!(kind(own.wait(None)), ErrorKind::Busy);
        // Deeper down it is still its own chunk.
        let other = start(1, 0, |_| Continue(()));
        other.wait(None).expect("another job can be waited for");
        for_each_chunk(EACH, 1, &Control::default(), |_| {
            assert_eq!(kind(own.wait(Some(Duration::ZERO))), ErrorKind::Busy);
            Continue(())
        })
        .expect("a nested loop runs");
        counter.fetch_add(1, Relaxed);
        Continue(())
    });
    assert!(job.set(started).is_ok());
    job.wait_for().wait(None).expect("it succeeds");
    assert_eq!(refused.load(Relaxed), 50);
    // The body refers to the handle: a circle that only the process's end opens.
}

#[test]
fn dropping_from_inside_its_own_chunk_does_not_wait() {
    let _watch = watch();
    for _ in 0..50 {
        let slot = Arc::new(Mutex::new(None::<JobHandle>));
        let (own, (ended, has_ended)) = (Arc::clone(&slot), mpsc::channel());
        let mut guard = slot.lock().unwrap();
        *guard = Some(start(1 << 40, 1, move |_| {
            drop(own.lock().unwrap().take());
            ended.send(()).expect("the test waits");
            Continue(())
        }));
        drop(guard);
        has_ended.recv().expect("the chunk that frees its own job returns");
        assert!(
            has_ended.recv().is_err(),
            "no chunk starts after the job was dropped, and its body is freed"
        );
    }
}

#[test]
fn a_panic_is_told_and_the_pool_lives() {
    let _watch = watch();
    let job = start(100, 0, |chunk| {
        assert!(chunk.index != 30, "on purpose");
        Continue(())
    });
    let error = job.wait(None).expect_err("a chunk panics");
    assert_eq!((error.kind(), error.position()), (ErrorKind::Panic, Some(30)));
    let (job, done) = counting(100, 0);
    job.wait(None).expect("it succeeds");
    assert_eq!(done.load(Relaxed), 100);
}

#[test]
fn progress_is_told_once_at_the_end() {
    let _watch = watch();
    for chunks in [0_u64, 1, 500] {
        let reports = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&reports);
        let progress: OwnedProgress = Arc::new(move |done, total| {
            kept.lock().unwrap().push((done, total));
            Continue(())
        });
        let body: Body = Box::new(|_| Continue(()));
        let job = JobHandle::start(EACH, chunks as usize, 0, None, Some(progress), body).expect("it starts");
        job.wait(None).expect("it succeeds");
        let reports = reports.lock().unwrap();
        assert_eq!(reports.last(), Some(&(chunks, chunks)));
        assert!(reports.is_sorted());
    }
}

#[test]
fn a_panic_of_the_last_report_is_told() {
    let _watch = watch();
    let progress: OwnedProgress = Arc::new(|_, _| panic!("on purpose"));
    let body: Body = Box::new(|_| Continue(()));
    let job = JobHandle::start(EACH, 100, 0, None, Some(progress), body).expect("it starts");
    assert_eq!(kind(job.wait(None)), ErrorKind::Panic);
}

/// Whoever runs a chunk is inside a callback, a waiting thread too.
#[test]
fn a_waiter_that_runs_chunks_is_inside_them() {
    let _watch = watch();
    let at_go = Arc::new(Barrier::new(2));
    for _ in 0..20 {
        let at_go = Arc::clone(&at_go);
        let job = start(2, 2, move |_| {
            at_go.wait(); // two threads are inside: at most one of them is the waiter
            assert_eq!(kind(pool::shutdown()), ErrorKind::Busy);
            assert_eq!(kind(pool::hook(Some(Box::new(|_| {})), None)), ErrorKind::Busy);
            let whole = pool::threads().expect("the environment is good");
            let error = team::run(whole + 1, &|_, _| Continue(())).expect_err("that many there are not");
            assert_eq!(error.kind(), ErrorKind::Threads);
            Continue(())
        });
        job.wait(None).expect("no assertion failed");
    }
}

/// Blocks until the handle is there: the chunk may run before `start` has returned.
trait WaitFor<T> {
    fn wait_for(&self) -> &T;
}

impl<T> WaitFor<T> for OnceLock<T> {
    fn wait_for(&self) -> &T {
        loop {
            match self.get() {
                Some(value) => return value,
                None => thread::yield_now(),
            }
        }
    }
}
