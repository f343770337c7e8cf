//! Waiting tasks of a group: which lane takes which, and who is told that there are some.

use super::queue::Queue;
use super::{Group, Queued, Tasks};
use crate::job::helpers::recruit;
use crate::pool::{most_lanes, Ticket};
use crate::sync::MutexGuard;
use std::sync::atomic::Ordering;

impl<T: Tasks> Group<T> {
    /// Tasks were added to a queue: a thread that sleeps is woken, or a helper sent for.
    #[inline]
    pub(super) fn added(&self, lane: u32, queue: MutexGuard<'_, Queue<Queued<T::Item>>>) {
        self.tell(lane, &queue);
        let has_takers = self.crew.has_takers();
        drop(queue);
        if has_takers {
            self.crew.wake_taker();
        } else if self.lanes.len() > 1 && self.gate.coming() == 0 && !self.gate.is_watched() {
            self.send_for_help();
        }
    }

    /// Whether any task waits, looked at under the locks.
    pub(super) fn any_waiting(&self) -> bool {
        (0..self.lanes.len() as u32).any(|lane| self.queue(lane).len() > 0)
    }

    /// The newest task of the lane's own with this number or more.
    pub(super) fn take_own(&self, lane: u32, mark: usize) -> Option<(Queued<T::Item>, usize)> {
        let mut queue = self.queue(lane);
        let taken = queue.pop(mark)?;
        self.tell(lane, &queue);
        Some(taken)
    }

    /// The oldest task of another lane, and with it some that go to the lane's own queue.
    pub(super) fn take_other(&self, lane: u32) -> Option<(Queued<T::Item>, usize)> {
        let count = self.lanes.len() as u32;
        for other in (1..count).map(|step| (lane + step) % count) {
            // Relaxed: advice; before a thread sleeps it looks under the locks.
            if self.lanes[other as usize].waiting.load(Ordering::Relaxed) == 0 {
                continue;
            }
            let many = self.queue(lane).reserve(Queue::<Queued<T::Item>>::MOST).is_ok();
            let mut more: [Option<Queued<T::Item>>; Queue::<()>::MOST] = [const { None }; Queue::<()>::MOST];
            let mut queue = self.queue(other);
            let mut first = None;
            if many {
                let mut old = queue.take_old();
                first = old.next();
                old.zip(&mut more).for_each(|(task, place)| *place = Some(task));
            } else if let Some(task) = queue.take_oldest() {
                first = Some(task);
            }
            self.tell(other, &queue);
            drop(queue);
            let Some(first) = first else { continue };
            let mut own = self.queue(lane);
            let top = own.top();
            if more[0].is_some() {
                more.into_iter().flatten().for_each(|task| own.push(task));
                self.added(lane, own);
            }
            return Some((first, top));
        }
        None
    }

    fn send_for_help(&self) {
        // SAFETY: a task has not ended, so neither has the call, which keeps its pool.
        let pool = unsafe { self.pool.get() };
        let most = most_lanes().min(self.lanes.len() as u32);
        if self.gate.inside() + 1 < most && pool.has_workers() {
            // The task that calls this keeps the group.
            if let Some(group) = self.own.upgrade() {
                let _ = recruit(pool, &self.gate, self.share, || Ticket::Shared(group));
            }
        }
    }
}
