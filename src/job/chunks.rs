//! A job: the chunks of one parallel call, what runs them, and what became of them.

use super::carried::Carried;
use super::chunk::{Chunk, Control, Kind};
use super::claims::{Claims, Pace};
use super::failure::{at_chunk, callback_error, panic_error, LowestFailure};
use super::progress::Monitor;
use crate::error::{Error, Result};
use crate::plan::{EqualChunks, Plan};
use crate::pool::{Asked, Scope};
use crate::trace::{self, Mark};
use std::cell::Cell;
use std::ops::{ControlFlow, Range};
use std::panic::{catch_unwind, AssertUnwindSafe};
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
            lane: run_lane::<B>,
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

/// The chunk that a lane is running. Bodies borrow it, and what they ask of the call looks at its index
/// meanwhile.
type Current = Cell<Chunk>;

/// A lane of a job, as the callbacks that it runs see it.
struct Lane<'l, 'j> {
    job: &'l Job<'j>,
    chunk: &'l Current,
}

impl Asked for Lane<'_, '_> {
    fn is_stopped(&self) -> bool {
        self.job.stopping()
    }

    fn position(&self) -> u64 {
        self.chunk.get().index as u64
    }
}

/// A lane's part. Made once per type of body, so that the body's call is direct and may be inlined.
///
/// # Safety
/// `body` points to a `B` that is valid for the call.
unsafe fn run_lane<B>(job: &Job<'_>, body: *const (), lane: u32, between: Between<'_>)
where
    B: Fn(&Chunk) -> ControlFlow<i32> + Sync,
{
    // SAFETY: the caller's promise.
    let body = unsafe { &*body.cast::<B>() };
    let chunk = Cell::new(Chunk { index: 0, begin: 0, end: 0, lane, lanes: job.plan.lanes() });
    Scope::enter_for(&Lane { job, chunk: &chunk }, job.kind.spent(), |scope| {
        // The body is not used again after a panic, as the job stops.
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            if job.traced.is_some() {
                run_traced::<B>(job, body, between, &chunk)
            } else if job.monitor.is_some() || job.cancel.is_some() {
                run_claims::<B, true, false>(job, body, between, &chunk)
            } else {
                run_claims::<B, false, false>(job, body, between, &chunk)
            }
        }));
        let at = chunk.get().index;
        match outcome {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(code)) => job.fail(at, callback_error(at, code, scope)),
            Err(payload) => job.fail(at, panic_error(at, payload)),
        }
    });
}

/// Claims batches and runs them, and traces it. A function of its own: where no trace runs nothing is left of
/// it but the question.
#[cold]
#[inline(never)]
fn run_traced<B>(job: &Job<'_>, body: &B, between: Between<'_>, chunk: &Current) -> ControlFlow<i32>
where
    B: Fn(&Chunk) -> ControlFlow<i32> + Sync,
{
    let (_, _, kind, _) = job.kind.traced();
    let _lane = job.traced.map(|call| call.begin_lane(kind, chunk.get().lane));
    run_claims::<B, true, true>(job, body, between, chunk)
}

/// Claims batches and runs them.
#[inline(always)]
fn run_claims<B, const WATCHED: bool, const TRACED: bool>(
    job: &Job<'_>,
    body: &B,
    mut between: Between<'_>,
    chunk: &Current,
) -> ControlFlow<i32>
where
    B: Fn(&Chunk) -> ControlFlow<i32> + Sync,
{
    let mut pace = if matches!(between, Between::Until(_)) { Pace::ONE } else { job.claims.pace() };
    let mut mark = if TRACED { Mark::now(trace::CHUNKS | trace::TASKS) } else { Mark::NONE };
    // From then on each chunk is followed by a look at this.
    if job.stopping() {
        return ControlFlow::Continue(());
    }
    while !matches!(between, Between::Until(deadline) if Instant::now() >= deadline) {
        let Some(range) = job.claims.claim(&pace) else { break };
        let chunks = range.len();
        let claimed = if TRACED { range.clone() } else { 0..0 };
        let ran = run_chunks::<B, WATCHED>(job, body, range, chunk);
        if TRACED {
            mark = job.trace_claim(mark, &claimed, &chunk.get());
        }
        match ran {
            ControlFlow::Continue(()) => pace.ran(&job.claims, chunks),
            ControlFlow::Break(Some(code)) => return ControlFlow::Break(code),
            ControlFlow::Break(None) => break,
        }
        if let Between::Ask(ask) = between {
            match ask() {
                Next::AskAgain => {}
                Next::GoOn => between = Between::Nothing,
                Next::Leave => break,
            }
            // Asking may take a while.
            if job.stopping() {
                break;
            }
            if TRACED {
                mark = Mark::now(trace::CHUNKS | trace::TASKS);
            }
        }
    }
    ControlFlow::Continue(())
}

/// Chunks that the loop over a batch takes in one turn.
const UNROLLED: usize = 8;

/// The loop over a batch, which tells by `chunk` where it was if the body breaks or panics; breaks as
/// `run_one` does.
#[inline(always)]
fn run_chunks<B, const WATCHED: bool>(
    job: &Job<'_>,
    body: &B,
    mut range: Range<usize>,
    chunk: &Current,
) -> ControlFlow<Option<i32>>
where
    B: Fn(&Chunk) -> ControlFlow<i32> + Sync,
{
    while !range.is_empty() {
        let EqualChunks { mut begin, size, until } = job.plan.equal_chunks(range.clone());
        if until - range.start >= UNROLLED {
            run_equal::<B, WATCHED>(job, body, range.start..until, begin, size, chunk)?;
        } else {
            (range.start..until)
                .try_for_each(|index| run_one::<B, WATCHED>(job, body, index, &mut begin, size, chunk))?;
        }
        range.start = until;
    }
    ControlFlow::Continue(())
}

/// Many chunks of one size. A function of its own, so that the callback and what it needs stay in registers;
/// several chunks a turn, as a jump less is 10 % of an empty chunk.
#[inline(never)]
fn run_equal<B, const WATCHED: bool>(
    job: &Job<'_>,
    body: &B,
    range: Range<usize>,
    mut begin: usize,
    size: usize,
    chunk: &Current,
) -> ControlFlow<Option<i32>>
where
    B: Fn(&Chunk) -> ControlFlow<i32> + Sync,
{
    let mut index = range.start;
    while range.end - index >= UNROLLED {
        for step in 0..UNROLLED {
            run_one::<B, WATCHED>(job, body, index + step, &mut begin, size, chunk)?;
        }
        index += UNROLLED;
    }
    (index..range.end).try_for_each(|index| run_one::<B, WATCHED>(job, body, index, &mut begin, size, chunk))
}

/// One chunk; breaks with a code if it failed, and without one if no other chunk may start. `chunk` is
/// reused, which leaves three stores a chunk. Where nobody watches, there is nothing else but the call, and
/// one look at a flag.
#[inline(always)]
fn run_one<B, const WATCHED: bool>(
    job: &Job<'_>,
    body: &B,
    index: usize,
    begin: &mut usize,
    size: usize,
    chunk: &Current,
) -> ControlFlow<Option<i32>>
where
    B: Fn(&Chunk) -> ControlFlow<i32> + Sync,
{
    let end = *begin + size;
    // SAFETY: this lane's own, and no body borrows it between two calls.
    let current = unsafe {
        let current = chunk.as_ptr();
        ((*current).index, (*current).begin, (*current).end) = (index, *begin, end);
        &*current
    };
    body(current).map_break(Some)?;
    if WATCHED && job.look(index, size).is_break() || job.stop.load(Ordering::Relaxed) {
        return ControlFlow::Break(None);
    }
    *begin = end;
    ControlFlow::Continue(())
}
