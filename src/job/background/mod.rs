//! Background jobs: loops run by helpers, which finish whether their starter waits or not.
//!
//! The job, its body and its gate live in one shared allocation, held by the handle and by every ticket. The
//! gate stays open until nothing is left to claim. Then the last thread to leave, helper or waiter, finishes
//! the job, once.

mod ending;
mod help;

use crate::error::{Error, ErrorKind, Result};
use crate::job::chunk::{Chunk, Control, Kind};
use crate::job::chunks::Job;
use crate::job::gate::Gate;
use crate::job::helpers::{recruit, JobGate, Share};
use crate::job::progress::{Monitor, Progress};
use crate::os::fork::Process;
use crate::plan::{Plan, Schedule};
use crate::pool::{self, most_lanes, Asked, Call, KeepAlive, Pool, PoolRef, Scope, Ticket};
use crate::sync::{Mutex, MutexGuard, QuietCondvar};
use crate::trace;
use std::ffi::CStr;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// A body that a background job owns.
pub type Body = Box<dyn Fn(&Chunk) -> ControlFlow<i32> + Send + Sync>;

/// A progress callback that a background job owns.
pub type OwnedProgress = Arc<dyn Fn(u64, u64) -> ControlFlow<()> + Send + Sync>;

/// Called once with the result of a background job.
pub type Done = Box<dyn FnOnce(&Result<()>) + Send>;

/// A loop that runs in the background. Dropping the handle releases the loop, see [`release`](Self::release).
pub struct JobHandle {
    job: Arc<Background>,
    /// Released or detached: dropping the handle does nothing more.
    let_go: AtomicBool,
}

/// The part that the handle and the tickets share.
struct Background {
    // Declared, and so dropped, before the parts that it refers to.
    job: Job<'static>,
    parts: Arc<Parts>,
    gate: JobGate,
    /// The lane of the thread that waits, once it has one. Locked while that thread works.
    waiter: Mutex<Option<u32>>,
    /// Whether a thread has begun to finish the job.
    finishing: AtomicBool,
    /// The result, once the job is finished; the pool is kept until then.
    outcome: Mutex<Outcome>,
    changed: QuietCondvar,
    process: Process,
    /// The pool that the job runs on; it lives as long as `outcome` keeps it.
    pool: PoolRef,
}

/// A finished job, as its notification sees it.
struct Ended {
    failed: bool,
}

impl Asked for Ended {
    fn is_stopped(&self) -> bool {
        self.failed
    }
}

/// The parts that the job borrows.
struct Parts {
    monitor: Monitor<'static>,
    body: Body,
    _progress: Option<OwnedProgress>,
}

#[derive(Default)]
struct Outcome {
    result: Option<Result<()>>,
    notification: Notification,
    keep: Option<KeepAlive>,
    /// Counts the waiters that gave up: a waiter that is left may take over their lane.
    left: u64,
}

/// The notification of the job's end, if there is one.
#[derive(Default)]
enum Notification {
    #[default]
    Nobody,
    Wanted(Done),
    /// The notification is being called, or about to be.
    UnderWay,
    Over,
}

impl JobHandle {
    /// Starts a loop; `cancel` and `progress` of the control live as long as the job.
    ///
    /// # Errors
    /// As [`for_each_chunk`](super::for_each_chunk) has before it runs a chunk.
    pub fn start(
        schedule: Schedule,
        count: usize,
        max_lanes: u32,
        cancel: Option<&'static AtomicI32>,
        progress: Option<OwnedProgress>,
        body: Body,
    ) -> Result<Self> {
        Self::start_named(None, schedule, count, max_lanes, cancel, progress, body)
    }

    /// The same; `name` is what a trace calls it.
    ///
    /// # Errors
    /// As for [`Self::start`].
    pub fn start_named(
        name: Option<&CStr>,
        schedule: Schedule,
        count: usize,
        max_lanes: u32,
        cancel: Option<&'static AtomicI32>,
        progress: Option<OwnedProgress>,
        body: Body,
    ) -> Result<Self> {
        let call = Call::enter()?;
        call.pool().need_workers(1)?;
        let plan = Plan::new(schedule, count, call.lanes(max_lanes));
        call.count_job(plan.chunks());
        // SAFETY: the callback is shared, so it does not move. It outlives the monitor: both are in `parts`,
        // where the monitor is declared first.
        let report = progress.as_deref().map(|report| unsafe { extend(report) } as Progress<'static>);
        let monitor = Monitor::new(report, count as u64);
        let parts = Arc::new(Parts { monitor, body, _progress: progress });
        // SAFETY: `parts` is shared, so it does not move, and it is dropped after the job, which is declared
        // before it.
        let (monitor, body) = unsafe { (extend(&parts.monitor), extend(&parts.body)) };
        let control = Control { max_lanes, cancel, ..Control::default() };
        let width = plan.lanes().min(call.pool().cpus()).min(most_lanes());
        let traced = trace::begin_named(trace::LOOPS | trace::CHUNKS, name);
        let job = Job::new(&plan, 0..plan.chunks(), width, Kind::Loop, &control, Some(monitor), body);
        let background = Arc::new(Background {
            job: job.traced(traced),
            parts,
            gate: Gate::new(),
            waiter: Mutex::new(None),
            finishing: AtomicBool::new(false),
            outcome: Mutex::new(Outcome { keep: Some(call.keep_alive()), ..Outcome::default() }),
            changed: QuietCondvar::default(),
            process: Process::current(),
            pool: call.pool_ref(),
        });
        if let Some(traced) = traced {
            traced.mark(trace::Kind::JobBegins);
        }
        background.gate.open(&background.job, plan.lanes(), false);
        background.recruit(call.pool());
        background.finish_if_done();
        if let Some(traced) = traced {
            let values = [plan.chunks() as u64, plan.count() as u64, u64::from(plan.lanes())];
            traced.end(trace::Kind::Start, values);
        }
        Ok(Self { job: background, let_go: AtomicBool::new(false) })
    }

    /// Waits until the job is finished, or the time is over, and helps with its chunks meanwhile. May be
    /// called again, and by several threads; all get the same result.
    ///
    /// # Errors
    /// Those of the loop; [`ErrorKind::Timeout`]; [`ErrorKind::Busy`] from inside a chunk or a report of the
    /// same job; [`ErrorKind::LimitExceeded`] when calls are nested too deeply.
    pub fn wait(&self, timeout: Option<Duration>) -> Result<()> {
        self.job.process.check()?;
        if self.job.is_inside() {
            // Inside the notification the result is known, and there is nothing to wait for.
            return self.job.outcome().result.clone().unwrap_or_else(|| {
                Err(Error::new(ErrorKind::Busy, "a job cannot be waited for from inside its own callback"))
            });
        }
        pool::check_depth()?;
        // A deadline beyond what `Instant` can hold is no deadline.
        let deadline = timeout.map(|timeout| Instant::now().checked_add(timeout));
        self.job.wait(deadline.flatten())
    }

    /// The items done, and the total.
    ///
    /// # Errors
    /// [`ErrorKind::Threads`] in a forked child: the job runs in the parent.
    pub fn progress(&self) -> Result<(u64, u64)> {
        self.job.process.check()?;
        let monitor = &self.job.parts.monitor;
        Ok((monitor.counted(), monitor.total()))
    }

    /// Lets no new chunk start.
    pub fn cancel(&self) {
        if !self.job.process.is_current() {
            return; // the job runs in the parent
        }
        self.job.job.stop();
        self.job.finish_if_done();
    }

    /// Has `done` called once with the job's result: on a worker when the job is finished, or at once on the
    /// calling thread if the job is finished already. Threads that wait for the job, and a shutdown, wait for
    /// `done` too. Inside `done` waiting for the job returns at once.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`]: the job has a notification already; [`ErrorKind::Threads`] in a forked child. If
    /// the job is finished, also the errors of starting the pool, and [`ErrorKind::LimitExceeded`] as for
    /// [`wait`](Self::wait). After an error `done` is not called.
    pub fn notify(&self, done: Done) -> Result<()> {
        self.job.process.check()?;
        self.job.notify(done)
    }

    /// Lets the job run on without the handle.
    pub fn detach(&self) {
        // Relaxed, here and in `release`: the flag is read by the thread that drops the handle, which has
        // synchronized with all others by then.
        self.let_go.store(true, Ordering::Relaxed);
    }

    /// Cancels the job, and waits for the chunks in flight; not from inside its own callbacks.
    pub fn release(&self) {
        if self.let_go.swap(true, Ordering::Relaxed) || !self.job.process.is_current() {
            return; // in a forked child the helpers are in the parent; what they hold stays allocated
        }
        self.cancel();
        // Inside its own callback a release would wait for itself: the last helper to leave finishes the job.
        if !self.job.is_inside() {
            let _ = self.job.wait(None);
        }
    }
}

impl Drop for JobHandle {
    fn drop(&mut self) {
        self.release();
    }
}

/// Whether the job is cancelled is told by its lanes' scopes.
impl Asked for Background {
    fn is_stopped(&self) -> bool {
        false
    }

    fn identity(&self) -> *const () {
        std::ptr::from_ref(self).cast()
    }
}

impl Background {
    /// Sends a helper: at the start of the job, and when its last lane is left.
    fn recruit(self: &Arc<Self>, pool: &Pool) {
        if !self.job.wants_help() {
            return;
        }
        let ticket = || Ticket::Shared(self.clone());
        // Only helpers work for the job, so the first never waits for an idle CPU, which there may never be.
        if !self.gate.is_empty() {
            recruit(pool, &self.gate, Share::Fair(0), ticket);
        } else if self.gate.claim_ticket(1) {
            pool.send(ticket());
        }
    }

    /// Runs callbacks with the floating-point environment of the job's starter, and with the thread marked as
    /// being inside this job.
    fn work(&self, callbacks: impl FnOnce()) {
        Scope::enter(self, |_| self.job.away_from_caller(callbacks)); // they catch panics
    }

    /// Whether this thread is running a callback of this job, at any depth.
    fn is_inside(&self) -> bool {
        pool::is_inside(self.identity())
    }

    fn outcome(&self) -> MutexGuard<'_, Outcome> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(self: &Arc<Self>, deadline: Option<Instant>) -> Result<()> {
        loop {
            self.notify_as_worker();
            let seen = {
                let outcome = self.outcome();
                if let (Some(result), true) = (&outcome.result, outcome.is_over()) {
                    return result.clone();
                }
                outcome.left
            };
            if deadline.is_none_or(|deadline| Instant::now() < deadline) {
                self.help_as_waiter(deadline);
                self.process.check()?; // a chunk may have forked the process: the helpers are in the parent
                self.finish_if_done();
            }
            let mut outcome = self.outcome();
            while !outcome.is_over() && outcome.left == seen && !outcome.waits_for_worker() {
                pool::check_others()?;
                let Some(deadline) = deadline else {
                    if outcome.result.is_some() {
                        outcome = self.await_workers(outcome)?;
                        if outcome.is_over() {
                            break;
                        }
                    }
                    outcome = pool::wait(|| self.changed.wait(outcome));
                    continue;
                };
                let rest = deadline.saturating_duration_since(Instant::now());
                if rest.is_zero() {
                    outcome.left += 1;
                    self.changed.notify_all();
                    if self.is_waiters_lane_free() {
                        // This waiter may have been the only thread that works for the job: a worker takes
                        // over. SAFETY: under the lock the job is not finished, so it still keeps the pool.
                        self.recruit(unsafe { self.pool.get() });
                    }
                    return Err(Error::new(ErrorKind::Timeout, "the job is not finished yet"));
                }
                outcome = pool::wait(|| self.changed.wait_timeout(&self.outcome, outcome, rest));
            }
        }
    }

    /// Works for the job, if no other waiter does and there is a lane to have. Returns whether it did.
    fn help_as_waiter(&self, deadline: Option<Instant>) -> bool {
        let Ok(mut lane) = self.waiter.try_lock() else { return false };
        let entered = match *lane {
            None => self.gate.enter(most_lanes()).map(|(_, entered)| entered - 1),
            Some(lane) => self.gate.enter_again().then_some(lane),
        };
        let Some(mine) = entered else { return false };
        *lane = Some(mine);
        // SAFETY: the gate is not empty until `leave`, so the job is not finished, and keeps the pool.
        let pool = unsafe { self.pool.get() };
        pool.work_here(|| {
            let chunks = || match deadline {
                None => self.job.work(mine, None),
                Some(deadline) => self.job.work_until(mine, deadline),
            };
            self.work(chunks);
        });
        self.gate.leave();
        true
    }

    /// Whether a waiter had a lane and left it. A thread that holds the lock works on that lane.
    fn is_waiters_lane_free(&self) -> bool {
        self.waiter.try_lock().is_ok_and(|lane| lane.is_some())
    }
}

/// Forgets a lifetime.
///
/// # Safety
/// The value outlives every use of the result.
unsafe fn extend<T: ?Sized>(value: &T) -> &'static T {
    // SAFETY: the caller's promise.
    unsafe { &*std::ptr::from_ref(value) }
}
