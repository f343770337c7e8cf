//! A walk through one frame: its pieces, one after the other. It may be left between two pieces, and gone on
//! with later, on another thread.
#![forbid(unsafe_code)]

use super::plan::Part;
use super::seams::{too_long, Seam};
use super::{Caller, Failed, Scan};
use crate::codec::archive::{Aligned, Archive, Passage};
use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use std::ops::Range;

/// Bytes that are read at a time where a line goes on behind the part.
const READ: usize = 64 << 10;

/// See the module. Offsets are those of the whole content.
pub(super) struct Walk {
    passage: Passage,
    frame: usize,
    /// Where the frame begins.
    origin: u64,
    part: Part,
    /// Where the next piece begins, and its number.
    at: u64,
    number: u64,
    /// Whether the end of a record that began before the frame is given away.
    headed: bool,
}

impl Walk {
    /// At the beginning of what is scanned of a frame.
    pub(super) fn new(
        scan: &Scan<'_>,
        frame: usize,
        part: Part,
        mut passage: Passage,
    ) -> Result<Self, Failed> {
        let number = part.numbers.start;
        let room = usize::try_from(part.piece).unwrap_or(usize::MAX).min(scan.room);
        passage.begin(scan.archive, frame, room, scan.max_memory).map_err(|error| (number, error))?;
        let (origin, at) = (scan.archive.content(frame).start, part.bytes.start);
        let mut walk = Self { passage, frame, origin, part, at, number, headed: false };
        let skipped = walk.passage.skip(scan.archive, at - origin, &scan.progress);
        skipped.map_err(|error| walk.failed(error))?;
        Ok(walk)
    }

    pub(super) fn frame(&self) -> usize {
        self.frame
    }

    pub(super) fn into_passage(self) -> Passage {
        self.passage
    }

    /// Hands out the pieces before number `end`; true: the frame is finished.
    pub(super) fn go(&mut self, scan: &Scan<'_>, end: u64, caller: &Caller<'_>) -> Result<bool, Failed> {
        match scan.plan.record() {
            Some(_) => self.records(scan, end, caller),
            None => self.lines(scan, end, caller),
        }
    }

    fn records(&mut self, scan: &Scan<'_>, end: u64, caller: &Caller<'_>) -> Result<bool, Failed> {
        let Range { start: first, end: last } = self.part.records;
        let bytes_end = self.part.bytes.end;
        if !self.headed {
            if self.at < first {
                let to = first.min(bytes_end);
                self.fill(scan, to)?;
                scan.add(self.seam(to, false, first <= bytes_end)?, caller)?;
                self.go_to(to);
            }
            self.headed = true;
        }
        while self.at < last {
            if self.number >= end {
                return Ok(false);
            }
            let to = last.min(self.at + self.part.piece);
            self.hand_out(scan, to, caller)?;
        }
        if self.at < bytes_end {
            if self.number >= end {
                return Ok(false);
            }
            self.fill(scan, bytes_end)?;
            scan.add(self.seam(bytes_end, true, false)?, caller)?;
            self.go_to(bytes_end);
        }
        Ok(true)
    }

    fn lines(&mut self, scan: &Scan<'_>, end: u64, caller: &Caller<'_>) -> Result<bool, Failed> {
        let bytes_end = self.part.bytes.end;
        if !self.headed {
            // The lane that has the frame before knows whether a line begins here.
            if self.frame > scan.plan.frames.start || !scan.begins {
                let Some(to) = self.line_end(scan, self.at)? else {
                    self.cut_line(scan, false, caller)?;
                    return Ok(true);
                };
                scan.add(self.seam(to, false, true)?, caller)?;
                self.go_to(to);
            }
            self.headed = true;
        }
        while self.at < bytes_end {
            if self.number >= end {
                return Ok(false);
            }
            let to = bytes_end.min(self.at + self.part.piece);
            self.fill(scan, to)?;
            let newline = self.bytes(self.at..to).iter().rposition(|&byte| byte == b'\n');
            let to = match newline {
                Some(newline) => self.at + newline as u64 + 1,
                None => match self.line_end(scan, to)? {
                    Some(to) => to,
                    None => break,
                },
            };
            self.hand_out(scan, to, caller)?;
        }
        let number = self.part.numbers.end - 1;
        if number >= end {
            return Ok(false);
        }
        self.number = number;
        self.cut_line(scan, true, caller)?;
        Ok(true)
    }

    /// Where the line ends that goes on at `from`; `None`: not in this frame.
    fn line_end(&mut self, scan: &Scan<'_>, mut from: u64) -> Result<Option<u64>, Failed> {
        while from < self.part.bytes.end {
            let to = self.part.bytes.end.min(from + self.part.piece.max(1));
            self.fill(scan, to)?;
            let newline = self.bytes(from..to).iter().position(|&byte| byte == b'\n');
            let end = newline.map(|newline| from + newline as u64 + 1);
            if end.unwrap_or(to) - self.at > scan.plan.longest {
                return Err(self.failed(too_long(self.at, scan.plan.longest)));
            }
            if end.is_some() {
                return Ok(end);
            }
            from = to;
        }
        Ok(None)
    }

    /// Gives the rest of the frame away: a line that goes on in the next frame.
    fn cut_line(&mut self, scan: &Scan<'_>, begins: bool, caller: &Caller<'_>) -> Result<(), Failed> {
        let to = self.part.bytes.end;
        if to == scan.plan.part.end && begins && self.at == to {
            return Ok(()); // no line begins here
        }
        let mut seam = self.seam(to, begins, to == scan.plan.part.end)?;
        if seam.ends {
            read_line(scan.archive, to, &mut seam.bytes, scan.plan.longest)
                .map_err(|error| self.failed(error))?;
            seam.end = seam.from + seam.bytes.bytes().len() as u64;
        }
        self.go_to(to);
        scan.add(seam, caller)
    }

    /// The bytes up to `to`, which are decoded, for the seams.
    fn seam(&mut self, end: u64, begins: bool, ends: bool) -> Result<Seam, Failed> {
        let mut bytes = Aligned::default();
        let kept = bytes.extend(self.bytes(self.at..end));
        kept.map_err(|error| self.failed(error))?;
        Ok(Seam { from: self.at, end, begins, ends, number: self.number, dropped: false, bytes })
    }

    /// Hands out the piece up to `to`.
    fn hand_out(&mut self, scan: &Scan<'_>, to: u64, caller: &Caller<'_>) -> Result<(), Failed> {
        self.fill(scan, to)?;
        scan.call(self.number, self.at, self.bytes(self.at..to), caller)?;
        self.number += 1;
        self.go_to(to);
        Ok(())
    }

    fn go_to(&mut self, to: u64) {
        self.at = to;
        self.passage.forget(to - self.origin);
    }

    fn fill(&mut self, scan: &Scan<'_>, to: u64) -> Result<(), Failed> {
        let filled = self.passage.fill(scan.archive, to - self.origin, &scan.progress);
        filled.map_err(|error| self.failed(error))
    }

    fn bytes(&self, range: Range<u64>) -> &[u8] {
        self.passage.bytes(range.start - self.origin..range.end - self.origin)
    }

    fn failed(&self, error: Error) -> Failed {
        (self.number, error)
    }
}

/// Adds the rest of a line, which goes on at `offset` of the content.
fn read_line(archive: &Archive<'_>, mut offset: u64, line: &mut Aligned, longest: u64) -> Result<()> {
    let mut next = Vec::new();
    while offset < archive.size() && line.bytes().last() != Some(&b'\n') {
        read(archive, offset, READ, &mut next)?;
        let end = next.iter().position(|&byte| byte == b'\n').map_or(next.len(), |newline| newline + 1);
        line.extend(&next[..end])?;
        offset += end as u64;
        if line.bytes().len() as u64 > longest {
            return Err(too_long(offset, longest));
        }
    }
    Ok(())
}

/// Reads up to `len` bytes of the content, at least one.
pub(super) fn read(archive: &Archive<'_>, offset: u64, len: usize, bytes: &mut Vec<u8>) -> Result<()> {
    bytes.clear();
    memory::reserve(bytes, len)?;
    archive.read_to_vec(offset, len, bytes)?;
    if bytes.is_empty() {
        return Err(Error::new(ErrorKind::Internal, "nothing was read"));
    }
    Ok(())
}
