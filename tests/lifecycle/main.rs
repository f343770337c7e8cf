//! The life of the pool: start, options, hooks, statistics, shutdown, fork, exit. Each test is a process of
//! its own.

#[path = "../support/mod.rs"]
mod support;

#[cfg(target_os = "linux")]
mod cpus;
mod exit;
mod fair;
#[cfg(unix)]
mod fork;
mod groups;
mod hooks;
mod jobs;
mod shutdown;
mod start;
mod stats;
mod timeline;
mod trace;
mod trace_calls;
mod trace_places;
#[cfg(target_os = "linux")]
mod trace_processes;
mod waits;

use fastpar::job::{for_each_chunk, Chunk, Control};
use fastpar::plan::Schedule;
use std::ops::ControlFlow::Continue;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

const EACH: Schedule = Schedule::Grain { grain: 1 };

/// Runs a loop of so many chunks that cannot fail.
fn run_chunks(chunks: usize, body: impl Fn(&Chunk) + Sync) {
    for_each_chunk(EACH, chunks, &Control::default(), |chunk| {
        body(chunk);
        Continue(())
    })
    .expect("the loop runs");
}

/// How many chunks a loop of so many runs.
fn count_chunks(chunks: usize) -> usize {
    let done = AtomicUsize::new(0);
    run_chunks(chunks, |_| {
        done.fetch_add(1, Relaxed);
    });
    done.into_inner()
}

/// Keeps `threads` threads in a loop at the same time, each in one chunk, and runs `body` in each. Only for
/// processes in which nobody else uses the pool: chunks must not wait for each other elsewhere.
fn on_threads_at_once(threads: usize, body: impl Fn() + Sync) {
    let all = std::sync::Barrier::new(threads);
    for_each_chunk(Schedule::Segments { segments: threads }, threads, &Control::default(), |_| {
        all.wait();
        body();
        all.wait();
        Continue(())
    })
    .expect("the loop runs");
}

/// The names of the threads of this process that begin with `prefix`.
#[cfg(target_os = "linux")]
fn thread_names(prefix: &str) -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").expect("the system tells the threads").flatten();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    // The idle-CPU monitor is no worker: it comes when there are more workers than CPUs, and goes with them.
    let workers = names.map(|name| name.trim_end().to_owned()).filter(|name| !name.ends_with("-monitor"));
    workers.filter(|name| name.starts_with(prefix)).collect()
}

/// Waits until as many threads have names that begin with `prefix`: the system lists a thread for a moment
/// after it was joined, and one that has just begun under the name of the thread which started it. A thread
/// that stays, or never comes, is found out.
#[track_caller]
fn expect_threads(prefix: &str, count: usize) {
    let start = std::time::Instant::now();
    while cfg!(target_os = "linux") && thread_names(prefix).len() != count {
        let (names, late) = (thread_names(prefix), start.elapsed().as_secs() >= 120);
        assert!(!late || names.len() == count, "{count} threads {prefix:?} expected: {names:?}");
        std::thread::yield_now();
    }
}

#[cfg(not(target_os = "linux"))]
fn thread_names(_: &str) -> Vec<String> {
    Vec::new()
}
