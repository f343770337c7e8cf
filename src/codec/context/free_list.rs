//! A free_list of things that are entry: bounded in number and in memory, the one that was used least recently goes first.
#![forbid(unsafe_code)]

/// The most on a free_list.
pub(crate) const MOST: usize = 64;
/// The most memory of them.
pub(crate) const MOST_BYTES: usize = 32 << 20;

/// One of them, boxed for its whole life.
pub(crate) struct Entry<T> {
    pub(crate) item: T,
    /// Its memory, asked once, when it came back.
    pub(crate) size: usize,
}

/// See the module.
pub(crate) struct FreeList<T> {
    /// The one used last at the end.
    entries: Vec<Box<Entry<T>>>,
    bytes: usize,
    /// How many more there may be, and of how many bytes.
    reserved: (usize, usize),
}

impl<T> FreeList<T> {
    pub(crate) fn new() -> Self {
        Self { entries: Vec::new(), bytes: 0, reserved: (0, 0) }
    }

    /// Adds one; returns those that have to go for it, or itself.
    pub(crate) fn push(&mut self, entry: Box<Entry<T>>) -> Vec<Box<Entry<T>>> {
        if entry.size > self.most_bytes() {
            return vec![entry];
        }
        self.bytes += entry.size;
        self.entries.push(entry);
        self.shrink()
    }

    /// Takes the largest one that fits.
    pub(crate) fn take(&mut self, fits: impl Fn(&Entry<T>) -> bool) -> Option<Box<Entry<T>>> {
        let fitting = self.entries.iter().enumerate().filter(|(_, entry)| fits(entry));
        let (index, _) = fitting.max_by_key(|(_, entry)| entry.size)?;
        Some(self.remove(index))
    }

    /// Keeps more from now on.
    pub(crate) fn reserve(&mut self, count: usize, bytes: usize) {
        self.reserved = (self.reserved.0.saturating_add(count), self.reserved.1.saturating_add(bytes));
    }

    /// Keeps so much less; returns what has to go. What a forked child returns may have been reserved by its parent.
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
