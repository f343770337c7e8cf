//! How many tasks below a task have not ended: a tree of counts, of the tasks that have spawned others.
//!
//! A task that spawns gets a node. It counts the tasks that it has spawned and that have not ended with all
//! below, and it lives until its task has ended and the count is 0. Then it counts as one that has ended at
//! its parent, the node of the task that spawned its own: in a loop, not by recursion.
//!
//! A task that spawns one task and ends, and so on, would leave a chain of nodes behind. So a task that makes
//! a node, or ends, moves its place up past parents that have ended themselves. A chain of ended nodes is
//! then no longer than the number of tasks that ran at the same time.
//!
//! Orderings. Each count that goes down releases what the task wrote, and the thread that sees the last one
//! acquires all of it: a waiting task, or the thread that goes on to the parent. `parent` is written by the
//! task only, and read by others after they have seen that the task has ended, which is released too.

use crate::sync::{AtomicUsize, Ordering};
use std::alloc::{alloc, dealloc, Layout};
use std::cell::Cell;
use std::ptr::NonNull;

/// The task has not ended.
const RUNS: usize = 1 << (usize::BITS - 1);
/// Its thread sleeps until the count is 0.
const SLEEPS: usize = RUNS >> 1;

/// See the module.
pub(super) struct Node {
    word: AtomicUsize,
    parent: Cell<Option<NonNull<Node>>>,
}

/// A node that is counted in: it lives until that count is given back.
pub(super) type NodeRef = NonNull<Node>;

impl Node {
    /// The node of a task that runs, without a parent; none: there is no memory.
    pub(super) fn make() -> Option<NodeRef> {
        // SAFETY: the layout is not empty.
        let made = NonNull::new(unsafe { alloc(Layout::new::<Self>()) }.cast::<Self>())?;
        // SAFETY: memory for a node, aligned.
        unsafe { made.write(Self { word: AtomicUsize::new(RUNS), parent: Cell::new(None) }) };
        Some(made)
    }

    /// Frees a node that nothing counts in.
    ///
    /// # Safety
    /// Nothing uses it.
    pub(super) unsafe fn free(node: NodeRef) {
        // SAFETY: made by `make`; the caller's promise that nothing uses it.
        unsafe {
            node.drop_in_place();
            dealloc(node.as_ptr().cast(), Layout::new::<Self>());
        }
    }

    /// Counts the node at `parent`, which has a count for it. Before the node is shared.
    pub(super) fn set_parent(&self, parent: NodeRef) {
        self.parent.set(Some(parent));
    }

    /// Counts tasks before they can be found. Relaxed: the thread is counted in itself, so the count is not
    /// 0, and the queue publishes the tasks.
    pub(super) fn add(&self, tasks: usize) {
        self.word.fetch_add(tasks, Ordering::Relaxed);
    }

    /// Whether all tasks below have ended; if so, what they wrote is visible.
    pub(super) fn is_done(&self) -> bool {
        self.word.load(Ordering::Acquire) & !(RUNS | SLEEPS) == 0
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

/// Gives counts in a node back, and those of its parents that come to an end by it. The result is a node
/// whose task sleeps, and need not any more: only its address may be used.
pub(super) fn give_back(mut node: NodeRef, mut counts: usize) -> Option<NodeRef> {
    loop {
        // SAFETY: this count keeps the node.
        let before = unsafe { node.as_ref() }.word.fetch_sub(counts, Ordering::AcqRel);
        match before - counts {
            0 => {}
            rest => return (rest == RUNS | SLEEPS).then_some(node),
        }
        // SAFETY: its task has ended and nothing below it is left, so this thread alone knows it.
        let parent = unsafe { node.as_ref() }.parent.get();
        // SAFETY: as above.
        unsafe { Node::free(node) };
        (node, counts) = (parent?, 1);
    }
}

/// The place of a task that is counted in `parent`, moved up past parents that have ended.
pub(super) fn move_up(mut parent: NodeRef) -> NodeRef {
    loop {
        // SAFETY: the task's count keeps the node.
        let node = unsafe { parent.as_ref() };
        if node.word.load(Ordering::Acquire) & RUNS != 0 {
            return parent;
        }
        // No task writes to it any more.
        let Some(above) = node.parent.get() else { return parent };
        // SAFETY: the node's own count keeps the one above.
        unsafe { above.as_ref() }.add(1);
        // A task above that sleeps has just been given one more to wait for.
        let woken = give_back(parent, 1);
        debug_assert!(woken.is_none());
        parent = above;
    }
}

/// A task that has a node ends; `counts` were added and not used. A sleeping task as by `give_back`.
pub(super) fn end_task(node: NodeRef, counts: usize) -> Option<NodeRef> {
    // SAFETY: the task that runs keeps the node.
    let ended = unsafe { node.as_ref() };
    if let Some(parent) = ended.parent.get() {
        ended.parent.set(Some(move_up(parent)));
    }
    give_back(node, RUNS + counts)
}
