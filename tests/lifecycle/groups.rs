//! Groups of tasks and pipelines in the life of the pool: fork, shutdown, statistics, timelines, teams.

use crate::support::isolated::Isolated;
use crate::timeline::Timeline;
use crate::trace::{folder, start, stop};
use fastpar::ffi::*;
use fastpar::{pool, team, ErrorKind};
use std::ffi::c_void;
use std::ops::ControlFlow::Continue;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

pub(crate) type Run<'a> = &'a (dyn Fn(*mut fastpar_group, u32) -> i32 + Sync);

/// Calls the closure that the item points to.
unsafe extern "C" fn call(item: *mut c_void, group: *mut fastpar_group, lane: u32) -> i32 {
    // SAFETY: what `spawn` and `run` give, which outlives the group.
    unsafe { (*item.cast_const().cast::<Run<'_>>())(group, lane) }
}

fn item(task: &Run<'_>) -> *mut c_void {
    ptr::from_ref(task).cast_mut().cast()
}

pub(crate) fn run(root: Run<'_>) -> fastpar_status {
    // SAFETY: the closure lives until the call has returned.
    unsafe { fastpar_group_run(ptr::null(), Some(call), item(&root), ptr::null_mut()) }
}

/// Adds a task that lives until the group has ended.
pub(crate) fn spawn(group: *mut fastpar_group, task: &Run<'_>) -> fastpar_status {
    // SAFETY: as above; the group may have ended.
    unsafe { fastpar_group_spawn(group, Some(call), item(task), ptr::null_mut()) }
}

pub(crate) fn wait(group: *mut fastpar_group) -> fastpar_status {
    // SAFETY: the group may have ended.
    unsafe { fastpar_group_wait(group, ptr::null_mut()) }
}

/// A root that spawns `tasks` tasks and waits; how many have run.
fn count_tasks(tasks: usize) -> usize {
    let ran = AtomicUsize::new(0);
    let count = |_: *mut fastpar_group, _: u32| {
        ran.fetch_add(1, Relaxed);
        0
    };
    let task: Run<'_> = &count;
    let root = |group, _| {
        (0..tasks).for_each(|_| assert_eq!(spawn(group, &task), FASTPAR_OK));
        wait(group)
    };
    assert_eq!(run(&root), FASTPAR_OK);
    ran.into_inner()
}

struct Line {
    items: [u8; 20],
    fed: usize,
    taken: usize,
}

unsafe extern "C" fn feed(line: *mut c_void, item: *mut *mut c_void) -> i32 {
    // SAFETY: the line of `count_items`, which the caller's thread alone changes here; a place for an item.
    unsafe {
        let line = line.cast::<Line>();
        if (*line).fed < 20 {
            *item = ptr::addr_of_mut!((*line).items[(*line).fed]).cast();
            (*line).fed += 1;
        }
    }
    0
}

unsafe extern "C" fn work(_: *mut c_void, item: *mut c_void, _: u32) -> i32 {
    // SAFETY: an item of the line, which this thread has alone.
    unsafe { *item.cast::<u8>() += 1 };
    0
}

unsafe extern "C" fn take(line: *mut c_void, item: *mut c_void, _: u32) -> i32 {
    // SAFETY: as in `feed`.
    unsafe {
        (*line.cast::<Line>()).taken += 1;
        i32::from(*item.cast::<u8>() != 1)
    }
}

/// How many items of 20 a pipeline takes.
pub(crate) fn count_items() -> usize {
    let mut line = Line { items: [0; 20], fed: 0, taken: 0 };
    let data = ptr::from_mut(&mut line).cast();
    // SAFETY: the line lives until the call has returned.
    let status = unsafe {
        fastpar_pipeline_run(ptr::null(), Some(feed), Some(work), Some(take), data, ptr::null_mut())
    };
    assert_eq!(status, FASTPAR_OK);
    line.taken
}

/// A group and a pipeline.
pub(crate) fn use_both() {
    assert_eq!(count_tasks(40), 40);
    assert_eq!(count_items(), 20);
}

fn four_threads() -> Isolated {
    Isolated::default().env("FASTPAR_THREADS", "4")
}

#[test]
fn the_pool_cannot_be_shut_down_in_a_task() {
    four_threads().run(|| {
        let refused = |_: *mut fastpar_group, _: u32| {
            assert_eq!(pool::shutdown().expect_err("its own call runs").kind(), ErrorKind::Busy);
            0
        };
        let task: Run<'_> = &refused;
        let root = |group, lane| {
            (0..20).for_each(|_| assert_eq!(spawn(group, &task), FASTPAR_OK));
            assert_eq!(wait(group), FASTPAR_OK);
            refused(group, lane)
        };
        assert_eq!(run(&root), FASTPAR_OK);
        pool::shutdown().expect("no call is left");
        use_both();
    });
}

#[test]
fn members_of_a_team_in_a_task_spawn() {
    four_threads().run(|| {
        let ran = AtomicUsize::new(0);
        let count = |_: *mut fastpar_group, _: u32| {
            ran.fetch_add(1, Relaxed);
            0
        };
        let task: Run<'_> = &count;
        let root = |group: *mut fastpar_group, _| {
            let address = group as usize;
            // The group's helpers may have the workers; a team that finds none is another test's matter.
            let members = |_: &team::Team, _| {
                let group = address as *mut fastpar_group;
                (0..100).for_each(|_| assert_eq!(spawn(group, &task), FASTPAR_OK));
                assert_eq!(wait(group), FASTPAR_ERR_BUSY);
                Continue(())
            };
            team::run(4, &members).expect("the pool is idle");
            assert_eq!(wait(group), FASTPAR_OK);
            assert_eq!(ran.load(Relaxed), 400, "what members spawn belongs to the task");
            0
        };
        assert_eq!(run(&root), FASTPAR_OK);
    });
}

#[test]
fn tasks_are_counted_as_chunks_of_one_call() {
    four_threads().run(|| {
        assert_eq!(count_tasks(99), 99);
        let stats = pool::stats();
        assert_eq!((stats.jobs, stats.chunks), (1, 100), "the root counts, too");
        assert_eq!(count_items(), 20);
        assert_eq!((pool::stats().jobs, pool::stats().chunks), (2, 120));
    });
}

#[test]
fn a_timeline_has_each_task_once() {
    four_threads().run(|| {
        let (_folder, path) = folder();
        start(&path);
        assert_eq!(count_tasks(99), 99);
        while pool::stats().busy > 0 {
            std::thread::yield_now();
        }
        stop();
        let timeline = Timeline::read(&path);
        assert_eq!(timeline.lost(), 0);
        assert_eq!(timeline.slices("group task").count(), 100);
    });
}

/// A child goes on inside a task of its parent: what it spawns and waits for is refused, its call cannot be
/// finished, and calls of its own work.
#[cfg(unix)]
#[test]
fn a_child_that_is_forked_in_a_task() {
    four_threads().foreign().run(|| {
        let parent = std::process::id();
        let dropped_by_child = AtomicUsize::new(0);
        let nothing = |_: *mut fastpar_group, _: u32| {
            dropped_by_child.fetch_add(usize::from(std::process::id() != parent), Relaxed);
            0
        };
        let task: Run<'_> = &nothing;
        let root = |group, _| {
            (0..50).for_each(|_| assert_eq!(spawn(group, &task), FASTPAR_OK));
            // SAFETY: the child ends below.
            match unsafe { libc::fork() } {
                0 => {
                    // SAFETY: no pointers; a child that hangs is ended.
                    unsafe { libc::alarm(30) };
                    assert_eq!(spawn(group, &task), FASTPAR_ERR_THREADS);
                    assert_eq!(wait(group), FASTPAR_ERR_THREADS);
                    use_both();
                }
                child => {
                    let mut status = 0;
                    // SAFETY: a child of this process; the place is valid.
                    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
                    assert_eq!(status, 0, "the child failed");
                    assert_eq!(wait(group), FASTPAR_OK);
                }
            }
            0
        };
        let status = run(&root);
        if std::process::id() != parent {
            let right = status == FASTPAR_ERR_THREADS && dropped_by_child.load(Relaxed) == 0;
            use_both();
            // SAFETY: no pointers.
            unsafe { libc::_exit(i32::from(!right)) }
        }
        assert_eq!(status, FASTPAR_OK);
        use_both();
    });
}
