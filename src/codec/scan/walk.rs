//! A walk through one frame: its pieces, one after the other. It may be left between two pieces, and gone on
//! with later, on another thread.
#![forbid(unsafe_code)]

use super::plan::Part;
use super::seams::{too_long, Seam};
use super::shared::{Executed, Odd, Shared};
use super::{Caller, Failed, Scan};
use crate::codec::archive::{Aligned, Archive, Passage};
use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use crate::pool::count_bytes;
use crate::trace::{self, Kind, Mark};
use std::ops::Range;
use std::sync::Arc;

/// Bytes that are read at a time where a line goes on behind the part.
const READ: usize = 64 << 10;

/// See the module. Offsets are those of the whole content.
pub(super) struct Walk {
    content: Content,
    frame: usize,
    /// Where the frame begins.
    origin: u64,
    part: Part,
    /// Where the next piece begins, and its number.
    at: u64,
    number: u64,
    /// Whether the end of a record that began before the frame is given away.
    headed: bool,
    /// The bytes of the frame that are counted: taken, and given. A frame that is decoded once more, because
    /// something in it is odd, counts once.
    counted: (u64, u64),
}

/// Where the content of the frame comes from.
enum Content {
    /// libzstd decodes it on the lane that walks.
    Alone(Passage),
    /// Several lanes decode it, and get the pieces.
    Shared(Arc<Shared>, Executed),
}

impl Walk {
    /// At the beginning of what is scanned of a frame.
    pub(super) fn new(scan: &Scan<'_>, frame: usize, part: Part, passage: Passage) -> Result<Self, Failed> {
        let (origin, at) = (scan.archive.content(frame).start, part.bytes.start);
        let number = part.numbers.start;
        let content = Content::Alone(Passage::default());
        let mut walk = Self { content, frame, origin, part, at, number, headed: false, counted: (0, 0) };
        walk.begin_alone(scan, passage)?;
        Ok(walk)
    }

    /// The same for a frame that lanes share.
    pub(super) fn shared(
        scan: &Scan<'_>,
        shared: Arc<Shared>,
        part: Part,
        caller: &Caller<'_>,
    ) -> Result<Self, Failed> {
        let (frame, number) = (shared.frame, part.numbers.start);
        let executed = Executed::new(scan, &shared).map_err(|error| (number, error))?;
        let content = Content::Shared(shared, executed);
        let (origin, at) = (scan.archive.content(frame).start, part.bytes.start);
        let mut walk = Self { content, frame, origin, part, at, number, headed: false, counted: (0, 0) };
        let mut to = origin;
        while to < at {
            to = at.min(to + READ as u64);
            walk.fill(scan, to, caller)?;
            if let Content::Shared(_, executed) = &mut walk.content {
                executed.forget(to - origin);
            }
        }
        Ok(walk)
    }

    /// Has libzstd decode the frame up to where the next piece begins.
    fn begin_alone(&mut self, scan: &Scan<'_>, mut passage: Passage) -> Result<(), Failed> {
        let room = usize::try_from(self.part.piece).unwrap_or(usize::MAX).min(scan.room);
        passage
            .begin(scan.archive, self.frame, room, scan.max_memory)
            .and_then(|()| {
                let to = self.at - self.origin;
                traced(&mut passage, |passage| passage.skip(scan.archive, to, &scan.progress))
            })
            .map_err(|error| self.failed(error))?;
        self.content = Content::Alone(passage);
        self.count();
        Ok(())
    }

    /// What lanes share of the frame.
    pub(super) fn sharing(&self) -> Option<Arc<Shared>> {
        match &self.content {
            Content::Alone(_) => None,
            Content::Shared(shared, _) => Some(shared.clone()),
        }
    }

    pub(super) fn frame(&self) -> usize {
        self.frame
    }

    pub(super) fn into_passage(self) -> Option<Passage> {
        match self.content {
            Content::Alone(passage) => Some(passage),
            Content::Shared(..) => None,
        }
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
                self.fill(scan, to, caller)?;
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
            self.fill(scan, bytes_end, caller)?;
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
                let Some(to) = self.line_end(scan, self.at, caller)? else {
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
            self.fill(scan, to, caller)?;
            let newline = self.bytes(self.at..to).iter().rposition(|&byte| byte == b'\n');
            let to = match newline {
                Some(newline) => self.at + newline as u64 + 1,
                None => match self.line_end(scan, to, caller)? {
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
    fn line_end(
        &mut self,
        scan: &Scan<'_>,
        mut from: u64,
        caller: &Caller<'_>,
    ) -> Result<Option<u64>, Failed> {
        while from < self.part.bytes.end {
            let to = self.part.bytes.end.min(from + self.part.piece.max(1));
            self.fill(scan, to, caller)?;
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
        self.fill(scan, to, caller)?;
        match &mut self.content {
            Content::Alone(_) => scan.call(self.number, self.at, self.bytes(self.at..to), caller)?,
            Content::Shared(shared, executed) => {
                let (from, end) = (self.at - self.origin, to - self.origin);
                let ready = executed.take(shared, from, end, self.number, self.at);
                shared.push(scan, caller, ready.map_err(|error| (self.number, error))?)?;
            }
        }
        self.number += 1;
        self.go_to(to);
        Ok(())
    }

    fn go_to(&mut self, to: u64) {
        self.at = to;
        match &mut self.content {
            Content::Alone(passage) => passage.forget(to - self.origin),
            Content::Shared(_, executed) => executed.forget(to - self.origin),
        }
    }

    fn fill(&mut self, scan: &Scan<'_>, to: u64, caller: &Caller<'_>) -> Result<(), Failed> {
        let end = to - self.origin;
        if let Content::Shared(shared, executed) = &mut self.content {
            let filled = executed.fill(shared, scan, end, self.number, caller);
            self.count();
            match filled? {
                Ok(()) => return Ok(()),
                Err(Odd) => self.begin_alone(scan, Passage::default())?,
            }
        }
        let filled = match &mut self.content {
            Content::Alone(passage) => {
                traced(passage, |passage| passage.fill(scan.archive, end, &scan.progress))
            }
            Content::Shared(..) => Ok(()), // not any more
        };
        self.count();
        filled.map_err(|error| self.failed(error))
    }

    /// Counts what was decoded since the last time.
    fn count(&mut self) {
        let (taken, given) = match &self.content {
            Content::Alone(passage) => {
                let (taken, given, _) = passage.position();
                (taken, given)
            }
            Content::Shared(_, executed) => executed.position(),
        };
        let before = self.counted;
        self.counted = (taken.max(before.0), given.max(before.1));
        if self.counted != before {
            count_bytes(self.counted.0 - before.0, self.counted.1 - before.1);
        }
    }

    fn bytes(&self, range: Range<u64>) -> &[u8] {
        let range = range.start - self.origin..range.end - self.origin;
        match &self.content {
            Content::Alone(passage) => passage.bytes(range),
            Content::Shared(_, executed) => executed.bytes(range),
        }
    }

    fn failed(&self, error: Error) -> Failed {
        (self.number, error)
    }
}

/// Has libzstd decode on; a trace tells how far.
fn traced(passage: &mut Passage, decode: impl FnOnce(&mut Passage) -> Result<()>) -> Result<()> {
    let (mark, before) = (Mark::now(trace::CODEC), passage.position());
    let decoded = decode(passage);
    let (taken, given, all) = passage.position();
    if given > before.1 || all && !before.2 {
        let kind = if all && before.1 == 0 { Kind::DecompressFrame } else { Kind::DecompressPart };
        mark.end(kind, [taken - before.0, given - before.1, 0, 0, 0]);
    }
    decoded
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
