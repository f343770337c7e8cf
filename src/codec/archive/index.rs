//! The index: where the frames of an archive are, and what they hold. It is taken from the seek table, if the
//! frames' own headers agree with the table, else by walking over the headers of all frames and blocks. Only
//! frames that do not tell their size are decompressed.
#![forbid(unsafe_code)]

use super::cursor::Cursor;
use super::source::{Peek, Source};
use crate::codec::format::frame::{Frame, Frames, LONGEST_HEADER};
use crate::codec::format::seek_table::{self, SeekTable};
use crate::codec::format::walk::Skim;
use crate::codec::options::limits;
use crate::codec::options::progress::CallProgress;
use crate::codec::options::Options;
use crate::error::{Error, ErrorKind, Result};
use crate::job;
use crate::memory;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// A block of 4 bytes decodes to at most 128 KiB: a table that claims a larger ratio is wrong.
const LARGEST_RATIO: u64 = 32 << 10;
/// Blocks of a long walk between two checks of the cancel flag.
const BLOCKS_BETWEEN_LOOKS: u32 = 256;

/// Where a frame is, and what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameInfo {
    /// Where the frame begins in the archive.
    pub offset: u64,
    /// The bytes of the frame in the archive.
    pub size: u64,
    /// Where the frame's content begins in the whole content.
    pub content_offset: u64,
    /// The bytes of the frame's content.
    pub content_size: u64,
}

/// A frame of the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    offset: u64,
    len: u64,
    /// Where the frame's content begins in the whole content.
    content: u64,
}

/// The frames of the archive, without skippable frames: see the module.
#[derive(Debug)]
pub(super) struct Index {
    entries: Vec<Entry>,
    /// The checksums of all frames, if the seek table tells them.
    checksums: Vec<u32>,
    total: u64,
}

/// In [`Found`], `content` of a frame whose size is not known yet.
const UNKNOWN: u64 = u64::MAX;

/// Frames that are decoded for their sizes at once; the sizes are then stored.
const MEASURED_AT_ONCE: usize = 64 << 10;

/// The frames while the index is made. `content` of each holds the size of its content, until all sizes are
/// known.
#[derive(Default)]
struct Found {
    entries: Vec<Entry>,
    checksums: Vec<u32>,
    /// The largest window of the frames that do not tell their size; `None`: all tell it.
    window: Option<u64>,
}

impl Found {
    /// Adds a frame, within the limits of memory.
    fn push(&mut self, frame: Entry, window: u64, options: &Options<'_>) -> Result<()> {
        if frame.content == UNKNOWN {
            self.window = self.window.max(Some(window));
        }
        let len = self.entries.len();
        if len == self.entries.capacity() {
            let more = (len / 2).max(32);
            let need = ((len + more) * size_of::<Entry>()) as u64;
            if options.max_memory != 0 && need > options.max_memory {
                let what = format!("max_memory is {}, but the index needs {need} bytes", options.max_memory);
                return Err(Error::new(ErrorKind::LimitExceeded, what).with_needed(need));
            }
            memory::reserve(&mut self.entries, more)?;
        }
        self.entries.push(frame);
        Ok(())
    }

    /// Adds the checksum of the frame that was added last.
    fn push_checksum(&mut self, checksum: u32) -> Result<()> {
        if self.checksums.len() == self.checksums.capacity() {
            let more = (self.checksums.len() / 2).max(32);
            memory::reserve(&mut self.checksums, more)?;
        }
        self.checksums.push(checksum);
        Ok(())
    }
}

impl Index {
    /// Finds the frames of `source`.
    pub(super) fn new(source: &Source<'_>, options: &Options<'_>) -> Result<Self> {
        let progress = CallProgress::new(options, None);
        let mut found = match of_table(source, options, &progress)? {
            Some(found) => found,
            None if options.complete => return Err(seek_table::incomplete()),
            None => scan(source, options, &progress)?,
        };
        measure(source, options, &mut found, &progress)?;
        let Found { mut entries, checksums, .. } = found;
        let mut total = 0u64;
        for (index, entry) in entries.iter_mut().enumerate() {
            let size = std::mem::replace(&mut entry.content, total);
            total = total.checked_add(size).ok_or_else(|| {
                let what = format!("more than 2^64 bytes are declared up to frame {index}");
                Error::new(ErrorKind::LimitExceeded, what).at(entry.offset)
            })?;
        }
        if total > options.max_output() {
            let what = format!("the archive holds {total} bytes, max_output is {}", options.max_output());
            return Err(Error::new(ErrorKind::LimitExceeded, what));
        }
        Ok(Self { entries, checksums, total })
    }

    /// The number of frames.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The bytes of the whole content.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// The memory that the index takes.
    pub(super) fn memory(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>() + self.checksums.capacity() * size_of::<u32>()
    }

    /// Where a frame is in the archive.
    pub(super) fn extent(&self, frame: usize) -> Range<u64> {
        let entry = &self.entries[frame];
        entry.offset..entry.offset + entry.len
    }

    /// The checksum that the seek table tells of a frame's content.
    pub(super) fn checksum(&self, frame: usize) -> Option<u32> {
        self.checksums.get(frame).copied()
    }

    /// Where the frame's content is in the whole content.
    pub(super) fn content(&self, frame: usize) -> Range<u64> {
        let end = self.entries.get(frame + 1).map_or(self.total, |next| next.content);
        self.entries[frame].content..end
    }

    /// The frame that holds the byte at `offset`, which is inside the whole content.
    pub(super) fn frame_at(&self, offset: u64) -> usize {
        // If several frames begin there, the last: the others are empty.
        self.entries.partition_point(|entry| entry.content <= offset) - 1
    }
}

/// The frames of the seek table, if there is one and the headers of the frames agree with it.
fn of_table(
    source: &Source<'_>,
    options: &Options<'_>,
    progress: &CallProgress<'_>,
) -> Result<Option<Found>> {
    let len = source.len();
    let Some(footer_at) = len.checked_sub(seek_table::FOOTER_LEN as u64) else { return Ok(None) };
    let mut scratch = Vec::new();
    let footer = source.bytes(footer_at..len, &mut scratch)?;
    let table_len = footer.try_into().ok().and_then(seek_table::len_by_footer);
    let Some(table_at) = table_len.and_then(|table_len| len.checked_sub(table_len)) else { return Ok(None) };
    let header = source.bytes(table_at..table_at + seek_table::HEADER_LEN as u64, &mut scratch)?;
    let affordable = options.max_memory == 0 || len - table_at <= options.max_memory;
    if !affordable || !seek_table::is_header(header, len - table_at) {
        return Ok(None);
    }
    let Some(table) = SeekTable::find_after(table_at, source.bytes(table_at..len, &mut scratch)?) else {
        return Ok(None);
    };
    let mut peek = Peek::new(source);
    let mut found = Found::default();
    let mut offset = 0;
    for (index, (compressed, decompressed)) in table.entries().enumerate() {
        let (compressed, decompressed) = (u64::from(compressed), u64::from(decompressed));
        if index as u32 % BLOCKS_BETWEEN_LOOKS == 0 {
            progress.add(0)?;
        }
        let header = peek.at(offset, LONGEST_HEADER.min(compressed))?;
        let Ok(frame) = Frames::of_stream(header, offset, index as u64).start() else { return Ok(None) };
        let agreed = match frame.content_size {
            _ if frame.skippable => decompressed == 0 && frame.len as u64 == compressed,
            Some(size) => size == decompressed && size <= compressed.saturating_mul(LARGEST_RATIO),
            None if options.complete => match len_of(&mut peek, frame, len - offset, progress) {
                Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Truncated) => false,
                len => len? == compressed,
            },
            None => true, // checked when the frame is decoded
        };
        if !agreed || limits::check(&frame, options).is_err() {
            return Ok(None);
        }
        if !frame.skippable {
            found.push(Entry { offset, len: compressed, content: decompressed }, frame.window, options)?;
            if let Some(checksum) = table.checksum(index) {
                found.push_checksum(checksum)?;
            }
        }
        offset += compressed;
    }
    Ok(Some(found))
}

/// The frames by their own headers and those of their blocks.
fn scan(source: &Source<'_>, options: &Options<'_>, progress: &CallProgress<'_>) -> Result<Found> {
    let mut peek = Peek::new(source);
    let mut found = Found::default();
    let (mut offset, mut index) = (0, 0);
    while offset < source.len() {
        let frame = Frames::of_stream(peek.at(offset, LONGEST_HEADER)?, offset, index).start()?;
        limits::check(&frame, options)?;
        let len = len_of(&mut peek, frame, source.len() - offset, progress)?;
        if !frame.skippable {
            let content = frame.content_size.unwrap_or(UNKNOWN);
            found.push(Entry { offset, len, content }, frame.window, options)?;
        }
        progress.add(0)?;
        offset += len;
        index += 1;
    }
    Ok(found)
}

/// The bytes of a frame, by the headers of its blocks; `left`: what there is from its beginning on.
fn len_of(peek: &mut Peek<'_, '_>, frame: Frame, left: u64, progress: &CallProgress<'_>) -> Result<u64> {
    let mut skim = Skim::new(frame);
    if !frame.skippable {
        let (begin, mut blocks) = (frame.base + frame.offset as u64, 0u32);
        while skim.step(peek.at(begin.saturating_add(skim.at), 3)?, left)? {
            blocks = blocks.wrapping_add(1);
            if blocks % BLOCKS_BETWEEN_LOOKS == 0 {
                progress.add(0)?;
            }
        }
    }
    skim.end(left)
}

/// Fills in the sizes of frames that do not tell them: the frames are decoded, several at a time, and the
/// output is dropped.
fn measure(
    source: &Source<'_>,
    options: &Options<'_>,
    found: &mut Found,
    progress: &CallProgress<'_>,
) -> Result<()> {
    let Some(window) = found.window else { return Ok(()) };
    let entries = &mut found.entries;
    let sum = AtomicU64::new(0);
    let mut silent = Vec::new();
    let mut sizes: Vec<AtomicU64> = Vec::new();
    let mut from = 0;
    loop {
        silent.clear();
        memory::reserve(&mut silent, MEASURED_AT_ONCE.min(entries.len() - from))?;
        let rest = (from..entries.len()).filter(|&index| entries[index].content == UNKNOWN);
        silent.extend(rest.take(MEASURED_AT_ONCE));
        let Some(&last) = silent.last() else { return Ok(()) };
        from = last + 1;
        sizes.clear();
        memory::reserve(&mut sizes, silent.len())?;
        sizes.extend(silent.iter().map(|_| AtomicU64::new(0)));
        let control = options.control(Cursor::memory(window), silent.len() * 16)?;
        job::run_tasks(silent.len(), &control, |task, _| {
            let index = silent[task];
            let extent = entries[index].offset..entries[index].offset + entries[index].len;
            let mut cursor = Cursor::new(source, index, extent, None, None, options)?;
            let mut size = 0u64;
            loop {
                let step = cursor.skip(source, u64::MAX, progress)?;
                size += step;
                // A bound on the work: hostile data can decode to 32,000 times its size.
                if sum.fetch_add(step, Ordering::Relaxed) + step > options.max_output() {
                    let what = format!("the archive holds more than max_output, {}", options.max_output());
                    return Err(Error::new(ErrorKind::LimitExceeded, what));
                }
                if cursor.is_done() {
                    sizes[task].store(size, Ordering::Relaxed);
                    return Ok(());
                }
            }
        })?;
        for (&index, size) in silent.iter().zip(&mut sizes) {
            entries[index].content = *size.get_mut();
        }
    }
}
