//! The sequences section of a block, decoded before anything is known of the blocks before it.

use super::bits::{Checked, Odd};
use super::frame::LARGEST_BLOCK;
use super::sequence_bits::{field, Bits};
use super::sequence_tables::SequenceTables;
use crate::memory;

/// A block cannot hold more of them: each makes at least three bytes.
pub(crate) const MOST_SEQUENCES: usize = LARGEST_BLOCK as usize / 3;
/// Bytes that have to lie before the bits, so that words are read without a look at where these begin.
const BEFORE: usize = 16;
/// The largest window whose offsets fit into a sequence.
pub(crate) const LARGEST_WINDOW: u64 = 1 << 29;
/// The numbers that stand for one repeat offset of the block before, less 0, 1, 2 and so on.
const DECREMENTS: u32 = 1 << 11;
/// Offsets are below 2^30. What stands for an offset that is not known is so far above that the place of its
/// match, in 32 bits with a sign, is positive.
const SYMBOLIC: u32 = (3 << 30) - 3 * DECREMENTS;

/// What a block begins with when nothing is known: each repeat offset stands for itself. What is subtracted
/// from it is subtracted from the number.
const UNKNOWN: [u32; 3] =
    [SYMBOLIC + DECREMENTS - 1, SYMBOLIC + 2 * DECREMENTS - 1, SYMBOLIC + 3 * DECREMENTS - 1];

/// One sequence in 8 bytes. Bits 0 to 16: literals to copy. 17 to 33: the length of the match, less 3. 34 to
/// 63, signed: where the match begins, counted from the block's first byte.
///
/// A sequence whose offset depends on the block before has the low bits of a number from `SYMBOLIC` on as
/// offset, until that is resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sequence(u64);

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
pub(crate) struct Symbolic(u64);

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
    /// All bits that an offset value has.
    pub(crate) values: u64,
    /// The farthest that a match of those that depend on nothing begins before the block.
    pub(crate) reach: usize,
    /// The repeat offsets that the block ends with, which may stand for those that it begins with.
    reps: [u32; 3],
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
    let input = Input { data, start, end, count, tables, window, largest };
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("bmi1") && std::arch::is_x86_feature_detected!("bmi2") {
        // SAFETY: this processor has the features.
        return unsafe { decode_bmi2(&input, places) };
    }
    decode_body::<false>(&input, places)
}

struct Input<'d> {
    data: &'d [u8],
    start: usize,
    end: usize,
    count: usize,
    tables: &'d SequenceTables,
    window: u64,
    largest: usize,
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "bmi1,bmi2")]
unsafe fn decode_bmi2(input: &Input<'_>, places: Places<'_>) -> Checked<Decoded> {
    decode_body::<true>(input, places)
}

/// Bits that lead to the next states, of all three together.
const STATE_BITS: u32 = 9 + 8 + 9;

#[inline(always)]
fn decode_body<const BMI2: bool>(input: &Input<'_>, places: Places<'_>) -> Checked<Decoded> {
    let &Input { data, start, end, count, tables, window, largest } = input;
    if count == 0 || window > LARGEST_WINDOW {
        return Err(Odd);
    }
    let sequences = places.sequences.get_mut(..count).ok_or(Odd)?;
    let symbolic = places.symbolic.get_mut(..count).ok_or(Odd)?;
    let bits = Bits::new(data, start, end)?;
    let values = read_values::<BMI2>(bits, 8 * start, tables, sequences)?;
    // No value is larger than all of them together; if that is too large, then maybe only that.
    let largest_value = window + 3;
    if values > largest_value && sequences.iter().any(|sequence| sequence.0 >> 34 > largest_value) {
        return Err(Odd);
    }
    to_places(sequences, symbolic, values, largest)
}

/// Reads the values of all sequences, in the layout of a sequence but for the high bits, which hold the
/// offset value. The stream has to end with its `first` bit. Returns all bits that an offset value has.
#[inline(always)]
fn read_values<const BMI2: bool>(
    mut bits: Bits<'_>,
    first: usize,
    tables: &SequenceTables,
    sequences: &mut [Sequence],
) -> Checked<u64> {
    bits.fill()?;
    let mut first_state = |log: u32| {
        let state = field::<BMI2>(bits.word, 0u64.wrapping_sub(log.into()), log.into()) as usize;
        bits.word <<= log;
        bits.held -= log;
        state
    };
    let mut literal_length = first_state(tables.literal_lengths.log);
    let mut offset = first_state(tables.offsets.log);
    let mut match_length = first_state(tables.match_lengths.log);
    let mut values = 0;
    let (last, others) = sequences.split_last_mut().ok_or(Odd)?;
    let last = std::slice::from_mut(last);
    for (sequences, is_last) in [(others, false), (last, true)] {
        for sequence in sequences {
            bits.fill()?;
            let literals = tables.literal_lengths.states[literal_length & 511];
            let distance = tables.offsets.states[offset & 255];
            let length = tables.match_lengths.states[match_length & 511];
            let sums = literals + distance + length; // no part of a sum reaches the next one
            let mut used = sums & 0xff;

            let mut word = bits.word;
            // Modulo 64, where the next field ends; above, it means nothing.
            let mut end = 0u64.wrapping_sub(distance);
            let value = (distance >> 32) + field::<BMI2>(word, end, distance);
            end = end.wrapping_sub(length);
            let mut packed = ((length >> 32) + field::<BMI2>(word, end, length)) << 17 | value << 34;
            values |= value;
            if used > (56 - STATE_BITS).into() {
                // Rare: large offsets, or long lengths.
                let before = (distance & 0xff) + (length & 0xff);
                bits.word <<= before & 63;
                bits.held -= before as u32;
                bits.fill()?;
                word = bits.word;
                used -= before;
                end = 0;
            }
            end = end.wrapping_sub(literals);
            packed |= (literals >> 32) + field::<BMI2>(word, end, literals);
            *sequence = Sequence(packed);
            if !is_last {
                let (first, second, third) = (literals >> 8, length >> 8, distance >> 8);
                end = end.wrapping_sub(first);
                literal_length = ((literals >> 16) + field::<BMI2>(word, end, first)) as usize;
                end = end.wrapping_sub(second);
                match_length = ((length >> 16) + field::<BMI2>(word, end, second)) as usize;
                end = end.wrapping_sub(third);
                offset = ((distance >> 16) + field::<BMI2>(word, end, third)) as usize;
                used += sums >> 8 & 0xff;
            }
            bits.word <<= used & 63;
            bits.held -= used as u32;
        }
    }
    if 8 * bits.rest + bits.held as usize != first || values >= 1 << 30 {
        return Err(Odd);
    }
    Ok(values)
}

/// Puts the places of matches in place of the offset values, none of which has a bit that `values` has not.
#[inline(always)]
fn to_places(
    sequences: &mut [Sequence],
    symbolic: &mut [Symbolic],
    values: u64,
    largest: usize,
) -> Checked<Decoded> {
    let count = sequences.len();
    let [mut first, mut second, mut third] = UNKNOWN;
    let (mut at, mut literals, mut lowest) = (0u64, 0u64, 0i32);
    let (mut depend, mut subtracted) = (0, 0);
    for (number, sequence) in sequences.iter_mut().enumerate() {
        let packed = sequence.0;
        let length = packed & 0x1ffff;
        let value = (packed >> 34) as u32;
        at += length;
        literals += length;
        if value > 3 {
            (first, second, third) = (value - 3, first, second);
        } else {
            match value.wrapping_sub(u32::from(length != 0)) {
                0 => {}
                1 => (first, second) = (second, first),
                2 => (first, second, third) = (third, first, second),
                _ => {
                    (first, second, third) = (first.wrapping_sub(1), first, second);
                    subtracted += 1;
                    if first == 0 {
                        return Err(Odd);
                    }
                }
            }
            *symbolic.get_mut(depend).ok_or(Odd)? = Symbolic(number as u64 | at << 32);
            depend += (first >> 31) as usize; // SYMBOLIC
        }
        // Of an offset that is not known this is large, and means nothing yet.
        let from = (at as u32).wrapping_sub(first);
        lowest = lowest.min(from as i32);
        sequence.0 = packed & ((1 << 34) - 1) | u64::from(from) << 34;
        at += (packed >> 17 & 0x1ffff) + 3;
    }
    // What did not fit into a sequence's fields is found out here: nobody has used them yet. And where so
    // much might have been subtracted from an offset that is not known, it may have become another one.
    if at > largest as u64 || depend > 0 && subtracted >= DECREMENTS {
        return Err(Odd);
    }
    Ok(Decoded {
        count,
        symbolic: depend,
        literals: literals as usize,
        len: at as usize,
        values,
        reach: lowest.unsigned_abs() as usize,
        reps: [first, second, third],
    })
}

impl Decoded {
    /// Puts the repeat offsets of the block before into the sequences that depend on them, for a block that
    /// begins at the place `base` of its frame, before which there are `outside` bytes of a dictionary; `reps`
    /// are those of the block after. Returns whether a match begins in the dictionary.
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
