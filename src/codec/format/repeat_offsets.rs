//! The three offsets that a frame's sequences may repeat (RFC 8878, 3.1.1.5).
//!
//! Which of them a sequence repeats is as good as random, and a branch that is mispredicted costs more than
//! all else of a sequence. So where the processor can permute the bytes of a register, they are held in one,
//! and nothing branches.

/// The numbers that stand for one repeat offset of the block before, less 0, 1, 2 and so on.
pub(super) const DECREMENTS: u32 = 1 << 11;
/// Offsets are below 2^30. What stands for an offset that is not known is so far above that the place of its
/// match, in 32 bits with a sign, is positive.
pub(super) const SYMBOLIC: u32 = (3 << 30) - 3 * DECREMENTS;

/// What a block begins with when nothing is known: each repeat offset stands for itself. What is subtracted
/// from it is subtracted from the number.
const UNKNOWN: [u32; 3] =
    [SYMBOLIC + DECREMENTS - 1, SYMBOLIC + 2 * DECREMENTS - 1, SYMBOLIC + 3 * DECREMENTS - 1];

/// Whether a number stands for an offset that is not known.
#[inline(always)]
pub(super) fn is_symbolic(number: u32) -> bool {
    number >> 31 != 0
}

/// What a block leaves behind.
pub(super) struct Outcome {
    pub(super) reps: [u32; 3],
    /// How often 1 was subtracted from a repeat offset.
    pub(super) subtracted: u32,
    /// Whether nothing was left of one.
    pub(super) is_zero: bool,
    /// The largest offset that is not a repeated one; 0: none.
    pub(super) farthest: u32,
}

/// The repeat offsets while a block's sequences are gone through.
pub(super) trait RepeatOffsets: Copy {
    /// The offset of a sequence with the offset value `value`, from 1 to below 2^30. `DEPENDS`: one of
    /// the offsets may not be known, and what is subtracted is counted.
    fn next<const DEPENDS: bool>(&mut self, value: u32, has_literals: bool) -> u32;

    /// Whether each of them is known, and so will be.
    fn all_known(&self) -> bool;

    fn outcome(self) -> Outcome;
}

/// For all processors.
#[derive(Clone, Copy)]
pub(super) struct Branching {
    reps: [u32; 3],
    subtracted: u32,
    is_zero: bool,
    farthest: u32,
}

impl Branching {
    pub(super) const UNKNOWN: Self = Self { reps: UNKNOWN, subtracted: 0, is_zero: false, farthest: 0 };
}

impl RepeatOffsets for Branching {
    #[inline(always)]
    fn next<const DEPENDS: bool>(&mut self, value: u32, has_literals: bool) -> u32 {
        let [first, second, third] = self.reps;
        if value > 3 {
            self.reps = [value - 3, first, second];
            self.farthest = self.farthest.max(value - 3);
        } else {
            match value.wrapping_sub(has_literals.into()) {
                0 => {}
                1 => self.reps = [second, first, third],
                2 => self.reps = [third, first, second],
                _ => {
                    self.reps = [first.wrapping_sub(1), first, second];
                    self.subtracted += 1;
                    self.is_zero |= first == 1;
                }
            }
        }
        self.reps[0]
    }

    fn all_known(&self) -> bool {
        self.reps.iter().all(|&rep| !is_symbolic(rep))
    }

    fn outcome(self) -> Outcome {
        let Self { reps, subtracted, is_zero, farthest } = self;
        Outcome { reps, subtracted, is_zero, farthest }
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use permuted::Permuted;

#[cfg(target_arch = "x86_64")]
mod permuted {
    use super::{Outcome, RepeatOffsets, UNKNOWN};
    use std::arch::x86_64::*;

    /// For processors with SSSE3 and SSE4.1: all that makes one promises that this is one.
    #[derive(Clone, Copy)]
    pub(crate) struct Permuted {
        /// The last element means nothing.
        reps: __m128i,
        /// The smallest of each element that there was.
        smallest: __m128i,
        /// The largest; the last element: of offsets that are not repeated.
        largest: __m128i,
        /// What was subtracted from each.
        subtracted: __m128i,
    }

    /// What becomes of the repeat offsets and, as last element, an offset that is not repeated.
    #[repr(align(16))]
    struct Step {
        /// Where each byte comes from.
        from: [u8; 16],
        plus: [i32; 4],
    }

    const fn step(from: [u8; 4], plus: i32) -> Step {
        let mut bytes = [0; 16];
        let mut at = 0;
        while at < 16 {
            bytes[at] = 4 * from[at / 4] + at as u8 % 4;
            at += 1;
        }
        Step { from: bytes, plus: [plus, 0, 0, 0] }
    }

    const FIRST: Step = step([0, 1, 2, 0], 0);
    const SECOND: Step = step([1, 0, 2, 0], 0);
    const THIRD: Step = step([2, 0, 1, 0], 0);
    const LESS: Step = step([0, 0, 1, 0], -1);
    const OWN: Step = step([3, 0, 1, 0], 0);

    /// By twice the offset value, at most 4 of it, and 1 more where there are literals.
    static STEPS: [Step; 16] =
        [OWN, OWN, SECOND, FIRST, THIRD, SECOND, LESS, THIRD, OWN, OWN, OWN, OWN, OWN, OWN, OWN, OWN];

    impl Permuted {
        /// # Safety
        /// This processor has SSSE3 and SSE4.1.
        #[target_feature(enable = "ssse3,sse4.1")]
        pub(crate) unsafe fn unknown() -> Self {
            let [first, second, third] = UNKNOWN.map(|rep| rep as i32);
            let reps = _mm_setr_epi32(first, second, third, 1);
            let zero = _mm_setzero_si128();
            Self { reps, smallest: reps, largest: zero, subtracted: zero }
        }
    }

    impl RepeatOffsets for Permuted {
        #[inline(always)]
        fn next<const DEPENDS: bool>(&mut self, value: u32, has_literals: bool) -> u32 {
            let index = 2 * value.min(4) as usize + usize::from(has_literals);
            let step = &STEPS[index & 15];
            // SAFETY: this processor has the instructions, by whoever made `self`; the loads are of 16 bytes
            // each, aligned.
            unsafe {
                let plus = _mm_load_si128(step.plus.as_ptr().cast());
                let own = value.wrapping_sub(3) as i32;
                let candidates = _mm_insert_epi32::<3>(self.reps, own);
                self.largest = _mm_max_epi32(self.largest, candidates);
                let permuted = _mm_shuffle_epi8(candidates, _mm_load_si128(step.from.as_ptr().cast()));
                self.reps = _mm_add_epi32(permuted, plus);
                self.smallest = _mm_min_epu32(self.smallest, self.reps);
                if DEPENDS {
                    self.subtracted = _mm_sub_epi32(self.subtracted, plus);
                }
                _mm_cvtsi128_si32(self.reps) as u32
            }
        }

        #[inline(always)]
        fn all_known(&self) -> bool {
            // SAFETY: these instructions every x86-64 has.
            unsafe { _mm_movemask_ps(_mm_castsi128_ps(self.reps)) & 7 == 0 }
        }

        fn outcome(self) -> Outcome {
            // SAFETY: the types have one size, and any bits are values of both.
            let elements = |vector: __m128i| unsafe { std::mem::transmute::<__m128i, [u32; 4]>(vector) };
            let [first, second, third, _] = elements(self.reps);
            Outcome {
                reps: [first, second, third],
                subtracted: elements(self.subtracted)[0],
                is_zero: elements(self.smallest)[0] == 0,
                farthest: elements(self.largest)[3],
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The offset values and literals of random sequences, most of which repeat an offset.
    fn sequences(seed: u64) -> impl Iterator<Item = (u32, bool)> {
        let mut state = seed;
        std::iter::repeat_with(move || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let random = (state >> 33) as u32;
            let value = if random % 4 == 0 { 1 + random / 8 % ((1 << 30) - 1) } else { 1 + random / 8 % 5 };
            (value, random & 4 != 0)
        })
    }

    #[test]
    fn offsets_are_repeated_as_the_format_says() {
        let mut offsets = Branching { reps: [10, 20, 30], ..Branching::UNKNOWN };
        let given = [(1, true), (2, true), (3, true), (1, false), (2, false), (3, false), (8, true)];
        let offset = given.map(|(value, has_literals)| offsets.next::<true>(value, has_literals));
        assert_eq!(offset, [10, 20, 30, 20, 10, 9, 5]);
        let outcome = offsets.outcome();
        assert_eq!((outcome.reps, outcome.subtracted, outcome.farthest), ([5, 9, 10], 1, 5));
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn permuting_gives_what_branching_gives() {
        if !std::arch::is_x86_feature_detected!("ssse3") || !std::arch::is_x86_feature_detected!("sse4.1") {
            return; // nothing permutes there
        }
        for seed in 0..200 {
            // SAFETY: this processor has the features.
            let mut permuted = unsafe { Permuted::unknown() };
            let mut branching = Branching::UNKNOWN;
            for (value, has_literals) in sequences(seed).take(300) {
                let wanted = branching.next::<true>(value, has_literals);
                assert_eq!(permuted.next::<true>(value, has_literals), wanted);
            }
            let (found, wanted) = (permuted.outcome(), branching.outcome());
            assert_eq!(
                (found.reps, found.subtracted, found.is_zero, found.farthest),
                (wanted.reps, wanted.subtracted, wanted.is_zero, wanted.farthest)
            );
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn nothing_left_of_an_offset_is_noticed() {
        if !std::arch::is_x86_feature_detected!("ssse3") || !std::arch::is_x86_feature_detected!("sse4.1") {
            return; // nothing permutes there
        }
        // SAFETY: this processor has the features.
        let mut permuted = unsafe { Permuted::unknown() };
        let mut branching = Branching::UNKNOWN;
        for (value, has_literals) in [(4, true), (3, false), (9, true)] {
            permuted.next::<true>(value, has_literals);
            branching.next::<true>(value, has_literals);
        }
        assert!(permuted.outcome().is_zero && branching.outcome().is_zero);
    }
}
