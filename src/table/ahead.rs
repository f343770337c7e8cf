//! The memory of the rows that come next, fetched while those before are worked on.
//!
//! A processor fetches by itself only some lines ahead of what is read, and none while words are computed
//! with: so reading a block and computing with it would take turns.
#![forbid(unsafe_code)]

use super::column::Column;
use super::words::{BLOCK, STEPS};
use crate::error::Result;
use crate::memory;
use crate::os::prefetch::prefetch;
use std::cell::Cell;
use std::ops::Range;

/// The bytes of a line of a cache, or of half of one.
const LINE: usize = 64;

/// So many rows are fetched before they are read; in time, and few enough to stay in the first cache.
const NEAR: usize = 128;

/// The values of a column that come next, with all that lies between them. They are fetched in steps, so that
/// there are never more fetches than a core can have under way.
pub(super) struct Ahead<'a> {
    column: Column<'a>,
    /// In the time of a block, of which reading a column takes `STEPS`.
    steps: usize,
    /// In rows.
    distance: usize,
    /// The bytes of a step.
    step: usize,
    /// What is left.
    rest: Cell<&'a [u8]>,
}

impl<'a> Ahead<'a> {
    /// For all columns, those of one array of records once.
    pub(super) fn of(columns: impl ExactSizeIterator<Item = Column<'a>>, steps: usize) -> Result<Vec<Self>> {
        let mut found: Vec<Self> = Vec::new();
        memory::reserve(&mut found, columns.len())?;
        for column in columns {
            if !found.iter().any(|known| known.column.shares_records(&column)) {
                found.push(Self::new(column, steps));
            }
        }
        Ok(found)
    }

    pub(super) fn new(column: Column<'a>, steps: usize) -> Self {
        // The first column is read faster than rows are fetched, which has all the time of a block, and does
        // not catch up.
        let distance = NEAR + BLOCK - BLOCK * STEPS / steps;
        Self { column, steps, distance, step: 0, rest: Cell::new(&[]) }
    }

    /// These rows are worked on from now on.
    pub(super) fn set(&mut self, rows: Range<usize>) {
        let bytes = self.column.of_rows(rows.start + self.distance..rows.end + self.distance);
        self.step = bytes.len().div_ceil(self.steps).next_multiple_of(LINE);
        self.rest.set(bytes);
    }

    fn step(&self) {
        let rest = self.rest.get();
        let (now, later) = rest.split_at(self.step.min(rest.len()));
        self.rest.set(later);
        now.chunks(LINE).for_each(|line| prefetch(line.as_ptr()));
    }
}

/// Has more fetched: a step of each. A call, as loops for all types of columns have one.
#[inline(never)]
pub(super) fn fetch(ahead: &[Ahead<'_>]) {
    ahead.iter().for_each(Ahead::step);
}
