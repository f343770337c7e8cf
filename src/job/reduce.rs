//! Reductions: one accumulator a chunk, combined in chunk order.
//!
//! The accumulators are combined by a left fold over the chunks, so the result depends on the plan alone:
//! sums of floats are equal to the bit, however many threads ran. Chunks run in waves of a bounded number of
//! accumulators, which are combined after each wave.
#![forbid(unsafe_code)]

use super::accumulators::Accumulators;
use super::chunk::{Chunk, Control, Kind};
use super::loops::{end_passes, run};
use super::progress::watched;
use crate::error::{Error, Result};
use crate::os::float_env::FloatEnv;
use crate::plan::{Plan, Schedule};
use crate::pool::{Asked, Call, Scope};
use crate::trace::{self, Mark};
use std::cell::Cell;
use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicI32, Ordering};

/// The most bytes of a wave's accumulators, if that is enough for one accumulator a lane.
const WAVE_BYTES: usize = 64 << 20;
/// The most accumulators of a wave.
const WAVE_CHUNKS: usize = 16 << 10;

/// Runs `fold(chunk, accumulator)` for every chunk, each on a clone of `identity`, in parallel; then
/// `combine(&mut result, accumulator)` in chunk order, beginning with `identity`.
///
/// # Errors
/// As [`for_each_chunk`](super::for_each_chunk); a panic of `combine` passes to the caller.
///
/// ```
/// let sum = fastpar::job::reduce(
///     Default::default(), 1000, &Default::default(), 0u64,
///     |chunk, sum| *sum += (chunk.begin..chunk.end).map(|i| i as u64).sum::<u64>(),
///     |into, from| *into += from,
/// )?;
/// assert_eq!(sum, 499_500);
/// # Ok::<(), fastpar::Error>(())
/// ```
pub fn reduce<A, F, C>(
    schedule: Schedule,
    count: usize,
    control: &Control<'_>,
    identity: A,
    fold: F,
    combine: C,
) -> Result<A>
where
    A: Clone + Send + Sync,
    F: Fn(&Chunk, &mut A) + Sync,
    C: Fn(&mut A, A),
{
    let mut slots = Accumulators::none();
    let mut result = identity.clone();
    reduce_slots(
        schedule,
        count,
        control,
        Accumulators::<A>::SIZE,
        &mut slots,
        |slots, needed| {
            *slots = Accumulators::make(needed)?;
            Ok(())
        },
        |slots: &Accumulators<A>, slot, chunk| {
            let mut value = identity.clone();
            fold(chunk, &mut value);
            *slots.lock(slot) = Some(value);
            ControlFlow::Continue(())
        },
        |slots, slot| {
            if let Some(value) = slots.get(slot).take() {
                combine(&mut result, value);
            }
            ControlFlow::Continue(())
        },
    )?;
    Ok(result)
}

/// The combining of some accumulators, as its callbacks see it.
struct Combining<'a> {
    cancel: Option<&'a AtomicI32>,
    number: Cell<u64>,
}

impl Asked for Combining<'_> {
    fn is_stopped(&self) -> bool {
        self.cancel.is_stopped()
    }

    fn position(&self) -> u64 {
        self.number.get()
    }
}

/// Calls `combine` for the accumulators of these numbers, in order, until it fails. `part`: what each of them
/// is of, for the error.
pub(crate) fn combine_in_order(
    part: &str,
    numbers: Range<u64>,
    cancel: Option<&AtomicI32>,
    mut combine: impl FnMut(u64) -> ControlFlow<i32>,
) -> Result<()> {
    let mark = Mark::now(trace::LOOPS);
    let values = [numbers.start, numbers.end - numbers.start, 0, 0, 0];
    let combining = Combining { cancel, number: Cell::new(numbers.start) };
    let floats = FloatEnv::current();
    let combined = Scope::enter(&combining, |scope| {
        numbers.into_iter().try_for_each(|number| {
            combining.number.set(number);
            let ControlFlow::Break(code) = combine(number) else { return Ok(()) };
            let text = format!("the combine callback returned {code} at {part} {number}");
            let error = Error::of_callback(text, code, scope.take());
            let position = error.position().unwrap_or(number);
            Err(error.at(position))
        })
    });
    floats.restore_here(); // callbacks may have left another
    mark.end(trace::Kind::Combine, values);
    combined
}

/// How many chunks of a plan run before their accumulators, each of `slot_size` bytes, are combined.
pub(super) fn wave_of(plan: &Plan, slot_size: usize) -> usize {
    let lanes = plan.lanes() as usize;
    (WAVE_BYTES / slot_size.max(1)).clamp(lanes, WAVE_CHUNKS).min(plan.chunks())
}

/// The shape of every reduction. `slots` holds the accumulators of one wave, each of `slot_size` bytes with
/// its padding; `prepare` makes room for a number of them, `fold` fills an accumulator from a chunk,
/// `combine` adds an accumulator to the result.
#[allow(clippy::too_many_arguments)] // one shape for typed and untyped accumulators; used twice
pub(crate) fn reduce_slots<S, P, F, C>(
    schedule: Schedule,
    count: usize,
    control: &Control<'_>,
    slot_size: usize,
    slots: &mut S,
    prepare: P,
    fold: F,
    mut combine: C,
) -> Result<()>
where
    S: Sync,
    P: FnOnce(&mut S, usize) -> Result<()>,
    F: Fn(&S, usize, &Chunk) -> ControlFlow<i32> + Sync,
    C: FnMut(&mut S, usize) -> ControlFlow<i32>,
{
    let call = Call::enter()?;
    let plan = Plan::new(schedule, count, call.lanes(control.max_lanes));
    call.count_job(plan.chunks());
    let wave = wave_of(&plan, slot_size);
    prepare(slots, wave)?;
    let traced = trace::begin_named(trace::LOOPS, control.name);
    let result = watched(control.progress, plan.count(), |monitor| {
        let mut first = 0;
        while first < plan.chunks() {
            let range = first..first + wave.min(plan.chunks() - first);
            let shared = &*slots;
            run(&call, &plan, range.clone(), Kind::Fold, control, monitor, &|chunk: &Chunk| {
                fold(shared, chunk.index - first, chunk)
            })?;
            let chunks = range.start as u64..range.end as u64;
            combine_in_order("chunk", chunks, control.cancel, |chunk| {
                combine(slots, chunk as usize - range.start)
            })?;
            first = range.end;
        }
        // A cancel flag that was set while the last chunks were combined counts too, and one set before an
        // empty reduction.
        match control.cancel {
            Some(flag) if flag.load(Ordering::Relaxed) != 0 => Err(Error::cancelled()),
            _ => Ok(()),
        }
    });
    end_passes(traced, trace::Kind::Reduce, &plan);
    result
}
