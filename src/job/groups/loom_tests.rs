//! Every interleaving of a task that waits while other threads take tasks, spawn, end and sleep.
//!
//! The lanes, the nodes and the crew are the group's own; the loop around them is `Group::take_tasks` without
//! the pool.

use super::crew::{Crew, Wait};
use super::node::{end_task, give_back, move_up, Node, NodeRef};
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
    crew: Crew,
    /// Plain memory, so that loom reports a race on what tasks wrote.
    cells: Vec<UnsafeCell<usize>>,
}

impl Small {
    fn new(cells: usize) -> Arc<Self> {
        Arc::new(Self {
            queues: [Queue::new(true), Queue::new(true)],
            crew: Crew::new(2),
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

    fn wake(&self, sleeping: Option<NodeRef>) {
        if let Some(node) = sleeping {
            self.crew.wake_waiting(node);
        }
    }

    /// A task: it writes, and may spawn another, which is counted in a node of its own.
    fn run(&self, lane: u32, task: Task) {
        // SAFETY: each cell has one task; loom checks it.
        self.cells[task.cell].with_mut(|cell| unsafe { *cell += 1 });
        if task.spawns == 0 {
            return self.wake(give_back(task.parent, 1));
        }
        let node = Node::make().unwrap();
        // SAFETY: just made; kept by the task.
        unsafe { node.as_ref() }.set_parent(move_up(task.parent));
        // SAFETY: as above.
        unsafe { node.as_ref() }.add(2);
        self.spawn(lane, Task { cell: task.cell + 1, spawns: task.spawns - 1, parent: node });
        self.wake(end_task(node, 1));
    }

    /// The task with this node waits on the lane; whether it is given up.
    fn wait(&self, lane: u32, node: NodeRef, takes: bool, too_deep: bool) -> bool {
        // SAFETY: the waiting task keeps its node.
        while !unsafe { node.as_ref() }.is_done() {
            match takes.then(|| self.take(lane)).flatten() {
                Some(task) => self.run(lane, task),
                None => {
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
        while let Some(task) = self.take(lane) {
            self.run(lane, task);
        }
        self.crew.leave(lane);
    }

    /// All tasks have ended, once each, and what they wrote is visible.
    fn check(&self) {
        for cell in &self.cells {
            // SAFETY: no task is left; loom checks it.
            assert_eq!(cell.with(|cell| unsafe { *cell }), 1, "a task was not run exactly once");
        }
    }
}

/// The node of a task that runs, and counts so many tasks.
fn node(tasks: usize) -> NodeRef {
    let node = Node::make().unwrap();
    // SAFETY: just made.
    unsafe { node.as_ref() }.add(tasks);
    node
}

/// A task spawns `tasks`, waits and ends; a helper comes at any time.
fn waits_for(tasks: usize, spawns: usize) {
    model(move || {
        let small = Small::new(tasks * (spawns + 1));
        let helper = {
            let small = Arc::clone(&small);
            thread::spawn(move || small.help())
        };
        let node = node(tasks);
        for number in 0..tasks {
            small.spawn(0, Task { cell: number * (spawns + 1), spawns, parent: node });
        }
        assert!(!small.wait(0, node, true, false));
        small.check();
        helper.join().unwrap();
        assert!(end_task(node, 0).is_none());
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

/// A task that takes nothing sleeps until the helper has ended all, and what that spawned.
#[test]
fn loom_a_task_sleeps_while_another_spawns_and_ends() {
    model(|| {
        let small = Small::new(2);
        let node = node(1);
        small.spawn(0, Task { cell: 0, spawns: 1, parent: node });
        let helper = {
            let small = Arc::clone(&small);
            thread::spawn(move || small.help())
        };
        // It was begun before it is waited for by a thread that may take nothing.
        assert!(!small.wait(0, node, false, false));
        small.check();
        helper.join().unwrap();
        assert!(end_task(node, 0).is_none());
    });
}

/// A wait that has come too deep ends: with success, or given up when no other thread is left that could run
/// the task.
#[test]
fn loom_a_wait_that_is_too_deep_never_hangs() {
    model(|| {
        let small = Small::new(1);
        let node = node(1);
        small.spawn(0, Task { cell: 0, spawns: 0, parent: node });
        let helper = {
            let small = Arc::clone(&small);
            thread::spawn(move || small.help())
        };
        let given_up = small.wait(0, node, false, true);
        helper.join().unwrap();
        if given_up {
            // The task is left, or the helper came after it was given up.
            while let Some(task) = small.take(0) {
                small.run(0, task);
            }
        }
        small.check();
        assert!(end_task(node, 0).is_none());
    });
}

/// Tasks that end at the same time under parents that have ended: each node is freed once, by whoever is
/// last.
#[test]
fn loom_places_move_up_past_ended_parents() {
    model(|| {
        let small = Small::new(4);
        let root = node(2);
        let helper = {
            let small = Arc::clone(&small);
            let task = Task { cell: 2, spawns: 1, parent: root };
            thread::spawn(move || {
                small.run(1, task);
                while let Some(task) = small.take(1) {
                    small.run(1, task);
                }
            })
        };
        small.run(0, Task { cell: 0, spawns: 1, parent: root });
        while let Some(task) = small.take(0) {
            small.run(0, task);
        }
        helper.join().unwrap();
        // SAFETY: the root keeps its node.
        assert!(unsafe { root.as_ref() }.is_done());
        small.check();
        assert!(end_task(root, 0).is_none());
    });
}

/// A lane's thread and another want the same tasks, and slots of the ring are used again: each task is had
/// once, and what was written before it was added is visible.
#[test]
fn loom_each_task_is_taken_once() {
    model(|| {
        let small = Small::new(4);
        let root = node(4);
        let other = {
            let small = Arc::clone(&small);
            thread::spawn(move || {
                let mut taken = Vec::new();
                small.queues[0].take_old(2, |task| taken.push(task));
                taken.into_iter().for_each(|task| small.run(1, task));
            })
        };
        let task = |cell| Task { cell, spawns: 0, parent: root };
        small.spawn(0, task(0));
        small.spawn(0, task(1));
        small.take(0).into_iter().for_each(|task| small.run(0, task));
        small.spawn(0, task(2));
        small.spawn(0, task(3));
        while let Some(task) = small.take(0) {
            small.run(0, task);
        }
        other.join().unwrap();
        // SAFETY: the root keeps its node.
        assert!(unsafe { root.as_ref() }.is_done());
        small.check();
        assert!(end_task(root, 0).is_none());
    });
}

/// Two others want the tasks of a lane while its thread takes them and adds more: what one of them claims too
/// much is given back, and each task is had once.
#[test]
fn loom_two_others_take_from_a_lane() {
    model(|| {
        let small = Small::new(3);
        let root = node(3);
        let task = |cell| Task { cell, spawns: 0, parent: root };
        small.spawn(0, task(0));
        small.spawn(0, task(1));
        let others = [1, 2].map(|_| {
            let small = Arc::clone(&small);
            thread::spawn(move || small.queues[0].take_old(2, |task| small.run(1, task)))
        });
        small.take(0).into_iter().for_each(|task| small.run(0, task));
        small.spawn(0, task(2));
        while let Some(task) = small.take(0) {
            small.run(0, task);
        }
        others.into_iter().for_each(|other| other.join().unwrap());
        // SAFETY: the root keeps its node.
        assert!(unsafe { root.as_ref() }.is_done());
        small.check();
        assert!(end_task(root, 0).is_none());
    });
}

/// Threads of a loop in a task add to its lane, while its thread adds too and another takes.
#[test]
fn loom_a_loop_in_a_task_adds_tasks() {
    model(|| {
        let small = Small::new(2);
        let root = node(2);
        let in_loop = {
            let small = Arc::clone(&small);
            let task = Task { cell: 0, spawns: 0, parent: root };
            thread::spawn(move || small.queues[0].push_from_elsewhere(task).unwrap())
        };
        let other = {
            let small = Arc::clone(&small);
            thread::spawn(move || small.take(1).into_iter().for_each(|task| small.run(1, task)))
        };
        small.spawn(0, Task { cell: 1, spawns: 0, parent: root });
        in_loop.join().unwrap();
        while let Some(task) = small.take(0) {
            small.run(0, task);
        }
        other.join().unwrap();
        small.check();
        assert!(end_task(root, 0).is_none());
    });
}
