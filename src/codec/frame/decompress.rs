//! Whether a frame is decoded by several lanes, and how.
#![forbid(unsafe_code)]

use super::blocks::{self, Header, Slot};
use crate::codec::context::cache::{Cached, ContextCache, InUse};
use crate::codec::format::frame::Frame;
use crate::codec::options::progress::CallProgress;
use crate::codec::options::Options;
use crate::error::Result;
use crate::job;
use crate::os::fork::ChildHook;
use std::mem::MaybeUninit;
use std::sync::Mutex;

/// Frames that decode to less are over before several lanes are at work.
const SMALLEST: u64 = 2 << 20;

/// Decodes `frame` of `data`, which has been checked with the same options and tells its size, into `dst`,
/// which has that size, where several lanes can do it at the same time. `None`: libzstd has to decode it,
/// from its start, because nobody else is free, because the frame is not one for this decoder, or because
/// something about it is odd, which libzstd shall tell.
pub(crate) fn in_lanes(
    data: &[u8],
    frame: &Frame,
    dst: &mut [MaybeUninit<u8>],
    options: &Options<'_>,
    progress: &CallProgress<'_>,
) -> Result<Option<usize>> {
    let long = frame.content_size.is_some_and(|size| size >= SMALLEST);
    let window = frame.window.min(frame.content_size.unwrap_or(u64::MAX));
    if !long || frame.dictionary != 0 || options.dict.is_some() || window > blocks::LARGEST_WINDOW {
        return Ok(None);
    }
    let lanes = job::lanes_left(options.max_lanes)?;
    if lanes < 2 {
        return Ok(None);
    }
    let Ok(control) = options.control(1, blocks::memory(lanes)) else {
        return Ok(None); // there is not memory enough for it
    };
    let header = Header {
        blocks_at: frame.header_len,
        window: frame.window,
        content_size: frame.content_size,
        checksum: frame.checksum,
    };
    let slots: Result<Vec<_>> = (0..blocks::slots(lanes))
        .map(|_| InUse::<Slot>::take(blocks::SLOT_MEMORY, 0).map(Mutex::new))
        .collect();
    let slots = slots?;
    let step = |len: usize| progress.add(len);
    blocks::decode(&data[frame.range()], &header, dst, &slots, &step, |lane| {
        job::run_tasks(lanes as usize, &control, |_, _| {
            lane();
            Ok(())
        })
    })
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
