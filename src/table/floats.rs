//! Sums of floats with compensation, and moments: in an order that rows and chunks tell, and nothing else.
#![forbid(unsafe_code)]

use super::words::Class;

/// Sums that a block is added up in, side by side, for vectors.
const SIDE: usize = 8;

/// A sum, and what rounding has lost (D. E. Knuth's TwoSum, by A. Neumaier's scheme).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Compensated {
    sum: f64,
    lost: f64,
}

impl Compensated {
    #[inline(always)]
    pub(super) fn add(&mut self, value: f64) {
        let sum = self.sum + value;
        let added = sum - self.sum;
        self.lost += (self.sum - (sum - added)) + (value - added);
        self.sum = sum;
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.add(other.sum);
        self.lost += other.lost;
    }

    /// The sum. Infinity and NaN have no compensation.
    pub(super) fn value(self) -> f64 {
        if self.sum.is_finite() {
            self.sum + self.lost
        } else {
            self.sum
        }
    }

    /// Adds a block of values.
    #[inline(always)]
    pub(super) fn add_block(&mut self, count: usize, value: impl Fn(usize) -> f64) {
        let mut sides = [Self::default(); SIDE];
        let whole = count / SIDE * SIDE;
        for begin in (0..whole).step_by(SIDE) {
            for (at, side) in sides.iter_mut().enumerate() {
                side.add(value(begin + at));
            }
        }
        sides.into_iter().for_each(|side| self.merge(side));
        (whole..count).for_each(|at| self.add(value(at)));
    }
}

/// Distances of floats from a base as large as this might have no number.
const LARGEST_BASE: f64 = 1e300;

/// Count, mean and squares of distances from it. The mean is told by its distance from the first value:
/// so of many equal digits none takes room.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moments {
    count: f64,
    base: u64,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// What values that begin with this one are measured from.
    #[inline(always)]
    fn base(class: Class, first: u64) -> u64 {
        // Nothing is far from what is no number.
        match class {
            Class::Float if f64::from_bits(first).abs() < LARGEST_BASE => first,
            Class::Float => 0.0_f64.to_bits(),
            _ => first,
        }
    }

    /// B. P. Welford's step.
    #[inline]
    pub(super) fn add(&mut self, class: Class, word: u64) {
        if self.count == 0.0 {
            self.base = Self::base(class, word);
        }
        self.count += 1.0;
        let value = class.distance(word, self.base);
        let distance = value - self.mean;
        self.mean += distance / self.count;
        self.squares += distance * (value - self.mean);
    }

    /// Adds a block of values: two passes over it.
    #[inline(always)]
    pub(super) fn add_block(&mut self, class: Class, words: &[u64]) {
        let (Some(&first), count) = (words.first(), words.len()) else { return };
        let base = Self::base(class, first);
        let value = |at: usize| class.distance(words[at], base);
        let mut sum = Compensated::default();
        sum.add_block(count, value);
        let mean = sum.value() / count as f64;
        let mut squares = Compensated::default();
        squares.add_block(count, |at| {
            let distance = value(at) - mean;
            distance * distance
        });
        self.merge(class, Self { count: count as f64, base, mean, squares: squares.value() });
    }

    /// By T. F. Chan, G. H. Golub and R. J. LeVeque.
    pub(super) fn merge(&mut self, class: Class, other: Self) {
        if self.count == 0.0 {
            *self = other;
            return;
        }
        if other.count == 0.0 {
            return;
        }
        let count = self.count + other.count;
        let distance = class.distance(other.base, self.base) + (other.mean - self.mean);
        self.squares += other.squares + distance * distance * (self.count * other.count / count);
        self.mean += distance * (other.count / count);
        self.count = count;
    }

    /// The variance of the values themselves; NaN without any.
    pub(super) fn variance(self) -> f64 {
        self.squares / self.count
    }
}
