//! The lanes of a sort: how work is cut, run, counted and stopped.
#![forbid(unsafe_code)]

use crate::error::Result;
use crate::job::{run_steps, task_lanes, Control, Monitor};
use crate::memory;
use crate::trace::Kind;
use std::mem::size_of;
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

/// The fewest items of a block; tests, and those under Miri, see many blocks of few items.
const LEAST: usize = if cfg!(miri) {
    16
} else if cfg!(test) {
    64
} else {
    1 << 14
};
/// The most items of a block: as long as a cancel may wait for.
const MOST: usize = 1 << 20;
/// Blocks of a lane.
const BLOCKS: usize = 4;

/// Buckets that a split makes at the most; few under Miri, which is slow.
pub(super) const BUCKETS: usize = if cfg!(miri) { 32 } else { 512 };

/// The lanes of a call.
pub(super) struct Work<'a> {
    control: Control<'a>,
    lanes: usize,
    monitor: Option<&'a Monitor<'a>>,
}

/// Parts of some work, each of which a lane takes.
pub(super) type Parts<T> = Vec<Mutex<Option<T>>>;

/// Runs `with` with the lanes of a call that counts each of `count` records so many times.
pub(super) fn watch(
    control: &Control<'_>,
    count: usize,
    steps: u64,
    with: impl FnOnce(&Work<'_>) -> Result<()>,
) -> Result<()> {
    let quiet = Control { progress: None, name: None, ..*control };
    // Few records are for the caller alone, which needs no pool.
    let lanes = if count < LEAST { 1 } else { task_lanes(control.max_lanes)? as usize };
    let Some(report) = control.progress else {
        return with(&Work { control: quiet, lanes, monitor: None });
    };
    let per_record = |done, total| report(done / steps, total / steps);
    let monitor = Monitor::new(Some(&per_record), (count as u64).saturating_mul(steps));
    with(&Work { control: quiet, lanes, monitor: Some(&monitor) })?;
    monitor.finish()
}

/// The most bytes of lists and tables beside the buffers.
pub(super) fn tables(count: usize) -> usize {
    let blocks = count / LEAST + 2;
    let of_block = BUCKETS * size_of::<usize>() + 4 * size_of::<Mutex<Option<[usize; 8]>>>();
    blocks * of_block + 4 * BUCKETS * size_of::<Mutex<Option<[usize; 8]>>>()
}

impl Work<'_> {
    /// The items of a block, of so many in all.
    pub(super) fn block(&self, count: usize) -> usize {
        (count / (self.lanes * BLOCKS)).clamp(LEAST, MOST)
    }

    /// The most items that one lane sorts by itself, of so many in all.
    pub(super) fn most_alone(&self, count: usize) -> usize {
        (count / (self.lanes * 2 * BLOCKS)).clamp(LEAST, 4 * MOST)
    }

    /// Runs `task` for each part, in parallel; the task tells how many items it has finished. Parts that are
    /// left were not begun. A trace says `kind` of it.
    pub(super) fn run<T: Send>(
        &self,
        kind: Kind,
        parts: &Parts<T>,
        task: impl Fn(T) -> usize + Sync,
    ) -> Result<()> {
        run_steps(kind, parts.len(), &self.control, &|index| {
            let part = parts[index].lock().unwrap_or_else(PoisonError::into_inner).take();
            let finished = part.map_or(0, &task);
            match self.monitor {
                Some(monitor) if finished > 0 => match monitor.add(finished as u64) {
                    ControlFlow::Break(error) => Err(error),
                    ControlFlow::Continue(()) => Ok(()),
                },
                _ => Ok(()),
            }
        })
    }

    /// The same, for parts that nobody needs if the call ends.
    pub(super) fn for_each<T: Send>(
        &self,
        kind: Kind,
        parts: impl ExactSizeIterator<Item = T>,
        task: impl Fn(T) -> usize + Sync,
    ) -> Result<()> {
        let mut list = Vec::new();
        memory::reserve(&mut list, parts.len())?;
        list.extend(parts.map(|part| Mutex::new(Some(part))));
        self.run(kind, &list, task)
    }

    /// The same lanes for work that must come to its end.
    pub(super) fn to_the_end(&self) -> Work<'static> {
        let control = Control { max_lanes: self.control.max_lanes, ..Control::default() };
        Work { control, lanes: self.lanes, monitor: None }
    }

    /// Runs `task` on the calling thread, unless the call is cancelled.
    pub(super) fn run_alone(&self, task: impl FnOnce() -> usize + Send) -> Result<()> {
        self.for_each(Kind::SortBuckets, std::iter::once(task), |task| task())
    }
}
