//! Fork: the child can use everything at once, the parent does not notice.

use crate::support::isolated::Isolated;
use crate::{count_chunks, run_chunks, EACH};
use fastpar::job::{for_each_chunk, reduce, Body, Chunk, Control, JobHandle};
use fastpar::plan::Schedule;
use fastpar::{pool, team, ErrorKind};
use std::ops::ControlFlow::Continue;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc;
use std::thread;

/// Seconds after which a child that hangs is ended by the system.
const CHILD_LIMIT: u32 = 30;

/// Runs `body` in a forked child, and checks that it succeeded.
fn in_child(what: &str, body: impl FnOnce()) {
    // SAFETY: what the child does afterwards is what is tested; it ends by _exit.
    match unsafe { libc::fork() } {
        -1 => panic!("fork: {}", std::io::Error::last_os_error()),
        0 => {
            // SAFETY: no pointers.
            unsafe { libc::alarm(CHILD_LIMIT) };
            let failed = catch_unwind(AssertUnwindSafe(body)).is_err();
            // SAFETY: no pointers; the parent's destructors and buffers are not the child's to run.
            unsafe { libc::_exit(i32::from(failed)) }
        }
        child => {
            let mut status = 0;
            // SAFETY: a child of this process; `status` is valid for writing.
            assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
            if libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGALRM {
                panic!("HANG: {what}: the child did not end within {CHILD_LIMIT} s");
            }
            assert!(
                libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0,
                "{what}: the child failed: {status:#x}"
            );
        }
    }
}

/// Loops, nested loops, a reduction, a group, a pipeline, a job, a team.
fn use_everything() {
    assert_eq!(count_chunks(100), 100);
    let nested = AtomicUsize::new(0);
    run_chunks(5, |_| _ = nested.fetch_add(count_chunks(5), Relaxed));
    assert_eq!(nested.into_inner(), 25);
    let count = |chunk: &Chunk, sum: &mut usize| *sum += chunk.end - chunk.begin;
    let sum = reduce(Schedule::default(), 1000, &Control::default(), 0, count, |sum, part| *sum += part);
    assert_eq!(sum, Ok(1000));
    crate::groups::use_both();
    let job = JobHandle::start(EACH, 50, 0, None, None, Box::new(|_| Continue(()))).expect("it starts");
    job.wait(None).expect("it succeeds");
    team::run(3, &|team, _| {
        team.barrier().expect("nobody fails");
        Continue(())
    })
    .expect("there are enough threads");
}

fn four_threads() -> Isolated {
    Isolated::default().foreign().env("FASTPAR_THREADS", "4")
}

#[test]
fn the_child_of_a_busy_parent_uses_everything_at_once() {
    four_threads().run(|| {
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while !stop.load(Relaxed) {
                        use_everything(); // asserts that nothing is disturbed
                    }
                });
            }
            let forked = catch_unwind(|| {
                for round in 0..200 {
                    in_child("a child of a busy parent", || {
                        use_everything();
                        if round % 10 == 0 {
                            pool::shutdown().expect("the child's pool ends");
                            use_everything();
                        }
                    });
                    if round % 4 == 0 {
                        use_everything();
                    }
                }
            });
            stop.store(true, Relaxed);
            forked.expect("every child succeeds");
        });
        pool::shutdown().expect("the parent's pool ends");
    });
}

/// A parent that never used fastpar stays as it is: each of its children is a fresh process, in which one
/// thread makes the first call while another forks.
#[test]
fn while_another_thread_starts_the_first_pool() {
    four_threads().run(|| {
        for round in 0..100 {
            in_child("a fresh process", || {
                let (begin, may_begin) = mpsc::channel();
                let first = thread::spawn(move || {
                    begin.send(()).expect("the other thread waits");
                    use_everything();
                });
                may_begin.recv().expect("it has begun");
                for _ in 0..round % 10 * 50 {
                    std::hint::spin_loop();
                }
                for _ in 0..3 {
                    in_child("a child forked during the first call", use_everything);
                }
                first.join().expect("the first call succeeds");
            });
        }
    });
}

#[test]
fn while_another_thread_starts_and_ends_pools() {
    four_threads().run(|| {
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Relaxed) {
                    assert_eq!(count_chunks(10), 10);
                    pool::shutdown().expect("the pool ends");
                }
            });
            let forked = catch_unwind(|| {
                for _ in 0..100 {
                    in_child("a child forked while pools come and go", || {
                        use_everything();
                        pool::shutdown().expect("the child's pool ends");
                    });
                }
            });
            stop.store(true, Relaxed);
            forked.expect("every child succeeds");
        });
    });
}

#[test]
fn from_inside_callbacks() {
    four_threads().run(|| {
        for _ in 0..5 {
            run_chunks(4, |_| in_child("a child forked inside a loop", use_everything));
            run_chunks(2, |_| {
                run_chunks(2, |_| in_child("a child forked inside a nested loop", use_everything));
            });
            team::run(2, &|_, _| {
                in_child("a child forked inside a team", use_everything);
                Continue(())
            })
            .expect("there are enough threads");
        }
        use_everything();
    });
}

/// The child returns from the callback in which it was forked: the parent's call cannot be finished in it.
#[test]
fn a_child_that_goes_on_inside_the_parents_call() {
    four_threads().run(|| {
        let parent = std::process::id();
        let forked_at = |chunk: &Chunk| {
            // On the caller, whose thread is the child's.
            if chunk.lane == 0 && chunk.index < 100 && std::process::id() == parent {
                // SAFETY: as in `in_child`; the child ends below.
                let child = unsafe { libc::fork() };
                assert!(child >= 0);
                if child == 0 {
                    // SAFETY: no pointers.
                    unsafe { libc::alarm(CHILD_LIMIT) };
                    return;
                }
                let mut status = 0;
                // SAFETY: a child of this process.
                unsafe { libc::waitpid(child, &mut status, 0) };
                assert_eq!(status, 0, "the child failed");
            }
        };
        let result = for_each_chunk(EACH, 4, &Control::default(), |_| {
            let inner = for_each_chunk(EACH, 2, &Control::default(), |chunk| {
                forked_at(chunk);
                Continue(())
            });
            if std::process::id() != parent {
                assert_eq!(inner.expect_err("its helpers are in the parent").kind(), ErrorKind::Threads);
                // Inside the outer call of the parent, but with a pool of its own.
                let child = catch_unwind(use_everything);
                // SAFETY: no pointers.
                unsafe { libc::_exit(i32::from(child.is_err())) };
            }
            inner.expect("the parent does not notice");
            Continue(())
        });
        result.expect("the parent does not notice");
        use_everything();
    });
}

#[test]
fn a_child_does_not_wait_for_the_parents_team() {
    four_threads().run(|| {
        team::run(3, &|team, member| {
            if member == 0 {
                in_child("a child of a member", || {
                    let error = team.barrier().expect_err("the others are in the parent");
                    assert_eq!(error.kind(), ErrorKind::Threads);
                });
            }
            team.barrier().expect("the parent does not notice");
            Continue(())
        })
        .expect("there are enough threads");
    });
}

#[test]
fn the_parents_jobs_are_not_the_childs() {
    four_threads().run(|| {
        let (running, is_running) = mpsc::channel();
        let body: Body = Box::new(move |chunk| {
            if chunk.index == 0 {
                running.send(()).expect("the test waits");
            }
            Continue(())
        });
        let job = JobHandle::start(EACH, usize::MAX, 0, None, None, body).expect("it starts");
        is_running.recv().expect("it runs");
        in_child("a child with a handle of its parent's", || {
            assert_eq!(job.wait(None).expect_err("it is not ours").kind(), ErrorKind::Threads);
            assert_eq!(job.progress().expect_err("it is not ours").kind(), ErrorKind::Threads);
            job.cancel();
            // SAFETY: the child has a copy of the handle and uses it once; the parent's own is another one.
            drop(unsafe { std::ptr::read(&job) });
            use_everything();
            pool::shutdown().expect("it waits for the child's jobs only");
        });
        assert_eq!(
            job.wait(Some(std::time::Duration::ZERO)).expect_err("it runs").kind(),
            ErrorKind::Timeout
        );
        job.cancel();
        assert_eq!(job.wait(None).expect_err("it is cancelled").kind(), ErrorKind::Cancelled);
    });
}

#[test]
fn children_of_children() {
    Isolated::default().foreign().run(|| {
        use_everything();
        in_child("a child", || {
            use_everything();
            in_child("a grandchild", || {
                in_child("a grandgrandchild", use_everything);
                use_everything();
            });
            use_everything();
        });
        use_everything();
    });
}
