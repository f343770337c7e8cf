//! Frames of a buffer: whether one is decoded by several lanes, and how.
#![forbid(unsafe_code)]

use super::blocks::{self, Slot};
use crate::codec::context::cache::{Cached, ContextCache, InUse};
use crate::codec::context::decode::{self, Decoder};
use crate::codec::format::frame::{Frame, Frames};
use crate::codec::libzstd::calls::Uninit;
use crate::codec::options::limits;
use crate::codec::options::progress::CallProgress;
use crate::codec::options::Options;
use crate::error::{ErrorKind, Result};
use crate::job;
use crate::os::fork::ChildHook;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Mutex;

/// Frames that decode to less are over before several lanes are at work.
const SMALLEST: u64 = 2 << 20;
/// So are shorter ones, which are mostly repetitions.
const SHORTEST: usize = 64 << 10;

/// Decodes `frame` of `data`, which has been checked with the same options, into `dst`: in several lanes if there
/// are CPUs for them, else with `decoder`. Returns how many bytes of `dst` are written. For a frame that tells its
/// size, `dst` has that size.
pub(crate) fn frame(
    data: &[u8],
    frame: &Frame,
    dst: &mut [MaybeUninit<u8>],
    decoder: &mut Decoder<'_>,
    options: &Options<'_>,
    progress: &CallProgress<'_>,
) -> Result<usize> {
    match in_lanes(data, frame, dst, options, progress)? {
        Some(written) => Ok(written),
        None => decoder.frame(data, frame, &mut Uninit::new(dst), progress),
    }
}

/// Decodes `frames` one after the other into `dst`; returns how many bytes are written.
pub(crate) fn frames(
    src: &[u8],
    frames: Frames<'_>,
    dst: &mut [MaybeUninit<u8>],
    decoder: &mut Decoder<'_>,
    options: &Options<'_>,
    progress: &CallProgress<'_>,
) -> Result<usize> {
    let mut written = 0;
    for frame in frames {
        let frame = frame?;
        limits::check(&frame, options)?;
        if frame.skippable {
            continue;
        }
        let room = &mut dst[written..];
        let slot = match frame.content_size.map(usize::try_from) {
            None => room,
            Some(Ok(size)) if size <= room.len() => &mut room[..size],
            Some(_) => {
                let what = format!("it does not fit into the {} bytes left", room.len());
                return Err(frame.error(ErrorKind::BufferTooSmall, what));
            }
        };
        written += self::frame(src, &frame, slot, decoder, options, progress)?;
    }
    Ok(written)
}

/// `None`: libzstd has to decode the frame, from its start. Nobody else is free, or the frame is not one for the
/// block decoder, or something about it is odd, which libzstd shall tell.
fn in_lanes(
    data: &[u8],
    frame: &Frame,
    dst: &mut [MaybeUninit<u8>],
    options: &Options<'_>,
    progress: &CallProgress<'_>,
) -> Result<Option<usize>> {
    let long = frame.content_size.unwrap_or(frame.most) >= SMALLEST && frame.len >= SHORTEST;
    let Some(header) = blocks::header_of(frame).filter(|_| long && options.dict.is_none()) else {
        return Ok(None);
    };
    let lanes = job::lanes_left(options.max_lanes)?;
    if lanes < 2 {
        return Ok(None);
    }
    // Each lane of the call may decode a frame of its own in this way.
    let memory = (blocks::memory(lanes) + decode::memory()) * lanes as usize;
    let Ok(control) = options.control(1, memory) else {
        return Ok(None); // there is not memory enough for it
    };
    let slots: Result<Vec<_>> = (0..blocks::slots(lanes))
        .map(|_| InUse::<Slot>::take(blocks::SLOT_MEMORY, 0).map(Mutex::new))
        .collect();
    let slots = slots?;
    let counted = AtomicU64::new(0);
    let step = |len: usize| {
        counted.fetch_add(len as u64, Ordering::Relaxed);
        progress.add(len)
    };
    let written = blocks::decode(&data[frame.range()], &header, dst, &slots, &step, |lane| {
        job::run_tasks(lanes as usize, &control, |_, _| {
            lane();
            Ok(())
        })
    })?;
    if written.is_none() {
        progress.repeat(counted.into_inner());
    }
    Ok(written)
}

/// Decodes a frame that is all of `data` by the block decoder, in one lane, whatever its size; `None`: it is left to
/// libzstd. For the fuzzer.
#[cfg(fuzzing)]
pub fn decode_blocks(data: &[u8], dst: &mut [MaybeUninit<u8>]) -> Option<usize> {
    let frame = Frames::new(data).next()?.ok().filter(|frame| frame.len == data.len() && !frame.skippable)?;
    let header = blocks::header_of(&frame)?;
    let slots: Vec<_> = (0..4).map(|_| Mutex::new(Box::new(Slot::new()))).collect();
    blocks::decode(data, &header, dst, &slots, &|_| Ok(()), |lane| {
        lane();
        Ok(())
    })
    .expect("no step fails")
}

/// The same by parts of up to `count` blocks, as files are decoded.
#[cfg(fuzzing)]
pub fn decode_parts(data: &[u8], count: usize) -> Option<Vec<u8>> {
    blocks::parts::decode_in_parts(data, count)
}

static FORGET: ChildHook = ChildHook::new(forget_after_fork);
static SLOTS: ContextCache<Slot> = ContextCache::new(&FORGET);

impl Cached for Slot {
    fn create() -> Option<Self> {
        Some(Self::new())
    }

    fn size(&self) -> usize {
        self.memory()
    }

    fn reset(&mut self) -> bool {
        true // each block overwrites what it needs
    }

    fn has_life_for(&self, _: u64) -> bool {
        true
    }

    fn cache() -> &'static ContextCache<Self> {
        &SLOTS
    }
}

/// See `ContextCache::forget`.
fn forget_after_fork() {
    SLOTS.forget();
}
