//! A passage through a frame: its content is decoded step by step, for a caller who looks at each part while
//! it is hot in the CPU's cache.
//!
//! A frame that is not much larger than its window is decoded into memory for all of it, where libzstd finds
//! the window again, so nothing is copied. Of a larger frame only the part is kept that is looked at, and
//! libzstd keeps a window of its own.

use super::aligned::Aligned;
use super::cursor::Cursor;
use super::source::{Peek, Source};
use super::Archive;
use crate::codec::context::cache::Cached;
use crate::codec::context::contexts::Decompressor;
use crate::codec::context::decode::{self, LARGEST_WINDOW_LOG};
use crate::codec::context::in_use::InUse;
use crate::codec::format::frame::{Blocks, Frame, Frames, LARGEST_BLOCK, LONGEST_HEADER};
use crate::codec::format::seek_table;
use crate::codec::format::xxh64::Xxh64;
use crate::codec::io::input::Input;
use crate::codec::libzstd::{calls, errors};
use crate::codec::options::limits;
use crate::codec::options::progress::CallProgress;
use crate::codec::options::reference::Reference;
use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use std::ops::Range;
use std::sync::atomic::AtomicI32;
use zstd::zstd_safe::{DParameter, InBuffer, OutBuffer};

/// Frames of at most so many bytes are decoded by one call of libzstd.
const AT_ONCE: u64 = 1 << 20;
/// Frames of at most so many bytes are decoded into memory for all of them, whatever their window.
const WHOLE: u64 = 8 << 20;
/// Bytes that a step decodes to, about.
const STEP: u64 = 256 << 10;
/// The fewest compressed bytes of a step.
const SMALLEST_STEP: u64 = 4 << 10;
/// Compressed bytes that are read at once.
const CHUNK: u64 = 128 << 10;

/// See the module.
#[derive(Default)]
pub(crate) struct Passage {
    context: Option<InUse<Decompressor>>,
    /// The content from `base` on, as far as it is decoded and kept.
    kept: Aligned,
    base: u64,
    /// The content before it is not needed any more.
    needed: u64,
    /// How far the frame is decoded.
    at: u64,
    /// Compressed bytes of a file, or the like, from `chunk_at` on.
    chunk: Vec<u8>,
    chunk_at: u64,
    /// The most of them.
    chunk_most: u64,
    /// The part of the frame that libzstd has not got yet.
    rest: Range<u64>,
    /// Where the frame begins in the archive.
    start: u64,
    /// Compressed bytes of a step, where it need not end with a block.
    step: u64,
    frame: Frame,
    size: u64,
    whole: bool,
    done: bool,
    /// What the frame may have been made with another one of.
    other: Option<&'static str>,
    /// The checksum that the seek table tells of a frame without its own, and the hash of what is decoded.
    checksum: Option<(u32, Xxh64)>,
}

impl Passage {
    /// Goes to the beginning of frame `index`, of which `room` bytes are looked at at a time.
    pub(crate) fn begin(
        &mut self,
        archive: &Archive<'_>,
        index: usize,
        room: usize,
        max_memory: u64,
    ) -> Result<()> {
        let (content, extent) = (archive.index.content(index), archive.index.extent(index));
        let options = archive.options();
        self.size = content.end - content.start;
        (self.base, self.needed, self.at, self.done) = (0, 0, 0, false);
        self.kept.set_len(0);
        self.chunk.clear();
        (self.start, self.rest) = (extent.start, extent.clone());
        let len = extent.end - extent.start;
        self.step = len;
        self.chunk_most = match self.size {
            size if size <= AT_ONCE => 2 * AT_ONCE,
            size if size <= WHOLE && max_memory == 0 => 2 * WHOLE,
            _ => CHUNK,
        };
        self.fetch(&archive.source)?;
        let header = match &archive.source {
            Source::Memory(data) => &data[extent.start as usize..][..LONGEST_HEADER.min(len) as usize],
            _ => &self.chunk[..self.chunk.len().min(LONGEST_HEADER as usize)],
        };
        self.frame = Frames::of_stream(header, extent.start, index as u64).start()?;
        limits::check(&self.frame, &options)?;
        let told = archive.index.checksum(index).filter(|_| !self.frame.checksum);
        self.checksum = told.map(|expected| (expected, Xxh64::new()));
        self.whole = is_whole(&self.frame, self.size, room, max_memory);
        let log =
            if self.whole { LARGEST_WINDOW_LOG } else { options.window_log_of_decoder(LARGEST_WINDOW_LOG) };
        if !self.whole {
            limits::check_window(&self.frame, &options, "to be read in parts ")?;
        } else if self.size > AT_ONCE {
            let part = (u128::from(len) * u128::from(STEP) / u128::from(self.size)) as u64; // at most `len`
            self.step = part.max(SMALLEST_STEP);
        }
        self.other = decode::other_reference(&self.frame, options.references());
        let frame = &self.frame;
        let room = if self.whole { usize::try_from(self.size).unwrap_or(usize::MAX) } else { room };
        self.kept.reserve(room)?;
        if !self.context.as_mut().is_some_and(|context| context.reset()) {
            let memory = if self.whole { decode::memory() } else { Cursor::memory(frame.window) };
            self.context = None;
            self.context = Some(InUse::take(memory, 0)?);
        }
        let Some(context) = &mut self.context else { return Ok(()) };
        let fail = |code| errors::in_stream(code, frame);
        context.refer_to(options.references().of(frame.dictionary)).map_err(fail)?;
        let context = context.context();
        context.set_parameter(DParameter::StableOutBuffer(self.whole)).map_err(fail)?;
        context.set_parameter(DParameter::WindowLogMax(log)).map_err(fail)?;
        Ok(())
    }

    /// The most memory that a passage takes for one of these frames, within `max_memory` where it can be.
    pub(crate) fn memory(
        archive: &Archive<'_>,
        frames: Range<usize>,
        room: usize,
        max_memory: u64,
    ) -> Result<usize> {
        let mut peek = Peek::new(&archive.source);
        let mut most = 0;
        for index in frames {
            let (content, extent) = (archive.index.content(index), archive.index.extent(index));
            let size = content.end - content.start;
            let need = if size <= AT_ONCE {
                (size as usize).saturating_add((extent.end - extent.start).min(2 * AT_ONCE) as usize)
            } else {
                let header = peek.at(extent.start, LONGEST_HEADER.min(extent.end - extent.start))?;
                let frame = Frames::of_stream(header, extent.start, index as u64).start()?;
                let (whole, parts) = needs(&frame, size, room);
                let need = if is_whole(&frame, size, room, max_memory) { whole } else { parts };
                need.saturating_add(CHUNK as usize)
            };
            most = most.max(need);
        }
        Ok(most.saturating_add(decode::memory()))
    }

    /// The bytes of the frame that are decoded and kept.
    pub(crate) fn bytes(&self, range: Range<u64>) -> &[u8] {
        &self.kept.bytes()[(range.start - self.base) as usize..(range.end - self.base) as usize]
    }

    /// How many bytes of the frame libzstd has got, how many it has given out, and whether that is all.
    pub(crate) fn position(&self) -> (u64, u64, bool) {
        (self.rest.start - self.start, self.at, self.done)
    }

    /// Nothing before `from`, which is decoded, will be looked at again.
    pub(crate) fn forget(&mut self, from: u64) {
        self.needed = from;
    }

    /// Decodes on until the content is there up to `to`, and at the end of the frame all of the frame.
    pub(crate) fn fill(&mut self, archive: &Archive<'_>, to: u64, progress: &CallProgress<'_>) -> Result<()> {
        while self.at < to {
            if self.done {
                return Err(self.wrong_size("it holds less than it should"));
            }
            self.make_room(to)?;
            archive.check_cancel()?;
            progress.add(0)?;
            self.decode(archive, to)?;
        }
        while !self.done && self.at == self.size {
            self.decode(archive, to)?;
        }
        Ok(())
    }

    /// Decodes on up to `to`, and keeps nothing before it.
    pub(crate) fn skip(&mut self, archive: &Archive<'_>, to: u64, progress: &CallProgress<'_>) -> Result<()> {
        let step = self.kept.room().max(1) as u64;
        while self.at < to {
            self.fill(archive, to.min(self.at + step), progress)?;
            self.needed = self.at.min(to);
        }
        self.needed = to;
        Ok(())
    }

    /// Makes room up to `to` in the part that is kept.
    fn make_room(&mut self, to: u64) -> Result<()> {
        let fits = |base: u64, room: usize| to - base <= room as u64;
        if self.whole || fits(self.base, self.kept.room()) {
            return Ok(());
        }
        self.kept.drop_before((self.needed - self.base) as usize);
        self.base = self.needed;
        if !fits(self.base, self.kept.room()) {
            let room = usize::try_from(to - self.base).unwrap_or(usize::MAX);
            self.kept.reserve(room.max(self.kept.room().saturating_mul(2)))?;
        }
        Ok(())
    }

    /// Reads the next compressed bytes, unless they are in memory.
    fn fetch(&mut self, source: &Source<'_>) -> Result<()> {
        if matches!(source, Source::Memory(_)) || self.rest.is_empty() {
            return Ok(());
        }
        if self.rest.start < self.chunk_at + self.chunk.len() as u64 && !self.chunk.is_empty() {
            return Ok(());
        }
        let next = self.rest.start..self.rest.end.min(self.rest.start + self.chunk_most);
        self.chunk_at = next.start;
        source.bytes(next, &mut self.chunk).map(drop)
    }

    /// How many of the next compressed bytes a step takes. Where all of them are there, it ends with a block,
    /// so that libzstd need not copy halves of blocks.
    fn len_of_step(&self, ready: &[u8]) -> usize {
        let left = self.rest.end - self.rest.start;
        if !self.whole || self.size <= AT_ONCE || (ready.len() as u64) < left {
            return usize::try_from(self.step).unwrap_or(usize::MAX).min(ready.len());
        }
        let at = if self.rest.start == self.start { self.frame.header_len } else { 0 };
        let largest = self.frame.window.min(LARGEST_BLOCK);
        let mut blocks = Blocks { data: ready, at, largest, ended: false };
        let (mut len, mut most) = (0, 0);
        while most < STEP {
            match blocks.next() {
                Some(Ok(block)) => (len, most) = (block.offset + block.len, most + block.most),
                // The checksum, or damage, of which libzstd tells.
                _ => return ready.len(),
            }
        }
        len
    }

    fn wrong_size(&self, what: &'static str) -> Error {
        decode::or_made_with(errors::wrong_size(&self.frame, what), self.other)
    }

    /// One call of libzstd.
    fn decode(&mut self, archive: &Archive<'_>, to: u64) -> Result<()> {
        self.fetch(&archive.source)?;
        let ready = match &archive.source {
            Source::Memory(data) => &data[self.rest.start as usize..self.rest.end as usize],
            _ if self.rest.is_empty() => &[],
            _ => &self.chunk[(self.rest.start - self.chunk_at) as usize..],
        };
        let input = &ready[..self.len_of_step(ready)];
        let kept = (self.at - self.base) as usize;
        // Where the whole frame has room, libzstd wants the same memory each time.
        let (begin, end, at) =
            if self.whole { (0, self.size as usize, kept) } else { (kept, (to - self.base) as usize, 0) };
        let Some(context) = &mut self.context else {
            return Err(self.frame.error(ErrorKind::Internal, "no frame was begun"));
        };
        let mut out = OutBuffer::around_pos(&mut self.kept.whole()[begin..end], at);
        let mut input = InBuffer::around(input);
        let wanted = context.context().decompress_stream(&mut out, &mut input);
        let wanted =
            wanted.map_err(|code| decode::or_made_with(errors::in_stream(code, &self.frame), self.other))?;
        let (consumed, written) = (input.pos, out.pos() - at);
        self.kept.set_len(kept + written);
        if let Some((_, hash)) = &mut self.checksum {
            hash.update(&self.kept.bytes()[kept..]);
        }
        self.at += written as u64;
        self.rest.start += consumed as u64;
        let all_read = self.rest.is_empty();
        if wanted == 0 && !all_read {
            return Err(self.wrong_size("it holds more than it should"));
        }
        if wanted == 0 {
            self.done = true;
            if self.at < self.size {
                return Err(self.wrong_size("it holds less than it should"));
            }
            if let Some((expected, hash)) = self.checksum.take() {
                seek_table::check(&self.frame, expected, || hash.finish() as u32)?;
                // the lower half
            }
        } else if consumed == 0 && written == 0 {
            let what =
                if all_read { "it does not end where it should" } else { "it holds more than it should" };
            return Err(self.frame.error(ErrorKind::Corrupt, what));
        }
        Ok(())
    }
}

/// The bytes that a frame takes if all of it is kept, and if a part is.
fn needs(frame: &Frame, size: u64, room: usize) -> (usize, usize) {
    let whole = usize::try_from(size).unwrap_or(usize::MAX);
    (whole, Cursor::memory(frame.window).saturating_add(room))
}

/// Whether all of the frame is kept while it is decoded.
fn is_whole(frame: &Frame, size: u64, room: usize, max_memory: u64) -> bool {
    if max_memory == 0 {
        return size <= WHOLE || frame.window >= size;
    }
    let (whole, parts) = needs(frame, size, room);
    size <= AT_ONCE || whole <= parts
}

impl Archive<'_> {
    /// The frame that holds the byte at `offset`, which is inside the whole content.
    pub(crate) fn frame_at(&self, offset: u64) -> usize {
        self.index.frame_at(offset)
    }

    /// Where the content of a frame is in the whole content.
    pub(crate) fn content(&self, frame: usize) -> Range<u64> {
        self.index.content(frame)
    }

    /// Where a frame is in the archive.
    pub(crate) fn extent(&self, frame: usize) -> Range<u64> {
        self.index.extent(frame)
    }

    /// The header of a frame.
    pub(crate) fn header(&self, frame: usize) -> Result<Frame> {
        let extent = self.index.extent(frame);
        let mut scratch = Vec::new();
        let begin = extent.start..extent.end.min(extent.start + LONGEST_HEADER);
        let header = self.source.bytes(begin, &mut scratch)?;
        Frames::of_stream(header, extent.start, frame as u64).start()
    }

    /// Adds a part of the archive itself to `bytes`.
    pub(crate) fn read_compressed(&self, range: Range<u64>, bytes: &mut Vec<u8>) -> Result<()> {
        let mut scratch = Vec::new();
        let more = self.source.bytes(range, &mut scratch)?;
        memory::reserve(bytes, more.len())?;
        bytes.extend_from_slice(more);
        Ok(())
    }

    /// What a frame refers to that names that dictionary.
    pub(crate) fn reference(&self, dictionary: u32) -> Option<Reference<'_>> {
        self.references.get().of(dictionary)
    }

    /// The checksum of a frame that the seek table tells.
    pub(crate) fn told_checksum(&self, frame: usize) -> Option<u32> {
        self.index.checksum(frame)
    }

    /// The archive's own limits, for a call that has none of its own: lanes, and memory.
    pub(crate) fn limits(&self) -> (u32, u64) {
        (self.max_lanes, self.max_memory)
    }

    /// The file that the archive is in, if it is one.
    pub(crate) fn file(&self) -> Option<&Input> {
        match &self.source {
            Source::File { input, .. } => Some(input),
            _ => None,
        }
    }

    /// The flag of the archive.
    pub(crate) fn cancel_flag(&self) -> Option<&AtomicI32> {
        self.cancel
    }

    /// Reads up to `len` bytes from `offset` on; the vector gets them.
    pub(crate) fn read_to_vec(&self, offset: u64, len: usize, bytes: &mut Vec<u8>) -> Result<()> {
        let memory = std::mem::take(bytes);
        // SAFETY: `read` has written as many bytes as it says.
        *bytes = unsafe { calls::refill_vec(memory, len, |dst| self.read(offset, dst))? };
        Ok(())
    }

    /// Fails once the flag of the archive is set.
    pub(crate) fn check_cancel(&self) -> Result<()> {
        match self.cancel {
            Some(flag) => CallProgress::cancel_only(flag).add(0),
            None => Ok(()),
        }
    }
}
