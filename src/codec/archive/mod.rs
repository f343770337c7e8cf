//! Reading any part of compressed data, from any number of threads, without decompressing what lies before
//! it.
//!
//! ```text
//! open: seek table, checked against the frames' headers, else all headers -> index
//! read: index -> frames -> whole ones straight into dst, in parallel
//!                       -> parts of a frame: decoded into the cache, then copied;
//!                          page by page by a cursor, if the frame is too large for the cache
//! ```

mod aligned;
mod cache;
mod cursor;
mod index;
mod pages;
mod parts;
mod passage;
mod source;

pub(crate) use aligned::Aligned;
pub use index::FrameInfo;
pub(crate) use passage::Passage;
pub(crate) use source::ReadAt;

use crate::codec::context::decode::{self, Decoder};
use crate::codec::format::frame::Frames;
use crate::codec::frame::decompress::{self, frames};
use crate::codec::libzstd::calls;
use crate::codec::options::progress::CallProgress;
use crate::codec::options::reference::{KeptReferences, References};
use crate::codec::options::Options;
use crate::error::{Error, ErrorKind, Result};
use crate::job;
use crate::memory;
use crate::pool::{count_bytes, Scope, Spent};
use crate::trace::{self, Kind, Mark};
use cache::{Cache, Found};
use index::Index;
use pages::Pages;
use source::Source;
use std::mem::MaybeUninit;
use std::path::Path;
use std::sync::atomic::AtomicI32;
use std::sync::{Arc, Mutex, PoisonError};

/// Decoded frames that are kept, unless the caller sets `max_memory`.
const CACHE: usize = 64 << 20;
/// Compressed frames of files are read as a whole up to this size, and in chunks beyond it.
const WHOLE: u64 = 64 << 20;
/// Small frames are put together until a task has so many bytes to decode.
const TASK: u64 = 256 << 10;

/// Compressed data that can be read at any offset. Any number of threads may read at the same time.
pub struct Archive<'a> {
    source: Source<'a>,
    index: Index,
    cache: Cache,
    pages: Pages,
    references: KeptReferences,
    max_lanes: u32,
    window_log: u32,
    max_memory: u64,
    cancel: Option<&'a AtomicI32>,
}

impl<'a> Archive<'a> {
    /// Opens data in memory.
    ///
    /// The frames are found by the seek table, if there is one and the frames' headers agree with it, else by
    /// walking over all headers. Checksums that the table tells are checked where a frame is read to its end.
    /// Frames that do not tell their size are decoded once now. `options` hold for the archive's whole life;
    /// the options with an effect are `dict`, `dicts`, `prefix`, `complete`, `window_log`, `max_lanes`,
    /// `max_memory`, `max_output` (of the whole content) and `cancel`.
    ///
    /// # Errors
    /// The data: [`ErrorKind::NotZstd`], [`ErrorKind::Truncated`], [`ErrorKind::Corrupt`],
    /// [`ErrorKind::Checksum`], [`ErrorKind::Dictionary`]; the position is the frame's offset.
    /// [`ErrorKind::LimitExceeded`]: `max_output`, `max_memory` or `window_log`. [`ErrorKind::Cancelled`],
    /// [`ErrorKind::InvalidArgument`], [`ErrorKind::OutOfMemory`], and the errors of starting the pool.
    pub fn new(data: &'a [u8], options: &Options<'a>) -> Result<Self> {
        Self::of(Source::Memory(data), options)
    }

    /// Opens a file. The file stays open, and only the parts that are needed are read.
    ///
    /// # Errors
    /// Those of [`Archive::new`]; [`ErrorKind::Io`]; [`ErrorKind::Unsupported`]: the file is a FIFO or a
    /// device.
    pub fn open(path: &Path, options: &Options<'a>) -> Result<Self> {
        options.check()?;
        Self::of(Source::open(path)?, options)
    }

    /// Opens `len` bytes that `read` gives, wherever they are. It is called from several threads at a time.
    ///
    /// # Errors
    /// Those of [`Archive::new`], and those of `read`.
    pub(crate) fn open_source(read: ReadAt, len: u64, options: &Options<'a>) -> Result<Self> {
        options.check()?;
        Self::of(Source::Function { read, len }, options)
    }

    fn of(source: Source<'a>, options: &Options<'a>) -> Result<Self> {
        options.check()?;
        let quiet = Options { progress: None, ..*options };
        let index = Index::new(&source, &quiet)?;
        quiet.control(decode::memory(), 0)?;
        let strict = options.max_memory != 0;
        let budget = if strict {
            usize::try_from(options.max_memory).unwrap_or(usize::MAX).saturating_sub(index.memory())
        } else {
            CACHE
        };
        Ok(Self {
            source,
            index,
            cache: Cache::new(budget, strict),
            pages: Pages::default(),
            references: KeptReferences::new(options),
            max_lanes: options.max_lanes,
            window_log: options.window_log,
            max_memory: options.max_memory,
            cancel: options.cancel,
        })
    }

    fn options(&self) -> Options<'_> {
        let References { dict, dicts, prefix } = self.references.get();
        Options {
            dict,
            dicts,
            prefix,
            max_lanes: self.max_lanes,
            window_log: self.window_log,
            max_memory: self.max_memory,
            cancel: self.cancel,
            ..Options::default()
        }
    }

    /// The bytes of the whole content.
    pub fn size(&self) -> u64 {
        self.index.total()
    }

    /// The number of frames, without skippable frames.
    pub fn frames(&self) -> usize {
        self.index.len()
    }

    /// Where frame `index` is; `None`: there is no such frame.
    pub fn frame(&self, index: u64) -> Option<FrameInfo> {
        let index = usize::try_from(index).ok().filter(|&index| index < self.frames())?;
        let (extent, content) = (self.index.extent(index), self.index.content(index));
        Some(FrameInfo {
            offset: extent.start,
            size: extent.end - extent.start,
            content_offset: content.start,
            content_size: content.end - content.start,
        })
    }

    /// Reads the content from `offset` on until `dst` is full or the content ends; returns how many bytes of
    /// `dst` are written.
    ///
    /// # Errors
    /// The data, or a file that has changed: [`ErrorKind::Truncated`], [`ErrorKind::Corrupt`],
    /// [`ErrorKind::Checksum`], [`ErrorKind::Dictionary`], [`ErrorKind::NotZstd`]; the position is the
    /// frame's offset. [`ErrorKind::LimitExceeded`]: `max_memory`, or `window_log` for a part of a large
    /// frame. [`ErrorKind::Io`], [`ErrorKind::Cancelled`], [`ErrorKind::OutOfMemory`], and the errors of
    /// starting the pool.
    pub fn read(&self, offset: u64, dst: &mut [MaybeUninit<u8>]) -> Result<usize> {
        self.read_with(offset, dst, 0, None)
    }

    /// The same with a limit of lanes and a flag of its own, which stops no other read; 0, `None`: as the
    /// archive was opened. The archive's flag stops it too.
    ///
    /// # Errors
    /// Those of [`Archive::read`].
    pub fn read_with(
        &self,
        offset: u64,
        dst: &mut [MaybeUninit<u8>],
        max_lanes: u32,
        cancel: Option<&AtomicI32>,
    ) -> Result<usize> {
        trace::when_first_call();
        let mark = Mark::now(trace::CODEC);
        let read = self.read_untraced(offset, dst, max_lanes, cancel);
        mark.end(Kind::ReadArchive, [offset, *read.as_ref().unwrap_or(&0) as u64, 0, 0, 0]);
        read
    }

    fn read_untraced(
        &self,
        offset: u64,
        dst: &mut [MaybeUninit<u8>],
        max_lanes: u32,
        cancel: Option<&AtomicI32>,
    ) -> Result<usize> {
        let left = self.size().saturating_sub(offset);
        let len = usize::try_from(left).unwrap_or(usize::MAX).min(dst.len());
        let max_lanes = if max_lanes == 0 { self.max_lanes } else { max_lanes };
        let options = Options { max_lanes, cancel: cancel.or(self.cancel), ..self.options() };
        let progress = CallProgress::new(&options, None).stopped_also_by(self.cancel);
        if len == 0 {
            progress.check()?;
            return Ok(0);
        }
        let dst = &mut dst[..len];
        let first = self.index.frame_at(offset);
        let last = self.index.frame_at(offset + (len as u64 - 1));
        let control = options.control(self.lane_memory(first, last), 0)?;
        if first == last {
            let skipped = offset - self.index.content(first).start;
            let alone = self.for_each_of(1, &options);
            let lane = &mut Lane::default();
            // A source may ask whether this read is cancelled, as it may on the lanes of several frames.
            let part = |_: &Scope<'_>| self.part(lane, first, skipped, dst, &alone, &progress);
            Scope::enter_for(&options.cancel, Spent::Codec, part)?;
            return Ok(len);
        }
        let tasks = self.tasks(offset, first, dst)?;
        let each = self.for_each_of(tasks.len(), &options);
        job::run_many(tasks.len(), &control, Lane::default, |task, lane| {
            // Locked once, by the lane that has claimed the task.
            let mut task = tasks[task].lock().unwrap_or_else(PoisonError::into_inner);
            let Task { mut offset, mut frame, dst } = std::mem::take(&mut *task);
            let mut rest = dst;
            while !rest.is_empty() {
                let content = self.index.content(frame);
                let here = usize::try_from(content.end - offset).unwrap_or(usize::MAX).min(rest.len());
                let (now, more) = rest.split_at_mut(here);
                if here > 0 {
                    self.part(lane, frame, offset - content.start, now, &each, &progress)?;
                }
                offset += here as u64;
                rest = more;
                frame += 1;
            }
            Ok(())
        })?;
        Ok(len)
    }

    /// The options of each of `count` tasks. A limit of memory is for the cache and for contexts of libzstd:
    /// frames have one lane.
    fn for_each_of<'s>(&self, count: usize, options: &Options<'s>) -> Options<'s> {
        let max_lanes = if self.max_memory == 0 { decompress::split_evenly(count, options).1 } else { 1 };
        Options { max_lanes, ..*options }
    }

    /// Cuts a read into tasks: groups of whole frames, with parts of frames at its ends.
    fn tasks<'d>(
        &self,
        mut offset: u64,
        mut frame: usize,
        mut dst: &'d mut [MaybeUninit<u8>],
    ) -> Result<Vec<Mutex<Task<'d>>>> {
        let mut tasks = Vec::new();
        while !dst.is_empty() {
            let (start, first) = (offset, frame);
            let end = start + dst.len() as u64;
            while offset < end && offset - start < TASK {
                let next = self.index.content(frame).end.min(end);
                // A long frame is a task of its own, so that it does not wait for the short ones before it.
                if offset > start && next - offset >= TASK {
                    break;
                }
                offset = next;
                frame += 1;
            }
            let (part, rest) = dst.split_at_mut((offset - start) as usize); // at most its length
            if tasks.len() == tasks.capacity() {
                let more = tasks.len().max(32);
                memory::reserve(&mut tasks, more)?;
            }
            tasks.push(Mutex::new(Task { offset: start, frame: first, dst: part }));
            dst = rest;
        }
        Ok(tasks)
    }

    /// The most memory that a lane needs for these frames, the cache not counted.
    fn lane_memory(&self, first: usize, last: usize) -> usize {
        if !self.source.is_file() || self.max_memory == 0 {
            return decode::memory();
        }
        let compressed =
            (first..=last).map(|frame| self.index.extent(frame)).map(|extent| extent.end - extent.start);
        let longest = compressed.filter(|&len| len <= WHOLE).max().unwrap_or(0);
        decode::memory().saturating_add(longest as usize) // of 64 MiB at most
    }

    /// Reads a part of a frame, or all of it.
    fn part<'s>(
        &'s self,
        lane: &mut Lane<'s>,
        frame: usize,
        skipped: u64,
        dst: &mut [MaybeUninit<u8>],
        options: &Options<'s>,
        progress: &CallProgress<'_>,
    ) -> Result<()> {
        progress.add(0)?;
        let content = self.index.content(frame);
        let size = content.end - content.start;
        if dst.len() as u64 == size {
            return match self.cache.peek(frame) {
                Some(content) => {
                    calls::copy(&content, dst);
                    Ok(())
                }
                None => self.whole(lane, frame, dst, options, progress),
            };
        }
        if self.cache.takes(size) {
            let size = size as usize; // at most the budget
            match self.cache.find(frame, size, progress)? {
                Found::There(content) => {
                    calls::copy(&content[skipped as usize..][..dst.len()], dst);
                    return Ok(());
                }
                Found::Claimed(mut claim) => {
                    let fill = |dst: &mut [MaybeUninit<u8>]| {
                        self.whole(lane, frame, dst, options, progress).map(|()| size)
                    };
                    // SAFETY: `whole` fills all of its destination, or fails.
                    let content = Arc::new(unsafe { calls::refill_vec(claim.spare(), size, fill)? });
                    calls::copy(&content[skipped as usize..][..dst.len()], dst);
                    claim.keep(content);
                    return Ok(());
                }
                Found::NoRoom => {}
            }
        } else if self.max_memory == 0 {
            return self.in_pages(frame, skipped, dst, options, progress);
        }
        self.in_passing(frame, skipped, dst, options, progress)
    }

    /// Decodes a whole frame; `dst` has the frame's size, and is filled.
    fn whole<'s>(
        &'s self,
        lane: &mut Lane<'s>,
        frame: usize,
        dst: &mut [MaybeUninit<u8>],
        options: &Options<'s>,
        progress: &CallProgress<'_>,
    ) -> Result<()> {
        let extent = self.index.extent(frame);
        if self.source.is_file() && extent.end - extent.start > WHOLE {
            return self.in_passing(frame, 0, dst, options, progress);
        }
        let offset = extent.start;
        let changed = || {
            let what =
                format!("frame {frame} at byte {offset}: it is not what the seek table or its header said");
            Error::new(ErrorKind::Corrupt, what).at(offset)
        };
        let bytes = self.source.bytes(extent, &mut lane.scratch)?;
        let decoder = lane.decoder.get_or_insert_with(|| Decoder::new(options));
        let within = Frames::of_stream(bytes, offset, frame as u64);
        match frames(bytes, within, dst, decoder, options, progress) {
            Ok(written) if written == dst.len() => {
                count_bytes(bytes.len() as u64, written as u64);
                self.check(frame, bytes, dst)
            }
            Ok(_) => Err(changed()),
            Err(error) if error.kind() == ErrorKind::BufferTooSmall => Err(changed()),
            Err(error) => Err(error),
        }
    }
}

/// A task of a read: the bytes from `offset` of the whole content on; the first are in `frame`.
#[derive(Default)]
struct Task<'d> {
    offset: u64,
    frame: usize,
    dst: &'d mut [MaybeUninit<u8>],
}

/// What a lane keeps from one task to the next.
#[derive(Default)]
struct Lane<'s> {
    decoder: Option<Decoder<'s>>,
    scratch: Vec<u8>,
}
