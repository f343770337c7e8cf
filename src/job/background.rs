//! Jobs that nobody waits for at once: the same loop, run by helpers, finished whether its starter waits or not.
//!
//! The job, its body and its gate live in one shared allocation, held by the handle and by every ticket. The gate stays open
//! until nothing is left to claim; then whoever comes out last, helper or waiter, finishes the job, once.

use super::chunk::{Chunk, Control};
use super::chunks::Job;
use super::claims::Claiming;
use super::gate::Gate;
use super::helpers::{recruit, recruit_more, work, JobGate};
use super::progress::{Monitor, Progress};
use crate::error::{Error, ErrorKind, Result};
use crate::os::fork::Process;
use crate::plan::{Plan, Schedule};
use crate::pool::{self, Call, Help, KeepAlive, Pool, PoolRef, Ticket};
use crate::sync::{Mutex, MutexGuard, QuietCondvar};
use std::cell::Cell;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// A body that a background job owns.
pub type Body = Box<dyn Fn(&Chunk) -> ControlFlow<i32> + Send + Sync>;

/// A progress callback that a background job owns.
pub type OwnedProgress = Arc<dyn Fn(u64, u64) -> ControlFlow<()> + Send + Sync>;

/// A loop that runs by itself. Dropping it cancels the job and waits for the chunks in flight.
pub struct JobHandle(Arc<Background>);

/// What the handle and the tickets share.
struct Background {
    // Declared, and so dropped, before what it refers to.
    job: Job<'static>,
    parts: Arc<Parts>,
    gate: JobGate,
    /// The lane of the thread that waits, once it has one. Locked while it works.
    waiter: Mutex<Option<u32>>,
    /// Somebody has begun to finish the job.
    finishing: AtomicBool,
    /// What it came to, once it is finished; the pool is kept until then.
    outcome: Mutex<Outcome>,
    changed: QuietCondvar,
    process: Process,
    /// The pool that it runs on: there as long as `outcome` keeps it.
    pool: PoolRef,
}

/// What the job borrows.
struct Parts {
    monitor: Monitor<'static>,
    body: Body,
    _progress: Option<OwnedProgress>,
}

#[derive(Default)]
struct Outcome {
    result: Option<Result<()>>,
    keep: Option<KeepAlive>,
    /// Counts the waiters that gave up: whoever still waits may take their place.
    left: u64,
}

/// A background job whose chunk a thread is running, and the ones around it.
struct Inside {
    job: *const Background,
    outer: *const Inside,
}

thread_local! {
    /// The innermost of them.
    static INSIDE: Cell<*const Inside> = const { Cell::new(std::ptr::null()) };
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
        let call = Call::enter()?;
        let plan = Plan::new(schedule, count, call.lanes(max_lanes));
        call.count_job(plan.chunks());
        // SAFETY: the callback is shared, so it does not move, and outlives the monitor: both are in `parts`, the monitor
        // declared first.
        let report = progress.as_deref().map(|report| unsafe { extend(report) } as Progress<'static>);
        let monitor = Monitor::new(report, count as u64);
        let parts = Arc::new(Parts { monitor, body, _progress: progress });
        // SAFETY: `parts` is shared, so it does not move, and dropped after the job, which is declared before it.
        let (monitor, body) = unsafe { (extend(&parts.monitor), extend(&parts.body)) };
        let control = Control { max_lanes, cancel, ..Control::default() };
        let width = plan.lanes().min(call.pool().cpus());
        let background = Arc::new(Background {
            job: Job::new(&plan, 0..plan.chunks(), width, Claiming::InBatches, &control, Some(monitor), body),
            parts,
            gate: Gate::new(),
            waiter: Mutex::new(None),
            finishing: AtomicBool::new(false),
            outcome: Mutex::new(Outcome { keep: Some(call.keep_alive()), ..Outcome::default() }),
            changed: QuietCondvar::default(),
            process: Process::current(),
            pool: call.pool_ref(),
        });
        background.gate.open(&background.job, plan.lanes(), false);
        background.recruit(call.pool());
        background.finish_if_done();
        Ok(Self(background))
    }

    /// Waits until the job is finished, or the time is over; helps with its chunks meanwhile. May be called again, and by
    /// several threads; each is told the same.
    ///
    /// # Errors
    /// Those of the loop; [`ErrorKind::Timeout`]; [`ErrorKind::Busy`] from inside a chunk of the same job;
    /// [`ErrorKind::LimitExceeded`] from inside as many calls as there may be.
    pub fn wait(&self, timeout: Option<Duration>) -> Result<()> {
        self.0.process.check()?;
        if self.0.is_inside() {
            return Err(Error::new(
                ErrorKind::Busy,
                "a job cannot be waited for from inside its own callback",
            ));
        }
        pool::check_depth()?;
        // A deadline past the end of time is none.
        let deadline = timeout.map(|timeout| Instant::now().checked_add(timeout));
        self.0.wait(deadline.flatten())
    }

    /// Items done, and items in all.
    ///
    /// # Errors
    /// [`ErrorKind::Threads`] in a forked child: the job runs in the parent.
    pub fn progress(&self) -> Result<(u64, u64)> {
        self.0.process.check()?;
        let monitor = &self.0.parts.monitor;
        Ok((monitor.counted(), monitor.total()))
    }

    /// Lets no new chunk start.
    pub fn cancel(&self) {
        if !self.0.process.is_current() {
            return; // it runs in the parent
        }
        self.0.job.stop();
        self.0.finish_if_done();
    }
}

impl Drop for JobHandle {
    fn drop(&mut self) {
        if !self.0.process.is_current() {
            return; // its helpers are in the parent; what they hold stays allocated
        }
        self.cancel();
        // From inside its own callback it would wait for itself: the last helper out finishes it.
        if !self.0.is_inside() {
            let _ = self.0.wait(None);
        }
    }
}

impl Background {
    /// Whoever started the job, or leaves its last lane, sends for a helper.
    fn recruit(self: &Arc<Self>, pool: &Pool) {
        if !self.job.wants_help() {
            return;
        }
        let ticket = || Ticket::Shared(self.clone());
        // Nobody but its helpers works for the job: the first one never waits for an idle processor, which there may never be.
        if !self.gate.is_empty() {
            recruit(pool, &self.gate, ticket);
        } else if self.gate.claim_ticket(1) {
            pool.send(ticket());
        }
    }

    /// Runs chunks with the thread marked as being inside this job.
    fn work(&self, chunks: impl FnOnce()) {
        let outer = INSIDE.get();
        let here = Inside { job: self, outer };
        INSIDE.set(&here);
        chunks(); // catches panics
        INSIDE.set(outer);
    }

    /// Whether this thread is running a chunk of this job, at whatever depth.
    fn is_inside(&self) -> bool {
        let mut at = INSIDE.get();
        // SAFETY: null, or a value on this thread's stack, in a frame that is still running (`work`).
        while let Some(inside) = unsafe { at.as_ref() } {
            if std::ptr::eq(inside.job, self) {
                return true;
            }
            at = inside.outer;
        }
        false
    }

    fn outcome(&self) -> MutexGuard<'_, Outcome> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(self: &Arc<Self>, deadline: Option<Instant>) -> Result<()> {
        loop {
            let seen = {
                let outcome = self.outcome();
                if let Some(result) = &outcome.result {
                    return result.clone();
                }
                outcome.left
            };
            if deadline.is_none_or(|deadline| Instant::now() < deadline) {
                self.help_as_waiter(deadline);
                self.finish_if_done();
            }
            let mut outcome = self.outcome();
            while outcome.result.is_none() && outcome.left == seen {
                let Some(deadline) = deadline else {
                    outcome = self.changed.wait(outcome);
                    continue;
                };
                let rest = deadline.saturating_duration_since(Instant::now());
                if rest.is_zero() {
                    outcome.left += 1;
                    self.changed.notify_all();
                    if self.is_waiters_lane_free() {
                        // It may be the only one: a worker takes it over.
                        // SAFETY: under the lock the job is not finished, so it still keeps the pool.
                        self.recruit(unsafe { self.pool.get() });
                    }
                    return Err(Error::new(ErrorKind::Timeout, "the job is not finished yet"));
                }
                outcome = self.changed.wait_timeout(outcome, rest);
            }
        }
    }

    /// Works for the job, if no other waiter does and there is a lane to have.
    fn help_as_waiter(&self, deadline: Option<Instant>) {
        let Ok(mut lane) = self.waiter.try_lock() else { return };
        let entered = match *lane {
            None => self.gate.enter().map(|(_, entered)| entered - 1),
            Some(lane) => self.gate.enter_again().then_some(lane),
        };
        let Some(mine) = entered else { return };
        *lane = Some(mine);
        // SAFETY: somebody is inside the gate until `leave`, so the job is not finished, and keeps the pool.
        let pool = unsafe { self.pool.get() };
        pool.work_here(|| {
            self.work(|| match deadline {
                None => self.job.work(mine, None),
                Some(deadline) => self.job.work_until(mine, deadline),
            });
        });
        self.gate.leave();
    }

    /// Whether a waiter had a lane and left it. Whoever holds the lock looks after the lane itself.
    fn is_waiters_lane_free(&self) -> bool {
        self.waiter.try_lock().is_ok_and(|lane| lane.is_some())
    }

    /// Finishes the job if nothing is left to claim and nobody is inside. Everybody who leaves asks.
    fn finish_if_done(&self) {
        if self.job.wants_help() {
            return;
        }
        self.gate.close();
        // Sequentially consistent, to be sure that of two who leave at the same time one sees the gate empty; it is also
        // taken only once.
        if !self.gate.is_empty() || self.finishing.swap(true, Ordering::SeqCst) {
            return;
        }
        let result = self.job.finish().and_then(|()| self.parts.monitor.finish());
        let mut outcome = self.outcome();
        outcome.result = Some(result);
        let keep = outcome.keep.take();
        self.changed.notify_all();
        drop(outcome);
        drop(keep);
    }
}

impl Help for Background {
    fn help(&self, shared: &Arc<dyn Help>, pool: &Pool) -> Option<u64> {
        self.gate.ticket_arrived();
        if let Some((_, entered)) = self.gate.enter() {
            let more = || recruit_more(pool, &self.gate, || Ticket::Shared(Arc::clone(shared)));
            let pending = if self.job.wants_help() { more() } else { None };
            self.work(|| work(&self.job, entered - 1, pending));
            pool.count_helper();
            self.gate.leave();
        } else {
            // Every lane is given out. But the waiter's may be free again: a waiter whose time was over left it behind.
            self.help_as_waiter(None);
        }
        self.finish_if_done();
        None
    }

    fn end_watch(&self) -> bool {
        self.gate.end_watch();
        self.job.wants_help() && self.gate.claim_ticket(1)
    }

    fn keep_watch(&self) -> bool {
        self.gate.end_watch();
        self.job.wants_help() && self.gate.claim_watch()
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
