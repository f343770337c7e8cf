//! Which frame may write where, in a destination that several frames are compressed into at the same time:
//! bookkeeping without memory or locks.
//!
//! ```text
//! | committed | frames being compressed or moved, each in a slot of its own, and gaps |
//! 0           C                                                                capacity
//! ```
//!
//! Frames get their slots in rising order. A slot is as large as the frame can become, and begins at C plus
//! what the frames before it may still need, or later. So a frame that is moved down to C never touches the
//! slot of a later frame. The first gap from there on is taken, so that memory that was used before is used
//! again. A finished frame shrinks its slot to its real size. When all frames before it are committed, it is
//! moved down to C and is committed too.
//!
//! If the lowest frame that is not committed has no slot, no later frame has one: the lowest gets everything
//! from C on.
#![forbid(unsafe_code)]

use super::frame_layout::FrameLayout;
use std::collections::VecDeque;
use std::ops::Range;

/// How many frames may be ahead of the lowest one that is not committed: it bounds the search for a gap.
const RUN_AHEAD: usize = 256;

/// See the module.
pub(crate) struct OutputSlots {
    layout: FrameLayout,
    capacity: usize,
    /// The end of the committed output.
    committed: usize,
    /// The lowest frame that is not committed.
    front: usize,
    /// The slots of the frames from `front` on.
    taken: VecDeque<Slot>,
    /// The front frame is being moved.
    moving: bool,
    /// The lowest frame that failed.
    failed: usize,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    start: usize,
    /// The reserved bytes; once the frame is finished, its real size.
    len: usize,
    finished: bool,
}

/// The answer to a frame that asks for a slot.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// A slot as large as the frame can become.
    Slot(Range<usize>),
    /// All that is left, which may be too little.
    Rest(Range<usize>),
    /// No slot is free: ask again when something has changed.
    Wait,
    /// There will be no slot: a frame before this one has failed.
    Abandoned,
}

impl OutputSlots {
    pub(crate) fn new(layout: FrameLayout, capacity: usize) -> Self {
        Self {
            layout,
            capacity,
            committed: 0,
            front: 0,
            taken: VecDeque::new(),
            moving: false,
            failed: usize::MAX,
        }
    }

    /// A frame asks for its slot.
    pub(crate) fn ask(&mut self, frame: usize) -> Answer {
        if self.failed < frame {
            return Answer::Abandoned;
        }
        if self.front + self.taken.len() != frame || self.taken.len() >= RUN_AHEAD {
            return Answer::Wait;
        }
        let need = self.layout.bound_of(frame);
        if let Some(start) = self.first_fit(need) {
            self.taken.push_back(Slot { start, len: need, finished: false });
            return Answer::Slot(start..start + need);
        }
        if !self.taken.is_empty() {
            return Answer::Wait;
        }
        let rest = self.committed..self.capacity;
        self.taken.push_back(Slot { start: rest.start, len: rest.len(), finished: false });
        Answer::Rest(rest)
    }

    /// The first gap of `need` bytes behind what the frames before may still need.
    fn first_fit(&self, need: usize) -> Option<usize> {
        let floor = self.committed + self.taken.iter().map(|slot| slot.len).sum::<usize>();
        let mut in_use: Vec<(usize, usize)> =
            self.taken.iter().map(|slot| (slot.start, slot.start + slot.len)).collect();
        in_use.sort_unstable();
        let mut start = floor;
        for (begin, end) in in_use {
            if end > start && begin < start.saturating_add(need) {
                start = end;
            }
        }
        (start.checked_add(need)? <= self.capacity).then_some(start)
    }

    /// A frame is finished, with `len` bytes at the start of its slot.
    pub(crate) fn finish(&mut self, frame: usize, len: usize) {
        let slot = &mut self.taken[frame - self.front];
        debug_assert!(len <= slot.len && !slot.finished);
        slot.len = len;
        slot.finished = true;
    }

    /// A frame has failed: this frame and those after it will never be committed.
    pub(crate) fn fail(&mut self, frame: usize) {
        self.failed = self.failed.min(frame);
    }

    /// The next move, from where to where, if the front frame is finished and not being moved yet.
    pub(crate) fn begin_move(&mut self) -> Option<(Range<usize>, usize)> {
        let slot = self.taken.front().filter(|slot| slot.finished && !self.moving)?;
        self.moving = true;
        Some((slot.start..slot.start + slot.len, self.committed))
    }

    /// The move is done, and the front frame is committed; returns its size.
    pub(crate) fn end_move(&mut self) -> usize {
        let slot = self.taken.pop_front().expect("the front frame was being moved");
        self.moving = false;
        self.front += 1;
        self.committed += slot.len;
        slot.len
    }

    /// The end of the committed output.
    pub(crate) fn committed(&self) -> usize {
        self.committed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::options::Options;
    use proptest::prelude::*;

    fn slots(frames: usize, capacity: usize) -> OutputSlots {
        let options = Options { frame_size: 100, ..Options::default() };
        OutputSlots::new(FrameLayout::new(100 * frames, &options).unwrap(), capacity)
    }

    fn commit_all(slots: &mut OutputSlots) {
        while slots.begin_move().is_some() {
            slots.end_move();
        }
    }

    #[test]
    fn the_last_frame_gets_the_rest() {
        let bound = slots(1, 0).layout.bound_of(0);
        let mut slots = slots(3, bound + 10);
        assert_eq!(slots.ask(1), Answer::Wait);
        assert_eq!(slots.ask(0), Answer::Slot(0..bound));
        assert_eq!(slots.ask(1), Answer::Wait);
        slots.finish(0, 30);
        commit_all(&mut slots);
        assert_eq!(slots.ask(1), Answer::Rest(30..bound + 10));
        slots.finish(1, 50);
        commit_all(&mut slots);
        assert_eq!(slots.ask(2), Answer::Rest(80..bound + 10));
        slots.fail(2);
        assert_eq!(slots.ask(3), Answer::Abandoned);
        assert_eq!(slots.committed(), 80);
    }

    #[test]
    fn a_gap_is_used_again() {
        let bound = slots(1, 0).layout.bound_of(0);
        let mut slots = slots(4, 4 * bound);
        assert_eq!(slots.ask(0), Answer::Slot(0..bound));
        assert_eq!(slots.ask(1), Answer::Slot(bound..2 * bound));
        slots.finish(0, 10);
        commit_all(&mut slots);
        slots.finish(1, 10);
        commit_all(&mut slots);
        assert_eq!(slots.ask(2), Answer::Slot(20..20 + bound));
    }

    proptest! {
        /// Frames finish in any order and with any size: no two slots overlap, and no move touches a slot in
        /// use.
        #[test]
        fn slots_are_disjoint(
            extra in 0usize..2000,
            steps in prop::collection::vec((0usize..8, 0usize..100), 1..300),
        ) {
            let frames = 40;
            let mut slots = slots(frames, 100 * 3 + extra);
            let mut working: Vec<(usize, Range<usize>)> = Vec::new();
            let mut next = 0;
            for (pick, size) in steps {
                if next < frames {
                    match slots.ask(next) {
                        Answer::Slot(slot) | Answer::Rest(slot) => {
                            prop_assert!(slot.end <= slots.capacity);
                            for (_, other) in &working {
                                prop_assert!(slot.end <= other.start || other.end <= slot.start);
                            }
                            working.push((next, slot));
                            next += 1;
                            continue;
                        }
                        Answer::Wait => prop_assert!(!working.is_empty()),
                        Answer::Abandoned => unreachable!(),
                    }
                }
                if working.is_empty() {
                    break;
                }
                let (frame, slot) = working.remove(pick % working.len());
                slots.finish(frame, size.min(slot.len()));
                while let Some((from, to)) = slots.begin_move() {
                    let end = to + from.len();
                    prop_assert!(to <= from.start);
                    for (_, other) in &working {
                        prop_assert!(end <= other.start || other.end <= to);
                    }
                    slots.end_move();
                }
            }
        }
    }
}
