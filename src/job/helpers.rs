//! How a job gets helpers: the caller opens a gate and sends a ticket, a worker takes the ticket to the gate.

use super::chunks::{Job, Next};
use super::gate::Gate;
use super::gate_store;
use crate::error::Result;
use crate::os::clock::ThreadClock;
use crate::os::fork::{ChildHook, Process};
use crate::pool::{count, most_lanes, wait, Call, Counter, Help, Pool, Seat, Ticket, Turn, Visit};
use std::cell::Cell;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A published job forgets its lifetime; the gate keeps helpers from using it longer.
pub(super) type JobGate = Gate<Job<'static>>;

/// The gate of a thread's loops: what is published lives on its stack.
pub(super) struct LoopGate {
    gate: JobGate,
    /// The loop is inside a callback of another job, and shares that job's part of the machine.
    nested: AtomicBool,
    /// Of the thread.
    clock: Option<ThreadClock>,
}

impl LoopGate {
    /// A gate for loops of the calling thread.
    fn new() -> Self {
        Self { gate: Gate::new(), nested: AtomicBool::new(false), clock: ThreadClock::own() }
    }
}

impl Deref for LoopGate {
    type Target = JobGate;

    fn deref(&self) -> &Self::Target {
        &self.gate
    }
}

thread_local! {
    static GATES: gate_store::Gates<LoopGate> = const { gate_store::Gates::new() };
}

/// The calling thread's gates in a forked child: they may wait for helpers that never come.
static FORGET: ChildHook = ChildHook::new(|| _ = GATES.try_with(gate_store::Gates::forget));

/// A job that helpers may join, until this is closed or dropped.
pub(super) struct OpenGate<'c> {
    call: &'c Call,
    gate: Option<Arc<LoopGate>>,
    process: Process,
}

impl<'c> OpenGate<'c> {
    /// Opens a gate of the calling thread for at most `helpers` helpers. The job must outlive the value.
    pub(super) fn new(call: &'c Call, job: &Job<'_>, helpers: u32) -> Self {
        let gate =
            gate_store::take(&GATES, call.pool().address()).unwrap_or_else(|| Arc::new(LoopGate::new()));
        // Relaxed: advice.
        gate.nested.store(call.is_nested(), Ordering::Relaxed);
        // The gate forgets the job's lifetime; closing it in time, in `Drop` at the latest, makes that right.
        gate.open(std::ptr::from_ref(job).cast(), helpers, job.is_large());
        Self { call, gate: Some(gate), process: Process::current() }
    }

    pub(super) fn gate(&self) -> &Arc<LoopGate> {
        self.gate.as_ref().expect("only `close` and `drop` take it")
    }

    /// For a helper.
    pub(super) fn ticket(&self) -> Ticket {
        Ticket::Shared(self.gate().clone())
    }

    /// Lets no helper in any more and waits for those inside.
    pub(super) fn close(mut self) -> Result<()> {
        self.shut()
    }

    fn shut(&mut self) -> Result<()> {
        let Some(gate) = self.gate.take() else { return Ok(()) };
        gate.close();
        self.process.check()?;
        let pool = self.call.pool();
        if !gate.is_empty() {
            wait(|| gate.wait_empty(|| pool.has_cpus_to_wait(0)));
        }
        gate_store::give_back(&GATES, &FORGET, pool.address(), gate);
        Ok(())
    }
}

impl Drop for OpenGate<'_> {
    fn drop(&mut self) {
        let _ = self.shut();
    }
}

/// Helpers that a loop with a caller may have now.
fn most_helpers() -> u32 {
    most_lanes() - 1
}

/// How many helpers a helper sends for before it starts. Each wake takes its time: if everybody sent for one,
/// the last of 63 would come ten times later.
const EACH: u32 = 2;

/// Whose CPUs the helpers of a job may take, where there are no others.
#[derive(Clone, Copy)]
pub(super) enum Share {
    /// No lane's.
    None,
    /// Those of helpers of other jobs, until these have no more threads; for a job that has so many callers.
    Fair(u32),
}

impl Share {
    #[inline]
    fn is_left(self, pool: &Pool, gate: &JobGate, coming: u32) -> bool {
        match self {
            Self::None => pool.has_cpu_left(coming),
            Self::Fair(callers) => pool.has_share_left(gate.inside(), coming, callers),
        }
    }
}

/// The opener of `gate` sends for a helper, unless a helper is on its way, which sends for more. While every
/// CPU has a thread of this process to run, more threads would only take turns with those that work: then the
/// idle-CPU monitor sends the helper, as soon as CPUs are idle, because callbacks wait for something for
/// instance. But a job gets its share of what other jobs have.
#[inline]
pub(super) fn recruit<'p>(
    pool: &'p Pool,
    gate: &'p JobGate,
    share: Share,
    ticket: impl FnOnce() -> Ticket,
) -> Option<Pending<'p>> {
    if share.is_left(pool, gate, 0) {
        if gate.claim_ticket(1) {
            pool.send(ticket());
            return Some(Pending::new(pool, gate));
        }
    } else if gate.claim_watch() {
        pool.send_when_idle(ticket());
    }
    None
}

/// A helper of `gate` sends for more; the total of helpers is at most `most`.
pub(super) fn recruit_more<'p>(
    pool: &'p Pool,
    gate: &'p JobGate,
    most: u32,
    share: Share,
    ticket: impl Fn() -> Ticket,
) -> Option<Pending<'p>> {
    let mut sent = None;
    for _ in 0..EACH {
        if gate.vacancies(most) == 0 {
            break;
        }
        if !share.is_left(pool, gate, gate.coming()) {
            if gate.coming() == 0 && gate.claim_watch() {
                pool.send_when_idle(ticket());
            }
            break;
        }
        if !gate.claim_ticket(gate.vacancies(most)) {
            break;
        }
        pool.send(ticket());
        sent = Some(Pending::new(pool, gate));
    }
    sent
}

/// A helper that should have come by then is held up: twice what a virtual machine takes to wake it.
const LATE: Duration = Duration::from_micros(60);

/// Helpers that were sent by a thread which works meanwhile.
pub(crate) struct Pending<'p> {
    pool: &'p Pool,
    gate: &'p JobGate,
    since: Instant,
}

impl<'p> Pending<'p> {
    fn new(pool: &'p Pool, gate: &'p JobGate) -> Self {
        Self { pool, gate, since: Instant::now() }
    }

    /// Between two batches: if the helper is late though there is a CPU for it, it probably waits for the CPU
    /// of this thread, and gets it for a moment. (Under a hypervisor the system may take a virtual CPU that
    /// sleeps for one that was taken away, and queue the helper behind its sender.) True if there is no need
    /// to ask again.
    pub(super) fn is_settled(&self) -> bool {
        if self.gate.coming() == 0 {
            return true;
        }
        if self.since.elapsed() < LATE {
            return false;
        }
        if self.pool.has_cpus_to_wait(1) {
            std::thread::yield_now();
        }
        true
    }
}

/// Claims and runs chunks of `job` until none is left; sends the pending helpers of this lane when it is
/// time.
pub(super) fn work(job: &Job<'_>, lane: u32, pending: Option<Pending<'_>>) {
    match pending {
        None => job.work(lane, None),
        Some(pending) => {
            let ask = || if pending.is_settled() { Next::GoOn } else { Next::AskAgain };
            job.work(lane, Some(&ask));
        }
    }
}

/// The same for a helper, which makes room where others need it: true if it left the job like that.
pub(super) fn work_as_helper(
    job: &Job<'_>,
    lane: u32,
    pending: Option<Pending<'_>>,
    needs_room: impl Fn() -> bool,
) -> bool {
    let (settled, left) = (Cell::new(pending.is_none()), Cell::new(false));
    let ask = || {
        if let (Some(pending), false) = (&pending, settled.get()) {
            settled.set(pending.is_settled());
        }
        if needs_room() {
            left.set(true);
            return Next::Leave;
        }
        Next::AskAgain
    };
    job.work(lane, Some(&ask));
    left.get() && job.wants_help()
}

impl LoopGate {
    /// What the helpers of this loop may take.
    pub(super) fn share(&self) -> Share {
        if self.nested.load(Ordering::Relaxed) {
            Share::None
        } else {
            Share::Fair(1)
        }
    }

    /// Comes in, to stay or to come back.
    fn come_in(&self, seat: Option<Seat>) -> Option<(*const Job<'static>, u32)> {
        if let Some(seat) = seat {
            return Some((self.enter_same(seat.job)?, seat.lane));
        }
        // The destructor of the gates is registered under the loader's lock: before the caller waits for this
        // helper.
        let _ = GATES.try_with(|_| ());
        self.ticket_arrived();
        self.enter(most_helpers())
    }
}

impl Help for LoopGate {
    fn help(&self, shared: &Arc<dyn Help>, pool: &Pool, turn: Turn) -> Visit {
        let Some((job, lane)) = self.come_in(turn.seat) else {
            count(Counter::LateHelpers, 1);
            return Visit::Over;
        };
        // SAFETY: between enter and leave the caller keeps the job alive (`OpenGate`).
        let job = unsafe { &*job };
        let more =
            || recruit_more(pool, self, most_helpers(), self.share(), || Ticket::Shared(Arc::clone(shared)));
        let pending = if job.wants_help() { more() } else { None };
        let (mut left, needs_room) = (false, || pool.needs_room(self.coming(), &turn));
        job.away_from_caller(|| left = work_as_helper(job, lane, pending, needs_room));
        if turn.seat.is_none() {
            pool.count_helper();
        }
        let (served, job) = (self.turn(), self.opened());
        self.leave();
        if left {
            Visit::Left(Seat { job, lane })
        } else {
            Visit::Served(served)
        }
    }

    fn linger(&self, served: u64, pool: &Pool) -> bool {
        let cpu = || pool.has_cpus_to_wait(1);
        // The ticket is this helper's again, so that no other is sent.
        cpu() && self.claim_ticket(1) && (self.gate.linger(served, cpu) || self.give_up(served))
    }

    fn has_caller(&self) -> bool {
        true
    }

    fn end_watch(&self) -> bool {
        self.gate.end_watch();
        self.is_open() && self.claim_ticket(1)
    }

    fn keep_watch(&self) -> bool {
        self.gate.end_watch();
        self.is_open() && self.claim_watch()
    }

    fn job(&self) -> u64 {
        self.turn()
    }

    fn callers_clock(&self) -> Option<ThreadClock> {
        self.clock
    }
}
