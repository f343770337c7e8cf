//! Finding the frames of a buffer, and making tasks of them: groups of whole frames whose slot in the output
//! is known.
#![forbid(unsafe_code)]

use crate::codec::format::frame::{Frame, Frames};
use crate::codec::format::seek_table::{self, SeekTable};
use crate::codec::format::xxh64::Xxh64;
use crate::codec::options::{limits, Options};
use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use std::ops::Range;

/// Small frames are put together until a group has so many bytes, compressed or decompressed. This makes a
/// task worth its costs, and bounds the memory that a hostile number of tiny frames takes.
const SMALLEST: u64 = 256 << 10;

/// Frames that one task decodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FrameGroup {
    /// The number of the group's first frame.
    pub(crate) first: u64,
    /// The bytes of the group in the data.
    pub(crate) src: Range<usize>,
    /// The bytes that the group decodes to.
    pub(crate) len: u64,
}

/// Puts small frames together into groups.
#[derive(Default)]
struct GroupBuilder {
    done: Vec<FrameGroup>,
    current: Option<FrameGroup>,
}

impl GroupBuilder {
    fn push(&mut self, index: u64, src: Range<usize>, len: u64) -> Result<()> {
        match &mut self.current {
            Some(group)
                if len.saturating_add(group.len).max((src.end - group.src.start) as u64) <= SMALLEST =>
            {
                group.src.end = src.end;
                group.len += len;
            }
            current => {
                if let Some(full) = current.replace(FrameGroup { first: index, src, len }) {
                    self.keep(full)?;
                }
            }
        }
        Ok(())
    }

    fn keep(&mut self, group: FrameGroup) -> Result<()> {
        if self.done.len() == self.done.capacity() {
            let more = self.done.len().max(32);
            memory::reserve(&mut self.done, more)?;
        }
        self.done.push(group);
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<FrameGroup>> {
        if let Some(last) = self.current.take() {
            self.keep(last)?;
        }
        Ok(self.done)
    }
}

/// The groups that the seek table claims: they cover all of `data` before it. With the bytes that they
/// decode to, or `None` if those are more than `room`, or an entry is no frame. The claim is checked when
/// each group is decoded: the group's frames must end where the group ends, and fill its slot exactly.
pub(crate) fn of_table(
    table: Option<SeekTable<'_>>,
    room: usize,
) -> Result<Option<(SeekTable<'_>, Vec<FrameGroup>, u64)>> {
    let Some(table) = table else { return Ok(None) };
    let total = table.entries().map(|(_, decompressed)| u64::from(decompressed)).sum();
    if total > room as u64 {
        return Ok(None);
    }
    let mut groups = GroupBuilder::default();
    let mut offset = 0;
    for (index, (compressed, decompressed)) in table.entries().enumerate() {
        // Where the table tells checksums an entry is a frame.
        if compressed == 0 && table.has_checksums() {
            return Ok(None);
        }
        let end = offset + compressed as usize; // the sum was checked
        groups.push(index as u64, offset..end, u64::from(decompressed))?;
        offset = end;
    }
    Ok(Some((table, groups.finish()?, total)))
}

/// Checks the checksums that the table tells of frames without their own, in a group that decodes to
/// `content`.
pub(crate) fn check(
    data: &[u8],
    group: &FrameGroup,
    table: SeekTable<'_>,
    mut content: &[u8],
    go_on: impl Fn() -> Result<()>,
) -> Result<()> {
    let first = group.first as usize; // of those in the table
    let mut offset = group.src.start;
    for (index, (compressed, decompressed)) in table.entries().enumerate().skip(first) {
        if offset == group.src.end {
            break;
        }
        let src = offset..offset + compressed as usize; // the sum was checked
        let wrong = || Error::new(ErrorKind::Corrupt, "the seek table is wrong").at(offset as u64);
        let (now, rest) = content.split_at_checked(decompressed as usize).ok_or_else(wrong)?;
        let mut frames = Frames::within(data, src.clone(), index as u64);
        let mut frame = Frame::default();
        let agrees = frames.read_next(&mut frame)?
            && frame.range() == src
            && frame.content_size.is_none_or(|size| size == now.len() as u64);
        if !agrees {
            return Err(wrong());
        }
        if let Some(expected) = table.checksum(index).filter(|_| !frame.skippable && !frame.checksum) {
            go_on()?;
            seek_table::check(&frame, expected, || Xxh64::checksum(now))?;
        }
        offset = src.end;
        content = rest;
    }
    Ok(())
}

/// The groups that the frames' own headers tell.
pub(crate) struct Walked {
    /// Empty if a frame does not tell its size.
    pub(crate) groups: Vec<FrameGroup>,
    /// The bytes that all frames decode to, if all tell their sizes.
    pub(crate) total: Option<u64>,
    /// The least that the frames can decode to.
    pub(crate) least: u64,
    /// The most that the frames can decode to.
    pub(crate) most: u64,
}

/// Walks over all frames. The options may refuse a frame, a damaged one by its header alone.
pub(crate) fn walk(data: &[u8], options: &Options<'_>) -> Result<Walked> {
    let check = |frame: &Frame| limits::check(frame, options);
    walk_with(data, check, check)
}

/// The same where `check` may refuse a frame, and `check_header` a damaged one by its header alone.
fn walk_with(
    data: &[u8],
    check: impl Fn(&Frame) -> Result<()>,
    check_header: impl Fn(&Frame) -> Result<()>,
) -> Result<Walked> {
    let mut groups = GroupBuilder::default();
    let (mut total, mut least, mut most) = (Some(0u64), 0u64, 0u64);
    let mut frames = Frames::new(data);
    let mut frame = Frame::default();
    loop {
        let begin = frames.clone();
        match frames.read_next(&mut frame) {
            Ok(true) => check(&frame)?,
            Ok(false) => break,
            Err(error) => {
                return Err(begin.start().and_then(|frame| check_header(&frame)).err().unwrap_or(error))
            }
        }
        least = least.saturating_add(frame.content_size.unwrap_or(frame.least));
        most = most.saturating_add(frame.content_size.unwrap_or(frame.most));
        total = match (total, frame.content_size) {
            (Some(total), Some(size)) => Some(total.checked_add(size).ok_or_else(|| {
                frame.error(ErrorKind::LimitExceeded, "more than 2^64 bytes are declared up to here")
            })?),
            _ => None,
        };
        if let (Some(_), Some(size)) = (total, frame.content_size) {
            groups.push(frame.index, frame.range(), size)?;
        }
    }
    let groups = if total.is_some() { groups.finish()? } else { Vec::new() };
    Ok(Walked { groups, total, least, most })
}

/// The bytes that all frames of `data` decode to, by their headers.
pub(crate) fn declared_size(data: &[u8]) -> Result<u64> {
    let silent = |frame: &Frame| match frame.content_size {
        Some(_) => Ok(()),
        None => Err(frame.error(ErrorKind::Unsupported, "it does not tell its decompressed size")),
    };
    let walked = walk_with(data, silent, |_| Ok(()))?;
    walked.total.ok_or_else(|| Error::new(ErrorKind::Internal, "a size is missing"))
}
