//! What a dictionary gives to the frames that are made with it: the tables and the repeat offsets that they
//! begin with, and content that lies before theirs.
#![forbid(unsafe_code)]

use super::bits::{Checked, Odd};
use super::frame::little;
use super::huffman;
use super::sequence_tables::Definitions;

/// The magic number of a dictionary that is more than raw content.
const MAGIC: u64 = 0xec30_a437;
/// The magic number and the id.
const HEAD: usize = 8;
/// Zeros before the definitions: streams are read by whole words.
const PADDING: usize = 16;
/// The repeat offsets that a frame begins with.
pub(crate) const REPEAT_OFFSETS: [u32; 3] = [1, 4, 8];

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Dictionary<'d> {
    /// The description of a tree, then a sequences section from its byte of modes on; empty: there are none.
    definitions: Vec<u8>,
    /// Where that section begins.
    modes: usize,
    reps: [u32; 3],
    content: &'d [u8],
}

impl<'d> Dictionary<'d> {
    /// Raw content, whatever it begins with.
    pub(crate) fn raw(content: &'d [u8]) -> Self {
        Self { definitions: Vec::new(), modes: 0, reps: REPEAT_OFFSETS, content }
    }

    /// A dictionary of any kind.
    pub(crate) fn read(bytes: &'d [u8]) -> Checked<Self> {
        if bytes.len() < HEAD || little(&bytes[..4]) != MAGIC {
            return Ok(Self::raw(bytes));
        }
        let tree = HEAD..HEAD + huffman::description_len(bytes, HEAD, bytes.len())?;
        let mut definitions = vec![0; PADDING];
        definitions.extend_from_slice(bytes.get(tree.clone()).ok_or(Odd)?);
        let modes = definitions.len();
        let len = Definitions::of_dictionary(bytes.get(tree.end..).ok_or(Odd)?, &mut definitions)?;
        let rest = bytes.get(tree.end + len..).ok_or(Odd)?;
        let (offsets, content) = rest.split_at_checked(12).ok_or(Odd)?;
        let mut reps = [0; 3];
        for (rep, bytes) in reps.iter_mut().zip(offsets.chunks_exact(4)) {
            *rep = little(bytes) as u32; // of four bytes
            if *rep == 0 || *rep as usize > content.len() {
                return Err(Odd);
            }
        }
        Ok(Self { definitions, modes, reps, content })
    }

    /// Whether it has tables.
    pub(crate) fn has_tables(&self) -> bool {
        !self.definitions.is_empty()
    }

    /// The description of the tree: the bytes, where it begins in them, and where it ends.
    pub(crate) fn tree(&self) -> (&[u8], usize, usize) {
        (&self.definitions, PADDING, self.modes)
    }

    /// The definitions of the tables of sequences: the bytes, where they begin in them, and where they end.
    pub(crate) fn tables(&self) -> (&[u8], usize, usize) {
        (&self.definitions, self.modes, self.definitions.len())
    }

    /// The repeat offsets.
    pub(crate) fn repeat_offsets(&self) -> [u32; 3] {
        self.reps
    }

    /// The content.
    pub(crate) fn content(&self) -> &'d [u8] {
        self.content
    }
}
