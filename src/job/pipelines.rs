//! Pipelines of the program: items are fed and taken in order by the caller, and worked on in parallel. What
//! works on them is the `Pipeline` that streams are built on.
//!
//! The item that fails is the lowest one: those before it are taken, it and those after it are dropped.
#![forbid(unsafe_code)]

use super::carried::Carried;
use super::pipeline::{Left, Pipeline, Stage};
use crate::error::{Error, ErrorKind, Result};
use crate::os::fork::Process;
use crate::panics::panic_text;
use crate::pool::{Asked, Call, Scope, Spent};
use crate::trace::{self, Kind, Mark};
use std::cell::Cell;
use std::ffi::CStr;
use std::ops::ControlFlow;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What is done with the items of a pipeline.
pub(crate) trait Steps: Send + Sync + 'static {
    type Item: Send + Copy + 'static;

    /// The next item, on the caller; none: the end.
    fn feed(&self) -> ControlFlow<i32, Option<Self::Item>>;
    /// Works on an item, in any order.
    fn work(&self, item: Self::Item, lane: u32) -> ControlFlow<i32>;
    /// Takes an item that was worked on, in order, on the caller.
    fn take(&self, item: Self::Item) -> ControlFlow<i32>;
    /// Takes an item back that `take` will not get, on the caller.
    fn discard(&self, item: Self::Item);
}

/// How a pipeline is bounded and stopped.
pub(crate) struct PipelineOptions<'a> {
    pub(crate) max_lanes: u32,
    /// Items that were fed and are not taken; 0: twice the lanes.
    pub(crate) in_flight: u32,
    pub(crate) cancel: Option<&'a AtomicI32>,
    /// What traces call it.
    pub(crate) name: Option<&'a CStr>,
}

/// The work on the items, and what became of it.
struct Working<T: Steps> {
    steps: Arc<T>,
    carried: Carried,
    process: Process,
    stopped: AtomicBool,
    /// Items whose work failed.
    failed: Mutex<Vec<T::Item>>,
}

/// A callback that works on one item, as it sees the call.
struct OneItem<'a> {
    stopped: &'a AtomicBool,
    cancel: Option<&'a AtomicI32>,
    number: Cell<u64>,
}

impl Asked for OneItem<'_> {
    fn is_stopped(&self) -> bool {
        // Relaxed: the flags carry no data.
        self.stopped.load(Ordering::Relaxed) || self.cancel.is_stopped()
    }

    fn position(&self) -> u64 {
        self.number.get()
    }
}

/// Runs a callback on an item with this number.
fn call<R>(
    step: &str,
    one: &OneItem<'_>,
    number: u64,
    callback: impl FnOnce() -> ControlFlow<i32, R>,
) -> Result<R> {
    one.number.set(number);
    let (outcome, told) = Scope::enter(one, |scope| (catch_unwind(AssertUnwindSafe(callback)), scope.take()));
    let error = match outcome {
        Ok(ControlFlow::Continue(result)) => return Ok(result),
        Ok(ControlFlow::Break(code)) => {
            Error::of_callback(format!("{step} returned {code} at item {number}"), code, told)
        }
        Err(payload) => {
            let text = format!("{step} panicked at item {number}: {}", panic_text(payload));
            Error::new(ErrorKind::Panic, text)
        }
    };
    let position = error.position().unwrap_or(number);
    Err(error.at(position))
}

/// The same on the caller; a trace says `kind` of it.
fn call_traced<R>(
    kind: Kind,
    step: &str,
    one: &OneItem<'_>,
    number: u64,
    callback: impl FnOnce() -> ControlFlow<i32, R>,
) -> Result<R> {
    let mark = Mark::now(trace::TASKS);
    let result = call(step, one, number, callback);
    mark.end(kind, [number, 0, 0, 0, 0]);
    result
}

impl<T: Steps> Stage for Working<T> {
    type Input = (T::Item, u64);
    type Output = T::Item;

    const SPENT: Spent = Spent::Callbacks;
    const TRACED: Kind = Kind::Work;

    fn run(&self, (item, number): Self::Input, lane: u32, cancel: &AtomicI32) -> Result<T::Item> {
        // The owner has its own flag; a helper is told when the owner is gone.
        let one = OneItem { stopped: &self.stopped, cancel: Some(cancel), number: Cell::new(number) };
        let mut worked = Ok(());
        let mut work = || worked = call("work", &one, number, || self.steps.work(item, lane));
        if lane == 0 {
            work();
        } else {
            self.carried.with(work);
        }
        self.process.check()?;
        if worked.is_err() {
            self.stopped.store(true, Ordering::Relaxed); // a hint for callbacks
            self.failed.lock().unwrap_or_else(PoisonError::into_inner).push(item);
        }
        worked.map(|()| item)
    }
}

/// Feeds, works on and takes items until there are no more.
///
/// # Errors
/// That of the lowest item that failed; [`ErrorKind::Cancelled`]; as for a loop before its first chunk.
pub(crate) fn run_pipeline<T: Steps>(steps: T, options: &PipelineOptions<'_>) -> Result<()> {
    let entered = Call::enter()?;
    let lanes = entered.lanes(options.max_lanes);
    let in_flight = if options.in_flight == 0 { lanes as usize * 2 } else { options.in_flight as usize };
    let steps = Arc::new(steps);
    let carried = Carried::from_caller(entered.is_nested());
    let mut pipeline = Pipeline::new(
        Working {
            steps: Arc::clone(&steps),
            carried,
            process: Process::current(),
            stopped: AtomicBool::new(false),
            failed: Mutex::new(Vec::new()),
        },
        lanes.min(u32::try_from(in_flight).unwrap_or(u32::MAX)),
    );
    let mut taken = 0;
    let traced = trace::begin_named(trace::TASKS, options.name);
    let within = traced.map(trace::Call::enter);
    let result = run_items(&entered, &*steps, &mut pipeline, in_flight, options.cancel, &mut taken);
    carried.restore_here();
    entered.check_thread()?;
    pipeline.check_process()?; // what is in flight is the parent's
    pipeline.stage().stopped.store(true, Ordering::Relaxed);
    let left = pipeline.close();
    let failed = std::mem::take(&mut *pipeline.stage().failed.lock().unwrap_or_else(PoisonError::into_inner));
    let left = left.map(|left| match left {
        Left::Input((item, _)) | Left::Output(item) => item,
    });
    let stopped = AtomicBool::new(true);
    let one = OneItem { stopped: &stopped, cancel: None, number: Cell::new(0) };
    let mut dropped = Ok(());
    for item in failed.into_iter().chain(left) {
        let drop = call("drop", &one, one.number.get(), || {
            steps.discard(item);
            ControlFlow::Continue(())
        });
        dropped = dropped.and(drop);
    }
    entered.count_job(taken as usize);
    drop(within);
    if let Some(traced) = traced {
        traced.end(Kind::Pipeline, [taken, in_flight as u64, u64::from(lanes)]);
    }
    carried.restore_here();
    result.and(dropped)
}

fn run_items<T: Steps>(
    entered: &Call,
    steps: &T,
    pipeline: &mut Pipeline<Working<T>>,
    in_flight: usize,
    cancel: Option<&AtomicI32>,
    taken: &mut u64,
) -> Result<()> {
    let never = AtomicBool::new(false);
    let one = OneItem { stopped: &never, cancel, number: Cell::new(0) };
    let (mut fed, mut is_over) = (0, false);
    loop {
        if cancel.is_stopped() && !pipeline.has_failed() {
            return Err(Error::cancelled());
        }
        // An item that is done is taken before the next one is asked for, which may take long to come.
        let may_feed = !is_over && pipeline.in_flight() < in_flight && pipeline.can_use_more();
        match if may_feed { pipeline.try_next()? } else { pipeline.next(cancel)? } {
            Some(item) => {
                *taken += 1;
                call_traced(Kind::Take, "take", &one, *taken - 1, || steps.take(item))?;
            }
            None if may_feed => match call_traced(Kind::Feed, "feed", &one, fed, || steps.feed())? {
                None => is_over = true,
                Some(item) => {
                    if let Err(error) = pipeline.submit_in(entered, (item, fed), false) {
                        pipeline.stage().failed.lock().unwrap_or_else(PoisonError::into_inner).push(item);
                        return Err(error);
                    }
                    fed += 1;
                }
            },
            None if is_over => break,
            None => {}
        }
        pipeline.check_process()?;
    }
    if cancel.is_stopped() {
        return Err(Error::cancelled());
    }
    Ok(())
}
