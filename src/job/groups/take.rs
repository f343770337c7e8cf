//! Waiting tasks of a group: which lane takes which, and who is told that there are some.

use super::queue::Queue;
use super::{Group, Queued, Tasks, Work};
use crate::job::helpers::recruit;
use crate::pool::{most_lanes, Ticket};

/// As many tasks as are taken from another lane at once.
const MOST: usize = Queue::<()>::MOST;

impl<T: Tasks> Group<T> {
    /// Tasks were added to a queue: a thread that sleeps is woken, or a helper sent for.
    #[inline(always)]
    pub(super) fn added(&self) {
        if self.lanes.len() == 1 {
            return; // its thread is awake: it has added them, or is in a loop
        }
        if self.crew.has_takers() {
            self.crew.wake_taker();
        } else if self.gate.coming() == 0 && !self.gate.is_watched() {
            self.send_for_help();
        }
    }

    /// Whether any task waits. A thread that adds one from now on sees what the calling thread wrote before.
    pub(super) fn any_waiting(&self) -> bool {
        self.lanes.iter().any(|lane| lane.queue.has_tasks())
    }

    /// A task that is not above the mark of the one that waits: the newest of the calling thread's lane, or
    /// the oldest of another lane, and with it some that go to the thread's own queue. A wait that has come
    /// deep takes none.
    pub(super) fn take_other(&self, work: &Work<'_, T>) -> Option<(Queued<T::Item>, u64)> {
        if !work.level.is_shallow() {
            return None;
        }
        let own = &work.lane.queue;
        // SAFETY: the lane is the calling thread's.
        if let Some(taken) = unsafe { own.pop(0) } {
            return Some(taken);
        }
        let (lane, count) = (work.place.lane, self.lanes.len() as u32);
        for other in (1..count).map(|step| (lane + step) % count) {
            let from = &self.lane(other).queue;
            // Advice is enough: before a thread sleeps it looks under the locks.
            if !from.may_have_tasks() {
                continue;
            }
            // SAFETY: as above.
            let most = if unsafe { own.reserve(MOST) }.is_ok() { MOST } else { 1 };
            let mut taken: [Option<Queued<T::Item>>; MOST] = [const { None }; MOST];
            let mut free = taken.iter_mut();
            from.take_old(most, |task| _ = free.next().map(|place| *place = Some(task)));
            let mut taken = taken.into_iter().map_while(|task| task);
            let Some(first) = taken.next() else { continue };
            let top = own.top();
            // SAFETY: as above; there is room for all.
            unsafe { own.push(taken) };
            if own.top() > top {
                self.added();
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
