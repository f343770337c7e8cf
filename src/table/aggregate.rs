//! Several aggregates in one pass over the rows.
#![forbid(unsafe_code)]

use super::ahead::{fetch, Ahead};
use super::column::{invalid, rows_of, Column};
use super::mask::Mask;
use super::parts;
use super::state::State;
use super::words::{Class, Rows, BLOCK, STEPS};
use crate::error::Result;
use crate::job::{Chunk, Control};
use crate::memory;
use std::mem::size_of;
use std::ops::Range;

/// What is asked of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Rows; of no column.
    Count,
    /// Exact for whole numbers; of floats with compensation.
    Sum,
    /// The sum over the rows.
    Mean,
    /// NaN is no number, unless there is none else; -0.0 is less than 0.0.
    Min,
    /// As `Min`.
    Max,
    /// The value of the first row.
    First,
    /// The value of the last row.
    Last,
    /// Of the values themselves (divided by their count).
    Variance,
    /// The sum of the products with the values of another column.
    Dot,
    /// `Dot` over the sum of the other column's values.
    WeightedMean,
}

impl Operation {
    /// How many columns it is about.
    pub fn columns(self) -> usize {
        match self {
            Self::Count => 0,
            Self::Dot | Self::WeightedMean => 2,
            _ => 1,
        }
    }
}

/// An operation, and the numbers of the columns that it is about; those that it does not use are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aggregate {
    /// What is asked.
    pub operation: Operation,
    /// Of which column.
    pub column: usize,
    /// The other one.
    pub weights: usize,
}

/// What comes of an aggregate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Value {
    /// Whole numbers: exactly. Else 0.
    pub integer: i128,
    /// The number, or the nearest `f64`.
    pub number: f64,
    /// The rows that it is of.
    pub rows: u64,
}

/// Aggregates that have been checked against columns.
pub(super) struct Checked<'a> {
    pub(super) columns: &'a [Column<'a>],
    pub(super) aggregates: &'a [Aggregate],
    /// The columns whose numbers are read: by number, each once.
    read: Vec<usize>,
}

/// The words of the columns that are read.
pub(super) struct Words<'a> {
    rows: Rows,
    /// A block for each column that is read.
    blocks: Vec<[u64; BLOCK]>,
    /// The rows of the next block.
    ahead: Vec<Ahead<'a>>,
}

impl<'a> Checked<'a> {
    /// `others`: columns that are read too, if they have numbers.
    pub(super) fn new(
        columns: &'a [Column<'a>],
        aggregates: &'a [Aggregate],
        others: impl Iterator<Item = usize>,
    ) -> Result<Self> {
        let mut read = Vec::new();
        for column in others {
            let is_number = columns.get(column).is_some_and(Column::is_number);
            if is_number && !read.contains(&column) {
                read.push(column);
            }
        }
        for (at, aggregate) in aggregates.iter().enumerate() {
            let used = [aggregate.column, aggregate.weights];
            for &column in &used[..aggregate.operation.columns()] {
                match columns.get(column) {
                    None => {
                        let count = columns.len();
                        return invalid(format!("aggregates[{at}] is of column {column} of {count}"));
                    }
                    Some(found) if !found.is_number() => {
                        return invalid(format!("aggregates[{at}]: columns[{column}] has no numbers"));
                    }
                    Some(_) if !read.contains(&column) => read.push(column),
                    Some(_) => {}
                }
            }
        }
        Ok(Self { columns, aggregates, read })
    }

    /// What the words of a column are.
    pub(super) fn class(&self, column: usize) -> Class {
        self.columns.get(column).map_or(Class::Signed, |column| Class::of(column.kind()))
    }

    /// The aggregates of no rows.
    pub(super) fn states(&self) -> impl Iterator<Item = State> + '_ {
        self.aggregates.iter().map(|aggregate| {
            let Aggregate { operation, column, weights } = *aggregate;
            State::new(operation, self.class(column), self.class(weights))
        })
    }

    /// The words of a column; those of a column that is not read are any.
    pub(super) fn column<'w>(&self, column: usize, words: &'w Words<'_>) -> &'w [u64] {
        let place = self.read.iter().position(|&read| read == column).unwrap_or(0);
        match words.blocks.get(place) {
            Some(block) => &block[..words.rows.count()],
            None => &[],
        }
    }

    /// The words of the columns of an aggregate; those of columns that it does not have are any.
    pub(super) fn words<'w>(&self, aggregate: &Aggregate, words: &'w Words<'_>) -> (&'w [u64], &'w [u64]) {
        (self.column(aggregate.column, words), self.column(aggregate.weights, words))
    }

    /// Calls `body` for the blocks of `[begin, end)`, of which the mask picks rows.
    pub(super) fn for_blocks(
        &self,
        (begin, end): (usize, usize),
        mask: Option<Mask<'_>>,
        mut body: impl FnMut(&Words<'a>) -> Result<()>,
    ) -> Result<()> {
        let read = self.read.iter().map(|&column| self.columns[column]);
        let ahead = Ahead::of(read, STEPS * self.read.len() + self.aggregates.len())?;
        let mut words = Words { rows: Rows::new(), blocks: blocks(self.read.len())?, ahead };
        for begin in (begin..end).step_by(BLOCK) {
            let next = end.min(begin + BLOCK);
            words.rows.set(begin, next, mask);
            if words.rows.count() == 0 {
                continue;
            }
            let dense = if words.rows.are_dense() { begin..next } else { next..next };
            words.ahead.iter_mut().for_each(|ahead| ahead.set(dense.clone()));
            for (&column, block) in self.read.iter().zip(&mut words.blocks) {
                words.rows.read(&self.columns[column], block, &words.ahead);
            }
            body(&words)?;
        }
        Ok(())
    }
}

/// So many blocks of words.
pub(super) fn blocks(count: usize) -> Result<Vec<[u64; BLOCK]>> {
    let mut blocks = Vec::new();
    memory::reserve(&mut blocks, count)?;
    blocks.resize(count, [0; BLOCK]);
    Ok(blocks)
}

impl Words<'_> {
    /// The rows that they are of.
    pub(super) fn rows(&self) -> &Rows {
        &self.rows
    }

    /// Has more of the next block fetched. Called before each aggregate.
    pub(super) fn fetch(&self) {
        fetch(&self.ahead);
    }
}

/// Checks that a mask is for the rows of a table.
pub(super) fn check_mask(mask: Option<Mask<'_>>, rows: usize) -> Result<()> {
    match mask {
        Some(mask) if mask.rows() != rows => {
            invalid(format!("the mask is for {} rows, and there are {rows}", mask.rows()))
        }
        _ => Ok(()),
    }
}

/// What has come of some rows.
pub(crate) struct Partial {
    rows: u64,
    states: Vec<State>,
}

impl Partial {
    /// Of no rows.
    pub(super) fn new(checked: &Checked<'_>) -> Result<Self> {
        let mut states = Vec::new();
        memory::reserve(&mut states, checked.aggregates.len())?;
        states.extend(checked.states());
        Ok(Self { rows: 0, states })
    }

    /// About the bytes of one of so many aggregates.
    pub(crate) fn bytes(aggregates: usize) -> usize {
        size_of::<Self>() + aggregates * size_of::<State>()
    }

    /// Takes in those of the rows of `range` that the mask picks.
    pub(super) fn add(
        &mut self,
        checked: &Checked<'_>,
        range: Range<usize>,
        mask: Option<Mask<'_>>,
    ) -> Result<()> {
        checked.for_blocks((range.start, range.end), mask, |words| {
            self.rows += words.rows().count() as u64;
            for (state, aggregate) in self.states.iter_mut().zip(checked.aggregates) {
                words.fetch();
                let (values, weights) = checked.words(aggregate, words);
                state.add_block(values, weights);
            }
            Ok(())
        })
    }

    /// Takes in what has come of later rows.
    pub(crate) fn merge(&mut self, from: &Self) {
        self.rows += from.rows;
        self.states.iter_mut().zip(&from.states).for_each(|(into, from)| into.merge(from));
    }

    /// The results.
    ///
    /// # Errors
    /// As [`aggregate`].
    pub(crate) fn values(&self, aggregates: &[Aggregate]) -> Result<Vec<Value>> {
        let values = self.states.iter().zip(aggregates).enumerate();
        values
            .map(|(at, (state, aggregate))| {
                state.value(aggregate.operation, self.rows).map_err(|error| error.at(at as u64))
            })
            .collect()
    }
}

/// Computes aggregates of the rows that the mask picks, all in one pass. Progress counts rows.
///
/// # Errors [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument): the columns have
/// different counts, or an aggregate names a column that there is not, or that has no numbers;
/// [`ErrorKind::LimitExceeded`](crate::ErrorKind::LimitExceeded): a [`Operation::Dot`] of whole numbers
/// has more than 128 bits; those of [`reduce`](crate::job::reduce).
///
/// ```
/// use fastpar::sort::KeyType;
/// use fastpar::table::{aggregate, Aggregate, Column, Operation};
///
/// let bytes: Vec<u8> = [3i32, -5, 7].iter().flat_map(|value| value.to_ne_bytes()).collect();
/// let columns = [Column::new(&bytes, 3, 0, KeyType::I32)?];
/// let asked = [Operation::Sum, Operation::Max]
///     .map(|operation| Aggregate { operation, column: 0, weights: 0 });
/// let values = aggregate(&columns, None, &asked, &Default::default())?;
/// assert_eq!((values[0].integer, values[1].integer), (5, 7));
/// # Ok::<(), fastpar::Error>(())
/// ```
pub fn aggregate(
    columns: &[Column<'_>],
    mask: Option<Mask<'_>>,
    aggregates: &[Aggregate],
    control: &Control<'_>,
) -> Result<Vec<Value>> {
    let rows = rows_of(columns)?;
    check_mask(mask, rows)?;
    let checked = Checked::new(columns, aggregates, std::iter::empty())?;
    let mut total = Partial::new(&checked)?;
    let fold = |chunk: &Chunk| {
        let mut partial = Partial::new(&checked)?;
        partial.add(&checked, chunk.begin..chunk.end, mask)?;
        Ok(partial)
    };
    parts::in_order(rows, Partial::bytes(aggregates.len()), control, fold, |from| {
        total.merge(&from);
        Ok(())
    })?;
    total.values(aggregates)
}
