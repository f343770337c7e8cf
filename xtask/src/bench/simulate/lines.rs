//! Cache lines that cores take from each other: one at a time, each transfer after the other.

/// Picoseconds: whole numbers, so that the same simulation always ends the same way.
pub(super) type Time = u64;

/// What it takes to get a line.
#[derive(Clone, Copy)]
pub(super) struct Costs {
    /// The core has it already.
    pub(super) own: Time,
    /// From a core that shares the cache of the last level.
    pub(super) near: Time,
    /// From any other.
    pub(super) far: Time,
    /// Cores that share such a cache.
    pub(super) domain: usize,
}

/// One cache line. Accesses come in the order of their times.
pub(super) struct Line {
    costs: Costs,
    free: Time,
    owner: usize,
    version: u64,
    /// The version that each core has a copy of.
    seen: Vec<u64>,
    /// Others have copies: writing has to take them away.
    shared: bool,
    /// How long cores have waited for it, all together.
    pub(super) waited: Time,
}

impl Line {
    /// A line that core 0 has written.
    pub(super) fn new(costs: Costs, cores: usize) -> Self {
        let mut seen = vec![0; cores];
        seen[0] = 1;
        Self { costs, free: 0, owner: 0, version: 1, seen, shared: false, waited: 0 }
    }

    /// When a core that begins to read now has read.
    pub(super) fn read(&mut self, core: usize, now: Time) -> Time {
        if self.seen[core] == self.version {
            return now + self.costs.own;
        }
        self.seen[core] = self.version;
        self.shared = true;
        self.transfer(core, now)
    }

    /// When a core that begins to change the line now has done so; no other core changes it meanwhile.
    pub(super) fn change(&mut self, core: usize, now: Time) -> Time {
        let here = self.owner == core && !self.shared;
        let done = if here { now.max(self.free) + self.costs.own } else { self.transfer(core, now) };
        self.free = done;
        self.owner = core;
        self.shared = false;
        self.version += 1;
        self.seen[core] = self.version;
        done
    }

    /// The same by compare-and-exchange: a core that finds another value has the line by then, and tries
    /// again at once.
    pub(super) fn exchange(&mut self, core: usize, now: Time) -> Time {
        let again = if self.seen[core] == self.version { 0 } else { self.costs.own };
        self.free = self.change(core, now) + again;
        self.free
    }

    fn transfer(&mut self, core: usize, now: Time) -> Time {
        let near = core / self.costs.domain == self.owner / self.costs.domain;
        let done = now.max(self.free) + if near { self.costs.near } else { self.costs.far };
        self.free = done;
        self.waited += done - now;
        done
    }
}
