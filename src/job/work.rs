//! A job: the chunks of one parallel call, what runs them, and what became of them.

use super::claims::Claims;
use super::progress::Monitor;
use super::{Chunk, Claiming, Control};
use crate::error::{Error, ErrorKind, Result};
use crate::plan::Plan;
use std::any::Any;
use std::cell::Cell;
use std::ops::{ControlFlow, Range};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// One parallel call. Shared by the lanes that work for it; see `gate` for when they may touch it.
pub(crate) struct Job<'a> {
    claims: Claims,
    plan: Plan,
    /// The loop over one batch, made for the type that `body` points to.
    batch: unsafe fn(&Job<'a>, *const (), Range<usize>, u32),
    body: *const (),
    cancel: Option<&'a AtomicI32>,
    monitor: Option<&'a Monitor<'a>>,
    /// No new chunk starts: a chunk failed, or the call is cancelled.
    stop: AtomicBool,
    failure: Mutex<Option<Failure>>,
}

/// Why a job stopped, and at which chunk.
struct Failure {
    chunk: usize,
    error: Error,
}

// SAFETY: `body` points to a `B: Sync` (see `new`), everything else is Sync by itself.
unsafe impl Sync for Job<'_> {}
// SAFETY: as above: a job is a set of shared references and atomics.
unsafe impl Send for Job<'_> {}

impl<'a> Job<'a> {
    /// A job that calls `body` for the chunks `range` of `plan`, and counts items with `monitor`.
    pub(crate) fn new<B>(
        plan: &Plan,
        range: Range<usize>,
        claiming: Claiming,
        control: &Control<'a>,
        monitor: Option<&'a Monitor<'a>>,
        body: &'a B,
    ) -> Self
    where
        B: Fn(&Chunk) -> ControlFlow<i32> + Sync,
    {
        Self {
            claims: Claims::new(range, plan.lanes(), claiming),
            plan: *plan,
            batch: run_batch::<B>,
            body: std::ptr::from_ref(body).cast(),
            cancel: control.cancel,
            monitor,
            stop: AtomicBool::new(false),
            failure: Mutex::new(None),
        }
    }

    /// Claims and runs chunks until none is left, as lane `lane`.
    pub(crate) fn work(&self, lane: u32) {
        while !self.stopping() {
            let Some(range) = self.claims.claim() else { return };
            self.run(range, lane);
        }
    }

    /// The same, one chunk at a time, until `deadline`.
    pub(crate) fn work_until(&self, lane: u32, deadline: Instant) {
        while !self.stopping() && Instant::now() < deadline {
            let Some(range) = self.claims.claim_one() else { return };
            self.run(range, lane);
        }
    }

    fn run(&self, range: Range<usize>, lane: u32) {
        // SAFETY: `batch` was made for the type of `body`, which lives as long as the job.
        unsafe { (self.batch)(self, self.body, range, lane) };
    }

    /// Whether a helper that comes now would find something to do.
    pub(crate) fn wants_help(&self) -> bool {
        self.claims.any_left() && !self.stopping()
    }

    /// Lets no new chunk start.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Whether no new chunk may start. The relaxed loads are enough: nothing is read on the strength of them.
    #[inline]
    fn stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.cancelled()
    }

    /// Whether the flag is set. Once seen, the job stays cancelled, whatever becomes of the flag.
    #[inline]
    fn cancelled(&self) -> bool {
        let set = self.cancel.is_some_and(|flag| flag.load(Ordering::Relaxed) != 0);
        if set {
            self.stop();
        }
        set
    }

    /// Notes that a chunk failed; the lowest one counts.
    #[cold]
    fn fail(&self, chunk: usize, error: Error) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if failure.as_ref().is_none_or(|known| chunk < known.chunk) {
            *failure = Some(Failure { chunk, error });
        }
        self.stop.store(true, Ordering::Relaxed);
    }

    /// What the job came to. Every lane has left.
    pub(crate) fn finish(&self) -> Result<()> {
        if !self.stop.load(Ordering::Relaxed) && !self.cancelled() {
            return Ok(());
        }
        match self.failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(failure) => Err(failure.error),
            None => Err(super::cancelled()),
        }
    }
}

/// Runs the chunks of one claim. Made once per type of body, so that the body's call is direct and may be inlined.
///
/// # Safety
/// `body` points to a `B` that is valid for the call.
unsafe fn run_batch<B>(job: &Job<'_>, body: *const (), range: Range<usize>, lane: u32)
where
    B: Fn(&Chunk) -> ControlFlow<i32> + Sync,
{
    // SAFETY: the caller's promise.
    let body = unsafe { &*body.cast::<B>() };
    let lanes = job.plan.lanes();
    let at = Cell::new(range.start);
    // The body is not used again after a panic, as the job stops.
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let mut walk = job.plan.walk(range.start);
        loop {
            at.set(walk.index);
            let chunk = Chunk { index: walk.index, begin: walk.begin, end: walk.end, lane, lanes };
            if let ControlFlow::Break(code) = body(&chunk) {
                return ControlFlow::Break(code);
            }
            if let Some(monitor) = job.monitor {
                if monitor.add((chunk.end - chunk.begin) as u64).is_break() {
                    job.fail(
                        chunk.index,
                        Error::new(ErrorKind::Cancelled, "cancelled by its progress callback"),
                    );
                }
            }
            walk.advance();
            if walk.index >= range.end || job.stopping() {
                return ControlFlow::Continue(());
            }
        }
    }));
    match outcome {
        Ok(ControlFlow::Continue(())) => {}
        Ok(ControlFlow::Break(code)) => job.fail(at.get(), callback_error(at.get(), code)),
        Err(payload) => job.fail(at.get(), panic_error(at.get(), payload)),
    }
}

#[cold]
fn callback_error(chunk: usize, code: i32) -> Error {
    Error::new(ErrorKind::Callback, format!("the callback returned {code} at chunk {chunk}"))
        .with_code(code)
        .at(chunk as u64)
}

#[cold]
fn panic_error(chunk: usize, payload: Box<dyn Any + Send>) -> Error {
    let message = panic_message(&*payload).to_owned();
    drop_payload(payload);
    Error::new(ErrorKind::Panic, format!("the callback panicked at chunk {chunk}: {message}"))
        .at(chunk as u64)
}

/// The text of a panic.
pub(crate) fn panic_message(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else {
        "(no message)"
    }
}

/// Drops the payload of a panic, whose own destructor may panic again.
pub(crate) fn drop_payload(payload: Box<dyn Any + Send>) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(move || drop(payload))) {
        std::mem::forget(second); // twice is enough: leak it rather than let it out
    }
}
