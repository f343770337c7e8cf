//! A cursor decodes a frame from its beginning to any offset, and goes on from there. It is for frames that
//! are too large to be kept decoded: a cursor needs memory for the window only.
#![forbid(unsafe_code)]

use super::source::{Peek, Source};
use crate::codec::context::contexts::Decompressor;
use crate::codec::context::decode::{self, LARGEST_WINDOW_LOG};
use crate::codec::context::in_use::InUse;
use crate::codec::format::frame::{Frame, Frames, LONGEST_HEADER};
use crate::codec::format::seek_table;
use crate::codec::format::xxh64::Xxh64;
use crate::codec::libzstd::calls::{self, Uninit};
use crate::codec::libzstd::errors;
use crate::codec::options::limits;
use crate::codec::options::progress::CallProgress;
use crate::codec::options::Options;
use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use crate::pool::count_bytes;
use crate::trace::{self, Kind, Mark};
use std::mem::MaybeUninit;
use std::ops::Range;
use zstd::zstd_safe::{DParameter, InBuffer, OutBuffer};

/// Compressed bytes that are read at once: so many that reads cost little, and so few that they stay in the
/// CPU's cache.
const CHUNK: u64 = 128 << 10;
/// Decoded bytes that are skipped at once.
const DROPPED: usize = 128 << 10;

/// See the module.
pub(super) struct Cursor {
    context: InUse<Decompressor>,
    /// The number of the frame among the frames of the archive.
    index: usize,
    frame: Frame,
    /// The bytes that the frame decodes to, if they are known.
    size: Option<u64>,
    /// The part of the frame that has not been read yet.
    rest: Range<u64>,
    /// Bytes that have been read, and from where on they have not been decoded.
    chunk: Vec<u8>,
    used: usize,
    /// How far the frame is decoded.
    at: u64,
    done: bool,
    memory: usize,
    /// What the frame may have been made with another one of.
    other: Option<&'static str>,
    /// The checksum that the seek table tells, and the hash of what is decoded.
    checksum: Option<(u32, Xxh64)>,
}

impl Cursor {
    /// The bytes that a cursor takes for a frame with this window.
    pub(super) fn memory(window: u64) -> usize {
        calls::stream_decompressor_size(window).saturating_add(CHUNK as usize + DROPPED)
    }

    /// A cursor at the beginning of frame `index`, which lies at `extent` of the archive. Its content
    /// is checked where it ends: by its own checksum, and by `checksum`, which the seek table tells.
    pub(super) fn new(
        source: &Source<'_>,
        index: usize,
        extent: Range<u64>,
        size: Option<u64>,
        checksum: Option<u32>,
        options: &Options<'_>,
    ) -> Result<Self> {
        let mut peek = Peek::new(source);
        let header = peek.at(extent.start, LONGEST_HEADER.min(extent.end - extent.start))?;
        let frame = Frames::of_stream(header, extent.start, index as u64).start()?;
        limits::check(&frame, options)?;
        limits::check_window(&frame, options, "to be read in parts ")?;
        let log = options.window_log_of_decoder(LARGEST_WINDOW_LOG);
        let memory = Self::memory(frame.window);
        if options.max_memory != 0 && memory as u64 > options.max_memory {
            let what =
                format!("to be read in parts it needs {memory} bytes, max_memory is {}", options.max_memory);
            return Err(frame.error(ErrorKind::LimitExceeded, what).with_needed(memory as u64));
        }
        let fail = |code| errors::decoding(code, &frame, 0);
        let mut context = InUse::<Decompressor>::take(memory, 0)?;
        context.refer_to(options.references().of(frame.dictionary)).map_err(fail)?;
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
            other: decode::other_reference(&frame, options.references()),
            checksum: checksum.filter(|_| !frame.checksum).map(|expected| (expected, Xxh64::new())),
        })
    }

    /// The number of the frame.
    pub(super) fn index(&self) -> usize {
        self.index
    }

    /// How far the frame is decoded.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Whether the end of the frame was reached without an error.
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// The memory that the cursor takes.
    pub(super) fn size(&self) -> usize {
        self.memory
    }

    /// Decodes on until `dst` is full; `dst` must not reach past the end of the frame.
    pub(super) fn read(
        &mut self,
        source: &Source<'_>,
        dst: &mut [MaybeUninit<u8>],
        progress: &CallProgress<'_>,
    ) -> Result<()> {
        let mark = Mark::now(trace::CODEC);
        let (taken, result) = self.counted(|cursor| cursor.read_untraced(source, dst, progress));
        mark.end(Kind::DecompressPart, [taken, dst.len() as u64, 0, 0, 0]);
        result
    }

    /// Counts the bytes that are decoded meanwhile; returns those of the frame, too.
    fn counted<R>(&mut self, decode: impl FnOnce(&mut Self) -> R) -> (u64, R) {
        let (rest, at) = (self.rest_len(), self.at);
        let result = decode(self);
        let taken = rest - self.rest_len();
        count_bytes(taken, self.at - at);
        (taken, result)
    }

    /// The bytes of the frame that libzstd has not got yet.
    fn rest_len(&self) -> u64 {
        self.rest.end - self.rest.start + (self.chunk.len() - self.used) as u64
    }

    fn read_untraced(
        &mut self,
        source: &Source<'_>,
        dst: &mut [MaybeUninit<u8>],
        progress: &CallProgress<'_>,
    ) -> Result<()> {
        let mut filled = 0;
        while filled < dst.len() {
            if self.done {
                return Err(self.wrong_size("it holds less than it should"));
            }
            filled += self.step(source, &mut dst[filled..])?;
            progress.add(0)?;
        }
        self.finish(source)
    }

    /// Decodes on and drops the output: `count` bytes, or up to the end, or as much as one step decodes.
    /// Returns how many bytes were skipped.
    pub(super) fn skip(
        &mut self,
        source: &Source<'_>,
        count: u64,
        progress: &CallProgress<'_>,
    ) -> Result<u64> {
        self.counted(|cursor| cursor.skip_uncounted(source, count, progress)).1
    }

    fn skip_uncounted(
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
            return Err(self.wrong_size("it holds less than it should"));
        }
        self.finish(source)?;
        Ok(filled as u64)
    }

    /// Reads the checksum and the end of the frame, once all content is decoded.
    fn finish(&mut self, source: &Source<'_>) -> Result<()> {
        while !self.done && self.size == Some(self.at) {
            self.step(source, &mut [])?;
        }
        match self.checksum.take_if(|_| self.done) {
            Some((expected, hash)) => seek_table::check(&self.frame, expected, || hash.finish() as u32), // the half
            None => Ok(()),
        }
    }

    fn wrong_size(&self, what: &'static str) -> Error {
        decode::or_made_with(errors::wrong_size(&self.frame, what), self.other)
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
                _ => drop(source.bytes(next, chunk)?),
            }
        }
        let room = dst.len();
        let mut extent = Uninit::new(dst);
        let mut out = OutBuffer::around(&mut extent);
        let mut input = InBuffer::around(&chunk[self.used..]);
        let wanted = self.context.context().decompress_stream(&mut out, &mut input);
        let wanted =
            wanted.map_err(|code| decode::or_made_with(errors::decoding(code, frame, room), self.other))?;
        let (consumed, written) = (input.pos, out.pos());
        if let Some((_, hash)) = &mut self.checksum {
            hash.update(out.as_slice());
        }
        self.used += consumed;
        self.at += written as u64;
        let all_read = self.used == self.chunk.len() && self.rest.is_empty();
        if self.size.is_some_and(|size| self.at > size) || wanted == 0 && !all_read {
            return Err(self.wrong_size("it holds more than it should"));
        }
        if wanted == 0 {
            self.done = true;
        } else if consumed == 0 && written == 0 && (all_read || self.used < self.chunk.len()) {
            return Err(self.frame.error(ErrorKind::Corrupt, "it does not end where it should"));
        }
        Ok(written)
    }
}
