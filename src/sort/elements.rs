//! What is moved while records are sorted: small records themselves, or pairs of a word and an index.
#![forbid(unsafe_code)]

use super::format::{Field, Format};
use super::work::Work;
use crate::error::Result;
use crate::trace::Kind;
use std::cmp::Ordering;
use std::marker::PhantomData;

/// What is moved, and what it is sorted by.
pub(super) trait Elements: Sync {
    /// What is moved.
    type Item: Copy + Send + Sync;
    /// Whether `load` does something.
    const LOADS: bool;

    /// Words of a key.
    fn words(&self) -> usize;

    /// From now on `key` tells word `word` of these.
    fn load(&self, items: &mut [Self::Item], word: usize);

    /// The word that was loaded.
    fn key(&self, item: &Self::Item) -> u64;

    /// By all words.
    fn compare(&self, a: &Self::Item, b: &Self::Item) -> Ordering;
}

/// Records of `N` bytes whose key is one number of `LEN` bytes.
pub(super) struct Direct<'f, const N: usize, const LEN: usize>(pub(super) &'f Field);

impl<const N: usize, const LEN: usize> Elements for Direct<'_, N, LEN> {
    type Item = [u8; N];
    const LOADS: bool = false;

    fn words(&self) -> usize {
        1
    }

    fn load(&self, _: &mut [[u8; N]], _: usize) {}

    #[inline(always)]
    fn key(&self, item: &[u8; N]) -> u64 {
        self.0.word_of::<N, LEN>(item)
    }

    fn compare(&self, a: &[u8; N], b: &[u8; N]) -> Ordering {
        self.key(a).cmp(&self.key(b))
    }
}

/// The number of a record: 32 bits where that is enough.
pub(super) trait Index: Copy + Send + Sync {
    /// The number of a record that there is.
    fn of(number: usize) -> Self;
    fn number(self) -> usize;
}

impl Index for u32 {
    fn of(number: usize) -> Self {
        number as Self
    }

    #[inline(always)]
    fn number(self) -> usize {
        self as usize
    }
}

impl Index for u64 {
    fn of(number: usize) -> Self {
        number as Self
    }

    #[inline(always)]
    fn number(self) -> usize {
        self as usize
    }
}

/// A word of a record's keys, in halves, so that a pair has no padding; and which record that is.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Pair<I> {
    key: [u32; 2],
    index: I,
}

impl<I: Index> Pair<I> {
    #[inline(always)]
    pub(super) fn record(&self) -> usize {
        self.index.number()
    }
}

/// Records that stay where they are.
pub(super) struct Indexed<'r, I> {
    records: &'r [u8],
    format: &'r Format,
    index: PhantomData<I>,
}

impl<'r, I: Index> Indexed<'r, I> {
    pub(super) fn new(records: &'r [u8], format: &'r Format) -> Self {
        Self { records, format, index: PhantomData }
    }

    fn record(&self, item: &Pair<I>) -> &[u8] {
        let size = self.format.record_size();
        &self.records[item.record() * size..][..size]
    }

    /// Makes the pairs of all records, with their first word.
    pub(super) fn fill(&self, pairs: &mut [Pair<I>], work: &Work<'_>) -> Result<()> {
        let word = self.format.word(0);
        let size = self.format.record_size();
        let block = work.block(pairs.len());
        let parts = pairs.chunks_mut(block).zip(self.records.chunks(block.saturating_mul(size))).enumerate();
        work.for_each(Kind::ReadKeys, parts, |(at, (pairs, records))| {
            for (number, (pair, record)) in pairs.iter_mut().zip(records.chunks_exact(size)).enumerate() {
                *pair = Pair { key: halves(word.read(record)), index: I::of(at * block + number) };
            }
            pairs.len()
        })
    }
}

impl<I> Indexed<'_, I> {
    /// How often each record is counted as progress: when its pair is made, sorted, and put in place.
    pub(super) const STEPS: u64 = 3;
}

#[inline(always)]
fn halves(key: u64) -> [u32; 2] {
    [key as u32, (key >> 32) as u32]
}

impl<I: Index> Elements for Indexed<'_, I> {
    type Item = Pair<I>;
    const LOADS: bool = true;

    fn words(&self) -> usize {
        self.format.words()
    }

    fn load(&self, items: &mut [Pair<I>], word: usize) {
        let word = self.format.word(word);
        for item in items {
            item.key = halves(word.read(self.record(item)));
        }
    }

    #[inline(always)]
    fn key(&self, item: &Pair<I>) -> u64 {
        u64::from(item.key[1]) << 32 | u64::from(item.key[0])
    }

    fn compare(&self, a: &Pair<I>, b: &Pair<I>) -> Ordering {
        self.format.compare(self.record(a), self.record(b))
    }
}
