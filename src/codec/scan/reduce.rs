//! Reductions over the pieces of an archive: an accumulator a piece, combined in the order of the pieces, so
//! that the result is the same to the bit on any number of lanes.
#![forbid(unsafe_code)]

use super::{begin, Piece, Scan, ScanOptions};
use crate::codec::archive::Archive;
use crate::error::Result;
use crate::job::{self, Accumulators};
use crate::trace::{self, Kind};
use std::cell::Cell;
use std::ops::ControlFlow;

/// The most bytes of a wave's accumulators, if that is enough for one accumulator a lane.
const WAVE_BYTES: usize = 64 << 20;
/// The most accumulators of a wave.
const WAVE_PIECES: usize = 16 << 10;

/// Runs `fold(piece, accumulator)` for every piece, each on a clone of `identity`, in parallel; then
/// `combine(&mut result, accumulator)` in the order of the pieces, beginning with `identity`.
///
/// # Errors
/// As [`archive_for`](super::archive_for).
pub fn archive_reduce<A, F, C>(
    archive: &Archive<'_>,
    options: &ScanOptions<'_>,
    identity: A,
    fold: F,
    combine: C,
) -> Result<A>
where
    A: Clone + Send + Sync,
    F: Fn(&Piece<'_>, &mut A) + Sync,
    C: Fn(&mut A, A),
{
    let mut result = identity.clone();
    archive_reduce_slots(
        archive,
        options,
        Accumulators::<A>::SIZE,
        Accumulators::make,
        |slots: &Accumulators<A>, slot, piece| {
            let mut value = identity.clone();
            fold(piece, &mut value);
            *slots.lock(slot) = Some(value);
            Ok(())
        },
        |slots, slot| {
            if let Some(value) = slots.get(slot).take() {
                combine(&mut result, value);
            }
            ControlFlow::Continue(())
        },
    )?;
    Ok(result)
}

/// The shape of every reduction. What `prepare` makes for a number of slots holds the accumulators of one
/// wave, each of `slot_size` bytes with its padding; `fold` fills an accumulator from a piece, `combine` adds
/// an accumulator to the result. Returns the accumulators.
pub(crate) fn archive_reduce_slots<S: Sync>(
    archive: &Archive<'_>,
    options: &ScanOptions<'_>,
    slot_size: usize,
    prepare: impl FnOnce(usize) -> Result<S>,
    fold: impl Fn(&S, usize, &Piece<'_>) -> Result<()> + Sync,
    mut combine: impl FnMut(&mut S, usize) -> ControlFlow<i32>,
) -> Result<S> {
    let traced = begin(options);
    let within = traced.map(trace::Call::enter);
    let mut scan = Scan::new(archive, options, traced)?;
    let most = match scan.max_memory {
        0 => WAVE_BYTES,
        limit => usize::try_from(limit).unwrap_or(usize::MAX).min(WAVE_BYTES),
    };
    let wave = scan.wave(slot_size, most, WAVE_PIECES)?;
    let mut slots = prepare(wave + 1)?;
    let cancel = scan.control.cancel;
    let ran = scan.in_waves(
        wave,
        || wave,
        &mut slots,
        fold,
        |slots, slot, number| {
            job::combine_in_order("piece", number..number + 1, cancel, |_| combine(slots, slot))
        },
    );
    let ran = ran.and_then(|()| scan.finish());
    drop(within);
    scan.end_trace(Kind::ReduceArchive);
    ran.map(|()| slots)
}

/// How much what is made of the pieces of a wave may take.
pub(crate) struct WaveSize {
    /// Together, if that is enough for one a lane.
    pub(crate) bytes: usize,
    /// What one takes, as far as is known before the first.
    pub(crate) guess: usize,
}

/// Gives what `fold` makes of each piece, in parallel, to `merge`, in the order of the pieces, on the calling
/// thread. `bytes` tells what one takes: waves become larger or smaller with that.
pub(crate) fn archive_fold<A: Send>(
    archive: &Archive<'_>,
    options: &ScanOptions<'_>,
    size: &WaveSize,
    fold: impl Fn(&Piece<'_>) -> Result<A> + Sync,
    bytes: impl Fn(&A) -> usize,
    mut merge: impl FnMut(A) -> Result<()>,
) -> Result<()> {
    let traced = begin(options);
    let within = traced.map(trace::Call::enter);
    let mut scan = Scan::new(archive, options, traced)?;
    let most = scan.wave(Accumulators::<A>::SIZE, WAVE_BYTES, WAVE_PIECES)?;
    let least = scan.wave(usize::MAX, size.bytes, WAVE_PIECES)?;
    let wave = Cell::new(scan.wave(size.guess, size.bytes, WAVE_PIECES)?);
    // Of the wave that is taken: how many, and their bytes.
    let taken = Cell::new((0, 0usize));
    let next = || {
        if let (count @ 1.., bytes) = taken.take() {
            let fits = size.bytes / (bytes / count).max(1);
            wave.set(fits.clamp(least, wave.get().saturating_mul(4).max(least)));
        }
        wave.get()
    };
    let mut slots = Accumulators::make(most + 1)?;
    let each = |slots: &Accumulators<A>, slot: usize, piece: &Piece<'_>| {
        let made = fold(piece)?;
        *slots.lock(slot) = Some(made);
        Ok(())
    };
    let ran = scan.in_waves(most, next, &mut slots, each, |slots, slot, _| match slots.get(slot).take() {
        Some(made) => {
            let (count, before) = taken.get();
            taken.set((count + 1, before.saturating_add(bytes(&made))));
            merge(made)
        }
        None => Ok(()),
    });
    let ran = ran.and_then(|()| scan.finish());
    drop(within);
    scan.end_trace(Kind::ReduceArchive);
    ran
}
