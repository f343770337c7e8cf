//! The sequences of a section, from their bits to places of literals and matches.
//!
//! A sequence waits for its states' fields, one after the other; the rest of its work goes on beside that.

use super::bits::{Checked, Odd};
#[cfg(target_arch = "x86_64")]
use super::repeat_offsets::Permuted;
use super::repeat_offsets::{is_symbolic, Branching, RepeatOffsets, DECREMENTS};
use super::sequence_bits::{field, Bits};
use super::sequence_tables::SequenceTables;
use super::sequences::{Decoded, Places, Sequence, Symbolic, LARGEST_WINDOW};

/// What is decoded, as of [`super::sequences::decode`].
pub(super) struct Section<'d> {
    pub(super) data: &'d [u8],
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) count: usize,
    pub(super) tables: &'d SequenceTables,
    pub(super) window: u64,
    pub(super) largest: usize,
}

/// Decodes a section.
pub(super) fn read(section: &Section<'_>, places: Places<'_>) -> Checked<Decoded> {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("bmi1")
        && std::arch::is_x86_feature_detected!("bmi2")
        && std::arch::is_x86_feature_detected!("ssse3")
        && std::arch::is_x86_feature_detected!("sse4.1")
    {
        // SAFETY: this processor has the features.
        return unsafe { read_bmi2(section, places) };
    }
    read_all::<false, _>(section, places, Branching::UNKNOWN)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "bmi1,bmi2,ssse3,sse4.1")]
unsafe fn read_bmi2(section: &Section<'_>, places: Places<'_>) -> Checked<Decoded> {
    // SAFETY: the features are the caller's promise.
    let offsets = unsafe { Permuted::unknown() };
    read_all::<true, _>(section, places, offsets)
}

/// Bits that lead to the next states, of all three together.
const STATE_BITS: u32 = 9 + 8 + 9;
/// How often the word is filled for one sequence.
const MOST_FILLS: usize = 2;

/// The states of the three tables.
struct States {
    literal_length: usize,
    offset: usize,
    match_length: usize,
}

/// Where the next sequence stands, and what is known of those before it.
struct Progress<O> {
    offsets: O,
    /// Its number.
    number: usize,
    /// Where it writes, counted from the block's first byte.
    at: u64,
    literals: u64,
    /// Where the match begins that begins the farthest before the block.
    lowest: i32,
    /// How many sequences depend on the block before.
    depend: usize,
}

#[inline(always)]
fn read_all<const BMI2: bool, O: RepeatOffsets>(
    section: &Section<'_>,
    places: Places<'_>,
    offsets: O,
) -> Checked<Decoded> {
    let &Section { data, start, end, count, tables, window, largest } = section;
    if count == 0 || window > LARGEST_WINDOW {
        return Err(Odd);
    }
    let sequences = places.sequences.get_mut(..count).ok_or(Odd)?;
    let symbolic = places.symbolic.get_mut(..count).ok_or(Odd)?;
    let mut bits = Bits::new(data, start, end)?;
    bits.fill()?;
    let mut first_state = |log: u32| {
        let state = field::<BMI2>(bits.word, 0u64.wrapping_sub(log.into()), log.into()) as usize;
        bits.word <<= log;
        bits.held -= log;
        state
    };
    let mut states = States {
        literal_length: first_state(tables.literal_lengths.log),
        offset: first_state(tables.offsets.log),
        match_length: first_state(tables.match_lengths.log),
    };
    let mut progress = Progress { offsets, number: 0, at: 0, literals: 0, lowest: 0, depend: 0 };
    let (last, mut others) = sequences.split_last_mut().ok_or(Odd)?;
    while !others.is_empty() {
        // So many cannot come to the beginning of the data: nothing is checked while they are read.
        let many = (bits.fills() / MOST_FILLS).min(others.len());
        let (now, later) = others.split_at_mut(many.max(1));
        others = later;
        if many == 0 {
            for sequence in now {
                // SAFETY: what is filled is checked.
                let read = unsafe {
                    next::<BMI2, true, false, O>(&mut bits, &mut states, tables, &mut progress, symbolic)
                };
                *sequence = read?;
            }
        } else {
            for sequence in now {
                // SAFETY: so often the word can be filled.
                let read = unsafe {
                    next::<BMI2, false, false, O>(&mut bits, &mut states, tables, &mut progress, symbolic)
                };
                *sequence = read?;
            }
        }
    }
    // SAFETY: what is filled is checked.
    *last = unsafe { next::<BMI2, true, true, O>(&mut bits, &mut states, tables, &mut progress, symbolic) }?;
    let outcome = progress.offsets.outcome();
    if 8 * bits.rest + bits.held as usize != 8 * start {
        return Err(Odd);
    }
    if u64::from(outcome.farthest) > window || outcome.is_zero {
        return Err(Odd);
    }
    // What did not fit into a sequence's fields is found out here: nobody has used them yet. And where so
    // much might have been subtracted from an offset that is not known, it may have become another one.
    if progress.at > largest as u64 || progress.depend > 0 && outcome.subtracted >= DECREMENTS {
        return Err(Odd);
    }
    Ok(Decoded {
        count,
        symbolic: progress.depend,
        literals: progress.literals as usize,
        len: progress.at as usize,
        farthest: outcome.farthest,
        reach: progress.lowest.unsigned_abs() as usize,
        reps: outcome.reps,
    })
}

/// The next sequence. `LAST`: no states follow it. `CHECKED`: it is seen to that the word can be filled.
///
/// # Safety
/// Where it is not, the word can be filled `MOST_FILLS` times.
#[inline(always)]
unsafe fn next<const BMI2: bool, const CHECKED: bool, const LAST: bool, O: RepeatOffsets>(
    bits: &mut Bits<'_>,
    states: &mut States,
    tables: &SequenceTables,
    progress: &mut Progress<O>,
    symbolic: &mut [Symbolic],
) -> Checked<Sequence> {
    // SAFETY: the caller's promise; at most two fills are made.
    let fill = |bits: &mut Bits<'_>| unsafe {
        if CHECKED {
            bits.fill()
        } else {
            bits.fill_unchecked();
            Ok(())
        }
    };
    fill(bits)?;
    let literals = tables.literal_lengths.states[states.literal_length & 511];
    let distance = tables.offsets.states[states.offset & 255];
    let length = tables.match_lengths.states[states.match_length & 511];
    let mut sums = literals + distance + length; // no part of a sum reaches the next one
    let mut word = bits.word;
    // Modulo 64, where the next field ends; above, it means nothing.
    let mut end = 0u64.wrapping_sub(distance);
    let value = (distance >> 32) + field::<BMI2>(word, end, distance);
    end = end.wrapping_sub(length);
    let match_length = (length >> 32) + field::<BMI2>(word, end, length);
    if (sums & 0xff) > (56 - STATE_BITS).into() {
        // Rare: large offsets, or long lengths.
        let before = (distance & 0xff) + (length & 0xff);
        bits.word <<= before & 63;
        bits.held -= before as u32;
        fill(bits)?;
        word = bits.word;
        sums -= before;
        end = 0;
    }
    end = end.wrapping_sub(literals);
    let literal_length = (literals >> 32) + field::<BMI2>(word, end, literals);
    let mut used = sums & 0xff;
    if !LAST {
        let (first, second, third) = (literals >> 8, length >> 8, distance >> 8);
        end = end.wrapping_sub(first);
        states.literal_length = ((literals >> 16) + field::<BMI2>(word, end, first)) as usize;
        end = end.wrapping_sub(second);
        states.match_length = ((length >> 16) + field::<BMI2>(word, end, second)) as usize;
        end = end.wrapping_sub(third);
        states.offset = ((distance >> 16) + field::<BMI2>(word, end, third)) as usize;
        used += sums >> 8 & 0xff;
    }
    bits.word <<= used & 63;
    bits.held -= used as u32;

    progress.at += literal_length;
    progress.literals += literal_length;
    let offset = progress.offsets.next(value as u32, literal_length != 0);
    if is_symbolic(offset) {
        // Only near the block's beginning: after three offsets of its own none is left.
        *symbolic.get_mut(progress.depend).ok_or(Odd)? = Symbolic(progress.number as u64 | progress.at << 32);
        progress.depend += 1;
    }
    progress.number += 1;
    // Of an offset that is not known this is large, and means nothing yet.
    let from = (progress.at as u32).wrapping_sub(offset);
    progress.lowest = progress.lowest.min(from as i32);
    progress.at += match_length + 3;
    Ok(Sequence(literal_length & 0x1ffff | (match_length & 0x1ffff) << 17 | u64::from(from) << 34))
}
