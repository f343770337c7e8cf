//! Parts of frames that are too large to be kept, for many readers at once: a frame is decoded page by page,
//! by one thread that goes through it, and others that want a page further on wait for that thread to come
//! by, instead of decoding all that is before the page once more. The pages that were decoded last are kept.
//!
//! No wait is endless: who goes through a frame waits for nobody, and others stop waiting where that thread
//! ends, by an error or a panic too.
#![forbid(unsafe_code)]

use super::cache::{sleep, Content};
use super::cursor::Cursor;
use crate::codec::options::progress::CallProgress;
use crate::error::Result;
use crate::pool::check_others;
use crate::sync::{Mutex, MutexGuard, QuietCondvar};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError};

/// The bytes of a page.
pub(super) const PAGE: u64 = 1 << 20;
/// The most bytes of pages that are kept.
const BUDGET: usize = 32 << 20;
/// The most cursors that are kept: so many readers can go through large frames side by side.
const CURSORS: usize = 4;

/// A page of a frame.
type Key = (usize, u64);

/// See the module.
#[derive(Default)]
pub(super) struct Pages {
    state: Mutex<State>,
    changed: QuietCondvar,
}

#[derive(Default)]
struct State {
    kept: HashMap<Key, (Content, u64)>,
    /// By when they were used last.
    order: BTreeMap<u64, Key>,
    clock: u64,
    used: usize,
    /// How many threads wait for a page: it is not evicted.
    wanted: HashMap<Key, usize>,
    /// The threads that go through frames: a number each, the frame, and the page that comes next.
    passing: Vec<(u64, Key)>,
    /// Cursors that nobody uses; the one that was used last is at the end.
    cursors: Vec<Cursor>,
}

/// What there is of a page.
#[expect(clippy::large_enum_variant)] // moved once a pass; a box would be memory that may not be there
pub(super) enum Page<'p> {
    There(Content),
    /// The finder is to go through the frame.
    Pass(Pass<'p>),
}

impl Pages {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A page, or the right to go through the frame up to it. Waits while another thread does.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled): by a flag of the call, before a wait or in it.
    pub(super) fn find(&self, frame: usize, page: u64, call: &CallProgress<'_>) -> Result<Page<'_>> {
        let key = (frame, page);
        let mut state = self.lock();
        loop {
            if let Some(content) = state.there(key) {
                return Ok(Page::There(content));
            }
            let comes = state.passing.iter().any(|(_, next)| next.0 == frame && next.1 <= page);
            if !comes || check_others().is_err() {
                break;
            }
            call.check()?;
            *state.wanted.entry(key).or_default() += 1;
            state = sleep(&self.changed, &self.state, state, call);
            state.unwant(key);
        }
        let fitting = state.cursors.iter().enumerate();
        let fitting = fitting.filter(|(_, cursor)| cursor.index() == frame && cursor.at() <= page * PAGE);
        let best = fitting.max_by_key(|(_, cursor)| cursor.at()).map(|(index, _)| index);
        let cursor = best.map(|index| state.cursors.remove(index));
        state.clock += 1;
        let number = state.clock;
        let next = cursor.as_ref().map_or(0, |cursor| cursor.at().div_ceil(PAGE));
        state.passing.push((number, (frame, next)));
        Ok(Page::Pass(Pass { pages: self, number, frame, cursor, spare: Vec::new() }))
    }
}

impl State {
    fn there(&mut self, key: Key) -> Option<Content> {
        let (content, used) = self.kept.get_mut(&key)?;
        let content = Arc::clone(content);
        self.clock += 1;
        let before = std::mem::replace(used, self.clock);
        self.order.remove(&before);
        self.order.insert(self.clock, key);
        Some(content)
    }

    fn unwant(&mut self, key: Key) {
        if let Some(count) = self.wanted.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                self.wanted.remove(&key);
            }
        }
    }

    /// Keeps a page, and evicts those that were used least recently; returns one of them.
    fn keep(&mut self, key: Key, content: Content) -> Option<Content> {
        self.used += content.len();
        self.clock += 1;
        if let Some((before, used)) = self.kept.insert(key, (content, self.clock)) {
            self.order.remove(&used);
            self.used -= before.len();
        }
        self.order.insert(self.clock, key);
        let mut evicted = None;
        while self.used > BUDGET {
            let wanted = &self.wanted;
            let oldest = self.order.iter().find(|(_, key)| !wanted.contains_key(*key));
            let Some((used, oldest)) = oldest.map(|(used, key)| (*used, *key)) else { break };
            self.order.remove(&used);
            if let Some((content, _)) = self.kept.remove(&oldest) {
                self.used -= content.len();
                evicted = Some(content);
            }
        }
        evicted
    }
}

/// The right to go through a frame; it ends when this is dropped.
pub(super) struct Pass<'p> {
    pages: &'p Pages,
    number: u64,
    frame: usize,
    cursor: Option<Cursor>,
    /// Memory of an evicted page: the system clears fresh memory first.
    spare: Vec<u8>,
}

impl Pass<'_> {
    /// The cursor, at the end of a page; none at the beginning of the frame. It is given back by `put`.
    pub(super) fn cursor(&mut self) -> Option<Cursor> {
        self.cursor.take()
    }

    /// The pass ends without a failure: the cursor may be used by others.
    pub(super) fn put(mut self, cursor: Cursor) {
        self.cursor = Some(cursor).filter(|cursor| !cursor.is_done());
    }

    /// Memory for a page.
    pub(super) fn spare(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.spare)
    }

    /// Whether others wait for this page.
    pub(super) fn is_wanted(&self, page: u64) -> bool {
        self.pages.lock().wanted.contains_key(&(self.frame, page))
    }

    /// The page was passed, and is kept if there is `content`.
    pub(super) fn passed(&mut self, page: u64, content: Option<Content>) {
        let key = (self.frame, page);
        let mut state = self.pages.lock();
        let wakes = state.wanted.contains_key(&key);
        let evicted = content.and_then(|content| state.keep(key, content));
        if let Some((_, next)) = state.passing.iter_mut().find(|(number, _)| *number == self.number) {
            next.1 = page + 1;
        }
        drop(state);
        if let Some(evicted) = evicted.and_then(|content| Arc::try_unwrap(content).ok()) {
            self.spare = evicted;
        }
        if wakes {
            self.pages.changed.notify_all();
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut dropped = None;
        let mut state = self.pages.lock();
        state.passing.retain(|(number, _)| *number != self.number);
        if let Some(cursor) = self.cursor.take() {
            state.cursors.push(cursor);
            if state.cursors.len() > CURSORS {
                dropped = Some(state.cursors.remove(0));
            }
        }
        drop(state);
        drop(dropped);
        self.pages.changed.notify_all();
    }
}
