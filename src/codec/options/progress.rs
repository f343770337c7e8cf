//! Progress of a codec call in uncompressed bytes, and its cancel flag, which is also checked between the
//! steps of a long frame.
#![forbid(unsafe_code)]

use super::Options;
use crate::error::{Error, ErrorKind, Result};
use crate::job::{Monitor, Progress};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

/// See the module.
pub(crate) struct CallProgress<'a> {
    cancel: Option<&'a AtomicI32>,
    also: Option<&'a AtomicI32>,
    report: Option<Progress<'a>>,
    monitor: Monitor<'a>,
    /// Bytes that were counted by an attempt that is repeated. They are not counted again, so that progress
    /// never falls.
    debt: AtomicU64,
}

impl<'a> CallProgress<'a> {
    /// Progress of a call with `total` uncompressed bytes; `None`: the total is not known yet.
    pub(crate) fn new(options: &Options<'a>, total: Option<u64>) -> Self {
        Self {
            cancel: options.cancel,
            also: None,
            report: options.progress,
            monitor: Monitor::new(options.progress, total.unwrap_or(u64::MAX)),
            debt: AtomicU64::new(0),
        }
    }

    /// Checks the cancel flag only: for a task whose bytes are counted elsewhere.
    pub(crate) fn cancel_only(cancel: &'a AtomicI32) -> Self {
        Self {
            cancel: Some(cancel),
            also: None,
            report: None,
            monitor: Monitor::new(None, u64::MAX),
            debt: AtomicU64::new(0),
        }
    }

    /// A second flag cancels the call too.
    pub(crate) fn stopped_also_by(self, also: Option<&'a AtomicI32>) -> Self {
        Self { also, ..self }
    }

    /// Whether a flag can stop the call.
    pub(crate) fn has_flag(&self) -> bool {
        self.cancel.is_some() || self.also.is_some()
    }

    /// Says whether to go on.
    pub(crate) fn check(&self) -> Result<()> {
        // Relaxed: a flag that carries no data.
        let is_set = |flag: Option<&AtomicI32>| flag.is_some_and(|flag| flag.load(Ordering::Relaxed) != 0);
        if is_set(self.cancel) || is_set(self.also) {
            return Err(Error::new(ErrorKind::Cancelled, "cancelled by its flag"));
        }
        Ok(())
    }

    /// Counts uncompressed bytes that are done, and says whether to go on.
    pub(crate) fn add(&self, bytes: usize) -> Result<()> {
        self.check()?;
        if self.report.is_none() {
            return Ok(()); // nothing to report to
        }
        let mut fresh = bytes as u64;
        if self.debt.load(Ordering::Relaxed) > 0 {
            let pay = |debt: u64| Some(debt.saturating_sub(bytes as u64));
            let debt = self.debt.fetch_update(Ordering::Relaxed, Ordering::Relaxed, pay).unwrap_or(0);
            fresh = fresh.saturating_sub(debt);
        }
        if fresh == 0 {
            return Ok(());
        }
        match self.monitor.add(fresh) {
            ControlFlow::Break(error) => Err(error),
            ControlFlow::Continue(()) => Ok(()),
        }
    }

    /// `bytes` that were counted are done once more: they are not counted again.
    pub(crate) fn repeat(&self, bytes: u64) {
        if self.report.is_some() {
            self.debt.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    /// Progress of a second attempt, which begins again from the start.
    pub(crate) fn after(first: Option<Self>, options: &Options<'a>, total: Option<u64>) -> Self {
        let second = Self::new(options, total);
        if let Some(first) = first {
            let counted = first.monitor.counted();
            second.debt.store(counted, Ordering::Relaxed);
            let _ = second.monitor.add(counted); // a break is noticed at the next step
        }
        second
    }

    /// The last report: `total` bytes are done. Its answer cannot stop the call any more.
    pub(crate) fn finish(&self, total: u64) -> Result<()> {
        Monitor::new(self.report, total).finish()
    }
}
