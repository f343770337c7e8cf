//! A free list: entries that wait for their next use, bounded in number and in memory. The entry that was
//! used least recently leaves first.
#![forbid(unsafe_code)]

/// The most entries of a list without reservations.
pub(crate) const MOST: usize = 64;
/// The most memory of those entries.
pub(crate) const MOST_BYTES: usize = 32 << 20;

/// An entry, boxed for its whole life.
pub(crate) struct Entry<T> {
    pub(crate) item: T,
    /// The item's memory, measured when the item was returned.
    pub(crate) size: usize,
}

/// See the module.
pub(crate) struct FreeList<T> {
    /// The entry that was used last is at the end.
    entries: Vec<Box<Entry<T>>>,
    bytes: usize,
    /// How many more entries reservations allow, and how many more bytes.
    reserved: (usize, usize),
}

impl<T> FreeList<T> {
    pub(crate) fn new() -> Self {
        Self { entries: Vec::new(), bytes: 0, reserved: (0, 0) }
    }

    /// Adds an entry; returns those that have to leave for it, perhaps itself.
    pub(crate) fn push(&mut self, entry: Box<Entry<T>>) -> Vec<Box<Entry<T>>> {
        if entry.size > self.most_bytes() {
            return vec![entry];
        }
        self.bytes += entry.size;
        self.entries.push(entry);
        self.shrink()
    }

    /// Takes the largest entry that fits.
    pub(crate) fn take(&mut self, fits: impl Fn(&Entry<T>) -> bool) -> Option<Box<Entry<T>>> {
        let fitting = self.entries.iter().enumerate().filter(|(_, entry)| fits(entry));
        let (index, _) = fitting.max_by_key(|(_, entry)| entry.size)?;
        Some(self.remove(index))
    }

    /// Allows `count` more entries, of `bytes` more memory.
    pub(crate) fn reserve(&mut self, count: usize, bytes: usize) {
        self.reserved = (self.reserved.0.saturating_add(count), self.reserved.1.saturating_add(bytes));
    }

    /// Takes an allowance back; returns the entries that have to leave. In a forked child it may be one that
    /// the parent was given, hence the saturating subtraction.
    pub(crate) fn release(&mut self, count: usize, bytes: usize) -> Vec<Box<Entry<T>>> {
        self.reserved = (self.reserved.0.saturating_sub(count), self.reserved.1.saturating_sub(bytes));
        self.shrink()
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    fn shrink(&mut self) -> Vec<Box<Entry<T>>> {
        let most = MOST.saturating_add(self.reserved.0);
        let mut surplus = Vec::new();
        while self.entries.len() > most || self.bytes > self.most_bytes() {
            surplus.push(self.remove(0));
        }
        surplus
    }

    fn most_bytes(&self) -> usize {
        MOST_BYTES.saturating_add(self.reserved.1)
    }

    fn remove(&mut self, index: usize) -> Box<Entry<T>> {
        let entry = self.entries.remove(index);
        self.bytes -= entry.size;
        entry
    }
}
