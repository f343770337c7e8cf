//! Pipelines: tasks that one owner submits one after the other, several threads run, and whose results the
//! owner takes in order. Streams are built on them.
//!
//! The owner works too: it never sleeps while a task can be begun, so a pipeline can always be finished by
//! its owner alone. Helpers are sent one by one, as tasks come. A helper that finds nothing to do leaves, and
//! the next submitted task sends another. Helpers share the pipeline's state with the owner, so they may come
//! late.
//!
//! A chained task is begun only when the chained task before it is done. Chains are for work that goes on
//! from task to task, such as one long frame; tasks before and after the chain still run in parallel.
#![forbid(unsafe_code)]

use crate::error::{Error, ErrorKind, Result};
use crate::os::fork::Process;
use crate::panics::panic_text;
use crate::pool::{check_others, count, most_lanes, spend, wait, Call, Counter, Pool, Spent, Ticket, Turn};
use crate::sync::{Mutex, MutexGuard, QuietCondvar};
use crate::trace::{self, Mark};
use std::collections::VecDeque;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// How often a waiting owner checks its cancel flag.
const LOOK: Duration = Duration::from_millis(20);

/// The work on each task.
pub(crate) trait Stage: Send + Sync + 'static {
    /// A task. It owns its data.
    type Input: Send + 'static;
    /// The result of a task.
    type Output: Send + 'static;

    /// Runs one task. It should give up soon once `cancel` is not zero, and must not wait for another task.
    fn run(&self, input: Self::Input, cancel: &AtomicI32) -> Result<Self::Output>;
}

/// See the module.
pub(crate) struct Pipeline<S: Stage> {
    shared: Arc<Shared<S>>,
    /// Tasks submitted so far, and results taken so far.
    submitted: u64,
    taken: u64,
    process: Process,
}

struct Shared<S: Stage> {
    stage: S,
    state: Mutex<State<S>>,
    /// A task is done, or a helper has left.
    changed: QuietCondvar,
    /// Non-zero: the owner has dropped the pipeline.
    gone: AtomicI32,
    most_helpers: u32,
}

struct State<S: Stage> {
    /// The tasks in flight, the oldest first.
    slots: VecDeque<Slot<S>>,
    /// The number of the oldest task, counted from the first one ever.
    first: u64,
    /// How many of the tasks in flight are begun; tasks are begun in order.
    begun: usize,
    /// Whether a chained task is running.
    chained: bool,
    /// The lowest task that failed: no task after it is begun.
    failed: u64,
    /// Helpers that are sent or working.
    helpers: u32,
    /// Whether a helper has been sent that has not arrived yet.
    on_the_way: bool,
}

enum Slot<S: Stage> {
    Waiting { input: S::Input, chained: bool },
    Running,
    Done(Result<S::Output>),
}

/// A task that has been begun.
struct Begun<S: Stage> {
    number: u64,
    input: S::Input,
    chained: bool,
}

impl<S: Stage> State<S> {
    fn waiting(&self) -> usize {
        self.slots.len() - self.begun
    }

    /// Whether a thread that comes now could begin a task.
    fn can_begin(&self) -> bool {
        self.first + self.begun as u64 <= self.failed
            && match self.slots.get(self.begun) {
                Some(Slot::Waiting { chained, .. }) => !(*chained && self.chained),
                _ => false,
            }
    }

    fn begin(&mut self) -> Option<Begun<S>> {
        if !self.can_begin() {
            return None;
        }
        let slot = &mut self.slots[self.begun];
        let Slot::Waiting { input, chained } = std::mem::replace(slot, Slot::Running) else { return None };
        self.begun += 1;
        self.chained |= chained;
        Some(Begun { number: self.first + self.begun as u64 - 1, input, chained })
    }

    fn end(&mut self, number: u64, chained: bool, result: Result<S::Output>) {
        if chained {
            self.chained = false;
        }
        if result.is_err() {
            self.failed = self.failed.min(number);
        }
        // A task that the owner has dropped meanwhile has no slot any more.
        if let Some(slot) = number.checked_sub(self.first).and_then(|at| self.slots.get_mut(at as usize)) {
            *slot = Slot::Done(result);
        }
    }

    fn take_done(&mut self) -> Option<Result<S::Output>> {
        let Slot::Done(_) = self.slots.front()? else { return None };
        let Some(Slot::Done(result)) = self.slots.pop_front() else { return None };
        self.first += 1;
        self.begun -= 1;
        Some(result)
    }
}

impl<S: Stage> Pipeline<S> {
    /// A pipeline that at most `lanes` threads work for at the same time, the owner included. No thread is
    /// started.
    pub(crate) fn new(stage: S, lanes: u32) -> Self {
        let state = State {
            slots: VecDeque::new(),
            first: 0,
            begun: 0,
            chained: false,
            failed: u64::MAX,
            helpers: 0,
            on_the_way: false,
        };
        let shared = Shared {
            stage,
            state: Mutex::new(state),
            changed: QuietCondvar::default(),
            gone: AtomicI32::new(0),
            most_helpers: lanes.saturating_sub(1),
        };
        Self { shared: Arc::new(shared), submitted: 0, taken: 0, process: Process::current() }
    }

    /// The stage that was given to `new`.
    pub(crate) fn stage(&self) -> &S {
        &self.shared.stage
    }

    /// Tasks whose results are not taken yet.
    pub(crate) fn in_flight(&self) -> usize {
        (self.submitted - self.taken) as usize
    }

    /// Adds a task. Never blocks, except to start the pool.
    pub(crate) fn submit(&mut self, input: S::Input, chained: bool) -> Result<()> {
        self.check_process()?;
        self.shared.lock().slots.push_back(Slot::Waiting { input, chained });
        self.submitted += 1;
        // The first task alone is run by the owner, without a pool.
        if self.submitted > 1 && self.shared.most_helpers > 0 {
            let call = Call::enter()?;
            if call.can_have_help() {
                recruit(&self.shared, call.pool());
            }
        }
        Ok(())
    }

    /// The oldest task's result, if the task is done.
    pub(crate) fn try_next(&mut self) -> Result<Option<S::Output>> {
        self.check_process()?;
        let done = self.shared.lock().take_done();
        self.taken += u64::from(done.is_some());
        done.transpose()
    }

    /// The oldest task's result; `None`: there is no task. Runs tasks until the result is there.
    pub(crate) fn next(&mut self, cancel: Option<&AtomicI32>) -> Result<Option<S::Output>> {
        self.check_process()?;
        let flag = cancel.unwrap_or(&self.shared.gone);
        let mut state = self.shared.lock();
        loop {
            if state.slots.is_empty() {
                return Ok(None);
            }
            if state.failed < state.first {
                return Err(Error::new(ErrorKind::Closed, "a task before has failed"));
            }
            if let Some(result) = state.take_done() {
                self.taken += 1;
                return result.map(Some);
            }
            // Relaxed: the flag carries no data.
            if flag.load(Ordering::Relaxed) != 0 {
                return Err(Error::new(ErrorKind::Cancelled, "cancelled by its flag"));
            }
            if let Some(begun) = state.begin() {
                drop(state);
                self.shared.run(begun, flag);
                state = self.shared.lock();
                continue;
            }
            check_others()?;
            let changed = &self.shared.changed;
            state = wait(|| match cancel {
                None => changed.wait(state),
                Some(_) => changed.wait_timeout(state, LOOK),
            });
        }
    }

    /// Fails in a forked child: the helpers are in the parent, and may hold any lock.
    pub(crate) fn check_process(&self) -> Result<()> {
        self.process.check()
    }
}

impl<S: Stage> Drop for Pipeline<S> {
    fn drop(&mut self) {
        if self.check_process().and_then(|()| check_others()).is_err() {
            return; // in a forked child the helpers are in the parent, and what they hold is lost
        }
        self.shared.gone.store(1, Ordering::Relaxed);
        let mut state = self.shared.lock();
        state.failed = 0;
        let begun = state.begun;
        let waiting = state.slots.split_off(begun);
        // Helpers that have not arrived yet will find nothing to do, and need not be waited for.
        while state.slots.iter().any(|slot| matches!(slot, Slot::Running)) {
            state = self.shared.changed.wait(state);
        }
        drop(state);
        drop(waiting);
    }
}

impl<S: Stage> Shared<S> {
    fn lock(&self) -> MutexGuard<'_, State<S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, begun: Begun<S>, cancel: &AtomicI32) {
        let Begun { number, input, chained } = begun;
        // After a panic the pipeline fails at this task, so its stage is not used for it again.
        let mark = Mark::now(trace::TASKS);
        let run = || spend(Spent::Codec, || self.stage.run(input, cancel));
        let result = catch_unwind(AssertUnwindSafe(run));
        let result = result.unwrap_or_else(|payload| {
            Err(Error::new(ErrorKind::Panic, format!("panicked: {}", panic_text(payload))))
        });
        mark.end(trace::Kind::Stage, 0, [number, 0, 0, 0, 0]);
        self.lock().end(number, chained, result);
        self.changed.notify_all();
    }
}

/// Sends one helper, unless a helper is on its way, or no task can be begun, or there are enough.
fn recruit<S: Stage>(shared: &Arc<Shared<S>>, pool: &Pool) {
    let mut state = shared.lock();
    let most = shared.most_helpers.min(most_lanes() - 1);
    if state.on_the_way || state.waiting() == 0 || !state.can_begin() || state.helpers >= most {
        return;
    }
    state.on_the_way = true;
    state.helpers += 1;
    drop(state);
    let traced = trace::begin_call(trace::TASKS);
    let helper = Helper { shared: Arc::clone(shared), arrived: false, traced };
    pool.send(Ticket::Once(Box::new(move |pool| helper.work(pool))));
}

/// A helper, from when it is sent until it leaves.
struct Helper<S: Stage> {
    shared: Arc<Shared<S>>,
    arrived: bool,
    /// Its sender, where that is traced.
    traced: Option<trace::Call>,
}

impl<S: Stage> Helper<S> {
    fn work(mut self, pool: &Pool) {
        self.arrived = true;
        self.shared.lock().on_the_way = false;
        let _traced = self.traced.map(|call| call.begin_lane(trace::Kind::TaskLane, 0));
        let mut helped = false;
        // A pool that is about to end is left: the tasks that are still to come find the next one. Others who
        // wait for a worker get it, too: the next task that is submitted sends for another.
        let turn = Turn::now();
        while !(pool.is_stopping() || helped && pool.needs_room(0, &turn)) {
            let begun = self.shared.lock().begin();
            let Some(begun) = begun else { break };
            recruit(&self.shared, pool);
            self.shared.run(begun, &self.shared.gone);
            helped = true;
        }
        if helped {
            pool.count_helper();
        } else {
            count(Counter::LateHelpers, 1);
        }
    }
}

impl<S: Stage> Drop for Helper<S> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.helpers -= 1;
        if !self.arrived {
            state.on_the_way = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;

    /// Doubles its input; fails at 13, panics at 17, and counts the chained tasks that run at the same time.
    #[derive(Default)]
    struct Doubling {
        chained: AtomicU32,
        overlaps: AtomicU32,
    }

    impl Stage for Doubling {
        type Input = (u64, bool);
        type Output = u64;

        fn run(&self, (value, chained): (u64, bool), _: &AtomicI32) -> Result<u64> {
            if chained && self.chained.fetch_add(1, Ordering::SeqCst) > 0 {
                self.overlaps.fetch_add(1, Ordering::SeqCst);
            }
            std::thread::sleep(Duration::from_micros(value * 37 % 100));
            if chained {
                self.chained.fetch_sub(1, Ordering::SeqCst);
            }
            match value {
                13 => Err(Error::new(ErrorKind::Corrupt, "thirteen")),
                17 => panic!("seventeen"),
                _ => Ok(value * 2),
            }
        }
    }

    #[test]
    fn results_come_in_order() {
        for lanes in [1, 2, 5] {
            let mut line = Pipeline::new(Doubling::default(), lanes);
            let mut got = Vec::new();
            for value in 100..400 {
                line.submit((value, value % 3 == 0), value % 3 == 0).unwrap();
                if line.in_flight() > 7 {
                    got.push(line.next(None).unwrap().unwrap());
                }
            }
            while let Some(value) = line.next(None).unwrap() {
                got.push(value);
            }
            assert_eq!(got, (100..400).map(|value| value * 2).collect::<Vec<_>>());
            assert_eq!(line.stage().overlaps.load(Ordering::SeqCst), 0);
        }
    }

    #[test]
    fn the_first_failure_comes_in_its_place() {
        for (bad, kind) in [(13, ErrorKind::Corrupt), (17, ErrorKind::Panic)] {
            let mut line = Pipeline::new(Doubling::default(), 3);
            for value in bad - 2..bad + 9 {
                line.submit((value, false), false).unwrap();
            }
            assert_eq!(line.next(None).unwrap(), Some(bad * 2 - 4));
            assert_eq!(line.next(None).unwrap(), Some(bad * 2 - 2));
            assert_eq!(line.next(None).unwrap_err().kind(), kind);
        }
    }

    #[test]
    fn cancels_and_drops() {
        let mut line = Pipeline::new(Doubling::default(), 2);
        for value in 100..110 {
            line.submit((value, false), false).unwrap();
        }
        let flag = AtomicI32::new(1);
        while let Err(error) = line.next(Some(&flag)) {
            assert_eq!(error.kind(), ErrorKind::Cancelled);
            flag.store(0, Ordering::Relaxed);
        }
        drop(line);
    }
}
