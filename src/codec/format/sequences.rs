//! The sequences section of a block, decoded before anything is known of the blocks before it.

use super::bits::{Checked, Odd};
use super::frame::LARGEST_BLOCK;
use super::repeat_offsets::{DECREMENTS, SYMBOLIC};
use super::sequence_reader::{self, Section};
use super::sequence_tables::SequenceTables;
use crate::memory;

/// A block cannot hold more of them: each makes at least three bytes.
pub(crate) const MOST_SEQUENCES: usize = LARGEST_BLOCK as usize / 3;
/// Bytes that have to lie before the bits, so that words are read without a look at where these begin.
const BEFORE: usize = 16;
/// The largest window whose offsets fit into a sequence.
pub(crate) const LARGEST_WINDOW: u64 = 1 << 29;
/// One sequence in 8 bytes. Bits 0 to 16: literals to copy. 17 to 33: the length of the match, less 3. 34 to
/// 63, signed: where the match begins, counted from the block's first byte.
///
/// A sequence whose offset depends on the block before has the low bits of a number from `SYMBOLIC` on as
/// offset, until that is resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sequence(pub(super) u64);

impl Sequence {
    pub(crate) const NONE: Self = Self(0);

    /// Literals that are copied first.
    #[inline(always)]
    pub(crate) fn literals(self) -> usize {
        (self.0 & 0x1ffff) as usize
    }

    /// The length of the match.
    #[inline(always)]
    pub(crate) fn len(self) -> usize {
        (self.0 >> 17 & 0x1ffff) as usize + 3
    }

    /// Where the match begins, counted from the block's first byte.
    #[inline(always)]
    pub(crate) fn from(self) -> isize {
        (self.0 as i64 >> 34) as isize
    }
}

/// A sequence that depends on the block before: its number, and from bit 32 on where its match is copied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Symbolic(pub(super) u64);

impl Symbolic {
    pub(crate) const NONE: Self = Self(0);
}

/// What is known of a section once it is decoded. The executor relies on it: whatever makes one keeps to what
/// it says.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Decoded {
    /// The number of sequences.
    pub(crate) count: usize,
    /// How many of them depend on the block before.
    pub(crate) symbolic: usize,
    /// Literals of all sequences together.
    pub(crate) literals: usize,
    /// Bytes that all sequences make.
    pub(crate) len: usize,
    /// The largest offset of those that repeat none.
    pub(crate) farthest: u32,
    /// The farthest that a match of those that depend on nothing begins before the block.
    pub(crate) reach: usize,
    /// The repeat offsets that the block ends with, which may stand for those that it begins with.
    pub(super) reps: [u32; 3],
}

/// The head of a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// How many sequences there are.
    pub(crate) count: usize,
    /// Where the byte of modes stands in the section; its end if there are no sequences.
    pub(crate) modes_at: usize,
    /// How the three tables are defined.
    pub(crate) modes: u8,
}

impl Head {
    /// Reads the head of a section, which is all of `section`.
    pub(crate) fn read(section: &[u8]) -> Checked<Self> {
        let (count, modes_at) = match *section {
            [first @ 0..=127, ..] => (usize::from(first), 1),
            [255, low, high, ..] => (usize::from(u16::from_le_bytes([low, high])) + 0x7f00, 3),
            [first @ 128..=254, second, ..] => (usize::from(first - 128) << 8 | usize::from(second), 2),
            _ => return Err(Odd),
        };
        if count == 0 {
            // Nothing may follow.
            return if section.len() == modes_at { Ok(Self { count, modes_at, modes: 0 }) } else { Err(Odd) };
        }
        let modes = *section.get(modes_at).ok_or(Odd)?;
        if count > MOST_SEQUENCES || modes & 3 != 0 {
            return Err(Odd);
        }
        Ok(Self { count, modes_at, modes })
    }
}

/// The places that the sequences of a block are written to.
pub(crate) struct Places<'p> {
    pub(crate) sequences: &'p mut [Sequence],
    /// Those that depend on the block before; room for as many as there are sequences.
    pub(crate) symbolic: &'p mut [Symbolic],
}

/// Decodes `count` sequences from the bits `start..end` of `data`. `window`: how far an offset may reach
/// back. `largest`: bytes that the block may hold.
pub(crate) fn decode(
    data: &[u8],
    (start, end): (usize, usize),
    count: usize,
    tables: &SequenceTables,
    places: Places<'_>,
    window: u64,
    largest: usize,
) -> Checked<Decoded> {
    if start < BEFORE {
        // Only a frame's first block can begin so early, and only if it has hardly any literals.
        let stream = data.get(start..end).ok_or(Odd)?;
        let mut padded = Vec::new();
        memory::reserve(&mut padded, BEFORE + stream.len()).map_err(|_| Odd)?;
        padded.resize(BEFORE, 0);
        padded.extend_from_slice(stream);
        let range = (BEFORE, padded.len());
        return decode(&padded, range, count, tables, places, window, largest);
    }
    sequence_reader::read(&Section { data, start, end, count, tables, window, largest }, places)
}

impl Decoded {
    /// Puts the repeat offsets of the block before into the sequences that depend on them, for a block that
    /// begins at the place `base` of its frame, before which there are `outside` bytes of a dictionary;
    /// `reps` are those of the block after. Returns whether a match begins in the dictionary.
    pub(crate) fn resolve(
        &self,
        places: Places<'_>,
        reps: &mut [u32; 3],
        base: usize,
        outside: usize,
        window: u64,
    ) -> Checked<bool> {
        let before = *reps;
        let distance = |number: u32| {
            let named = number.checked_sub(SYMBOLIC).ok_or(Odd)?;
            let known = before.get((named / DECREMENTS) as usize).copied().ok_or(Odd)?;
            known.checked_sub(DECREMENTS - 1 - named % DECREMENTS).filter(|&distance| distance > 0).ok_or(Odd)
        };
        if self.reach > base + outside {
            return Err(Odd);
        }
        let mut reaches_out = self.reach > base;
        for symbolic in places.symbolic.get(..self.symbolic).ok_or(Odd)? {
            let at = symbolic.0 >> 32;
            let sequence = places.sequences.get_mut(symbolic.0 as u32 as usize).ok_or(Odd)?;
            // The high two bits of the number are known, and were not kept.
            let number = (at as u32).wrapping_sub((sequence.0 >> 34) as u32) & ((1 << 30) - 1) | 2 << 30;
            let distance = u64::from(distance(number)?);
            let known = base as u64 + at;
            if distance > window || distance > known + outside as u64 {
                return Err(Odd);
            }
            reaches_out |= distance > known;
            sequence.0 = sequence.0 & ((1 << 34) - 1) | at.wrapping_sub(distance) << 34;
        }
        for (rep, now) in reps.iter_mut().zip(self.reps) {
            *rep = if now >= SYMBOLIC { distance(now)? } else { now };
        }
        Ok(reaches_out)
    }
}
