//! Pieces in waves: their results wait in slots until the wave is over, and are then taken in the order of
//! the pieces, by the calling thread.
#![forbid(unsafe_code)]

use super::{Piece, Scan};
use crate::error::Result;
use crate::memory;
use std::sync::atomic::{AtomicU64, Ordering};

impl Scan<'_> {
    /// Calls `each(common, slot, piece)` for every piece, in parallel, and after each wave
    /// `take(common, slot, number)` for each slot that was used. `wave` tells how many pieces the next wave
    /// has, at most `most`. Slots are below `most + 1`.
    ///
    /// A record that is cut by the end of a wave's last frame comes in the next wave, in slot 0.
    pub(super) fn in_waves<C: Sync>(
        &mut self,
        most: usize,
        wave: impl Fn() -> usize,
        common: &mut C,
        each: impl Fn(&C, usize, &Piece<'_>) -> Result<()> + Sync,
        mut take: impl FnMut(&mut C, usize, u64) -> Result<()>,
    ) -> Result<()> {
        let mut numbers: Vec<AtomicU64> = Vec::new();
        memory::reserve(&mut numbers, most + 1)?;
        numbers.resize_with(most + 1, AtomicU64::default);
        let (mut first, all) = (0, self.plan.pieces());
        while first < all {
            let end = all.min(first.saturating_add(wave().clamp(1, most) as u64));
            let shared = &*common;
            self.run(end, &|piece| {
                let slot = piece.index.checked_sub(first).map_or(0, |slot| slot as usize + 1);
                each(shared, slot, piece)?;
                // Relaxed: the end of the run comes between this and the next load.
                numbers[slot].store(piece.index.saturating_add(1), Ordering::Relaxed);
                Ok(())
            })?;
            for (slot, number) in numbers.iter().enumerate() {
                if let Some(number) = number.swap(0, Ordering::Relaxed).checked_sub(1) {
                    take(common, slot, number)?;
                }
            }
            first = end;
        }
        Ok(())
    }

    /// The most slots of `size` bytes that together keep to `most` bytes, but one a lane in any case.
    pub(super) fn wave(&self, size: usize, most: usize, slots: usize) -> Result<usize> {
        let lanes = crate::job::task_lanes(self.control.max_lanes)? as usize;
        let pieces = usize::try_from(self.plan.pieces()).unwrap_or(usize::MAX);
        Ok((most / size.max(1)).clamp(lanes, slots.max(lanes)).min(pieces).max(1))
    }
}
