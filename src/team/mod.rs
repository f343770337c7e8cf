//! Teams: members that run at the same time and meet at barriers.
//!
//! Member 0 is the caller; the others are workers that are reserved for the team before it begins
//! (`pool::permits` says why no two teams can wait for each other's workers). The first member that fails
//! breaks the barrier, so that no member waits for it.

mod barrier;
#[cfg(all(test, loom))]
mod loom_tests;

use crate::error::{Error, ErrorKind, Result};
use crate::job::Carried;
use crate::os::fork::Process;
use crate::panics::panic_text;
use crate::pool::{check_others, wait, Asked, Call, Scope};
use crate::trace;
use barrier::Barrier;
use std::cell::Cell;
use std::ffi::CStr;
use std::ops::ControlFlow;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// A running team, as its members see it.
pub struct Team {
    /// The caller's flag, which lives as long as the call.
    cancel: Option<&'static AtomicI32>,
    members: u32,
    traced: Option<trace::Call>,
    barrier: Barrier,
    state: Mutex<State>,
    ended: Condvar,
    process: Process,
}

#[derive(Default)]
struct State {
    /// Members that have ended, the caller not counted.
    ended: u32,
    /// The first failure.
    failure: Option<Error>,
}

thread_local! {
    /// The team that this thread is a member of.
    static MEMBER_OF: Cell<*const Team> = const { Cell::new(ptr::null()) };
}

/// The caller's body, for the time of the call.
struct BodyPtr(*const (dyn Fn(&Team, u32) -> ControlFlow<i32> + Sync));

// SAFETY: the body is Sync; `run` keeps it alive until every member has ended.
unsafe impl Send for BodyPtr {}

impl BodyPtr {
    fn get(&self) -> *const (dyn Fn(&Team, u32) -> ControlFlow<i32> + Sync) {
        self.0
    }
}

/// Runs `body(team, member)` on `members` threads at the same time (0: every thread of the pool). Returns
/// when all members have ended.
///
/// A member that breaks with a code, or panics, releases all others from their barriers, and its failure is
/// the call's. A member that returns early is not waited for at later barriers.
///
/// # Errors
/// Those of the first member that failed; [`ErrorKind::Threads`] if the team is larger than the pool, or,
/// inside a callback, than the workers that are free at this moment.
pub fn run(members: u32, body: &(dyn Fn(&Team, u32) -> ControlFlow<i32> + Sync)) -> Result<()> {
    run_with(members, &TeamOptions::default(), body)
}

/// How a team is stopped, and what it is called.
#[derive(Clone, Copy, Debug, Default)]
pub struct TeamOptions<'a> {
    /// Not zero: the members are released from their barriers, and the call fails.
    pub cancel: Option<&'a AtomicI32>,
    /// What traces call it.
    pub name: Option<&'a CStr>,
}

/// The same with options; once `cancel` is not zero the members are released from their barriers, and the
/// call fails.
///
/// # Errors
/// Those of [`run`], and [`ErrorKind::Cancelled`].
pub fn run_with(
    members: u32,
    options: &TeamOptions<'_>,
    body: &(dyn Fn(&Team, u32) -> ControlFlow<i32> + Sync),
) -> Result<()> {
    let call = Call::enter()?;
    let pool = call.pool();
    let members = if members == 0 { pool.threads() } else { members };
    if members > pool.threads() {
        let text = format!("members is {members}, but the pool has {} threads", pool.threads());
        return Err(Error::new(ErrorKind::Threads, text));
    }
    if members > 1 {
        check_others()?;
    }
    pool.need_workers(members - 1)?;
    call.count_job(members as usize);
    if members > 1 {
        pool.await_workers()?;
    }
    pool.reserve(members - 1, call.must_not_wait())?;
    let traced = trace::begin_named(trace::LOOPS, options.name);
    // SAFETY: only the lifetime is dropped; the team is used by its members, who end before this returns, or
    // which a fork has left without a thread.
    let flag = options.cancel.map(|flag| unsafe { &*ptr::from_ref(flag) });
    let team = Arc::new(Team {
        cancel: flag,
        members,
        traced,
        barrier: Barrier::new(members),
        state: Mutex::default(),
        ended: Condvar::new(),
        process: Process::current(),
    });
    let carried = Carried::from_caller(call.is_nested());
    for member in 1..members {
        // SAFETY: only the lifetime is dropped; this function does not return before every member has ended.
        let body = BodyPtr(unsafe {
            std::mem::transmute::<
                *const (dyn Fn(&Team, u32) -> ControlFlow<i32> + Sync + '_),
                *const (dyn Fn(&Team, u32) -> ControlFlow<i32> + Sync + 'static),
            >(body)
        });
        let (working, ending) = (Arc::clone(&team), Arc::clone(&team));
        pool.send_reserved(
            // SAFETY: the caller waits until this member has ended.
            move || carried.with(|| working.member(member, unsafe { &*body.get() })),
            move || ending.member_ended(),
        );
    }
    team.member(0, body);
    carried.restore_here();
    team.process.check()?; // in a forked child the other members are in the parent, which waits for them
    let all_ended = wait(|| team.ended.wait_while(team.state(), |state| state.ended < members - 1));
    let mut state = all_ended.unwrap_or_else(PoisonError::into_inner);
    if let Some(call) = traced {
        call.end(trace::Kind::Team, [u64::from(members), 0, 0]);
    }
    match state.failure.take() {
        Some(failure) => Err(failure),
        None if team.is_cancelled() => Err(Error::cancelled()),
        None => Ok(()),
    }
}

/// Has failed once its barrier is broken.
impl Asked for Team {
    fn is_stopped(&self) -> bool {
        self.barrier.is_broken() || self.is_cancelled()
    }
}

impl Team {
    /// The number of members.
    pub fn members(&self) -> u32 {
        self.members
    }

    /// Waits until every member that has not ended has arrived. What they wrote before is visible afterwards.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`] once a member has failed; [`ErrorKind::InvalidArgument`] from a thread that
    /// is not a member; [`ErrorKind::Threads`] in a child that a member forked.
    pub fn barrier(&self) -> Result<()> {
        if !MEMBER_OF.with(|member_of| ptr::eq(member_of.get(), self)) {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                "the calling thread is not a member of this team",
            ));
        }
        self.process.check()?;
        let cancelled = || self.is_cancelled();
        let watch = self.cancel.map(|_| &cancelled as &dyn Fn() -> bool);
        let released = wait(|| self.barrier.wait(watch));
        released.map_err(|_| {
            let text = if cancelled() { "the team is cancelled" } else { "a member of the team failed" };
            Error::new(ErrorKind::Cancelled, text)
        })
    }

    /// Whether the flag is set. Relaxed: it carries no data.
    fn is_cancelled(&self) -> bool {
        self.cancel.is_some_and(|flag| flag.load(Ordering::Relaxed) != 0)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a worker whose member has ended; the last one wakes the caller.
    fn member_ended(&self) {
        let mut state = self.state();
        state.ended += 1;
        if state.ended == self.members - 1 {
            self.ended.notify_all();
        }
    }

    /// Runs one member on the calling thread.
    fn member(&self, member: u32, body: &(dyn Fn(&Team, u32) -> ControlFlow<i32> + Sync)) {
        let traced = self.traced.map(|call| call.begin_lane(trace::Kind::Member, member));
        let outer = MEMBER_OF.with(|member_of| member_of.replace(self));
        // The body is not used by this member again.
        let (outcome, told) =
            Scope::enter(self, |scope| (catch_unwind(AssertUnwindSafe(|| body(self, member))), scope.take()));
        MEMBER_OF.with(|member_of| member_of.set(outer));
        drop(traced);
        if !self.process.is_current() {
            return; // a child that a member forked: the other members are in the parent
        }
        match outcome {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(code)) => {
                let text = format!("member {member} returned {code}");
                let error = Error::of_callback(text, code, told);
                let position = error.position().unwrap_or(u64::from(member));
                self.fail(error.at(position));
            }
            Err(payload) => {
                let text = format!("member {member} panicked: {}", panic_text(payload));
                self.fail(Error::new(ErrorKind::Panic, text).at(u64::from(member)));
            }
        }
        self.barrier.leave();
    }

    /// Keeps the first failure and releases all members. Later failures of members are its consequence.
    fn fail(&self, error: Error) {
        self.state().failure.get_or_insert(error);
        self.barrier.break_up();
    }
}
