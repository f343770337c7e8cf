//! What threads do for a group: they take tasks until nothing is left, or what they wait for has ended.

use super::*;
use crate::job::carried::ThreadHere;
use crate::sync::{spin_loop, yield_now};
use crew::Wait;

/// Looks for a task before a thread gives its time slice away, and slices given away before it sleeps or
/// leaves: as at a gate.
#[cfg(not(loom))]
const LOOKS: u32 = 64;
#[cfg(not(loom))]
const YIELDS: u32 = 4;
#[cfg(loom)]
const LOOKS: u32 = 0;
#[cfg(loom)]
const YIELDS: u32 = 0;
/// Turns of spinning between two looks.
const PAUSE: u32 = 16;

/// When a thread has done its part.
#[derive(Clone, Copy)]
enum Until<'a> {
    /// Nothing is left to take, or others need the worker.
    Empty(&'a dyn Fn() -> bool),
    /// All tasks below this node have ended; `mark`: of the task that waits.
    Done { node: NodeRef, mark: u64 },
}

/// How a thread's part ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Over,
    /// Others need the worker.
    MadeRoom,
    /// What is waited for can never end.
    GivenUp,
    /// The process is a forked child.
    Forked,
}

impl<T: Tasks> Group<T> {
    /// The caller's part: the root, and then whatever there is.
    pub(super) fn work_as_caller(&self, root: T::Item) {
        let until = Until::Done { node: self.root, mark: 0 };
        self.work(0, until, Some(Queued { item: root, parent: self.root }));
    }

    /// Takes tasks on the calling thread, which has this lane.
    fn work(&self, lane: u32, until: Until<'_>, first: Option<Queued<T::Item>>) -> Part {
        let (thread, outer) = (ThreadHere::current(), TaskHere::current());
        let place = Place { group: self.address(), lane, thread, outer };
        let lane = self.lane(lane);
        let work = Work { group: self, lane, place, level: Level::new() };
        let mut ended = Ended::default();
        let _traced = work.trace_lane();
        Scope::enter(&work, |scope| {
            if let Some(root) = first {
                // The root is no task that could be dropped.
                let cancelled = self.stopping();
                if cancelled {
                    self.count_ended(lane, &mut ended, Some(root.parent));
                } else if !self.run_one(&work, scope, root, 0, &mut ended) {
                    return Part::Forked;
                }
            }
            self.take_tasks(&work, scope, until, &mut ended)
        })
    }

    fn take_tasks(&self, work: &Work<'_, T>, scope: &Scope<'_>, until: Until<'_>, ended: &mut Ended) -> Part {
        let own = match until {
            Until::Done { mark, .. } => mark,
            Until::Empty(_) => 0,
        };
        loop {
            let made_room = matches!(until, Until::Empty(needs_room) if needs_room());
            // SAFETY: the lane is this thread's.
            let mut taken = unsafe { work.lane.queue.pop(own) };
            if taken.is_none() {
                self.tell_ended(work.lane, ended);
                if made_room {
                    return Part::MadeRoom;
                }
                if self.is_done(work.lane, until) {
                    return Part::Over;
                }
                taken = self.take_other(work);
            }
            let Some((task, mark)) = taken else {
                match self.idle(work, until) {
                    None => {
                        // The next task begins now, and not when this thread began to look for it.
                        let mark = &work.level.mark;
                        mark.set(mark.get().again());
                        continue;
                    }
                    Some(part) => return part,
                }
            };
            if !self.run_task(work, scope, task, mark, ended) {
                return Part::Forked;
            }
        }
    }

    /// There is no task to take: looks for a while, then sleeps, or ends the part.
    fn idle(&self, work: &Work<'_, T>, until: Until<'_>) -> Option<Part> {
        let (lane, shallow) = (work.lane, work.level.is_shallow());
        // SAFETY: this thread works for the group, whose call keeps the pool.
        let pool = unsafe { self.pool.get() };
        // The caller waits for a helper that looks for tasks after the last one has ended.
        let over = || matches!(until, Until::Empty(_)) && !self.gate.is_open();
        let found = || {
            self.is_done(lane, until) || shallow && self.lanes.iter().any(|lane| lane.queue.may_have_tasks())
        };
        for _ in 0..YIELDS {
            for _ in 0..LOOKS {
                if found() {
                    return None;
                }
                if over() {
                    return Some(Part::Over);
                }
                (0..PAUSE).for_each(|_| spin_loop());
            }
            if !pool.has_cpus_to_wait(0) {
                break;
            }
            yield_now();
        }
        match until {
            Until::Empty(_) => Some(Part::Over),
            Until::Done { node, .. } => {
                lane.nodes.close(node, self.wake());
                let wait = Wait { lane: work.place.lane, node, takes: shallow, too_deep: false };
                let given_up = pool::wait(|| self.crew.sleep(&wait, || shallow && self.any_waiting()));
                given_up.then_some(Part::GivenUp)
            }
        }
    }

    /// Waits until all that the calling task of the group at this address has spawned, and all below, has
    /// ended; runs tasks meanwhile.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`] after a failure or a cancel; [`ErrorKind::InvalidArgument`] from elsewhere,
    /// [`ErrorKind::Busy`] from a callback of another call in the task; [`ErrorKind::LimitExceeded`] where
    /// waits are so deep that no thread can run what they wait for; [`ErrorKind::Threads`] in a forked child.
    pub(crate) fn wait(address: *const Self) -> Result<()> {
        // SAFETY: the task that the thread is in has not ended, nor has its group.
        let (frame, group) = unsafe { (&*Self::frame_of(address)?, &*address) };
        group.process.check()?;
        let wait = |scope: &Scope<'_>| match frame.node() {
            // SAFETY: the innermost scope is that of the frame's place.
            Some(node) => unsafe { group.wait_for(scope, frame, node) },
            None => Part::Over,
        };
        match Scope::innermost(ptr::from_ref(frame.place()).cast(), wait) {
            Some(Part::Over | Part::MadeRoom) => {}
            Some(Part::GivenUp) => return Err(too_deep()),
            Some(Part::Forked) => return group.process.check(),
            None => return Err(not_itself()),
        }
        if group.stopping() {
            return Err(Error::new(ErrorKind::Cancelled, "the group has failed or is cancelled"));
        }
        Ok(())
    }

    /// The same for the task of this frame and with this node.
    ///
    /// # Safety
    /// The scope is that of the frame's place.
    unsafe fn wait_for(&self, scope: &Scope<'_>, frame: &Frame, node: NodeRef) -> Part {
        // SAFETY: a place is part of the work whose scope it identifies.
        let work: &Work<'_, T> = unsafe { &*ptr::from_ref(scope.asked()).cast() };
        let done = || work.lane.nodes.is_done(node);
        if done() {
            return Part::Over;
        }
        let take_tasks = || {
            let _traced = work.trace_lane();
            let until = Until::Done { node, mark: frame.mark };
            self.take_tasks(work, scope, until, &mut Ended::default())
        };
        // The thread works for the group already: no scope is entered, and no clock is read.
        let on_top = || scope.set_aside(|| work.level.rise(|| self.carried.with_floats(take_tasks)));
        // SAFETY: this thread is in a task of the group, whose call keeps the pool.
        if let Some(part) = unsafe { self.pool.get() }.nest_here(on_top) {
            return part;
        }
        work.lane.nodes.close(node, self.wake());
        let wait = Wait { lane: work.place.lane, node, takes: false, too_deep: true };
        while !done() {
            if pool::wait(|| self.crew.sleep(&wait, || false)) {
                return Part::GivenUp;
            }
        }
        Part::Over
    }

    /// Whether what the calling thread waits for has ended.
    fn is_done(&self, lane: &Lane<T::Item>, until: Until<'_>) -> bool {
        match until {
            Until::Done { node, .. } => lane.nodes.is_done(node),
            Until::Empty(_) => false,
        }
    }

    /// No task of the lane's own is left to run now: all that has ended is told to those who may wait for it.
    fn tell_ended(&self, lane: &Lane<T::Item>, ended: &mut Ended) {
        self.give_back(lane, ended);
        lane.nodes.close_ended(None, self.wake());
    }
}

#[cold]
fn not_itself() -> Error {
    let text = "a task can wait only by itself, not in a callback of another call that it makes";
    Error::new(ErrorKind::Busy, text)
}

#[cold]
fn too_deep() -> Error {
    let text = "tasks wait in each other so deep that no thread of the group can run what they wait for";
    Error::new(ErrorKind::LimitExceeded, text)
}

impl<T: Tasks> Help for Group<T> {
    fn help(&self, shared: &Arc<dyn Help>, pool: &Pool, turn: Turn) -> Visit {
        if turn.seat.is_none() {
            self.gate.ticket_arrived();
        }
        let mut visit = Visit::Over;
        let mut helped = false;
        // A task that is added while this thread leaves may rely on it: it looks once more when it has left.
        while self.gate.enter_again() {
            let Some(lane) = self.crew.enter(most_lanes()) else {
                self.gate.leave();
                break;
            };
            let vacancies = self.crew.vacancies(most_lanes());
            if vacancies > 0 && self.any_waiting() {
                recruit_more(pool, &self.gate, vacancies, self.share, || Ticket::Shared(Arc::clone(shared)));
            }
            let needs_room = || pool.needs_room(self.gate.coming(), &turn);
            let mut part = Part::Over;
            self.carried.with(|| part = self.work(lane, Until::Empty(&needs_room), None));
            if part == Part::Forked {
                return Visit::Over; // the locks may be held by threads of the parent
            }
            helped = true;
            self.crew.leave(lane);
            self.gate.leave();
            // Of the group only the memory is left, perhaps; no task waits then.
            let more = part == Part::Over && self.any_waiting();
            if part == Part::MadeRoom {
                visit = Visit::Left(Seat { job: 0, lane });
            }
            if !more {
                break;
            }
        }
        if helped && turn.seat.is_none() {
            pool.count_helper();
        } else if !helped {
            count(Counter::LateHelpers, 1);
        }
        visit
    }

    fn has_caller(&self) -> bool {
        true
    }

    fn end_watch(&self) -> bool {
        self.gate.end_watch();
        self.gate.is_open() && self.any_waiting() && self.gate.claim_ticket(1)
    }

    fn keep_watch(&self) -> bool {
        self.gate.end_watch();
        self.gate.is_open() && self.gate.claim_watch()
    }

    fn claimed(&self) -> u64 {
        self.ran() // it only has to change now and then
    }

    fn callers_clock(&self) -> Option<ThreadClock> {
        self.clock
    }
}
