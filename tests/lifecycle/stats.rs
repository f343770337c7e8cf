//! What the pool tells about itself.

use crate::support::isolated::Isolated;
use crate::{count_chunks, on_threads_at_once};
use fastpar::ffi::*;
use fastpar::job::{reduce, Control, JobHandle};
use fastpar::plan::Schedule;
use fastpar::{pool, team};
use std::ops::ControlFlow::Continue;
use std::ptr;

#[test]
fn calls_and_chunks_are_counted() {
    Isolated::default().env("FASTPAR_THREADS", "4").run(|| {
        assert_eq!(pool::stats(), pool::Stats::default());
        let counted = || (pool::stats().jobs, pool::stats().chunks);
        count_chunks(100);
        assert_eq!(counted(), (1, 100));
        let each = Schedule::Grain { grain: 1 };
        reduce(each, 40_000, &Control::default(), 0, |_, _| {}, |_: &mut i32, _| {}).expect("it succeeds");
        assert_eq!(counted(), (2, 40_100), "one call, though it takes several waves");
        let job = JobHandle::start(each, 50, 0, None, None, Box::new(|_| Continue(()))).expect("it starts");
        job.wait(None).expect("it succeeds");
        assert_eq!(counted(), (3, 40_150));
        team::run(3, &|_, _| Continue(())).expect("there are enough threads");
        assert_eq!(counted().0, 4);
        count_chunks(0);
        assert_eq!(counted().0, 5);
        pool::shutdown().expect("the pool ends");
        assert_eq!(pool::stats(), pool::Stats::default());
    });
}

#[test]
fn helpers_are_counted_and_seen_at_work() {
    Isolated::default().env("FASTPAR_THREADS", "4").run(|| {
        on_threads_at_once(4, || {
            let stats = pool::stats();
            assert_eq!((stats.threads, stats.busy), (4, 3), "three workers and the caller");
        });
        // The last helper may still be on its way out.
        while pool::stats().busy > 0 {
            std::thread::yield_now();
        }
        assert!(pool::stats().helpers >= 3);
    });
}

#[test]
fn through_the_c_function() {
    Isolated::default().env("FASTPAR_THREADS", "4").run(|| {
        let size = size_of::<fastpar_pool_stats>();
        let mut stats =
            fastpar_pool_stats { struct_size: size, threads: 9, busy: 9, jobs: 9, chunks: 9, helpers: 9 };
        // SAFETY: NULL, or a struct that begins with its size.
        let read =
            |stats: *mut fastpar_pool_stats| unsafe { fastpar_pool_stats_read(stats, ptr::null_mut()) };
        assert_eq!(read(&mut stats), FASTPAR_OK);
        assert_eq!((stats.struct_size, stats.threads, stats.jobs, stats.helpers), (size, 0, 0, 0));
        count_chunks(7);
        assert_eq!(read(&mut stats), FASTPAR_OK);
        assert_eq!((stats.threads, stats.jobs, stats.chunks), (4, 1, 7));
        assert_eq!(read(ptr::null_mut()), FASTPAR_ERR_INVALID_ARGUMENT);
        stats.struct_size = size - 8;
        assert_eq!(read(&mut stats), FASTPAR_ERR_INVALID_ARGUMENT);
    });
}
