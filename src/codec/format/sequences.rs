//! The sequences section of a block, decoded before anything is known of the blocks before it.

use super::bits::{last_bit, top_bits, word_before, Checked, Odd};
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
    /// Where the stream begins, in bits.
    first: usize,
}

impl<'d> Bits<'d> {
    fn new(data: &'d [u8], start: usize, end: usize) -> Checked<Self> {
        let last = last_bit(data, start, end)?;
        if start < BEFORE {
            return Err(Odd);
        }
        let held = (last % 8) as u32;
        let byte = u64::from(*data.get(last / 8).ok_or(Odd)?);
        let word = if held == 0 { 0 } else { byte << (64 - held) };
        Ok(Self { data, word, held, rest: last / 8, first: 8 * start })
    }

    /// Fills the word to at least 56 bits; fails where more were taken than the stream has.
    #[inline(always)]
    fn fill(&mut self) -> Checked<()> {
        if 8 * self.rest + (self.held as usize) < self.first {
            return Err(Odd);
        }
        // SAFETY: at most 63 bits are held, so `rest` is less than 8 bytes below `first`, which has `BEFORE` bytes before it; and
        // it only falls, from an end within the data.
        let next = unsafe { word_before(self.data, self.rest) };
        self.word |= next >> self.held;
        self.rest -= (63 - self.held as usize) / 8;
        self.held |= 56;
        Ok(())
    }

    /// Drops bits that were used, at most as many as are held; more than the stream has is found out by whoever fills next.
    #[inline(always)]
    fn drop(&mut self, bits: u32) {
        debug_assert!(bits <= self.held);
        self.word <<= bits & 63;
        self.held -= bits;
    }

    fn is_at_end(&self) -> bool {
        8 * self.rest + self.held as usize == self.first
    }
}

/// Bits that lead to the next states, of all three together.
const STATE_BITS: u32 = 9 + 8 + 9;

/// What changes from sequence to sequence.
struct Run<'d> {
    bits: Bits<'d>,
    tables: &'d SequenceTables,
    literal_length: usize,
    offset: usize,
    match_length: usize,
    reps: [u32; 3],
    /// The place in the block.
    at: i64,
    literals: u64,
    /// The lowest place that a match begins at.
    lowest: i64,
    /// The largest offset value.
    farthest: u32,
    /// Not 0: an offset is 0, or one was subtracted from a repeat offset too often.
    bad: u32,
}

impl Run<'_> {
    /// Decodes one sequence; returns it, and whether it depends on the block before. The last one leads to no other state.
    #[inline(always)]
    fn next<const LAST: bool>(&mut self) -> Checked<(Sequence, bool)> {
        self.bits.fill()?;
        let literal_length = self.tables.literal_lengths.states[self.literal_length & 511];
        let offset = self.tables.offsets.states[self.offset & 255];
        let match_length = self.tables.match_lengths.states[self.match_length & 511];
        let sums = literal_length + offset + match_length; // no part of a sum reaches the next one
        let extra = |state: u64| (state >> 16) as u32 & 0xff;
        let wide = |state: u64| (state >> 24) as u32 & 0xff;
        let all_extra = extra(sums);

        let word = self.bits.word;
        let value = (offset >> 32) as u32 + top_bits(word, extra(offset)) as u32;
        let word = word << extra(offset);
        let len = (match_length >> 32) + top_bits(word, extra(match_length));
        let literals;
        if all_extra <= 56 - STATE_BITS {
            let word = word << extra(match_length);
            literals = (literal_length >> 32) + top_bits(word, extra(literal_length));
            self.bits.drop(all_extra);
        } else {
            self.bits.drop(extra(offset) + extra(match_length));
            self.bits.fill()?;
            literals = (literal_length >> 32) + top_bits(self.bits.word, extra(literal_length));
            self.bits.drop(extra(literal_length));
        }
        if !LAST {
            let word = self.bits.word;
            let first = wide(literal_length);
            let second = wide(match_length);
            let third = wide(offset);
            self.literal_length = (literal_length & 0xffff) as usize + top_bits(word, first) as usize;
            let word = word << first;
            self.match_length = (match_length & 0xffff) as usize + top_bits(word, second) as usize;
            let word = word << second;
            self.offset = (offset & 0xffff) as usize + top_bits(word, third) as usize;
            self.bits.drop(wide(sums));
        }

        // Without branches, as nobody could foretell them.
        let [first, second, third] = self.reps;
        let fresh = value > 3;
        let which = if fresh { 3 } else { value - 1 + u32::from(literals == 0) };
        let known = if which == 0 { first } else { second };
        let known = if which == 2 { third } else { known };
        let known = if which == 3 { first.wrapping_sub(1) } else { known };
        let distance = if fresh { value - 3 } else { known };
        self.reps =
            [distance, if which >= 1 { first } else { second }, if which >= 2 { second } else { third }];
        self.farthest = self.farthest.max(value);

        self.at += literals as i64;
        self.literals += literals;
        let symbolic = distance >= SYMBOLIC;
        self.bad |= u32::from(distance == 0) | (distance >> 31 & !(distance >> 10));
        let from = self.at - i64::from(distance);
        self.lowest = self.lowest.min(if symbolic { 0 } else { from });
        let named = self.at << 13 | i64::from(distance & 0x1fff);
        let high = if symbolic { named } else { from };
        self.at += len as i64;
        Ok((Sequence(literals | (len - 3) << 17 | (high as u64) << 34), symbolic))
    }
}

#[inline(always)]
fn decode_body(input: &Input<'_>, places: Places<'_>) -> Checked<Decoded> {
    let &Input { data, start, end, count, tables, window, largest } = input;
    if count == 0 || window > LARGEST_WINDOW {
        return Err(Odd);
    }
    let sequences = places.sequences.get_mut(..count).ok_or(Odd)?;
    let depend = places.symbolic.get_mut(..count + 1).ok_or(Odd)?;
    let mut bits = Bits::new(data, start, end)?;
    bits.fill()?;
    let mut first = |log: u32| {
        let state = top_bits(bits.word, log) as usize;
        bits.drop(log);
        state
    };
    let literal_length = first(tables.literal_lengths.log);
    let offset = first(tables.offsets.log);
    let match_length = first(tables.match_lengths.log);
    let mut run = Run {
        bits,
        tables,
        literal_length,
        offset,
        match_length,
        reps: UNKNOWN,
        at: 0,
        literals: 0,
        lowest: 0,
        farthest: 0,
        bad: 0,
    };
    let mut symbolic = 0;
    let (last, others) = sequences.split_last_mut().ok_or(Odd)?;
    for (number, place) in others.iter_mut().enumerate() {
        let (sequence, depends) = run.next::<false>()?;
        *place = sequence;
        depend[symbolic] = number as u16; // below MOST_SEQUENCES
        symbolic += usize::from(depends);
    }
    let (sequence, depends) = run.next::<true>()?;
    *last = sequence;
    depend[symbolic] = (count - 1) as u16;
    symbolic += usize::from(depends);

    // What did not fit into a sequence's fields, or an offset's, is found out here: nobody has used them yet.
    let len = run.at as u64;
    let farthest = run.farthest.saturating_sub(3);
    if !run.bits.is_at_end() || len > largest as u64 || run.bad & 1 != 0 || u64::from(farthest) > window {
        return Err(Odd);
    }
    Ok(Decoded {
        count,
        symbolic,
        literals: run.literals as usize,
        len: len as usize,
        farthest,
        reach: run.lowest.unsigned_abs() as usize,
        reps: run.reps,
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
