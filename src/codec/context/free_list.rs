//! A row of things that are kept: bounded in number and in memory, the one that was used least recently goes first.
#![forbid(unsafe_code)]

/// The most on a row.
pub(crate) const MOST: usize = 64;
/// The most memory of them.
pub(crate) const MOST_BYTES: usize = 32 << 20;

/// One of them, boxed for its whole life.
pub(crate) struct Kept<T> {
    pub(crate) item: T,
    /// Its memory, asked once, when it came back.
    pub(crate) size: usize,
}

/// See the module.
pub(crate) struct Row<T> {
    /// The one used last at the end.
    kept: Vec<Box<Kept<T>>>,
    bytes: usize,
    /// How many more there may be, and of how many bytes.
    lent: (usize, usize),
}

impl<T> Row<T> {
    pub(crate) fn new() -> Self {
        Self { kept: Vec::new(), bytes: 0, lent: (0, 0) }
    }

    /// Adds one; returns those that have to go for it, or itself.
    pub(crate) fn push(&mut self, kept: Box<Kept<T>>) -> Vec<Box<Kept<T>>> {
        if kept.size > self.most_bytes() {
            return vec![kept];
        }
        self.bytes += kept.size;
        self.kept.push(kept);
        self.shrink()
    }

    /// Takes the largest one that fits.
    pub(crate) fn take(&mut self, fits: impl Fn(&Kept<T>) -> bool) -> Option<Box<Kept<T>>> {
        let fitting = self.kept.iter().enumerate().filter(|(_, kept)| fits(kept));
        let (index, _) = fitting.max_by_key(|(_, kept)| kept.size)?;
        Some(self.remove(index))
    }

    /// Keeps more from now on.
    pub(crate) fn lend(&mut self, count: usize, bytes: usize) {
        self.lent = (self.lent.0.saturating_add(count), self.lent.1.saturating_add(bytes));
    }

    /// Keeps so much less; returns what has to go. What a forked child returns may have been lent by its parent.
    pub(crate) fn take_back(&mut self, count: usize, bytes: usize) -> Vec<Box<Kept<T>>> {
        self.lent = (self.lent.0.saturating_sub(count), self.lent.1.saturating_sub(bytes));
        self.shrink()
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.kept.len()
    }

    fn shrink(&mut self) -> Vec<Box<Kept<T>>> {
        let most = MOST.saturating_add(self.lent.0);
        let mut surplus = Vec::new();
        while self.kept.len() > most || self.bytes > self.most_bytes() {
            surplus.push(self.remove(0));
        }
        surplus
    }

    fn most_bytes(&self) -> usize {
        MOST_BYTES.saturating_add(self.lent.1)
    }

    fn remove(&mut self, index: usize) -> Box<Kept<T>> {
        let kept = self.kept.remove(index);
        self.bytes -= kept.size;
        kept
    }
}
