//! Progress of a job: one report at a time, about 20 times a second, and once at the end.
#![forbid(unsafe_code)]

use crate::error::{Error, ErrorKind, Result};
use crate::panics::panic_text;
use crate::pool::Scope;
use std::ops::ControlFlow;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, TryLockError};
use std::time::{Duration, Instant};

/// Receives (done, total); breaking cancels the job. Called from any lane, but from one at a time.
pub type Progress<'a> = &'a (dyn Fn(u64, u64) -> ControlFlow<()> + Sync);

const INTERVAL: Duration = Duration::from_millis(50);

/// Counts finished items and decides when to report them.
pub(crate) struct Monitor<'a> {
    reports: Option<Reports<'a>>,
    total: u64,
    done: AtomicU64,
}

struct Reports<'a> {
    report: Progress<'a>,
    /// The time of the last report; held while a report is made, which serializes reports.
    last: Mutex<Instant>,
}

impl<'a> Monitor<'a> {
    /// A monitor of `total` items; without `report` it only counts.
    pub(crate) fn new(report: Option<Progress<'a>>, total: u64) -> Self {
        let reports = report.map(|report| Reports { report, last: Mutex::new(Instant::now()) });
        Self { reports, total, done: AtomicU64::new(0) }
    }

    /// Counts `items`, and reports if it is time and no other thread is reporting; breaks with the failure of
    /// the call.
    pub(crate) fn add(&self, items: u64) -> ControlFlow<Error> {
        // Relaxed: a number for people; the results themselves travel through the gate.
        let done = self.done.fetch_add(items, Ordering::Relaxed) + items;
        let Some(Reports { report, last }) = &self.reports else { return ControlFlow::Continue(()) };
        let mut last = match last.try_lock() {
            Ok(last) => last,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return ControlFlow::Continue(()),
        };
        if last.elapsed() < INTERVAL || done >= self.total {
            return ControlFlow::Continue(());
        }
        let answer = Scope::enter(&(), |scope| {
            report(self.counted(), self.total).map_break(|()| {
                let cancelled = || Error::new(ErrorKind::Cancelled, "cancelled by its progress callback");
                scope.take().unwrap_or_else(cancelled)
            })
        });
        *last = Instant::now();
        answer
    }

    /// The items done so far.
    pub(crate) fn counted(&self) -> u64 {
        self.done.load(Ordering::Relaxed).min(self.total)
    }

    /// The number of all items.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// The last report, when everything is done: its answer cannot cancel anything any more.
    ///
    /// # Errors
    /// [`ErrorKind::Panic`] if the callback panics.
    pub(crate) fn finish(&self) -> Result<()> {
        let Some(Reports { report, last }) = &self.reports else { return Ok(()) };
        let _serialized = last.lock().unwrap_or_else(PoisonError::into_inner);
        let report = || Scope::enter(&(), |_| report(self.total, self.total));
        let told = catch_unwind(AssertUnwindSafe(report));
        told.map(drop).map_err(|payload| {
            let text = format!("the progress callback panicked: {}", panic_text(payload));
            Error::new(ErrorKind::Panic, text)
        })
    }
}

/// Runs `with`, which counts finished items if there is a progress callback, and makes the last report if
/// `with` succeeds.
pub(super) fn watched(
    report: Option<Progress<'_>>,
    total: usize,
    with: impl FnOnce(Option<&Monitor<'_>>) -> Result<()>,
) -> Result<()> {
    if report.is_none() {
        return with(None);
    }
    let monitor = Monitor::new(report, total as u64);
    with(Some(&monitor))?;
    monitor.finish()
}
