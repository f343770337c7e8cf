//! Jobs that outlive the call that started them: each keeps the pool until it is finished.
#![forbid(unsafe_code)]

use crate::sync::{Mutex, MutexGuard, QuietCondvar};
use std::sync::{Arc, PoisonError};

/// The background jobs of a pool. Shared with the jobs, because the last one may still be counting itself out
/// when the pool is freed.
#[derive(Clone, Default)]
pub(super) struct BackgroundJobs(Arc<Running>);

#[derive(Default)]
struct Running {
    count: Mutex<usize>,
    none_left: QuietCondvar,
}

/// Keeps the pool until it is dropped.
pub(crate) struct KeepAlive(BackgroundJobs);

impl BackgroundJobs {
    /// Lets one more job keep the pool.
    pub(super) fn begin(&self) -> KeepAlive {
        *self.lock() += 1;
        KeepAlive(self.clone())
    }

    /// Whether no job keeps the pool.
    pub(super) fn are_none(&self) -> bool {
        *self.lock() == 0
    }

    /// Waits until no job keeps the pool.
    pub(super) fn wait(&self) {
        let mut count = self.lock();
        while *count > 0 {
            count = self.0.none_left.wait(count);
        }
    }

    fn lock(&self) -> MutexGuard<'_, usize> {
        self.0.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for KeepAlive {
    fn drop(&mut self) {
        let mut count = self.0.lock();
        *count -= 1;
        if *count == 0 {
            self.0 .0.none_left.notify_all();
        }
    }
}
