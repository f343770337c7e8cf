//! Whole numbers of 192 bits: sums of products that no count of rows can overflow.
#![forbid(unsafe_code)]

use super::words::BLOCK;

/// A signed number of 192 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wide {
    low: u128,
    high: i64,
}

impl Wide {
    #[inline(always)]
    pub(super) fn add(&mut self, other: Self) {
        let (low, carry) = self.low.overflowing_add(other.low);
        self.low = low;
        self.high = self.high.wrapping_add(other.high).wrapping_add(i64::from(carry));
    }

    #[inline(always)]
    pub(super) fn signed(value: i128) -> Self {
        Self { low: value as u128, high: (value >> 127) as i64 }
    }

    #[inline(always)]
    pub(super) fn unsigned(low: u128) -> Self {
        Self { low, high: 0 }
    }

    /// The number, if it has 128 bits.
    pub(super) fn narrow(self) -> Option<i128> {
        let low = self.low as i128;
        (i64::from(low < 0) == -self.high && self.high <= 0).then_some(low)
    }

    /// About the number.
    pub(super) fn number(self) -> f64 {
        match self.narrow() {
            Some(value) => value as f64,
            None => self.high as f64 * 2f64.powi(128) + self.low as f64,
        }
    }
}

/// The sum of a block's `i64` words. In halves, so that vectors can add them.
pub(super) fn sum_signed(words: &[u64]) -> i128 {
    let (mut low, mut high) = (0u64, 0i64);
    for &word in words {
        low += word & 0xffff_ffff;
        high += word as i64 >> 32;
    }
    (i128::from(high) << 32) + i128::from(low)
}

/// The same of `u64` words.
pub(super) fn sum_unsigned(words: &[u64]) -> i128 {
    let (mut low, mut high) = (0u64, 0u64);
    for &word in words {
        low += word & 0xffff_ffff;
        high += word >> 32;
    }
    (i128::from(high) << 32) + i128::from(low)
}

/// The half of a word.
const HALF: u64 = 0xffff_ffff;

/// Whether the words of a block, not negative and of 32 bits at the most, have products whose sum has no more
/// than 64 bits.
pub(super) fn are_small(x: &[u64], y: &[u64]) -> bool {
    let bits = |words: &[u64]| u64::BITS - words.iter().fold(0, |bits, word| bits | word).leading_zeros();
    let (x, y) = (bits(x), bits(y));
    x.max(y) <= HALF.count_ones() && x + y + BLOCK.ilog2() <= u64::BITS
}

/// The sum of such products.
pub(super) fn sum_of_small(x: &[u64], y: &[u64]) -> u128 {
    // Halves, so that vectors can multiply them.
    u128::from(x.iter().zip(y).map(|(x, y)| (x & HALF) * (y & HALF)).sum::<u64>())
}
