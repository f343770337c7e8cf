//! Groups: tasks that make tasks, run by the caller and by helpers.
//!
//! A lane has a queue of waiting tasks. Its thread takes the newest of them, and where there is none the
//! oldest of another lane's. A helper that finds none leaves; a task that is added later sends for another.
//!
//! # Waiting
//! A task that waits runs other tasks of the group on its stack meanwhile, which may wait in turn. What can
//! be taken so that this is bounded, and nobody waits for ever:
//!
//! 1. Each task on a thread's stack has a mark: the number that the next task in its lane's queue had when it
//!    began. The tasks above the mark are its own, or of tasks that ran on top of it.
//! 2. A wait less than `SHALLOW` tasks deep takes any task. A deeper one takes those above its mark only.
//! 3. A helper leaves only when its queue is empty.
//! 4. A wait on a thread that is inside as many calls as there may be takes none. When all threads of the
//!    group sleep, it ends with an error.
//!
//! Suppose that all threads sleep and none has come too deep. Each waits, in the task on top of its stack,
//! for a task below that one. Where this is on another stack, the task on top there began later than the
//! waiting one. Where it is queued, the waiting task may not take it; so it is in another lane's queue, as in
//! its own everything that began later is above its mark. The thread of that lane (3) may not take it either,
//! so it is under the mark of the task on top there, which began after it was queued, and so later than the
//! waiting one. From each sleeping thread we so get to one whose task on top began later, without an end: but
//! there are only so many threads.

mod crew;
mod frame;
mod level;
#[cfg(all(test, loom))]
mod loom_tests;
mod node;
mod nodes;
mod queue;
mod take;
#[cfg(all(test, not(loom)))]
mod tests;
mod wait;

use super::carried::{Carried, TaskHere};
use super::gate::MAX_HELPERS;
use super::helpers::{recruit_more, JobGate, Share};
use crate::error::{Error, ErrorKind, Result};
use crate::os::clock::ThreadClock;
use crate::os::fork::Process;
use crate::panics::panic_text;
use crate::pool::{
    self, count, most_lanes, Asked, Call, Counter, Help, Pool, PoolRef, Scope, Seat, Ticket, Turn, Visit,
};
use crate::sync::{Mutex, MutexGuard};
use crate::trace::{self, Mark};
use crew::Crew;
use crossbeam_utils::CachePadded;
pub(super) use frame::Frame;
use frame::Place;
use level::Level;
use node::{give_back, Node, NodeRef, RUNS};
use nodes::Nodes;
use queue::Queue;
use std::ffi::CStr;
use std::ops::ControlFlow;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, Weak};

/// What the tasks of a group do.
pub(crate) trait Tasks: Send + Sync + Sized + 'static {
    /// A waiting task.
    type Item: Send + Copy;

    /// Runs a task; a break is its failure.
    fn run(&self, item: Self::Item, group: &Group<Self>, lane: u32) -> ControlFlow<i32>;

    /// Takes a task that was accepted and is not begun.
    fn discard(&self, item: Self::Item);
}

/// How a group is bounded and stopped.
pub(crate) struct GroupOptions<'a> {
    pub(crate) max_lanes: u32,
    pub(crate) cancel: Option<&'a AtomicI32>,
    /// What traces call it.
    pub(crate) name: Option<&'a CStr>,
}

/// See the module.
pub(crate) struct Group<T: Tasks> {
    /// Itself, for helpers: a reference to what is in an Arc must not be made into that Arc.
    own: Weak<Self>,
    tasks: T,
    /// Lives until the group has ended, and is looked at by threads that work for it.
    cancel: *const AtomicI32,
    lanes: Box<[Lane<T::Item>]>,
    crew: Crew,
    gate: JobGate,
    share: Share,
    /// No task is begun any more.
    stop: AtomicBool,
    failure: Mutex<Option<Error>>,
    /// The root of the counts.
    root: NodeRef,
    carried: Carried,
    /// Of the caller.
    clock: Option<ThreadClock>,
    traced: Option<trace::Call>,
    process: Process,
    pool: PoolRef,
}

// SAFETY: the flag and the pool live as long as the group has tasks; nodes are shared by their own rules, and
// of a lane's nodes only its thread asks for them.
unsafe impl<T: Tasks> Send for Group<T> {}
// SAFETY: as above.
unsafe impl<T: Tasks> Sync for Group<T> {}

/// What a lane has.
struct Lane<I> {
    /// The waiting tasks.
    queue: Queue<Queued<I>>,
    /// Those of its tasks. For its thread.
    nodes: CachePadded<Nodes>,
    /// Tasks that it has begun. Written by the lane's thread; relaxed: numbers for people and for the
    /// idle-CPU monitor.
    ran: AtomicU64,
}

/// A waiting task.
#[derive(Clone, Copy)]
struct Queued<I> {
    item: I,
    /// Where it is counted.
    parent: NodeRef,
}

// SAFETY: the task's count keeps the node.
unsafe impl<I: Send> Send for Queued<I> {}

/// Tasks of a group on a thread, as they see it.
struct Work<'g, T: Tasks> {
    group: &'g Group<T>,
    lane: &'g Lane<T::Item>,
    place: Place,
    level: Level,
}

impl<T: Tasks> Asked for Work<'_, T> {
    fn is_stopped(&self) -> bool {
        self.group.stopping()
    }

    fn position(&self) -> u64 {
        self.level.number.get()
    }

    fn identity(&self) -> *const () {
        ptr::from_ref(&self.place).cast()
    }
}

/// Counts of tasks that have ended, to be given back at once.
#[derive(Default)]
struct Ended(Option<(NodeRef, usize)>);

/// Runs `root`, and all tasks that are spawned by it and below; returns when all have ended.
///
/// # Errors
/// That of the first task that failed; [`ErrorKind::Cancelled`]; as for a loop before its first chunk.
pub(crate) fn run_group<T: Tasks>(tasks: T, options: &GroupOptions<'_>, root: T::Item) -> Result<()> {
    let call = Call::enter()?;
    let lanes = if call.can_have_help() { call.lanes(options.max_lanes) } else { 1 };
    let no_memory = || Error::new(ErrorKind::OutOfMemory, "the system has no memory for a group");
    let node = Node::make(0, 0).ok_or_else(no_memory)?;
    // SAFETY: just made.
    unsafe { node.as_ref() }.add(1);
    let group = Arc::new_cyclic(|own| Group {
        own: Weak::clone(own),
        tasks,
        cancel: options.cancel.map_or(ptr::null(), ptr::from_ref),
        lanes: (0..lanes).map(|lane| Lane::new(lane, lanes > 1)).collect(),
        crew: Crew::new(lanes),
        gate: JobGate::new(),
        share: if call.is_nested() { Share::None } else { Share::Fair(1) },
        stop: AtomicBool::new(false),
        failure: Mutex::new(None),
        root: node,
        carried: Carried::from_caller(call.is_nested()),
        clock: ThreadClock::own(),
        traced: trace::begin_named(trace::TASKS, options.name),
        process: Process::current(),
        pool: call.pool_ref(),
    });
    group.gate.open(ptr::null(), MAX_HELPERS, false);
    group.work_as_caller(root);
    group.carried.restore_here();
    call.check_thread()?;
    group.process.check()?; // in a forked child helpers are in the parent, and what they hold is lost
    group.gate.close();
    if !group.gate.is_empty() {
        pool::wait(|| group.gate.wait_empty(|| call.pool().has_cpus_to_wait(0)));
    }
    // SAFETY: nothing is left that counts in it, so nothing uses it.
    let left = give_back(group.root, RUNS, |root| unsafe { Node::free(root) });
    debug_assert!(left.is_none());
    let ran = group.ran();
    call.count_job(ran as usize);
    if let Some(traced) = group.traced {
        traced.end(trace::Kind::Group, [ran, 0, u64::from(lanes)]);
    }
    let failure = group.failure().take();
    match failure {
        Some(failure) => Err(failure),
        None if group.stopping() => Err(Error::cancelled()),
        None => Ok(()),
    }
}

impl<T: Tasks> Group<T> {
    fn address(&self) -> *const () {
        ptr::from_ref(self).cast()
    }

    /// Whether no task may begin any more. Relaxed: nothing is read on the strength of it. Asked by threads
    /// that work for a task that has not ended, or by the caller: the flag lives.
    fn stopping(&self) -> bool {
        if self.stop.load(Ordering::Relaxed) {
            return true;
        }
        // SAFETY: null, or see above.
        let set = unsafe { self.cancel.as_ref() }.is_some_and(|flag| flag.load(Ordering::Relaxed) != 0);
        if set {
            self.stop.store(true, Ordering::Relaxed);
        }
        set
    }

    /// How many tasks have run.
    fn ran(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.ran.load(Ordering::Relaxed)).sum()
    }

    fn failure(&self) -> MutexGuard<'_, Option<Error>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cold]
    fn fail(&self, error: Error) {
        self.failure().get_or_insert(error);
        self.stop.store(true, Ordering::Relaxed);
    }

    #[inline]
    fn lane(&self, lane: u32) -> &Lane<T::Item> {
        &self.lanes[lane as usize]
    }

    /// Wakes the task with this node, which has nothing to wait for any more.
    fn wake(&self) -> impl Fn(NodeRef) + '_ {
        |node| self.crew.wake_waiting(node)
    }

    /// Gives counts back, and wakes a task that waited for them.
    fn give_back(&self, lane: &Lane<T::Item>, ended: &mut Ended) {
        if let Some((node, counts)) = ended.0.take() {
            lane.nodes.give_back(node, counts, self.wake());
        }
    }

    /// Counts a task as ended. Where that takes an atomic step it is done later: it is known where the next
    /// one is counted, and while that is the same place nobody can wait for this one alone.
    fn count_ended(&self, lane: &Lane<T::Item>, ended: &mut Ended, place: Option<NodeRef>) {
        let Some(node) = place else { return };
        match &mut ended.0 {
            Some((same, counts)) if *same == node => *counts += 1,
            _ => {
                self.give_back(lane, ended);
                ended.0 = Some((node, 1));
            }
        }
    }

    /// Runs a task, or drops it. False: in a forked child.
    fn run_task(
        &self,
        work: &Work<'_, T>,
        scope: &Scope<'_>,
        task: Queued<T::Item>,
        mark: u64,
        ended: &mut Ended,
    ) -> bool {
        if ended.0.is_some_and(|(node, _)| node != task.parent) {
            self.give_back(work.lane, ended);
        }
        let nodes = &work.lane.nodes;
        nodes.close_ended(Some(task.parent), self.wake());
        if !self.stopping() {
            return self.run_one(work, scope, task, mark, ended);
        }
        // In none of the group's tasks.
        let discard = || catch_unwind(AssertUnwindSafe(|| self.tasks.discard(task.item)));
        if let Err(payload) = work.place.outer.with(discard) {
            self.fail(panic_error(payload));
        }
        self.count_ended(work.lane, ended, ended.put_back(nodes, task.parent));
        self.process.is_current()
    }

    fn run_one(
        &self,
        work: &Work<'_, T>,
        scope: &Scope<'_>,
        task: Queued<T::Item>,
        mark: u64,
        ended: &mut Ended,
    ) -> bool {
        let Queued { item, parent } = task;
        work.level.number.set(work.level.number.get() + 1);
        // Before it has run: the idle-CPU monitor must see that tasks are begun.
        let ran = &work.lane.ran;
        ran.store(ran.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        let frame = Frame::new(&work.place, mark, parent);
        let run = || catch_unwind(AssertUnwindSafe(|| self.tasks.run(item, self, work.place.lane)));
        let outcome = TaskHere::within(&frame, run);
        if !self.process.is_current() {
            return false; // other threads may have held any lock
        }
        if self.traced.is_some() {
            work.trace_task();
        }
        match outcome {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(code)) => {
                self.fail(Error::of_callback(format!("a task returned {code}"), code, scope.take()));
            }
            Err(payload) => self.fail(panic_error(payload)),
        }
        let nodes = &work.lane.nodes;
        let place = match frame.node() {
            None => ended.put_back(nodes, parent),
            Some(node) => nodes.end(node, self.wake()),
        };
        self.count_ended(work.lane, ended, place);
        true
    }
}

impl Ended {
    /// Puts the count of a task back, as `Nodes::put_back`. What is given back later is not looked at before:
    /// another lane may be writing to it.
    #[inline]
    fn put_back(&self, nodes: &Nodes, node: NodeRef) -> Option<NodeRef> {
        match self.0 {
            Some((same, _)) if same == node => Some(node),
            _ => nodes.put_back(node),
        }
    }
}

impl<I: Copy> Lane<I> {
    fn new(lane: u32, shared: bool) -> Self {
        let nodes = CachePadded::new(Nodes::new(lane));
        Self { queue: Queue::new(shared), nodes, ran: AtomicU64::new(0) }
    }
}

impl<T: Tasks> Work<'_, T> {
    #[cold]
    fn trace_task(&self) {
        if let Some(call) = self.group.traced {
            let Level { number, mark, .. } = &self.level;
            let values = [call.number(), number.get() - 1, 0, 0, 0];
            mark.set(mark.get().end_one(trace::Kind::GroupTask, self.place.lane, values));
        }
    }

    /// The calling thread takes tasks on this level, until what is returned is dropped.
    fn trace_lane(&self) -> Option<trace::Lane> {
        let lane = self.group.traced?.begin_lane(trace::Kind::TaskLane, self.place.lane);
        self.level.mark.set(Mark::now(trace::TASKS));
        Some(lane)
    }
}

fn panic_error(payload: Box<dyn std::any::Any + Send>) -> Error {
    Error::new(ErrorKind::Panic, format!("a task panicked: {}", panic_text(payload)))
}
