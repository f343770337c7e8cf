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
#[cfg(all(test, loom))]
mod loom_tests;
mod node;
mod queue;
mod take;
mod wait;

use super::carried::{Carried, TaskHere};
use super::gate::MAX_HELPERS;
use super::helpers::{recruit_more, JobGate, Share};
use crate::error::{Error, ErrorKind, Result};
use crate::os::fork::Process;
use crate::panics::panic_text;
use crate::pool::{
    self, count, most_lanes, Asked, Call, Counter, Help, Pool, PoolRef, Scope, Seat, Ticket, Turn, Visit,
};
use crate::sync::{Mutex, MutexGuard};
use crate::trace::{self, Mark};
use crew::Crew;
use crossbeam_utils::CachePadded;
use node::{end_task, give_back, move_up, Node, NodeRef};
use queue::Queue;
use std::cell::Cell;
use std::ops::ControlFlow;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};

/// Counts that a task takes for its children at once.
const COUNTS: usize = 64;

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
}

/// See the module.
pub(crate) struct Group<T: Tasks> {
    tasks: T,
    /// Lives until the group has ended, and is looked at by threads that work for it.
    cancel: *const AtomicI32,
    lanes: Box<[CachePadded<Lane<T::Item>>]>,
    crew: Crew,
    gate: JobGate,
    share: Share,
    /// No task is begun any more.
    stop: AtomicBool,
    failure: Mutex<Option<Error>>,
    ran: AtomicU64,
    /// The root of the counts.
    root: NodeRef,
    carried: Carried,
    traced: Option<trace::Call>,
    process: Process,
    pool: PoolRef,
}

// SAFETY: the flag and the pool live as long as the group has tasks; nodes are shared by their own rules.
unsafe impl<T: Tasks> Send for Group<T> {}
// SAFETY: as above.
unsafe impl<T: Tasks> Sync for Group<T> {}

/// A lane's waiting tasks.
struct Lane<I> {
    queue: Mutex<Queue<Queued<I>>>,
    /// How many there are. Relaxed: advice for those who look without the lock.
    waiting: AtomicUsize,
}

struct Queued<I> {
    item: I,
    /// Where it is counted.
    parent: NodeRef,
}

// SAFETY: the task's count keeps the node.
unsafe impl<I: Send> Send for Queued<I> {}

/// A task on a thread's stack. Chunks of a loop in the task may spawn on other threads: `node`, `parent` and
/// `counts` are used under the lock of the lane's queue, or by the task's own thread when no loop is left.
pub(super) struct Frame {
    /// The address of its group.
    pub(super) group: *const (),
    pub(super) outer: TaskHere,
    lane: u32,
    /// How many tasks of the group are below it on its stack.
    depth: u32,
    /// See the module.
    mark: usize,
    parent: NodeRef,
    node: Cell<Option<NodeRef>>,
    /// Counts in `node` that no task has yet.
    counts: Cell<usize>,
    /// What its thread runs, as its callbacks see it.
    work: *const (),
}

/// Tasks of a group on a thread, as they see it.
struct Work<'g, T: Tasks> {
    group: &'g Group<T>,
    lane: u32,
    depth: u32,
    number: Cell<u64>,
    mark: Cell<Mark>,
}

impl<T: Tasks> Asked for Work<'_, T> {
    fn is_stopped(&self) -> bool {
        self.group.stopping()
    }

    fn position(&self) -> u64 {
        self.number.get()
    }

    fn identity(&self) -> *const () {
        ptr::from_ref(self).cast()
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
    let node = Node::make().ok_or_else(no_memory)?;
    // SAFETY: just made.
    unsafe { node.as_ref() }.add(1);
    let lane = || Lane { queue: Mutex::new(Queue::new()), waiting: AtomicUsize::new(0) };
    let group = Arc::new(Group {
        tasks,
        cancel: options.cancel.map_or(ptr::null(), ptr::from_ref),
        lanes: (0..lanes).map(|_| CachePadded::new(lane())).collect(),
        crew: Crew::new(lanes),
        gate: JobGate::new(),
        share: if call.is_nested() { Share::None } else { Share::Fair(1) },
        stop: AtomicBool::new(false),
        failure: Mutex::new(None),
        ran: AtomicU64::new(0),
        root: node,
        carried: Carried::from_caller(call.is_nested()),
        traced: trace::begin_call(trace::TASKS),
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
    let left = end_task(group.root, 0);
    debug_assert!(left.is_none());
    let ran = group.ran.load(Ordering::Relaxed);
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

    fn failure(&self) -> MutexGuard<'_, Option<Error>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cold]
    fn fail(&self, error: Error) {
        self.failure().get_or_insert(error);
        self.stop.store(true, Ordering::Relaxed);
    }

    fn queue(&self, lane: u32) -> MutexGuard<'_, Queue<Queued<T::Item>>> {
        self.lanes[lane as usize].queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells how many tasks a queue has; under its lock.
    fn tell(&self, lane: u32, queue: &Queue<Queued<T::Item>>) {
        self.lanes[lane as usize].waiting.store(queue.len(), Ordering::Relaxed);
    }

    /// The frame of the task that the calling thread is in, of the group at this address, which may be gone:
    /// a thread that is in a task of it keeps it.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`].
    fn frame_of(address: *const Self) -> Result<*const Frame> {
        TaskHere::current().find(address.cast()).ok_or_else(|| {
            let text = "the calling thread is not inside a task of this group, or of a loop in one";
            Error::new(ErrorKind::InvalidArgument, text)
        })
    }

    /// Adds a task to the group at this address, from inside a task or a loop in one.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`] after a failure or a cancel; [`ErrorKind::OutOfMemory`];
    /// [`ErrorKind::InvalidArgument`] from elsewhere; [`ErrorKind::Threads`] in a forked child. The task is
    /// not accepted then.
    pub(crate) fn spawn(address: *const Self, item: T::Item) -> Result<()> {
        // SAFETY: the task that the thread is in has not ended, nor has its group.
        let (frame, group) = unsafe { (&*Self::frame_of(address)?, &*address) };
        group.process.check()?;
        if group.stopping() {
            return Err(Error::new(ErrorKind::Cancelled, "the group has failed or is cancelled"));
        }
        let mut queue = group.queue(frame.lane);
        queue.reserve(1)?;
        let node = match frame.node.get() {
            Some(node) => node,
            None => frame.make_node()?,
        };
        if frame.counts.get() == 0 {
            // SAFETY: the task keeps its node.
            unsafe { node.as_ref() }.add(COUNTS);
            frame.counts.set(COUNTS);
        }
        frame.counts.set(frame.counts.get() - 1);
        queue.push(Queued { item, parent: node });
        group.added(frame.lane, queue);
        Ok(())
    }

    /// Gives counts back, and wakes a task that waited for them.
    fn give_back(&self, ended: &mut Ended) {
        if let Some((node, counts)) = ended.0.take() {
            if let Some(sleeping) = give_back(node, counts) {
                self.crew.wake_waiting(sleeping);
            }
        }
    }

    /// Counts a task as ended, later: it is known where the next one is counted, and while that is the same
    /// place nobody can wait for this one alone.
    fn count_ended(&self, ended: &mut Ended, node: NodeRef) {
        match &mut ended.0 {
            Some((same, counts)) if *same == node => *counts += 1,
            other => *other = Some((node, 1)),
        }
    }

    /// Runs a task, or drops it. False: in a forked child.
    fn run_task(
        &self,
        work: &Work<'_, T>,
        scope: &Scope<'_>,
        task: Queued<T::Item>,
        mark: usize,
        ended: &mut Ended,
    ) -> bool {
        if ended.0.is_some_and(|(node, _)| node != task.parent) {
            self.give_back(ended);
        }
        if !self.stopping() {
            return self.run_one(work, scope, task, mark, ended);
        }
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| self.tasks.discard(task.item))) {
            self.fail(panic_error(payload));
        }
        self.count_ended(ended, task.parent);
        self.process.is_current()
    }

    fn run_one(
        &self,
        work: &Work<'_, T>,
        scope: &Scope<'_>,
        task: Queued<T::Item>,
        mark: usize,
        ended: &mut Ended,
    ) -> bool {
        let Queued { item, parent } = task;
        work.number.set(work.number.get() + 1);
        let frame = Frame {
            group: self.address(),
            outer: TaskHere::current(),
            lane: work.lane,
            depth: work.depth,
            mark,
            parent,
            node: Cell::new(None),
            counts: Cell::new(0),
            work: work.identity(),
        };
        let run = || catch_unwind(AssertUnwindSafe(|| self.tasks.run(item, self, work.lane)));
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
        match frame.node.get() {
            None => self.count_ended(ended, parent),
            Some(node) => {
                self.give_back(ended);
                if let Some(sleeping) = end_task(node, frame.counts.get()) {
                    self.crew.wake_waiting(sleeping);
                }
            }
        }
        true
    }
}

impl Frame {
    /// The node of a task that spawns for the first time. Under the lock of the lane's queue.
    #[inline]
    fn make_node(&self) -> Result<NodeRef> {
        crate::memory::check()?; // tasks alone must not use up the reserve
        let no_memory = || Error::new(ErrorKind::OutOfMemory, "the system has no memory for one more task");
        let node = Node::make().ok_or_else(no_memory)?;
        // Only now: after a failure the task is still counted in `self.parent`.
        // SAFETY: just made, and known to this thread alone.
        unsafe { node.as_ref() }.set_parent(move_up(self.parent));
        self.node.set(Some(node));
        Ok(node)
    }
}

impl<T: Tasks> Work<'_, T> {
    #[cold]
    fn trace_task(&self) {
        if let Some(call) = self.group.traced {
            let values = [call.number(), self.number.get() - 1, 0, 0, 0];
            self.mark.set(self.mark.get().end_one(trace::Kind::GroupTask, self.lane, values));
        }
    }
}

fn panic_error(payload: Box<dyn std::any::Any + Send>) -> Error {
    Error::new(ErrorKind::Panic, format!("a task panicked: {}", panic_text(payload)))
}
