//! Tasks: a few large pieces of pure computation, such as the frames of the codec.
#![forbid(unsafe_code)]

use super::{run, run_alone, watched, Chunk, Claiming, Control};
use crate::error::{Error, ErrorKind, Result};
use crate::plan::{Plan, Schedule};
use crate::pool::Call;
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

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
    let schedule = Schedule::Grain { grain: 1 };
    let result = watched(control, count, |monitor| {
        if count <= 1 || control.max_lanes == 1 {
            return run_alone(&Plan::new(schedule, count, 1), 0..count, control, monitor, &body);
        }
        let call = Call::enter()?;
        let lanes = call.lanes(control.max_lanes).min(call.pool().cpus());
        call.count_job(count);
        let plan = Plan::new(schedule, count, lanes);
        run(&call, &plan, 0..count, Claiming::Singly, control, monitor, &body)
    });
    match (result, lowest.into_inner().unwrap_or_else(PoisonError::into_inner)) {
        (Err(error), Some((_, cause))) if error.kind() == ErrorKind::Callback => Err(cause),
        (result, _) => result,
    }
}
