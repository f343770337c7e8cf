//! Teams: every member runs, barriers separate phases, failures release everybody, and nothing waits for
//! ever.

use crate::support::watchdog::watch;
use fastpar::job::{for_each_chunk, Body, Control, JobHandle};
use fastpar::plan::Schedule;
use fastpar::team::{self, Team, TeamOptions};
use fastpar::{pool, Error, ErrorKind};
use std::ops::ControlFlow::{Break, Continue};
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock};

/// What a member that a barrier let down returns.
const RELEASED: i32 = 99;

fn threads() -> u32 {
    pool::threads().expect("the environment is good")
}

/// `phases` phases of `members` members: in each of them every member must see what all did in the one
/// before.
fn check_phases(members: u32, phases: usize) -> fastpar::Result<()> {
    let arrived: Vec<_> = (0..phases).map(|_| AtomicU32::new(0)).collect();
    let seen = AtomicU32::new(0);
    team::run(members, &|team: &Team, member| {
        assert_eq!(team.members(), members);
        seen.fetch_add(1 + member, Relaxed);
        for phase in &arrived {
            phase.fetch_add(1, Relaxed);
            team.barrier().expect("nobody fails");
            assert_eq!(phase.load(Relaxed), members, "a member passed the barrier before all had come");
        }
        Continue(())
    })?;
    assert_eq!(seen.into_inner(), members * (members + 1) / 2, "each member runs once");
    Ok(())
}

#[test]
fn every_size_from_one_to_all_threads() {
    let _watch = watch();
    for members in 1..=threads() {
        check_phases(members, 10).expect("there are enough threads");
    }
}

#[test]
fn zero_members_are_as_many_as_the_pool_has() {
    let _watch = watch();
    let count = AtomicU32::new(0);
    team::run(0, &|team: &Team, _| {
        count.fetch_add(1, Relaxed);
        assert_eq!(team.members(), threads());
        Continue(())
    })
    .expect("there are enough threads");
    assert_eq!(count.into_inner(), threads());
}

#[test]
fn more_members_than_threads_is_an_error() {
    let error = team::run(threads() + 1, &|_: &Team, _| panic!("it cannot run")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Threads);
    assert_eq!(
        error.message(),
        format!("members is {}, but the pool has {} threads", threads() + 1, threads())
    );
}

#[test]
fn what_members_write_is_visible_after_the_barrier() {
    let _watch = watch();
    let members = 5;
    let cells: Vec<_> = (0..members).map(|_| AtomicUsize::new(0)).collect();
    team::run(members, &|team: &Team, member| {
        for round in 1..200 {
            // Relaxed: the barrier alone orders these.
            cells[member as usize].store(round, Relaxed);
            team.barrier().expect("nobody fails");
            assert!(cells.iter().all(|cell| cell.load(Relaxed) == round));
            team.barrier().expect("nobody fails");
        }
        Continue(())
    })
    .expect("every member succeeds");
}

/// Runs a team in which member `failing` fails by `fail` and the others wait; the call's error.
fn fail_one(members: u32, failing: u32, fail: impl Fn() -> std::ops::ControlFlow<i32> + Sync) -> Error {
    let released = AtomicU32::new(0);
    let error = team::run(members, &|team: &Team, member| {
        if member == failing {
            return fail();
        }
        let error = team.barrier().expect_err("a member never comes to this barrier");
        assert_eq!(error.kind(), ErrorKind::Cancelled);
        assert!(team.barrier().is_err(), "a broken team stays broken");
        released.fetch_add(1, Relaxed);
        Break(RELEASED)
    })
    .expect_err("a member failed");
    assert_eq!(released.into_inner(), members - 1);
    error
}

#[test]
fn a_failing_member_releases_the_others() {
    let _watch = watch();
    for round in 0..200 {
        let members = 2 + round % (threads() - 1);
        let failing = round % members;
        let error = fail_one(members, failing, || Break(7));
        assert_eq!((error.kind(), error.code()), (ErrorKind::Callback, 7), "the first failure is the call's");
        assert_eq!(error.position(), Some(u64::from(failing)));
    }
}

#[test]
fn a_panicking_member_releases_the_others() {
    let _watch = watch();
    for failing in 0..3 {
        let error = fail_one(3, failing, || panic!("on purpose"));
        assert_eq!((error.kind(), error.position()), (ErrorKind::Panic, Some(u64::from(failing))));
        assert_eq!(error.message(), format!("member {failing} panicked: on purpose"));
    }
    check_phases(threads(), 3).expect("the pool is usable");
}

#[test]
fn a_member_that_returns_is_not_waited_for() {
    let _watch = watch();
    for _ in 0..100 {
        let passed = AtomicU32::new(0);
        team::run(4, &|team: &Team, member| {
            for _ in 0..member {
                team.barrier().expect("nobody fails");
                passed.fetch_add(1, Relaxed);
            }
            Continue(())
        })
        .expect("every member succeeds");
        assert_eq!(passed.into_inner(), 1 + 2 + 3);
    }
}

#[test]
fn several_whole_teams_at_the_same_time() {
    let _watch = watch();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    check_phases(threads(), 2).expect("a caller outside of callbacks waits for workers");
                }
            });
        }
    });
}

#[test]
fn teams_of_many_sizes_and_loops_at_the_same_time() {
    let _watch = watch();
    std::thread::scope(|scope| {
        for caller in 0..4 {
            scope.spawn(move || {
                for round in 0..50 {
                    check_phases(1 + (caller * 7 + round) % threads(), 2).expect("it waits for workers");
                }
            });
            scope.spawn(|| {
                for _ in 0..100 {
                    let done = AtomicUsize::new(0);
                    for_each_chunk(Schedule::Grain { grain: 1 }, 500, &Control::default(), |_| {
                        done.fetch_add(1, Relaxed);
                        Continue(())
                    })
                    .expect("the loop runs");
                    assert_eq!(done.into_inner(), 500);
                }
            });
        }
    });
}

#[test]
fn inside_a_callback_a_team_runs_or_fails_at_once() {
    let _watch = watch();
    let (ran, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    for_each_chunk(Schedule::Grain { grain: 1 }, 200, &Control::default(), |chunk| {
        match check_phases(2 + chunk.index as u32 % (threads() - 1), 2) {
            Ok(()) => ran.fetch_add(1, Relaxed),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Threads, "{error}");
                refused.fetch_add(1, Relaxed)
            }
        };
        Continue(())
    })
    .expect("the loop runs");
    assert_eq!(ran.into_inner() + refused.into_inner(), 200);
}

#[test]
fn inside_a_member_the_rest_of_the_pool_is_there() {
    let _watch = watch();
    let whole = threads();
    team::run(whole, &|team: &Team, member| {
        team.barrier().expect("nobody fails");
        if member == 0 {
            // whole - 1 workers are members, one is left: a team of two fits, one of three does not.
            let error = team::run(3, &|_: &Team, _| Continue(())).expect_err("one worker is not enough");
            assert_eq!(error.kind(), ErrorKind::Threads);
            // Another test's team may be gathering, so this one may be refused; alone always fits.
            match check_phases(2, 3) {
                Ok(()) => {}
                Err(error) => assert_eq!(error.kind(), ErrorKind::Threads),
            }
            check_phases(1, 3).expect("the caller alone needs nobody");
        }
        team.barrier().expect("nobody fails");
        Continue(())
    })
    .expect("it waits for workers");
}

#[test]
fn a_barrier_is_for_members_only() {
    let _watch = watch();
    team::run(2, &|team: &Team, _| {
        std::thread::scope(|scope| {
            let stranger = scope.spawn(|| team.barrier().expect_err("this thread is not a member"));
            assert_eq!(stranger.join().unwrap().kind(), ErrorKind::InvalidArgument);
        });
        team.barrier().expect("nobody fails");
        Continue(())
    })
    .expect("every member succeeds");
}

#[test]
fn members_wait_for_a_job_that_finds_no_worker() {
    let _watch = watch();
    let job = OnceLock::<JobHandle>::new();
    let (done, lanes) = (Arc::new(AtomicUsize::new(0)), Mutex::new(Vec::new()));
    team::run(0, &|team: &Team, member| {
        if member == 0 {
            let counter = Arc::clone(&done);
            let body: Body = Box::new(move |_| {
                counter.fetch_add(1, Relaxed);
                Continue(())
            });
            let started = JobHandle::start(Schedule::Grain { grain: 1 }, 1000, 0, None, None, body);
            assert!(job.set(started.expect("it starts")).is_ok());
        }
        team.barrier().expect("nobody fails");
        job.get().expect("it is started").wait(None).expect("the waiters do it");
        lanes.lock().unwrap().push(member);
        Continue(())
    })
    .expect("every member succeeds");
    assert_eq!(done.load(Relaxed), 1000);
    assert_eq!(lanes.into_inner().unwrap().len(), threads() as usize);
}

fn stopped_by(flag: &AtomicI32) -> TeamOptions<'_> {
    TeamOptions { cancel: Some(flag), ..TeamOptions::default() }
}

/// A flag releases the members from a barrier to which not all come.
#[test]
fn a_cancelled_team_is_released_from_its_barriers() {
    let _watch = watch();
    let flag = AtomicI32::new(0);
    let released = AtomicU32::new(0);
    let members = threads().min(4);
    let result = team::run_with(members, &stopped_by(&flag), &|team: &Team, member| {
        if member == 0 {
            flag.store(1, Relaxed);
            // Not at the barrier: the others wait for this member until they see the flag.
            while released.load(Relaxed) < members - 1 {
                std::thread::yield_now();
            }
            return Continue(());
        }
        let error = team.barrier().expect_err("member 0 never comes");
        assert_eq!(error.kind(), ErrorKind::Cancelled);
        released.fetch_add(1, Relaxed);
        Continue(())
    });
    assert_eq!(result.map_err(|error| error.kind()), Err(ErrorKind::Cancelled));
    // A failure of a member's own counts more; a flag that is not set changes nothing.
    let failed =
        team::run_with(2, &stopped_by(&flag), &|_, member| if member == 0 { Break(7) } else { Continue(()) });
    assert_eq!(failed.map_err(|error| error.code()), Err(7));
    flag.store(0, Relaxed);
    team::run_with(members, &stopped_by(&flag), &|team, _| {
        (0..10).for_each(|_| team.barrier().expect("nobody cancels"));
        Continue(())
    })
    .expect("it succeeds");
}
