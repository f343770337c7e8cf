//! Decoded frames of an archive, kept as long as there is room, and the cursors of frames that are too large for that.
//!
//! A frame that is wanted by several threads is decoded by the first of them; the others wait for it. They do not wait for ever:
//! whoever decodes waits for nobody, and gives up its claim if it fails, by an error or a panic.
#![forbid(unsafe_code)]

use super::cursor::Cursor;
use crate::sync::{Mutex, MutexGuard, QuietCondvar};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError};

/// The most cursors that are kept: as many readers can go through large frames side by side.
const CURSORS: usize = 4;

/// The content of a frame.
pub(super) type Content = Arc<Vec<u8>>;

/// See the module.
pub(super) struct Cache {
    /// Bytes that all of it may take.
    budget: usize,
    /// Whether that is the caller's limit, rather than a choice of ours.
    strict: bool,
    state: Mutex<State>,
    changed: QuietCondvar,
}

#[derive(Default)]
struct State {
    frames: HashMap<usize, Slot>,
    /// Frames that are there, by when they were used last.
    order: BTreeMap<u64, usize>,
    clock: u64,
    /// Bytes of frames that are there or being decoded.
    used: usize,
    /// The one used last at the end.
    cursors: Vec<Cursor>,
}

enum Slot {
    /// Somebody is decoding it.
    Coming,
    There {
        content: Content,
        used: u64,
    },
}

/// What there is of a frame.
pub(super) enum Found<'c> {
    There(Content),
    /// Nothing: decode it.
    Claimed(Claim<'c>),
    /// Nothing, and no room either, without taking more than is our choice.
    NoRoom,
}

impl Cache {
    pub(super) fn new(budget: usize, strict: bool) -> Self {
        Self { budget, strict, state: Mutex::default(), changed: QuietCondvar::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a frame of so many bytes can be kept at all.
    pub(super) fn takes(&self, size: u64) -> bool {
        size <= self.budget as u64
    }

    /// A frame, if it is there.
    pub(super) fn peek(&self, frame: usize) -> Option<Content> {
        self.lock().there(frame)
    }

    /// A frame of `size` bytes, which [`Cache::takes`], or the right to decode it. Waits while another thread does, and where the
    /// caller's limit leaves no room for both.
    pub(super) fn find(&self, frame: usize, size: usize) -> Found<'_> {
        let mut evicted = Vec::new(); // freed when nobody waits for the lock any more
        let mut state = self.lock();
        loop {
            if let Some(content) = state.there(frame) {
                return Found::There(content);
            }
            if !state.frames.contains_key(&frame) {
                if state.make_room(self.budget - size, &mut evicted) {
                    break;
                }
                // All the room is taken by frames that are being decoded.
                if !self.strict {
                    return Found::NoRoom;
                }
            }
            state = self.changed.wait(state);
        }
        state.used += size;
        state.frames.insert(frame, Slot::Coming);
        drop(state);
        // Fresh memory has to be cleared by the system, which takes a tenth of the time that decoding takes.
        let fits = |vec: &Vec<u8>| vec.capacity() >= size && vec.capacity() / 2 <= size;
        let mut unused = evicted.into_iter().filter_map(|content| Arc::try_unwrap(content).ok());
        let spare = unused.find(fits).unwrap_or_default();
        Found::Claimed(Claim { cache: self, frame, size, spare, kept: false })
    }

    /// A cursor in this frame, at most at `offset`, if there is one.
    pub(super) fn take_cursor(&self, frame: usize, offset: u64) -> Option<Cursor> {
        let mut state = self.lock();
        let fitting = state.cursors.iter().enumerate();
        let fitting = fitting.filter(|(_, cursor)| cursor.index() == frame && cursor.at() <= offset);
        let (place, _) = fitting.max_by_key(|(_, cursor)| cursor.at())?;
        Some(state.cursors.remove(place))
    }

    /// Keeps a cursor for the next read.
    pub(super) fn put_cursor(&self, cursor: Cursor) {
        let mut dropped = Vec::new();
        let mut state = self.lock();
        state.cursors.push(cursor);
        let least = usize::from(!self.strict);
        loop {
            let memory: usize = state.cursors.iter().map(Cursor::size).sum();
            let too_many = state.cursors.len() > CURSORS || state.used + memory > self.budget;
            if !too_many || state.cursors.len() <= least {
                break;
            }
            dropped.push(state.cursors.remove(0));
        }
        drop(state);
        drop(dropped);
    }
}

impl State {
    /// Lets go of what was used least recently, until at most `most` bytes are used; false: there is not enough to let go.
    fn make_room(&mut self, most: usize, evicted: &mut Vec<Content>) -> bool {
        while self.used > most {
            let Some((_, oldest)) = self.order.pop_first() else { return false };
            if let Some(Slot::There { content, .. }) = self.frames.remove(&oldest) {
                self.used -= content.len();
                evicted.push(content);
            }
        }
        true
    }

    fn there(&mut self, frame: usize) -> Option<Content> {
        let Some(Slot::There { content, used }) = self.frames.get_mut(&frame) else { return None };
        let content = Arc::clone(content);
        self.clock += 1;
        let before = std::mem::replace(used, self.clock);
        self.order.remove(&before);
        self.order.insert(self.clock, frame);
        Some(content)
    }
}

/// The right to decode a frame. Dropped before it is kept, somebody else may.
pub(super) struct Claim<'c> {
    cache: &'c Cache,
    frame: usize,
    size: usize,
    /// Memory of a frame that made room.
    spare: Vec<u8>,
    kept: bool,
}

impl Claim<'_> {
    /// Memory for it, or none.
    pub(super) fn spare(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.spare)
    }

    /// Here it is, of the size that was told.
    pub(super) fn keep(mut self, content: Content) {
        self.kept = true;
        let mut state = self.cache.lock();
        state.used = state.used - self.size + content.len();
        state.clock += 1;
        let used = state.clock;
        state.order.insert(used, self.frame);
        state.frames.insert(self.frame, Slot::There { content, used });
        drop(state);
        self.cache.changed.notify_all();
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if !self.kept {
            let mut state = self.cache.lock();
            state.used -= self.size;
            state.frames.remove(&self.frame);
            drop(state);
            self.cache.changed.notify_all();
        }
    }
}
