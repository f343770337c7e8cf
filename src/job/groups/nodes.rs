//! The nodes of a lane's tasks, in which the lane's thread counts without atomic steps.
//!
//! A node is open while its lane's thread has counts of it to spare. A task that the thread adds takes one of
//! these, and one that ends on this lane puts its count back to them; only what others do with the node is an
//! atomic step. Where the counts of a node are all spare, no task below is left, and nobody else knows the
//! node.
//!
//! Who has the last count elsewhere is not told by that, so the lane's thread must look, or give its spare
//! counts back: it closes the node. Open nodes are in a list, the newest first, and of a node whose task has
//! ended one of these holds: a task that is counted in it, or in a newer node that counts in it, is on the
//! thread's stack; or the thread has not looked for its next task yet. For before it runs a task it closes
//! what has ended, from the newest on, up to the node in which that task is counted, or to that of a task
//! which still runs. When it finds no task of its own it closes all that has ended, and before it sleeps the
//! node that it waits for. So a node's end waits for a thread's attention only where a task below it runs.

use super::node::{give_back, move_up, Node, NodeRef, RUNS};
use std::cell::Cell;

/// Counts that a node has to spare when it is opened.
const SPARE: usize = if cfg!(loom) { 2 } else { 1 << (usize::BITS / 2) };

/// Nodes that a lane keeps for the next tasks. More are seldom made in a row, and memory is given back.
const MOST_KEPT: u32 = 256;

/// What a node is to its lane's thread.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// It has no counts to spare.
    Closed,
    /// Its task runs.
    Runs,
    Ended,
}

/// Counts in a node that its lane's thread has to spare. For that thread.
pub(super) struct OwnCounts {
    state: Cell<State>,
    spare: Cell<usize>,
    /// The next older node in the list that it is in.
    older: Cell<Option<NodeRef>>,
}

impl OwnCounts {
    /// Of a closed node.
    pub(super) fn none() -> Self {
        Self { state: Cell::new(State::Closed), spare: Cell::new(0), older: Cell::new(None) }
    }

    /// How many there are.
    pub(super) fn spare(&self) -> usize {
        self.spare.get()
    }
}

/// See the module. For the lane's thread.
pub(super) struct Nodes {
    lane: u32,
    /// The newest open node.
    newest: Cell<Option<NodeRef>>,
    /// Nodes that are not used.
    kept: Cell<Option<NodeRef>>,
    keeps: Cell<u32>,
}

impl Nodes {
    pub(super) fn new(lane: u32) -> Self {
        Self { lane, newest: Cell::new(None), kept: Cell::new(None), keeps: Cell::new(0) }
    }

    /// What the lane's thread alone may know of a node of its own.
    #[inline]
    fn own<'n>(&self, node: NodeRef) -> Option<&'n Node> {
        // SAFETY: the caller has a count in it, or it is open.
        let node = unsafe { node.as_ref() };
        (node.lane == self.lane).then_some(node)
    }

    /// A node for a task of this lane that runs, not open yet; none: there is no memory.
    #[inline]
    pub(super) fn make(&self, level: u8) -> Option<NodeRef> {
        let node = match self.kept.get() {
            Some(node) => {
                // SAFETY: kept nodes are this thread's alone.
                self.kept.set(unsafe { node.as_ref() }.own.older.get());
                self.keeps.set(self.keeps.get() - 1);
                node
            }
            None => Node::allocate()?,
        };
        let own = OwnCounts::none();
        own.spare.set(SPARE);
        // SAFETY: nothing uses it.
        unsafe { Node::begin(node, self.lane, level, own) };
        Some(node)
    }

    /// Keeps a node that nothing uses, or frees it.
    #[inline]
    pub(super) fn keep(&self, node: NodeRef) {
        if self.keeps.get() == MOST_KEPT {
            // SAFETY: nothing uses it.
            return unsafe { Node::free(node) };
        }
        // SAFETY: as above.
        unsafe { node.as_ref() }.own.older.set(self.kept.replace(Some(node)));
        self.keeps.set(self.keeps.get() + 1);
    }

    /// Puts a node that has just got counts into the list.
    #[inline]
    fn list(&self, node: NodeRef) {
        // SAFETY: the task that runs keeps it.
        let own = unsafe { &node.as_ref().own };
        own.state.set(State::Runs);
        own.older.set(self.newest.replace(Some(node)));
    }

    /// Takes a count for a task that the running task with this node adds.
    #[inline]
    pub(super) fn take(&self, node: NodeRef) {
        // SAFETY: the task that runs keeps it.
        let own = unsafe { &node.as_ref().own };
        if own.spare.get() == 0 {
            self.get_more(node);
        }
        own.spare.set(own.spare.get() - 1);
    }

    #[cold]
    fn get_more(&self, node: NodeRef) {
        // SAFETY: as above.
        let of = unsafe { node.as_ref() };
        of.add(SPARE);
        of.own.spare.set(SPARE);
        if of.own.state.get() == State::Closed {
            self.list(node);
        }
    }

    /// Whether all tasks below the task with this node, which runs on the lane, have ended; if so, what they
    /// wrote is visible.
    pub(super) fn is_done(&self, node: NodeRef) -> bool {
        // SAFETY: the task that runs keeps it. Of a group's own node no lane has counts to spare.
        let node = unsafe { node.as_ref() };
        node.counts() == node.own.spare()
    }

    /// Puts the count of a task that has ended back. The result is a node where that takes an atomic step.
    #[inline]
    pub(super) fn put_back(&self, mut node: NodeRef) -> Option<NodeRef> {
        loop {
            let Some(of) = self.own(node).filter(|of| of.own.state.get() != State::Closed) else {
                return Some(node);
            };
            of.own.spare.set(of.own.spare.get() + 1);
            let ended = of.own.state.get() == State::Ended && self.newest.get() == Some(node);
            if !ended || of.counts() != of.own.spare() {
                return None;
            }
            node = self.drop_newest(node)?;
        }
    }

    /// The newest node, of which all counts are spare, or are now the caller's; its parent.
    #[inline]
    fn drop_newest(&self, node: NodeRef) -> Option<NodeRef> {
        // SAFETY: it is open.
        let of = unsafe { node.as_ref() };
        self.newest.set(of.own.older.get());
        let parent = of.parent();
        self.keep(node);
        parent
    }

    /// The task with this node ends. The result is where one that has ended is still to be counted.
    #[inline]
    pub(super) fn end(&self, node: NodeRef, wake: impl Fn(NodeRef)) -> Option<NodeRef> {
        // SAFETY: the task that runs keeps it.
        let of = unsafe { node.as_ref() };
        if of.own.state.get() == State::Closed {
            self.give_back(node, RUNS, wake);
            return None;
        }
        let newest = self.newest.get() == Some(node);
        debug_assert!(newest);
        of.own.state.set(State::Ended);
        if !newest || of.counts() != of.own.spare() {
            return None;
        }
        self.put_back(self.drop_newest(node)?)
    }

    /// Gives counts back by atomic steps.
    pub(super) fn give_back(&self, node: NodeRef, counts: usize, wake: impl Fn(NodeRef)) {
        if let Some(sleeping) = give_back(node, counts, |free| self.keep(free)) {
            wake(sleeping);
        }
    }

    /// Closes the nodes of tasks that have ended, up to one that still runs, or to `place`.
    #[inline]
    pub(super) fn close_ended(&self, place: Option<NodeRef>, wake: impl Fn(NodeRef)) {
        while let Some(newest) = self.newest.get().filter(|&newest| Some(newest) != place) {
            // SAFETY: it is open.
            if unsafe { newest.as_ref() }.own.state.get() != State::Ended {
                return;
            }
            self.close_newest(newest, &wake);
        }
    }

    /// Closes the node of the innermost task of the lane, which is about to sleep.
    pub(super) fn close(&self, node: NodeRef, wake: impl Fn(NodeRef)) {
        if self.newest.get() == Some(node) {
            self.close_newest(node, wake);
        }
    }

    #[cold]
    fn close_newest(&self, node: NodeRef, wake: impl Fn(NodeRef)) {
        // SAFETY: it is open.
        let own = unsafe { &node.as_ref().own };
        self.newest.set(own.older.get());
        let ended = own.state.replace(State::Closed) == State::Ended;
        self.give_back(node, own.spare.take() + if ended { RUNS } else { 0 }, wake);
    }

    /// The level of the node of a task that is counted in `parent`, and whether its place must move up.
    #[inline]
    pub(super) fn level_in(&self, parent: NodeRef) -> (u8, bool) {
        match self.own(parent) {
            Some(runs) if runs.own.state.get() == State::Runs => (0, false),
            // SAFETY: the task's count keeps it.
            _ => unsafe { parent.as_ref() }.level_below(),
        }
    }

    /// Opens a node of `make`. The result is where it is counted: in `parent`, or above it.
    #[inline]
    pub(super) fn open(&self, node: NodeRef, parent: NodeRef, far: bool, wake: impl Fn(NodeRef)) -> NodeRef {
        let place = self.place(parent, far, wake);
        self.list(node);
        place
    }

    /// The place of a task that is counted in `parent` and runs on this lane. Where it is the last one below
    /// a task that has ended, it takes that one's place; `far`: it moves up as far as it can.
    #[inline]
    fn place(&self, mut parent: NodeRef, far: bool, wake: impl Fn(NodeRef)) -> NodeRef {
        while self.newest.get() == Some(parent) {
            // SAFETY: it is open.
            let of = unsafe { parent.as_ref() };
            if of.own.state.get() != State::Ended || of.counts() != of.own.spare() + 1 {
                break;
            }
            match self.drop_newest(parent) {
                Some(above) => parent = above,
                None => unreachable!("the group's own node is never open"),
            }
        }
        if far {
            self.close_ended(None, wake);
            parent = move_up(parent, |free| self.keep(free));
        }
        parent
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        while let Some(node) = self.kept.take() {
            // SAFETY: kept nodes are this lane's alone.
            unsafe {
                self.kept.set(node.as_ref().own.older.get());
                Node::free(node);
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::iter::successors;

    /// Each task adds one that waits long and the next one, and ends. Few nodes are above each all the same,
    /// and when the others have ended nothing is left.
    #[test]
    fn a_chain_of_tasks_keeps_few_nodes_above() {
        let (nodes, root) = (Nodes::new(0), Node::make(0, 0).unwrap());
        // SAFETY: freed at the end.
        let of_root = unsafe { root.as_ref() };
        of_root.add(1);
        let nobody = |_| panic!("nobody sleeps");
        let (mut parent, mut waiting) = (root, Vec::new());
        for _ in 0..1000 {
            nodes.close_ended(Some(parent), nobody);
            let (level, far) = nodes.level_in(parent);
            let node = nodes.make(level).unwrap();
            // SAFETY: the task that waits long keeps it.
            unsafe { node.as_ref() }.set_parent(nodes.open(node, parent, far, nobody));
            nodes.take(node);
            waiting.push(node);
            nodes.take(node);
            assert!(nodes.end(node, nobody).is_none());
            parent = node;
            // SAFETY: a node keeps those above.
            let above = successors(Some(node), |node| unsafe { node.as_ref() }.parent()).count();
            assert!(above <= 70, "{above} nodes for one task");
        }
        waiting.push(parent);
        for place in waiting.into_iter().rev() {
            nodes.close_ended(Some(place), nobody);
            if let Some(elsewhere) = nodes.put_back(place) {
                nodes.give_back(elsewhere, 1, nobody);
            }
        }
        assert_eq!(of_root.counts(), 0);
        assert!(nodes.newest.get().is_none());
        assert!(give_back(root, RUNS, |root| nodes.keep(root)).is_none());
    }

    /// The last task below others that have ended takes their place, and their nodes are used again.
    #[test]
    fn a_line_of_tasks_uses_two_nodes() {
        let (nodes, root) = (Nodes::new(0), Node::make(0, 0).unwrap());
        // SAFETY: freed at the end.
        unsafe { root.as_ref() }.add(1);
        let nobody = |_| panic!("nobody sleeps");
        let mut parent = root;
        for _ in 0..1000 {
            let (level, far) = nodes.level_in(parent);
            let node = nodes.make(level).unwrap();
            // SAFETY: the next task keeps it.
            unsafe { node.as_ref() }.set_parent(nodes.open(node, parent, far, nobody));
            nodes.take(node);
            assert!(nodes.end(node, nobody).is_none());
            parent = node;
            assert!(nodes.keeps.get() <= 1);
        }
        let place = nodes.put_back(parent);
        assert!(place == Some(root) && nodes.keeps.get() == 2);
        nodes.give_back(root, 1, nobody);
        assert!(give_back(root, RUNS, |root| nodes.keep(root)).is_none());
    }
}
