//! What a thread keeps for the trace: its ring, and how many of the program's spans are open.

use super::event::{begin_of, records_of, Kind, Record, KINDS, LONGEST_NAME};
use super::names::Name;
use super::place;
use super::ring::{Pushed, Ring};
use super::session::{self, Session};
use super::{is_on, USER};
use crate::os::clock;
use std::cell::RefCell;
use std::sync::Arc;

/// More spans within each other are counted as lost.
const DEEPEST: u32 = 64;

/// A thread's part of a trace.
struct Mine {
    session: Arc<Session>,
    /// None: there was no room for a ring when the session's chances were `tried`.
    ring: Option<Arc<Ring>>,
    tried: u64,
    /// The program's spans that are open, and, a bit each, those of them whose begin is in the ring.
    depth: u32,
    written: u64,
}

thread_local! {
    static MINE: RefCell<Option<Mine>> = const { RefCell::new(None) };
}

impl Mine {
    fn new(session: Arc<Session>) -> Self {
        let tried = session.chances();
        let ring = session.add_ring();
        Self { session, ring, tried, depth: 0, written: 0 }
    }

    /// Room that is kept for the ends of spans whose begins are in the ring.
    fn spare(&self) -> usize {
        self.written.count_ones() as usize
    }

    fn push(&mut self, records: impl Iterator<Item = Record>, count: usize, spare: usize) -> bool {
        if self.ring.is_none() {
            self.try_again();
        }
        let Some(ring) = &self.ring else {
            self.session.lose();
            return false;
        };
        let pushed = ring.push(records, count, spare);
        if pushed == Pushed::HalfFull {
            self.session.wake();
        }
        pushed != Pushed::Lost
    }

    /// Gets a ring, if there may be room since the last time.
    #[cold]
    fn try_again(&mut self) {
        let chances = self.session.chances();
        if std::mem::replace(&mut self.tried, chances) != chances {
            self.ring = self.session.add_ring();
        }
    }
}

impl Drop for Mine {
    fn drop(&mut self) {
        if let Some(ring) = &self.ring {
            ring.leave();
        }
    }
}

/// Runs `with` on the calling thread's part of the trace that runs. While the thread's destructors run, or
/// inside this, there is none.
fn with(with: impl FnOnce(&mut Mine)) {
    let _ = MINE.try_with(|mine| {
        let Ok(mut mine) = mine.try_borrow_mut() else { return };
        if mine.as_ref().is_none_or(|mine| !mine.session.is_current()) {
            *mine = session::current().map(Mine::new);
        }
        if let Some(mine) = &mut *mine {
            with(mine);
        }
    });
}

/// Writes an event, if its category is traced.
pub(super) fn push(record: Record) {
    if !is_on(KINDS[record.kind()].category) {
        return;
    }
    let record = record.of(place::here());
    with(|mine| _ = mine.push(std::iter::once(record), 1, mine.spare()));
}

/// What stands for a name in the trace that runs.
pub(super) fn name(name: &str) -> Name {
    let mut number = Name::NONE;
    with(|mine| number = mine.session.number_of(name));
    number
}

/// Begins a span of the program.
pub(crate) fn begin(name: &str) {
    if !is_on(USER) {
        return;
    }
    with(|mine| {
        let depth = mine.depth;
        mine.depth += 1;
        if depth >= DEEPEST {
            mine.session.lose();
            return;
        }
        let count = records_of(name.len().min(LONGEST_NAME));
        let spare = mine.spare() + 1;
        if mine.push(begin_of(name, clock::now()), count, spare) {
            mine.written |= 1 << depth;
        }
    });
}

/// Ends the span that began last, if it began in this trace.
pub(crate) fn end() {
    if !is_on(USER) {
        return;
    }
    with(|mine| {
        let Some(depth) = mine.depth.checked_sub(1) else { return };
        mine.depth = depth;
        if depth < DEEPEST && mine.written & 1 << depth != 0 {
            mine.written &= !(1 << depth);
            let now = clock::now();
            mine.push(std::iter::once(Record::slice(Kind::End, now, now)), 1, mine.spare());
        }
    });
}
