//! Decoded frames of an archive, kept as long as there is room, and cursors of frames that are too large to
//! be kept.
//!
//! A frame that several threads want is decoded by the first of them; the others wait for that thread. No
//! wait is endless: a thread that decodes waits for no other, and gives up its claim if it fails, by an error
//! or a panic.
#![forbid(unsafe_code)]

use super::cursor::Cursor;
use crate::codec::options::progress::CallProgress;
use crate::error::Result;
use crate::pool::{check_others, wait};
use crate::sync::{Mutex, MutexGuard, QuietCondvar, FLAG_LOOK};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError};

/// The most cursors that are kept: so many readers can go through large frames side by side.
const CURSORS: usize = 4;

/// The content of a frame.
pub(super) type Content = Arc<Vec<u8>>;

/// See the module.
pub(super) struct Cache {
    /// Bytes that all content together may take.
    budget: usize,
    /// Whether the budget is the caller's limit, rather than the default.
    strict: bool,
    state: Mutex<State>,
    changed: QuietCondvar,
}

#[derive(Default)]
struct State {
    frames: HashMap<usize, Slot>,
    /// Frames that are decoded, by when they were used last.
    order: BTreeMap<u64, usize>,
    clock: u64,
    /// Bytes of frames that are decoded or being decoded.
    used: usize,
    /// The cursor that was used last is at the end.
    cursors: Vec<Cursor>,
}

enum Slot {
    /// A thread is decoding the frame.
    Coming,
    There {
        content: Content,
        used: u64,
    },
}

/// What the cache has of a frame.
pub(super) enum Found<'c> {
    There(Content),
    /// Nothing: the finder is to decode the frame.
    Claimed(Claim<'c>),
    /// Nothing, and keeping the frame would exceed the default budget.
    NoRoom,
}

/// Sleeps until something changes, or a call that has a flag is to look at it.
pub(super) fn sleep<'m, T>(
    changed: &QuietCondvar,
    mutex: &'m Mutex<T>,
    state: MutexGuard<'m, T>,
    call: &CallProgress<'_>,
) -> MutexGuard<'m, T> {
    wait(|| if call.has_flag() { changed.wait_timeout(mutex, state, FLAG_LOOK) } else { changed.wait(state) })
}

impl Cache {
    pub(super) fn new(budget: usize, strict: bool) -> Self {
        Self { budget, strict, state: Mutex::default(), changed: QuietCondvar::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a frame of `size` bytes can be kept at all.
    pub(super) fn takes(&self, size: u64) -> bool {
        size <= self.budget as u64
    }

    /// The content of a frame, if it is cached.
    pub(super) fn peek(&self, frame: usize) -> Option<Content> {
        self.lock().there(frame)
    }

    /// The content of a frame of `size` bytes, for which [`Cache::takes`] is true, or the right to decode it.
    /// Waits while another thread decodes the frame, and while the caller's limit leaves no room for it
    /// beside frames being decoded.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled): by a flag of the call, before a wait or in it.
    pub(super) fn find(&self, frame: usize, size: usize, call: &CallProgress<'_>) -> Result<Found<'_>> {
        let mut evicted = Vec::new(); // freed without the lock
        let mut state = self.lock();
        loop {
            if let Some(content) = state.there(frame) {
                return Ok(Found::There(content));
            }
            if !state.frames.contains_key(&frame) {
                if state.make_room(self.budget - size, &mut evicted) {
                    break;
                }
                // Frames that are being decoded take all the room.
                if !self.strict {
                    return Ok(Found::NoRoom);
                }
            }
            if check_others().is_err() {
                return Ok(Found::NoRoom); // whoever was to decode it has ended
            }
            call.check()?;
            state = sleep(&self.changed, &self.state, state, call);
        }
        state.used += size;
        state.frames.insert(frame, Slot::Coming);
        drop(state);
        // The memory of an evicted frame is used again: the system clears fresh memory, in a tenth of the
        // time that decoding takes.
        let fits = |vec: &Vec<u8>| vec.capacity() >= size && vec.capacity() / 2 <= size;
        let mut unused = evicted.into_iter().filter_map(|content| Arc::try_unwrap(content).ok());
        let spare = unused.find(fits).unwrap_or_default();
        Ok(Found::Claimed(Claim { cache: self, frame, size, spare, kept: false }))
    }

    /// A cursor in this frame, at `offset` or before it, if there is one.
    pub(super) fn take_cursor(&self, frame: usize, offset: u64) -> Option<Cursor> {
        let mut state = self.lock();
        let fitting = state.cursors.iter().enumerate();
        let fitting = fitting.filter(|(_, cursor)| cursor.index() == frame && cursor.at() <= offset);
        let (index, _) = fitting.max_by_key(|(_, cursor)| cursor.at())?;
        Some(state.cursors.remove(index))
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
    /// Evicts what was used least recently, until at most `most` bytes are used; false: evicting everything
    /// is not enough.
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

/// The right to decode a frame. If the claim is dropped before `keep`, another thread may decode the frame.
pub(super) struct Claim<'c> {
    cache: &'c Cache,
    frame: usize,
    size: usize,
    /// Memory of an evicted frame.
    spare: Vec<u8>,
    kept: bool,
}

impl Claim<'_> {
    /// Memory for the content: that of an evicted frame, or an empty vector.
    pub(super) fn spare(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.spare)
    }

    /// Keeps the decoded content, whose size is the one that `find` was told.
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
