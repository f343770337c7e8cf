//! Columns over bytes that are there: aggregates, masks, selection and groups, in parallel; nothing is
//! copied.
//!
//! A column is values of one type at equal distances: a field of records, or an array. Rows are worked
//! on in chunks of a fixed number, whatever the lanes, and what comes of them is put together in their
//! order: so each result is the same to the bit on any number of threads. In a chunk, blocks of rows
//! are read into words of 64 bits (`words`), aligned and one after the other, and all that is asked is
//! done on these: one pass over memory, and loops that the compiler turns into vectors.

mod aggregate;
mod ahead;
mod column;
mod compare;
mod each;
mod exact;
mod filter;
mod floats;
mod group;
mod histogram;
mod mask;
mod parts;
mod pieces;
mod search;
mod state;
mod take;
#[cfg(test)]
mod tests;
mod words;

pub(crate) use aggregate::Partial;
pub use aggregate::{aggregate, Aggregate, Operation, Value};
pub use column::Column;
pub use compare::{compare, Comparison};
pub use filter::{Condition, MAX_CONDITIONS};
pub(crate) use group::Map;
pub use group::{group, Bucket, GroupKey, Groups, MAX_GROUP_KEYS};
pub use histogram::{histogram, MAX_BINS};
pub use mask::{combine, Mask, MaskOperation};
pub(crate) use pieces::Records;
pub use pieces::{Field, Shape};
pub use search::search;
pub use take::{take, take_rows};

/// Rows of a chunk: a multiple of a block, so that no byte of a mask is of two chunks.
const CHUNK: usize = if cfg!(test) { 2 * words::BLOCK } else { 1 << 16 };
