//! Frames whose data is not all there: going from block to block as data arrives, or by headers read one by one.
#![forbid(unsafe_code)]

use super::frame::{block, Blocks, Frame, BLOCK_HEADER, CHECKSUM, LARGEST_BLOCK};
use crate::error::{ErrorKind, Result};

/// So many decompressed bytes at a frame's beginning tell how well the rest will compress.
const TYPICAL: u64 = 2 << 20;

/// A frame of which more and more data arrives.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    pub(super) frame: Frame,
    /// The end of the last block that was seen, counted from where the data begins.
    at: usize,
    ended: bool,
}

/// What is next in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A block, whole.
    Block,
    /// The end of the frame. Its length is known now.
    End,
    /// More data has to arrive.
    More,
}

impl Walk {
    /// A frame whose header has been read.
    pub(super) fn new(frame: Frame) -> Self {
        Self { frame, at: frame.header_len, ended: false }
    }

    /// The same frame from its beginning.
    pub(super) fn again(&self) -> Self {
        Self::new(Frame { least: 0, most: 0, ..self.frame })
    }

    /// The end of what was seen.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// How long the frame will be if it goes on as it began, for a guess: most blocks but the last are full.
    pub(super) fn expected_len(&self) -> u64 {
        let (seen, held) = (self.at as u64, self.frame.most);
        match self.frame.content_size {
            Some(size) if held >= TYPICAL => {
                let expected = u128::from(seen) * u128::from(size) / u128::from(held);
                seen.max(u64::try_from(expected).unwrap_or(u64::MAX))
            }
            _ => seen,
        }
    }

    /// Whether the last block was seen.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// The first `len` bytes of the data, all of them seen, are no longer there.
    pub(super) fn forget(&mut self, len: usize) {
        self.at -= len;
    }

    /// Goes over one block. `data` begins where the frame does, or where it was last forgotten; `all`: no more will arrive.
    pub(super) fn step(&mut self, data: &[u8], all: bool) -> Result<Step> {
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
            self.at = end;
            frame.check_size()?;
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
            None => Ok(Step::End), // there is always one
        }
    }
}

/// A frame that is walked over by its headers alone, wherever they are read from.
pub(super) struct Skim {
    /// The frame, as far as it is known.
    pub(super) frame: Frame,
    /// Bytes up to the next header, counted from the frame's beginning.
    pub(super) at: u64,
    ended: bool,
}

impl Skim {
    /// A frame whose header has been read.
    pub(super) fn new(frame: Frame) -> Self {
        Self { at: frame.header_len as u64, ended: frame.skippable, frame }
    }

    /// Goes on by the block header at `at`, of which `header` are the bytes that there are. Tells whether there is another.
    pub(super) fn step(&mut self, header: &[u8]) -> Result<bool> {
        let frame = &mut self.frame;
        let Some(header) = header.get(..BLOCK_HEADER) else {
            return Err(frame.error(ErrorKind::Truncated, "the data ends in the header of a block"));
        };
        let found = block(header, 0, frame.window.min(LARGEST_BLOCK));
        let (block, last) = found.map_err(|(kind, what)| frame.error(kind, what))?;
        frame.least = frame.least.saturating_add(block.least);
        frame.most = frame.most.saturating_add(block.most);
        self.at += block.len as u64;
        self.ended = last;
        Ok(!last)
    }

    /// When there is no other block: the bytes of the frame, of which there are at most `left`.
    pub(super) fn end(&self, left: u64) -> Result<u64> {
        debug_assert!(self.ended);
        let frame = &self.frame;
        let len = match frame.skippable {
            true => frame.len as u64,
            false => self.at + if frame.checksum { CHECKSUM as u64 } else { 0 },
        };
        if len > left {
            return Err(frame.error(ErrorKind::Truncated, "the data ends in it"));
        }
        frame.check_size()?;
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use super::super::compress::compress_to_vec;
    use super::super::frame::Frames;
    use super::super::options::Options;
    use super::*;

    #[test]
    fn the_beginning_tells_the_length() {
        let mut noise = 1u32;
        let mut nibble = || {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (noise >> 28) as u8
        };
        let data: Vec<u8> = (0..9 << 20).map(|_| nibble()).collect();
        let packed = compress_to_vec(&data, &Options { single_frame: true, ..Options::default() }).unwrap();
        let frame = Frames::new(&packed).start().unwrap();
        let mut walk = Walk::new(frame);
        assert_eq!(walk.expected_len(), frame.header_len as u64);
        while walk.step(&packed, true).unwrap() == Step::Block {
            let (expected, len) = (walk.expected_len(), packed.len() as u64);
            assert!(
                walk.frame.most < TYPICAL || (len / 10 * 9..len / 10 * 11).contains(&expected),
                "{expected}, {len}"
            );
        }
        // One that lies, or that does not tell.
        walk.frame.content_size = Some(u64::MAX);
        assert!(walk.expected_len() > 1 << 60);
        walk.frame.content_size = None;
        assert_eq!(walk.expected_len(), packed.len() as u64);
    }
}
