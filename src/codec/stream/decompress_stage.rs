//! The decompress stage: what the job engine's pipeline does to each task of a stream that is decompressed.
#![forbid(unsafe_code)]

use super::buffers::{self, Buffer, Buffers, Meter, Side};
use super::memory_plan::with_headroom;
use super::splitter::{BlocksOf, DecompressTask, Kind};
use super::table_checks::{Content, Found};
use crate::codec::context::contexts::Decompressor;
use crate::codec::context::decode::{self, ByBlock, Decoder};
use crate::codec::context::in_use::InUse;
use crate::codec::format::frame::{Frame, Frames};
use crate::codec::frame::blocks::parts::Part;
use crate::codec::frame::blocks::{self, Slot};
use crate::codec::libzstd::errors;
use crate::codec::options::progress::CallProgress;
use crate::codec::options::reference::KeptReferences;
use crate::error::{Error, ErrorKind, Result};
use crate::job::Stage;
use crate::trace::{self, Kind as Traced, Mark};
use std::io::Cursor;
use std::sync::atomic::AtomicI32;
use std::sync::{Arc, Mutex, PoisonError};
use zstd::zstd_safe::{DParameter, InBuffer, OutBuffer};

/// The result of a task.
pub(crate) struct Decompressed {
    pub(crate) bytes: Buffer,
    /// The bytes of the compressed data.
    pub(crate) consumed: usize,
    /// The frames that ended in the task.
    pub(crate) frames: u64,
    /// The error of the frame after those.
    pub(crate) failure: Option<Error>,
    /// A part that is still to be executed.
    pub(crate) part: Option<DecodedPart>,
    /// What was decoded, where that is compared with a seek table.
    pub(crate) content: Option<Content>,
}

/// A part of a frame whose blocks are decoded.
pub(crate) struct DecodedPart {
    pub(crate) of: BlocksOf,
    /// The compressed data; literals may still be there.
    pub(crate) data: Buffer,
    pub(crate) blocks: Part<InUse<Slot>>,
    _counted: buffers::Counted,
}

/// See the module.
pub(crate) struct DecompressStage {
    pub(crate) meter: Arc<Meter>,
    pub(crate) buffers: Buffers,
    pub(crate) references: KeptReferences,
    /// Where what is decoded is compared with a seek table: the most entries of a table that is read.
    pub(crate) most_seen: Option<usize>,
    /// The largest window that is decoded, as a power of two.
    pub(crate) window_log_max: u32,
    /// The context of a frame that is decoded in parts.
    pub(crate) parts: Mutex<Option<InParts>>,
}

/// A frame that libzstd decodes in parts.
pub(crate) struct InParts {
    context: InUse<Decompressor>,
    _counted: buffers::Counted,
    /// The bytes that it has decoded to.
    total: u64,
}

impl DecompressStage {
    /// Decodes frames up to the end, or to a frame that cannot be decoded; returns how many.
    fn frames(
        &self,
        data: &[u8],
        base: u64,
        first: u64,
        out: &mut Vec<u8>,
        progress: &CallProgress<'_>,
        found: &mut Option<Found>,
    ) -> Result<(u64, Option<Error>)> {
        let _counted = self.meter.hold(decode::memory());
        let mut decoder = Decoder::referring(self.references.get());
        let mut frames = 0;
        for frame in Frames::of_stream(data, base, first) {
            let frame = frame?;
            if frame.skippable {
                if let Some(found) = found {
                    found.add(&frame, data, &[])?;
                }
                continue;
            }
            let before = out.len();
            let mut output = Cursor::new(&mut *out);
            output.set_position(before as u64);
            if let Err(error) = decoder.frame(data, &frame, &mut output, progress) {
                progress.add(0)?; // it may have been cancelled
                let mut output = Cursor::new(&mut *out);
                output.set_position(before as u64);
                let whole = decoder.whole_blocks(data, &frame, &mut output);
                out.truncate(before + whole);
                return Ok((frames, Some(error)));
            }
            if let Some(found) = found {
                found.add(&frame, data, &out[before..])?;
            }
            frames += 1;
        }
        Ok((frames, None))
    }

    fn part(
        &self,
        data: &[u8],
        part: &PartOf<'_>,
        out: &mut Vec<u8>,
        progress: &CallProgress<'_>,
    ) -> Result<()> {
        let PartOf { frame, first, ended, last, memory } = *part;
        let fail = |code| errors::in_stream(code, frame);
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        if first {
            let mut in_use = InUse::<Decompressor>::take(memory, 0)?;
            in_use.refer_to(self.references.get().of(frame.dictionary)).map_err(fail)?;
            in_use.context().set_parameter(DParameter::WindowLogMax(self.window_log_max)).map_err(fail)?;
            *parts = Some(InParts { context: in_use, _counted: self.meter.hold(memory), total: 0 });
        }
        let Some(InParts { context, total, .. }) = parts.as_mut() else {
            return Err(frame.error(ErrorKind::Internal, "its beginning is missing"));
        };
        let mut output = OutBuffer::around(out);
        let mut wanted = 1;
        // Block by block: a call that fails gives out nothing.
        let header = if first { frame.header_len } else { 0 };
        for step in ByBlock::new(data, header, frame) {
            let mut input = InBuffer::around(&data[step]);
            while input.pos < input.src.len() {
                let before = (input.pos, output.pos());
                wanted = context.context().decompress_stream(&mut output, &mut input).map_err(fail)?;
                let stuck = (input.pos, output.pos()) == before;
                if stuck || wanted == 0 && input.pos < input.src.len() {
                    return Err(frame.error(ErrorKind::Corrupt, "its blocks do not end where they should"));
                }
                progress.add(0)?;
            }
        }
        // Damage may follow the last block, of which the splitter tells.
        if last && wanted > 0 || !ended && wanted == 0 {
            return Err(frame.error(ErrorKind::Corrupt, "it does not end where it should"));
        }
        *total += output.pos() as u64;
        let wrong = ended && frame.content_size.is_some_and(|size| size != *total);
        if wanted == 0 {
            *parts = None;
        }
        if wrong {
            return Err(errors::wrong_size(frame, ""));
        }
        Ok(())
    }
}

impl DecompressStage {
    /// Decodes the blocks of a part; they are executed by the owner of the pipeline, in order.
    fn blocks(&self, data: Buffer, of: BlocksOf, progress: &CallProgress<'_>) -> Result<Decompressed> {
        let BlocksOf { ref header, ref carried, first, last, count, .. } = of;
        let take = || InUse::<Slot>::take(blocks::SLOT_MEMORY, 0);
        let blocks = match of.resumed {
            true => Part::left_out(carried),
            false => {
                let mark = Mark::now(trace::CODEC);
                let part = Part::decode(data.filled(), carried, header, count, take, || progress.add(0));
                mark.end(Traced::DecodeBlocks, [count as u64, 0, 0, 0, 0]);
                part?
            }
        };
        let counted = self.meter.hold(blocks.memory());
        let begin = if first { header.blocks_at } else { 0 };
        let consumed = begin + data.len() - carried.bytes().len();
        let content = self.most_seen.map(|_| Content::Part { frame: of.frame, first, last });
        let part = DecodedPart { of, data, blocks, _counted: counted };
        let bytes = self.buffers.take(Side::Output, 0, usize::MAX)?;
        let part = Some(part);
        Ok(Decompressed { bytes, consumed, frames: last.into(), failure: None, part, content })
    }
}

#[derive(Clone, Copy)]
struct PartOf<'f> {
    frame: &'f Frame,
    first: bool,
    ended: bool,
    last: bool,
    memory: usize,
}

impl Stage for DecompressStage {
    type Input = DecompressTask;
    type Output = Decompressed;

    fn run(&self, task: DecompressTask, _lane: u32, cancel: &AtomicI32) -> Result<Decompressed> {
        let progress = CallProgress::cancel_only(cancel);
        let DecompressTask { data, most, kind } = task;
        let kind = match kind {
            Kind::Blocks(of) => return self.blocks(data, of, &progress),
            kind => kind,
        };
        let size = |bytes| usize::try_from(bytes).unwrap_or(usize::MAX);
        let mut bytes = self.buffers.take(Side::Output, size(most), size(with_headroom(most)))?;
        let (mut frames, mut failure) = (0, None);
        let mut found = match (self.most_seen, &kind) {
            (Some(most), Kind::Frames { count, .. }) => Some(Found::new(*count, most, &self.meter)?),
            _ => None,
        };
        bytes.fill(|out| match &kind {
            Kind::Frames { base, first, .. } => {
                (frames, failure) = self.frames(data.filled(), *base, *first, out, &progress, &mut found)?;
                Ok(())
            }
            Kind::Blocks(_) => Ok(()), // seen to above
            Kind::Part { frame, first, ended, last, memory } => {
                let (first, ended, last, memory) = (*first, *ended, *last, *memory);
                let part = PartOf { frame, first, ended, last, memory };
                let mark = Mark::now(trace::CODEC);
                let decoded = self.part(data.filled(), &part, out, &progress);
                let sizes = [data.len() as u64, out.len() as u64, 0, 0, 0];
                mark.end(Traced::DecompressPart, sizes);
                let other = |error| decode::or_other_reference(error, frame, self.references.get());
                failure = decoded.err().filter(|error| error.kind() != ErrorKind::Cancelled).map(other);
                frames = u64::from(last && failure.is_none());
                progress.add(0)
            }
        })?;
        let consumed = data.len();
        self.buffers.put(data);
        let content = match kind {
            Kind::Frames { base, first, .. } => found.map(|found| Content::Frames { first, base, found }),
            Kind::Part { frame, first, last, .. } => {
                self.most_seen.map(|_| Content::Part { frame, first, last })
            }
            Kind::Blocks(_) => None, // seen to above
        };
        Ok(Decompressed { bytes, consumed, frames, failure, part: None, content })
    }
}
