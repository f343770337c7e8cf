//! What is between the two phases of a block: its literals and its sequences.
#![forbid(unsafe_code)]

use super::scan::{Block, Compressed, TREE_OF_DICTIONARY};
use crate::codec::format::bits::{Checked, Odd};
use crate::codec::format::dictionary::Dictionary;
use crate::codec::format::frame;
use crate::codec::format::huffman::HuffmanTable;
use crate::codec::format::literals::Kind;
use crate::codec::format::sequence_tables::{Definitions, SequenceTables};
use crate::codec::format::sequences::{self, Decoded, Places, Sequence, Symbolic, MOST_SEQUENCES};
use std::ops::Range;

/// Literals are copied in steps: so many bytes behind them may be read, and so many behind what is written
/// may be written.
pub(super) const SLACK: usize = 32;
/// Sequences are looked at so long before they are executed.
pub(super) const AHEAD: usize = 64;
/// The most that a block can hold.
pub(super) const LARGEST_BLOCK: usize = frame::LARGEST_BLOCK as usize;

/// The tables of a lane.
pub(super) struct Tables<'d> {
    dictionary: Option<&'d Dictionary<'d>>,
    huffman: HuffmanTable,
    sequences: SequenceTables,
}

impl<'d> Tables<'d> {
    pub(super) const fn new(dictionary: Option<&'d Dictionary<'d>>) -> Self {
        Self { dictionary, huffman: HuffmanTable::EMPTY, sequences: SequenceTables::EMPTY }
    }
}

/// Where a block's literals are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Literals {
    /// So many in the slot's own buffer.
    Own(usize),
    /// In the compressed data, with `SLACK` bytes behind them.
    InData(Range<usize>),
}

/// A block that waits for its execution. The buffers grow to what the largest block needs, never past what a
/// block can have.
pub(crate) struct Slot {
    buffer: Vec<u8>,
    sequences: Vec<Sequence>,
    symbolic: Vec<Symbolic>,
    pub(super) content: Content,
}

/// What is to be executed.
#[derive(Clone, Debug)]
pub(super) enum Content {
    Raw(Range<usize>),
    Single { byte: u8, len: usize },
    Sequences { literals: Literals, decoded: Decoded },
}

/// The most memory that a slot can take.
pub(super) const MEMORY: usize = (LARGEST_BLOCK
    + SLACK
    + (MOST_SEQUENCES + AHEAD) * size_of::<Sequence>()
    + MOST_SEQUENCES * size_of::<Symbolic>())
    / 4
    * 5;

impl Slot {
    pub(crate) const fn new() -> Self {
        let content = Content::Raw(0..0);
        Self { buffer: Vec::new(), sequences: Vec::new(), symbolic: Vec::new(), content }
    }

    /// The memory that it has taken.
    pub(crate) fn memory(&self) -> usize {
        self.buffer.capacity()
            + self.sequences.capacity() * size_of::<Sequence>()
            + self.symbolic.capacity() * size_of::<Symbolic>()
    }

    /// Decodes a block of a frame with that window, whose blocks hold at most `largest` bytes.
    pub(super) fn decode(
        &mut self,
        data: &[u8],
        block: Block,
        tables: &mut Tables<'_>,
        window: u64,
        largest: usize,
    ) -> Checked<()> {
        self.content = match block {
            Block::Raw(range) => Content::Raw(range),
            Block::Single { byte, len } => Content::Single { byte, len },
            Block::Compressed(block) => {
                let literals = self.literals(data, &block, tables)?;
                let decoded = self.sequences(data, &block, tables, window, largest)?;
                let rest = block.literals.count.checked_sub(decoded.literals).ok_or(Odd)?;
                if decoded.len + rest > largest {
                    return Err(Odd);
                }
                Content::Sequences { literals, decoded }
            }
        };
        Ok(())
    }

    fn literals(&mut self, data: &[u8], block: &Compressed, tables: &mut Tables<'_>) -> Checked<Literals> {
        let (count, at) = (block.literals.count, block.literals_at);
        if block.literals.kind == Kind::Raw && at + count + SLACK <= data.len() {
            return Ok(Literals::InData(at..at + count));
        }
        let out = grow(&mut self.buffer, count + SLACK, 0)?.get_mut(..count).ok_or(Odd)?;
        match block.literals.kind {
            Kind::Raw => out.copy_from_slice(data.get(at..at + count).ok_or(Odd)?),
            Kind::Single => out.fill(*data.get(at).ok_or(Odd)?),
            Kind::Described | Kind::Treeless => {
                let table = &mut tables.huffman;
                let described = match block.tree {
                    TREE_OF_DICTIONARY => table.prepare_by(tables.dictionary.ok_or(Odd)?)?,
                    (at, end) => table.prepare(data, at, end)?,
                };
                block.literals.decompress(data, at, described, table, out)?;
            }
        }
        Ok(Literals::Own(count))
    }

    fn sequences(
        &mut self,
        data: &[u8],
        block: &Compressed,
        tables: &mut Tables<'_>,
        window: u64,
        largest: usize,
    ) -> Checked<Decoded> {
        let count = block.sequences;
        if count == 0 {
            grow(&mut self.sequences, AHEAD, Sequence::NONE)?;
            return Ok(Decoded::default());
        }
        tables.sequences.prepare(block.sources, data, tables.dictionary)?;
        let bits = Definitions::end(data, block.modes_at, block.end)?;
        let places = Places {
            sequences: grow(&mut self.sequences, count + AHEAD, Sequence::NONE)?,
            symbolic: grow(&mut self.symbolic, count, Symbolic::NONE)?,
        };
        sequences::decode(data, (bits, block.end), count, &tables.sequences, places, window, largest)
    }

    /// The literals, with `SLACK` bytes behind them, and how many they are.
    pub(super) fn literals_of<'s>(
        &'s self,
        data: &'s [u8],
        literals: &Literals,
    ) -> Checked<(&'s [u8], usize)> {
        let (bytes, count) = match literals {
            Literals::Own(count) => (self.buffer.get(..count + SLACK), *count),
            Literals::InData(range) => (data.get(range.start..range.end + SLACK), range.len()),
        };
        Ok((bytes.ok_or(Odd)?, count))
    }

    /// The largest offset of its sequences that repeat none.
    pub(super) fn farthest(&self) -> u64 {
        match &self.content {
            Content::Sequences { decoded, .. } => decoded.farthest.into(),
            _ => 0,
        }
    }

    /// The places of its sequences.
    pub(super) fn places(&mut self) -> Places<'_> {
        Places { sequences: &mut self.sequences, symbolic: &mut self.symbolic }
    }

    /// `count` sequences, and `AHEAD` more that mean nothing.
    pub(super) fn all_sequences(&self, count: usize) -> Checked<&[Sequence]> {
        self.sequences.get(..count + AHEAD).ok_or(Odd)
    }
}

/// Makes a buffer at least `len` long; without memory the frame is left to libzstd.
fn grow<T: Copy>(buffer: &mut Vec<T>, len: usize, value: T) -> Checked<&mut [T]> {
    if buffer.len() < len {
        // A quarter more than is needed: the next block may be a bit larger.
        let more = len + len / 4 - buffer.len();
        crate::memory::reserve(buffer, more).map_err(|_| Odd)?;
        buffer.resize(buffer.len() + more, value);
    }
    Ok(buffer)
}
