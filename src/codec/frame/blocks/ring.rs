//! The blocks under way: who decodes which one, who executes, and who hashes.
//!
//! Each lane takes what is next, in this order: execute the oldest block, if it is decoded and nobody
//! executes; hash what is executed, if nobody hashes; decode another block, if the ring has room. Whoever
//! finds nothing to take waits, which only happens while another lane is at work: so a lane that is alone
//! never waits.
#![forbid(unsafe_code)]

use super::scan::{Block, Scan};
use crate::codec::format::bits::{Checked, Odd};
use crate::error::{Error, Result};
use crate::pool;
use std::ops::Range;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Blocks under way at the same time, at most.
pub(super) const MOST: usize = 32;
/// Bytes that are hashed at a time.
const PIECE: usize = 256 << 10;

/// What a lane does next.
pub(super) enum Work {
    /// Decode a block, whose number is given.
    Decode(u64, Block),
    /// Execute the block of that number at that place.
    Execute(u64, usize),
    /// Hash what was executed there.
    Hash(Range<usize>),
}

/// See the module.
pub(super) struct Ring<'d> {
    state: Mutex<State<'d>>,
    changed: Condvar,
    slots: usize,
    hashes: bool,
}

struct State<'d> {
    scan: Scan<'d>,
    /// The number of the next block to be decoded.
    next: u64,
    /// The number of the next block to be executed.
    oldest: u64,
    /// The blocks of the ring that are decoded.
    decoded: [bool; MOST],
    executing: bool,
    hashing: bool,
    /// Bytes that are executed, and those of them that are hashed.
    written: usize,
    hashed: usize,
    /// Lanes that wait.
    waiting: u32,
    /// Nothing more is to be done: why.
    end: Option<End>,
}

enum End {
    /// libzstd shall decode the frame.
    Odd,
    Failed(Error),
}

/// How a frame ended.
pub(super) struct Ended {
    /// The bytes that it decoded to.
    pub(super) written: usize,
    /// Where its blocks end in the data.
    pub(super) at: usize,
}

impl<'d> Ring<'d> {
    /// A ring of so many slots, at most `MOST`.
    pub(super) fn new(scan: Scan<'d>, slots: usize, hashes: bool) -> Self {
        let state = State {
            scan,
            next: 0,
            oldest: 0,
            decoded: [false; MOST],
            executing: false,
            hashing: false,
            written: 0,
            hashed: 0,
            waiting: 0,
            end: None,
        };
        Self { state: Mutex::new(state), changed: Condvar::new(), slots: slots.clamp(1, MOST), hashes }
    }

    /// The slot of a block.
    pub(super) fn slot(&self, number: u64) -> usize {
        (number % self.slots as u64) as usize
    }

    fn lock(&self) -> MutexGuard<'_, State<'d>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the calling lane shall do; `None`: nothing any more.
    pub(super) fn take(&self) -> Option<Work> {
        let mut state = self.lock();
        loop {
            if state.end.is_some() {
                return None;
            }
            if !state.executing && state.decoded[self.slot(state.oldest)] {
                state.executing = true;
                return Some(Work::Execute(state.oldest, state.written));
            }
            let unhashed = if self.hashes { state.written - state.hashed } else { 0 };
            let all_decoded = state.scan.is_over();
            let all_executed = all_decoded && state.oldest == state.next;
            if !state.hashing && unhashed > 0 && (unhashed >= PIECE || all_executed) {
                state.hashing = true;
                return Some(Work::Hash(state.hashed..state.hashed + unhashed.min(PIECE)));
            }
            if !all_decoded && state.next - state.oldest < self.slots as u64 {
                let Ok(block) = state.scan.next() else {
                    self.finish(&mut state, End::Odd);
                    return None;
                };
                state.next += 1;
                return Some(Work::Decode(state.next - 1, block));
            }
            if all_executed && unhashed == 0 {
                return None;
            }
            state.waiting += 1;
            state = pool::wait(|| self.changed.wait(state).unwrap_or_else(PoisonError::into_inner));
            state.waiting -= 1;
        }
    }

    /// A block is decoded.
    pub(super) fn decoded(&self, number: u64) {
        let mut state = self.lock();
        state.decoded[self.slot(number)] = true;
        self.tell(&state);
    }

    /// The oldest block is executed, and has so many bytes.
    pub(super) fn executed(&self, len: usize) {
        let mut state = self.lock();
        let slot = self.slot(state.oldest);
        state.decoded[slot] = false;
        state.executing = false;
        state.oldest += 1;
        state.written += len;
        self.tell(&state);
    }

    /// So many more bytes are hashed.
    pub(super) fn hashed(&self, len: usize) {
        let mut state = self.lock();
        state.hashing = false;
        state.hashed += len;
        self.tell(&state);
    }

    /// The frame is given up: libzstd shall decode it.
    pub(super) fn give_up(&self) {
        self.finish(&mut self.lock(), End::Odd);
    }

    /// The call has failed.
    pub(super) fn fail(&self, error: Error) {
        self.finish(&mut self.lock(), End::Failed(error));
    }

    fn finish(&self, state: &mut State<'d>, end: End) {
        state.end.get_or_insert(end);
        self.changed.notify_all();
    }

    fn tell(&self, state: &State<'d>) {
        if state.waiting > 0 {
            self.changed.notify_all();
        }
    }

    /// After all lanes have left: how it ended.
    pub(super) fn into_end(self) -> Result<Checked<Ended>> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        match state.end {
            Some(End::Failed(error)) => Err(error),
            Some(End::Odd) => Ok(Err(Odd)),
            None if state.scan.is_over() && state.oldest == state.next => {
                Ok(Ok(Ended { written: state.written, at: state.scan.at() }))
            }
            None => Ok(Err(Odd)), // a lane was lost
        }
    }
}
