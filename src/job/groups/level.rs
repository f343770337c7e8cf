//! Tasks of a group that run on top of each other on a thread, each but the last one in a wait.
#![forbid(unsafe_code)]

use crate::trace::Mark;
use std::cell::Cell;

/// A wait that has so many tasks of the group below it takes its own tasks only.
const SHALLOW: u32 = 32;

/// The tasks that run one after the other on top of one that waits, or below all waits.
pub(super) struct Level {
    /// Tasks of the group below on the thread's stack.
    depth: Cell<u32>,
    /// Tasks that have begun.
    pub(super) number: Cell<u64>,
    /// The begin of the one that runs.
    pub(super) mark: Cell<Mark>,
}

impl Level {
    /// The lowest.
    pub(super) fn new() -> Self {
        Self { depth: Cell::new(0), number: Cell::new(0), mark: Cell::new(Mark::NONE) }
    }

    /// Any task may be taken.
    pub(super) fn is_shallow(&self) -> bool {
        self.depth.get() < SHALLOW
    }

    /// Runs `work`, which must not unwind, on the next higher one.
    #[inline]
    pub(super) fn rise<R>(&self, work: impl FnOnce() -> R) -> R {
        let Self { depth, number, mark } = self;
        let below = (number.replace(0), mark.replace(Mark::NONE));
        depth.set(depth.get() + 1);
        let result = work();
        depth.set(depth.get() - 1);
        number.set(below.0);
        mark.set(below.1);
        result
    }
}
