//! Groups under way: found by their keys, in the order in which they have come up.
#![forbid(unsafe_code)]

use super::super::each::States;
use super::super::state::State;
use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use std::mem::{size_of, size_of_val};
use std::sync::atomic::{AtomicU64, Ordering};

/// What all groups of a call may take, and take now.
pub(super) struct Budget {
    most: u64,
    used: AtomicU64,
}

impl Budget {
    /// 0: there is no limit.
    pub(super) fn new(most: u64) -> Self {
        Self { most: if most == 0 { u64::MAX } else { most }, used: AtomicU64::new(0) }
    }

    // Relaxed: a number that nothing else is read on the strength of.
    fn take(&self, bytes: u64) -> Result<()> {
        let used = self.used.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if used <= self.most {
            return Ok(());
        }
        self.give_back(bytes);
        let text = format!("the groups take more than the {} bytes of max_memory", self.most);
        Err(Error::new(ErrorKind::LimitExceeded, text).with_needed(used))
    }

    fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Groups, and the aggregates of each.
pub(crate) struct Map<'b> {
    budget: &'b Budget,
    taken: u64,
    /// Makes hashes of a call others than those of the next: no data can be made for it.
    seed: u64,
    /// Words of a key.
    words: usize,
    /// The aggregates of no rows.
    empty: &'b [State],
    /// Groups plus 1, by the hash; 0: free. At most half are taken. The length is a power of two.
    slots: Vec<u32>,
    keys: Vec<u64>,
    /// How many rows each group has, and which was the first.
    rows: Vec<(u64, u64)>,
    states: Vec<State>,
}

impl<'b> Map<'b> {
    pub(super) fn new(budget: &'b Budget, seed: u64, words: usize, empty: &'b [State]) -> Self {
        let (slots, keys, rows, states) = Default::default();
        Self { budget, taken: 0, seed, words, empty, slots, keys, rows, states }
    }

    /// About the bytes of a group.
    pub(super) fn bytes_of_group(words: usize, empty: &[State]) -> usize {
        words * size_of::<u64>() + size_of::<(u64, u64)>() + size_of_val(empty) + 2 * size_of::<u32>()
    }

    /// The bytes that its groups take, or may take soon.
    pub(crate) fn bytes(&self) -> u64 {
        self.taken
    }

    pub(super) fn count(&self) -> usize {
        self.rows.len()
    }

    #[inline(always)]
    pub(super) fn key(&self, group: usize) -> &[u64] {
        &self.keys[group * self.words..][..self.words]
    }

    /// How many rows a group has, and which was the first.
    pub(super) fn rows(&self, group: usize) -> (u64, u64) {
        self.rows[group]
    }

    pub(super) fn states(&self, group: usize) -> &[State] {
        &self.states[group * self.empty.len()..][..self.empty.len()]
    }

    pub(super) fn state(&mut self, group: u32, aggregate: usize) -> &mut State {
        &mut self.states[group as usize * self.empty.len() + aggregate]
    }

    /// The states of an aggregate for rows of these groups.
    pub(super) fn states_of<'s>(&'s mut self, index: usize, groups: &'s [u32]) -> States<'s> {
        States { states: &mut self.states, width: self.empty.len(), index, groups }
    }

    #[inline(always)]
    pub(super) fn count_rows(&mut self, group: u32, rows: usize) {
        self.rows[group as usize].0 += rows as u64;
    }

    /// Folded multiplication, as in wyhash.
    #[inline(always)]
    fn hash(&self, key: &[u64]) -> usize {
        let mix = |hash: u64, word: u64| {
            let product = u128::from(hash ^ word) * 0x9e37_79b9_7f4a_7c15_u128;
            product as u64 ^ (product >> 64) as u64
        };
        let hash = key.iter().fold(self.seed, |hash, &word| mix(hash, word));
        mix(hash, self.seed.rotate_left(32)) as usize
    }

    /// The group with this key, made if there is none: then `row` is its first row.
    #[inline]
    pub(super) fn find(&mut self, key: &[u64], row: u64) -> Result<u32> {
        let free = match self.place(key) {
            Ok(group) => return Ok(group),
            Err(free) => free.filter(|_| self.slots.len() > 2 * self.count()),
        };
        let at = match free {
            Some(at) => at,
            None => {
                self.grow()?;
                self.place(key).err().flatten().expect("there is room for a new key")
            }
        };
        self.slots[at] = self.count() as u32 + 1;
        self.keys.extend_from_slice(key);
        self.rows.push((0, row));
        self.states.extend_from_slice(self.empty);
        Ok(self.count() as u32 - 1)
    }

    /// The group of a key, or the slot that is free for it: none where there are no slots.
    fn place(&self, key: &[u64]) -> std::result::Result<u32, Option<usize>> {
        let Some(mask) = self.slots.len().checked_sub(1) else { return Err(None) };
        let mut at = self.hash(key) & mask;
        loop {
            match self.slots[at] {
                0 => return Err(Some(at)),
                group if self.key(group as usize - 1) == key => return Ok(group - 1),
                _ => at = (at + 1) & mask,
            }
        }
    }

    /// Makes room for twice the groups, in all lists, so that `find` allocates nothing.
    #[cold]
    fn grow(&mut self) -> Result<()> {
        let groups = (2 * self.count()).max(32);
        if groups > u32::MAX as usize / 4 {
            return Err(Error::new(ErrorKind::LimitExceeded, "more than 2^29 groups"));
        }
        let bytes = (groups * Self::bytes_of_group(self.words, self.empty)) as u64;
        self.budget.take(bytes - self.taken)?;
        self.taken = bytes;
        let more = groups - self.count();
        memory::reserve(&mut self.keys, more * self.words)?;
        memory::reserve(&mut self.rows, more)?;
        memory::reserve(&mut self.states, more * self.empty.len())?;
        let mut slots = Vec::new();
        memory::reserve(&mut slots, (2 * groups).next_power_of_two())?;
        slots.resize((2 * groups).next_power_of_two(), 0);
        let mask = slots.len() - 1;
        for group in 0..self.count() {
            let mut at = self.hash(self.key(group)) & mask;
            while slots[at] != 0 {
                at = (at + 1) & mask;
            }
            slots[at] = group as u32 + 1;
        }
        self.slots = slots;
        Ok(())
    }

    /// Takes in the groups of later rows.
    pub(crate) fn merge(&mut self, other: &Map<'_>) -> Result<()> {
        for from in 0..other.count() {
            let (rows, first) = other.rows(from);
            let into = self.find(other.key(from), first)?;
            self.rows[into as usize].0 += rows;
            for (aggregate, state) in other.states(from).iter().enumerate() {
                self.state(into, aggregate).merge(state);
            }
        }
        Ok(())
    }
}

impl Drop for Map<'_> {
    fn drop(&mut self) {
        self.budget.give_back(self.taken);
    }
}
