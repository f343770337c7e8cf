//! Transforms: bodies write what they make of their pieces, and it is given out in the order of the pieces.
#![forbid(unsafe_code)]

use super::{begin, Piece, Scan, ScanOptions};
use crate::codec::archive::Archive;
use crate::error::Result;
use crate::memory;
use crate::trace::{self, Kind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Bytes of pieces of a wave, for each lane.
const WAVE_BYTES: usize = 8 << 20;
/// The most pieces of a wave.
const WAVE_PIECES: usize = 16 << 10;

/// What a body writes for its piece.
pub struct Output {
    bytes: Vec<u8>,
}

impl Output {
    /// Adds bytes.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfMemory`](crate::ErrorKind::OutOfMemory).
    pub fn write(&mut self, data: &[u8]) -> Result<()> {
        if self.bytes.capacity() - self.bytes.len() < data.len() {
            let more = data.len().max(self.bytes.capacity() / 2);
            memory::reserve(&mut self.bytes, more)?;
        }
        self.bytes.extend_from_slice(data);
        Ok(())
    }
}

/// What a call of [`archive_transform`] is in a timeline.
pub(crate) enum TracedAs {
    /// A part of this call, which its caller ends.
    PartOf(Option<trace::Call>),
    /// A call of its own.
    Call(Kind),
}

/// Calls `body` for every piece, in parallel, and gives what it has written to `sink`, in the order of the
/// pieces, on the calling thread. Returns the most memory of what was written and not given out.
pub(crate) fn archive_transform(
    archive: &Archive<'_>,
    options: &ScanOptions<'_>,
    traced: TracedAs,
    body: impl Fn(&Piece<'_>, &mut Output) -> Result<()> + Sync,
    mut sink: impl FnMut(&[u8]) -> Result<()>,
) -> Result<u64> {
    let (traced, own) = match traced {
        TracedAs::PartOf(call) => (call, None),
        TracedAs::Call(kind) => (begin(options), Some(kind)),
    };
    let within = own.and(traced).map(trace::Call::enter);
    let mut scan = Scan::new(archive, options, traced)?;
    let lanes = crate::job::task_lanes(scan.control.max_lanes)? as usize;
    let most = match scan.max_memory {
        0 => lanes * WAVE_BYTES,
        limit => usize::try_from(limit).unwrap_or(usize::MAX).min(lanes * WAVE_BYTES),
    };
    let wave = scan.wave(scan.room, most, WAVE_PIECES)?;
    let mut slots: Vec<Mutex<Vec<u8>>> = Vec::new();
    memory::reserve(&mut slots, wave + 1)?;
    slots.resize_with(wave + 1, Mutex::default);
    // Relaxed: numbers for people.
    let (now, peak) = (AtomicU64::new(0), AtomicU64::new(0));
    let each = |slots: &Vec<Mutex<Vec<u8>>>, slot: usize, piece: &Piece<'_>| {
        // Locked by the lane that has the piece alone.
        let mut slot = slots[slot].lock().unwrap_or_else(PoisonError::into_inner);
        let mut output = Output { bytes: std::mem::take(&mut *slot) };
        body(piece, &mut output)?;
        let len = output.bytes.len() as u64;
        peak.fetch_max(now.fetch_add(len, Ordering::Relaxed) + len, Ordering::Relaxed);
        *slot = output.bytes;
        Ok(())
    };
    let ran = scan.in_waves(
        wave,
        || wave,
        &mut slots,
        each,
        |slots, slot, _| {
            let bytes = slots[slot].get_mut().unwrap_or_else(PoisonError::into_inner);
            sink(bytes)?;
            now.fetch_sub(bytes.len() as u64, Ordering::Relaxed);
            bytes.clear();
            Ok(())
        },
    );
    let ran = ran.and_then(|()| scan.finish());
    drop(within);
    if let Some(kind) = own {
        scan.end_trace(kind);
    }
    ran.map(|()| peak.into_inner())
}
