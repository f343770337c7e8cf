//! One frame, decoded by several lanes.
//!
//! ```text
//! scan (headers) -> decode literals and sequences, blocks in any order -> execute, in order -> hash
//! ```
//!
//! What is decoded here libzstd would decode to the same bytes. Whatever is odd is left to it: any error, and
//! what this decoder does not do. So its verdicts, and its messages, are those of the library.

pub(crate) mod carried;
#[cfg(test)]
mod dictionary_tests;
mod execute;
pub(super) mod layout;
mod outside;
pub(crate) mod parts;
#[cfg(test)]
mod resumed_tests;
mod ring;
mod scan;
mod slot;
#[cfg(test)]
mod tests;

use crate::codec::format::dictionary::{Dictionary, REPEAT_OFFSETS};
use crate::codec::format::frame::Frame;
use crate::codec::format::xxh64::Xxh64;
use crate::error::Result;
use crate::trace::{self, Kind, Mark};
use execute::Target;
use ring::{Ring, Work};
use scan::Scan;
use slot::Tables;
use std::mem::MaybeUninit;
use std::ops::DerefMut;
use std::sync::{Mutex, PoisonError};

pub(crate) use crate::codec::format::sequences::LARGEST_WINDOW;
pub(crate) use outside::Outside;
pub(crate) use slot::Slot;

/// A frame, by its header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    /// Where its blocks begin in the data.
    pub(crate) blocks_at: usize,
    /// Its window.
    pub(crate) window: u64,
    /// The bytes that it says it decodes to.
    pub(crate) content_size: Option<u64>,
    /// Whether a checksum follows the blocks.
    pub(crate) checksum: bool,
    /// Bytes of a dictionary before the frame, which matches may reach into.
    pub(crate) outside: usize,
}

/// The header of a frame that can be decoded here, and refers to nothing else.
pub(crate) fn header_of(frame: &Frame) -> Option<Header> {
    header_after(frame, 0).filter(|_| frame.dictionary == 0)
}

/// The header of a frame that can be decoded here, before which there are so many bytes of a dictionary.
pub(crate) fn header_after(frame: &Frame, outside: usize) -> Option<Header> {
    let header = Header {
        blocks_at: frame.header_len,
        window: frame.window,
        content_size: frame.content_size,
        checksum: frame.checksum,
        outside,
    };
    Some(header).filter(|header| header.reach() <= LARGEST_WINDOW)
}

/// The same for a frame of a stream, with which libzstd has to be able to go on: its decoder of single blocks
/// takes those of 128 KiB, whatever the window.
pub(crate) fn header_in_stream(frame: &Frame, outside: Option<&Outside>) -> Option<Header> {
    let header = match outside {
        Some(outside) => header_after(frame, outside.content().len()),
        None => header_of(frame),
    };
    header.filter(|header| header.window >= slot::LARGEST_BLOCK as u64)
}

impl Header {
    /// How far a match may reach back: into a dictionary libzstd lets every one reach.
    fn reach(&self) -> u64 {
        self.reach_inside().saturating_add(self.outside as u64)
    }

    /// Bytes that a block decodes to, at most.
    fn largest_block(&self) -> usize {
        self.window.min(slot::LARGEST_BLOCK as u64) as usize
    }

    /// How far back a match may reach within the frame.
    fn reach_inside(&self) -> u64 {
        self.window.min(self.content_size.unwrap_or(u64::MAX)) // nothing is farther away than the beginning
    }
}

/// Slots for `lanes` lanes.
pub(crate) fn slots(lanes: u32) -> usize {
    (2 * lanes as usize + 2).clamp(4, ring::MOST)
}

/// The most memory that `lanes` lanes need.
pub(crate) fn memory(lanes: u32) -> usize {
    slots(lanes) * slot::MEMORY + lanes as usize * size_of::<Tables>()
}

/// The most memory of a slot.
pub(crate) const SLOT_MEMORY: usize = slot::MEMORY;

/// Decodes the frame of `data` that has that header into `dst`; returns its bytes, or nothing where libzstd
/// has to decode it, to `dst` as well, from its start. The slots are as many as `slots` says. `run` has the
/// closure called by every lane there is; `step` is told after each block how many bytes it had, and can stop
/// the call. `dictionary`: what the frame was made with.
pub(crate) fn decode<S: DerefMut<Target = Slot> + Send>(
    data: &[u8],
    header: &Header,
    dictionary: Option<&Dictionary<'_>>,
    dst: &mut [MaybeUninit<u8>],
    slots: &[Mutex<S>],
    step: &(dyn Fn(usize) -> Result<()> + Sync),
    run: impl FnOnce(&(dyn Fn() + Sync)) -> Result<()>,
) -> Result<Option<usize>> {
    if data.len() > usize::MAX / 8 {
        return Ok(None); // its bits could not be counted
    }
    let largest = header.largest_block();
    let before = dictionary.map_or(&[][..], |dictionary| dictionary.content());
    let window = header.reach();
    let tables_before = dictionary.is_some_and(|dictionary| dictionary.has_tables());
    let scan = Scan::new(data, header.blocks_at, largest, tables_before);
    let ring = Ring::new(scan, slots.len(), header.checksum);
    let target = Target::new(dst, before);
    let reps = Mutex::new(dictionary.map_or(REPEAT_OFFSETS, |dictionary| dictionary.repeat_offsets()));
    let hash = Mutex::new(Xxh64::new());
    let lane = || {
        let _guard = Guard(&ring);
        let mut tables = None;
        while let Some(work) = ring.take() {
            let mark = Mark::now(trace::CODEC);
            let done = match work {
                Work::Decode(number, block) => {
                    let tables = tables.get_or_insert_with(|| Box::new(Tables::new(dictionary)));
                    let mut slot = lock(&slots[ring.slot(number)]);
                    let decoded = slot.decode(data, block, tables, window, largest);
                    drop(slot);
                    mark.end(Kind::DecodeBlocks, [1, 0, 0, 0, 0]);
                    decoded.map(|()| ring.decoded(number))
                }
                Work::Execute(number, at) => {
                    let mut slot = lock(&slots[ring.slot(number)]);
                    // SAFETY: the ring lets one lane execute at a time, the blocks in order, each where the
                    // one before ends; and hands out for hashing only what was executed before.
                    let executed = unsafe { target.execute(&mut slot, data, at, &mut lock(&reps), window) };
                    drop(slot);
                    let len = *executed.as_ref().unwrap_or(&0) as u64;
                    mark.end(Kind::ExecuteBlocks, [len, 1, 0, 0, 0]);
                    executed.map(|len| match step(len) {
                        Ok(()) => ring.executed(len),
                        Err(error) => ring.fail(error),
                    })
                }
                Work::Hash(range) => {
                    let len = range.len();
                    // SAFETY: the ring hands out what has been executed.
                    lock(&hash).update(unsafe { target.written(range.start, range.end) });
                    mark.end(Kind::Checksum, [len as u64, 0, 0, 0, 0]);
                    ring.hashed(len);
                    Ok(())
                }
            };
            if done.is_err() {
                ring.give_up();
            }
        }
    };
    run(&lane)?;
    let Ok(ended) = ring.into_end()? else { return Ok(None) };
    if header.content_size.is_some_and(|size| size != ended.written as u64) {
        return Ok(None);
    }
    if header.checksum {
        let stored = data.get(ended.at..).and_then(|rest| rest.first_chunk::<4>());
        let hash = lock(&hash).finish() as u32; // the lower half
        if stored.is_none_or(|&stored| u32::from_le_bytes(stored) != hash) {
            return Ok(None);
        }
    }
    Ok(Some(ended.written))
}

/// Sends the other lanes home if this one panics: they would wait for it.
struct Guard<'r, 'd>(&'r Ring<'d>);

impl Drop for Guard<'_, '_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.give_up();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
