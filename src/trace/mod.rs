//! A timeline of the process: what threads do in calls, written to a file in the trace event format, which
//! Perfetto and chrome://tracing open.
//!
//! Where no trace runs, a call looks at one number (`begin_call`, `Mark::now`), and a lane at what its call
//! has found. Where a trace runs, each thread writes its events into a ring of its own, without a lock
//! (`ring`), and a thread of the trace moves them to the file (`session`). An event for which there is no
//! room is counted, and no thread waits for room.
#![forbid(unsafe_code)]

mod bell;
mod environment;
mod event;
mod format;
mod names;
mod output;
mod place;
mod ring;
mod session;
mod thread;

pub(crate) use environment::when_first_call;
pub(crate) use event::Kind;
pub(crate) use place::Within;
pub(crate) use session::{flush, start, stop, Options};
pub(crate) use thread::{begin, end};

use crate::os::clock;
use crate::os::thread as os_thread;
use event::Record;
use names::Name;
use place::Place;
use std::ffi::CStr;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};

/// Calls that run a body for chunks: loops, reductions, prefix sums, jobs; and teams.
pub(crate) const LOOPS: u32 = 1;
/// What lanes claim: chunks; and pieces of scans.
pub(crate) const CHUNKS: u32 = 2;
/// Groups, pipelines, sorts, and the tasks that calls of the codec are made of.
pub(crate) const TASKS: u32 = 4;
/// Calls and frames of the codec.
pub(crate) const CODEC: u32 = 8;
/// Reads and writes of files.
pub(crate) const FILES: u32 = 16;
/// The program's own spans.
pub(crate) const USER: u32 = 32;
/// All of them.
pub(crate) const ALL: u32 = 63;

/// What is traced; 0: no trace runs. Relaxed: an event more or less at the begin and the end of a trace.
static CATEGORIES: AtomicU32 = AtomicU32::new(0);

/// Whether events of one of these categories are traced.
#[inline]
pub(crate) fn is_on(categories: u32) -> bool {
    CATEGORIES.load(Ordering::Relaxed) & categories != 0
}

/// A call that is traced.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    /// Tells it from others.
    number: u64,
    /// Of the thread that made it.
    thread: u64,
    at: u64,
    /// What the program calls it.
    name: Name,
}

/// Begins a call, if its category is traced.
#[inline]
pub(crate) fn begin_call(category: u32) -> Option<Call> {
    begin_named(category, None)
}

/// The same for a call to which the program may have given a name.
#[inline]
pub(crate) fn begin_named(category: u32, name: Option<&CStr>) -> Option<Call> {
    if is_on(category) {
        Some(begin_traced(name))
    } else {
        None
    }
}

/// What helpers are sent for: the call that the thread works for, else one of its own.
#[inline]
pub(crate) fn begin_helping(category: u32) -> Option<Call> {
    let here = place::here();
    let helping = begin_call(category);
    let Some(call) = helping.filter(|_| here.call != 0) else { return helping };
    Some(Call { number: here.call, name: here.name, ..call })
}

#[cold]
fn begin_traced(name: Option<&CStr>) -> Call {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let name = name.map_or(Name::NONE, |name| thread::name(&name.to_string_lossy()));
    // Relaxed: only a number.
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    Call { number, thread: os_thread::number(), at: clock::now(), name }
}

impl Call {
    /// The call has returned; `values` are those that the kind of event names, after the call's number.
    pub(crate) fn end(self, kind: Kind, values: [u64; 3]) {
        let [a, b, c] = values;
        let record = Record::slice(kind, self.at, clock::now()).named(self.name);
        thread::push(record.with([self.number, a, b, c, 0]));
    }

    /// An event at one moment of something that no single thread does.
    pub(crate) fn mark(self, kind: Kind) {
        let now = clock::now();
        thread::push(Record::slice(kind, now, now).named(self.name).with([self.number, 0, 0, 0, 0]));
    }

    /// A lane begins to work for the call.
    pub(crate) fn begin_lane(self, kind: Kind, lane: u32) -> Lane {
        count_lanes(1);
        let within = Within::enter(Place { call: self.number, lane: Some(lane), name: self.name });
        Lane { call: self, kind, lane, at: clock::now(), within: Some(within) }
    }

    /// The calling thread works for the call, in none of its lanes, until what is returned is dropped.
    pub(crate) fn enter(self) -> Within {
        Within::enter(Place { call: self.number, lane: None, name: self.name })
    }

    /// The number.
    pub(crate) fn number(self) -> u64 {
        self.number
    }
}

/// Lanes at work in traced calls. Relaxed everywhere: a number for people.
static LANES: AtomicI64 = AtomicI64::new(0);

/// Bytes that the codec has taken and given. Relaxed as well.
static BYTES: (AtomicU64, AtomicU64) = (AtomicU64::new(0), AtomicU64::new(0));

/// In a forked child no lane is at work, and the codec has done nothing.
fn forget_counters() {
    LANES.store(0, Ordering::Relaxed);
    BYTES.0.store(0, Ordering::Relaxed);
    BYTES.1.store(0, Ordering::Relaxed);
}

/// Counts lanes that come or go.
fn count_lanes(more: i64) {
    let lanes = LANES.fetch_add(more, Ordering::Relaxed) + more;
    let now = clock::now();
    thread::push(Record::slice(Kind::BusyLanes, now, now).with([lanes.max(0) as u64, 0, 0, 0, 0]));
}

/// A lane at work for a call, until this is dropped.
pub(crate) struct Lane {
    call: Call,
    kind: Kind,
    lane: u32,
    at: u64,
    within: Option<Within>,
}

impl Drop for Lane {
    fn drop(&mut self) {
        count_lanes(-1);
        self.within = None; // the lane itself lies in what is around it
        let Self { call, kind, lane, at, .. } = *self;
        let record = Record::slice(kind, at, clock::now()).in_lane(lane).named(call.name);
        thread::push(record.with([call.number, call.thread, call.at, 0, 0]));
    }
}

/// When something began that is traced.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark(Option<u64>);

impl Mark {
    /// What is not traced.
    pub(crate) const NONE: Self = Self(None);

    /// Now, if the category is traced.
    #[inline]
    pub(crate) fn now(category: u32) -> Self {
        Self(is_on(category).then(clock::now))
    }

    /// The same where something is traced, and nothing where not.
    #[inline]
    pub(crate) fn again(self) -> Self {
        Self(self.0.map(|_| clock::now()))
    }

    /// Where something is traced, the thread is in this lane of the call that it works for, until what is
    /// returned is dropped.
    pub(crate) fn enter_lane(self, lane: u32) -> Option<Within> {
        self.0.map(|_| Within::enter(Place { lane: Some(lane), ..place::here() }))
    }

    /// It has ended, and the next begins at once.
    pub(crate) fn end_one(self, kind: Kind, lane: u32, values: [u64; 5]) -> Self {
        let Some(at) = self.0 else { return self };
        let now = clock::now();
        thread::push(Record::slice(kind, at, now).in_lane(lane).with(values));
        Self(Some(now))
    }

    /// It has ended; `values` are those that the kind of event names. The lane is the thread's, if that works
    /// in one.
    #[inline]
    pub(crate) fn end(self, kind: Kind, values: [u64; 5]) {
        if let Some(at) = self.0 {
            thread::push(Record::slice(kind, at, clock::now()).with(values));
        }
    }

    /// The same in a lane that the caller knows.
    #[inline]
    pub(crate) fn end_in(self, lane: u32, kind: Kind, values: [u64; 5]) {
        if let Some(at) = self.0 {
            thread::push(Record::slice(kind, at, clock::now()).in_lane(lane).with(values));
        }
    }
}

/// Bytes that the codec has taken and given, of all calls together.
pub(crate) fn count_bytes(taken: u64, given: u64) {
    if is_on(CODEC) {
        let taken = BYTES.0.fetch_add(taken, Ordering::Relaxed) + taken;
        let given = BYTES.1.fetch_add(given, Ordering::Relaxed) + given;
        let now = clock::now();
        thread::push(Record::slice(Kind::Bytes, now, now).with([taken, given, 0, 0, 0]));
    }
}
