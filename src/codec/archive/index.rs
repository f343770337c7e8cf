//! Where the frames of an archive are, and what they hold: by its seek table, if the frames' own headers say the same, else by
//! walking over the headers of all frames and blocks. Nothing is decompressed, but frames that do not tell their size.
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

/// No block of 4 bytes decodes to more than 128 KiB: what claims more, lies.
const LARGEST_RATIO: u64 = 32 << 10;
/// How often a long walk looks at the cancel flag.
const BLOCKS_BETWEEN_LOOKS: u32 = 256;

/// One frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    offset: u64,
    len: u64,
    /// Where its content begins in the whole.
    content: u64,
}

/// See the module. Skippable frames are left out.
#[derive(Debug)]
pub(super) struct Index {
    entries: Vec<Entry>,
    total: u64,
}

/// A frame while the index is made.
#[derive(Clone, Copy)]
struct Found {
    offset: u64,
    len: u64,
    size: Option<u64>,
    window: u64,
}

impl Index {
    /// Finds the frames.
    pub(super) fn new(source: &Source<'_>, options: &Options<'_>) -> Result<Self> {
        let progress = CallProgress::new(options, None);
        let found = match of_table(source, options, &progress)? {
            Some(found) => found,
            None => scan(source, options, &progress)?,
        };
        let sizes = sizes(source, options, &found, &progress)?;
        let mut entries = Vec::new();
        memory::reserve(&mut entries, found.len())?;
        let mut total = 0u64;
        for (index, (frame, size)) in found.iter().zip(sizes).enumerate() {
            entries.push(Entry { offset: frame.offset, len: frame.len, content: total });
            total = total.checked_add(size).ok_or_else(|| {
                let what = format!("more than 2^64 bytes are declared up to frame {index}");
                Error::new(ErrorKind::LimitExceeded, what).at(frame.offset)
            })?;
        }
        if total > options.max_output() {
            let what = format!("the archive holds {total} bytes, max_output is {}", options.max_output());
            return Err(Error::new(ErrorKind::LimitExceeded, what));
        }
        Ok(Self { entries, total })
    }

    /// How many frames.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Bytes of the whole content.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// Its memory.
    pub(super) fn memory(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>()
    }

    /// Where a frame is in the archive.
    pub(super) fn extent(&self, frame: usize) -> Range<u64> {
        let entry = &self.entries[frame];
        entry.offset..entry.offset + entry.len
    }

    /// Where its content is in the whole.
    pub(super) fn content(&self, frame: usize) -> Range<u64> {
        let end = self.entries.get(frame + 1).map_or(self.total, |next| next.content);
        self.entries[frame].content..end
    }

    /// The frame that holds the byte at `offset`, which is inside the whole.
    pub(super) fn frame_at(&self, offset: u64) -> usize {
        // Of those that begin there the last: the others are empty.
        self.entries.partition_point(|entry| entry.content <= offset) - 1
    }
}

/// Adds a frame to the list, within the limits of memory.
fn push(found: &mut Vec<Found>, frame: Found, options: &Options<'_>) -> Result<()> {
    if found.len() == found.capacity() {
        let more = found.len().max(32);
        let need = ((found.len() + more) * (size_of::<Found>() + size_of::<Entry>())) as u64;
        if options.max_memory != 0 && need > options.max_memory {
            let what = format!("max_memory is {}, but the index needs {need} bytes", options.max_memory);
            return Err(Error::new(ErrorKind::LimitExceeded, what).with_needed(need));
        }
        memory::reserve(found, more)?;
    }
    found.push(frame);
    Ok(())
}

/// What the seek table says, if there is one and the headers of the frames agree.
fn of_table(
    source: &Source<'_>,
    options: &Options<'_>,
    progress: &CallProgress<'_>,
) -> Result<Option<Vec<Found>>> {
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
    let mut found = Vec::new();
    let mut offset = 0;
    for (index, (compressed, decompressed)) in table.entries().enumerate() {
        let (compressed, decompressed) = (u64::from(compressed), u64::from(decompressed));
        if index as u32 % BLOCKS_BETWEEN_LOOKS == 0 {
            progress.add(0)?;
        }
        let header = peek.at(offset, LONGEST_HEADER.min(compressed))?;
        let Ok(frame) = Frames::of_piece(header, offset, index as u64).start() else { return Ok(None) };
        let agreed = match frame.content_size {
            _ if frame.skippable => decompressed == 0 && frame.len as u64 == compressed,
            Some(size) => size == decompressed && size <= compressed.saturating_mul(LARGEST_RATIO),
            None => true, // found out when it is decoded
        };
        if !agreed || limits::check(&frame, options).is_err() {
            return Ok(None);
        }
        if !frame.skippable {
            let size = Some(decompressed);
            push(&mut found, Found { offset, len: compressed, size, window: frame.window }, options)?;
        }
        offset += compressed;
    }
    Ok(Some(found))
}

/// What the frames and blocks themselves say.
fn scan(source: &Source<'_>, options: &Options<'_>, progress: &CallProgress<'_>) -> Result<Vec<Found>> {
    let mut peek = Peek::new(source);
    let mut found = Vec::new();
    let (mut offset, mut index, mut blocks) = (0, 0, 0u32);
    while offset < source.len() {
        let frame = Frames::of_piece(peek.at(offset, LONGEST_HEADER)?, offset, index).start()?;
        limits::check(&frame, options)?;
        let mut skim = Skim::new(frame);
        if !frame.skippable {
            while skim.step(peek.at(offset.saturating_add(skim.at), 3)?)? {
                blocks = blocks.wrapping_add(1);
                if blocks % BLOCKS_BETWEEN_LOOKS == 0 {
                    progress.add(0)?;
                }
            }
        }
        let len = skim.end(source.len() - offset)?;
        if !frame.skippable {
            let Frame { content_size, window, .. } = frame;
            push(&mut found, Found { offset, len, size: content_size, window }, options)?;
        }
        progress.add(0)?;
        offset += len;
        index += 1;
    }
    Ok(found)
}

/// The size of every frame's content. Those that do not tell it are decoded, several at a time, and what comes out is dropped.
fn sizes<'f>(
    source: &Source<'_>,
    options: &Options<'_>,
    found: &'f [Found],
    progress: &CallProgress<'_>,
) -> Result<impl Iterator<Item = u64> + 'f> {
    let mut silent = Vec::new();
    let count = found.iter().filter(|frame| frame.size.is_none()).count();
    memory::reserve(&mut silent, count)?;
    silent.extend((0..found.len()).filter(|&index| found[index].size.is_none()));
    let window = silent.iter().map(|&index| found[index].window).max().unwrap_or(0);
    let mut measured = Vec::new();
    memory::reserve(&mut measured, count)?;
    measured.extend((0..count).map(|_| AtomicU64::new(0)));
    let sum = AtomicU64::new(0);
    if count > 0 {
        let control = options.control(Cursor::memory(window), count * 16)?;
        job::run_tasks(count, &control, |task, _| {
            let index = silent[task];
            let extent = found[index].offset..found[index].offset + found[index].len;
            let mut cursor = Cursor::new(source, index, extent, None, options)?;
            let mut size = 0u64;
            loop {
                let step = cursor.skip(source, u64::MAX, progress)?;
                size += step;
                // Data that decodes to 32,000 times its size shall not keep anybody busy for long.
                if sum.fetch_add(step, Ordering::Relaxed) + step > options.max_output() {
                    let what = format!("the archive holds more than max_output, {}", options.max_output());
                    return Err(Error::new(ErrorKind::LimitExceeded, what));
                }
                if cursor.is_done() {
                    measured[task].store(size, Ordering::Relaxed);
                    return Ok(());
                }
            }
        })?;
    }
    let mut measured = measured.into_iter().map(AtomicU64::into_inner);
    Ok(found.iter().map(move |frame| frame.size.or_else(|| measured.next()).unwrap_or(0)))
}
