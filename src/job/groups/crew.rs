//! The threads of a group: the lanes that are free, and the threads that sleep.

use super::node::{Node, NodeRef};
use crate::sync::{fence_for_loom, AtomicU32, Condvar, Mutex, MutexGuard, Ordering};
use std::sync::PoisonError;

/// See the module.
pub(super) struct Crew {
    state: Mutex<State>,
    /// A condition variable for each lane.
    wakes: Box<[Condvar]>,
    /// Sleepers that any task would wake, and no task has. Counted under the lock, before they look at the
    /// queues for the last time, and read by those who have added tasks: so either the sleeper sees the task
    /// or the other thread the sleeper, as both steps of both are sequentially consistent.
    takers: AtomicU32,
}

struct State {
    /// Lanes without a thread.
    free: Vec<u32>,
    /// Lanes with a thread.
    inside: u32,
    sleepers: Vec<Sleeper>,
}

struct Sleeper {
    lane: u32,
    /// A thread in a wait that has come so deep that it must not run tasks.
    too_deep: bool,
    /// Counted in `takers`.
    takes: bool,
    /// The node of the waiting task; none: the caller's last wait, whose node is the group's.
    node: NodeRef,
    woken: bool,
    /// Nobody is left who could run what it waits for.
    given_up: bool,
}

// SAFETY: of nodes only the addresses are compared, but by the thread whose task has the node.
unsafe impl Send for Sleeper {}

/// What a thread waits for.
pub(super) struct Wait {
    pub(super) lane: u32,
    pub(super) node: NodeRef,
    /// It takes any task.
    pub(super) takes: bool,
    /// It takes none.
    pub(super) too_deep: bool,
}

impl Crew {
    /// `lanes` lanes; the caller has lane 0.
    pub(super) fn new(lanes: u32) -> Self {
        // Room for every lane: a thread that is about to sleep needs no memory.
        let sleepers = Vec::with_capacity(lanes as usize);
        let state = State { free: (1..lanes).rev().collect(), inside: 1, sleepers };
        let wakes = (0..lanes).map(|_| Condvar::new()).collect();
        Self { state: Mutex::new(state), wakes, takers: AtomicU32::new(0) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A lane for a helper, where fewer than `most` threads are inside.
    pub(super) fn enter(&self, most: u32) -> Option<u32> {
        let mut state = self.lock();
        if state.inside >= most {
            return None;
        }
        let lane = state.free.pop()?;
        state.inside += 1;
        Some(lane)
    }

    /// A helper leaves; its queue is empty.
    pub(super) fn leave(&self, lane: u32) {
        let mut state = self.lock();
        state.free.push(lane);
        state.inside -= 1;
        self.wake_if_stuck(&mut state);
    }

    /// Lanes that helpers could have, where `most` threads may be inside.
    pub(super) fn vacancies(&self, most: u32) -> u32 {
        let state = self.lock();
        most.saturating_sub(state.inside).min(state.free.len() as u32)
    }

    /// Whether a task that was added should wake a thread.
    #[inline]
    pub(super) fn has_takers(&self) -> bool {
        self.takers.load(Ordering::SeqCst) > 0
    }

    /// Wakes a thread for a task that was added.
    #[cold]
    pub(super) fn wake_taker(&self) {
        let mut state = self.lock();
        let Some(taker) = state.sleepers.iter_mut().find(|sleeper| sleeper.takes) else { return };
        (taker.takes, taker.woken) = (false, true);
        let lane = taker.lane;
        self.takers.fetch_sub(1, Ordering::Relaxed); // under the lock
        drop(state);
        self.wakes[lane as usize].notify_one();
    }

    /// Wakes the thread that waits for this node, which may be gone.
    #[cold]
    pub(super) fn wake_waiting(&self, node: NodeRef) {
        let mut state = self.lock();
        let Some(sleeper) = state.sleepers.iter_mut().find(|sleeper| sleeper.node == node) else { return };
        sleeper.woken = true;
        let lane = sleeper.lane;
        drop(state);
        self.wakes[lane as usize].notify_one();
    }

    /// Where every thread sleeps, no task is left that a thread may take: of those that come too deep, each
    /// gives up.
    fn wake_if_stuck(&self, state: &mut State) {
        let awake = state.sleepers.iter().filter(|sleeper| sleeper.woken).count();
        if awake > 0 || state.sleepers.len() < state.inside as usize {
            return;
        }
        for sleeper in state.sleepers.iter_mut().filter(|sleeper| sleeper.too_deep) {
            (sleeper.woken, sleeper.given_up) = (true, true);
            self.wakes[sleeper.lane as usize].notify_one();
        }
    }

    /// Sleeps until there is a task to take or nothing to wait for, or for no reason; `may_take` looks at
    /// the queues under their locks. True: what it waits for can never end.
    pub(super) fn sleep(&self, wait: &Wait, may_take: impl FnOnce() -> bool) -> bool {
        let mut state = self.lock();
        if wait.takes {
            self.takers.fetch_add(1, Ordering::SeqCst); // see `takers`
            fence_for_loom();
        }
        // SAFETY: the caller's own task has the node.
        let node: &Node = unsafe { wait.node.as_ref() };
        if may_take() || !node.begin_sleep() {
            if wait.takes {
                self.takers.fetch_sub(1, Ordering::Relaxed);
            }
            return false;
        }
        let Wait { lane, node: waited, takes, too_deep } = *wait;
        state.sleepers.push(Sleeper { lane, too_deep, takes, node: waited, woken: false, given_up: false });
        self.wake_if_stuck(&mut state);
        loop {
            let at = state.sleepers.iter().position(|sleeper| sleeper.lane == lane).unwrap_or_default();
            if state.sleepers[at].woken {
                let sleeper = state.sleepers.swap_remove(at);
                if sleeper.takes {
                    self.takers.fetch_sub(1, Ordering::Relaxed);
                }
                node.end_sleep();
                return sleeper.given_up;
            }
            state = self.wakes[lane as usize].wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
