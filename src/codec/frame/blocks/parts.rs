//! One frame that comes in parts of some blocks each. Parts are decoded in any order. They are executed in
//! theirs, to a buffer that holds what came before as far as the window reaches.

use super::carried::Carried;
use super::execute::Target;
use super::layout::Layout;
use super::outside::Outside;
use super::slot::{Slot, Tables, LARGEST_BLOCK};
use super::Header;
use crate::codec::format::bits::{Checked, Odd};
use crate::codec::format::dictionary::REPEAT_OFFSETS;
use crate::codec::format::frame::Frame;
use crate::codec::format::sequence_tables;
use crate::codec::format::xxh64::Xxh64;
use crate::error::Result;
use crate::memory;
use std::ops::{DerefMut, Range};

/// Blocks of a part, at most: small ones go together, but each takes a slot.
pub(crate) const MOST_BLOCKS: usize = 16;
/// What a part decodes to, at most.
pub(crate) const MOST_IN_PART: usize = MOST_BLOCKS * LARGEST_BLOCK;
/// A part that may decode to so many bytes has blocks enough, unless they are small ones.
pub(crate) const ENOUGH: u64 = 256 << 10;
/// A part of so many compressed bytes is worth a task.
const LEAST_IN_PART: usize = 16 << 10;

/// Whether a part has blocks enough, of which so many compressed bytes decode to at most `most`. Of small
/// blocks nothing else tells that they are small.
pub(crate) fn is_full(blocks: usize, compressed: usize, most: u64, enough: u64) -> bool {
    blocks == MOST_BLOCKS || most >= enough && compressed >= LEAST_IN_PART
}

/// The state of a decoder between two blocks.
pub(crate) struct State {
    pub(crate) frame: Frame,
    /// What was decoded last, up to `end`: all of it, or at least a buffer of the layout.
    pub(crate) history: Vec<u8>,
    pub(crate) end: usize,
    pub(crate) layout: Layout,
    pub(crate) reps: [u32; 3],
    /// The literals section that described the last tree; empty: there was none.
    pub(crate) tree: Vec<u8>,
    /// A sequences section that defines the tables of the last block that had sequences; empty: there was
    /// none.
    pub(crate) tables: Vec<u8>,
    pub(crate) hash: Xxh64,
    pub(crate) total: u64,
    /// Whether the last block has been decoded.
    pub(crate) ended: bool,
    /// What the frame refers to.
    pub(crate) outside: Option<Outside>,
}

/// A part whose blocks are decoded.
pub(crate) struct Part<S> {
    /// The blocks.
    slots: Vec<S>,
    /// Where each of them begins in the part's buffer, and where the last one ends.
    begins: Vec<usize>,
    /// Whether libzstd has to go on behind them, with a block that is odd.
    odd: bool,
    /// Whether the frame's last block is among them.
    ended: bool,
    /// The literals section that describes the last tree of them.
    tree: Option<Range<usize>>,
}

impl<S: DerefMut<Target = Slot>> Part<S> {
    /// Decodes the `count` blocks of a part; `data`: what was carried, then the part. Each block gets a slot
    /// from `take`; `step` is called before each one.
    pub(crate) fn decode(
        data: &[u8],
        carried: &Carried,
        header: &Header,
        count: usize,
        mut take: impl FnMut() -> Result<S>,
        step: impl Fn() -> Result<()>,
    ) -> Result<Self> {
        let largest = header.largest_block();
        let mut scan = carried.scan(data, largest);
        let mut tables = Box::new(Tables::new(None));
        let mut part = Self::left_out(carried);
        part.odd = false;
        while part.slots.len() < count {
            step()?;
            let mut slot = take()?;
            let block = scan.next();
            if block.and_then(|block| slot.decode(data, block, &mut tables, header.reach(), largest)).is_err()
            {
                part.odd = true;
                return Ok(part);
            }
            part.slots.push(slot);
            part.begins.push(scan.at());
            part.tree = scan.section();
            part.ended = scan.is_over();
        }
        Ok(part)
    }

    /// A part of which nothing is decoded: libzstd decodes the frame already.
    pub(crate) fn left_out(carried: &Carried) -> Self {
        let begins = vec![carried.bytes().len()];
        Self { slots: Vec::new(), begins, odd: true, ended: false, tree: None }
    }

    /// The memory that it takes.
    pub(crate) fn memory(&self) -> usize {
        self.slots.iter().map(|slot| slot.memory()).sum()
    }
}

/// What executes the parts of a frame, one after the other.
///
/// The output slides through a buffer: at its end the part of it that is still needed moves to the front. A
/// ring would not have to move anything, but matches would be cut in two at its end; a ring that is mapped
/// twice would not cut them, but needs memory that forks share, and a way of its own on every system. Moved
/// are about as many bytes as are decoded, in large steps: a small part of the work.
pub(crate) struct Executor {
    header: Header,
    /// What was executed last, up to `at`; all of it is initialised, which costs little as it is about to be
    /// written.
    history: Vec<u8>,
    capacity: usize,
    at: usize,
    /// Where libzstd would have it.
    layout: Layout,
    /// What the frame refers to.
    outside: Option<Outside>,
    reps: [u32; 3],
    /// The literals section that described the last tree; empty: there was none.
    tree: Vec<u8>,
    hash: Xxh64,
    total: u64,
    ended: bool,
}

/// What became of a part.
pub(crate) struct Executed {
    /// Where its bytes are.
    pub(crate) range: Range<usize>,
    /// What follows them.
    pub(crate) end: End,
}

/// See `Executed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The next part, or, after the last one, nothing: the frame is what it says.
    Good,
    /// A block that libzstd has to decode; where it begins in the part's buffer.
    Odd(usize),
    /// The frame holds another number of bytes than it says.
    WrongSize,
    /// It has another checksum.
    WrongChecksum,
}

impl Executor {
    /// The memory that the parts of a frame are executed in, each of at most `part` bytes.
    pub(crate) fn memory(header: &Header, part: usize) -> u64 {
        // Twice the window, if it is not large.
        let ahead = header.window.clamp(2 << 20, 48 << 20) + part as u64;
        let kept = Layout::new(header.window, header.content_size).size as u64;
        kept.saturating_add(ahead).min(header.content_size.unwrap_or(u64::MAX))
    }

    /// For a frame with that header, which refers to `outside`.
    pub(crate) fn new(header: &Header, part: usize, outside: Option<Outside>) -> Result<Self> {
        let capacity = usize::try_from(Self::memory(header, part)).unwrap_or(usize::MAX);
        let mut history = Vec::new();
        memory::reserve(&mut history, capacity)?;
        Ok(Self {
            header: *header,
            history,
            capacity,
            at: 0,
            layout: Layout::new(header.window, header.content_size),
            reps: outside.as_ref().map_or(REPEAT_OFFSETS, Outside::repeat_offsets),
            outside,
            tree: Vec::new(),
            hash: Xxh64::new(),
            total: 0,
            ended: false,
        })
    }

    /// Executes the next part, whose buffer is `data`; `last`: no other follows it.
    pub(crate) fn execute<S: DerefMut<Target = Slot>>(
        &mut self,
        part: &mut Part<S>,
        data: &[u8],
        last: bool,
    ) -> Executed {
        let most = part.slots.len() * self.header.largest_block();
        let kept = self.layout.size;
        if self.at + most > self.capacity && self.at > kept {
            self.history.copy_within(self.at - kept..self.at, 0);
            self.at = kept;
        }
        let begin = self.at;
        let room = (begin + most).min(self.capacity);
        if self.history.len() < room {
            self.history.resize(room, 0);
        }
        let mut len = 0;
        for (number, slot) in part.slots.iter_mut().enumerate() {
            let reps = self.reps;
            // Once libzstd's buffer begins at the front again, it has left what is before the frame.
            let (outside, window) = match &self.outside {
                Some(outside) if self.layout.before == 0 => (outside.content(), self.header.reach()),
                _ => (&[][..], self.header.reach_inside()),
            };
            let target = Target::over(&mut self.history, outside);
            let executed = if slot.farthest() <= window {
                // SAFETY: all of the place is initialised, and nobody else has it.
                unsafe { target.execute(slot, data, self.at, &mut self.reps, window) }
            } else {
                Err(Odd)
            };
            let Ok(executed) = executed else {
                self.reps = reps;
                self.count(begin);
                return Executed { range: begin..self.at, end: End::Odd(part.begins[number]) };
            };
            len = executed;
            self.at += len;
            self.layout.add(len);
        }
        self.count(begin);
        let range = begin..self.at;
        if let Some(section) = part.tree.clone() {
            self.tree.clear();
            self.tree.extend_from_slice(&data[section]);
        }
        if part.odd {
            return Executed { range, end: End::Odd(part.begins[part.slots.len()]) };
        }
        if part.ended {
            self.ended = true;
            // libzstd gives out nothing of the last block where the size is wrong.
            if self.header.content_size.is_some_and(|size| size != self.total) {
                return Executed { range: begin..self.at - len, end: End::WrongSize };
            }
        }
        let mut end = End::Good;
        if last && self.header.checksum {
            let stored = data.get(part.begins[part.slots.len()]..).unwrap_or_default();
            if stored != (self.hash.finish() as u32).to_le_bytes() {
                end = End::WrongChecksum;
            }
        }
        Executed { range, end }
    }

    /// Counts what was executed from `begin` on.
    fn count(&mut self, begin: usize) {
        let bytes = &self.history[begin..self.at];
        self.total += bytes.len() as u64;
        if self.header.checksum {
            self.hash.update(bytes);
        }
    }

    /// Executed bytes.
    pub(crate) fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.history[range]
    }

    /// After an odd block, which begins at `at` of the part's buffer `data`: what libzstd needs to go on.
    pub(crate) fn into_state(
        self,
        frame: &Frame,
        data: &[u8],
        carried: &Carried,
        at: usize,
    ) -> Checked<State> {
        if carried.lost {
            return Err(Odd);
        }
        let mut scan = carried.scan(data, self.header.largest_block());
        while scan.at() < at {
            scan.next()?;
        }
        let tree = scan.section().map_or(self.tree, |section| data[section].to_vec());
        let tables = match scan.defined().1 {
            Some(sources) => sequence_tables::defining(sources, data)?,
            None => Vec::new(),
        };
        Ok(State {
            frame: *frame,
            history: self.history,
            end: self.at,
            layout: self.layout,
            reps: self.reps,
            tree,
            tables,
            hash: self.hash,
            total: self.total,
            ended: self.ended,
            outside: self.outside,
        })
    }
}
