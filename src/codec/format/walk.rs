//! Walking over a frame whose data is not all there: from block to block as data arrives, or by headers that
//! are read one by one.
#![forbid(unsafe_code)]

use super::frame::{block, Blocks, Frame, BLOCK_HEADER, CHECKSUM, LARGEST_BLOCK};
use crate::error::{ErrorKind, Result};

/// After so many decompressed bytes of a frame, its ratio is taken as typical of the rest.
const TYPICAL: u64 = 2 << 20;

/// A frame whose data is still arriving.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    pub(crate) frame: Frame,
    /// The end of the last block that was seen, from the beginning of the data.
    at: usize,
    ended: bool,
}

/// What comes next in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A whole block.
    Block,
    /// The end of the frame; its length is known now.
    End,
    /// More data has to arrive.
    More,
}

impl Walk {
    /// A frame whose header has been read.
    pub(crate) fn new(frame: Frame) -> Self {
        Self { frame, at: frame.header_len, ended: false }
    }

    /// A walk over the same frame from its beginning.
    pub(crate) fn again(&self) -> Self {
        Self::new(Frame { least: 0, most: 0, ..self.frame })
    }

    /// The end of the blocks that were seen.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Whether more than three quarters of the next `left` bytes are probably this frame's. A frame that goes
    /// on as it began is recognised early. The guess may be low, as libzstd also writes blocks that hold less
    /// than they could; then only more data is looked at. A guess that is far too high does not count.
    pub(crate) fn is_most_of(&self, left: u64) -> bool {
        let (seen, held) = (self.at as u64, self.frame.most);
        let most = left / 4 * 3;
        let expected = match self.frame.content_size {
            Some(size) if held >= TYPICAL => u128::from(seen) * u128::from(size) / u128::from(held),
            _ => 0,
        };
        seen > most || expected > most.into() && expected <= u128::from(left) + u128::from(left / 4)
    }

    /// Whether the last block was seen.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// The first `len` bytes of the data, all of them seen, have been removed.
    pub(crate) fn forget(&mut self, len: usize) {
        self.at -= len;
    }

    /// Goes over one block. `data` begins with the frame, or behind the bytes that `forget` removed; `all`:
    /// no more data will arrive.
    pub(crate) fn step(&mut self, data: &[u8], all: bool) -> Result<Step> {
        let frame = &mut self.frame;
        let cut = |frame: &Frame, what| match all {
            true => Err(frame.error(ErrorKind::Truncated, what)),
            false => Ok(Step::More),
        };
        if self.ended {
            let end = self.at + if frame.checksum { CHECKSUM } else { 0 };
            if end > data.len() {
                return cut(frame, "the data ends in its checksum");
            }
            frame.check_size()?;
            self.at = end;
            return Ok(Step::End);
        }
        let largest = frame.window.min(LARGEST_BLOCK);
        let mut blocks = Blocks { data, at: self.at, largest, ended: false };
        match blocks.next() {
            Some(Ok(block)) => {
                frame.least = frame.least.saturating_add(block.least);
                frame.most = frame.most.saturating_add(block.most);
                self.at = blocks.at;
                self.ended = blocks.ended;
                Ok(Step::Block)
            }
            Some(Err((ErrorKind::Truncated, what))) => cut(frame, what),
            Some(Err((kind, what))) => Err(frame.error(kind, what)),
            None => Ok(Step::End), // a frame has at least one block
        }
    }
}

/// A walk over a frame by its headers alone, wherever the headers are read from.
pub(crate) struct Skim {
    /// The frame, as far as it is known.
    pub(crate) frame: Frame,
    /// The bytes from the frame's beginning to the next block header.
    pub(crate) at: u64,
    ended: bool,
}

impl Skim {
    /// A frame whose header has been read.
    pub(crate) fn new(frame: Frame) -> Self {
        Self { at: frame.header_len as u64, ended: frame.skippable, frame }
    }

    /// Goes on by the block header at `at`; `header`: as many bytes of it as exist, of the `left` bytes from
    /// the frame's beginning on. Returns whether there is another block.
    pub(crate) fn step(&mut self, header: &[u8], left: u64) -> Result<bool> {
        let frame = &mut self.frame;
        let Some(header) = header.get(..BLOCK_HEADER) else {
            let what = if self.at > left {
                "the data ends in a block"
            } else {
                "the data ends in the header of a block"
            };
            return Err(frame.error(ErrorKind::Truncated, what));
        };
        let found = block(header, 0, frame.window.min(LARGEST_BLOCK));
        let (block, last) = found.map_err(|(kind, what)| frame.error(kind, what))?;
        frame.least = frame.least.saturating_add(block.least);
        frame.most = frame.most.saturating_add(block.most);
        self.at += block.len as u64;
        self.ended = last;
        Ok(!last)
    }

    /// After the last block: the bytes of the frame, of which there are at most `left`.
    pub(crate) fn end(&self, left: u64) -> Result<u64> {
        debug_assert!(self.ended);
        let frame = &self.frame;
        let len = match frame.skippable {
            true => frame.len as u64,
            false => self.at + if frame.checksum { CHECKSUM as u64 } else { 0 },
        };
        if len > left {
            let what = match frame.skippable {
                true => "the data ends in a skippable frame",
                false if self.at > left => "the data ends in a block",
                false => "the data ends in its checksum",
            };
            return Err(frame.error(ErrorKind::Truncated, what));
        }
        frame.check_size()?;
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::Frames;
    use super::*;

    /// Random bytes with four bits of noise each.
    fn nibbles(len: usize) -> Vec<u8> {
        let mut noise = 1u32;
        let mut next = || {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (noise >> 28) as u8
        };
        (0..len).map(|_| next()).collect()
    }

    fn frame(data: &[u8]) -> Vec<u8> {
        zstd::bulk::compress(data, 3).unwrap()
    }

    /// Walks over a frame, and calls `look` after each block.
    fn walk_over(packed: &[u8], mut look: impl FnMut(&Walk)) -> Walk {
        let mut walk = Walk::new(Frames::new(packed).start().unwrap());
        while walk.step(packed, true).unwrap() == Step::Block {
            look(&walk);
        }
        walk
    }

    #[test]
    fn the_beginning_tells_the_length() {
        let packed = frame(&nibbles(9 << 20));
        let len = packed.len() as u64;
        let end = walk_over(&packed, |walk| {
            let (seen, early) = (walk.at() as u64, walk.frame.most < TYPICAL);
            for left in [len, len / 6 * 7] {
                assert!(walk.is_most_of(left) != early || seen > left / 4 * 3, "{seen} of {left}");
            }
            // As much data again follows, or the frame is shorter than its beginning tells.
            for left in [len * 2, len / 2] {
                assert_eq!(walk.is_most_of(left), seen > left / 4 * 3, "{seen} of {left}");
            }
        });
        assert!(end.is_most_of(len) && end.is_most_of(0));
    }

    #[test]
    fn what_tells_nothing() {
        let packed = frame(&nibbles(9 << 20));
        let len = packed.len() as u64;
        for size in [None, Some(u64::MAX), Some(0)] {
            walk_over(&packed, |walk| {
                let mut walk = walk.clone();
                walk.frame.content_size = size;
                assert_eq!(walk.is_most_of(len), walk.at() as u64 > len / 4 * 3, "{size:?}");
                assert!(!walk.is_most_of(u64::MAX));
            });
        }
    }

    /// A frame that begins unlike the rest is recognised late, but is recognised.
    #[test]
    fn mixed_data() {
        let (hard, easy) = (nibbles(6 << 20), b"many happy returns ".repeat(400_000));
        for data in [[&hard[..], &easy].concat(), [&easy[..], &hard].concat()] {
            let packed = frame(&data);
            let end = walk_over(&packed, |_| {});
            assert!(end.is_most_of(packed.len() as u64));
            assert!(!end.is_most_of(packed.len() as u64 * 2));
        }
    }
}
