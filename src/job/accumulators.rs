//! Accumulators of a wave: one for each chunk or piece, which the thread that runs it fills.
#![forbid(unsafe_code)]

use crate::error::Result;
use crate::memory;
use crossbeam_utils::CachePadded;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// See the module. Each has cache lines of its own.
pub(crate) struct Accumulators<A>(Vec<CachePadded<Mutex<Option<A>>>>);

impl<A> Accumulators<A> {
    /// What one takes, in bytes.
    pub(crate) const SIZE: usize = size_of::<CachePadded<Mutex<Option<A>>>>();

    /// None of them yet.
    pub(crate) const fn none() -> Self {
        Self(Vec::new())
    }

    /// Makes room for so many, all of them empty.
    pub(crate) fn make(count: usize) -> Result<Self> {
        let mut all = Vec::new();
        memory::reserve(&mut all, count)?;
        all.resize_with(count, CachePadded::default);
        Ok(Self(all))
    }

    /// What one of them holds.
    pub(crate) fn get(&mut self, index: usize) -> &mut Option<A> {
        self.0[index].get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same, among threads.
    pub(crate) fn lock(&self, index: usize) -> MutexGuard<'_, Option<A>> {
        self.0[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
