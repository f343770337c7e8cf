//! The literals section of a block.
#![forbid(unsafe_code)]

use super::bits::{Checked, Odd};
use super::huffman::HuffmanTable;

/// How literals are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Raw,
    /// One byte, repeated.
    Single,
    /// Compressed, with a tree of their own.
    Described,
    /// Compressed, with the tree of the last section before that had one.
    Treeless,
}

/// The head of a literals section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) kind: Kind,
    /// Bytes of the head.
    pub(crate) len: usize,
    /// The number of literals.
    pub(crate) count: usize,
    /// Bytes that follow the head.
    pub(crate) stored: usize,
    /// Four streams, not one.
    four: bool,
}

impl Head {
    /// Reads the head of the section that a block's content begins with. The section lies within the content.
    pub(crate) fn read(content: &[u8], largest: usize) -> Checked<Self> {
        // libzstd wants so many bytes of every block.
        let &[first, _, ..] = content else { return Err(Odd) };
        let number = |len: usize| -> Checked<u64> {
            let bytes = content.get(..len).ok_or(Odd)?;
            Ok(bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
        };
        let format = first >> 2 & 3;
        let kind = [Kind::Raw, Kind::Single, Kind::Described, Kind::Treeless][usize::from(first & 3)];
        let head = match kind {
            Kind::Raw | Kind::Single => {
                let (len, shift) = match format {
                    0 | 2 => (1, 3),
                    1 => (2, 4),
                    _ => (3, 4),
                };
                let count = (number(len)? >> shift) as usize; // of 20 bits
                let stored = if kind == Kind::Raw { count } else { 1 };
                Self { kind, len, count, stored, four: false }
            }
            Kind::Described | Kind::Treeless => {
                let (len, bits) = match format {
                    0 | 1 => (3, 10),
                    2 => (4, 14),
                    _ => (5, 18),
                };
                let all = number(5)? >> 4; // libzstd wants five bytes in any case
                let count = (all & ((1 << bits) - 1)) as usize;
                let stored = (all >> bits & ((1 << bits) - 1)) as usize;
                let four = format != 0;
                // No literals, or few for four streams: libzstd may tell.
                if count == 0 || four && count < 6 {
                    return Err(Odd);
                }
                Self { kind, len, count, stored, four }
            }
        };
        if head.count > largest || head.len + head.stored > content.len() {
            return Err(Odd);
        }
        Ok(head)
    }

    /// Decodes compressed literals, stored at `at` of `data`, into `out`, which has their number, by the
    /// table of their tree, which `described` bytes describe.
    pub(crate) fn decompress(
        &self,
        data: &[u8],
        at: usize,
        described: usize,
        table: &mut HuffmanTable,
        out: &mut [u8],
    ) -> Checked<()> {
        let end = at + self.stored;
        let start = if self.kind == Kind::Described { at + described } else { at };
        if self.four {
            table.four_streams(data, start, end, out)
        } else {
            table.one_stream(data, start, end, out)
        }
    }
}
