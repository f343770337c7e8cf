//! Chunks of rows: each with the part of an output that is its own, or with results that are put
//! together in the order of the chunks.
#![forbid(unsafe_code)]

use super::CHUNK;
use crate::error::{Error, Result};
use crate::job::{self, Chunk, Control};
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

/// The failure of the lowest chunk.
pub(super) struct Failure(Mutex<Option<(usize, Error)>>);

impl Failure {
    pub(super) fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// Ends the loop with `error`.
    pub(super) fn of(&self, chunk: usize, error: Error) -> ControlFlow<i32> {
        let mut failed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.as_ref().is_none_or(|known| chunk < known.0) {
            *failed = Some((chunk, error));
        }
        ControlFlow::Break(1)
    }

    /// What the loop comes to.
    pub(super) fn or(self, result: Result<()>) -> Result<()> {
        match self.0.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some((_, error)) => Err(error),
            None => result,
        }
    }
}

/// Runs `fold` for each chunk of rows, and gives what comes of it to `merge`, in the order of the
/// chunks. `size`: about the bytes of such a result, of which there are no more at a time than some
/// megabytes take, or the lanes.
pub(super) fn in_order<T: Send>(
    rows: usize,
    size: usize,
    control: &Control<'_>,
    fold: impl Fn(&Chunk) -> Result<T> + Sync,
    mut merge: impl FnMut(T) -> Result<()>,
) -> Result<()> {
    let failure = Failure::new();
    let mut merged = 0;
    // Each is locked by its own chunk only.
    let mut slots: Vec<Mutex<Option<T>>> = Vec::new();
    let result = job::reduce_slots(
        Schedule::Grain { grain: CHUNK },
        rows,
        control,
        size,
        &mut slots,
        |slots, needed| {
            memory::reserve(slots, needed)?;
            slots.resize_with(needed, || Mutex::new(None));
            Ok(())
        },
        |slots, slot, chunk| match fold(chunk) {
            Ok(made) => {
                *slots[slot].lock().unwrap_or_else(PoisonError::into_inner) = Some(made);
                ControlFlow::Continue(())
            }
            Err(error) => failure.of(chunk.index, error),
        },
        |slots, slot| {
            let made = slots[slot].get_mut().unwrap_or_else(PoisonError::into_inner).take();
            merged += 1;
            match made.map_or(Ok(()), &mut merge) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => failure.of(merged, error),
            }
        },
    );
    failure.or(result)
}
