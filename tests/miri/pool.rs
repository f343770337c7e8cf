//! The pool's life: its box, its workers, loops, teams, and shutdowns meanwhile.

use crate::SmallPool;
use fastpar::job::{for_each_chunk, Control};
use fastpar::plan::Schedule;
use fastpar::{pool, team, ErrorKind};
use std::ops::ControlFlow::{Break, Continue};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

pub(crate) const EACH: Schedule = Schedule::Grain { grain: 1 };

pub(crate) fn count(chunks: usize) -> usize {
    let calls = AtomicUsize::new(0);
    for_each_chunk(EACH, chunks, &Control::default(), |_| {
        calls.fetch_add(1, Relaxed);
        Continue(())
    })
    .unwrap();
    calls.into_inner()
}

/// The chunks write through one exclusive borrow, cut into parts.
#[test]
fn loops_and_nested_loops() {
    let _pool = SmallPool::start();
    let mut items = vec![0usize; 20];
    let cells: Vec<_> = items.iter_mut().map(std::sync::Mutex::new).collect();
    for_each_chunk(EACH, cells.len(), &Control::default(), |chunk| {
        (chunk.begin..chunk.end).for_each(|item| **cells[item].lock().unwrap() += count(2));
        Continue(())
    })
    .unwrap();
    drop(cells);
    assert_eq!(items, [2; 20]);
}

#[test]
fn loops_that_fail() {
    let _pool = SmallPool::start();
    let fails = |chunk: &fastpar::job::Chunk| if chunk.index == 3 { Break(7) } else { Continue(()) };
    let error = for_each_chunk(EACH, 10, &Control::default(), fails).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Callback, 7));
}

#[test]
fn teams() {
    let _pool = SmallPool::start();
    let met = AtomicUsize::new(0);
    team::run(3, &|team, _| {
        met.fetch_add(1, Relaxed);
        team.barrier().unwrap();
        assert_eq!(met.load(Relaxed), 3);
        Continue(())
    })
    .unwrap();
}

/// Late helpers hold the pool's box while it ends; a loop starts the next pool.
#[test]
fn shutdown_after_shutdown() {
    let _pool = SmallPool::start();
    for _ in 0..3 {
        assert_eq!(count(6), 6);
        pool::shutdown().unwrap();
        pool::start(&crate::options(2)).unwrap();
    }
}

/// Whoever comes first ends it; the others wait, or find none.
#[test]
fn shutdowns_while_others_call() {
    let _pool = SmallPool::start();
    thread::scope(|scope| {
        scope.spawn(|| (0..3).for_each(|_| assert_eq!(start_and_count(4), 4)));
        scope.spawn(|| (0..3).for_each(|_| pool::shutdown().unwrap()));
        (0..2).for_each(|_| pool::shutdown().unwrap());
    });
}

/// A call of its own would start 24 threads.
fn start_and_count(chunks: usize) -> usize {
    // Refused where another pool has been started meanwhile.
    let _ = pool::start(&crate::options(2));
    count(chunks)
}
