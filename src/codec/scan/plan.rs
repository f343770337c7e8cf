//! How a content is cut into pieces: by its frames and the options, never by lanes.
//!
//! The whole records of a frame are cut into pieces of one size. A record that begins in a frame and ends in
//! a later one comes after the other pieces of the frame where it begins, as a piece of its own. Each frame
//! has a range of numbers for its pieces. Where records are lines, only the content tells how many pieces
//! there are: then a frame has as many numbers as there can be, and some stay unused.
#![forbid(unsafe_code)]

use crate::codec::archive::Archive;
use crate::error::{Error, ErrorKind, Result};
use crate::job::Progress;
use crate::memory;
use std::ffi::CStr;
use std::ops::Range;
use std::sync::atomic::AtomicI32;

/// A frame of at most so many bytes is one piece, if the caller does not say how large pieces are.
const ONE_PIECE: u64 = 1 << 20;
/// The most bytes of a piece of other frames then.
const PIECE: u64 = 256 << 10;
/// The longest line, if the caller does not limit the memory.
const LONGEST_LINE: u64 = 64 << 20;

/// What a caller may ask of a scan. The default goes over all content, in records of a byte.
#[derive(Clone, Copy, Default)]
pub struct ScanOptions<'a> {
    /// The bytes of a record; 0: 1. Must be 0 where records are lines.
    pub record_size: usize,
    /// The most bytes of a piece, rounded down to whole records, at least one; 0: a frame, and 256 KiB of
    /// frames over 1 MiB.
    pub piece_size: usize,
    /// Whether records are lines: they end with byte 10, and the last one may end with the content.
    pub lines: bool,
    /// Threads that may work on it at the same time, the caller included; 0: as many as the archive has.
    pub max_lanes: u32,
    /// Where the part of the content begins.
    pub offset: u64,
    /// The bytes of the part; 0: up to the end.
    pub size: u64,
    /// The most working memory; 0: that of the archive.
    pub max_memory: u64,
    /// Non-zero: the call fails with [`ErrorKind::Cancelled`].
    pub cancel: Option<&'a AtomicI32>,
    /// Told (bytes of the content done, in total).
    pub progress: Option<Progress<'a>>,
    /// What traces call the scan.
    pub name: Option<&'a CStr>,
}

/// See the module.
pub(super) struct Plan {
    /// The part of the content.
    pub(super) part: Range<u64>,
    /// The frames that hold it.
    pub(super) frames: Range<usize>,
    /// For each of the frames the number of its first piece, and at the end the number of all.
    bases: Vec<u64>,
    /// The bytes of a record; `None`: lines.
    record: Option<u64>,
    /// As the caller has set it.
    piece: u64,
    /// The longest line.
    pub(super) longest: u64,
}

/// The part of a frame that is scanned, as offsets in the content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// The bytes.
    pub(super) bytes: Range<u64>,
    /// The whole records in it, which are cut into pieces; nothing is known of lines. Where no record begins,
    /// this begins after the end of `bytes`.
    pub(super) records: Range<u64>,
    /// The most bytes of a piece.
    pub(super) piece: u64,
    /// The numbers of the pieces.
    pub(super) numbers: Range<u64>,
}

impl Plan {
    pub(super) fn new(archive: &Archive<'_>, options: &ScanOptions<'_>) -> Result<Self> {
        let (part, record) = Self::part(archive, options)?;
        let record = (!options.lines).then_some(record);
        let (_, archive_memory) = archive.limits();
        let longest = [options.max_memory, archive_memory, LONGEST_LINE].into_iter().find(|&most| most != 0);
        let frames = if part.is_empty() {
            0..0
        } else {
            archive.frame_at(part.start)..archive.frame_at(part.end - 1) + 1
        };
        let mut plan = Self {
            part,
            frames: frames.clone(),
            bases: Vec::new(),
            record,
            piece: options.piece_size as u64,
            longest: longest.unwrap_or(LONGEST_LINE),
        };
        let mut bases = Vec::new();
        memory::reserve(&mut bases, frames.len() + 1)?;
        let mut base = 0u64;
        bases.push(base);
        for frame in frames {
            base = base.saturating_add(plan.count(archive.content(frame)));
            bases.push(base);
        }
        plan.bases = bases;
        Ok(plan)
    }

    /// The part that the options ask for, and the bytes of a record; lines: 1.
    pub(super) fn part(archive: &Archive<'_>, options: &ScanOptions<'_>) -> Result<(Range<u64>, u64)> {
        Ok((part(archive.size(), options)?, (options.record_size as u64).max(1)))
    }

    /// The number of all pieces, or where records are lines as many as there can be.
    pub(super) fn pieces(&self) -> u64 {
        self.bases.last().copied().unwrap_or(0)
    }

    /// The bytes of a record; `None`: lines.
    pub(super) fn record(&self) -> Option<u64> {
        self.record
    }

    /// The frames whose pieces begin before number `end`, of those from `first` on.
    pub(super) fn frames_before(&self, end: u64, first: usize) -> Range<usize> {
        if end >= self.pieces() {
            return first..self.frames.end;
        }
        let count = self.bases.partition_point(|&base| base < end);
        first..(self.frames.start + count).min(self.frames.end).max(first)
    }

    /// What is scanned of a frame.
    pub(super) fn of_frame(&self, archive: &Archive<'_>, frame: usize) -> Part {
        let content = archive.content(frame);
        let at = frame - self.frames.start;
        Part { numbers: self.bases[at]..self.bases[at + 1], ..self.cut(content) }
    }

    /// The most bytes that are looked at at a time in any frame.
    pub(super) fn largest_piece(&self, archive: &Archive<'_>) -> u64 {
        let content = self.frames.clone().map(|frame| archive.content(frame));
        content.map(|content| self.piece_of(content.end - content.start)).max().unwrap_or(0)
    }

    /// The most bytes of a piece of a frame that holds `size` bytes.
    fn piece_of(&self, size: u64) -> u64 {
        let record = self.record.unwrap_or(1);
        let most = match self.piece {
            0 if size <= ONE_PIECE => size,
            0 => PIECE,
            piece => piece.min(size.max(record)),
        };
        (most / record).max(1) * record
    }

    fn cut(&self, content: Range<u64>) -> Part {
        let piece = self.piece_of(content.end - content.start);
        let bytes = content.start.max(self.part.start)..content.end.min(self.part.end).max(content.start);
        let record = self.record.unwrap_or(1);
        let from = self.part.start;
        let begin = from.saturating_add((bytes.start - from).div_ceil(record).saturating_mul(record));
        let end = bytes.end - (bytes.end - from) % record;
        Part { records: begin..end.max(begin.min(bytes.end)), bytes, piece, numbers: 0..0 }
    }

    fn count(&self, content: Range<u64>) -> u64 {
        let Part { bytes, records, piece, .. } = self.cut(content);
        let len = bytes.end - bytes.start;
        if len == 0 {
            return 0;
        }
        match self.record {
            // Two pieces that follow each other have more than `piece` bytes: else they would be one. And a
            // line that is cut by the end of the frame.
            None => (len / piece).saturating_mul(2).saturating_add(2),
            Some(_) if records.start > bytes.end => 0,
            Some(_) => (records.end - records.start).div_ceil(piece) + u64::from(records.end < bytes.end),
        }
    }
}

/// The part of a content of `total` bytes that the options ask for.
fn part(total: u64, options: &ScanOptions<'_>) -> Result<Range<u64>> {
    let ScanOptions { record_size, lines, offset, size, .. } = *options;
    let invalid = |message: String| Err(Error::new(ErrorKind::InvalidArgument, message));
    if lines && record_size != 0 {
        return invalid(format!("record_size is {record_size}, but records are lines: expected 0"));
    }
    let end = if size == 0 { Some(total) } else { offset.checked_add(size) };
    let Some(end) = end.filter(|&end| offset <= end && end <= total) else {
        return invalid(format!("the part of {size} bytes from {offset} on does not lie in {total} bytes"));
    };
    let record = (record_size as u64).max(1);
    if !lines && (offset % record != 0 || end % record != 0) {
        return invalid(format!(
            "the content from {offset} to {end} is no whole number of records of {record} bytes"
        ));
    }
    Ok(offset..end)
}
