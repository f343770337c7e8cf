//! A task on a thread's stack, and the tasks that it adds.

use super::node::{move_up, Node, NodeRef};
use super::{Group, Queued, Tasks};
use crate::error::{Error, ErrorKind, Result};
use crate::job::carried::{TaskHere, ThreadHere};
use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Counts that a task takes for its children at once.
const COUNTS: usize = 64;

/// A task on a thread's stack. Other threads see it while the task is in a loop, whose chunks may spawn.
pub(in crate::job) struct Frame {
    /// The address of its group.
    pub(in crate::job) group: *const (),
    pub(in crate::job) outer: TaskHere,
    pub(super) lane: u32,
    /// How many tasks of the group are below it on its stack.
    pub(super) depth: u32,
    /// See the module.
    pub(super) mark: u64,
    /// What its thread runs, as its callbacks see it.
    pub(super) work: *const (),
    parent: NodeRef,
    thread: ThreadHere,
    /// Null until it has spawned.
    node: AtomicPtr<Node>,
    /// Counts in `node` that no task has yet. For its own thread.
    counts: Cell<usize>,
}

impl Frame {
    /// A task of the calling thread.
    #[inline]
    pub(super) fn new(group: *const (), place: (u32, u32, u64), work: *const (), parent: NodeRef) -> Self {
        let (lane, depth, mark) = place;
        Self {
            group,
            outer: TaskHere::current(),
            lane,
            depth,
            mark,
            work,
            parent,
            thread: ThreadHere::current(),
            node: AtomicPtr::new(ptr::null_mut()),
            counts: Cell::new(0),
        }
    }

    /// The node, if it has spawned. Acquire: another thread may have made the node.
    #[inline]
    pub(super) fn node(&self) -> Option<NodeRef> {
        NodeRef::new(self.node.load(Ordering::Acquire))
    }

    /// Counts that no task has, which are then the caller's. For its own thread.
    #[inline]
    pub(super) fn take_counts(&self) -> usize {
        self.counts.replace(0)
    }

    /// The node, made at the first call; by any thread.
    #[inline]
    fn have_node(&self) -> Result<NodeRef> {
        match self.node() {
            Some(node) => Ok(node),
            None => self.make_node(),
        }
    }

    fn make_node(&self) -> Result<NodeRef> {
        crate::memory::check()?; // tasks alone must not use up the reserve
        let no_memory = || Error::new(ErrorKind::OutOfMemory, "the system has no memory for one more task");
        let node = Node::make().ok_or_else(no_memory)?;
        // Release: the node. Acquire: that of another thread.
        let (release, acquire) = (Ordering::Release, Ordering::Acquire);
        match self.node.compare_exchange(ptr::null_mut(), node.as_ptr(), release, acquire) {
            Ok(_) => {
                // Only now: after a failure the task is still counted in `self.parent`. Nobody asks for the
                // parent before the task has ended, and so the loop that this thread may be in.
                // SAFETY: the task keeps its node.
                unsafe { node.as_ref() }.set_parent(move_up(self.parent));
                Ok(node)
            }
            Err(other) => {
                // SAFETY: no other thread has seen it.
                unsafe { Node::free(node) };
                Ok(NodeRef::new(other).unwrap_or(node))
            }
        }
    }
}

impl<T: Tasks> Group<T> {
    /// The frame of the task that the calling thread is in, of the group at this address, which may be gone:
    /// a thread that is in a task of it keeps it.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`].
    #[inline]
    pub(super) fn frame_of(address: *const Self) -> Result<*const Frame> {
        TaskHere::current().find(address.cast()).ok_or_else(not_inside)
    }

    /// Adds a task to the group at this address, from inside a task or a loop in one.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`] after a failure or a cancel; [`ErrorKind::OutOfMemory`];
    /// [`ErrorKind::InvalidArgument`] from elsewhere; [`ErrorKind::Threads`] in a forked child. The task is
    /// not accepted then.
    #[inline]
    pub(crate) fn spawn(address: *const Self, item: T::Item) -> Result<()> {
        // SAFETY: the task that the thread is in has not ended, nor has its group.
        let (frame, group) = unsafe { (&*Self::frame_of(address)?, &*address) };
        group.process.check()?;
        if group.stopping() {
            return Err(stopped());
        }
        let queue = group.queue(frame.lane);
        if !frame.thread.is_current() {
            let node = frame.have_node()?;
            // SAFETY: the task keeps its node.
            unsafe { node.as_ref() }.add(1);
            if let Err(error) = queue.push_from_elsewhere(Queued { item, parent: node }) {
                // The task counts in it, too, so it is not the last one.
                super::give_back(node, 1);
                return Err(error);
            }
        } else {
            // SAFETY: this thread has the lane.
            unsafe { queue.reserve(1)? };
            let node = frame.have_node()?;
            if frame.counts.get() == 0 {
                // SAFETY: the task keeps its node.
                unsafe { node.as_ref() }.add(COUNTS);
                frame.counts.set(COUNTS);
            }
            frame.counts.set(frame.counts.get() - 1);
            // SAFETY: as above; there is room.
            unsafe { queue.push([Queued { item, parent: node }]) };
        }
        group.added();
        Ok(())
    }
}

#[cold]
fn stopped() -> Error {
    Error::new(ErrorKind::Cancelled, "the group has failed or is cancelled")
}

#[cold]
fn not_inside() -> Error {
    let text = "the calling thread is not inside a task of this group, or of a loop in one";
    Error::new(ErrorKind::InvalidArgument, text)
}
