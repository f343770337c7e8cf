//! Pure arithmetic: from a count of items and a schedule to chunks. Nothing is run here.
//!
//! A [`Plan`] is a few words that tell every chunk's bounds, cheaply in order ([`Plan::walk`]) or singly
//! ([`Plan::bounds`]). The plan depends only on the count, the schedule and the number of lanes.
#![forbid(unsafe_code)]

use crate::error::{Error, ErrorKind, Result};
use std::ops::Range;

/// Segments of a loop by default: the logical CPUs of a Ryzen 9 7900X.
pub const DEFAULT_SEGMENTS: usize = 24;

/// The bytes that the chunks of all lanes together may fill by default: the L3 cache of that processor.
pub const DEFAULT_CACHE_BYTES: usize = 64 << 20;

/// Chunks that an automatic grain aims at: enough for balance on any number of threads, and the same number
/// on all machines.
const AUTOMATIC_CHUNKS: usize = 32 * DEFAULT_SEGMENTS;

/// How a range is cut into chunks. 0 asks for a default, as in the C options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// `min(segments, count)` chunks whose sizes differ by at most one item; 0: 24.
    Segments {
        /// The number of chunks.
        segments: usize,
    },
    /// Chunks so small that one for every lane fits into the cache at the same time, in whole waves of one
    /// chunk a lane.
    Cache {
        /// Bytes of cache that an item takes; 0: 1.
        item_size: usize,
        /// Bytes of cache that all lanes share; 0: 64 MiB.
        cache_bytes: usize,
    },
    /// Chunks of `grain` items, the last one shorter; 0: about 768 chunks.
    Grain {
        /// Items per chunk.
        grain: usize,
    },
    /// Waves of one chunk a lane. Each wave takes half of the remaining items, down to chunks of `grain`
    /// items; 0: automatic. Source: S. F. Hummel, E. Schonberg, L. E. Flynn, "Factoring: a method for
    /// scheduling parallel loops", CACM 35 (8), 1992.
    Guided {
        /// The smallest chunk, in items.
        grain: usize,
    },
}

impl Default for Schedule {
    fn default() -> Self {
        Self::Segments { segments: 0 }
    }
}

/// A range of items cut into chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    count: usize,
    chunks: usize,
    lanes: u32,
    shape: Shape,
}

/// How to find a chunk's bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// The first `longer` chunks hold `size + 1` items, the others `size`.
    Even { size: usize, longer: usize },
    /// Every chunk but the last holds `grain` items.
    Grain { grain: usize },
    /// Waves of `wave` chunks, each of half of the remaining items, then chunks of `grain`.
    Guided { wave: usize, grain: usize },
}

impl Plan {
    /// Cuts `count` items into chunks for at most `lanes` lanes (at least one).
    pub fn new(schedule: Schedule, count: usize, lanes: u32) -> Self {
        let lanes = lanes.max(1);
        let shape = match schedule {
            Schedule::Segments { segments } => even(count, or(segments, DEFAULT_SEGMENTS)),
            Schedule::Cache { item_size, cache_bytes } => even(
                count,
                cache_chunks(count, or(item_size, 1), or(cache_bytes, DEFAULT_CACHE_BYTES), lanes),
            ),
            Schedule::Grain { grain } => {
                Shape::Grain { grain: or(grain, count.div_ceil(AUTOMATIC_CHUNKS)).max(1) }
            }
            Schedule::Guided { grain } => {
                let wave = lanes as usize;
                let automatic = count.div_ceil(wave.saturating_mul(64));
                Shape::Guided { wave, grain: or(grain, automatic).max(1) }
            }
        };
        let chunks = match shape {
            Shape::Even { size: 0, longer } => longer,
            Shape::Even { size, longer } => (count - longer) / size,
            Shape::Grain { grain } => count.div_ceil(grain),
            Shape::Guided { wave, grain } => {
                let tail = Waves::new(count, wave, grain).last().unwrap_or_default();
                tail.first_chunk + tail.items.div_ceil(tail.size.max(1))
            }
        };
        let lanes = u32::try_from(chunks).map_or(lanes, |most| lanes.min(most)).max(1);
        Self { count, chunks, lanes, shape }
    }

    /// The number of items.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The number of chunks.
    pub fn chunks(&self) -> usize {
        self.chunks
    }

    /// The threads that may work on the plan at the same time: at least one, at most one for each chunk.
    pub fn lanes(&self) -> u32 {
        self.lanes
    }

    /// Items in the largest chunk.
    pub fn largest(&self) -> usize {
        // In every schedule the first chunk is a largest one.
        if self.chunks == 0 {
            0
        } else {
            let (begin, end) = self.bounds_unchecked(0);
            end - begin
        }
    }

    /// The items `[begin, end)` of one chunk.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if there is no such chunk.
    pub fn bounds(&self, index: usize) -> Result<(usize, usize)> {
        if index >= self.chunks {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("index is {index}, but the plan has {} chunks", self.chunks),
            ));
        }
        Ok(self.bounds_unchecked(index))
    }

    #[inline]
    fn bounds_unchecked(&self, index: usize) -> (usize, usize) {
        match self.shape {
            Shape::Even { size, longer } => {
                let begin = index * size + index.min(longer);
                (begin, begin + size + usize::from(index < longer))
            }
            Shape::Grain { grain } => {
                let begin = index * grain;
                (begin, begin + grain.min(self.count - begin))
            }
            Shape::Guided { wave, grain } => self.guided_bounds(wave, grain, index),
        }
    }

    #[inline(never)]
    fn guided_bounds(&self, wave: usize, grain: usize, index: usize) -> (usize, usize) {
        let found = Waves::new(self.count, wave, grain)
            .take_while(|wave| wave.first_chunk <= index)
            .last()
            .unwrap_or_default();
        let begin = found.first_item + (index - found.first_chunk) * found.size;
        let end = begin + found.size.min(found.first_item + found.items - begin);
        (begin, end)
    }

    /// Walks over the chunks from `index` on; each step is cheap. Past the last chunk the bounds are
    /// meaningless.
    pub fn walk(&self, index: usize) -> Walk<'_> {
        let count = self.count;
        let mut walk = Walk { plan: self, index, begin: count, end: count, size: 0, until: index };
        if index < self.chunks {
            walk.enter();
        }
        walk
    }

    /// The chunks of equal size at the start of `range`, which is not empty and within the chunks.
    #[inline]
    pub(crate) fn equal_chunks(&self, range: Range<usize>) -> EqualChunks {
        debug_assert!(range.start < range.end && range.end <= self.chunks);
        let (begin, end) = self.bounds_unchecked(range.start);
        EqualChunks { begin, size: end - begin, until: self.same_size_until(range.start).min(range.end) }
    }

    /// The first chunk after `index` that may differ from chunk `index` in size.
    fn same_size_until(&self, index: usize) -> usize {
        match self.shape {
            Shape::Even { longer, .. } if index < longer => longer,
            // The last chunk may be shorter.
            Shape::Grain { .. } if index + 1 < self.chunks => self.chunks - 1,
            Shape::Even { .. } | Shape::Grain { .. } => self.chunks,
            Shape::Guided { .. } => index + 1,
        }
    }
}

/// Neighbouring chunks of equal size.
pub(crate) struct EqualChunks {
    /// The first item of the first chunk.
    pub(crate) begin: usize,
    /// Items of each chunk.
    pub(crate) size: usize,
    /// One past the last chunk.
    pub(crate) until: usize,
}

/// A position among the chunks of a plan.
#[derive(Clone, Copy, Debug)]
pub struct Walk<'p> {
    plan: &'p Plan,
    /// The chunk's index.
    pub index: usize,
    /// The chunk's first item.
    pub begin: usize,
    /// One past the chunk's last item.
    pub end: usize,
    /// The items of the chunk, and of every chunk before `until`.
    size: usize,
    until: usize,
}

impl Walk<'_> {
    /// Goes to the next chunk; false: there is none.
    #[inline]
    pub fn advance(&mut self) -> bool {
        self.index += 1;
        self.begin = self.end;
        if self.index < self.until {
            self.end += self.size;
        } else if self.index < self.plan.chunks {
            self.enter();
        } else {
            return false;
        }
        true
    }

    /// Sets the bounds to those of chunk `index`.
    fn enter(&mut self) {
        let run = self.plan.equal_chunks(self.index..self.plan.chunks);
        (self.begin, self.end, self.size, self.until) =
            (run.begin, run.begin + run.size, run.size, run.until);
    }
}

/// A wave of a guided plan, or its tail: `items` from `first_item` on, in chunks of `size`.
#[derive(Clone, Copy, Debug, Default)]
struct Wave {
    first_chunk: usize,
    first_item: usize,
    items: usize,
    size: usize,
}

/// The waves of a guided plan: at most one for each bit of the count, then the tail.
struct Waves {
    next: Wave,
    rest: usize,
    lanes: usize,
    grain: usize,
}

impl Waves {
    fn new(count: usize, lanes: usize, grain: usize) -> Self {
        Self { next: Wave::default(), rest: count, lanes, grain }
    }
}

impl Iterator for Waves {
    type Item = Wave;

    fn next(&mut self) -> Option<Wave> {
        if self.rest == 0 {
            return None;
        }
        let half = self.rest.div_ceil(self.lanes.saturating_mul(2));
        let (size, items) = if half <= self.grain {
            (self.grain, self.rest) // the tail
        } else {
            (half, self.rest.min(self.lanes.saturating_mul(half)))
        };
        let wave = Wave { items, size, ..self.next };
        self.next.first_chunk += items.div_ceil(size);
        self.next.first_item += items;
        self.rest -= items;
        Some(wave)
    }
}

/// Lanes for a call: `max_lanes`, 0 for all, at most the threads of the pool.
pub(crate) fn lanes_of(threads: u32, max_lanes: u32) -> u32 {
    if max_lanes == 0 {
        threads
    } else {
        threads.min(max_lanes)
    }
}

fn or(value: usize, default: usize) -> usize {
    if value == 0 {
        default
    } else {
        value
    }
}

fn even(count: usize, chunks: usize) -> Shape {
    let chunks = chunks.clamp(1, count.max(1));
    Shape::Even { size: count / chunks, longer: count % chunks }
}

/// The number of chunks in whole waves of `lanes`, each wave within `cache_bytes`. A single item may be
/// larger than its share.
fn cache_chunks(count: usize, item_size: usize, cache_bytes: usize, lanes: u32) -> usize {
    let lanes = lanes as usize;
    let share = (cache_bytes / lanes / item_size).max(1);
    let waves = count.div_ceil(share.saturating_mul(lanes));
    waves.saturating_mul(lanes)
}
