//! Jobs of several callers at the same time: none has to wait for the end of another, and none is forgotten.
//! The jobs that are long here never end by themselves, so a test whose job gets no worker would not end.

use crate::run_chunks;
use crate::support::isolated::Isolated;
use fastpar::job::{for_each_chunk, Control, JobHandle};
use fastpar::plan::Schedule;
use fastpar::{pool, team, ErrorKind};
use std::ops::ControlFlow::Continue;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::time::Duration;

const WORKERS: usize = 4;

fn four_workers() -> Isolated {
    Isolated::default().env("FASTPAR_THREADS", "4")
}

/// What a job that does not end has done.
#[derive(Default)]
struct Lanes {
    in_use: [AtomicBool; WORKERS],
    chunks: [AtomicUsize; WORKERS],
}

impl Lanes {
    fn chunks(&self) -> usize {
        self.chunks.iter().map(|chunks| chunks.load(SeqCst)).sum()
    }

    /// Waits until every lane has run chunks since now, by workers alone.
    fn await_all(&self) {
        for lane in &self.chunks {
            let before = lane.load(SeqCst);
            while lane.load(SeqCst) < before + 3 {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

/// A job whose chunks sleep, or compute; it has a lane for each worker, and has all of them when this
/// returns.
fn endless(computes: bool) -> (JobHandle, Arc<Lanes>) {
    let lanes = Arc::new(Lanes::default());
    let seen = Arc::clone(&lanes);
    let grain = Schedule::Grain { grain: 1 };
    let job = JobHandle::start(
        grain,
        usize::MAX,
        0,
        None,
        None,
        Box::new(move |chunk| {
            let lane = chunk.lane as usize;
            assert!(!seen.in_use[lane].swap(true, SeqCst), "two threads have lane {lane}");
            if computes {
                (0..20_000).for_each(|_| std::hint::spin_loop());
            } else {
                std::thread::sleep(Duration::from_micros(200));
            }
            seen.chunks[lane].fetch_add(1, SeqCst);
            seen.in_use[lane].store(false, SeqCst);
            Continue(())
        }),
    );
    let job = job.expect("it starts");
    if !computes {
        lanes.await_all();
    }
    (job, lanes)
}

fn end(job: &JobHandle) {
    job.cancel();
    assert_eq!(job.wait(None).expect_err("it was cancelled").kind(), ErrorKind::Cancelled);
}

/// Its chunks wait for each other: it has the caller and all other lanes at the same time.
fn loop_of_all() {
    let all = Barrier::new(WORKERS);
    for_each_chunk(Schedule::Segments { segments: WORKERS }, WORKERS, &Control::default(), |_| {
        all.wait();
        Continue(())
    })
    .expect("it succeeds");
}

fn a_loop_gets_workers(computes: bool) {
    let (job, lanes) = endless(computes);
    for _ in 0..20 {
        loop_of_all();
    }
    if computes {
        let before = lanes.chunks();
        while lanes.chunks() < before + 100 {
            std::thread::yield_now();
        }
    } else {
        lanes.await_all(); // each lane goes on
    }
    end(&job);
}

#[test]
fn a_loop_gets_workers_from_a_job_that_sleeps() {
    four_workers().run(|| a_loop_gets_workers(false));
}

#[test]
fn a_loop_gets_workers_from_a_job_that_computes() {
    four_workers().run(|| a_loop_gets_workers(true));
}

/// Not only from jobs in the background.
#[test]
fn a_loop_gets_workers_from_a_loop() {
    four_workers().run(|| {
        let (over, begun) = (AtomicBool::new(false), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let result =
                    for_each_chunk(Schedule::Grain { grain: 1 }, usize::MAX, &Control::default(), |_| {
                        begun.fetch_add(1, SeqCst);
                        std::thread::sleep(Duration::from_micros(200));
                        if over.load(SeqCst) {
                            std::ops::ControlFlow::Break(7)
                        } else {
                            Continue(())
                        }
                    });
                assert_eq!(result.expect_err("it is told to stop").code(), 7);
            });
            while begun.load(SeqCst) < 100 {
                std::thread::yield_now();
            }
            loop_of_all();
            over.store(true, SeqCst);
        });
    });
}

#[test]
fn a_team_gets_workers() {
    four_workers().run(|| {
        let (job, lanes) = endless(false);
        for _ in 0..5 {
            let all = Barrier::new(WORKERS);
            team::run(0, &|_, _| {
                all.wait();
                Continue(())
            })
            .expect("it succeeds");
        }
        lanes.await_all();
        end(&job);
    });
}

/// Jobs that have more to do than there are workers take turns.
#[test]
fn long_jobs_share_the_workers() {
    four_workers().run(|| {
        let jobs = [endless(false), endless(false), endless(false)];
        jobs.iter().for_each(|(_, lanes)| lanes.await_all());
        jobs.iter().for_each(|(job, _)| end(job));
        pool::shutdown().expect("nothing is left");
    });
}

/// Short loops that follow each other without a pause leave a long job its part.
#[test]
fn short_loops_do_not_starve_a_job() {
    four_workers().run(|| {
        let (job, lanes) = endless(false);
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..WORKERS {
                scope.spawn(|| {
                    while !over.load(SeqCst) {
                        run_chunks(2 * WORKERS, |_| std::thread::sleep(Duration::from_micros(300)));
                    }
                });
            }
            for _ in 0..10 {
                lanes.await_all();
            }
            over.store(true, SeqCst);
        });
        end(&job);
    });
}
