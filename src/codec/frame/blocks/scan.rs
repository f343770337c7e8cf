//! Going over the blocks of a frame by their headers: what each block consists of, and which block before it
//! defines its tables. No order is left between blocks then, but for their execution.
#![forbid(unsafe_code)]

use crate::codec::format::bits::{Checked, Odd};
use crate::codec::format::literals::{self, Kind};
use crate::codec::format::sequence_tables::{Code, Mode, TableSource};
use crate::codec::format::sequences;
use std::ops::Range;

/// Stands for the place of the tree that a dictionary has.
pub(super) const TREE_OF_DICTIONARY: (usize, usize) = (usize::MAX, usize::MAX);

/// Bytes of a block's header.
const HEADER: usize = 3;

/// One block, with all that is needed to decode it by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Block {
    /// Bytes as they are.
    Raw(Range<usize>),
    /// One byte, repeated.
    Single {
        byte: u8,
        len: usize,
    },
    Compressed(Compressed),
}

/// A compressed block. All places are counted from the beginning of the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Compressed {
    pub(super) literals: literals::Head,
    /// Where the literals are stored.
    pub(super) literals_at: usize,
    /// Where the tree of compressed literals is described, and where that section ends.
    pub(super) tree: (usize, usize),
    /// The number of sequences.
    pub(super) sequences: usize,
    /// Where the byte of modes stands, and where the block ends.
    pub(super) modes_at: usize,
    pub(super) end: usize,
    /// Where the tables of the sequences come from.
    pub(super) sources: [TableSource; 3],
}

/// The blocks of a frame.
#[derive(Clone, Debug)]
pub(super) struct Scan<'d> {
    data: &'d [u8],
    at: usize,
    /// Bytes that a block may hold.
    largest: usize,
    tree: Option<(usize, usize)>,
    /// The literals section that it stands in, where this is one of the blocks gone over.
    section: Option<Range<usize>>,
    /// The tables of the last block that had sequences.
    sources: Option<[TableSource; 3]>,
    ended: bool,
}

impl<'d> Scan<'d> {
    /// The blocks of a frame, which begin at `at` of `data`, each of at most `largest` bytes; `tables`: a
    /// dictionary has tables for the first of them.
    pub(super) fn new(data: &'d [u8], at: usize, largest: usize, tables: bool) -> Self {
        let tree = tables.then_some(TREE_OF_DICTIONARY);
        Self::after(data, at, largest, (tree, tables.then_some([TableSource::Dictionary; 3])))
    }

    /// Blocks that follow others, which have defined a tree and tables.
    pub(super) fn after(
        data: &'d [u8],
        at: usize,
        largest: usize,
        (tree, sources): (Option<(usize, usize)>, Option<[TableSource; 3]>),
    ) -> Self {
        Self { data, at, largest, tree, section: None, sources, ended: false }
    }

    /// The tree and the tables that the next blocks may refer to.
    pub(super) fn defined(&self) -> (Option<(usize, usize)>, Option<[TableSource; 3]>) {
        (self.tree, self.sources)
    }

    /// The literals section that describes the tree, if it is one of the blocks gone over.
    pub(super) fn section(&self) -> Option<Range<usize>> {
        self.section.clone()
    }

    /// Whether there are no more blocks.
    pub(super) fn is_over(&self) -> bool {
        self.ended
    }

    /// Where the next block begins, or where the last one ends.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The next block; there has to be one.
    pub(super) fn next(&mut self) -> Checked<Block> {
        let header = self.data.get(self.at..).and_then(|rest| rest.first_chunk::<HEADER>()).ok_or(Odd)?;
        let header = u32::from_le_bytes([header[0], header[1], header[2], 0]);
        let size = (header >> 3) as usize;
        let start = self.at + HEADER;
        let stored = if header >> 1 & 3 == 1 { 1 } else { size };
        let content = self.data.get(start..start + stored).ok_or(Odd)?;
        if self.ended || size > self.largest {
            return Err(Odd);
        }
        let block = match header >> 1 & 3 {
            0 => Block::Raw(start..start + size),
            1 => Block::Single { byte: content[0], len: size },
            2 => Block::Compressed(self.compressed(content, start)?),
            _ => return Err(Odd),
        };
        self.at = start + stored;
        self.ended = header & 1 != 0;
        Ok(block)
    }

    fn compressed(&mut self, content: &[u8], start: usize) -> Checked<Compressed> {
        let literals = literals::Head::read(content, self.largest)?;
        let end = start + content.len();
        let literals_at = start + literals.len;
        let literals_end = literals_at + literals.stored;
        if literals.kind == Kind::Described {
            self.tree = Some((literals_at, literals_end));
            self.section = Some(start..literals_end);
        }
        let tree = match literals.kind {
            Kind::Raw | Kind::Single => (0, 0), // none
            Kind::Described | Kind::Treeless => self.tree.ok_or(Odd)?,
        };
        let head = sequences::Head::read(content.get(literals_end - start..).ok_or(Odd)?)?;
        let modes_at = literals_end + head.modes_at;
        let mut sources = [TableSource::Predefined; 3];
        if head.count > 0 {
            for code in [Code::LiteralLength, Code::Offset, Code::MatchLength] {
                sources[code as usize] = match Mode::of(code, head.modes) {
                    Mode::Predefined => TableSource::Predefined,
                    Mode::Single | Mode::Described => TableSource::Block { modes: modes_at, end },
                    Mode::Repeat => self.sources.ok_or(Odd)?[code as usize],
                };
            }
            self.sources = Some(sources);
        }
        Ok(Compressed { literals, literals_at, tree, sequences: head.count, modes_at, end, sources })
    }
}
