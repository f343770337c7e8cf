//! How helpers come to a job: the caller opens a gate and sends a ticket, a worker takes the ticket to the gate.

use super::chunks::Job;
use super::gate::Gate;
use super::gate_store;
use crate::error::Result;
use crate::os::clock::ThreadClock;
use crate::os::fork::{ChildHook, Process};
use crate::pool::{Call, Help, Pool, Ticket};
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What is published forgets its lifetime; the gate looks after that.
pub(super) type JobGate = Gate<Job<'static>>;

/// The gate of a thread's loops: what is published lives on its stack.
pub(super) struct LoopGate {
    gate: JobGate,
    /// Of the thread.
    clock: Option<ThreadClock>,
}

impl LoopGate {
    /// A gate for loops of the calling thread.
    fn new() -> Self {
        Self { gate: Gate::new(), clock: ThreadClock::own() }
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
        // The gate forgets the job's lifetime; closing it in time, in `Drop` at the latest, is what makes that right.
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
        gate.wait_empty(|| pool.has_cpus_to_wait(0));
        gate_store::give_back(&GATES, &FORGET, pool.address(), gate);
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

/// The opener of `gate` sends for a helper, unless a helper is on its way, which sends for more. While every CPU has a thread of this
/// process to run, more threads would only take turns with those that work: then the idle-CPU monitor sends the helper, as soon as
/// CPUs are idle, because callbacks wait for something for instance.
#[inline]
pub(super) fn recruit<'p>(
    pool: &'p Pool,
    gate: &'p JobGate,
    ticket: impl FnOnce() -> Ticket,
) -> Option<Pending<'p>> {
    if pool.has_cpu_left(0) {
        if gate.claim_ticket(1) {
            pool.send(ticket());
            return Some(Pending::new(pool, gate));
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
) -> Option<Pending<'p>> {
    let mut sent = None;
    for _ in 0..EACH {
        if gate.vacancies() == 0 {
            break;
        }
        if !pool.has_cpu_left(gate.coming()) {
            if gate.coming() == 0 && gate.claim_watch() {
                pool.send_when_idle(ticket());
            }
            break;
        }
        if !gate.claim_ticket(gate.vacancies()) {
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

    /// Between two batches: if the helper is late though there is a CPU for it, it probably waits for the CPU of this thread, and gets
    /// it for a moment. (Under a hypervisor the system may take a virtual CPU that sleeps for one that was taken away, and queue the
    /// helper behind its sender.) True if there is no need to ask again.
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

/// Claims and runs chunks of `job` until none is left; looks after the helpers that this lane has sent.
pub(super) fn work(job: &Job<'_>, lane: u32, pending: Option<Pending<'_>>) {
    match pending {
        None => job.work(lane, None),
        Some(pending) => job.work(lane, Some(&|| pending.is_settled())),
    }
}

impl Help for LoopGate {
    fn help(&self, shared: &Arc<dyn Help>, pool: &Pool) -> Option<u64> {
        self.ticket_arrived();
        let (job, lane) = self.enter()?;
        // SAFETY: between enter and leave the caller keeps the job alive (`OpenGate`).
        let job = unsafe { &*job };
        let more = || recruit_more(pool, self, || Ticket::Shared(Arc::clone(shared)));
        let pending = if job.wants_help() { more() } else { None };
        work(job, lane, pending);
        pool.count_helper();
        let turn = self.turn();
        self.leave();
        Some(turn)
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
