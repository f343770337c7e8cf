//! Decoding a frame from its beginning up to wherever, and on from there: for frames that are too large to be kept decoded. It
//! needs memory for the window only.
#![forbid(unsafe_code)]

use super::source::{Peek, Source};
use crate::codec::context::cache::InUse;
use crate::codec::context::contexts::Decompressor;
use crate::codec::context::decode::LARGEST_WINDOW_LOG;
use crate::codec::format::frame::{Frame, Frames, LONGEST_HEADER};
use crate::codec::libzstd::calls::{self, Uninit};
use crate::codec::libzstd::errors;
use crate::codec::options::limits;
use crate::codec::options::progress::CallProgress;
use crate::codec::options::Options;
use crate::error::{ErrorKind, Result};
use crate::memory;
use std::mem::MaybeUninit;
use std::ops::Range;
use zstd::zstd_safe::{DParameter, InBuffer, OutBuffer};

/// Compressed bytes that are read at once: enough to make reading free, few enough to stay in the cache.
const CHUNK: u64 = 128 << 10;
/// Bytes that are decoded at once to be dropped.
const DROPPED: usize = 128 << 10;

/// See the module.
pub(super) struct Cursor {
    context: InUse<Decompressor>,
    /// Its extent among the frames of the archive.
    index: usize,
    frame: Frame,
    /// Bytes that it decodes to, if they are known.
    size: Option<u64>,
    /// What has not been read yet of it.
    rest: Range<u64>,
    /// What has been read but not been decoded, and from where on.
    chunk: Vec<u8>,
    used: usize,
    /// How far it is decoded.
    at: u64,
    done: bool,
    memory: usize,
}

impl Cursor {
    /// Bytes that one takes for a frame with such a window.
    pub(super) fn memory(window: u64) -> usize {
        calls::stream_decompressor_size(window).saturating_add(CHUNK as usize + DROPPED)
    }

    /// At the beginning of frame `index`, which lies at `extent`.
    pub(super) fn new(
        source: &Source<'_>,
        index: usize,
        extent: Range<u64>,
        size: Option<u64>,
        options: &Options<'_>,
    ) -> Result<Self> {
        let mut peek = Peek::new(source);
        let header = peek.at(extent.start, LONGEST_HEADER.min(extent.end - extent.start))?;
        let frame = Frames::of_piece(header, extent.start, index as u64).start()?;
        limits::check(&frame, options)?;
        let log = options.window_log_max().min(LARGEST_WINDOW_LOG);
        limits::check_window(&frame, log, "to be read in parts ")?;
        let memory = Self::memory(frame.window);
        if options.max_memory != 0 && memory as u64 > options.max_memory {
            let what =
                format!("to be read in parts it needs {memory} bytes, max_memory is {}", options.max_memory);
            return Err(frame.error(ErrorKind::LimitExceeded, what).with_needed(memory as u64));
        }
        let fail = |code| errors::decoding(code, &frame, 0);
        let mut context = InUse::<Decompressor>::take(memory, 0)?;
        if let Some(dict) = options.dict {
            context.use_dictionary(dict.for_decompressing()).map_err(fail)?;
        }
        context.context().set_parameter(DParameter::WindowLogMax(log)).map_err(fail)?;
        Ok(Self {
            context,
            index,
            frame,
            size,
            rest: extent,
            chunk: Vec::new(),
            used: 0,
            at: 0,
            done: false,
            memory,
        })
    }

    /// The frame that it is in.
    pub(super) fn index(&self) -> usize {
        self.index
    }

    /// How far it is decoded.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Whether the end of the frame was reached, and everything was as it should be.
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// The memory that it takes.
    pub(super) fn size(&self) -> usize {
        self.memory
    }

    /// Decodes on until `dst` is full, which must not be past the end.
    pub(super) fn read(
        &mut self,
        source: &Source<'_>,
        dst: &mut [MaybeUninit<u8>],
        progress: &CallProgress<'_>,
    ) -> Result<()> {
        let mut filled = 0;
        while filled < dst.len() {
            if self.done {
                return Err(self.frame.error(ErrorKind::Corrupt, "it holds less than it should"));
            }
            filled += self.step(source, &mut dst[filled..])?;
            progress.add(0)?;
        }
        self.finish(source)
    }

    /// Decodes on for `count` bytes, or to the end, or for as much as is dropped at once; tells how far it came.
    pub(super) fn skip(
        &mut self,
        source: &Source<'_>,
        count: u64,
        progress: &CallProgress<'_>,
    ) -> Result<u64> {
        let mut dropped = Vec::new();
        memory::reserve(&mut dropped, DROPPED)?;
        let room = usize::try_from(count).unwrap_or(usize::MAX).min(DROPPED);
        let mut filled = 0;
        while filled == 0 && !self.done {
            filled = self.step(source, &mut dropped.spare_capacity_mut()[..room])?;
            progress.add(0)?;
        }
        if filled == 0 && room > 0 && self.size.is_some() {
            return Err(self.frame.error(ErrorKind::Corrupt, "it holds less than it should"));
        }
        self.finish(source)?;
        Ok(filled as u64)
    }

    /// Once all content is there: what is left are the checksum and the end, which nobody waits for.
    fn finish(&mut self, source: &Source<'_>) -> Result<()> {
        while !self.done && self.size == Some(self.at) {
            self.step(source, &mut [])?;
        }
        Ok(())
    }

    /// One call of libzstd; returns how many bytes of `dst` are written.
    fn step(&mut self, source: &Source<'_>, dst: &mut [MaybeUninit<u8>]) -> Result<usize> {
        let Self { frame, chunk, .. } = self;
        if self.used == chunk.len() {
            let next = self.rest.start..self.rest.end.min(self.rest.start + CHUNK);
            self.rest.start = next.end;
            self.used = 0;
            match source {
                Source::Memory(data) => {
                    chunk.clear();
                    if chunk.capacity() < CHUNK as usize {
                        memory::reserve(chunk, CHUNK as usize)?;
                    }
                    chunk.extend_from_slice(&data[next.start as usize..next.end as usize]);
                }
                Source::File { .. } => drop(source.bytes(next, chunk)?),
            }
        }
        let room = dst.len();
        let mut extent = Uninit::new(dst);
        let mut out = OutBuffer::around(&mut extent);
        let mut input = InBuffer::around(&chunk[self.used..]);
        let wanted = self.context.context().decompress_stream(&mut out, &mut input);
        let wanted = wanted.map_err(|code| errors::decoding(code, frame, room))?;
        let (consumed, written) = (input.pos, out.pos());
        self.used += consumed;
        self.at += written as u64;
        let all_read = self.used == self.chunk.len() && self.rest.is_empty();
        if self.size.is_some_and(|size| self.at > size) || wanted == 0 && !all_read {
            return Err(self.frame.error(ErrorKind::Corrupt, "it holds more than it should"));
        }
        if wanted == 0 {
            self.done = true;
        } else if consumed == 0 && written == 0 && (all_read || self.used < self.chunk.len()) {
            return Err(self.frame.error(ErrorKind::Corrupt, "it does not end where it should"));
        }
        Ok(written)
    }
}
