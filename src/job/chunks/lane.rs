//! What one lane of a job does: it claims batches of chunks and calls the body for each of them.

use super::{Between, Job, Next};
use crate::job::chunk::Chunk;
use crate::job::claims::Pace;
use crate::job::failure::{callback_error, panic_error};
use crate::plan::EqualChunks;
use crate::pool::{Asked, Scope};
use crate::trace::{self, Mark};
use std::cell::Cell;
use std::ops::{ControlFlow, Range};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::Ordering;
use std::time::Instant;

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
pub(super) unsafe fn run<B>(job: &Job<'_>, body: *const (), lane: u32, between: Between<'_>)
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
