//! The waiting tasks of a lane: its own thread takes the newest, others take the oldest.
#![forbid(unsafe_code)]

use crate::error::{Error, ErrorKind, Result};
use std::collections::VecDeque;

/// The most tasks that one look takes from another lane.
const MOST_TAKEN: usize = 32;
/// Room is made for so many tasks at once, and for a quarter of those that wait.
const ROOM: usize = 64;

/// See the module. `Q` is a task.
pub(super) struct Queue<Q> {
    tasks: VecDeque<Q>,
    /// Tasks that were taken from the old end: tasks are numbered by the places that they have ever had.
    taken: usize,
}

impl<Q> Queue<Q> {
    pub(super) fn new() -> Self {
        Self { tasks: VecDeque::new(), taken: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// The number that the next task will have: what is added from now on has at least this, as long as the
    /// lane's own thread takes no task with a lower number.
    pub(super) fn top(&self) -> usize {
        self.taken + self.tasks.len()
    }

    /// Makes room for `more` tasks.
    pub(super) fn reserve(&mut self, more: usize) -> Result<()> {
        if self.tasks.capacity() - self.tasks.len() >= more {
            return Ok(());
        }
        crate::memory::check()?; // tasks alone must not use up the reserve
        let room = more.max(ROOM).max(self.tasks.len() / 4);
        // A static text takes no memory.
        let failed = || Error::new(ErrorKind::OutOfMemory, "the system has no memory for one more task");
        self.tasks.try_reserve_exact(room).map_err(|_| failed())
    }

    /// Adds a task, for which there is room.
    pub(super) fn push(&mut self, task: Q) {
        self.tasks.push_back(task);
    }

    /// The newest task, if its number is `mark` or more; with its number.
    pub(super) fn pop(&mut self, mark: usize) -> Option<(Q, usize)> {
        if self.top() <= mark {
            return None;
        }
        let task = self.tasks.pop_back()?;
        Some((task, self.top()))
    }

    /// The older half of the tasks, up to a number.
    pub(super) fn take_old(&mut self) -> impl Iterator<Item = Q> + '_ {
        let count = self.tasks.len().div_ceil(2).min(MOST_TAKEN);
        self.taken += count;
        self.tasks.drain(..count)
    }

    /// The oldest task.
    pub(super) fn take_oldest(&mut self) -> Option<Q> {
        let task = self.tasks.pop_front()?;
        self.taken += 1;
        Some(task)
    }

    /// As many as `take_old` takes at the most.
    pub(super) const MOST: usize = MOST_TAKEN;
}
