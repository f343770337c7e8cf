//! The end of a background job: its last report, its notification, and waking the threads that wait.

use super::{Background, Done, Ended, Notification, Outcome};
use crate::error::{Error, ErrorKind, Result};
use crate::panics::drop_payload;
use crate::pool::{self, Call, Scope, Ticket};
use crate::sync::MutexGuard;
use crate::trace;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::Ordering;
use std::sync::Arc;

impl Outcome {
    /// Whether the job is finished, and its notification has returned.
    pub(super) fn is_over(&self) -> bool {
        self.result.is_some() && matches!(self.notification, Notification::Nobody | Notification::Over)
    }

    /// Whether the notification waits for a worker to call it.
    pub(super) fn waits_for_worker(&self) -> bool {
        self.result.is_some()
            && matches!(self.notification, Notification::Wanted(_))
            && pool::worker().is_some()
    }

    /// The notification of a finished job, for the thread that calls it.
    pub(super) fn take_notification(&mut self) -> Option<(Done, Result<()>)> {
        let result = self.result.clone()?;
        match std::mem::replace(&mut self.notification, Notification::UnderWay) {
            Notification::Wanted(done) => Some((done, result)),
            other => {
                self.notification = other;
                None
            }
        }
    }
}

impl Background {
    /// Finishes the job if nothing is left to claim and the gate is empty, and sends a worker for its
    /// notification, which no thread of the program may run here. Every thread that leaves the gate calls
    /// this.
    pub(super) fn finish_if_done(self: &Arc<Self>) {
        if self.finish() {
            let job = Arc::clone(self);
            // SAFETY: the outcome keeps the pool until the notification is over.
            unsafe { self.pool.get() }.send(Ticket::Once(Box::new(move |_| job.notify_as_worker())));
        }
    }

    /// Like `finish_if_done`; true if a worker must be sent for the notification. A calling thread that is a
    /// worker has called it itself.
    pub(super) fn finish(&self) -> bool {
        if self.job.wants_help() || !self.process.is_current() {
            return false;
        }
        self.gate.close();
        // Sequentially consistent, so that of two threads that leave at the same time at least one sees the
        // gate empty. The swap lets only one of them finish.
        if !self.gate.is_empty() || self.finishing.swap(true, Ordering::SeqCst) {
            return false;
        }
        let result = self.job.finish().and_then(|()| self.report_end());
        if let Some(traced) = self.job.trace() {
            traced.mark(trace::Kind::JobEnds);
        }
        let mut outcome = self.outcome();
        outcome.result = Some(result);
        if outcome.is_over() {
            self.end(outcome);
            return false;
        }
        self.changed.notify_all(); // a waiting worker may call the notification
        drop(outcome);
        let is_worker = pool::worker().is_some();
        if is_worker {
            self.notify_as_worker();
        }
        !is_worker
    }

    /// Makes the last report. The thread counts as inside the job meanwhile, whichever thread it is.
    fn report_end(&self) -> Result<()> {
        let mut outcome = Ok(());
        // SAFETY: the job has no result yet, so it still keeps the pool.
        unsafe { self.pool.get() }.work_here(|| self.work(|| outcome = self.parts.monitor.finish()));
        outcome
    }

    /// Wakes all threads that wait for the job, and lets go of the pool.
    pub(super) fn end(&self, mut outcome: MutexGuard<'_, Outcome>) {
        let keep = outcome.keep.take();
        self.changed.notify_all();
        drop(outcome);
        drop(keep);
    }

    pub(super) fn notify(&self, done: Done) -> Result<()> {
        let mut outcome = self.outcome();
        if !matches!(outcome.notification, Notification::Nobody) {
            return Err(Error::new(ErrorKind::Busy, "the job has a notification already"));
        }
        let Some(result) = outcome.result.clone() else {
            outcome.notification = Notification::Wanted(done);
            return Ok(());
        };
        outcome.notification = Notification::UnderWay;
        drop(outcome);
        // A call like any other: a shutdown waits for it, and inside it a shutdown is refused.
        let told = Call::enter().map(|_call| self.tell(done, &result));
        if told.is_err() {
            self.outcome().notification = Notification::Nobody;
            self.changed.notify_all();
        }
        told
    }

    /// Calls the notification of a finished job, if it waits for a worker and this thread is one.
    pub(super) fn notify_as_worker(&self) {
        if pool::worker().is_none() {
            return;
        }
        let taken = self.outcome().take_notification();
        if let Some((done, result)) = taken {
            // SAFETY: the outcome keeps the pool until the notification is over.
            unsafe { self.pool.get() }.work_here(|| self.tell(done, &result));
        }
    }

    /// Calls a notification, with the thread marked as being inside the job.
    fn tell(&self, done: Done, result: &Result<()>) {
        self.work(|| {
            let done = || Scope::enter(&Ended { failed: result.is_err() }, |_| done(result));
            if let Err(payload) = catch_unwind(AssertUnwindSafe(done)) {
                drop_payload(payload);
            }
        });
        if self.process.is_current() {
            let mut outcome = self.outcome();
            outcome.notification = Notification::Over;
            self.end(outcome);
        }
    }

    /// A worker is needed for the notification: waits until it can run.
    pub(super) fn await_workers<'s>(
        &'s self,
        outcome: MutexGuard<'s, Outcome>,
    ) -> Result<MutexGuard<'s, Outcome>> {
        // SAFETY: the job is not over, so it still keeps the pool; the arrivals may outlive it.
        let pool = unsafe { self.pool.get() };
        let (workers, arrivals) = (pool.workers(), pool.arrivals());
        drop(outcome);
        arrivals.wait(workers)?;
        Ok(self.outcome())
    }
}
