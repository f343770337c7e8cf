//! Decoding one frame, straight into its slot: in one call of libzstd, or, if the frame is long or does not
//! tell its size, in steps of whole blocks. Between two steps the call can be cancelled.
#![forbid(unsafe_code)]

use super::cache::Cached;
use super::contexts::Decompressor;
use super::in_use::InUse;
use crate::codec::format::frame::{Blocks, Frame, LARGEST_BLOCK};
use crate::codec::libzstd::calls;
use crate::codec::libzstd::errors;
use crate::codec::options::progress::CallProgress;
use crate::codec::options::reference::{Reference, References};
use crate::codec::options::Options;
use crate::error::{Error, ErrorKind, Result};
use crate::trace::{self, Kind, Mark};
use std::ops::Range;
use zstd::zstd_safe::{self, DCtx, DParameter, InBuffer, OutBuffer, WriteBuf};

/// Frames that decode to more bytes are decoded in steps: so many take some hundredths of a second.
const LONG: u64 = 8 << 20;
/// The most bytes that one step decodes to.
const STEP: u64 = 1 << 20;
/// The largest window that libzstd decodes in steps, though it needs no memory for a window that is in the
/// output slot.
pub(crate) const LARGEST_WINDOW_LOG: u32 = if usize::BITS < 64 { 30 } else { 31 };
/// A context that works in steps has room for one block.
const BUFFERS: usize = (128 << 10) + (4 << 10);

/// The most memory that a lane needs.
pub(crate) fn memory() -> usize {
    calls::decompressor_size() + BUFFERS
}

/// Decodes frames one after the other.
pub(crate) struct Decoder<'o> {
    /// Taken for the first frame.
    context: Option<InUse<Decompressor>>,
    references: References<'o>,
    /// What the context is prepared for, if it is: another frame that refers to the same.
    ready: Option<Option<Reference<'o>>>,
}

impl<'o> Decoder<'o> {
    /// A decoder for frames that have been checked with the same options.
    pub(crate) fn new(options: &Options<'o>) -> Self {
        Self::referring(options.references())
    }

    /// The same for frames that may refer to these.
    pub(crate) fn referring(references: References<'o>) -> Self {
        Self { context: None, references, ready: None }
    }

    /// The context, prepared for a frame.
    fn prepare(&mut self, frame: &Frame) -> Result<&mut Decompressor> {
        let wanted = self.references.of(frame.dictionary);
        let ready = match (self.ready.take(), &wanted) {
            (Some(None), None) => true,
            (Some(Some(before)), Some(wanted)) => before.serves(wanted),
            _ => false,
        };
        if !ready && !self.context.as_mut().is_some_and(|context| context.reset()) {
            self.context = None;
        }
        let context = match &mut self.context {
            Some(context) => context,
            none => none.insert(InUse::take(memory(), 0)?),
        };
        if !ready {
            let code = |code| Error::new(ErrorKind::Internal, zstd_safe::get_error_name(code));
            context.refer_to(wanted).map_err(code)?;
        }
        Ok(context)
    }

    /// Decodes `frame` of `data`; returns how many bytes of `dst` are written. For a frame that tells its
    /// size, `dst` has that size.
    pub(crate) fn frame(
        &mut self,
        data: &[u8],
        frame: &Frame,
        dst: &mut (impl WriteBuf + ?Sized),
        progress: &CallProgress<'_>,
    ) -> Result<usize> {
        let mark = Mark::now(trace::CODEC);
        let result = self.decode(data, frame, dst, progress);
        let size = *result.as_ref().unwrap_or(&0) as u64;
        mark.end(Kind::DecompressFrame, [frame.len as u64, size, 0, 0, 0]);
        result.map_err(|error| or_other_reference(error, frame, self.references))
    }

    /// Decodes the blocks of a damaged frame that come before the damage, as far as `dst` has room; returns
    /// how many bytes of `dst` they are.
    pub(crate) fn whole_blocks(
        &mut self,
        data: &[u8],
        frame: &Frame,
        dst: &mut (impl WriteBuf + ?Sized),
    ) -> usize {
        self.ready = None;
        let Ok(context) = self.prepare(frame) else { return 0 };
        let context = context.context();
        for parameter in [DParameter::StableOutBuffer(true), DParameter::WindowLogMax(LARGEST_WINDOW_LOG)] {
            if context.set_parameter(parameter).is_err() {
                return 0;
            }
        }
        let mut out = OutBuffer::around(dst);
        let data = &data[frame.range()];
        for step in ByBlock::new(data, frame.header_len, frame) {
            let mut input = InBuffer::around(&data[step]);
            while input.pos < input.src.len() {
                let before = (input.pos, out.pos());
                let stepped = context.decompress_stream(&mut out, &mut input);
                if stepped.is_err() || (input.pos, out.pos()) == before {
                    return out.pos();
                }
            }
        }
        out.pos()
    }

    fn decode(
        &mut self,
        data: &[u8],
        frame: &Frame,
        dst: &mut (impl WriteBuf + ?Sized),
        progress: &CallProgress<'_>,
    ) -> Result<usize> {
        let room = dst.capacity();
        let context = self.prepare(frame)?;
        match frame.content_size {
            Some(size) if size <= LONG || frame.window > 1 << LARGEST_WINDOW_LOG => {
                let result = context.decompress(dst, &data[frame.range()]);
                let written = result.map_err(|code| errors::decoding(code, frame, room))?;
                if written as u64 != size {
                    return Err(errors::wrong_size(frame, "it holds less than it declares"));
                }
                self.ready = Some(self.references.of(frame.dictionary));
                progress.add(written)?;
                Ok(written)
            }
            _ => in_steps(context.context(), data, frame, dst, progress),
        }
    }
}

/// The error about a frame of which only the caller says that it needs this dictionary, or prefix: no error
/// code tells a wrong one from damage.
pub(crate) fn or_other_reference(error: Error, frame: &Frame, references: References<'_>) -> Error {
    or_made_with(error, other_reference(frame, references))
}

/// What the frame may have been made with another one of, as only the caller says that it needs this one.
pub(crate) fn other_reference(frame: &Frame, references: References<'_>) -> Option<&'static str> {
    let other = if references.prefix.is_some() { "prefix" } else { "dictionary" };
    (frame.dictionary == 0 && references.of(0).is_some()).then_some(other)
}

/// See `or_other_reference`.
pub(crate) fn or_made_with(error: Error, other: Option<&'static str>) -> Error {
    let is_damage = matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Checksum);
    let Some(other) = other.filter(|_| is_damage) else { return error };
    let what = format!("{}; or it was made with another {other}, or none", error.message());
    Error::new(error.kind(), what).with_code(error.code()).at(error.position().unwrap_or_default())
}

fn in_steps(
    context: &mut DCtx<'_>,
    data: &[u8],
    frame: &Frame,
    dst: &mut (impl WriteBuf + ?Sized),
    progress: &CallProgress<'_>,
) -> Result<usize> {
    let room = dst.capacity();
    let fail = |code| errors::decoding(code, frame, room);
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
            progress.add(out.pos() - before.1)?;
        }
    }
    match wanted {
        0 if frame.content_size.is_some_and(|size| size != out.pos() as u64) => {
            Err(errors::wrong_size(frame, ""))
        }
        0 => Ok(out.pos()),
        _ => Err(frame.error(ErrorKind::Corrupt, "it does not end where it should")),
    }
}

/// A frame's bytes, in parts that begin and end with blocks, so that libzstd need not copy halves of blocks.
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
                // No more blocks: only the checksum is left, and it has to go with the last block.
                _ => {
                    self.at = self.end;
                    break;
                }
            }
        }
        (begin < self.end).then_some(begin..self.at)
    }
}

/// The bytes of a frame, or of whole blocks of it, block by block: where libzstd fails it gives out nothing
/// of the same call.
pub(crate) struct ByBlock<'d> {
    blocks: Blocks<'d>,
    at: usize,
    header: usize,
}

impl<'d> ByBlock<'d> {
    /// `data` begins with `header` bytes of the frame's header.
    pub(crate) fn new(data: &'d [u8], header: usize, frame: &Frame) -> Self {
        let largest = frame.window.min(LARGEST_BLOCK);
        Self { blocks: Blocks { data, at: header, largest, ended: false }, at: 0, header }
    }
}

impl Iterator for ByBlock<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let begin = self.at;
        self.at = if begin < self.header {
            self.header
        } else {
            match self.blocks.next() {
                Some(Ok(block)) => block.offset + block.len,
                _ => self.blocks.data.len(), // the checksum
            }
        };
        (begin < self.at).then_some(begin..self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::format::frame::Frames;
    use std::sync::atomic::AtomicI32;

    /// A cancelled frame is left behind its first step.
    #[test]
    fn cancelled_between_steps() {
        let data: Vec<u8> =
            (0..LONG as u32 + 1).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8 | 1).collect();
        let packed = zstd::bulk::compress(&data, 1).unwrap();
        let frame = Frames::new(&packed).next().unwrap().unwrap();
        let flag = AtomicI32::new(1);
        let mut out = vec![0u8; data.len()];
        let mut decoder = Decoder::new(&Options::default());
        let cancelled = decoder.frame(&packed, &frame, &mut out[..], &CallProgress::cancel_only(&flag));
        assert_eq!(cancelled.unwrap_err().kind(), ErrorKind::Cancelled);
        assert!(out[2 * STEP as usize..].iter().all(|&byte| byte == 0));
    }
}
