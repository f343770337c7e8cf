//! What the frames of a stream hold is kept until a seek table comes behind them, which should tell the same:
//! their sizes, and checksums of those that have none of their own.
#![forbid(unsafe_code)]

use super::buffers::{Counted, Meter};
use super::memory_plan::ReadPlan;
use crate::codec::format::frame::Frame;
use crate::codec::format::seek_table::{self, SeekTable};
use crate::codec::format::xxh64::Xxh64;
use crate::codec::options::Options;
use crate::error::Result;
use crate::memory;
use std::sync::Arc;

/// Frames for which there is room at first.
const FIRST: usize = 64;

/// A frame that was decoded.
#[derive(Clone, Copy, Debug)]
struct Seen {
    compressed: u32,
    content: u32,
    /// The lower half of its XXH64, of a frame without its own.
    checksum: Option<u32>,
}

impl Seen {
    /// A frame with its content.
    fn new(frame: &Frame, content: &[u8]) -> Self {
        let checksum = (!frame.skippable && !frame.checksum).then(|| Xxh64::checksum(content));
        Self::of(frame.len as u64, content.len() as u64, checksum)
    }

    /// What is larger than a table can tell agrees with none.
    fn of(compressed: u64, content: u64, checksum: Option<u32>) -> Self {
        let size = |bytes| u32::try_from(bytes).unwrap_or(u32::MAX);
        Self { compressed: size(compressed), content: size(content), checksum }
    }
}

/// What a task has decoded.
pub(crate) enum Content {
    /// The frames from that number on, which begin at `base` of the stream.
    Frames { first: u64, base: u64, found: Found },
    /// A part of a frame.
    Part { frame: Frame, first: bool, last: bool },
}

/// Some frames, and the last seek table among them.
pub(crate) struct Found {
    seen: Vec<Seen>,
    table: Option<Table>,
    /// The most entries of a table that is kept.
    most: usize,
    counted: Counted,
}

impl Found {
    /// For so many frames, skippable ones among them.
    pub(super) fn new(frames: usize, most: usize, meter: &Arc<Meter>) -> Result<Self> {
        let mut seen = Vec::new();
        memory::reserve(&mut seen, frames)?;
        let counted = meter.hold(Self::memory(seen.capacity()));
        Ok(Self { seen, table: None, most, counted })
    }

    /// The memory that so many frames take.
    pub(super) fn memory(frames: usize) -> usize {
        frames.saturating_mul(size_of::<Seen>())
    }

    /// Adds the next frame, which is in `data`.
    pub(super) fn add(&mut self, frame: &Frame, data: &[u8], content: &[u8]) -> Result<()> {
        if self.seen.len() == self.seen.capacity() {
            memory::reserve(&mut self.seen, 1)?;
        }
        self.seen.push(Seen::new(frame, content));
        if frame.skippable {
            self.table = Table::find(frame, data, self.most)?.or(self.table.take());
            let table = self.table.as_ref().map_or(0, |table| table.bytes.capacity());
            self.counted.change(Self::memory(self.seen.capacity()) + table);
        }
        Ok(())
    }
}

/// A seek table as it is in the stream, behind `before` bytes.
struct Table {
    before: u64,
    bytes: Vec<u8>,
}

impl Table {
    /// The skippable frame of `data`, if it is a table that tells all that is before it, in at most that many
    /// entries.
    fn find(frame: &Frame, data: &[u8], most: usize) -> Result<Option<Self>> {
        let (before, found) = (frame.base + frame.offset as u64, &data[frame.range()]);
        if SeekTable::find_after(before, found).is_none_or(|table| table.len() > most) {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        memory::reserve(&mut bytes, found.len())?;
        bytes.extend_from_slice(found);
        Ok(Some(Self { before, bytes }))
    }
}

/// See the module.
pub(super) struct TableChecks {
    seen: Vec<Seen>,
    /// The most of them: a longer table is not read.
    most: usize,
    counted: Counted,
    given_up: bool,
    /// The bytes of the stream that they are.
    total: u64,
    /// Of the frame that comes in parts.
    sizes: (u64, u64),
    hash: Xxh64,
    /// Whether the last table told other frames than there are.
    disagrees: bool,
}

impl TableChecks {
    /// `None`: the options do not ask for it.
    pub(super) fn new(options: &Options<'_>, plan: &ReadPlan, meter: &Arc<Meter>) -> Option<Self> {
        options.expects_table().then(|| Self {
            seen: Vec::new(),
            most: usize::try_from(plan.whole / 4).unwrap_or(usize::MAX) / size_of::<Seen>(),
            counted: meter.hold(0),
            given_up: false,
            total: 0,
            sizes: (0, 0),
            hash: Xxh64::new(),
            disagrees: false,
        })
    }

    /// The most entries of a table that is read.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// The memory that it takes.
    pub(super) fn memory(&self) -> u64 {
        (self.seen.capacity() * size_of::<Seen>()) as u64
    }

    /// Whether the last table told other frames than there are.
    pub(super) fn disagrees(&self) -> bool {
        self.disagrees
    }

    /// Follows what was decoded, in order: `bytes`, from so many compressed ones.
    ///
    /// # Errors
    /// A table tells another checksum than a frame's content has.
    pub(super) fn follow(&mut self, content: Content, bytes: &[u8], compressed: usize) -> Result<()> {
        match content {
            Content::Part { frame, first, last } => {
                if first {
                    (self.sizes, self.hash) = ((0, 0), Xxh64::new());
                }
                self.sizes.0 += compressed as u64;
                self.sizes.1 += bytes.len() as u64;
                if !frame.checksum {
                    self.hash.update(bytes);
                }
                if !last {
                    return Ok(());
                }
                let checksum = (!frame.checksum).then(|| self.hash.finish() as u32); // the lower half
                let seen = Seen::of(self.sizes.0, self.sizes.1, checksum);
                self.add(frame.index, frame.base + frame.offset as u64, self.sizes.0, &[seen])
            }
            Content::Frames { first, base, found } => {
                self.add(first, base, compressed as u64, &found.seen)?;
                let table = found.table.filter(|_| !self.given_up);
                let table =
                    table.as_ref().and_then(|table| SeekTable::find_after(table.before, &table.bytes));
                table.map_or(Ok(()), |table| self.compare(table))
            }
        }
    }

    /// Adds frames of so many bytes in all, which begin at `base`.
    fn add(&mut self, first: u64, base: u64, len: u64, more: &[Seen]) -> Result<()> {
        // Long skippable frames are thrown away before they come here.
        let missing = usize::try_from(first).unwrap_or(usize::MAX).saturating_sub(self.seen.len());
        let skipped = Seen::of(base - self.total, 0, None);
        let more = [&[skipped][..missing.min(1)], more];
        let all = self.seen.len().saturating_add(more[0].len() + more[1].len());
        self.total = base + len;
        if missing > 1 || all > self.most {
            self.given_up = true;
        }
        if self.given_up {
            // What is not compared is taken as it is.
            self.disagrees = false;
            self.seen = Vec::new();
            self.counted.change(0);
            return Ok(());
        }
        if all > self.seen.capacity() {
            let grown = (2 * self.seen.len()).max(FIRST).min(self.most).max(all);
            let more = grown - self.seen.len();
            memory::reserve(&mut self.seen, more)?;
            self.counted.change(self.seen.capacity() * size_of::<Seen>());
        }
        more.iter().for_each(|more| self.seen.extend_from_slice(more));
        Ok(())
    }

    fn compare(&mut self, table: SeekTable<'_>) -> Result<()> {
        let (mut index, mut offset) = (0, 0);
        for (entry, (compressed, content)) in table.entries().enumerate() {
            let (begin, mut left) = (index, (u64::from(compressed), u64::from(content)));
            // An entry may tell several frames in one, or none, where it tells no checksum.
            while left.0 > 0 {
                let seen = self.seen.get(index).filter(|seen| seen.content.max(seen.compressed) < u32::MAX);
                let rest = seen.and_then(|seen| {
                    let compressed = left.0.checked_sub(seen.compressed.into())?;
                    Some((compressed, left.1.checked_sub(seen.content.into())?))
                });
                let Some(rest) = rest else { return self.disagree() };
                (left, index) = (rest, index + 1);
            }
            if left != (0, 0) || table.has_checksums() && index != begin + 1 {
                return self.disagree();
            }
            let found = self.seen.get(begin).and_then(|seen| seen.checksum);
            if let (Some(found), Some(expected)) = (found, table.checksum(entry)) {
                let frame = Frame { index: begin as u64, base: offset, ..Frame::default() };
                seek_table::check(&frame, expected, || found)?;
            }
            offset += u64::from(compressed);
        }
        self.disagrees = false;
        Ok(())
    }

    /// The table is only a hint, unless there has to be a true one.
    fn disagree(&mut self) -> Result<()> {
        self.disagrees = true;
        Ok(())
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// What a task has found counts as long as it is there.
    #[test]
    fn found_frames_are_counted() {
        let meter = Arc::new(Meter::default());
        let mut found = Found::new(1000, 10, &meter).unwrap();
        assert!(meter.now() >= Found::memory(1000) as u64);
        let table = [0x5e, 0x2a, 0x4d, 0x18, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0xb1, 0xea, 0x92, 0x8f]; // of nothing
        let before = meter.now();
        let skippable = Frame { skippable: true, len: table.len(), ..Frame::default() };
        found.add(&skippable, &table, &[]).unwrap();
        assert_eq!(meter.now(), before + table.len() as u64);
        drop(found);
        assert_eq!(meter.now(), 0);
    }
}
