//! The sort of a part that fits into a core's cache, by one lane. Nothing is allocated, and little of
//! the stack is taken.
//!
//! The highest bits that differ, a few more than the part has items, are sorted by two passes of a
//! radix sort from the right. That leaves short runs of items that are equal in these bits.
#![forbid(unsafe_code)]

use super::elements::Elements;
use super::split::{bounds, Buckets};

/// Digits of a pass have at most so many bits.
const DIGIT: u32 = 9;
/// What is counted in a pass.
const VALUES: usize = 1 << DIGIT;
/// Fewer items are inserted one by one.
const INSERTED: usize = 24;
/// More items are split first, so that both buffers of a part stay in the cache.
const CACHED: usize = if cfg!(test) { 300 } else { 1 << 16 };
/// Buckets of such a split.
const SPLIT: usize = 256;
/// Parts of parts, to this depth. Keys that make more of them are merged instead.
const DEEPEST: u32 = 12;

/// Counts of two digits.
pub(super) struct Counts([[u32; VALUES]; 2]);

impl Counts {
    pub(super) fn new() -> Self {
        Self([[0; VALUES]; 2])
    }
}

/// Items that are equal in all words before `word`. They are in `a` or `b`, and are sorted into `a`.
pub(super) struct Part<'p, T> {
    pub(super) a: &'p mut [T],
    pub(super) b: &'p mut [T],
    pub(super) in_b: bool,
    pub(super) word: usize,
    /// Whether `word` is loaded.
    pub(super) loaded: bool,
}

impl<T: Copy> Part<'_, T> {
    /// Brings the items to `a`.
    fn bring(&mut self) {
        if self.in_b {
            self.a.copy_from_slice(self.b);
            self.in_b = false;
        }
    }

    fn items(&mut self) -> &mut [T] {
        if self.in_b {
            self.b
        } else {
            self.a
        }
    }
}

/// Sorts a part.
pub(super) fn sort<X: Elements>(elements: &X, part: Part<'_, X::Item>, counts: &mut Counts) {
    sort_deep(elements, part, counts, 0);
}

fn sort_deep<X: Elements>(elements: &X, mut part: Part<'_, X::Item>, counts: &mut Counts, depth: u32) {
    let (lo, hi) = loop {
        if part.a.len() <= 1 {
            return part.bring();
        }
        if depth > DEEPEST {
            part.bring();
            return merge_sort(elements, part.a, part.b);
        }
        if !part.loaded {
            let word = part.word;
            elements.load(part.items(), word);
            part.loaded = true;
        }
        if part.a.len() <= INSERTED {
            part.bring();
            return insert_by_word(elements, part.a, part.word);
        }
        let (lo, hi) = bounds(elements, part.items());
        if lo != hi {
            break (lo, hi);
        }
        if part.word + 1 == elements.words() {
            return part.bring();
        }
        part.word += 1;
        part.loaded = false;
    };
    if part.a.len() > CACHED {
        split(elements, part, Buckets::new(lo, hi, SPLIT), counts, depth);
    } else {
        two_passes(elements, part, lo, hi, counts, depth);
    }
}

/// The index of a count or a position, which the compiler can see to be one.
#[inline(always)]
fn digit(word: u64, shift: u32) -> usize {
    (word >> shift) as usize % VALUES
}

/// Makes positions of counts.
fn accumulate(counts: &mut [u32]) {
    let mut position = 0;
    for count in counts {
        position += std::mem::replace(count, position);
    }
}

/// Moves items from one buffer to the other, by one digit of their words above `lo`.
#[inline(always)]
fn pass<X: Elements>(
    elements: &X,
    from: &[X::Item],
    to: &mut [X::Item],
    positions: &mut [u32; VALUES],
    of: impl Fn(u64) -> usize,
) {
    for item in from {
        let position = &mut positions[of(elements.key(item))];
        // If the program changes records while they are sorted, counts are wrong.
        if let Some(place) = to.get_mut(*position as usize) {
            *place = *item;
        }
        *position += 1;
    }
}

/// Sorts by the highest bits that differ, then what is equal in these.
fn two_passes<X: Elements>(
    elements: &X,
    mut part: Part<'_, X::Item>,
    lo: u64,
    hi: u64,
    counts: &mut Counts,
    depth: u32,
) {
    let count = part.a.len();
    let bits = u64::BITS - (hi - lo).leading_zeros();
    let used = bits.min(count.ilog2() + 2).min(2 * DIGIT);
    let shift = bits - used;
    // With one pass the items change buffers once, with two they come back.
    let low = if used <= DIGIT { 0 } else { used / 2 };
    let high_shift = shift + low;
    let [lows, highs] = &mut counts.0;
    lows.fill(0);
    highs.fill(0);
    for item in part.items().iter() {
        let above = elements.key(item).wrapping_sub(lo);
        highs[digit(above, high_shift)] += 1;
        if low > 0 {
            lows[digit(above, shift) & ((1 << low) - 1)] += 1;
        }
    }
    accumulate(highs);
    if low > 0 {
        accumulate(lows);
        let of = |word: u64| digit(word.wrapping_sub(lo), shift) & ((1 << low) - 1);
        move_over(elements, &mut part, lows, of);
    }
    move_over(elements, &mut part, highs, |word| digit(word.wrapping_sub(lo), high_shift));
    part.bring();
    if shift > 0 || part.word + 1 < elements.words() {
        finish(elements, part, lo, shift, counts, depth);
    }
}

#[inline(always)]
fn move_over<X: Elements>(
    elements: &X,
    part: &mut Part<'_, X::Item>,
    positions: &mut [u32; VALUES],
    of: impl Fn(u64) -> usize,
) {
    if part.in_b {
        pass(elements, part.b, part.a, positions, of);
    } else {
        pass(elements, part.a, part.b, positions, of);
    }
    part.in_b = !part.in_b;
}

/// Sorts runs of items whose words are equal but for the lowest `shift` bits.
fn finish<X: Elements>(
    elements: &X,
    part: Part<'_, X::Item>,
    lo: u64,
    shift: u32,
    counts: &mut Counts,
    depth: u32,
) {
    let Part { a, b, word, .. } = part;
    let cell = |item: &X::Item| elements.key(item).wrapping_sub(lo) >> shift;
    let mut begin = 0;
    while begin < a.len() {
        let here = cell(&a[begin]);
        let run = a[begin + 1..].iter().take_while(|item| cell(item) == here).count() + 1;
        let end = begin + run;
        if run > 1 {
            let (a, b) = (&mut a[begin..end], &mut b[begin..end]);
            if shift > 0 && run <= INSERTED {
                insert_by_word(elements, a, word);
            } else {
                // Runs of equal words go on with the next word.
                let (word, loaded) = if shift > 0 { (word, true) } else { (word + 1, false) };
                sort_deep(elements, Part { a, b, in_b: false, word, loaded }, counts, depth + 1);
            }
        }
        begin = end;
    }
}

/// Splits a part that is too large for the cache.
fn split<X: Elements>(
    elements: &X,
    mut part: Part<'_, X::Item>,
    buckets: Buckets,
    counts: &mut Counts,
    depth: u32,
) {
    let positions = &mut counts.0[0];
    positions.fill(0);
    for item in part.items().iter() {
        positions[buckets.of(elements.key(item)) % SPLIT] += 1;
    }
    accumulate(positions);
    move_over(elements, &mut part, positions, |word| buckets.of(word) % SPLIT);
    let mut ends = [0u32; SPLIT];
    ends.copy_from_slice(&positions[..SPLIT]);
    let Part { a, b, in_b, word, .. } = part;
    let mut begin = 0;
    for end in ends.iter().map(|&end| end as usize).take(buckets.count()) {
        let (a, b) = (&mut a[begin..end], &mut b[begin..end]);
        sort_deep(elements, Part { a, b, in_b, word, loaded: true }, counts, depth + 1);
        begin = end;
    }
}

/// Inserts each item among those before it, by its word, and the words after it.
#[inline(always)]
fn insert_by_word<X: Elements>(elements: &X, items: &mut [X::Item], word: usize) {
    let more = word + 1 < elements.words();
    insert(items, |a, b| {
        let (left, right) = (elements.key(a), elements.key(b));
        left < right || more && left == right && elements.compare(a, b).is_lt()
    });
}

#[inline(always)]
fn insert<T: Copy>(items: &mut [T], less: impl Fn(&T, &T) -> bool) {
    for at in 1..items.len() {
        let item = items[at];
        let mut place = at;
        while place > 0 && less(&item, &items[place - 1]) {
            items[place] = items[place - 1];
            place -= 1;
        }
        items[place] = item;
    }
}

/// Sorts `a` by whole keys; `b` is of the same length.
fn merge_sort<X: Elements>(elements: &X, a: &mut [X::Item], b: &mut [X::Item]) {
    let less = |left: &X::Item, right: &X::Item| elements.compare(left, right).is_lt();
    a.chunks_mut(INSERTED).for_each(|run| insert(run, less));
    let mut run = INSERTED;
    while run < a.len() {
        for (from, to) in a.chunks(2 * run).zip(b.chunks_mut(2 * run)) {
            let (mut left, mut right) = from.split_at(run.min(from.len()));
            for place in to {
                let take_right = match (left.first(), right.first()) {
                    (Some(l), Some(r)) => less(r, l),
                    (None, _) => true,
                    (_, None) => false,
                };
                let side = if take_right { &mut right } else { &mut left };
                let Some((first, rest)) = side.split_first() else { break };
                (*place, *side) = (*first, rest);
            }
        }
        a.copy_from_slice(b);
        run *= 2;
    }
}
