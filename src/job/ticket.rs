//! How helpers come to a job: the caller opens a gate and sends a ticket, a worker takes the ticket to the gate.

use super::background::Background;
use super::gate::Gate;
use super::work::Job;
use crate::error::Result;
use crate::pool::{self, Call, Pool, ThreadClock};
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What is published forgets its lifetime; the gate looks after that.
pub(super) type JobGate = Gate<Job<'static>>;

/// The gate of a thread's loops: what is published lives on its stack.
pub(crate) struct LoopGate {
    gate: JobGate,
    /// Of the thread.
    clock: Option<ThreadClock>,
}

impl Deref for LoopGate {
    type Target = JobGate;

    fn deref(&self) -> &Self::Target {
        &self.gate
    }
}

/// A new gate for loops of the calling thread.
pub(crate) fn new_gate() -> Arc<LoopGate> {
    Arc::new(LoopGate { gate: Gate::new(), clock: ThreadClock::own() })
}

/// A job that helpers may join, until this is closed or dropped.
pub(super) struct OpenGate<'c> {
    call: &'c Call,
    gate: Option<Arc<LoopGate>>,
    generation: u64,
}

impl<'c> OpenGate<'c> {
    /// Opens a gate of the calling thread for at most `helpers` helpers. The job must outlive the value.
    pub(super) fn new(call: &'c Call, job: &Job<'_>, helpers: u32) -> Self {
        let gate = call.take_gate();
        // The gate forgets the job's lifetime; closing it in time, in `Drop` at the latest, is what makes that right.
        gate.open(std::ptr::from_ref(job).cast(), helpers, job.is_large());
        Self { call, gate: Some(gate), generation: pool::generation() }
    }

    pub(super) fn gate(&self) -> &Arc<LoopGate> {
        self.gate.as_ref().expect("only `close` and `drop` take it")
    }

    /// Lets nobody in any more and waits for those inside.
    pub(super) fn close(mut self) -> Result<()> {
        self.shut()
    }

    fn shut(&mut self) -> Result<()> {
        let Some(gate) = self.gate.take() else { return Ok(()) };
        gate.close();
        if pool::generation() != self.generation {
            return Err(super::forked());
        }
        let pool = self.call.pool();
        gate.wait_empty(|| pool.has_processors_to_wait(0));
        self.call.return_gate(gate);
        Ok(())
    }
}

impl Drop for OpenGate<'_> {
    fn drop(&mut self) {
        let _ = self.shut();
    }
}

/// How many helpers a helper sends for before it starts. Each wake takes its time: if everybody sent for one, the last of 63
/// would come ten times later.
const EACH: u32 = 2;

/// The opener of `gate` sends for a helper, unless one is on its way: he sends for more. While every processor has a thread of
/// this process to run, more threads would only take turns with those that work: then the lookout sends it, as soon as
/// processors are idle, because callbacks wait for something for instance.
#[inline]
pub(super) fn recruit<'p>(
    pool: &'p Pool,
    gate: &'p JobGate,
    ticket: impl FnOnce() -> Ticket,
) -> Option<Sent<'p>> {
    if pool.has_processor_left(0) {
        if gate.claim_ticket(1) {
            pool.send_away(ticket());
            return Some(Sent::new(pool, gate));
        }
    } else if gate.claim_watch() {
        pool.send_when_idle(ticket());
    }
    None
}

/// A helper of `gate` sends for more.
pub(super) fn recruit_more<'p>(
    pool: &'p Pool,
    gate: &'p JobGate,
    ticket: impl Fn() -> Ticket,
) -> Option<Sent<'p>> {
    let mut sent = None;
    for _ in 0..EACH {
        if gate.vacancies() == 0 {
            break;
        }
        if !pool.has_processor_left(gate.coming()) {
            if gate.coming() == 0 && gate.claim_watch() {
                pool.send_when_idle(ticket());
            }
            break;
        }
        if !gate.claim_ticket(gate.vacancies()) {
            break;
        }
        pool.send_away(ticket());
        sent = Some(Sent::new(pool, gate));
    }
    sent
}

/// A helper that should have come by then is held up: twice what a virtual machine takes to wake it.
const LATE: Duration = Duration::from_micros(60);

/// Helpers that were sent by a thread which works meanwhile.
pub(crate) struct Sent<'p> {
    pool: &'p Pool,
    gate: &'p JobGate,
    since: Instant,
}

impl<'p> Sent<'p> {
    fn new(pool: &'p Pool, gate: &'p JobGate) -> Self {
        Self { pool, gate, since: Instant::now() }
    }

    /// Between two pieces of work: if the helper is late though there is a processor for it, it probably waits for this one, and
    /// gets it for a moment (see `pool::place`). True if there is no need to ask again.
    pub(super) fn is_settled(&self) -> bool {
        if self.gate.coming() == 0 {
            return true;
        }
        if self.since.elapsed() < LATE {
            return false;
        }
        if self.pool.has_processors_to_wait(1) {
            std::thread::yield_now();
        }
        true
    }
}

/// A helper's errand: to go to a gate and work for what is open there.
pub(crate) enum Ticket {
    /// A call that waits for its end.
    Loop(Arc<LoopGate>),
    /// A job that runs by itself.
    Background(Arc<Background>),
    /// Something that brings all that it needs.
    Errand(Box<dyn FnOnce(&Pool) + Send>),
}

impl Ticket {
    /// The lookout forgets the ticket; true if there is still something to help with, and nobody else is on the way.
    pub(crate) fn end_watch(&self) -> bool {
        match self {
            Self::Errand(_) => true, // sent at once, so nobody watches
            Self::Background(job) => job.end_watch(),
            Self::Loop(gate) => {
                gate.end_watch();
                gate.is_open() && gate.claim_ticket(1)
            }
        }
    }

    /// Whether the lookout shall keep it.
    pub(crate) fn keep_watch(&self) -> bool {
        match self {
            Self::Errand(_) => true,
            Self::Background(job) => job.keep_watch(),
            Self::Loop(gate) => {
                gate.end_watch();
                gate.is_open() && gate.claim_watch()
            }
        }
    }

    /// Tells the jobs of one gate from each other.
    pub(crate) fn job(&self) -> u64 {
        match self {
            Self::Loop(gate) => gate.turn(),
            Self::Background(_) | Self::Errand(_) => 0,
        }
    }

    /// The clock of the thread that waits for the job and works for it.
    pub(crate) fn callers_clock(&self) -> Option<ThreadClock> {
        match self {
            Self::Loop(gate) => gate.clock,
            Self::Background(_) | Self::Errand(_) => None,
        }
    }

    /// Runs on a worker of `pool`.
    pub(crate) fn run(self, pool: &Pool) -> Option<Served> {
        match self {
            Self::Background(job) => {
                job.help(pool);
                None
            }
            Self::Errand(errand) => {
                errand(pool);
                None
            }
            Self::Loop(gate) => {
                gate.ticket_arrived();
                let (job, lane) = gate.enter()?;
                // SAFETY: between enter and leave the caller keeps the job alive (`OpenGate`).
                let job = unsafe { &*job };
                let more = || recruit_more(pool, &gate, || Self::Loop(Arc::clone(&gate)));
                let sent = if job.wants_help() { more() } else { None };
                job.work(lane, sent);
                pool.count_helper();
                let turn = gate.turn();
                gate.leave();
                Some(Served { gate, turn })
            }
        }
    }
}

/// A helper has left a loop.
pub(crate) struct Served {
    gate: Arc<LoopGate>,
    turn: u64,
}

impl Served {
    /// Waits a moment for the next loop of the same caller, unless others need the processor: the ticket to run again.
    pub(crate) fn linger(self, pool: &Pool) -> Option<Ticket> {
        let Self { gate, turn } = self;
        let processor = || pool.has_processors_to_wait(1);
        // The ticket is this helper's again, so that nobody sends another.
        let stays =
            processor() && gate.claim_ticket(1) && (gate.linger(turn, processor) || gate.give_up(turn));
        stays.then(|| Ticket::Loop(gate))
    }
}
