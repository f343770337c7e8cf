//! The sequences section of a block, decoded before anything is known of the blocks before it.

use super::bits::{last_bit, word_before, Checked, Odd};
use super::sequence_tables::SequenceTables;

/// A block cannot hold more of them: each makes at least three bytes.
pub(crate) const MOST_SEQUENCES: usize = (128 << 10) / 3;
/// Bytes that have to lie before the bits, so that words are read without a look at where these begin.
const BEFORE: usize = 16;
/// Offsets have to be below. What is above stands for repeat offsets of the block before.
const SYMBOLIC: u32 = 1 << 31;
/// The largest window whose offsets fit into a sequence.
pub(crate) const LARGEST_WINDOW: u64 = 1 << 29;
/// The numbers that stand for one repeat offset of the block before, less 0, 1, 2 and so on.
const DECREMENTS: u32 = 1 << 11;

/// What a block begins with when nothing is known: each repeat offset stands for itself. What is subtracted is subtracted here
/// too; after half of `DECREMENTS` it is given up.
const UNKNOWN: [u32; 3] =
    [SYMBOLIC + DECREMENTS - 1, SYMBOLIC + 2 * DECREMENTS - 1, SYMBOLIC + 3 * DECREMENTS - 1];

/// One sequence in 8 bytes. Bits 0 to 16: literals to copy. 17 to 33: the length of the match, less 3. 34 to 63, signed: where the
/// match begins, counted from the block's first byte.
///
/// A sequence whose offset depends on the block before has other high bits: 34 to 46 name the repeat offset, 47 to 63 say
/// where in the block its match is copied to.
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

/// What is known of a section once it is decoded. The executor relies on it: whatever makes one keeps to what it says.
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
    /// The largest offset that the block has of its own.
    pub(crate) farthest: u32,
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
    /// The numbers of those that depend on the block before; one more than there are sequences.
    pub(crate) symbolic: &'p mut [u16],
}

/// Decodes `count` sequences from the bits `start..end` of `data`. `window`: how far an offset may reach back. `largest`: bytes that
/// the block may hold.
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
        let mut padded = vec![0; BEFORE];
        padded.extend_from_slice(data.get(start..end).ok_or(Odd)?);
        let range = (BEFORE, padded.len());
        return decode(&padded, range, count, tables, places, window, largest);
    }
    let input = Input { data, start, end, count, tables, window, largest };
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("bmi1") && std::arch::is_x86_feature_detected!("bmi2") {
        // SAFETY: this processor has the features.
        return unsafe { decode_bmi2(&input, places) };
    }
    decode_body(&input, places)
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
    decode_body(input, places)
}

/// Bits that lead to the next states, of all three together.
const STATE_BITS: u32 = 9 + 8 + 9;

/// The highest bits of a word, as many as `state` has extra bits.
#[inline(always)]
fn top(word: u64, state: u64) -> u64 {
    (word >> 1) >> (!state & 63)
}

/// A word without them.
#[inline(always)]
fn below(word: u64, state: u64) -> u64 {
    word << (state & 63)
}

/// The bits of a stream, some of them in a word whose highest bits come next. The word is filled from an address that does not
/// depend on how many bits were used last, so that memory is not waited for.
struct Bits<'d> {
    data: &'d [u8],
    /// The highest bits come next.
    word: u64,
    /// How many of the word's bits are counted as read from the data; those below them are right too, or 0.
    held: u32,
    /// The end of the data that is not in the word yet.
    rest: usize,
}

impl<'d> Bits<'d> {
    fn new(data: &'d [u8], start: usize, end: usize) -> Checked<Self> {
        let last = last_bit(data, start, end)?;
        let held = (last % 8) as u32;
        let byte = u64::from(*data.get(last / 8).ok_or(Odd)?);
        let word = if held == 0 { 0 } else { byte << (64 - held) };
        Ok(Self { data, word, held, rest: last / 8 })
    }

    /// Fills the word to at least 56 bits. Past the stream's beginning it goes on with what lies before; fails where there is nothing.
    #[inline(always)]
    fn fill(&mut self) -> Checked<()> {
        if self.rest < 8 {
            return Err(Odd);
        }
        // SAFETY: `rest` is 8 at least, and only falls, from an end within the data.
        let next = unsafe { word_before(self.data, self.rest) };
        self.word |= next >> (self.held & 63);
        self.rest -= (63 - self.held as usize) / 8;
        self.held |= 56;
        Ok(())
    }
}

#[inline(always)]
fn decode_body(input: &Input<'_>, places: Places<'_>) -> Checked<Decoded> {
    let &Input { data, start, end, count, tables, window, largest } = input;
    if count == 0 || window > LARGEST_WINDOW {
        return Err(Odd);
    }
    let sequences = places.sequences.get_mut(..count).ok_or(Odd)?;
    let bits = Bits::new(data, start, end)?;
    read_values(bits, 8 * start, tables, sequences)?;
    to_places(sequences, places.symbolic, window, largest)
}

/// Reads the values of all sequences, in the layout of a sequence but for the high bits, which hold the offset value. The stream has to
/// end with its `first` bit.
#[inline(always)]
fn read_values(
    mut bits: Bits<'_>,
    first: usize,
    tables: &SequenceTables,
    sequences: &mut [Sequence],
) -> Checked<()> {
    bits.fill()?;
    let mut first_state = |log: u32| {
        let state = top(bits.word, u64::from(log)) as usize;
        bits.word = below(bits.word, u64::from(log));
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
            let extra = sums as u32 & 0xff;

            let mut word = bits.word;
            let value = (distance >> 32) + top(word, distance);
            word = below(word, distance);
            let mut packed = ((length >> 32) - 3 + top(word, length)) << 17 | value << 34;
            values |= value;
            if extra <= 56 - STATE_BITS {
                word = below(word, length);
                bits.held -= extra;
            } else {
                // Rare: large offsets, or long lengths.
                let used = (distance as u32 & 0xff) + (length as u32 & 0xff);
                bits.word = below(word, length);
                bits.held -= used;
                bits.fill()?;
                word = bits.word;
                bits.held -= extra - used;
            }
            packed |= (literals >> 32) + top(word, literals);
            word = below(word, literals);
            *sequence = Sequence(packed);
            if is_last {
                continue; // no state follows
            }
            literal_length = (literals >> 16 & 0xffff) as usize + top(word, literals >> 8) as usize;
            word = below(word, literals >> 8);
            match_length = (length >> 16 & 0xffff) as usize + top(word, length >> 8) as usize;
            word = below(word, length >> 8);
            offset = (distance >> 16 & 0xffff) as usize + top(word, distance >> 8) as usize;
            bits.word = below(word, distance >> 8);
            bits.held -= (sums >> 8) as u32 & 0xff;
        }
    }
    if 8 * bits.rest + bits.held as usize != first || values >= 1 << 30 {
        return Err(Odd);
    }
    Ok(())
}

/// Puts the places of matches in place of the offset values.
#[inline(always)]
fn to_places(
    sequences: &mut [Sequence],
    symbolic: &mut [u16],
    window: u64,
    largest: usize,
) -> Checked<Decoded> {
    let count = sequences.len();
    let symbolic = symbolic.get_mut(..count + 1).ok_or(Odd)?;
    let mut depend = 0;
    let [mut first, mut second, mut third] = UNKNOWN;
    let (mut at, mut literals, mut lowest, mut farthest) = (0u64, 0u64, 0i64, 0u32);
    // Not 0: an offset is 0, or 1 was subtracted from a repeat offset too often.
    let mut bad = 0;
    for (number, sequence) in sequences.iter_mut().enumerate() {
        // Without branches, as nobody could foretell them.
        let packed = sequence.0;
        let length = packed & 0x1ffff;
        let value = (packed >> 34) as u32;
        let fresh = value > 3;
        let which = if fresh { 3 } else { value.wrapping_sub(1) + u32::from(length == 0) };
        let known = if which == 0 { first } else { second };
        let known = if which == 2 { third } else { known };
        let known = if which == 3 { first.wrapping_sub(1) } else { known };
        let distance = if fresh { value.wrapping_sub(3) } else { known };
        third = if which >= 2 { second } else { third };
        second = if which >= 1 { first } else { second };
        first = distance;
        farthest = farthest.max(value);

        at += length;
        literals += length;
        let unknown = distance >= SYMBOLIC;
        bad |= u32::from(distance == 0) | (distance >> 31 & !(distance >> 10));
        let from = at as i64 - i64::from(distance);
        lowest = lowest.min(if unknown { 0 } else { from });
        let named = at << 13 | u64::from(distance & 0x1fff);
        let high = if unknown { named } else { from as u64 };
        at += (packed >> 17 & 0x1ffff) + 3;
        sequence.0 = packed & ((1 << 34) - 1) | high << 34;
        symbolic[depend] = number as u16; // below MOST_SEQUENCES
        depend += usize::from(unknown);
    }
    // What did not fit into a sequence's fields is found out here: nobody has used them yet.
    let farthest = farthest.saturating_sub(3);
    if at > largest as u64 || bad & 1 != 0 || u64::from(farthest) > window {
        return Err(Odd);
    }
    Ok(Decoded {
        count,
        symbolic: depend,
        literals: literals as usize,
        len: at as usize,
        farthest,
        reach: lowest.unsigned_abs() as usize,
        reps: [first, second, third],
    })
}

impl Decoded {
    /// Puts the repeat offsets of the block before into the sequences that depend on them, for a block that begins at the place
    /// `base` of its frame; `reps` are those of the block after.
    pub(crate) fn resolve(
        &self,
        places: Places<'_>,
        reps: &mut [u32; 3],
        base: usize,
        window: u64,
    ) -> Checked<()> {
        let before = *reps;
        let distance = |named: u32| {
            let which = (named >> 11) as usize; // DECREMENTS
            let known = before.get(which).copied().ok_or(Odd)?;
            known.checked_sub(DECREMENTS - 1 - named % DECREMENTS).filter(|&distance| distance > 0).ok_or(Odd)
        };
        if self.reach > base {
            return Err(Odd);
        }
        for &number in places.symbolic.get(..self.symbolic).ok_or(Odd)? {
            let sequence = places.sequences.get_mut(usize::from(number)).ok_or(Odd)?;
            let named = sequence.0 >> 34;
            let at = named >> 13;
            let distance = u64::from(distance((named & 0x1fff) as u32)?);
            if distance > window || distance > base as u64 + at {
                return Err(Odd);
            }
            sequence.0 = sequence.0 & ((1 << 34) - 1) | at.wrapping_sub(distance) << 34;
        }
        for (rep, now) in reps.iter_mut().zip(self.reps) {
            *rep = if now >= SYMBOLIC { distance(now & 0x1fff)? } else { now };
        }
        Ok(())
    }
}
