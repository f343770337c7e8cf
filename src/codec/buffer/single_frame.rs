//! Compressing a buffer to a single frame in several lanes: by sections, each in an output slot of its own.
#![forbid(unsafe_code)]

use super::compress::{add_table, squeeze, Room};
use super::frame_layout::FrameLayout;
use super::output::{Output, OutputSlot};
use crate::codec::context;
use crate::codec::context::cache::Cached;
use crate::codec::context::contexts::SectionCompressor;
use crate::codec::frame::sections::{Checksum, Sections};
use crate::codec::libzstd::calls::{self, Uninit};
use crate::codec::options::progress::CallProgress;
use crate::codec::options::Options;
use crate::error::{Error, ErrorKind, Result};
use crate::job;
use crate::memory;
use std::mem::MaybeUninit;

/// Compresses `src` into `dst`; returns how many bytes are written.
pub(super) fn compress(
    src: &[u8],
    dst: &mut [MaybeUninit<u8>],
    room: &Room,
    options: &Options<'_>,
    progress: &CallProgress<'_>,
    layout: FrameLayout,
    sections: &Sections,
) -> Result<usize> {
    let scratch = if room.is_tight() { Sections::bound(sections.len()) } else { 0 };
    let joined = Joined::len(src, options)?;
    let fixed = scratch + Output::bookkeeping(&layout) + joined;
    let control = options.control(sections.memory(), fixed)?;
    let lanes = layout.frames().min(context::lanes(control.max_lanes)? as usize);
    let _lease = SectionCompressor::cache().reserve(lanes, sections.memory());

    let middle = layout.head()..room.capacity.saturating_sub(layout.tail());
    let slots = dst.get_mut(middle).ok_or_else(|| room.error(0))?;
    let output = Output::new(slots, layout.clone())?;
    let checksum = Checksum::new(src, options.checksum);
    let joined = Joined::new(src, options)?;
    job::run_tasks(layout.frames(), &control, |index, _lane| {
        let part = layout.range(index);
        checksum.advance(part.end);
        let (all, at) = joined.get();
        let before = (at + part.start).min(sections.overlap());
        let data = &all[at + part.start - before..at + part.end];
        let encode =
            |dst: &mut [MaybeUninit<u8>]| sections.encode(data, before, &mut Uninit::new(dst), progress);
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
    let written = written + end_len;
    let written = add_table(dst, written, &layout, [(written as u32, src.len() as u32)].into_iter()); // checked
    progress.finish(src.len() as u64)?;
    Ok(written)
}

/// The content behind its prefix, if it has one: libzstd finds matches only in what lies before a section.
enum Joined<'s> {
    Content(&'s [u8]),
    Both { all: Vec<u8>, prefix: usize },
}

impl<'s> Joined<'s> {
    /// The memory that it takes.
    fn len(src: &[u8], options: &Options<'_>) -> Result<usize> {
        match options.references().prefix_len() {
            0 => Ok(0),
            prefix => prefix.checked_add(src.len()).ok_or_else(|| {
                Error::new(ErrorKind::OutOfMemory, "no memory for the prefix and the content together")
            }),
        }
    }

    fn new(src: &'s [u8], options: &Options<'_>) -> Result<Self> {
        let Some(prefix) = options.prefix else { return Ok(Self::Content(src)) };
        let mut all = Vec::new();
        memory::reserve(&mut all, Self::len(src, options)?)?;
        all.extend_from_slice(prefix.bytes());
        all.extend_from_slice(src);
        Ok(Self::Both { all, prefix: prefix.len() })
    }

    /// All of it, and where the content begins.
    fn get(&self) -> (&[u8], usize) {
        match self {
            Self::Content(src) => (src, 0),
            Self::Both { all, prefix } => (all, *prefix),
        }
    }
}
