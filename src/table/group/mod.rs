//! Groups: aggregates of the rows whose keys are equal, sorted by the keys.
//!
//! Each chunk of rows makes groups of its own, and these are put together in the order of the chunks:
//! so the first and the last value are those of the first and the last row, and sums of floats do not
//! depend on the lanes. Some chunks at a time: their groups are memory.
#![forbid(unsafe_code)]

mod keys;
mod map;

use super::aggregate::{blocks, check_mask, Aggregate, Checked, Operation, Value};
use super::column::{invalid, rows_of, Column};
use super::mask::Mask;
use super::parts;
use super::state::State;
use super::words::{Rows, BLOCK};
use crate::error::{Error, ErrorKind, Result};
use crate::job::{Chunk, Control};
use crate::memory;
use keys::Reader;
pub use keys::{Bucket, GroupKey};
use map::Budget;
pub(crate) use map::Map;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::atomic::Ordering;

/// The most keys.
pub const MAX_GROUP_KEYS: usize = 16;
/// Neighbours of one group are taken in as a block where so many are, on average.
const LONG_RUN: usize = 16;
/// So many neighbours are compared at a time.
const NEIGHBOURS: usize = 16;
/// The most words of all keys together.
const MAX_KEY_WORDS: usize = 512;
/// What the groups of a chunk are counted as, where it is decided how many chunks are run before their
/// groups are put together: 32 chunks, or one a lane.
const CHUNK_BYTES: usize = 2 << 20;

/// Groups that are found, sorted by their keys, the first key being the most important.
#[derive(Debug)]
pub struct Groups {
    readers: Vec<Reader>,
    operations: Vec<Operation>,
    /// Words of all keys of a group.
    words: usize,
    keys: Vec<u64>,
    rows: Vec<(u64, u64)>,
    states: Vec<State>,
}

impl Groups {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.rows.len()
    }

    /// How many keys they have.
    pub fn keys(&self) -> usize {
        self.readers.len()
    }

    /// How many aggregates.
    pub fn aggregates(&self) -> usize {
        self.operations.len()
    }

    /// The keys of this index, in the order of the groups: of buckets where they begin.
    ///
    /// # Errors [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument): there is no such
    /// key, or it is bytes.
    pub fn key(&self, index: usize) -> Result<impl Iterator<Item = Result<Value>> + '_> {
        let Some(reader) = self.readers.get(index) else {
            return invalid(format!("key {index} of {}", self.readers.len()));
        };
        if matches!(reader, Reader::Bytes { .. }) {
            return invalid("the key is bytes, which are no number");
        }
        let words = self.words_of(index);
        Ok(self.rows.iter().enumerate().map(move |(group, (rows, _))| reader.value(words(group), *rows)))
    }

    /// Where the words of a key of a group are.
    fn words_of<'g>(&'g self, index: usize) -> impl Fn(usize) -> &'g [u64] {
        let skipped: usize = self.readers[..index].iter().map(Reader::words).sum();
        move |group| &self.keys[group * self.words + skipped..(group + 1) * self.words]
    }

    /// Copies the keys of this index, which are bytes, in the order of the groups, and returns how many
    /// bytes these are.
    ///
    /// # Errors [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument): there is no such
    /// key, or it is a number; [`ErrorKind::BufferTooSmall`](crate::ErrorKind::BufferTooSmall), with what is
    /// needed.
    pub fn key_bytes(&self, index: usize, out: &mut [MaybeUninit<u8>]) -> Result<usize> {
        let Some(&Reader::Bytes { len }) = self.readers.get(index) else {
            return invalid(format!("key {index} of {} is none of bytes", self.readers.len()));
        };
        let needed = len * self.count();
        let Some(out) = out.get_mut(..needed) else {
            let text = format!("keys of {needed} bytes, and there are {}", out.len());
            return Err(Error::new(ErrorKind::BufferTooSmall, text).with_needed(needed as u64));
        };
        let words = self.words_of(index);
        for (group, places) in out.chunks_mut(len).enumerate() {
            let bytes = words(group).iter().flat_map(|word| word.to_be_bytes());
            places.iter_mut().zip(bytes).for_each(|(place, byte)| {
                place.write(byte);
            });
        }
        Ok(needed)
    }

    /// What the aggregate of this index is, in the order of the groups.
    ///
    /// # Errors [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument): there is no such
    /// aggregate. Of a value: as [`aggregate`](super::aggregate()), with the group's position.
    pub fn value(&self, index: usize) -> Result<impl Iterator<Item = Result<Value>> + '_> {
        let Some(&operation) = self.operations.get(index) else {
            return invalid(format!("aggregate {index} of {}", self.operations.len()));
        };
        let states = self.states.iter().skip(index).step_by(self.operations.len());
        Ok(states.zip(&self.rows).enumerate().map(move |(group, (state, (rows, _)))| {
            state.value(operation, *rows).map_err(|error| error.at(group as u64))
        }))
    }

    /// The number of the first row of each group.
    pub fn first_rows(&self) -> impl Iterator<Item = u64> + '_ {
        self.rows.iter().map(|(_, first)| *first)
    }

    /// Copies the groups of `map` in the order of their keys.
    fn sorted(map: &Map<'_>, readers: Vec<Reader>, operations: Vec<Operation>) -> Result<Self> {
        let words = readers.iter().map(Reader::words).sum();
        let count = map.count();
        let mut order = Vec::new();
        memory::reserve(&mut order, count)?;
        order.extend(0..count);
        order.sort_unstable_by(|&a, &b| map.key(a).cmp(map.key(b)));
        let (mut keys, mut rows, mut states) = (Vec::new(), Vec::new(), Vec::new());
        memory::reserve(&mut keys, count * words)?;
        memory::reserve(&mut rows, count)?;
        memory::reserve(&mut states, count * operations.len())?;
        for group in order {
            keys.extend_from_slice(map.key(group));
            rows.push(map.rows(group));
            states.extend_from_slice(map.states(group));
        }
        Ok(Self { readers, operations, words, keys, rows, states })
    }
}

/// What rows are grouped by, and what is asked of each group.
pub(crate) struct Grouping<'a> {
    keys: &'a [GroupKey],
    aggregates: &'a [Aggregate],
    readers: Vec<Reader>,
    /// Of all keys of a group.
    words: usize,
    /// The aggregates of no rows.
    empty: Vec<State>,
    budget: Budget,
    seed: u64,
}

impl<'a> Grouping<'a> {
    /// Checks keys and aggregates against columns, of which only the types count.
    ///
    /// # Errors [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument): a key or an aggregate.
    pub(in crate::table) fn new(
        columns: &[Column<'_>],
        keys: &'a [GroupKey],
        aggregates: &'a [Aggregate],
        max_memory: u64,
    ) -> Result<Self> {
        if keys.is_empty() || keys.len() > MAX_GROUP_KEYS {
            return invalid(format!("{} keys, expected 1 to {MAX_GROUP_KEYS}", keys.len()));
        }
        let mut readers = Vec::new();
        for (at, key) in keys.iter().enumerate() {
            readers.push(Reader::new(at, key, columns)?);
        }
        let words = readers.iter().map(Reader::words).fold(0, usize::saturating_add);
        if words > MAX_KEY_WORDS {
            return invalid(format!("keys of more than {} bytes", 8 * MAX_KEY_WORDS));
        }
        let empty = Checked::new(columns, aggregates, std::iter::empty())?.states().collect();
        let seed = RandomState::new().build_hasher().finish() | 1;
        Ok(Self { keys, aggregates, readers, words, empty, budget: Budget::new(max_memory), seed })
    }

    /// About the bytes of a group while it is found.
    pub(crate) fn bytes(&self) -> usize {
        Map::bytes_of_group(self.words, &self.empty)
    }

    pub(crate) fn no_groups(&self) -> Map<'_> {
        Map::new(&self.budget, self.seed, self.words, &self.empty)
    }

    /// Adds those of the rows of `range` that the mask picks; row 0 has number `first`.
    pub(in crate::table) fn add(
        &self,
        columns: &[Column<'_>],
        range: Range<usize>,
        first: u64,
        mask: Option<Mask<'_>>,
        map: &mut Map<'_>,
    ) -> Result<()> {
        let checked = Checked::new(columns, self.aggregates, self.keys.iter().map(|key| key.column))?;
        let mut keys = blocks(self.words)?;
        let mut found = Found { groups: [0; BLOCK], begins: [0; BLOCK], runs: 0, key: vec![0; self.words] };
        checked.for_blocks((range.start, range.end), mask, |words| {
            let mut rest = &mut keys[..];
            for (key, reader) in self.keys.iter().zip(&self.readers) {
                let (blocks, others) = rest.split_at_mut(reader.words());
                let column = &checked.columns[key.column];
                reader.read(column, words.rows(), checked.column(key.column, words), blocks);
                rest = others;
            }
            found.find(words.rows(), first, &keys, map)?;
            let count = words.rows().count();
            found.runs(count).for_each(|(group, rows)| map.count_rows(group, rows.len()));
            for (index, aggregate) in self.aggregates.iter().enumerate() {
                words.fetch();
                let (values, weights) = checked.words(aggregate, words);
                let (operation, class) = (aggregate.operation, checked.class(aggregate.column));
                if operation == Operation::Count {
                    continue;
                }
                if found.runs * LONG_RUN > count {
                    map.states_of(index, &found.groups[..count]).add(operation, class, values, weights);
                    continue;
                }
                for (group, rows) in found.runs(count) {
                    map.state(group, index).add_block(&values[rows.clone()], &weights[rows]);
                }
            }
            Ok(())
        })
    }

    /// The groups of `map`, sorted.
    pub(crate) fn sorted(&self, map: &Map<'_>) -> Result<Groups> {
        let operations = self.aggregates.iter().map(|aggregate| aggregate.operation).collect();
        Groups::sorted(map, self.readers.clone(), operations)
    }
}

/// Whether all words are this one.
#[inline(always)]
fn all_are(word: u64, words: &[u64]) -> bool {
    // No branch: vectors can do it.
    words.iter().fold(0, |others, other| others | (word ^ other)) == 0
}

/// The groups of the rows of a block, and the runs of neighbours of one group.
struct Found {
    groups: [u32; BLOCK],
    /// Where each run begins.
    begins: [u16; BLOCK],
    runs: usize,
    /// Room for the key of a row.
    key: Vec<u64>,
}

impl Found {
    fn find(&mut self, rows: &Rows, first: u64, keys: &[[u64; BLOCK]], map: &mut Map<'_>) -> Result<()> {
        self.runs = 0;
        let mut group = 0;
        for begin in (0..rows.count()).step_by(NEIGHBOURS) {
            let end = rows.count().min(begin + NEIGHBOURS);
            // Neighbours are often of one group.
            if begin != 0 && keys.iter().all(|words| all_are(words[begin - 1], &words[begin..end])) {
                self.groups[begin..end].fill(group);
                continue;
            }
            for at in begin..end {
                if at == 0 || keys.iter().any(|words| words[at] != words[at - 1]) {
                    self.key.iter_mut().zip(keys).for_each(|(word, words)| *word = words[at]);
                    group = map.find(&self.key, first + rows.row(at) as u64)?;
                    self.begins[self.runs] = at as u16;
                    self.runs += 1;
                }
                self.groups[at] = group;
            }
        }
        Ok(())
    }

    /// Each run among `count` rows: its group, and its rows.
    fn runs(&self, count: usize) -> impl Iterator<Item = (u32, Range<usize>)> + '_ {
        let begins = &self.begins[..self.runs];
        let ends = begins.iter().skip(1).map(|&end| usize::from(end)).chain([count]);
        begins.iter().zip(ends).map(|(&begin, end)| {
            let begin = usize::from(begin);
            (self.groups[begin], begin..end)
        })
    }
}

/// Computes aggregates of the rows that the mask picks, for each combination of keys that they have.
/// Progress counts rows. Groups that take more than `max_memory` bytes, while they are found, are an
/// error; 0: there is no limit.
///
/// # Errors
/// Those of [`aggregate`](super::aggregate());
/// [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument): a key;
/// [`ErrorKind::LimitExceeded`](crate::ErrorKind::LimitExceeded): `max_memory`.
pub fn group(
    columns: &[Column<'_>],
    mask: Option<Mask<'_>>,
    keys: &[GroupKey],
    aggregates: &[Aggregate],
    max_memory: u64,
    control: &Control<'_>,
) -> Result<Groups> {
    let rows = rows_of(columns)?;
    check_mask(mask, rows)?;
    let grouping = Grouping::new(columns, keys, aggregates, max_memory)?;
    let mut all = grouping.no_groups();
    let fold = |chunk: &Chunk| {
        let mut map = grouping.no_groups();
        grouping.add(columns, chunk.begin..chunk.end, 0, mask, &mut map)?;
        Ok(map)
    };
    parts::in_order(rows, CHUNK_BYTES, control, fold, |made| all.merge(&made))?;
    // Sorting takes long where there are many groups.
    if control.cancel.is_some_and(|flag| flag.load(Ordering::Relaxed) != 0) {
        return Err(Error::cancelled());
    }
    grouping.sorted(&all)
}
