//! A large frame that several lanes scan together. Each lane takes what is next:
//!
//! ```text
//! the lane that leads:  execute the parts in order -> pieces -> queue
//! every lane:           queue -> callback; cut the next part, decode its blocks
//! ```
//!
//! A lane waits only while another lane has what is next, so a lane that is alone never waits. There are
//! never more pieces in memory than lanes and one, nor more decoded parts than lanes and two.
//!
//! Where anything about the frame is odd, libzstd decodes it from its start, in one lane, as it does where
//! there is one lane only: the verdict is the same.
#![forbid(unsafe_code)]

mod content;
mod cutter;
#[cfg(test)]
mod tests;

pub(super) use content::{Executed, Odd};

use super::{Caller, Failed, Scan};
use crate::codec::archive::{Aligned, Archive};
use crate::codec::context::in_use::InUse;
use crate::codec::format::frame::Frame;
use crate::codec::frame::blocks::carried::Carried;
use crate::codec::frame::blocks::parts::{Executor, Part, MOST_IN_PART};
use crate::codec::frame::blocks::{self, Header, Outside, Slot};
use crate::error::{Error, ErrorKind, Result};
use crate::pool;
use crate::trace::{self, Kind, Mark};
use cutter::{Cut, Cutter};
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Frames of fewer bytes are not worth sharing.
pub(super) const LARGE: u64 = 8 << 20;

/// A part whose blocks are decoded.
struct Decoded {
    blocks: Part<InUse<Slot>>,
    cut: Cut,
}

/// A piece that waits for a lane.
pub(super) struct Ready {
    pub(super) number: u64,
    pub(super) offset: u64,
    pub(super) bytes: Aligned,
}

/// See the module.
pub(super) struct Shared {
    pub(super) frame: usize,
    pub(super) lanes: u32,
    header: Header,
    /// What the frame refers to.
    outside: Option<Outside>,
    cutter: Mutex<Cutter>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The parts from number `executed` on; `None`: under way. Of an error libzstd shall tell.
    parts: VecDeque<Option<Result<Decoded>>>,
    /// The number of parts that were executed.
    executed: u64,
    /// No other part can be cut.
    all_cut: bool,
    pieces: VecDeque<Ready>,
    /// Pieces that are with a lane.
    in_hand: usize,
    /// Memory of pieces that are done with.
    spare: Vec<Aligned>,
    end: Option<End>,
    /// Whether a lane leads, so that what is waited for comes.
    led: bool,
    waiting: u32,
}

/// Why lanes leave.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// The frame is finished, or the next pieces are not wanted yet: the pieces in the queue are called.
    Left,
    /// A lane has failed.
    Failed,
}

/// What a lane does next.
enum Turn {
    Call(Ready),
    Decode,
    Leave,
}

/// The number of the failure of a lane that has left because another one failed.
pub(super) const STOPPED: u64 = u64::MAX;

fn stopped() -> Failed {
    (STOPPED, Error::new(ErrorKind::Internal, "another lane has failed"))
}

impl Shared {
    /// The frame of that number, if it is one for the block decoder.
    pub(super) fn new(archive: &Archive<'_>, frame: usize, lanes: u32) -> Option<Self> {
        let (header, found, outside) = Self::header(archive, frame)?;
        let carried = outside.as_ref().map_or_else(Carried::nothing, Outside::carried);
        Some(Self {
            frame,
            lanes,
            header,
            outside,
            cutter: Mutex::new(Cutter::new(found, archive.extent(frame), carried)),
            state: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    fn header(archive: &Archive<'_>, frame: usize) -> Option<(Header, Frame, Option<Outside>)> {
        // What cannot be read here libzstd's way through the frame tells.
        let found = archive.header(frame).ok()?;
        let outside = match archive.reference(found.dictionary) {
            Some(reference) => Some(Outside::new(reference)?),
            None => None,
        };
        Some((blocks::header_in_stream(&found, outside.as_ref())?, found, outside))
    }

    fn executor(&self) -> Result<Executor> {
        Executor::new(&self.header, MOST_IN_PART, self.outside.clone())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'s>(&'s self, mut state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        state.waiting += 1;
        let mut state = pool::wait(|| self.changed.wait(state).unwrap_or_else(PoisonError::into_inner));
        state.waiting -= 1;
        state
    }

    fn tell(&self, state: &State) {
        if state.waiting > 0 {
            self.changed.notify_all();
        }
    }

    /// The lanes go home.
    fn end(&self, end: End) {
        let mut state = self.lock();
        if state.end != Some(End::Failed) {
            state.end = Some(end);
        }
        self.changed.notify_all();
    }

    /// Whether another part may be decoded.
    fn has_room(&self, state: &State) -> bool {
        !state.all_cut && state.parts.len() < self.lanes as usize + 2
    }

    /// Before lanes come again.
    pub(super) fn open(&self) {
        let mut state = self.lock();
        (state.end, state.led) = (None, false);
    }

    /// Runs `lead`, the walk through the frame, on this lane, and then the pieces that it has left in the
    /// queue.
    pub(super) fn lead<R>(
        &self,
        scan: &Scan<'_>,
        caller: &Caller<'_>,
        lead: impl FnOnce() -> Result<R, Failed>,
    ) -> Result<R, Failed> {
        self.lock().led = true;
        let _guard = Guard(self);
        let result = lead();
        self.end(if result.is_ok() { End::Left } else { End::Failed });
        loop {
            let mut state = self.lock();
            if state.end == Some(End::Failed) {
                return result.and_then(|_| Err(stopped()));
            }
            let Some(ready) = state.pieces.pop_front() else { return result };
            state.in_hand += 1;
            drop(state);
            self.call(scan, caller, ready)?;
        }
    }

    /// Calls and decodes until the lane that leads has left.
    pub(super) fn help(&self, scan: &Scan<'_>, caller: &Caller<'_>) -> Result<(), Failed> {
        let _guard = Guard(self);
        loop {
            match self.turn() {
                Turn::Call(ready) => self.call(scan, caller, ready)?,
                Turn::Decode => self.decode(scan),
                Turn::Leave => return Ok(()),
            }
        }
    }

    fn turn(&self) -> Turn {
        let mut state = self.lock();
        loop {
            if state.end == Some(End::Failed) {
                return Turn::Leave;
            }
            if let Some(ready) = state.pieces.pop_front() {
                state.in_hand += 1;
                return Turn::Call(ready);
            }
            if state.end.is_some() {
                return Turn::Leave;
            }
            if self.has_room(&state) {
                return Turn::Decode;
            }
            if !state.led {
                return Turn::Leave; // the call may have been stopped before
            }
            state = self.wait(state);
        }
    }

    /// Hands out a piece of the queue.
    fn call(&self, scan: &Scan<'_>, caller: &Caller<'_>, ready: Ready) -> Result<(), Failed> {
        let called = scan.call(ready.number, ready.offset, ready.bytes.bytes(), caller);
        let mut state = self.lock();
        state.in_hand -= 1;
        state.spare.push(ready.bytes);
        self.tell(&state);
        drop(state);
        if called.is_err() {
            self.end(End::Failed);
        }
        called
    }

    /// Cuts and decodes the next part, if there is room for one.
    fn decode(&self, scan: &Scan<'_>) {
        let mut cutter = self.cutter.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.lock();
        if !self.has_room(&state) || state.end.is_some() {
            return; // another lane was faster
        }
        // Cut and numbered under one lock, so that the numbers follow the frame.
        let number = state.executed + state.parts.len() as u64;
        state.parts.push_back(None);
        drop(state);
        let cut = cutter.cut(scan.archive, &self.header);
        let all_cut = cut.is_err() || cutter.is_over();
        drop(cutter);
        if all_cut {
            self.lock().all_cut = true;
        }
        let decoded = cut.and_then(|cut| {
            let Some(cut) = cut else { return Err(Error::new(ErrorKind::Internal, "no part is left")) };
            let take = || InUse::<Slot>::take(blocks::SLOT_MEMORY, 0);
            let step = || scan.progress.add(0);
            let mark = Mark::now(trace::CODEC);
            let blocks = Part::decode(&cut.data, &cut.carried, &self.header, cut.count, take, step)?;
            mark.end(Kind::DecodeBlocks, [cut.count as u64, 0, 0, 0, 0]);
            Ok(Decoded { blocks, cut })
        });
        let mut state = self.lock();
        let at = (number - state.executed) as usize; // a part under way is not executed
        state.parts[at] = Some(decoded);
        self.tell(&state);
    }

    /// For the lane that leads: the next part; until it is decoded the lane does what else there is.
    fn next(&self, scan: &Scan<'_>, caller: &Caller<'_>) -> Result<Result<Decoded>, Failed> {
        let mut state = self.lock();
        loop {
            if state.end == Some(End::Failed) {
                return Err(stopped());
            }
            if let Some(Some(_)) = state.parts.front() {
                let part = state.parts.pop_front().flatten();
                state.executed += 1;
                self.tell(&state);
                return Ok(part.unwrap_or_else(|| Err(Error::new(ErrorKind::Internal, "no part"))));
            }
            if state.parts.is_empty() && state.all_cut {
                return Ok(Err(Error::new(ErrorKind::Internal, "no part is left")));
            }
            if self.has_room(&state) {
                drop(state);
                self.decode(scan);
                state = self.lock();
            } else if let Some(ready) = state.pieces.pop_front() {
                state.in_hand += 1;
                drop(state);
                self.call(scan, caller, ready)?;
                state = self.lock();
            } else {
                state = self.wait(state);
            }
        }
    }

    /// For the lane that leads: puts a piece into the queue, once there is room.
    pub(super) fn push(&self, scan: &Scan<'_>, caller: &Caller<'_>, ready: Ready) -> Result<(), Failed> {
        let mut state = self.lock();
        loop {
            if state.end == Some(End::Failed) {
                return Err(stopped());
            }
            if state.pieces.len() + state.in_hand < self.lanes as usize {
                state.pieces.push_back(ready);
                self.tell(&state);
                return Ok(());
            }
            if let Some(first) = state.pieces.pop_front() {
                state.in_hand += 1;
                drop(state);
                self.call(scan, caller, first)?;
                state = self.lock();
            } else {
                state = self.wait(state);
            }
        }
    }

    /// Memory for the next piece.
    fn spare(&self) -> Aligned {
        let mut spare = self.lock().spare.pop().unwrap_or_default();
        spare.set_len(0);
        spare
    }
}

/// Sends the other lanes home if this one panics: they would wait for it.
struct Guard<'s>(&'s Shared);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.end(End::Failed);
        }
    }
}
