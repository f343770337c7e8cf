//! How many tasks below a task have not ended: a tree of counts, of the tasks that have spawned others.
//!
//! A task that spawns gets a node. It counts the tasks that it has spawned and that have not ended with all
//! below, and it lives until its task has ended and the count is 0. Then it counts as one that has ended at
//! its parent, the node of the task that spawned its own: in a loop, not by recursion.
//!
//! What changes the count is an atomic step, but for the thread that has the task's lane: see `nodes`.
//!
//! A task that spawns one task and ends, and so on, would leave a chain of nodes behind. So where many nodes
//! are above a task that makes one, it moves its place up past parents that have ended themselves. At most so
//! many ended nodes are above a node, up to a task that runs, or has ended on a lane that has not told.
//!
//! Orderings. Each count that goes down releases what the task wrote, and the thread that sees the last one
//! acquires all of it: a waiting task, or the thread that goes on to the parent. `parent` is written by the
//! thread that makes the node, and read by others after they have seen that the task has ended, which is
//! released too.

use super::nodes::OwnCounts;
use crate::sync::{AtomicUsize, Ordering};
use std::alloc::{alloc, dealloc, Layout};
use std::cell::Cell;
use std::ptr::NonNull;

/// The task has not ended.
pub(super) const RUNS: usize = 1 << (usize::BITS - 1);
/// Its thread sleeps until the count is 0.
const SLEEPS: usize = RUNS >> 1;

/// The most nodes above one that may all have ended.
const MOST_LEVELS: u8 = if cfg!(loom) { 1 } else { 64 };

/// See the module.
pub(super) struct Node {
    word: AtomicUsize,
    parent: Cell<Option<NodeRef>>,
    /// For the thread of its lane.
    pub(super) own: OwnCounts,
    /// The lane of its task.
    pub(super) lane: u32,
    /// How many nodes above it may have ended.
    level: u8,
}

/// A node that is counted in: it lives until that count is given back.
pub(super) type NodeRef = NonNull<Node>;

impl Node {
    /// Memory for a node; none: the system has none.
    pub(super) fn allocate() -> Option<NodeRef> {
        // SAFETY: the layout is not empty.
        NonNull::new(unsafe { alloc(Layout::new::<Self>()) }.cast())
    }

    /// The node of a task that runs on `lane`, below so many others.
    ///
    /// # Safety
    /// Memory for a node, which nothing uses.
    pub(super) unsafe fn begin(node: NodeRef, lane: u32, level: u8, own: OwnCounts) {
        let word = AtomicUsize::new(RUNS + own.spare());
        // SAFETY: the caller's promise; aligned.
        unsafe { node.write(Self { word, parent: Cell::new(None), own, lane, level }) };
    }

    /// The same, in new memory, without counts for the lane's thread alone; none: there is no memory.
    pub(super) fn make(lane: u32, level: u8) -> Option<NodeRef> {
        let made = Self::allocate()?;
        // SAFETY: new memory.
        unsafe { Self::begin(made, lane, level, OwnCounts::none()) };
        Some(made)
    }

    /// Frees a node that nothing counts in.
    ///
    /// # Safety
    /// Nothing uses it.
    pub(super) unsafe fn free(node: NodeRef) {
        // SAFETY: of `allocate`; the caller's promise that nothing uses it.
        unsafe {
            node.drop_in_place();
            dealloc(node.as_ptr().cast(), Layout::new::<Self>());
        }
    }

    /// Where it is counted, for who knows that the task has ended, or runs it.
    pub(super) fn parent(&self) -> Option<NodeRef> {
        self.parent.get()
    }

    /// Counts the node at `parent`, which has a count for it.
    pub(super) fn set_parent(&self, parent: NodeRef) {
        self.parent.set(Some(parent));
    }

    /// The level of a node below it, and whether its place must move up.
    pub(super) fn level_below(&self) -> (u8, bool) {
        if self.level < MOST_LEVELS {
            (self.level + 1, false)
        } else {
            (0, true)
        }
    }

    /// Counts tasks before they can be found. Relaxed: the thread is counted in itself, so the count is not
    /// 0, and the queue publishes the tasks.
    pub(super) fn add(&self, tasks: usize) {
        self.word.fetch_add(tasks, Ordering::Relaxed);
    }

    /// Tasks and nodes that are counted, and counts that the lane's thread has for more. Acquire: what the
    /// tasks wrote that are not counted any more.
    pub(super) fn counts(&self) -> usize {
        self.word.load(Ordering::Acquire) & !(RUNS | SLEEPS)
    }

    /// The task's thread is about to sleep; false: there is nothing to wait for.
    pub(super) fn begin_sleep(&self) -> bool {
        let before = self.word.fetch_or(SLEEPS, Ordering::AcqRel);
        if before & !(RUNS | SLEEPS) == 0 {
            self.end_sleep();
            return false;
        }
        true
    }

    /// It is awake. Relaxed: nothing is published by it.
    pub(super) fn end_sleep(&self) {
        self.word.fetch_and(!SLEEPS, Ordering::Relaxed);
    }
}

/// Gives counts in a node back, and those of its parents that come to an end by it; `free` gets the nodes
/// that are not used any more. The result is a node whose task sleeps, and need not any more: only its
/// address may be used.
pub(super) fn give_back(mut node: NodeRef, mut counts: usize, free: impl Fn(NodeRef)) -> Option<NodeRef> {
    loop {
        // SAFETY: this count keeps the node.
        let before = unsafe { node.as_ref() }.word.fetch_sub(counts, Ordering::AcqRel);
        match before - counts {
            0 => {}
            rest => return (rest == RUNS | SLEEPS).then_some(node),
        }
        // SAFETY: its task has ended and nothing below it is left, so this thread alone knows it.
        let parent = unsafe { node.as_ref() }.parent.get();
        free(node);
        (node, counts) = (parent?, 1);
    }
}

/// The place of a task that is counted in `parent`, moved up past parents that have ended.
pub(super) fn move_up(mut parent: NodeRef, free: impl Fn(NodeRef)) -> NodeRef {
    loop {
        // SAFETY: the task's count keeps the node.
        let node = unsafe { parent.as_ref() };
        if node.word.load(Ordering::Acquire) & RUNS != 0 {
            return parent;
        }
        // No thread writes to it any more.
        let Some(above) = node.parent.get() else { return parent };
        // SAFETY: the node's own count keeps the one above.
        unsafe { above.as_ref() }.add(1);
        // A task above that sleeps has just been given one more to wait for.
        let woken = give_back(parent, 1, &free);
        debug_assert!(woken.is_none());
        parent = above;
    }
}
