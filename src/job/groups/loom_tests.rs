//! Every interleaving of a task that waits while other threads take tasks, spawn, end and sleep.
//!
//! The lanes, the nodes and the crew are the group's own; the loop around them is `Group::take_tasks` without
//! the pool.

use super::crew::{Crew, Wait};
use super::node::{give_back, Node, NodeRef, RUNS};
use super::nodes::Nodes;
use super::queue::Queue;
use crate::sync::model;
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

/// A waiting task: its cell, and how many tasks it spawns, each of which spawns one less.
#[derive(Clone, Copy)]
struct Task {
    cell: usize,
    spawns: usize,
    parent: NodeRef,
}

// SAFETY: as `Queued`.
unsafe impl Send for Task {}

struct Small {
    queues: [Queue<Task>; 2],
    /// Each for one thread; there may be one more thread than lanes.
    nodes: [Nodes; 3],
    crew: Crew,
    /// What all tasks are below.
    root: NodeRef,
    /// Plain memory, so that loom reports a race on what tasks wrote.
    cells: Vec<UnsafeCell<usize>>,
}

// SAFETY: nodes are used as in a group.
unsafe impl Send for Small {}
// SAFETY: as above.
unsafe impl Sync for Small {}

impl Small {
    fn new(cells: usize) -> Arc<Self> {
        Arc::new(Self {
            queues: [Queue::new(true), Queue::new(true)],
            nodes: [0, 1, 2].map(Nodes::new),
            crew: Crew::new(2),
            root: Node::make(0, 0).unwrap(),
            cells: (0..cells).map(|_| UnsafeCell::new(0)).collect(),
        })
    }

    fn spawn(&self, lane: u32, task: Task) {
        let queue = &self.queues[lane as usize];
        // SAFETY: a lane is one thread's.
        unsafe {
            queue.reserve(1).unwrap();
            queue.push([task]);
        }
        if self.crew.has_takers() {
            self.crew.wake_taker();
        }
    }

    fn take(&self, lane: u32) -> Option<Task> {
        // SAFETY: as above.
        let mut taken = unsafe { self.queues[lane as usize].pop(0) }.map(|(task, _)| task);
        if taken.is_none() {
            self.queues[1 - lane as usize].take_old(1, |task| taken = Some(task));
        }
        taken
    }

    fn any_waiting(&self) -> bool {
        self.queues.iter().any(Queue::has_tasks)
    }

    fn wake(&self) -> impl Fn(NodeRef) + '_ {
        |node| self.crew.wake_waiting(node)
    }

    /// A task has ended.
    fn count_ended(&self, lane: u32, place: Option<NodeRef>) {
        if let Some(node) = place {
            self.nodes[lane as usize].give_back(node, 1, self.wake());
        }
    }

    /// The node of a task that begins on the lane, counted in `parent` or above.
    fn begin(&self, lane: u32, parent: NodeRef) -> NodeRef {
        let nodes = &self.nodes[lane as usize];
        let (level, far) = nodes.level_in(parent);
        let node = nodes.make(level).unwrap();
        // SAFETY: kept by the task.
        unsafe { node.as_ref() }.set_parent(nodes.open(node, parent, far, self.wake()));
        node
    }

    /// The same for a task of the root's.
    fn begin_first(&self, lane: u32) -> NodeRef {
        // SAFETY: the root has not ended.
        unsafe { self.root.as_ref() }.add(1);
        self.begin(lane, self.root)
    }

    /// Adds a task below the one with this node, which runs on the lane.
    fn spawn_below(&self, lane: u32, node: NodeRef, cell: usize, spawns: usize) {
        self.nodes[lane as usize].take(node);
        self.spawn(lane, Task { cell, spawns, parent: node });
    }

    /// The task with this node ends.
    fn end(&self, lane: u32, node: NodeRef) {
        self.count_ended(lane, self.nodes[lane as usize].end(node, self.wake()));
    }

    /// The lane's thread has no task.
    fn tell_ended(&self, lane: u32) {
        self.nodes[lane as usize].close_ended(None, self.wake());
    }

    /// A task: it writes, and may spawn another, which is counted in a node of its own.
    fn run(&self, lane: u32, task: Task) {
        let nodes = &self.nodes[lane as usize];
        nodes.close_ended(Some(task.parent), self.wake());
        // SAFETY: each cell has one task; loom checks it.
        self.cells[task.cell].with_mut(|cell| unsafe { *cell += 1 });
        if task.spawns == 0 {
            return self.count_ended(lane, nodes.put_back(task.parent));
        }
        let node = self.begin(lane, task.parent);
        self.spawn_below(lane, node, task.cell + 1, task.spawns - 1);
        self.end(lane, node);
    }

    /// Takes and runs tasks until there are none.
    fn run_all(&self, lane: u32) {
        while let Some(task) = self.take(lane) {
            self.run(lane, task);
        }
        self.tell_ended(lane);
    }

    /// The task with this node waits on the lane; whether it is given up.
    fn wait(&self, lane: u32, node: NodeRef, takes: bool, too_deep: bool) -> bool {
        let nodes = &self.nodes[lane as usize];
        while !nodes.is_done(node) {
            match takes.then(|| self.take(lane)).flatten() {
                Some(task) => self.run(lane, task),
                None => {
                    self.tell_ended(lane);
                    nodes.close(node, self.wake());
                    let wait = Wait { lane, node, takes, too_deep };
                    if self.crew.sleep(&wait, || takes && self.any_waiting()) {
                        return true;
                    }
                }
            }
        }
        false
    }

    /// A helper comes, takes what there is, and leaves.
    fn help(&self) {
        let Some(lane) = self.crew.enter(2) else { return };
        self.run_all(lane);
        self.crew.leave(lane);
    }

    /// All tasks have ended, once each, and what they wrote is visible.
    fn check(&self) {
        for cell in &self.cells {
            // SAFETY: no task is left; loom checks it.
            assert_eq!(cell.with(|cell| unsafe { *cell }), 1, "a task was not run exactly once");
        }
    }

    /// The same, where nobody else works any more.
    fn end_all(&self) {
        // SAFETY: the root has not ended.
        assert_eq!(unsafe { self.root.as_ref() }.counts(), 0, "a count was not given back");
        self.check();
        // SAFETY: nothing is left that counts in it.
        assert!(give_back(self.root, RUNS, |root| unsafe { Node::free(root) }).is_none());
    }
}

/// A task spawns `tasks`, waits and ends; a helper comes at any time.
fn waits_for(tasks: usize, spawns: usize) {
    model(move || {
        let small = Small::new(tasks * (spawns + 1));
        let helper = {
            let small = Arc::clone(&small);
            thread::spawn(move || small.help())
        };
        let node = small.begin_first(0);
        for number in 0..tasks {
            small.spawn_below(0, node, number * (spawns + 1), spawns);
        }
        assert!(!small.wait(0, node, true, false));
        small.check();
        small.end(0, node);
        helper.join().unwrap();
        small.end_all();
    });
}

#[test]
fn loom_a_task_waits_for_two_others() {
    waits_for(2, 0);
}

/// The thread that ends last may not be the one that the waiting task has seen.
#[test]
fn loom_a_task_waits_for_tasks_of_tasks() {
    waits_for(1, 2);
}

/// A task that has slept adds more, and waits again: its node was closed, and is opened again.
#[test]
fn loom_a_task_waits_twice() {
    model(|| {
        let small = Small::new(2);
        let helper = {
            let small = Arc::clone(&small);
            thread::spawn(move || small.help())
        };
        let node = small.begin_first(0);
        small.spawn_below(0, node, 0, 0);
        assert!(!small.wait(0, node, true, false));
        small.spawn_below(0, node, 1, 0);
        assert!(!small.wait(0, node, true, false));
        small.check();
        small.end(0, node);
        helper.join().unwrap();
        small.end_all();
    });
}

/// A task that takes nothing sleeps until the helper has ended all, and what that spawned.
#[test]
fn loom_a_task_sleeps_while_another_spawns_and_ends() {
    model(|| {
        let small = Small::new(2);
        let node = small.begin_first(0);
        small.spawn_below(0, node, 0, 1);
        let helper = {
            let small = Arc::clone(&small);
            thread::spawn(move || small.help())
        };
        // It was begun before it is waited for by a thread that may take nothing.
        assert!(!small.wait(0, node, false, false));
        small.check();
        small.end(0, node);
        helper.join().unwrap();
        small.end_all();
    });
}

/// A wait that has come too deep ends: with success, or given up when no other thread is left that could run
/// the task.
#[test]
fn loom_a_wait_that_is_too_deep_never_hangs() {
    model(|| {
        let small = Small::new(1);
        let node = small.begin_first(0);
        small.spawn_below(0, node, 0, 0);
        let helper = {
            let small = Arc::clone(&small);
            thread::spawn(move || small.help())
        };
        let given_up = small.wait(0, node, false, true);
        helper.join().unwrap();
        small.end(0, node);
        if given_up {
            // The task is left, or the helper came after it was given up.
            small.run_all(0);
        }
        small.tell_ended(0);
        small.end_all();
    });
}

/// Tasks that end at the same time under parents that have ended: each node is freed once, by whoever is
/// last.
#[test]
fn loom_places_move_up_past_ended_parents() {
    model(|| {
        let small = Small::new(6);
        // SAFETY: the root has not ended.
        unsafe { small.root.as_ref() }.add(2);
        let task = |cell| Task { cell, spawns: 2, parent: small.root };
        let (first, second) = (task(0), task(3));
        let helper = {
            let small = Arc::clone(&small);
            thread::spawn(move || {
                small.run(1, second);
                small.run_all(1);
            })
        };
        small.run(0, first);
        small.run_all(0);
        helper.join().unwrap();
        small.end_all();
    });
}

/// A lane's thread and another want the same tasks, and slots of the ring are used again: each task is had
/// once, and what was written before it was added is visible.
#[test]
fn loom_each_task_is_taken_once() {
    model(|| {
        let small = Small::new(4);
        let node = small.begin_first(0);
        let other = {
            let small = Arc::clone(&small);
            thread::spawn(move || {
                let mut taken = Vec::new();
                small.queues[0].take_old(2, |task| taken.push(task));
                taken.into_iter().for_each(|task| small.run(1, task));
            })
        };
        small.spawn_below(0, node, 0, 0);
        small.spawn_below(0, node, 1, 0);
        small.take(0).into_iter().for_each(|task| small.run(0, task));
        small.spawn_below(0, node, 2, 0);
        small.spawn_below(0, node, 3, 0);
        small.end(0, node);
        small.run_all(0);
        other.join().unwrap();
        small.end_all();
    });
}

/// Two others want the tasks of a lane while its thread takes them and adds more: what one of them claims too
/// much is given back, and each task is had once.
#[test]
fn loom_two_others_take_from_a_lane() {
    model(|| {
        let small = Small::new(3);
        let node = small.begin_first(0);
        small.spawn_below(0, node, 0, 0);
        small.spawn_below(0, node, 1, 0);
        let others = [1, 2].map(|lane| {
            let small = Arc::clone(&small);
            thread::spawn(move || small.queues[0].take_old(2, |task| small.run(lane, task)))
        });
        small.take(0).into_iter().for_each(|task| small.run(0, task));
        small.spawn_below(0, node, 2, 0);
        small.end(0, node);
        small.run_all(0);
        others.into_iter().for_each(|other| other.join().unwrap());
        small.end_all();
    });
}

/// Threads of a loop in a task add to its lane, while its thread adds too and another takes.
#[test]
fn loom_a_loop_in_a_task_adds_tasks() {
    model(|| {
        let small = Small::new(2);
        let node = small.begin_first(0);
        let in_loop = {
            let small = Arc::clone(&small);
            // SAFETY: the task keeps its node.
            unsafe { node.as_ref() }.add(1);
            let task = Task { cell: 0, spawns: 0, parent: node };
            thread::spawn(move || small.queues[0].push_from_elsewhere(task).unwrap())
        };
        let other = {
            let small = Arc::clone(&small);
            thread::spawn(move || {
                small.take(1).into_iter().for_each(|task| small.run(1, task));
                small.tell_ended(1);
            })
        };
        small.spawn_below(0, node, 1, 0);
        in_loop.join().unwrap();
        small.end(0, node);
        small.run_all(0);
        other.join().unwrap();
        small.end_all();
    });
}
