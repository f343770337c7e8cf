//! The job engine: one parallel call becomes a job that its caller and helpers from the pool work on together.
//!
//! - The caller claims and runs chunks from the first instant. It never sleeps while a chunk of its job is unclaimed, so a
//!   job can always be finished by its caller alone: that makes nesting safe from any thread.
//! - Helpers are recruited one by one: the caller sends for one, and a helper that finds work left sends for the next
//!   before it starts. A small job is over before anybody else is awake, and pays for nobody.
//! - Waiting never steals: a waiting thread runs chunks of its own job only.

mod claims;
mod gate;
mod progress;
mod work;

pub use progress::Progress;
pub(crate) use work::{drop_payload, panic_message};

use crate::error::{Error, ErrorKind, Result};
use crate::plan::{Plan, Schedule};
use crate::pool::{self, Call};
use gate::Gate;
use std::ops::{ControlFlow, Range};
use std::sync::atomic::AtomicI32;
use std::sync::{Arc, Mutex, PoisonError};
use work::Job;

/// A piece of a range, as a callback sees it: items `[begin, end)`.
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
    /// Chunks are claimed one at a time, whatever their number.
    pub(crate) singly: bool,
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
    let lanes = call.lanes(control.max_lanes);
    let plan = Plan::new(schedule, count, lanes);
    run(&call, &plan, 0..plan.chunks(), control, &body)
}

/// The plan that [`for_each_chunk`] would follow; starts no thread.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`] if the environment asks for a pool that cannot be.
pub fn plan(schedule: Schedule, count: usize, max_lanes: u32) -> Result<Plan> {
    let threads = pool::threads()?;
    Ok(Plan::new(schedule, count, lanes_of(threads, max_lanes)))
}

/// Lanes for a call: what it asks for, at most the threads of the pool.
pub(crate) fn lanes_of(threads: u32, max_lanes: u32) -> u32 {
    if max_lanes == 0 {
        threads
    } else {
        threads.min(max_lanes)
    }
}

/// Runs `task(index, lane)` for every index below `count`, each claimed by itself and in rising order; the error of the lowest
/// task that failed is returned as it is. Tasks are pure computation with big tables, so there are never more lanes than
/// CPUs for this process. A single task runs on the caller, without a pool. `control.progress` counts tasks.
pub(crate) fn run_tasks<T>(count: usize, control: &Control<'_>, task: T) -> Result<()>
where
    T: Fn(usize, u32) -> Result<()> + Sync,
{
    let lowest = Mutex::new(None::<(usize, Error)>);
    let body = |chunk: &Chunk| match task(chunk.index, chunk.lane) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            let mut lowest = lowest.lock().unwrap_or_else(PoisonError::into_inner);
            if lowest.as_ref().is_none_or(|known| chunk.index < known.0) {
                *lowest = Some((chunk.index, error));
            }
            ControlFlow::Break(1)
        }
    };
    let control = Control { singly: true, ..*control };
    let schedule = Schedule::Grain { grain: 1 };
    let result = if count <= 1 || control.max_lanes == 1 {
        run_alone(&Plan::new(schedule, count, 1), 0..count, &control, &body)
    } else {
        let call = Call::enter()?;
        let lanes = call.lanes(control.max_lanes).min(call.pool().cpus());
        run(&call, &Plan::new(schedule, count, lanes), 0..count, &control, &body)
    };
    match (result, lowest.into_inner().unwrap_or_else(PoisonError::into_inner)) {
        (Err(error), Some((_, cause))) if error.kind() == ErrorKind::Callback => Err(cause),
        (result, _) => result,
    }
}

/// Runs the chunks `range` of `plan` on the caller alone.
fn run_alone<B>(plan: &Plan, range: Range<usize>, control: &Control<'_>, body: &B) -> Result<()>
where
    B: Fn(&Chunk) -> ControlFlow<i32> + Sync,
{
    let job = Job::new(plan, range, control, body);
    job.work(0);
    job.finish()
}

/// Runs the chunks `range` of `plan` on the caller and on helpers.
fn run<B>(call: &Call, plan: &Plan, range: Range<usize>, control: &Control<'_>, body: &B) -> Result<()>
where
    B: Fn(&Chunk) -> ControlFlow<i32> + Sync,
{
    call.count_job(range.len());
    if plan.lanes() <= 1 || range.len() <= 1 {
        return run_alone(plan, range, control, body);
    }
    let job = Job::new(plan, range, control, body);
    let gate = call.take_gate();
    // From here to the end of `closed` helpers may use `job`, which outlives it.
    gate.open(erase(&job), plan.lanes() - 1);
    let closed = CloseOnDrop(&gate);
    recruit(call.pool(), &gate, &job);
    job.work(0);
    drop(closed);
    call.return_gate(gate);
    job.finish()
}

/// The gate's view of a job: a pointer that means nothing once the gate is closed and empty.
fn erase(job: &Job<'_>) -> *const Job<'static> {
    std::ptr::from_ref(job).cast()
}

/// Closes the gate and waits for the helpers inside, however the caller leaves.
struct CloseOnDrop<'g>(&'g Gate<Job<'static>>);

impl Drop for CloseOnDrop<'_> {
    fn drop(&mut self) {
        self.0.close();
        self.0.wait_empty(None);
    }
}

/// The gate of loops.
pub(crate) type LoopGate = Gate<Job<'static>>;

/// A new gate for loops.
pub(crate) fn new_gate() -> Arc<LoopGate> {
    Arc::new(Gate::new())
}

/// Sends one helper to `gate`, unless one is on its way or there is nothing to do.
fn recruit(pool: &pool::Pool, gate: &Arc<LoopGate>, job: &Job<'_>) {
    if job.wants_help() && gate.claim_ticket() {
        pool.send(Ticket(Arc::clone(gate)));
    }
}

/// A helper's errand: to go to a gate and work for what is open there.
pub(crate) struct Ticket(Arc<LoopGate>);

impl Ticket {
    /// Runs on a worker of `pool`.
    pub(crate) fn run(self, pool: &pool::Pool) {
        let gate = self.0;
        gate.ticket_arrived();
        let Some((job, lane)) = gate.enter() else { return };
        // SAFETY: between enter and leave the caller keeps the job alive (`CloseOnDrop`).
        let job = unsafe { &*job };
        recruit(pool, &gate, job);
        job.work(lane);
        pool.count_helper();
        gate.leave();
    }
}
