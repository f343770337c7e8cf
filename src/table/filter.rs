//! Conditions of several comparisons, for rows that come piece by piece: what masks are for rows that are
//! there.
#![forbid(unsafe_code)]

use super::column::{invalid, Column};
use super::compare::{Comparison, Test};
use super::mask::MaskOperation;
use crate::error::Result;
use crate::memory;
use crate::sort::KeyType;

/// The most steps of a condition.
pub const MAX_CONDITIONS: usize = 256;

/// A step of a condition. Each leaves a mask of rows; the last one, of which there must be one, tells which
/// rows pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition<'a> {
    /// Rows whose values of a field compare so with `low`, and for two values `high`.
    Compare {
        /// The index of the field.
        column: usize,
        /// How.
        comparison: Comparison,
        /// The bytes of a value.
        low: &'a [u8],
        /// Those of another one.
        high: &'a [u8],
    },
    /// Takes the masks of the last two steps that nothing has taken, or for [`MaskOperation::Not`] the last
    /// one, and leaves what is made of them.
    Combine(MaskOperation),
}

#[derive(Debug)]
enum Step<'a> {
    Test(usize, Test<'a>),
    Combine(MaskOperation),
}

/// A condition that has been checked.
#[derive(Debug)]
pub(super) struct Filter<'a>(Vec<Step<'a>>);

impl<'a> Filter<'a> {
    /// A condition for columns of these types; no steps: all rows pass.
    pub(super) fn new(kinds: &[KeyType], conditions: &[Condition<'a>]) -> Result<Self> {
        if conditions.len() > MAX_CONDITIONS {
            return invalid(format!("{} conditions, expected at most {MAX_CONDITIONS}", conditions.len()));
        }
        let mut steps = Vec::new();
        memory::reserve(&mut steps, conditions.len())?;
        let mut masks = 0usize;
        for (at, condition) in conditions.iter().enumerate() {
            match *condition {
                Condition::Compare { column, comparison, low, high } => {
                    let Some(&kind) = kinds.get(column) else {
                        return invalid(format!("conditions[{at}] is of field {column} of {}", kinds.len()));
                    };
                    steps.push(Step::Test(column, Test::new(kind, comparison, low, high)?));
                    masks += 1;
                }
                Condition::Combine(operation) => {
                    let taken = if operation == MaskOperation::Not { 1 } else { 2 };
                    if masks < taken {
                        return invalid(format!(
                            "conditions[{at}] takes {taken} masks, and there are {masks}"
                        ));
                    }
                    steps.push(Step::Combine(operation));
                    masks = masks - taken + 1;
                }
            }
        }
        match masks {
            0 | 1 => Ok(Self(steps)),
            _ => invalid(format!("the conditions leave {masks} masks, expected one")),
        }
    }

    /// The bytes of the mask of the rows that pass; `None`: all do.
    pub(super) fn mask(&self, columns: &[Column<'_>], rows: usize) -> Result<Option<Vec<u8>>> {
        let mut masks: Vec<Vec<u64>> = Vec::new();
        for step in &self.0 {
            match step {
                Step::Test(column, test) => {
                    let mut mask = Vec::new();
                    memory::reserve(&mut mask, rows.div_ceil(64))?;
                    test.bits(&columns[*column], 0..rows, &mut |bits, _| mask.push(bits));
                    masks.push(mask);
                }
                Step::Combine(operation) => {
                    let last = masks.pop().unwrap_or_default();
                    if *operation == MaskOperation::Not {
                        masks.push(last.into_iter().map(|word| operation.of_words(word, 0)).collect());
                        continue;
                    }
                    if let Some(first) = masks.last_mut() {
                        let words = first.iter_mut().zip(last);
                        words.for_each(|(word, other)| *word = operation.of_words(*word, other));
                    }
                }
            }
        }
        let Some(words) = masks.pop() else { return Ok(None) };
        let mut bytes = Vec::new();
        memory::reserve(&mut bytes, 8 * words.len())?;
        words.into_iter().for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
        Ok(Some(bytes))
    }
}
