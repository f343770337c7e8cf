//! Prefix sums: what comes before each chunk, by two passes over the plan.
//!
//! The first pass folds each chunk into an accumulator of its own. These are combined in chunk order,
//! by the left fold of a reduction, and each is replaced by what came before it. The second pass
//! applies that to its chunk. So the results depend on the plan alone, to the bit. Chunks run in waves,
//! as those of a reduction do.
#![forbid(unsafe_code)]

use super::accumulators::Accumulators;
use super::chunk::{Chunk, Control, Kind};
use super::loops::{end_passes, run};
use super::progress::watched;
use super::reduce::{combine_in_order, wave_of};
use crate::error::{Error, Result};
use crate::plan::{Plan, Schedule};
use crate::pool::Call;
use crate::trace;
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

/// Runs `fold(chunk, accumulator)` for every chunk, each on a clone of `identity`, in parallel; then
/// `combine(&mut total, accumulator)` in chunk order, beginning with `identity`; and `apply(chunk,
/// before)` for every chunk, in parallel, with what the total was before that chunk. Returns the total.
///
/// # Errors
/// As [`for_each_chunk`](super::for_each_chunk); a panic of `combine` passes to the caller.
///
/// ```
/// use std::sync::Mutex;
///
/// let begins = Mutex::new(Vec::new());
/// let total = fastpar::job::prefix(
///     fastpar::plan::Schedule::Segments { segments: 4 }, 10, &Default::default(), 0,
///     |chunk, sum| *sum += chunk.end - chunk.begin,
///     |into, from| *into += from,
///     |chunk, before| begins.lock().unwrap().push((chunk.begin, *before)),
/// )?;
/// assert_eq!(total, 10);
/// assert!(begins.into_inner().unwrap().iter().all(|(begin, before)| begin == before));
/// # Ok::<(), fastpar::Error>(())
/// ```
pub fn prefix<A, F, C, P>(
    schedule: Schedule,
    count: usize,
    control: &Control<'_>,
    identity: A,
    fold: F,
    combine: C,
    apply: P,
) -> Result<A>
where
    A: Clone + Send + Sync,
    F: Fn(&Chunk, &mut A) + Sync,
    C: Fn(&mut A, A),
    P: Fn(&Chunk, &A) + Sync,
{
    let mut slots = Accumulators::none();
    let mut total = identity.clone();
    let passes = Passes {
        prepare: |slots: &mut Accumulators<A>, needed| {
            *slots = Accumulators::make(needed)?;
            Ok(())
        },
        fold: |slots: &Accumulators<A>, slot: usize, chunk: &Chunk| {
            let mut value = identity.clone();
            fold(chunk, &mut value);
            *slots.lock(slot) = Some(value);
            ControlFlow::Continue(())
        },
        combine: |slots: &mut Accumulators<A>, slot: usize| {
            if let Some(value) = slots.get(slot).replace(total.clone()) {
                combine(&mut total, value);
            }
            ControlFlow::Continue(())
        },
        apply: |slots: &Accumulators<A>, slot: usize, chunk: &Chunk| {
            if let Some(before) = slots.lock(slot).as_ref() {
                apply(chunk, before);
            }
            ControlFlow::Continue(())
        },
    };
    prefix_slots(schedule, count, control, Accumulators::<A>::SIZE, &mut slots, passes)?;
    Ok(total)
}

/// What is done with the accumulators of one wave, which a value of another type holds.
pub(crate) struct Passes<R, F, C, P> {
    /// Makes room for so many.
    pub(crate) prepare: R,
    /// Fills an accumulator from a chunk.
    pub(crate) fold: F,
    /// Adds an accumulator to the total, and replaces it by the total before.
    pub(crate) combine: C,
    /// Gives an accumulator to its chunk.
    pub(crate) apply: P,
}

/// The shape of every prefix sum; `slot_size` as for reductions.
pub(crate) fn prefix_slots<S, R, F, C, P>(
    schedule: Schedule,
    count: usize,
    control: &Control<'_>,
    slot_size: usize,
    slots: &mut S,
    mut passes: Passes<R, F, C, P>,
) -> Result<()>
where
    S: Sync,
    R: FnOnce(&mut S, usize) -> Result<()>,
    F: Fn(&S, usize, &Chunk) -> ControlFlow<i32> + Sync,
    C: FnMut(&mut S, usize) -> ControlFlow<i32>,
    P: Fn(&S, usize, &Chunk) -> ControlFlow<i32> + Sync,
{
    let call = Call::enter()?;
    let plan = Plan::new(schedule, count, call.lanes(control.max_lanes));
    call.count_job(plan.chunks());
    let wave = wave_of(&plan, slot_size);
    (passes.prepare)(slots, wave)?;
    // An item is done when it is applied; folding it is half of that. (Where twice the items cannot be
    // counted, only the second half is.)
    let halves = if plan.count() <= usize::MAX / 2 { 2 } else { 1 };
    let progress = control.progress;
    let report = |done: u64, total: u64| match progress {
        Some(report) => report(done / halves as u64, total / halves as u64),
        None => ControlFlow::Continue(()),
    };
    let report: Option<super::Progress<'_>> = if progress.is_some() { Some(&report) } else { None };
    let traced = trace::begin_named(trace::LOOPS, control.name);
    let result = watched(report, plan.count() * halves, |monitor| {
        let folded = monitor.filter(|_| halves == 2);
        let mut first = 0;
        while first < plan.chunks() {
            let range = first..first + wave.min(plan.chunks() - first);
            let shared = &*slots;
            run(&call, &plan, range.clone(), Kind::Fold, control, folded, &|chunk: &Chunk| {
                (passes.fold)(shared, chunk.index - first, chunk)
            })?;
            let chunks = range.start as u64..range.end as u64;
            combine_in_order("chunk", chunks, control.cancel, |chunk| {
                (passes.combine)(slots, chunk as usize - range.start)
            })?;
            let shared = &*slots;
            run(&call, &plan, range.clone(), Kind::Apply, control, monitor, &|chunk: &Chunk| {
                (passes.apply)(shared, chunk.index - first, chunk)
            })?;
            first = range.end;
        }
        // A cancel flag that was set before an empty call counts too.
        match control.cancel {
            Some(flag) if flag.load(Ordering::Relaxed) != 0 => Err(Error::cancelled()),
            _ => Ok(()),
        }
    });
    end_passes(traced, trace::Kind::Prefix, &plan);
    result
}
