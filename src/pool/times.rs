//! Where the time of calls goes, and what the codec has done: counters of the process. `counters` reads them
//! as those of one pool.
//!
//! Time is taken by the processor's own counter (`os::clock::ticks`): reading the system's clock twice would
//! be a sixth of a loop of empty chunks. A thread adds up for itself what it spends, and hands over more than
//! some microseconds of it, so that a short loop touches no shared counter. Each moment counts once: what
//! is done within something else is taken off that.
#![forbid(unsafe_code)]

use super::scope;
use super::thread_state::{self, ThreadState, SHARDS};
use crate::os::clock;
use crate::trace::{self, Mark};
use crossbeam_utils::CachePadded;
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

/// What threads spend time on in calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spent {
    /// The program's callbacks.
    Callbacks,
    /// Compressing and decompressing.
    Codec,
    /// Waiting: for threads, for files.
    Waiting,
}

/// How many kinds there are.
const KINDS: usize = 3;

/// What is counted beside `Spent`, whose numbers come first.
#[derive(Clone, Copy)]
pub(crate) enum Counter {
    /// Ticks that workers were at work.
    Busy = KINDS as isize,
    BytesIn,
    BytesOut,
    ContextsMade,
    ContextsReused,
    LateHelpers,
}

const COUNTERS: usize = Counter::LateHelpers as usize + 1;

/// More ticks than this a thread hands over: about 20 us.
const ENOUGH: u64 = 1 << 16;

/// One shard of the counters. Relaxed everywhere: the numbers are for people.
struct Shard([AtomicU64; COUNTERS]);

static SHARED: [CachePadded<Shard>; SHARDS] =
    [const { CachePadded::new(Shard([const { AtomicU64::new(0) }; COUNTERS])) }; SHARDS];

/// What the process has counted up to a moment.
#[derive(Clone, Copy, Default)]
pub(super) struct Totals([u64; COUNTERS]);

impl Totals {
    /// Up to now.
    pub(super) fn now() -> Self {
        scope::with_times(ThreadTimes::hand_over);
        Self(std::array::from_fn(|at| {
            let add =
                |sum: u64, shard: &CachePadded<Shard>| sum.wrapping_add(shard.0[at].load(Ordering::Relaxed));
            SHARED.iter().fold(0, add)
        }))
    }

    /// Since an earlier moment.
    pub(super) fn since(&self, before: &Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at].wrapping_sub(before.0[at])))
    }

    /// A number.
    pub(super) fn get(&self, counter: Counter) -> u64 {
        self.0[counter as usize]
    }

    /// A time, in nanoseconds.
    pub(super) fn spent(&self, on: Spent) -> u64 {
        clock::nanoseconds(self.0[on as usize])
    }

    /// The time of workers at work, in nanoseconds.
    pub(super) fn busy(&self) -> u64 {
        clock::nanoseconds(self.get(Counter::Busy))
    }
}

fn add(at: usize, amount: u64) {
    SHARED[thread_state::with(ThreadState::shard)].0[at].fetch_add(amount, Ordering::Relaxed);
}

/// Counts something.
pub(crate) fn count(counter: Counter, amount: u64) {
    add(counter as usize, amount);
}

/// Counts bytes that the codec has taken and given.
pub(crate) fn count_bytes(taken: u64, given: u64) {
    count(Counter::BytesIn, taken);
    count(Counter::BytesOut, given);
    trace::count_bytes(taken, given);
}

/// What a thread has spent and not handed over.
pub(super) struct ThreadTimes {
    /// Ticks of what has ended within what is under way.
    within: Cell<u64>,
    spent: [Cell<u64>; KINDS],
}

/// Something that takes time, under way.
pub(super) struct Begun {
    at: u64,
    /// What had ended before within what is around it.
    around: u64,
}

impl ThreadTimes {
    pub(super) const fn new() -> Self {
        Self { within: Cell::new(0), spent: [const { Cell::new(0) }; KINDS] }
    }

    #[inline]
    pub(super) fn begin(&self) -> Begun {
        Begun { around: self.within.replace(0), at: clock::ticks() }
    }

    /// Saturating: a callback may come back on another thread, and processors may count apart.
    #[inline]
    pub(super) fn end(&self, begun: &Begun, on: Spent) {
        let took = clock::ticks().saturating_sub(begun.at);
        let own = took.saturating_sub(self.within.get());
        self.within.set(begun.around.saturating_add(took));
        let spent = &self.spent[on as usize];
        spent.set(spent.get().saturating_add(own));
        if spent.get() > ENOUGH {
            self.hand_over();
        }
    }

    /// Adds what the thread has spent to the shared counters.
    #[cold]
    pub(super) fn hand_over(&self) {
        for (at, spent) in self.spent.iter().enumerate() {
            let ticks = spent.take();
            if ticks > 0 {
                add(at, ticks);
            }
        }
    }
}

/// Does something that takes time.
pub(crate) fn spend<R>(on: Spent, work: impl FnOnce() -> R) -> R {
    struct End(Begun, Spent);
    impl Drop for End {
        fn drop(&mut self) {
            scope::with_times(|times| times.end(&self.0, self.1));
        }
    }
    let _end = End(scope::with_times(ThreadTimes::begin), on);
    work()
}

/// Waits for other threads.
pub(crate) fn wait<R>(wait: impl FnOnce() -> R) -> R {
    let mark = Mark::now(trace::LOOPS);
    let result = spend(Spent::Waiting, wait);
    mark.end(trace::Kind::Wait, [0; 5]);
    result
}

/// The time of a worker at work.
pub(super) fn at_work(work: impl FnOnce()) {
    let begun = clock::ticks();
    work();
    count(Counter::Busy, clock::ticks().saturating_sub(begun));
    scope::with_times(ThreadTimes::hand_over);
}
