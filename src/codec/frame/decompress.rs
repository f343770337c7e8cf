//! Frames of a buffer: whether one is decoded by several lanes, and how.
#![forbid(unsafe_code)]

use super::blocks::{self, Slot};
use crate::codec::context::cache::{Cached, ContextCache};
use crate::codec::context::decode::{self, Decoder};
use crate::codec::context::in_use::InUse;
use crate::codec::format::frame::{Frame, Frames, LARGEST_BLOCK};
use crate::codec::libzstd::calls::Uninit;
#[cfg(fuzzing)]
use crate::codec::options::dict::Dict;
use crate::codec::options::limits;
use crate::codec::options::progress::CallProgress;
#[cfg(fuzzing)]
use crate::codec::options::reference::Reference;
use crate::codec::options::Options;
use crate::error::{ErrorKind, Result};
use crate::job::{self, Control};
use crate::os::float_env::FloatEnv;
use crate::os::fork::ChildHook;
use crate::trace::{self, Kind, Mark};
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Mutex;

/// Frames that decode to less are over before several lanes are at work.
const SMALLEST: u64 = 2 << 20;
/// So are shorter ones, which are mostly repetitions.
pub(crate) const SHORTEST: usize = 64 << 10;
/// Blocks of fewer bytes, on average, cost the lanes more to share out than to decode.
const SMALLEST_BLOCK: u64 = 2 << 10;

/// Decodes `frame` of `data`, which has been checked with the same options, into `dst`: in several lanes if
/// there are CPUs for them, else with `decoder`. Returns how many bytes of `dst` are written. For a frame
/// that tells its size, `dst` has that size.
pub(crate) fn frame(
    data: &[u8],
    frame: &Frame,
    dst: &mut [MaybeUninit<u8>],
    decoder: &mut Decoder<'_>,
    options: &Options<'_>,
    progress: &CallProgress<'_>,
) -> Result<usize> {
    let mark = Mark::now(trace::CODEC);
    match in_lanes(data, frame, dst, options, progress)? {
        Some(written) => {
            mark.end(Kind::DecompressFrame, [frame.len as u64, written as u64, 0, 0, 0]);
            Ok(written)
        }
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
    frames_and(src, frames, dst, decoder, options, progress, |_, _| Ok(()))
}

/// The same; calls `done` for each frame with what it was decoded to.
pub(crate) fn frames_and(
    src: &[u8],
    frames: Frames<'_>,
    dst: &mut [MaybeUninit<u8>],
    decoder: &mut Decoder<'_>,
    options: &Options<'_>,
    progress: &CallProgress<'_>,
    mut done: impl FnMut(&Frame, &[MaybeUninit<u8>]) -> Result<()>,
) -> Result<usize> {
    let mut written = 0;
    for frame in frames {
        let frame = frame?;
        limits::check(&frame, options)?;
        if frame.skippable {
            done(&frame, &[])?;
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
        let len = self::frame(src, &frame, slot, decoder, options, progress)?;
        done(&frame, &dst[written..written + len])?;
        written += len;
    }
    Ok(written)
}

/// `None`: libzstd has to decode the frame, from its start. Nobody else is free, or the frame is not one for
/// the block decoder, or something about it is odd, which libzstd shall tell.
fn in_lanes(
    data: &[u8],
    frame: &Frame,
    dst: &mut [MaybeUninit<u8>],
    options: &Options<'_>,
    progress: &CallProgress<'_>,
) -> Result<Option<usize>> {
    let long = frame.content_size.unwrap_or(frame.most) >= SMALLEST
        && frame.len >= SHORTEST
        && frame.len as u64 / SMALLEST_BLOCK >= frame.most / LARGEST_BLOCK;
    if !long {
        return Ok(None);
    }
    let dictionary = match options.references().of(frame.dictionary) {
        None => None,
        Some(reference) => match reference.dictionary() {
            Some(dictionary) => Some(dictionary),
            None => return Ok(None),
        },
    };
    let outside = dictionary.as_ref().map_or(0, |dictionary| dictionary.content().len());
    let Some(header) = blocks::header_after(frame, outside) else { return Ok(None) };
    let Some(lanes) = affordable(job::lanes_left(options.max_lanes), options.max_memory) else {
        return Ok(None);
    };
    let control = Control { max_lanes: lanes, cancel: options.cancel, ..Control::default() };
    let slots: Result<Vec<_>> = (0..blocks::slots(lanes))
        .map(|_| InUse::<Slot>::take(blocks::SLOT_MEMORY, 0).map(Mutex::new))
        .collect();
    let slots = slots?;
    let counted = AtomicU64::new(0);
    let step = |len: usize| {
        counted.fetch_add(len as u64, Ordering::Relaxed);
        progress.add(len)
    };
    let written =
        blocks::decode(&data[frame.range()], &header, dictionary.as_ref(), dst, &slots, &step, |lane| {
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

/// So many of `lanes` as there is memory for, beside a context of libzstd; `None`: not two.
fn affordable(lanes: u32, max_memory: u64) -> Option<u32> {
    let fits =
        |lanes: &u32| max_memory == 0 || (blocks::memory(*lanes) + decode::memory()) as u64 <= max_memory;
    (2..=lanes).rev().find(fits)
}

/// How many of the frames, or groups of frames, that decode to so many bytes are best decoded at the same
/// time, and in how many lanes each of them.
pub(crate) fn split_lanes(sizes: impl Iterator<Item = u64> + Clone, options: &Options<'_>) -> (u32, u32) {
    // Where no CPU is idle, or all frames are small, each has one lane.
    let pays = sizes.clone().any(|size| size >= SMALLEST);
    match if pays { job::lanes_left(options.max_lanes) } else { 1 } {
        1 => (options.max_lanes, 1),
        lanes => best_split(sizes, lanes),
    }
}

fn best_split(sizes: impl Iterator<Item = u64>, lanes: u32) -> (u32, u32) {
    let (mut count, mut largest, mut large, mut small) = (0u32, 0, 0u64, 0u64);
    for size in sizes {
        count = count.saturating_add(1);
        largest = size.max(largest);
        let all = if size >= SMALLEST { &mut large } else { &mut small };
        *all = all.saturating_add(size);
    }
    let time = |outer: u32| {
        // By what a frame gains: not all of its work can be shared out.
        let speed = (f64::from(lanes / outer) * 0.8).clamp(1.0, 4.0);
        let even = (large as f64 / speed + small as f64) / f64::from(outer);
        even.max(largest as f64 / speed)
    };
    let most = lanes.min(count).max(1);
    let best = FloatEnv::for_ourselves(|| {
        (1..=most).rev().min_by(|&one, &other| time(one).total_cmp(&time(other))).unwrap_or(1)
    });
    (best, lanes / best)
}

/// The same for `count` tasks of which nothing else is known: side by side, and lanes that are left over
/// shared evenly.
pub(crate) fn split_evenly(count: usize, options: &Options<'_>) -> (u32, u32) {
    let lanes = job::lanes_left(options.max_lanes);
    let outer = u32::try_from(count).unwrap_or(u32::MAX).clamp(1, lanes);
    (outer, lanes / outer)
}

/// Decodes a frame that is all of `data` by the block decoder, in one lane, whatever its size; `None`: it is
/// left to libzstd. For the fuzzer.
#[cfg(fuzzing)]
pub fn decode_blocks(data: &[u8], dst: &mut [MaybeUninit<u8>], dict: Option<&Dict>) -> Option<usize> {
    let frame = Frames::new(data).next()?.ok().filter(|frame| frame.len == data.len() && !frame.skippable)?;
    let dictionary = match dict {
        Some(dict) => Some(Reference::Dict(dict).dictionary()?),
        None => None,
    };
    let outside = dictionary.as_ref().map_or(0, |dictionary| dictionary.content().len());
    let named = dict.map_or(0, Dict::id);
    let header = blocks::header_after(&frame, outside)
        .filter(|_| frame.dictionary == 0 || frame.dictionary == named)?;
    let slots: Vec<_> = (0..4).map(|_| Mutex::new(Box::new(Slot::new()))).collect();
    blocks::decode(data, &header, dictionary.as_ref(), dst, &slots, &|_| Ok(()), |lane| {
        lane();
        Ok(())
    })
    .expect("no step fails")
}

/// The same by parts of up to `count` blocks, as files are decoded.
#[cfg(fuzzing)]
pub fn decode_parts(data: &[u8], count: usize) -> Option<(Vec<u8>, std::result::Result<(), i32>)> {
    super::resume::decode_in_parts(data, count, true, None)
}

/// Where the header, the blocks and the checksum of a frame that is all of `data` end, from 0 on.
#[cfg(fuzzing)]
pub fn block_ends(data: &[u8]) -> Vec<usize> {
    let Some(Ok(frame)) = Frames::new(data).next() else { return Vec::new() };
    let blocks = frame.blocks(data).flatten().map(|block| block.offset + block.len);
    [0, frame.header_len].into_iter().chain(blocks).chain([frame.len]).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_are_shared_between_frames_and_within_them() {
        const MB: u64 = 1 << 20;
        let split = |sizes: &[u64], lanes| best_split(sizes.iter().copied(), lanes);
        assert_eq!(split(&[100 * MB], 2), (1, 2));
        assert_eq!(split(&[100 * MB, 10], 2), (1, 2)); // the small one waits
        assert_eq!(split(&[100 * MB, 100 * MB], 2), (2, 1));
        assert_eq!(split(&[100 * MB; 24], 24), (24, 1));
        assert_eq!(split(&[100 * MB; 100], 24), (24, 1));
        assert_eq!(split(&[100 * MB; 3], 24), (3, 8));
        assert_eq!(split(&[MB; 4], 2), (2, 1));
        assert_eq!(split(&[], 2), (1, 2));
        // Never more threads than the call may have.
        for lanes in 2..40 {
            for count in 1..50 {
                let sizes: Vec<_> = (0..count).map(|number| (number * number % 17) * MB).collect();
                let (outer, inner) = split(&sizes, lanes);
                assert!(outer >= 1 && inner >= 1 && outer * inner <= lanes, "{count} frames, {lanes} lanes");
            }
        }
    }

    #[test]
    fn lanes_that_memory_allows() {
        let need = |lanes| (blocks::memory(lanes) + decode::memory()) as u64;
        assert_eq!(affordable(24, 0), Some(24));
        assert_eq!(affordable(1, 0), None);
        assert_eq!(affordable(24, need(24)), Some(24));
        assert_eq!(affordable(24, need(5)), Some(5));
        assert_eq!(affordable(24, need(2) - 1), None);
    }
}
