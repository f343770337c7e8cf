//! A task on a thread's stack, and the tasks that it adds.

use super::node::{move_up, Node, NodeRef};
use super::nodes::Nodes;
use super::{Group, Lane, Queued, Tasks};
use crate::error::{Error, ErrorKind, Result};
use crate::job::carried::{TaskHere, ThreadHere};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Where tasks of a group run: a thread that works for it.
pub(super) struct Place {
    /// The address of the group.
    pub(super) group: *const (),
    pub(super) lane: u32,
    pub(super) thread: ThreadHere,
    /// The task that the group's caller is in.
    pub(super) outer: TaskHere,
}

/// A task on a thread's stack. Other threads see it while the task is in a loop, whose chunks may spawn.
pub(in crate::job) struct Frame {
    /// Lives longer than the frame.
    place: *const Place,
    /// See the module.
    pub(super) mark: u64,
    parent: NodeRef,
    /// Null until it has spawned.
    node: AtomicPtr<Node>,
}

impl Frame {
    /// A task of the calling thread.
    #[inline]
    pub(super) fn new(place: &Place, mark: u64, parent: NodeRef) -> Self {
        let node = AtomicPtr::new(ptr::null_mut());
        Self { place, mark, parent, node }
    }

    #[inline]
    pub(super) fn place(&self) -> &Place {
        // SAFETY: see the field.
        unsafe { &*self.place }
    }

    /// The address of its group.
    #[inline]
    pub(in crate::job) fn group(&self) -> *const () {
        self.place().group
    }

    /// The task around it.
    #[inline]
    pub(in crate::job) fn outer(&self) -> TaskHere {
        self.place().outer
    }

    /// The node, if it has spawned. Acquire: another thread may have made the node.
    #[inline]
    pub(super) fn node(&self) -> Option<NodeRef> {
        NodeRef::new(self.node.load(Ordering::Acquire))
    }

    /// The node, made at the first call. `nodes`: those of the lane, for its thread, which comes here from
    /// the task itself; none: any other thread.
    #[inline(always)]
    fn have_node(&self, nodes: Option<&Nodes>, wake: impl Fn(NodeRef)) -> Result<NodeRef> {
        match self.node() {
            Some(node) => Ok(node),
            None => self.make_node(nodes, wake),
        }
    }

    #[inline(never)]
    fn make_node(&self, nodes: Option<&Nodes>, wake: impl Fn(NodeRef)) -> Result<NodeRef> {
        crate::memory::check()?; // tasks alone must not use up the reserve
        let (level, far) = match nodes {
            Some(nodes) => nodes.level_in(self.parent),
            // SAFETY: the task's count keeps it.
            None => unsafe { self.parent.as_ref() }.level_below(),
        };
        let made = match nodes {
            Some(nodes) => nodes.make(level),
            None => Node::make(self.place().lane, level),
        };
        let no_memory = || Error::new(ErrorKind::OutOfMemory, "the system has no memory for one more task");
        let node = made.ok_or_else(no_memory)?;
        // Release: the node. Acquire: that of another thread.
        let (release, acquire) = (Ordering::Release, Ordering::Acquire);
        if let Err(other) = self.node.compare_exchange(ptr::null_mut(), node.as_ptr(), release, acquire) {
            // SAFETY: no other thread has seen it.
            unsafe { Node::free(node) };
            return Ok(NodeRef::new(other).unwrap_or(node));
        }
        // Only now: after a failure the task is still counted in `self.parent`. Nobody asks for the parent
        // before the task has ended, and so the loop that this thread may be in.
        let parent = match nodes {
            Some(nodes) => nodes.open(node, self.parent, far, wake),
            // SAFETY: nothing uses it.
            None if far => move_up(self.parent, |free| unsafe { Node::free(free) }),
            None => self.parent,
        };
        // SAFETY: the task keeps its node.
        unsafe { node.as_ref() }.set_parent(parent);
        Ok(node)
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
        let place = frame.place();
        if !place.thread.is_current() {
            return group.spawn_from_elsewhere(frame, item);
        }
        let Lane { queue, nodes, .. } = group.lane(place.lane);
        // SAFETY: this thread has the lane.
        unsafe { queue.reserve(1)? };
        let node = frame.have_node(Some(nodes), group.wake())?;
        nodes.take(node);
        // SAFETY: as above; there is room.
        unsafe { queue.push([Queued { item, parent: node }]) };
        group.added();
        Ok(())
    }

    /// The same, from a loop in the task.
    #[cold]
    fn spawn_from_elsewhere(&self, frame: &Frame, item: T::Item) -> Result<()> {
        let node = frame.have_node(None, self.wake())?;
        // SAFETY: the task keeps its node.
        unsafe { node.as_ref() }.add(1);
        let queue = &self.lane(frame.place().lane).queue;
        if let Err(error) = queue.push_from_elsewhere(Queued { item, parent: node }) {
            // The task counts in it, too, so it is not the last one.
            super::give_back(node, 1, |_| ());
            return Err(error);
        }
        self.added();
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
