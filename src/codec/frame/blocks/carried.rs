//! What blocks of a part may refer to of the blocks before it.
#![forbid(unsafe_code)]

use super::scan::Scan;
use super::Header;
use crate::codec::format::bits::{Checked, Odd};
use crate::codec::format::dictionary::Dictionary;
use crate::codec::format::huffman;
use crate::codec::format::sequence_tables::{Definitions, TableSource};

/// Zeros before what is carried, as streams are read by whole words; and behind a table's definition,
/// as how a long run of zeros in it is read depends on whether the data is about to end, which it was
/// not in its block.
const PADDING: usize = 16;

/// Definitions of blocks before a part that its blocks may refer to. Their bytes precede the part's in one
/// buffer.
#[derive(Clone, Debug)]
pub(crate) struct Carried {
    bytes: Vec<u8>,
    tree: Option<(usize, usize)>,
    sources: Option<[TableSource; 3]>,
    /// What there was is not known: a block before cannot be read.
    pub(super) lost: bool,
}

impl Carried {
    /// What the first part has before it: nothing.
    pub(crate) fn nothing() -> Self {
        Self { bytes: vec![0; PADDING], tree: None, sources: None, lost: false }
    }

    /// What the first part of a frame has before it that was made with a dictionary.
    pub(super) fn of(dictionary: &Dictionary<'_>) -> Checked<Self> {
        let mut carried = Self::nothing();
        if dictionary.has_tables() {
            let (bytes, start, end) = dictionary.tree();
            carried.tree = Some(carried.add(bytes, start, end)?);
            let (bytes, start, end) = dictionary.tables();
            let table = carried.add_table(bytes, start, end)?;
            carried.sources = Some([table; 3]);
        }
        Ok(carried)
    }

    /// Before a part that libzstd decodes, because a block before it is odd.
    pub(crate) fn lost() -> Self {
        Self { lost: true, ..Self::nothing() }
    }

    /// The bytes that the part's buffer begins with.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What the next part has before it; `data`: the buffer of this one, `count` blocks after what was
    /// carried.
    pub(crate) fn after(&self, data: &[u8], count: usize, header: &Header) -> Checked<Self> {
        let mut scan = self.scan(data, header.largest_block());
        for _ in 0..count {
            scan.next()?;
        }
        let (tree, sources) = scan.defined();
        let mut next = Self::nothing();
        if let Some((at, end)) = tree {
            next.tree = Some(next.add(data, at, at + huffman::description_len(data, at, end)?)?);
        }
        if let Some(sources) = sources {
            let mut carried = sources;
            for (number, source) in sources.into_iter().enumerate() {
                // A section may define several tables.
                let known = sources[..number].iter().position(|&other| other == source);
                carried[number] = match (source, known) {
                    (TableSource::Predefined, _) => source,
                    (TableSource::Dictionary, _) => return Err(Odd), // not of a stream
                    (_, Some(known)) => carried[known],
                    (TableSource::Block { modes, end }, None) => {
                        next.add_table(data, modes, Definitions::end(data, modes, end)?)?
                    }
                };
            }
            next.sources = Some(carried);
        }
        Ok(next)
    }

    /// Goes over the blocks of the buffer.
    pub(super) fn scan<'d>(&self, data: &'d [u8], largest: usize) -> Scan<'d> {
        Scan::after(data, self.bytes.len(), largest, (self.tree, self.sources))
    }

    fn add_table(&mut self, data: &[u8], start: usize, end: usize) -> Checked<TableSource> {
        let (modes, end) = self.add(data, start, end)?;
        self.bytes.extend_from_slice(&[0; PADDING]);
        Ok(TableSource::Block { modes, end: end + PADDING })
    }

    fn add(&mut self, data: &[u8], start: usize, end: usize) -> Checked<(usize, usize)> {
        let at = self.bytes.len();
        self.bytes.extend_from_slice(data.get(start..end).ok_or(Odd)?);
        Ok((at, self.bytes.len()))
    }
}
