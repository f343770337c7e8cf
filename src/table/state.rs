//! What an aggregate keeps while it is under way.
#![forbid(unsafe_code)]

use super::aggregate::{Operation, Value};
use super::exact::{are_small, sum_of_small, sum_signed, sum_unsigned, Wide};
use super::floats::{Compensated, Moments};
use super::words::Class;
use crate::error::{Error, ErrorKind, Result};

const SIGN: u64 = 1 << 63;

/// A sum under way. 128 bits are enough for the sum of any column.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sum {
    Integers(Class, i128),
    Floats(Compensated),
}

/// A sum of products under way.
#[derive(Clone, Copy, Debug)]
pub(super) enum Product {
    Integers(Class, Class, Wide),
    Floats(Class, Class, Compensated),
}

/// An aggregate under way.
#[derive(Clone, Copy, Debug)]
pub(super) enum State {
    /// Rows are counted once for all.
    Count,
    Sum(Sum),
    Product(Product),
    Weighted(Product, Sum),
    /// The least of what `ordered` gives, or the greatest.
    Least(Class, u64),
    Greatest(Class, u64),
    First(Class, Option<u64>),
    Last(Class, Option<u64>),
    Moments(Class, Moments),
}

/// A word that compares as its number does, -0.0 before 0.0; `nan` for each NaN.
#[inline(always)]
pub(super) fn ordered(class: Class, word: u64, nan: u64) -> u64 {
    match class {
        Class::Float if word << 1 > f64::INFINITY.to_bits() << 1 => nan,
        _ => bits(class, word),
    }
}

/// A word that compares as the number does, and is another for any other bits: floats have IEEE total
/// order.
#[inline(always)]
pub(super) fn bits(class: Class, word: u64) -> u64 {
    match class {
        Class::Signed => word ^ SIGN,
        Class::Unsigned => word,
        Class::Float => word ^ ((word as i64 >> 63) as u64 | SIGN),
    }
}

/// The word that `ordered` was given. What it gives for no number at all is a NaN: 0 and `u64::MAX`.
pub(super) fn unordered(class: Class, key: u64) -> u64 {
    match class {
        Class::Signed => key ^ SIGN,
        Class::Unsigned => key,
        Class::Float if key >= SIGN => key ^ SIGN,
        Class::Float => !key,
    }
}

/// An expression that is made for each class, as a constant.
macro_rules! by_class {
    ($class:expr, $name:ident => $value:expr) => {
        match $class {
            Class::Signed => {
                #[allow(non_upper_case_globals)]
                const $name: Class = Class::Signed;
                $value
            }
            Class::Unsigned => {
                #[allow(non_upper_case_globals)]
                const $name: Class = Class::Unsigned;
                $value
            }
            Class::Float => {
                #[allow(non_upper_case_globals)]
                const $name: Class = Class::Float;
                $value
            }
        }
    };
}
pub(super) use by_class;

impl Sum {
    fn new(class: Class) -> Self {
        match class {
            Class::Float => Self::Floats(Compensated::default()),
            _ => Self::Integers(class, 0),
        }
    }

    fn add_block(&mut self, words: &[u64]) {
        match self {
            Self::Integers(Class::Unsigned, sum) => *sum += sum_unsigned(words),
            Self::Integers(_, sum) => *sum += sum_signed(words),
            Self::Floats(sum) => sum.add_block(words.len(), |at| f64::from_bits(words[at])),
        }
    }

    #[inline]
    pub(super) fn add(&mut self, word: u64) {
        match self {
            Self::Integers(class, sum) => *sum += class.integer(word),
            Self::Floats(sum) => sum.add(f64::from_bits(word)),
        }
    }

    fn merge(&mut self, other: &Self) {
        match (self, other) {
            (Self::Integers(_, into), Self::Integers(_, from)) => *into += from,
            (Self::Floats(into), Self::Floats(from)) => into.merge(*from),
            _ => debug_assert!(false, "sums of different columns"),
        }
    }

    fn number(&self) -> f64 {
        match self {
            Self::Integers(_, sum) => *sum as f64,
            Self::Floats(sum) => sum.value(),
        }
    }
}

#[inline(always)]
fn product(a: Class, b: Class, x: u64, y: u64) -> Wide {
    match (a, b) {
        (Class::Unsigned, Class::Unsigned) => Wide::unsigned(u128::from(x) * u128::from(y)),
        // A signed word times an unsigned one has 128 bits at the most.
        _ => Wide::signed(a.integer(x) * b.integer(y)),
    }
}

impl Product {
    fn new(a: Class, b: Class) -> Self {
        if a == Class::Float || b == Class::Float {
            Self::Floats(a, b, Compensated::default())
        } else {
            Self::Integers(a, b, Wide::default())
        }
    }

    fn add_block(&mut self, x: &[u64], y: &[u64]) {
        let y = &y[..x.len()];
        match self {
            Self::Integers(_, _, sum) if are_small(x, y) => sum.add(Wide::unsigned(sum_of_small(x, y))),
            Self::Integers(a, b, sum) => by_class!(*a, A => by_class!(*b, B => {
                x.iter().zip(y).for_each(|(&x, &y)| sum.add(product(A, B, x, y)));
            })),
            Self::Floats(a, b, sum) => by_class!(*a, A => by_class!(*b, B => {
                sum.add_block(x.len(), |at| A.number(x[at]) * B.number(y[at]));
            })),
        }
    }

    #[inline]
    pub(super) fn add(&mut self, x: u64, y: u64) {
        match self {
            Self::Integers(a, b, sum) => sum.add(product(*a, *b, x, y)),
            Self::Floats(a, b, sum) => sum.add(a.number(x) * b.number(y)),
        }
    }

    fn merge(&mut self, other: &Self) {
        match (self, other) {
            (Self::Integers(_, _, into), Self::Integers(_, _, from)) => into.add(*from),
            (Self::Floats(_, _, into), Self::Floats(_, _, from)) => into.merge(*from),
            _ => debug_assert!(false, "products of different columns"),
        }
    }

    fn number(&self) -> f64 {
        match self {
            Self::Integers(_, _, sum) => sum.number(),
            Self::Floats(_, _, sum) => sum.value(),
        }
    }
}

/// The least or greatest of `from` and what `key` makes of the words, four at a time: none waits for the one
/// before.
#[inline(always)]
fn extreme(words: &[u64], from: u64, key: impl Fn(u64) -> u64, choose: impl Fn(u64, u64) -> u64) -> u64 {
    let mut found = [from; 4];
    let fours = words.chunks_exact(4);
    let rest = fours.remainder();
    for four in fours {
        found.iter_mut().zip(four).for_each(|(found, &word)| *found = choose(*found, key(word)));
    }
    let rest = rest.iter().map(|&word| key(word));
    found.into_iter().chain(rest).fold(from, choose)
}

impl State {
    /// Of no rows. `weights` is the class of the second column, if there is one.
    pub(super) fn new(operation: Operation, class: Class, weights: Class) -> Self {
        match operation {
            Operation::Count => Self::Count,
            Operation::Sum | Operation::Mean => Self::Sum(Sum::new(class)),
            Operation::Dot => Self::Product(Product::new(class, weights)),
            Operation::WeightedMean => Self::Weighted(Product::new(class, weights), Sum::new(weights)),
            Operation::Min => Self::Least(class, u64::MAX),
            Operation::Max => Self::Greatest(class, 0),
            Operation::First => Self::First(class, None),
            Operation::Last => Self::Last(class, None),
            Operation::Variance => Self::Moments(class, Moments::default()),
        }
    }

    /// Takes in the rows of a block.
    pub(super) fn add_block(&mut self, words: &[u64], weights: &[u64]) {
        match self {
            Self::Count => {}
            Self::Sum(sum) => sum.add_block(words),
            Self::Product(product) => product.add_block(words, weights),
            Self::Weighted(product, sum) => {
                product.add_block(words, weights);
                sum.add_block(weights);
            }
            Self::Least(class, least) => by_class!(*class, C => {
                *least = extreme(words, *least, |word| ordered(C, word, u64::MAX), u64::min);
            }),
            Self::Greatest(class, most) => by_class!(*class, C => {
                *most = extreme(words, *most, |word| ordered(C, word, 0), u64::max);
            }),
            Self::First(_, found) => *found = found.or_else(|| words.first().copied()),
            Self::Last(_, found) => *found = words.last().copied().or(*found),
            Self::Moments(class, moments) => by_class!(*class, C => {
                moments.add_block(C, words);
            }),
        }
    }

    /// Takes in what has come of later rows.
    pub(super) fn merge(&mut self, other: &Self) {
        match (self, other) {
            (Self::Count, Self::Count) => {}
            (Self::Sum(into), Self::Sum(from)) => into.merge(from),
            (Self::Product(into), Self::Product(from)) => into.merge(from),
            (Self::Weighted(product, sum), Self::Weighted(from, weights)) => {
                product.merge(from);
                sum.merge(weights);
            }
            (Self::Least(_, into), Self::Least(_, from)) => *into = (*into).min(*from),
            (Self::Greatest(_, into), Self::Greatest(_, from)) => *into = (*into).max(*from),
            (Self::First(_, into), Self::First(_, from)) => *into = into.or(*from),
            (Self::Last(_, into), Self::Last(_, from)) => *into = from.or(*into),
            (Self::Moments(class, into), Self::Moments(_, from)) => into.merge(*class, *from),
            _ => debug_assert!(false, "different aggregates"),
        }
    }

    /// The result of `rows` rows.
    ///
    /// # Errors [`ErrorKind::LimitExceeded`]: a sum of products has more than 128 bits.
    pub(super) fn value(&self, operation: Operation, rows: u64) -> Result<Value> {
        let number = |number: f64| Ok(Value { integer: 0, number, rows });
        let integer = |integer: i128| Ok(Value { integer, number: integer as f64, rows });
        let word = |class: Class, word: u64| match class {
            Class::Float => number(f64::from_bits(word)),
            _ => integer(class.integer(word)),
        };
        match self {
            Self::Count => integer(i128::from(rows)),
            Self::Sum(sum) if operation == Operation::Mean => number(sum.number() / rows as f64),
            Self::Sum(Sum::Integers(_, sum)) => integer(*sum),
            Self::Product(Product::Integers(_, _, sum)) => match sum.narrow() {
                Some(sum) => integer(sum),
                None => Err(Error::new(ErrorKind::LimitExceeded, "a sum of products has more than 128 bits")),
            },
            Self::Sum(sum) => number(sum.number()),
            Self::Product(product) => number(product.number()),
            Self::Weighted(product, weights) => number(product.number() / weights.number()),
            Self::Moments(_, moments) => number(moments.variance()),
            _ if rows == 0 => number(f64::NAN),
            Self::Least(class, key) | Self::Greatest(class, key) => word(*class, unordered(*class, *key)),
            Self::First(class, found) | Self::Last(class, found) => match found {
                Some(found) => word(*class, *found),
                None => number(f64::NAN),
            },
        }
    }
}
