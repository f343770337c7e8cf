//! Hooks: on which workers, when, in what order, and what they may not do.

use crate::support::isolated::Isolated;
use crate::{count_chunks, on_threads_at_once, run_chunks};
use fastpar::ffi::*;
use fastpar::job::{for_each_chunk, Control, JobHandle};
use fastpar::plan::Schedule;
use fastpar::pool::{self, Hook};
use fastpar::{team, ErrorKind};
use std::ffi::c_void;
use std::ops::ControlFlow::Continue;
use std::ptr;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

/// What the hooks did: (hook, worker, whether it was the start).
type Log = Arc<Mutex<Vec<(u32, u32, bool)>>>;

fn hook(log: &Log, number: u32, start: bool) -> Option<Hook> {
    let log = Arc::clone(log);
    Some(Box::new(move |worker| {
        assert_eq!(pool::worker(), Some(worker));
        log.lock().unwrap().push((number, worker, start));
    }))
}

/// What one worker's hooks did, in order.
fn of_worker(log: &Log, worker: u32) -> Vec<(u32, bool)> {
    let log = log.lock().unwrap();
    log.iter().filter(|entry| entry.1 == worker).map(|entry| (entry.0, entry.2)).collect()
}

fn three_workers() -> Isolated {
    Isolated::default().env("FASTPAR_THREADS", "3")
}

#[test]
fn on_live_and_on_later_workers_and_in_reverse_at_the_end() {
    three_workers().run(|| {
        let log = Log::default();
        pool::hook(hook(&log, 1, true), hook(&log, 1, false)).expect("there is no pool yet");
        assert!(log.lock().unwrap().is_empty());
        count_chunks(10);
        pool::hook(hook(&log, 2, true), hook(&log, 2, false)).expect("the pool runs");
        // Every live worker has run both when `hook` returns, in the order in which they were added.
        for worker in 0..3 {
            assert_eq!(of_worker(&log, worker), [(1, true), (2, true)]);
        }
        pool::hook(None, hook(&log, 3, false)).expect("one of the two is enough");
        pool::shutdown().expect("the pool ends");
        for worker in 0..3 {
            assert_eq!(of_worker(&log, worker)[2..], [(3, false), (2, false), (1, false)]);
        }
        log.lock().unwrap().clear();
        count_chunks(10);
        pool::shutdown().expect("the next pool ends");
        for worker in 0..3 {
            assert_eq!(of_worker(&log, worker), [(1, true), (2, true), (3, false), (2, false), (1, false)]);
        }
    });
}

#[test]
fn before_the_first_callback_of_a_worker() {
    three_workers().run(|| {
        for _ in 0..100 {
            let started = Arc::new(AtomicU32::new(0));
            let bits = Arc::clone(&started);
            let on_start: Hook = Box::new(move |worker| _ = bits.fetch_or(1 << worker, Relaxed));
            pool::hook(Some(on_start), None).expect("it can be added");
            on_threads_at_once(3, || {
                let seen = started.load(Relaxed);
                assert!(
                    pool::worker().is_none_or(|worker| seen >> worker & 1 == 1),
                    "a worker works without its hook"
                );
            });
            pool::shutdown().expect("the pool ends");
        }
    });
}

#[test]
fn added_by_many_threads_while_others_work() {
    three_workers().run(|| {
        let runs = Arc::new(AtomicUsize::new(0));
        count_chunks(10);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..25 {
                        let runs = Arc::clone(&runs);
                        pool::hook(Some(Box::new(move |_| _ = runs.fetch_add(1, Relaxed))), None)
                            .expect("it can");
                    }
                });
                scope.spawn(|| (0..100).for_each(|_| assert_eq!(count_chunks(100), 100)));
            }
        });
        assert_eq!(runs.load(Relaxed), 3 * 100, "each hook runs once on each worker");
    });
}

#[test]
fn a_hook_must_not_use_the_pool() {
    three_workers().run(|| {
        let answers = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&answers);
        let use_pool = move |_| {
            let options = pool::PoolOptions::default();
            let results = [
                for_each_chunk(Schedule::default(), 1, &Control::default(), |_| Continue(())),
                JobHandle::start(Schedule::default(), 1, 0, None, None, Box::new(|_| Continue(()))).map(drop),
                team::run(1, &|_, _| Continue(())),
                pool::hook(None, Some(Box::new(|_| {}))),
                pool::shutdown(),
            ];
            told.lock().unwrap().extend(results.map(|result| result.expect_err("it is refused").kind()));
            let started = pool::start(&options).map_err(|error| error.kind());
            assert!(matches!(started, Ok(()) | Err(ErrorKind::Busy)), "it tells, or it is refused");
            assert_eq!(pool::threads(), Ok(3));
            let _ = pool::stats();
        };
        pool::hook(Some(Box::new(use_pool.clone())), Some(Box::new(use_pool))).expect("it can be added");
        count_chunks(100);
        pool::shutdown().expect("the pool ends");
        let answers = answers.lock().unwrap();
        assert_eq!(
            (answers.len(), answers.iter().all(|&kind| kind == ErrorKind::Busy)),
            (2 * 3 * 5, true),
            "{answers:?}"
        );
    });
}

#[test]
fn a_callback_must_not_add_hooks() {
    three_workers().run(|| {
        run_chunks(100, |_| {
            let error = pool::hook(Some(Box::new(|_| {})), None).expect_err("it would wait for itself");
            assert_eq!(error.kind(), ErrorKind::Busy);
        });
    });
}

#[test]
fn a_hook_that_panics_takes_nothing_with_it() {
    three_workers().run(|| {
        let panics = |_| std::panic::resume_unwind(Box::new("on purpose"));
        pool::hook(Some(Box::new(panics)), Some(Box::new(panics))).expect("it can be added");
        for _ in 0..10 {
            on_threads_at_once(3, || assert_eq!(count_chunks(10), 10));
            team::run(3, &|team, _| {
                team.barrier().expect("nobody fails");
                Continue(())
            })
            .expect("every worker is there");
            // Added while the pool runs, it runs before the workers' next work.
            pool::hook(Some(Box::new(panics)), None).expect("it can be added");
            pool::shutdown().expect("the workers end as they should");
        }
    });
}

unsafe extern "C" fn count(user_data: *mut c_void, worker: u32) {
    // SAFETY: the test's counter.
    let counter = unsafe { &*user_data.cast::<AtomicU32>() };
    counter.fetch_add(1 + worker, Relaxed);
}

#[test]
fn through_the_c_function() {
    three_workers().run(|| {
        static STARTS: AtomicU32 = AtomicU32::new(0);
        static EXITS: AtomicU32 = AtomicU32::new(0);
        let data = |counter: &'static AtomicU32| ptr::from_ref(counter).cast_mut().cast();
        let none = ptr::null_mut();
        count_chunks(10);
        // SAFETY: the counters live for ever.
        unsafe {
            assert_eq!(fastpar_pool_hook(None, None, ptr::null_mut(), none), FASTPAR_ERR_INVALID_ARGUMENT);
            assert_eq!(fastpar_pool_hook(Some(count), None, data(&STARTS), none), FASTPAR_OK);
            assert_eq!(fastpar_pool_hook(None, Some(count), data(&EXITS), none), FASTPAR_OK);
            assert_eq!((STARTS.load(Relaxed), EXITS.load(Relaxed)), (1 + 2 + 3, 0));
            assert_eq!(fastpar_pool_shutdown(none), FASTPAR_OK);
        }
        assert_eq!((STARTS.load(Relaxed), EXITS.load(Relaxed)), (6, 6));
    });
}

/// What was hooked is taken back: nobody runs it from then on, and what it used may go.
#[test]
fn hooks_that_are_taken_back_never_run_again() {
    extern "C" fn count(counts: *mut c_void, _: u32) {
        // SAFETY: the hook's counter, which lives until the hook is taken back.
        unsafe { &*counts.cast::<AtomicU32>() }.fetch_add(1, Relaxed);
    }
    three_workers().run(|| {
        let hook = |counts: &AtomicU32| {
            let counts = ptr::from_ref(counts).cast_mut().cast();
            // SAFETY: the counter is there until the hook is taken back.
            unsafe { fastpar_pool_hook(Some(count), Some(count), counts, ptr::null_mut()) }
        };
        let unhook = |counts: *const AtomicU32| {
            // SAFETY: only compared.
            unsafe {
                fastpar_pool_unhook(Some(count), Some(count), counts.cast_mut().cast(), ptr::null_mut())
            }
        };
        let (first, second) = (Box::new(AtomicU32::new(0)), AtomicU32::new(0));
        count_chunks(10);
        assert_eq!((hook(&first), hook(&second)), (FASTPAR_OK, FASTPAR_OK));
        assert_eq!(first.load(Relaxed), 3);
        assert_eq!(unhook(ptr::null()), FASTPAR_ERR_INVALID_ARGUMENT);
        assert_eq!(unhook(&raw const *first), FASTPAR_OK);
        assert_eq!(unhook(&raw const *first), FASTPAR_ERR_INVALID_ARGUMENT, "once");
        assert_eq!(first.load(Relaxed), 3);
        drop(first);
        pool::shutdown().expect("the pool ends");
        count_chunks(10);
        pool::shutdown().expect("the pool ends");
        assert_eq!(second.load(Relaxed), 3 + 3 + 3 + 3, "the other one stays");
        run_chunks(1, |_| assert_eq!(unhook(&raw const second), FASTPAR_ERR_BUSY));
        assert_eq!(unhook(&raw const second), FASTPAR_OK);
    });
}

/// A hook that runs while it is taken back is waited for.
#[test]
fn taking_a_hook_back_waits_for_it() {
    static BEGUN: AtomicU32 = AtomicU32::new(0);
    static ENDED: AtomicU32 = AtomicU32::new(0);
    extern "C" fn slow(_: *mut c_void, _: u32) {
        BEGUN.fetch_add(1, Relaxed);
        std::thread::sleep(std::time::Duration::from_millis(50));
        ENDED.fetch_add(1, Relaxed);
    }
    three_workers().run(|| {
        // SAFETY: a hook without data.
        let hooked = unsafe { fastpar_pool_hook(Some(slow), None, ptr::null_mut(), ptr::null_mut()) };
        assert_eq!(hooked, FASTPAR_OK);
        count_chunks(10);
        while BEGUN.load(Relaxed) == 0 {
            std::thread::yield_now();
        }
        // SAFETY: as above.
        let taken_back = unsafe { fastpar_pool_unhook(Some(slow), None, ptr::null_mut(), ptr::null_mut()) };
        assert_eq!(taken_back, FASTPAR_OK);
        let begun = BEGUN.load(Relaxed);
        assert_eq!(begun, ENDED.load(Relaxed));
        pool::shutdown().expect("the pool ends");
        assert_eq!(begun, BEGUN.load(Relaxed));
    });
}
