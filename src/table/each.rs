//! Rows of many groups: each is taken in by the state of its own group.
#![forbid(unsafe_code)]

use super::aggregate::Operation;
use super::state::{by_class, ordered, State, Sum};
use super::words::Class;

/// The states of one aggregate for the rows of a block.
pub(super) struct States<'s> {
    /// Those of all groups and all aggregates.
    pub(super) states: &'s mut [State],
    /// How many a group has.
    pub(super) width: usize,
    /// Which of these.
    pub(super) index: usize,
    /// The group of each row.
    pub(super) groups: &'s [u32],
}

impl States<'_> {
    #[inline(always)]
    fn of_row(&mut self, row: usize) -> &mut State {
        &mut self.states[self.groups[row] as usize * self.width + self.index]
    }

    /// Takes in the rows in their order. What kind of state they have is asked once for all.
    pub(super) fn add(mut self, operation: Operation, class: Class, words: &[u64], weights: &[u64]) {
        macro_rules! each {
            ($kind:pat, $word:ident => $add:expr) => {
                for (row, &$word) in words.iter().enumerate() {
                    if let $kind = self.of_row(row) {
                        $add
                    }
                }
            };
        }
        match (operation, class) {
            (Operation::Count, _) => {}
            (Operation::Sum | Operation::Mean, Class::Float) => {
                each!(State::Sum(Sum::Floats(sum)), word => sum.add(f64::from_bits(word)));
            }
            (Operation::Sum | Operation::Mean, Class::Signed) => {
                each!(State::Sum(Sum::Integers(_, sum)), word => *sum += i128::from(word as i64));
            }
            (Operation::Sum | Operation::Mean, Class::Unsigned) => {
                each!(State::Sum(Sum::Integers(_, sum)), word => *sum += i128::from(word));
            }
            (Operation::Min, _) => by_class!(class, C => {
                each!(State::Least(_, least), word => *least = (*least).min(ordered(C, word, u64::MAX)));
            }),
            (Operation::Max, _) => by_class!(class, C => {
                each!(State::Greatest(_, most), word => *most = (*most).max(ordered(C, word, 0)));
            }),
            (Operation::First, _) => each!(State::First(_, found), word => *found = found.or(Some(word))),
            (Operation::Last, _) => each!(State::Last(_, found), word => *found = Some(word)),
            (Operation::Variance, _) => {
                each!(State::Moments(_, moments), word => moments.add(class, word));
            }
            (Operation::Dot | Operation::WeightedMean, _) => {
                for (row, (&word, &weight)) in words.iter().zip(weights).enumerate() {
                    match self.of_row(row) {
                        State::Product(product) => product.add(word, weight),
                        State::Weighted(product, sum) => {
                            product.add(word, weight);
                            sum.add(weight);
                        }
                        _ => {}
                    }
                }
            }
        }
    }
}
