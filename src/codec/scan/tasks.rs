//! What the lanes of a scan claim: small frames that are put together, large ones alone. Where there are few
//! large ones, several lanes share each.
#![forbid(unsafe_code)]

use super::shared::{Shared, LARGE};
use super::walk::Walk;
use super::{Caller, Failed, Scan};
use crate::error::Result;
use crate::job;
use crate::memory;
use std::ops::Range;
use std::sync::{Arc, PoisonError};

/// Small frames are put together until a task has so many bytes.
const TASK: u64 = if cfg!(miri) { 8 << 10 } else { 256 << 10 };

/// See the module.
pub(super) enum Task {
    /// The frames one after the other.
    Frames(Range<usize>),
    /// The walk through a large frame, which other lanes help with.
    Lead(Arc<Shared>),
    Help(Arc<Shared>),
}

impl Scan<'_> {
    /// The tasks that these frames are scanned by.
    pub(super) fn tasks(&self, frames: Range<usize>) -> Result<Vec<Task>> {
        let mut tasks = Vec::new();
        let mut first = frames.start;
        let mut bytes = 0;
        let size = |frame| {
            let content = self.archive.content(frame);
            content.end - content.start
        };
        let all = frames.clone().map(size).sum();
        let mut lanes = self.sharing;
        for frame in frames.clone() {
            let shared = self.shared(frame, size(frame), all, &mut lanes);
            if shared.is_some() && first < frame {
                push(&mut tasks, Task::Frames(first..frame))?;
            }
            bytes += size(frame);
            if let Some(shared) = shared {
                push(&mut tasks, Task::Lead(shared.clone()))?;
                for _ in 1..shared.lanes {
                    push(&mut tasks, Task::Help(shared.clone()))?;
                }
            } else if bytes >= TASK || frame + 1 == frames.end {
                push(&mut tasks, Task::Frames(first..frame + 1))?;
            } else {
                continue;
            }
            (first, bytes) = (frame + 1, 0);
        }
        Ok(tasks)
    }

    /// What lanes share of a frame, if they do: it would take longer than what each lane has to do.
    fn shared(&self, frame: usize, size: u64, all: u64, lanes: &mut Option<u32>) -> Option<Arc<Shared>> {
        let carried = self.carried.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(walk) = carried.as_ref().filter(|walk| walk.frame() == frame) {
            return walk.sharing().inspect(|shared| shared.open());
        }
        drop(carried);
        if size <= LARGE && self.sharing.is_none() || self.max_memory != 0 {
            return None;
        }
        let lanes = *lanes.get_or_insert_with(|| job::lanes_left(self.control.max_lanes));
        let longest = lanes > 1 && size.saturating_mul(u64::from(lanes)) > all;
        longest.then(|| Shared::new(self.archive, frame, lanes).map(Arc::new)).flatten()
    }

    pub(super) fn task(&self, task: &Task, end: u64, caller: &Caller<'_>) -> Result<(), Failed> {
        match task {
            Task::Frames(frames) => self.group(frames.clone(), end, caller),
            Task::Lead(shared) => shared.lead(self, caller, || self.lead(shared, end, caller)),
            Task::Help(shared) => shared.help(self, caller),
        }
    }

    /// Walks through the frames of a group.
    fn group(&self, frames: Range<usize>, end: u64, caller: &Caller<'_>) -> Result<(), Failed> {
        let mut passage = None;
        for frame in frames {
            let walk = match self.carried_walk(frame) {
                Some(walk) => walk,
                None => {
                    let part = self.plan.of_frame(self.archive, frame);
                    if part.bytes.is_empty() {
                        continue;
                    }
                    let fresh = passage.take().or_else(|| self.spare().pop()).unwrap_or_default();
                    Walk::new(self, frame, part, fresh)?
                }
            };
            passage = self.go(walk, end, caller)?.and_then(Walk::into_passage);
        }
        self.spare().extend(passage);
        Ok(())
    }

    /// Walks through a frame that lanes share.
    fn lead(&self, shared: &Arc<Shared>, end: u64, caller: &Caller<'_>) -> Result<(), Failed> {
        let walk = match self.carried_walk(shared.frame) {
            Some(walk) => walk,
            None => {
                let part = self.plan.of_frame(self.archive, shared.frame);
                if part.bytes.is_empty() {
                    return Ok(());
                }
                Walk::shared(self, shared.clone(), part, caller)?
            }
        };
        let passage = self.go(walk, end, caller)?.and_then(Walk::into_passage);
        self.spare().extend(passage);
        Ok(())
    }

    /// The walk through that frame, if it has begun.
    fn carried_walk(&self, frame: usize) -> Option<Walk> {
        let mut carried = self.carried.lock().unwrap_or_else(PoisonError::into_inner);
        carried.take_if(|walk| walk.frame() == frame)
    }

    /// Goes on with a walk, which is returned if it is finished, and else carried to the next run.
    fn go(&self, mut walk: Walk, end: u64, caller: &Caller<'_>) -> Result<Option<Walk>, Failed> {
        if walk.go(self, end, caller)? {
            return Ok(Some(walk));
        }
        *self.carried.lock().unwrap_or_else(PoisonError::into_inner) = Some(walk);
        Ok(None)
    }
}

fn push(tasks: &mut Vec<Task>, task: Task) -> Result<()> {
    if tasks.len() == tasks.capacity() {
        let more = tasks.len().max(32);
        memory::reserve(tasks, more)?;
    }
    tasks.push(task);
    Ok(())
}
