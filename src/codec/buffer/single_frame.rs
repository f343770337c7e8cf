//! Compressing a buffer to a single frame in several lanes: by sections, each in an output slot of its own.
#![forbid(unsafe_code)]

use super::compress::{squeeze, Room};
use super::frame_layout::FrameLayout;
use super::output::{Output, OutputSlot};
use crate::codec::context;
use crate::codec::context::cache::Cached;
use crate::codec::context::contexts::SectionCompressor;
use crate::codec::frame::sections::{Checksum, Sections};
use crate::codec::libzstd::calls::{self, Uninit};
use crate::codec::options::progress::CallProgress;
use crate::codec::options::Options;
use crate::error::Result;
use crate::job;
use std::mem::MaybeUninit;

/// Compresses `src` into `dst`; returns how many bytes are written.
pub(super) fn compress(
    src: &[u8],
    dst: &mut [MaybeUninit<u8>],
    room: &Room,
    options: &Options<'_>,
    layout: FrameLayout,
    sections: &Sections,
) -> Result<usize> {
    let scratch = if room.is_tight() { Sections::bound(sections.len()) } else { 0 };
    let control = options.control(sections.memory(), scratch + Output::bookkeeping(&layout))?;
    let progress = CallProgress::new(options, Some(src.len() as u64));
    let lanes = layout.frames().min(context::lanes(control.max_lanes)? as usize);
    let _lease = SectionCompressor::cache().reserve(lanes, sections.memory());

    let middle = layout.head()..room.capacity.saturating_sub(layout.tail());
    let slots = dst.get_mut(middle).ok_or_else(|| room.error(0))?;
    let output = Output::new(slots, layout)?;
    let checksum = Checksum::new(src, options.checksum);
    job::run_tasks(layout.frames(), &control, |index, _lane| {
        let part = layout.range(index);
        checksum.advance(part.end);
        let before = part.start.min(sections.overlap());
        let data = &src[part.start - before..part.end];
        let encode =
            |dst: &mut [MaybeUninit<u8>]| sections.encode(data, before, &mut Uninit::new(dst), &progress);
        let mut claim = output.claim(index);
        let size = match claim.slot()? {
            OutputSlot::Slot(dst) => Some(encode(dst)?),
            OutputSlot::Rest(dst) => squeeze(part.len(), dst, |scratch| encode(scratch).map(Some))?,
        };
        claim.finish(size.ok_or_else(|| room.error(0))?);
        Ok(())
    })?;
    let (written, _) = output.into_sizes();

    let heading = sections.heading();
    let (header, header_len) = heading.header();
    let (end, end_len) = heading.end(checksum.finish().unwrap_or(0));
    calls::copy(&header[..header_len], &mut dst[..header_len]);
    let written = header_len + written;
    calls::copy(&end[..end_len], &mut dst[written..written + end_len]);
    progress.finish(src.len() as u64)?;
    Ok(written + end_len)
}
