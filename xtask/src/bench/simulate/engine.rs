//! One parallel call as `src/job` and `src/pool` run it, event by event: recruiting, gate, claims, leaving.
//!
//! A core does one step at a time; steps that touch a shared cache line take as long as the line takes to
//! come. The workers' processors are free, each has one of its own.

use super::lines::{Costs, Line, Time};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// How many chunks a lane claims, by the engine's own arithmetic. Here the unit of time is a picosecond.
#[path = "../../../../src/job/batches.rs"]
mod batches;

use batches::{shift_of, Batch, BATCH_NS, BATCH_NS_PER_LANE, FEW, SMALLEST_NS};

const PS: Time = 1_000;
pub(super) const BATCH_TIME: Time = BATCH_NS * PS;
pub(super) const BATCH_TIME_PER_LANE: Time = BATCH_NS_PER_LANE * PS;
/// As in `src/job/gate.rs`: spinning before the caller sleeps.
const SPINNING: Time = 100_000_000;

/// The machine.
#[derive(Clone, Copy)]
pub(super) struct Machine {
    pub(super) lines: Costs,
    /// How long a thread is busy that wakes another, and after how long the woken thread runs.
    pub(super) wake_call: Time,
    pub(super) wake: Time,
    /// Reading the clock.
    pub(super) clock: Time,
    /// A call on one lane, beside its chunks.
    pub(super) call: Time,
}

/// The call.
#[derive(Clone, Copy)]
pub(super) struct Call {
    /// Threads, each on a core of its own; the caller is one of them.
    pub(super) lanes: usize,
    pub(super) chunks: usize,
    /// What a chunk takes, the engine's part included.
    pub(super) chunk: Time,
    /// How many helpers each helper sends for. The caller sends for one.
    pub(super) fan: usize,
    /// How long a batch of chunks shall take.
    pub(super) batch: Time,
    /// When the simulation stops: where all threads wait for the counter, the call may take forever.
    pub(super) until: Time,
}

/// The result of the call.
#[derive(Clone, Copy, Default)]
pub(super) struct Outcome {
    pub(super) time: Time,
    /// Helpers that entered, and when the last of them did.
    pub(super) helpers: usize,
    pub(super) last_in: Time,
    /// All lanes' waiting for the counter of chunks.
    pub(super) claiming: Time,
    /// The longest that a helper took to leave the gate.
    pub(super) leaving: Time,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// A worker is awake and finds its ticket.
    Arrive,
    PermitRead,
    PermitTake,
    Busy,
    Ticket,
    GateRead,
    GateEnter,
    Recruit {
        left: usize,
    },
    ClaimRead,
    ClaimAdd {
        size: usize,
    },
    Ran {
        chunks: usize,
        since: Time,
    },
    Leave,
    Close,
}

struct Run {
    machine: Machine,
    call: Call,
    events: BinaryHeap<Reverse<(Time, u64, usize, Step)>>,
    serial: u64,
    claims: Line,
    gate: Line,
    permits: Line,
    busy: Line,
    next: usize,
    batches: Vec<Batch>,
    shift: u32,
    sent: usize,
    open: bool,
    closed: Time,
    last_out: Time,
    outcome: Outcome,
}

/// Runs a call whose helpers are asleep.
pub(super) fn run(machine: Machine, call: Call) -> Outcome {
    let line = || Line::new(machine.lines, call.lanes);
    let mut run = Run {
        machine,
        call,
        events: BinaryHeap::new(),
        serial: 0,
        claims: line(),
        gate: line(),
        permits: line(),
        busy: line(),
        next: 0,
        batches: vec![Batch::ONE; call.lanes],
        shift: shift_of(call.lanes as u32),
        sent: 0,
        open: true,
        closed: 0,
        last_out: 0,
        outcome: Outcome::default(),
    };
    run.then(machine.call, 0, Step::Recruit { left: 1 });
    while let Some(Reverse((now, _, core, step))) = run.events.pop() {
        if now > call.until {
            run.closed = now;
            break;
        }
        run.step(now, core, step);
    }
    let over = run.closed.max(run.last_out) + machine.lines.near;
    let slept = over - run.closed > SPINNING;
    run.outcome.time = over + if slept { machine.wake } else { 0 };
    run.outcome.claiming = run.claims.waited;
    run.outcome
}

impl Run {
    fn then(&mut self, at: Time, core: usize, step: Step) {
        self.serial += 1;
        self.events.push(Reverse((at, self.serial, core, step)));
    }

    fn step(&mut self, now: Time, core: usize, step: Step) {
        match step {
            Step::Arrive => {
                // Looks for the ticket in the queues of the others, half of them on the average.
                let search = self.machine.lines.near * (self.call.lanes as Time / 2).max(1);
                self.then(now + search, core, Step::PermitRead);
            }
            Step::PermitRead => {
                let done = self.permits.read(core, now);
                self.then(done, core, Step::PermitTake);
            }
            Step::PermitTake => {
                let done = self.permits.exchange(core, now);
                self.then(done, core, Step::Busy);
            }
            Step::Busy => {
                let done = self.busy.change(core, now);
                self.then(done, core, Step::Ticket);
            }
            Step::Ticket => {
                let done = self.gate.change(core, now);
                self.then(done, core, Step::GateRead);
            }
            Step::GateRead => {
                let done = self.gate.read(core, now);
                self.then(done, core, Step::GateEnter);
            }
            Step::GateEnter if !self.open => {}
            Step::GateEnter => {
                let done = self.gate.exchange(core, now);
                self.outcome.helpers += 1;
                self.outcome.last_in = done;
                self.then(done, core, Step::Recruit { left: self.call.fan });
            }
            Step::Recruit { left } => self.recruit(now, core, left),
            Step::ClaimRead => {
                let done = self.claims.read(core, now);
                let rest = self.call.chunks.saturating_sub(self.next);
                if rest == 0 {
                    self.then(done, core, if core == 0 { Step::Close } else { Step::Leave });
                } else {
                    let size = self.batches[core].of_rest(rest, self.shift);
                    self.then(done, core, Step::ClaimAdd { size });
                }
            }
            Step::ClaimAdd { size } => {
                let done = self.claims.change(core, now);
                let chunks = self.call.chunks.saturating_sub(self.next).min(size);
                self.next += size;
                if chunks == 0 {
                    self.then(done, core, if core == 0 { Step::Close } else { Step::Leave });
                } else {
                    let ran = done + chunks as Time * self.call.chunk;
                    self.then(ran, core, Step::Ran { chunks, since: now });
                }
            }
            Step::Ran { chunks, since } => {
                if self.call.chunks < FEW {
                    self.then(now, core, Step::ClaimRead);
                } else {
                    self.choose_batch(core, chunks, now - since);
                    self.then(now + self.machine.clock, core, Step::ClaimRead);
                }
            }
            Step::Leave => {
                self.last_out = self.gate.change(core, now);
                self.outcome.leaving = self.outcome.leaving.max(self.last_out - now);
            }
            Step::Close => {
                self.closed = self.gate.change(core, now);
                self.open = false;
            }
        }
    }

    /// Sends for the next helper if there is work for one, and a thread.
    fn recruit(&mut self, now: Time, core: usize, left: usize) {
        let done = self.claims.read(core, now);
        let wanted = left > 0 && self.next < self.call.chunks && self.sent + 1 < self.call.lanes;
        if !wanted {
            return self.then(done, core, Step::ClaimRead);
        }
        self.sent += 1;
        let ticket = self.gate.exchange(core, self.busy.read(core, done));
        self.then(ticket + self.machine.wake, self.sent, Step::Arrive);
        self.then(ticket + self.machine.wake_call, core, Step::Recruit { left: left - 1 });
    }

    /// As in `src/job/claims.rs`: a batch that the end made smaller says nothing.
    fn choose_batch(&mut self, core: usize, chunks: usize, took: Time) {
        let batch = &mut self.batches[core];
        if chunks == batch.size {
            *batch = batch.after(chunks, took, self.call.batch, SMALLEST_NS * PS);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: Machine = Machine {
        lines: Costs { own: 5_000, near: 40_000, far: 120_000, domain: 8 },
        wake_call: 1_000_000,
        wake: 5_000_000,
        clock: 25_000,
        call: 100_000,
    };

    fn call(lanes: usize, chunks: usize, chunk: Time, fan: usize) -> Outcome {
        run(MACHINE, Call { lanes, chunks, chunk, fan, batch: BATCH_TIME, until: Time::MAX })
    }

    #[test]
    fn one_lane_takes_the_time_of_the_work() {
        let outcome = call(1, 24, 10_000_000, 1);
        let work = 24 * 10_000_000;
        assert!((work..work + 2_000_000).contains(&outcome.time), "{}", outcome.time);
        assert_eq!(outcome.helpers, 0);
    }

    #[test]
    fn the_same_call_always_takes_the_same_time() {
        assert_eq!(call(64, 100_000, 3_000, 1).time, call(64, 100_000, 3_000, 1).time);
    }

    #[test]
    fn lanes_share_long_work_and_none_is_faster_than_its_part() {
        for lanes in [2, 12, 64] {
            let (chunks, chunk) = (lanes * 100, 1_000_000_000);
            let outcome = call(lanes, chunks, chunk, 1);
            let ideal = 100 * chunk;
            assert!(outcome.time >= ideal && outcome.time < ideal + 2 * chunk, "{lanes}: {}", outcome.time);
            assert_eq!(outcome.helpers, lanes - 1);
        }
    }

    /// Lines that take microseconds, as where the host moves processors about.
    #[test]
    fn what_would_take_forever_ends() {
        let slow = Costs { near: 5_000_000, far: 15_000_000, ..MACHINE.lines };
        let until = 20_000_000_000;
        let call = Call { lanes: 192, chunks: 400_000_000, chunk: 2_000, fan: 2, batch: BATCH_TIME, until };
        let outcome = run(Machine { lines: slow, ..MACHINE }, call);
        assert!(outcome.time > until && outcome.time < until * 2, "{}", outcome.time);
        assert!(outcome.claiming > 0);
    }

    #[test]
    fn a_tree_is_there_earlier_than_a_chain() {
        let (chain, tree) = (call(64, 6400, 10_000_000, 1), call(64, 6400, 10_000_000, 2));
        assert!(tree.last_in < chain.last_in / 3 && tree.time < chain.time);
    }
}
