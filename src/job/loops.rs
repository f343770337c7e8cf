//! Loops: a body for every chunk of a range, run by the caller and helpers.
#![forbid(unsafe_code)]

use super::chunk::{Chunk, Control, Kind};
use super::chunks::Job;
use super::helpers::{recruit, work, OpenGate};
use super::progress::{watched, Monitor};
use crate::error::Result;
use crate::os::caches;
use crate::plan::{lanes_of, Plan, Schedule};
use crate::pool::{self, most_lanes, Call};
use crate::trace;
use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicU64, Ordering};

/// Runs `body` once for every chunk of `0..count`, in parallel; returns when all have returned.
///
/// Breaking with a code stops the loop: no new chunk starts, and the call fails with `ErrorKind::Callback`,
/// that code, and the lowest of the chunks that failed. A panic does the same with `ErrorKind::Panic`. May
/// be called from any thread, and from inside a body.
///
/// # Errors
/// Those of the body, `ErrorKind::Cancelled`, and `ErrorKind::Threads` or `ErrorKind::InvalidArgument`
/// if the pool cannot be started.
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
    watched(control.progress, plan.count(), |monitor| {
        run(&call, &plan, 0..plan.chunks(), Kind::Loop, control, monitor, &body)
    })
}

/// The plan that [`for_each_chunk`] would follow; starts no thread.
///
/// # Errors
/// `ErrorKind::InvalidArgument` if the environment asks for a pool that cannot be.
pub fn plan(schedule: Schedule, count: usize, max_lanes: u32) -> Result<Plan> {
    Ok(Plan::new(schedule, count, lanes_of(pool::threads()?, max_lanes)))
}

/// Half of what the last-level caches have together; 0, the default of a schedule, where the system does not
/// tell.
pub(crate) fn half_of_caches() -> usize {
    /// Bytes plus 1; 0: not asked yet. They do not change while a process runs, and asking takes a while.
    static KNOWN: AtomicU64 = AtomicU64::new(0);
    // Relaxed: the number carries no data, and is the same for every thread.
    let known = match KNOWN.load(Ordering::Relaxed) {
        0 => {
            let asked = caches::last_level_bytes().unwrap_or(0).saturating_add(1);
            KNOWN.store(asked, Ordering::Relaxed);
            asked
        }
        known => known,
    };
    usize::try_from((known - 1) / 2).unwrap_or(usize::MAX)
}

/// Runs the chunks `range` of `plan` on the caller and on helpers.
pub(super) fn run<B>(
    call: &Call,
    plan: &Plan,
    range: Range<usize>,
    kind: Kind,
    control: &Control<'_>,
    monitor: Option<&Monitor<'_>>,
    body: &B,
) -> Result<()>
where
    B: Fn(&Chunk) -> ControlFlow<i32> + Sync,
{
    if plan.lanes() <= 1 || range.len() <= 1 || !call.can_have_help() {
        return run_alone(plan, range, kind, control, monitor, body);
    }
    let width = plan.lanes().min(call.pool().cpus()).min(most_lanes());
    let traced = trace::begin_named(kind.traced().0, control.name);
    let job = Job::new(plan, range.clone(), width, kind, control, monitor, body).traced(traced);
    let job = job.in_task(call.is_nested());
    let result = on_lanes(call, &job, plan.lanes() - 1);
    end_trace(traced, kind, plan, &range);
    result
}

/// Runs a job on the caller and on so many helpers at the most.
fn on_lanes(call: &Call, job: &Job<'_>, helpers: u32) -> Result<()> {
    let open = OpenGate::new(call, job, helpers);
    let helper = || recruit(call.pool(), open.gate(), open.gate().share(), || open.ticket());
    let sent = if job.wants_help() { helper() } else { None };
    work(job, 0, sent);
    job.end_on_caller();
    call.check_thread()?;
    open.close()?;
    job.finish()
}

/// Runs the chunks `range` of `plan` on the caller alone.
pub(super) fn run_alone<B>(
    plan: &Plan,
    range: Range<usize>,
    kind: Kind,
    control: &Control<'_>,
    monitor: Option<&Monitor<'_>>,
    body: &B,
) -> Result<()>
where
    B: Fn(&Chunk) -> ControlFlow<i32> + Sync,
{
    let traced = trace::begin_named(kind.traced().0, control.name);
    let job = Job::new(plan, range.clone(), 1, kind, control, monitor, body).traced(traced);
    job.work(0, None);
    job.end_on_caller();
    end_trace(traced, kind, plan, &range);
    job.finish()
}

/// A call of several passes over a plan ends, where it is traced.
#[inline]
pub(super) fn end_passes(traced: Option<trace::Call>, kind: trace::Kind, plan: &Plan) {
    if let Some(call) = traced {
        call.end(kind, [plan.chunks() as u64, plan.count() as u64, u64::from(plan.lanes())]);
    }
}

/// The call ends, where it is traced.
#[inline]
fn end_trace(traced: Option<trace::Call>, kind: Kind, plan: &Plan, range: &Range<usize>) {
    if let Some(call) = traced {
        let values = [range.len() as u64, plan.count() as u64, u64::from(plan.lanes())];
        call.end(kind.traced().1, values);
    }
}
