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
    let mut progress = Progress { offsets, number: 0, at: 0, depend: 0 };
    while progress.number < count - 1 {
        // So many cannot come to the beginning of the data: nothing is checked while they are read.
        let many = (bits.fills() / MOST_FILLS).min(count - 1 - progress.number);
        let now = &mut sequences[progress.number..][..many.max(1)];
        let (bits, states, progress) = (&mut bits, &mut states, &mut progress);
        // SAFETY: what is filled is checked, or so often the word can be filled.
        unsafe {
            if many == 0 {
                read_some::<BMI2, true, true, O>(bits, states, tables, progress, symbolic, now)
            } else if progress.offsets.all_known() {
                read_some::<BMI2, false, false, O>(bits, states, tables, progress, symbolic, now)
            } else {
                read_some::<BMI2, false, true, O>(bits, states, tables, progress, symbolic, now)
            }
        }?;
    }
    let last = &mut sequences[progress.number];
    // SAFETY: what is filled is checked.
    *last = unsafe {
        next::<BMI2, true, true, true, O>(&mut bits, &mut states, tables, &mut progress, symbolic)
    }?;
    let outcome = progress.offsets.outcome();
    if 8 * bits.rest + bits.held as usize != 8 * start {
        return Err(Odd);
    }
    if u64::from(outcome.farthest) > window || outcome.is_zero {
        return Err(Odd);
    }
    // The executor relies on what the sequences' fields hold, which is therefore added up.
    let totals = Totals::of(sequences);
    if progress.at > largest as u64 || totals.literals + totals.matches != progress.at {
        return Err(Odd);
    }
    // So much might have been subtracted from an offset that is not known that it has become another one.
    if progress.depend > 0 && outcome.subtracted >= DECREMENTS {
        return Err(Odd);
    }
    Ok(Decoded {
        count,
        symbolic: progress.depend,
        literals: totals.literals as usize,
        len: progress.at as usize,
        farthest: outcome.farthest,
        reach: totals.lowest.unsigned_abs() as usize,
        reps: outcome.reps,
    })
}

/// Reads these sequences; if one may depend on the block before (`DEPENDS`), only until none does any
/// more. For most of a block's sequences nothing is left then that branches.
///
/// # Safety
/// As for `next`, for each of them.
#[inline(always)]
unsafe fn read_some<const BMI2: bool, const CHECKED: bool, const DEPENDS: bool, O: RepeatOffsets>(
    bits: &mut Bits<'_>,
    states: &mut States,
    tables: &SequenceTables,
    progress: &mut Progress<O>,
    symbolic: &mut [Symbolic],
    sequences: &mut [Sequence],
) -> Checked<()> {
    let first = progress.number;
    let count = sequences.len();
    for sequence in sequences {
        // SAFETY: the caller's promise.
        *sequence =
            unsafe { next::<BMI2, CHECKED, DEPENDS, false, O>(bits, states, tables, progress, symbolic) }?;
        if DEPENDS {
            progress.number += 1;
            if progress.offsets.all_known() {
                return Ok(());
            }
        }
    }
    progress.number = first + count;
    Ok(())
}

/// The next sequence. `LAST`: no states follow it. `CHECKED`: it is seen to that the word can be filled.
/// `DEPENDS`: it may depend on the block before.
///
/// # Safety
/// Where it is not, the word can be filled `MOST_FILLS` times.
#[inline(always)]
unsafe fn next<
    const BMI2: bool,
    const CHECKED: bool,
    const DEPENDS: bool,
    const LAST: bool,
    O: RepeatOffsets,
>(
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
    let literals = &tables.literal_lengths.states[states.literal_length & 511];
    let distance = &tables.offsets.states[states.offset & 255];
    let length = &tables.match_lengths.states[states.match_length & 511];
    let [extra_distance, extra_length, extra_literals] =
        [distance.extra, length.extra, literals.extra].map(u64::from);
    let mut word = bits.word;
    // Modulo 64, where the next field ends; above, it means nothing.
    let mut end = 0u64.wrapping_sub(extra_distance);
    let value = distance.base + field::<BMI2>(word, end, extra_distance) as u32;
    end = end.wrapping_sub(extra_length);
    let match_length = length.base + field::<BMI2>(word, end, extra_length) as u32;
    let mut used = extra_distance + extra_length + extra_literals;
    if used > (56 - STATE_BITS).into() {
        // Rare: large offsets, or long lengths.
        let before = extra_distance + extra_length;
        bits.word <<= before & 63;
        bits.held -= before as u32;
        fill(bits)?;
        word = bits.word;
        used = extra_literals;
        end = 0;
    }
    end = end.wrapping_sub(extra_literals);
    let literal_length = literals.base + field::<BMI2>(word, end, extra_literals) as u32;
    if !LAST {
        let [first, second, third] = [literals.bits, length.bits, distance.bits].map(u64::from);
        end = end.wrapping_sub(first);
        states.literal_length = usize::from(literals.next) + field::<BMI2>(word, end, first) as usize;
        end = end.wrapping_sub(second);
        states.match_length = usize::from(length.next) + field::<BMI2>(word, end, second) as usize;
        end = end.wrapping_sub(third);
        states.offset = usize::from(distance.next) + field::<BMI2>(word, end, third) as usize;
        used += first + second + third;
    }
    bits.word <<= used & 63;
    bits.held -= used as u32;
    let (literal_length, match_length) = (u64::from(literal_length), u64::from(match_length));

    progress.at += literal_length;
    let offset = progress.offsets.next::<DEPENDS>(value, literal_length != 0);
    if DEPENDS && is_symbolic(offset) {
        // Only near the block's beginning: after three offsets of its own none is left.
        *symbolic.get_mut(progress.depend).ok_or(Odd)? = Symbolic(progress.number as u64 | progress.at << 32);
        progress.depend += 1;
    }
    // Of an offset that is not known this is large, and means nothing yet.
    let from = (progress.at as u32).wrapping_sub(offset);
    progress.at += match_length + 3;
    Ok(Sequence(literal_length | match_length << 17 | u64::from(from) << 34))
}

/// What the sequences of a section have together.
struct Totals {
    literals: u64,
    matches: u64,
    /// Where the match begins that begins the farthest before the block; 0: none begins there.
    lowest: i32,
}

impl Totals {
    /// In a pass of its own, which is left to vectors: so a sequence has less to carry on.
    #[inline(always)]
    fn of(sequences: &[Sequence]) -> Self {
        let (mut literals, mut matches, mut lowest) = (0u64, 0u64, 0i32);
        for sequence in sequences {
            literals += sequence.0 & 0x1ffff;
            matches += sequence.0 >> 17 & 0x1ffff;
            lowest = lowest.min((sequence.0 >> 32) as i32 >> 2);
        }
        Self { literals, matches: matches + 3 * sequences.len() as u64, lowest }
    }
}
