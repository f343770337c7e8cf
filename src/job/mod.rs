//! The job engine: one parallel call becomes a job that its caller and helpers from the pool work on together.
//!
//! - The caller claims and runs chunks from the first instant. It never sleeps while a chunk of its job is unclaimed, so a
//!   job can always be finished by its caller alone: that makes nesting safe from any thread.
//! - Helpers are recruited as a tree: the caller sends for one, and a helper that finds work left sends for two more before it
//!   starts. A small job is over before anybody else is awake, and pays for nobody; for a large one, N helpers are awake after
//!   the time of about log2(N) wakes.
//! - Waiting never steals: a waiting thread runs chunks of its own job only.

mod background;
mod claims;
mod gate;
#[cfg(all(test, loom))]
mod loom_tests;
mod pipeline;
mod progress;
mod reduce;
mod tasks;
mod ticket;
mod work;

pub use background::{Body, JobHandle, OwnedProgress};
pub(crate) use pipeline::{Pipeline, Stage};
pub(crate) use progress::Monitor;
pub use progress::Progress;
pub use reduce::reduce;
pub(crate) use reduce::reduce_slots;
#[cfg(target_os = "linux")]
pub(crate) use tasks::run_aside;
pub(crate) use tasks::{run_many, run_tasks};
pub(crate) use ticket::{new_gate, LoopGate, Ticket};
pub(crate) use work::{drop_payload, panic_message};

use crate::error::{Error, ErrorKind, Result};
use crate::plan::{Plan, Schedule};
use crate::pool::{self, Call};
use std::ops::{ControlFlow, Range};
use std::sync::atomic::AtomicI32;
use std::sync::Arc;
use ticket::{recruit, OpenGate};
use work::Job;

/// A piece of a range, as a callback sees it: items `[begin, end)`. The layout is that of its C form, so that it crosses
/// without a copy.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Its place among the chunks of the plan.
    pub index: usize,
    /// Its first item.
    pub begin: usize,
    /// One past its last item.
    pub end: usize,
    /// A number below `lanes` that no other thread holds while this one works for the job.
    pub lane: u32,
    /// How many lanes there may be.
    pub lanes: u32,
}

/// How a parallel call is bounded, stopped and watched. The default asks for nothing.
#[derive(Clone, Copy, Default)]
pub struct Control<'a> {
    /// Threads that may work on it at the same time, the caller included; 0: every thread of the pool.
    pub max_lanes: u32,
    /// Non-zero: no new chunk starts, and the call fails with [`ErrorKind::Cancelled`].
    pub cancel: Option<&'a AtomicI32>,
    /// Told (items done, items in all).
    pub progress: Option<Progress<'a>>,
}

/// How many chunks a lane may claim at once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claiming {
    /// Many while many are left.
    InBatches,
    /// One, whatever their number: each is worth waiting for.
    Singly,
}

/// Runs `body` once for every chunk of `0..count`, in parallel; returns when all have returned.
///
/// Breaking with a code stops the loop: no new chunk starts, and the call fails with [`ErrorKind::Callback`], that code, and
/// the lowest of the chunks that failed. A panic does the same with [`ErrorKind::Panic`]. May be called from any thread,
/// and from inside a body.
///
/// # Errors
/// Those of the body, [`ErrorKind::Cancelled`], and [`ErrorKind::Threads`] or [`ErrorKind::InvalidArgument`] if the pool cannot
/// be started.
///
/// ```
/// use std::ops::ControlFlow;
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// let sum = AtomicU64::new(0);
/// fastpar::job::for_each_chunk(Default::default(), 1000, &Default::default(), |chunk| {
///     let part: u64 = (chunk.begin..chunk.end).map(|i| i as u64).sum();
///     sum.fetch_add(part, Ordering::Relaxed);
///     ControlFlow::Continue(())
/// })?;
/// assert_eq!(sum.into_inner(), 499_500);
/// # Ok::<(), fastpar::Error>(())
/// ```
pub fn for_each_chunk<B>(schedule: Schedule, count: usize, control: &Control<'_>, body: B) -> Result<()>
where
    B: Fn(&Chunk) -> ControlFlow<i32> + Sync,
{
    let call = Call::enter()?;
    let plan = Plan::new(schedule, count, call.lanes(control.max_lanes));
    call.count_job(plan.chunks());
    watched(control, plan.count(), |monitor| {
        run(&call, &plan, 0..plan.chunks(), Claiming::InBatches, control, monitor, &body)
    })
}

/// The plan that [`for_each_chunk`] would follow; starts no thread.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`] if the environment asks for a pool that cannot be.
pub fn plan(schedule: Schedule, count: usize, max_lanes: u32) -> Result<Plan> {
    Ok(Plan::new(schedule, count, lanes_of(pool::threads()?, max_lanes)))
}

/// Lanes for a call: what it asks for, at most the threads of the pool.
pub(crate) fn lanes_of(threads: u32, max_lanes: u32) -> u32 {
    if max_lanes == 0 {
        threads
    } else {
        threads.min(max_lanes)
    }
}

/// Runs `with` under the eyes of the progress callback, if there is one, and makes the last report.
fn watched(
    control: &Control<'_>,
    total: usize,
    with: impl FnOnce(Option<&Monitor<'_>>) -> Result<()>,
) -> Result<()> {
    if control.progress.is_none() {
        return with(None);
    }
    let monitor = Monitor::new(control.progress, total as u64);
    with(Some(&monitor))?;
    monitor.finish();
    Ok(())
}

/// Runs the chunks `range` of `plan` on the caller and on helpers.
fn run<B>(
    call: &Call,
    plan: &Plan,
    range: Range<usize>,
    claiming: Claiming,
    control: &Control<'_>,
    monitor: Option<&Monitor<'_>>,
    body: &B,
) -> Result<()>
where
    B: Fn(&Chunk) -> ControlFlow<i32> + Sync,
{
    if plan.lanes() <= 1 || range.len() <= 1 {
        return run_alone(plan, range, control, monitor, body);
    }
    let width = plan.lanes().min(call.pool().cpus());
    let job = Job::new(plan, range, width, claiming, control, monitor, body);
    let open = OpenGate::new(call, &job, plan.lanes() - 1);
    let helper = || recruit(call.pool(), open.gate(), || Ticket::Loop(Arc::clone(open.gate())));
    let sent = if job.wants_help() { helper() } else { None };
    job.work(0, sent);
    open.close()?;
    job.finish()
}

/// Runs the chunks `range` of `plan` on the caller alone.
fn run_alone<B>(
    plan: &Plan,
    range: Range<usize>,
    control: &Control<'_>,
    monitor: Option<&Monitor<'_>>,
    body: &B,
) -> Result<()>
where
    B: Fn(&Chunk) -> ControlFlow<i32> + Sync,
{
    let job = Job::new(plan, range, 1, Claiming::InBatches, control, monitor, body);
    job.work(0, None);
    job.finish()
}

/// The failure of a call that was cancelled by its flag.
fn cancelled() -> Error {
    Error::new(ErrorKind::Cancelled, "cancelled")
}

/// The failure of a call whose process was forked under way: the helpers stayed in the parent.
pub(crate) fn forked() -> Error {
    Error::new(
        ErrorKind::Threads,
        "the process was forked during this call; its other threads are in the parent",
    )
}
