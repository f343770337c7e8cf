//! Decoding one frame, straight into its place: in one call of libzstd, or, where the frame is long or does not tell its size, in
//! steps of whole blocks, between which the call can be cancelled.
#![forbid(unsafe_code)]

use super::contexts::Held;
use super::failure;
use super::frame::{Blocks, Frame};
use super::raw::{self, Uninit};
use super::watch::Watch;
use crate::error::{ErrorKind, Result};
use std::mem::MaybeUninit;
use std::ops::Range;
use zstd::zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer, WriteBuf};

/// Frames that decode to more are decoded in steps.
const LONG: u64 = 64 << 20;
/// Bytes that a step can decode to.
const STEP: u64 = 1 << 20;
/// The largest window that libzstd decodes in steps, though in its place it needs no memory for it.
const LARGEST_WINDOW_LOG: u32 = if usize::BITS < 64 { 30 } else { 31 };
/// A context that works in steps has room for one block.
const BUFFERS: usize = (128 << 10) + (4 << 10);

/// The most memory that a lane needs.
pub(super) fn memory() -> usize {
    raw::decompressor_size() + BUFFERS
}

/// Decodes `frame` of `data`; returns how many bytes of `dst` are written. For a frame that tells its size, `dst` has that size.
pub(super) fn frame(
    data: &[u8],
    frame: &Frame,
    dst: &mut [MaybeUninit<u8>],
    watch: &Watch<'_>,
) -> Result<usize> {
    let mut context = Held::<DCtx<'static>>::take(memory(), frame.len as u64)?;
    let room = dst.len();
    let mut dst = Uninit::new(dst);
    match frame.content_size {
        Some(size) if size <= LONG || frame.window > 1 << LARGEST_WINDOW_LOG => {
            let result = context.decompress(&mut dst, &data[frame.range()]);
            let written = result.map_err(|code| failure::decoding(code, frame, room))?;
            if written as u64 != size {
                return Err(frame.error(ErrorKind::Corrupt, "it holds less than it declares"));
            }
            watch.add(written)?;
            Ok(written)
        }
        _ => in_steps(&mut context, data, frame, &mut dst, watch),
    }
}

fn in_steps(
    context: &mut DCtx<'_>,
    data: &[u8],
    frame: &Frame,
    dst: &mut Uninit<'_>,
    watch: &Watch<'_>,
) -> Result<usize> {
    let room = dst.capacity();
    let fail = |code| failure::decoding(code, frame, room);
    // The output stays where it is, so libzstd finds its window there and needs none of its own.
    context.set_parameter(DParameter::StableOutBuffer(true)).map_err(fail)?;
    context.set_parameter(DParameter::WindowLogMax(LARGEST_WINDOW_LOG)).map_err(fail)?;
    let mut out = OutBuffer::around(dst);
    let mut wanted = 0;
    for step in Steps::new(data, frame) {
        let mut input = InBuffer::around(&data[step]);
        while input.pos < input.src.len() {
            let before = (input.pos, out.pos());
            wanted = context.decompress_stream(&mut out, &mut input).map_err(fail)?;
            if (input.pos, out.pos()) == before {
                return Err(frame.error(ErrorKind::Corrupt, "its blocks do not end where they should"));
            }
            watch.add(out.pos() - before.1)?;
        }
    }
    match wanted {
        0 => Ok(out.pos()),
        _ => Err(frame.error(ErrorKind::Corrupt, "it does not end where it should")),
    }
}

/// A frame's bytes, in pieces that begin and end with blocks, so that libzstd need not copy halves of blocks.
struct Steps<'d> {
    blocks: Blocks<'d>,
    at: usize,
    end: usize,
}

impl<'d> Steps<'d> {
    fn new(data: &'d [u8], frame: &Frame) -> Self {
        Self { blocks: frame.blocks(data), at: frame.offset, end: frame.range().end }
    }
}

impl Iterator for Steps<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let begin = self.at;
        let mut most = 0;
        while most < STEP {
            match self.blocks.next() {
                Some(Ok(block)) => {
                    self.at = block.offset + block.len;
                    most += block.most;
                }
                // No more blocks: the checksum is left, and has to go with the last block.
                _ => {
                    self.at = self.end;
                    break;
                }
            }
        }
        (begin < self.end).then_some(begin..self.at)
    }
}
