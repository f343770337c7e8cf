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

mod helper;
#[cfg(test)]
mod tests;

use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use crate::os::fork::Process;
use crate::panics::panic_text;
use crate::pool::{check_others, spend, wait, Call, Spent};
use crate::sync::{Mutex, MutexGuard, QuietCondvar, FLAG_LOOK};
use crate::trace::{self, Mark};
use helper::recruit;
use std::collections::VecDeque;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, PoisonError};

/// The work on each task.
pub(crate) trait Stage: Send + Sync + 'static {
    /// A task. It owns its data.
    type Input: Send + 'static;
    /// The result of a task.
    type Output: Send + 'static;

    /// What the time of a task counts as.
    const SPENT: Spent = Spent::Codec;
    /// What a trace says of a task.
    const TRACED: trace::Kind = trace::Kind::Stage;

    /// Runs one task. It should give up soon once `cancel` is not zero, and must not wait for another task.
    /// No other thread has this lane meanwhile; the owner has lane 0.
    fn run(&self, input: Self::Input, lane: u32, cancel: &AtomicI32) -> Result<Self::Output>;
}

/// A task that a pipeline which is over has left, or its result.
pub(crate) enum Left<S: Stage> {
    Input(S::Input),
    Output(S::Output),
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
    /// Lanes that helpers have left.
    free_lanes: Vec<u32>,
    /// Lanes that were given out, the owner's counted.
    lanes: u32,
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

    /// A helper has arrived: its lane.
    fn arrive(&mut self) -> u32 {
        self.on_the_way = false;
        self.free_lanes.pop().unwrap_or_else(|| {
            self.lanes += 1;
            self.lanes - 1
        })
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
            free_lanes: Vec::new(),
            lanes: 1,
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

    /// Whether a task has failed, and no later one will be begun.
    pub(crate) fn has_failed(&self) -> bool {
        self.shared.lock().failed != u64::MAX
    }

    /// Adds a task; after an error it is not there. Never blocks, except to start the pool.
    pub(crate) fn submit(&mut self, input: S::Input, chained: bool) -> Result<()> {
        self.check_process()?;
        // The first task alone is the owner's, without a pool.
        let for_owner = self.submitted == 0 || self.shared.most_helpers == 0;
        let call = if for_owner { None } else { Some(Call::enter()?) };
        self.add(input, chained, call.as_ref())
    }

    /// The same for an owner that is inside a call: no other one is begun.
    pub(crate) fn submit_in(&mut self, call: &Call, input: S::Input, chained: bool) -> Result<()> {
        self.check_process()?;
        memory::check()?;
        self.add(input, chained, (self.shared.most_helpers > 0).then_some(call))
    }

    /// Whether another task could be begun while the owner does something else: it is the first one, or there
    /// are helpers, and no task has failed.
    pub(crate) fn can_use_more(&self) -> bool {
        let state = self.shared.lock();
        state.failed == u64::MAX && (state.slots.is_empty() || state.helpers > 0)
    }

    fn add(&mut self, input: S::Input, chained: bool, call: Option<&Call>) -> Result<()> {
        {
            let mut state = self.shared.lock();
            let no_memory =
                |_| Error::new(ErrorKind::OutOfMemory, "the system has no memory for one more task");
            state.slots.try_reserve(1).map_err(no_memory)?;
            state.slots.push_back(Slot::Waiting { input, chained });
        }
        self.submitted += 1;
        if let Some(call) = call.filter(|call| call.can_have_help()) {
            recruit(&self.shared, call.pool());
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
                self.shared.run(begun, 0, flag);
                state = self.shared.lock();
                continue;
            }
            check_others()?;
            let Shared { state: mutex, changed, .. } = &*self.shared;
            state = wait(|| match cancel {
                None => changed.wait(state),
                Some(_) => changed.wait_timeout(mutex, state, FLAG_LOOK),
            });
        }
    }

    /// Fails in a forked child: the helpers are in the parent, and may hold any lock.
    pub(crate) fn check_process(&self) -> Result<()> {
        self.process.check()
    }
}

impl<S: Stage> Pipeline<S> {
    /// Lets no task begin any more, waits for those that run, and gives back what is left, but for failures.
    pub(crate) fn close(&mut self) -> impl Iterator<Item = Left<S>> {
        let mut left = VecDeque::new();
        // In a forked child the helpers are in the parent, and what they hold is lost.
        if self.check_process().and_then(|()| check_others()).is_ok() {
            self.shared.gone.store(1, Ordering::Relaxed);
            let mut state = self.shared.lock();
            state.failed = 0;
            // Helpers that have not arrived yet will find nothing to do, and need not be waited for.
            while state.slots.iter().any(|slot| matches!(slot, Slot::Running)) {
                state = wait(|| self.shared.changed.wait(state));
            }
            state.begun = 0;
            left = std::mem::take(&mut state.slots);
        }
        left.into_iter().filter_map(|slot| match slot {
            Slot::Waiting { input, .. } => Some(Left::Input(input)),
            Slot::Done(Ok(output)) => Some(Left::Output(output)),
            Slot::Running | Slot::Done(Err(_)) => None,
        })
    }
}

impl<S: Stage> Drop for Pipeline<S> {
    fn drop(&mut self) {
        drop(self.close());
    }
}

impl<S: Stage> Shared<S> {
    fn lock(&self) -> MutexGuard<'_, State<S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, begun: Begun<S>, lane: u32, cancel: &AtomicI32) {
        let Begun { number, input, chained } = begun;
        // After a panic the pipeline fails at this task, so its stage is not used for it again.
        let mark = Mark::now(trace::TASKS);
        let within = mark.enter_lane(lane);
        let run = || spend(S::SPENT, || self.stage.run(input, lane, cancel));
        let result = catch_unwind(AssertUnwindSafe(run));
        let result = result.unwrap_or_else(|payload| {
            Err(Error::new(ErrorKind::Panic, format!("panicked: {}", panic_text(payload))))
        });
        drop(within);
        mark.end_in(lane, S::TRACED, [number, 0, 0, 0, 0]);
        self.lock().end(number, chained, result);
        self.changed.notify_all();
    }
}
