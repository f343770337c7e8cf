//! Chunks of rows, each with the part of an output that is its own.
#![forbid(unsafe_code)]

use super::CHUNK;
use crate::error::Result;
use crate::job::{self, Control};
use crate::memory;
use crate::plan::Schedule;
use std::ops::{ControlFlow, Range};
use std::sync::{Mutex, PoisonError};

/// Runs `body` for each chunk of rows, and for what `parts` gives for it.
pub(super) fn for_each<T: Send>(
    rows: usize,
    parts: impl Iterator<Item = T>,
    control: &Control<'_>,
    body: impl Fn(Range<usize>, T) + Sync,
) -> Result<()> {
    let mut list = Vec::new();
    memory::reserve(&mut list, rows.div_ceil(CHUNK))?;
    // A mutex that only its own chunk locks.
    list.extend(parts.map(|part| Mutex::new(Some(part))));
    job::for_each_chunk(Schedule::Grain { grain: CHUNK }, rows, control, |chunk| {
        let part = list[chunk.index].lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(part) = part {
            body(chunk.begin..chunk.end, part);
        }
        ControlFlow::Continue(())
    })
}
