//! Starting the pool: the environment, options and their ranges, names, stacks.

use crate::support::isolated::{isolated, Isolated};
use crate::{count_chunks, expect_threads, on_threads_at_once, run_chunks, thread_names};
use fastpar::codec::{self, Options};
use fastpar::ffi::*;
use fastpar::job::{for_each_chunk, plan, Control};
use fastpar::plan::Schedule;
use fastpar::pool::{self, PoolOptions, Threads};
use fastpar::{ErrorKind, Result};
use std::ops::ControlFlow::Continue;
use std::ptr;

fn kind<T: std::fmt::Debug>(result: Result<T>) -> ErrorKind {
    result.expect_err("it fails").kind()
}

fn exactly(threads: u32) -> PoolOptions {
    PoolOptions { threads: Threads::Exactly(threads), ..PoolOptions::default() }
}

#[test]
fn loading_and_asking_start_no_thread() {
    isolated(|| {
        if cfg!(not(target_os = "linux")) {
            return crate::support::skipped(
                "loading_and_asking_start_no_thread",
                "threads are counted on Linux",
            );
        }
        let before = thread_names("").len();
        assert_eq!(pool::threads(), Ok(24));
        assert_eq!((pool::worker(), pool::stats()), (None, pool::Stats::default()));
        assert_eq!(plan(Schedule::default(), 100, 0).expect("it needs no pool").lanes(), 24);
        // SAFETY: NULL is allowed.
        assert_eq!(unsafe { fastpar_plan_make(ptr::null(), 5, ptr::null_mut(), ptr::null_mut()) }, 10);
        pool::hook(Some(Box::new(|_| {})), None).expect("it waits for nobody");
        pool::shutdown().expect("there is nothing to end");
        assert_eq!((thread_names("").len(), thread_names("fastpar").len()), (before, 0));
        count_chunks(100);
        expect_threads("", before + 24);
    });
}

#[test]
fn the_environment_says_how_many_threads() {
    isolated(|| {
        for (value, threads) in [("7", 7), ("1", 1), (" 3 ", 3), ("", 24), ("1024", 1024)] {
            std::env::set_var("FASTPAR_THREADS", value);
            assert_eq!(pool::threads(), Ok(threads), "{value:?}");
            if threads < 100 {
                assert_eq!(count_chunks(100), 100);
                assert_eq!(pool::stats().threads, threads);
                pool::shutdown().expect("the pool ends");
            }
        }
        std::env::set_var("FASTPAR_THREADS", "auto");
        let cpus = std::thread::available_parallelism().expect("the system tells it").get();
        assert_eq!(pool::threads(), Ok(cpus as u32));
    });
}

#[test]
fn a_bad_environment_is_told_by_the_first_call() {
    isolated(|| {
        for value in ["0", "1025", "-1", "many", "4294967296", "2.5", "AUTO", "7x"] {
            std::env::set_var("FASTPAR_THREADS", value);
            for max_lanes in [0, 1] {
                let control = Control { max_lanes, ..Control::default() };
                let body = |_: &_| panic!("a chunk started");
                let error = for_each_chunk(Schedule::default(), 10, &control, body)
                    .expect_err("it says what is wrong");
                assert_eq!(error.kind(), ErrorKind::InvalidArgument);
                assert!(
                    error.message().contains("FASTPAR_THREADS") && error.message().contains(value),
                    "{error}"
                );
            }
            assert_eq!(kind(pool::threads()), ErrorKind::InvalidArgument);
            assert_eq!(fastpar_pool_threads(), 0);
            assert_eq!(kind(plan(Schedule::default(), 10, 0)), ErrorKind::InvalidArgument);
            assert_eq!(pool::stats().threads, 0, "nothing was started");
        }
        // Who says it by options does not need the environment, and a pool that runs neither.
        pool::start(&exactly(2)).expect("it is not asked");
        assert_eq!(count_chunks(10), 10);
        assert_eq!(pool::threads(), Ok(2));
    });
}

/// What a single thread does needs no others.
#[test]
fn small_files_start_no_pool() {
    isolated(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let options = Options { max_lanes: 0, ..Options::default() };
        std::fs::write(path("packed"), [0x28, 0xb5, 0x2f, 0xfd, 0x20, 1, 9, 0, 0, b'x'])
            .expect("it is written");
        codec::decompress_file(&path("packed"), &path("back"), &options).expect("it decompresses");
        assert_eq!(std::fs::read(path("back")).expect("it is there"), b"x");
        assert_eq!(pool::stats().threads, 0, "nothing was started");
    });
}

#[test]
fn ranges_of_the_options() {
    isolated(|| {
        let with_stack = |stack_size| PoolOptions { stack_size, ..exactly(2) };
        for options in
            [exactly(0), exactly(1025), exactly(u32::MAX), with_stack(1), with_stack((64 << 10) - 1)]
        {
            assert_eq!(kind(pool::start(&options)), ErrorKind::InvalidArgument, "{options:?}");
        }
        assert_eq!(kind(pool::start(&with_stack((1 << 30) + 1))), ErrorKind::InvalidArgument);
        assert_eq!(kind(pool::start(&with_stack(usize::MAX))), ErrorKind::InvalidArgument);
        let name = Some("a\0b".to_owned());
        let named = PoolOptions { thread_name: name, ..PoolOptions::default() };
        assert_eq!(kind(pool::start(&named)), ErrorKind::InvalidArgument);
        assert_eq!(pool::stats().threads, 0, "nothing was started");
        for options in [with_stack(64 << 10), with_stack(1 << 30), exactly(1), exactly(200)] {
            pool::start(&options).expect("it is in range");
            assert_eq!(count_chunks(100), 100);
            pool::shutdown().expect("the pool ends");
        }
    });
}

#[test]
fn a_pool_that_runs_keeps_its_options() {
    isolated(|| {
        pool::start(&exactly(3)).expect("it starts");
        pool::start(&exactly(3)).expect("it has these options");
        let error = pool::start(&exactly(4)).expect_err("it has others");
        assert_eq!(error.kind(), ErrorKind::AlreadyStarted);
        assert!(error.message().contains("threads 3"), "{error}");
        assert_eq!(kind(pool::start(&PoolOptions::default())), ErrorKind::AlreadyStarted);
        let named = PoolOptions { thread_name: Some("other".into()), ..exactly(3) };
        assert_eq!(kind(pool::start(&named)), ErrorKind::AlreadyStarted);
        run_chunks(10, |_| {
            pool::start(&exactly(3)).expect("inside a callback too");
            assert_eq!(kind(pool::start(&exactly(4))), ErrorKind::AlreadyStarted);
        });
        assert_eq!((pool::threads(), count_chunks(10)), (Ok(3), 10));
        pool::shutdown().expect("the pool ends");
        pool::start(&exactly(4)).expect("now it can");
        assert_eq!(pool::threads(), Ok(4));
    });
}

#[test]
fn through_the_c_function() {
    isolated(|| {
        let good = fastpar_pool_options {
            struct_size: size_of::<fastpar_pool_options>(),
            threads: 2,
            flags: 0,
            stack_size: 0,
            thread_name: c"worker".as_ptr(),
        };
        // SAFETY: valid options.
        let start = |options: &fastpar_pool_options| unsafe { fastpar_pool_start(options, ptr::null_mut()) };
        for bad in [
            fastpar_pool_options { struct_size: 8, ..good },
            fastpar_pool_options { flags: 4, ..good },
            fastpar_pool_options { threads: 1025, ..good },
            fastpar_pool_options { stack_size: 1, ..good },
            fastpar_pool_options { thread_name: c"\xff".as_ptr(), ..good },
        ] {
            assert_eq!(start(&bad), FASTPAR_ERR_INVALID_ARGUMENT);
        }
        assert_eq!(start(&good), FASTPAR_OK);
        assert_eq!(start(&good), FASTPAR_OK);
        assert_eq!(start(&fastpar_pool_options { threads: 3, ..good }), FASTPAR_ERR_ALREADY_STARTED);
        assert_eq!(fastpar_pool_threads(), 2);
    });
}

#[test]
fn threads_have_names() {
    isolated(|| {
        if cfg!(not(target_os = "linux")) {
            return crate::support::skipped("threads_have_names", "names are read on Linux");
        }
        pool::start(&exactly(3)).expect("it starts");
        // A thread names itself: those that have worked have done so.
        on_threads_at_once(3, || {});
        let sorted = |prefix| {
            let mut names = thread_names(prefix);
            names.sort();
            names
        };
        let all_begun = || pool::hook(Some(Box::new(|_| {})), None).expect("it waits for every worker");
        all_begun();
        assert_eq!(sorted("fastpar"), ["fastpar-0", "fastpar-1", "fastpar-2"]);
        pool::shutdown().expect("the pool ends");
        let named = |name: &str| PoolOptions { thread_name: Some(name.into()), ..exactly(2) };
        pool::start(&named("trades")).expect("it starts");
        all_begun();
        assert_eq!(sorted("trades"), ["trades-0", "trades-1"]);
        assert_eq!(sorted("fastpar").len(), 0);
        pool::shutdown().expect("the pool ends");
        pool::start(&named("a name far longer than the system keeps")).expect("the system cuts it");
        all_begun();
        assert_eq!(sorted("a name far long").len(), 2);
    });
}

/// Fills so much of the stack.
fn use_stack(bytes: usize) -> usize {
    let block = std::hint::black_box([1_u8; 4096]);
    if bytes <= block.len() {
        return block[17].into();
    }
    use_stack(bytes - block.len()) + usize::from(block[18])
}

#[test]
fn workers_have_the_stack_that_was_asked_for() {
    isolated(|| {
        pool::start(&PoolOptions { stack_size: 32 << 20, ..exactly(3) }).expect("it starts");
        on_threads_at_once(3, || {
            if pool::worker().is_some() {
                assert!(use_stack(16 << 20) > 0);
            }
        });
    });
}

#[test]
fn lanes_are_the_threads_of_the_pool() {
    Isolated::default().env("FASTPAR_THREADS", "5").run(|| {
        for (max_lanes, lanes) in [(0, 5), (1, 1), (4, 4), (5, 5), (6, 5), (u32::MAX, 5)] {
            let control = Control { max_lanes, ..Control::default() };
            for_each_chunk(Schedule::default(), 100, &control, |chunk| {
                assert_eq!(chunk.lanes, lanes);
                Continue(())
            })
            .expect("no assertion failed");
        }
        // Helpers come while there is work: all five threads are there at once.
        on_threads_at_once(5, || {});
    });
}

/// Sums of floats are the same to the bit in pools of every size.
#[test]
fn results_do_not_depend_on_the_threads() {
    isolated(|| {
        let values: Vec<f64> = (1..100_000).map(|i| 1e10 / f64::from(i) * f64::from(i % 7 - 3)).collect();
        for schedule in [Schedule::default(), Schedule::Grain { grain: 0 }, Schedule::Grain { grain: 7 }] {
            let sums = [1, 2, 5, 24].map(|threads| {
                pool::start(&exactly(threads)).expect("it starts");
                let control = Control::default();
                let sum = fastpar::job::reduce(
                    schedule,
                    values.len(),
                    &control,
                    0.0,
                    |chunk, sum: &mut f64| {
                        values[chunk.begin..chunk.end].iter().for_each(|x| *sum += x);
                    },
                    |sum, part| *sum += part,
                );
                pool::shutdown().expect("the pool ends");
                sum.expect("it succeeds").to_bits()
            });
            assert!(sums.iter().all(|&sum| sum == sums[0]), "{schedule:?}: {sums:x?}");
        }
    });
}
