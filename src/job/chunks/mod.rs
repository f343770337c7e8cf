//! A job: the chunks of one parallel call, what runs them, and what became of them.

mod lane;

use super::carried::Carried;
use super::chunk::{Chunk, Control, Kind};
use super::claims::Claims;
use super::failure::{at_chunk, LowestFailure};
use super::progress::Monitor;
use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::trace::{self, Mark};
use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::Instant;

/// One parallel call. Shared by the lanes that work for it; see `gate` for when they may touch it.
pub(crate) struct Job<'a> {
    claims: Claims,
    kind: Kind,
    plan: Plan,
    /// What a lane does, made for the type that `body` points to.
    lane: unsafe fn(&Job<'a>, *const (), u32, Between<'_>),
    body: *const (),
    cancel: Option<&'a AtomicI32>,
    monitor: Option<&'a Monitor<'a>>,
    /// No new chunk starts: a chunk failed, or the call is cancelled.
    stop: AtomicBool,
    failure: LowestFailure,
    carried: Carried,
    /// The call, where it is traced.
    traced: Option<trace::Call>,
}

/// What a lane does between two claims.
#[derive(Clone, Copy)]
enum Between<'s> {
    Nothing,
    /// Ends after a deadline.
    Until(Instant),
    /// Asks this.
    Ask(&'s dyn Fn() -> Next),
}

/// What a lane does that has asked.
pub(crate) enum Next {
    /// Claims, and asks again.
    AskAgain,
    /// Claims, and asks no more.
    GoOn,
    Leave,
}

// SAFETY: `body` points to a `B: Sync` (see `new`), everything else is Sync by itself.
unsafe impl Sync for Job<'_> {}
// SAFETY: as above: a job is a set of shared references and atomics.
unsafe impl Send for Job<'_> {}

impl<'a> Job<'a> {
    /// A job that calls `body` for the chunks `range` of `plan`, and counts items with `monitor`; `width`
    /// lanes can run at the same time.
    pub(crate) fn new<B>(
        plan: &Plan,
        range: Range<usize>,
        width: u32,
        kind: Kind,
        control: &Control<'a>,
        monitor: Option<&'a Monitor<'a>>,
        body: &'a B,
    ) -> Self
    where
        B: Fn(&Chunk) -> ControlFlow<i32> + Sync,
    {
        Self {
            claims: Claims::new(range, width, kind.claiming()),
            kind,
            plan: *plan,
            lane: lane::run::<B>,
            body: std::ptr::from_ref(body).cast(),
            cancel: control.cancel,
            monitor,
            stop: AtomicBool::new(false),
            failure: LowestFailure::default(),
            carried: Carried::floats_only(),
            traced: None,
        }
    }

    /// The same job, whose lanes are traced as those of `call`.
    #[inline]
    pub(crate) fn traced(mut self, call: Option<trace::Call>) -> Self {
        self.traced = call;
        self
    }

    /// What lanes do is traced as of this call.
    pub(crate) fn trace(&self) -> Option<trace::Call> {
        self.traced
    }

    /// What was claimed has run, up to `last`; chunks that are so short that several are claimed at once are
    /// one event. What comes next begins with its end.
    fn trace_claim(&self, mark: Mark, claimed: &Range<usize>, last: &Chunk) -> Mark {
        let Some(call) = self.traced else { return mark };
        let first = claimed.start;
        let begin =
            if claimed.len() == 1 { last.begin } else { self.plan.bounds(first).map_or(0, |items| items.0) };
        let (count, end) = (claimed.len() as u64, last.end as u64);
        let (_, _, _, kind) = self.kind.traced();
        mark.end_one(kind, last.lane, [call.number(), first as u64, count, begin as u64, end])
    }

    /// The same job, in the task of a group that the calling thread is in.
    #[inline]
    pub(crate) fn in_task(mut self, nested: bool) -> Self {
        if nested {
            self.carried.add_task();
        }
        self
    }

    /// Runs a part of the job on a thread that is not its caller, by what it takes along from its caller.
    pub(crate) fn away_from_caller(&self, work: impl FnOnce()) {
        self.carried.with(work); // `work` is what this job does, which catches panics
    }

    /// On the caller, after its part: what callbacks have changed in its floating-point environment is taken
    /// back.
    #[inline]
    pub(crate) fn end_on_caller(&self) {
        self.carried.restore_here();
    }

    /// Claims and runs chunks until none is left, as lane `lane`, or until `ask`, which is asked between two
    /// claims, says so.
    pub(crate) fn work(&self, lane: u32, ask: Option<&dyn Fn() -> Next>) {
        let between = ask.map_or(Between::Nothing, Between::Ask);
        // SAFETY: `lane` was made for the type of `body`, which lives as long as the job.
        unsafe { (self.lane)(self, self.body, lane, between) };
    }

    /// Claims and runs chunks, one at a time, until `deadline`.
    pub(crate) fn work_until(&self, lane: u32, deadline: Instant) {
        // SAFETY: as in `work`.
        unsafe { (self.lane)(self, self.body, lane, Between::Until(deadline)) };
    }

    /// Whether a helper that comes now would find something to do.
    pub(crate) fn wants_help(&self) -> bool {
        self.claims.any_left() && !self.stopping()
    }

    /// Changes with each claim.
    pub(crate) fn claimed(&self) -> u64 {
        self.claims.position() as u64
    }

    /// Whether it will take a while, before it is begun.
    pub(crate) fn is_large(&self) -> bool {
        self.claims.are_many()
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

    /// Whether the flag is set. Once seen, the job stays cancelled, even if the flag is reset.
    #[inline]
    fn cancelled(&self) -> bool {
        let set = self.cancel.is_some_and(|flag| flag.load(Ordering::Relaxed) != 0);
        if set {
            self.stop();
        }
        set
    }

    /// What a job that is watched does after a chunk: counts it, which may cancel the job, and looks at the
    /// flag.
    #[inline(never)]
    fn look(&self, chunk: usize, items: usize) -> ControlFlow<()> {
        if let Some(monitor) = self.monitor {
            if let ControlFlow::Break(error) = monitor.add(items as u64) {
                self.fail(chunk, at_chunk(error, chunk));
            }
        }
        if self.cancelled() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    #[cold]
    fn fail(&self, chunk: usize, error: Error) {
        self.failure.note(chunk, error);
        self.stop.store(true, Ordering::Relaxed);
    }

    /// The result of the job. Every lane has left.
    pub(crate) fn finish(&self) -> Result<()> {
        if !self.stop.load(Ordering::Relaxed) && !self.cancelled() {
            return Ok(());
        }
        Err(self.failure.take().unwrap_or_else(Error::cancelled))
    }
}
