//! Tasks: units of pure computation, a few large ones such as the frames of the codec, or many of any size.
#![forbid(unsafe_code)]

use super::chunk::{Chunk, Control, Kind};
use super::loops::{run, run_alone};
use super::progress::watched;
use crate::error::{Error, ErrorKind, Result};
use crate::plan::{Plan, Schedule};
#[cfg(target_os = "linux")]
use crate::pool::Ticket;
use crate::pool::{most_lanes, Call};
use crate::trace;
use crossbeam_utils::CachePadded;
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

/// Lanes that would find a CPU now: those of [`run_tasks`], or 1 where every CPU has a thread of this process
/// to run, or there is no pool, which need not keep the caller from working alone.
pub(crate) fn lanes_left(max_lanes: u32) -> u32 {
    if max_lanes == 1 {
        return 1;
    }
    match Call::enter() {
        Ok(call) if call.can_have_help() && call.pool().has_cpu_left(0) => {
            call.lanes(max_lanes).min(call.pool().cpus()).min(most_lanes())
        }
        _ => 1,
    }
}

/// Runs `task(index, lane)` for every index below `count`. Each task is claimed by itself, in rising order.
/// Returns the error of the lowest task that failed as it is. Tasks are pure computation with big tables, so
/// there are never more lanes than CPUs for this process. A single task runs on the caller, without a pool.
/// `control.progress` counts tasks.
pub(crate) fn run_tasks<T>(count: usize, control: &Control<'_>, task: T) -> Result<()>
where
    T: Fn(usize, u32) -> Result<()> + Sync,
{
    in_lanes(count, control, Kind::Tasks, |_| (), |index, lane, ()| task(index, lane))
}

/// Like `run_tasks`, for work on the program's own memory, which is no work of the codec. Made once for all
/// tasks, of which there are many kinds: sorting has them for each type of key. A trace says `kind` of them.
pub(crate) fn run_steps(
    kind: trace::Kind,
    count: usize,
    control: &Control<'_>,
    task: &(dyn Fn(usize) -> Result<()> + Sync),
) -> Result<()> {
    in_lanes(count, control, Kind::Steps(kind), |_| (), |index, _, ()| task(index))
}

/// Like `run_tasks`, for many tasks that share the state of their lane. They are claimed several at a time,
/// as chunks are.
pub(crate) fn run_many<S, T>(
    count: usize,
    control: &Control<'_>,
    state: impl Fn() -> S,
    task: T,
) -> Result<()>
where
    S: Send,
    T: Fn(usize, &mut S) -> Result<()> + Sync,
{
    // Each state is locked by its own lane only.
    let states = |lanes| (0..lanes).map(|_| CachePadded::new(Mutex::new(state()))).collect::<Vec<_>>();
    in_lanes(count, control, Kind::SmallTasks, states, |index, lane, states| {
        task(index, &mut states[lane as usize].lock().unwrap_or_else(PoisonError::into_inner))
    })
}

/// Like `run_tasks`, for tasks that are told what `common` makes for a number of lanes.
pub(crate) fn run_in_lanes<C, T>(
    count: usize,
    control: &Control<'_>,
    common: impl FnOnce(u32) -> C,
    task: T,
) -> Result<()>
where
    C: Sync,
    T: Fn(usize, u32, &C) -> Result<()> + Sync,
{
    in_lanes(count, control, Kind::Tasks, common, task)
}

/// The lanes that many tasks would have now.
pub(crate) fn task_lanes(max_lanes: u32) -> Result<u32> {
    if max_lanes == 1 {
        return Ok(1);
    }
    let call = Call::enter()?;
    Ok(call.lanes(max_lanes).min(call.pool().cpus()))
}

/// Runs a small task that no thread waits for, on a worker of the pool; without a running pool, on the
/// calling thread.
#[cfg(target_os = "linux")]
pub(crate) fn run_aside(task: impl FnOnce() + Send + 'static) {
    if crate::pool::stats().threads == 0 {
        return task();
    }
    match Call::enter() {
        Ok(call) => call.pool().send(Ticket::Once(Box::new(|_| task()))),
        Err(_) => task(),
    }
}

fn in_lanes<C: Sync>(
    count: usize,
    control: &Control<'_>,
    kind: Kind,
    common: impl FnOnce(u32) -> C,
    task: impl Fn(usize, u32, &C) -> Result<()> + Sync,
) -> Result<()> {
    let once = count <= 1 || control.max_lanes == 1;
    let call = if once { None } else { Some(Call::enter()?) };
    let lanes = call.as_ref().map_or(1, |call| call.lanes(control.max_lanes).min(call.pool().cpus()));
    let common = common(lanes);
    let lowest = Mutex::new(None::<(usize, Error)>);
    let body = |chunk: &Chunk| match task(chunk.index, chunk.lane, &common) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            let mut lowest = lowest.lock().unwrap_or_else(PoisonError::into_inner);
            if lowest.as_ref().is_none_or(|known| chunk.index < known.0) {
                *lowest = Some((chunk.index, error));
            }
            ControlFlow::Break(1)
        }
    };
    let plan = Plan::new(Schedule::Grain { grain: 1 }, count, lanes);
    let result = watched(control.progress, count, |monitor| match &call {
        Some(call) => {
            call.count_job(count);
            run(call, &plan, 0..count, kind, control, monitor, &body)
        }
        None => run_alone(&plan, 0..count, kind, control, monitor, &body),
    });
    match (result, lowest.into_inner().unwrap_or_else(PoisonError::into_inner)) {
        (Err(error), Some((_, cause))) if error.kind() == ErrorKind::Callback => Err(cause),
        (result, _) => result,
    }
}
