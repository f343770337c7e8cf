//! The sort of two buffers: what is large is split by all lanes, what is small is sorted by one.
#![forbid(unsafe_code)]

use super::elements::Elements;
use super::serial::{self, Counts, Part};
use super::split::{bounds_in_parallel, bounds_of_sample, groups, split, Buckets, Group};
use super::work::{Work, BUCKETS};
use crate::error::Result;
use crate::memory;
use crate::trace::Kind;
use std::ops::Range;
use std::sync::PoisonError;

/// Items that are equal in all words before `word`, and lie together.
#[derive(Clone)]
struct Segment {
    range: Range<usize>,
    word: usize,
    /// Whether their word is loaded.
    loaded: bool,
    /// Which buffer has them; the other one has any values there.
    in_b: bool,
    /// Whether the lowest and the highest word may be guessed. In what comes of the first split they
    /// are known, so that each further split makes the range of words smaller by far.
    guess: bool,
}

/// Sorts `a`, whose first word is loaded; `b` has as many items, of any value. If it fails, `a` has all
/// items in some order.
pub(super) fn sort<X: Elements>(
    elements: &X,
    a: &mut [X::Item],
    b: &mut [X::Item],
    work: &Work<'_>,
) -> Result<()> {
    let most = work.most_alone(a.len());
    let mut segments = Vec::new();
    memory::reserve(&mut segments, BUCKETS)?;
    segments.push(Segment { range: 0..a.len(), word: 0, loaded: true, in_b: false, guess: true });
    while let Some(segment) = segments.last().cloned() {
        let range = segment.range.clone();
        let parts = (&mut a[range.clone()], &mut b[range]);
        let ended = if segment.range.len() <= most {
            sort_alone(elements, &segment, &mut segments, parts, work)
        } else {
            step(elements, segment, &mut segments, parts, most, work)
        };
        if let Err(error) = ended {
            for Segment { range, .. } in segments.into_iter().filter(|segment| segment.in_b) {
                a[range.clone()].copy_from_slice(&b[range]);
            }
            return Err(error);
        }
    }
    Ok(())
}

/// Sorts the last of `segments` on the calling thread; it is taken off the list once it is in `a`.
fn sort_alone<X: Elements>(
    elements: &X,
    segment: &Segment,
    segments: &mut Vec<Segment>,
    (a, b): (&mut [X::Item], &mut [X::Item]),
    work: &Work<'_>,
) -> Result<()> {
    let Segment { word, loaded, in_b, .. } = *segment;
    let mut done = false;
    let result = work.run_alone(|| {
        let count = a.len();
        serial::sort(elements, Part { a, b, in_b, word, loaded }, &mut Counts::new());
        done = true;
        count
    });
    if done {
        segments.pop();
    }
    result
}

/// Splits the last of `segments`, or moves it on to its next word.
fn step<X: Elements>(
    elements: &X,
    segment: Segment,
    segments: &mut Vec<Segment>,
    (a, b): (&mut [X::Item], &mut [X::Item]),
    most: usize,
    work: &Work<'_>,
) -> Result<()> {
    let Segment { range, word, loaded, in_b, guess } = segment;
    memory::reserve(segments, BUCKETS)?;
    let (from, to) = if in_b { (&mut *b, &mut *a) } else { (&mut *a, &mut *b) };
    if X::LOADS && !loaded {
        let block = work.block(from.len());
        work.for_each(Kind::ReadKeys, from.chunks_mut(block), |items| {
            elements.load(items, word);
            0
        })?;
    }
    let mut bounds = if guess { bounds_of_sample(elements, from) } else { (0, 0) };
    if bounds.0 == bounds.1 {
        bounds = bounds_in_parallel(elements, from, work)?;
    }
    let (lo, hi) = bounds;
    if lo == hi && word + 1 < elements.words() {
        segments.pop();
        segments.push(Segment { range, word: word + 1, loaded: false, in_b, guess: false });
        return Ok(());
    }
    if lo == hi {
        let block = work.block(a.len());
        work.for_each(Kind::MoveRecords, a.chunks_mut(block).zip(b.chunks(block)), |(a, b)| {
            if in_b {
                a.copy_from_slice(b);
            }
            a.len()
        })?;
        segments.pop();
        return Ok(());
    }
    let ends = split(elements, Buckets::new(lo, hi, BUCKETS), from, to, work)?;
    segments.pop();
    let in_b = !in_b;
    let base = range.start;
    let large = |found: Range<usize>| {
        let range = base + found.start..base + found.end;
        segments.push(Segment { range, word, loaded: true, in_b, guess: false });
    };
    let parts = match groups(a, b, &ends, most, large) {
        Ok(parts) => parts,
        Err(error) => {
            if in_b {
                a.copy_from_slice(b);
            }
            return Err(error);
        }
    };
    let result = work.run(Kind::SortBuckets, &parts, |Group { a, b, ends, begin }| {
        let mut counts = Counts::new();
        let count = a.len();
        let mut start = 0;
        for end in ends.iter().map(|end| end - begin) {
            let (a, b) = (&mut a[start..end], &mut b[start..end]);
            serial::sort(elements, Part { a, b, in_b, word, loaded: true }, &mut counts);
            start = end;
        }
        count
    });
    if result.is_err() && in_b {
        let left =
            parts.into_iter().filter_map(|part| part.into_inner().unwrap_or_else(PoisonError::into_inner));
        left.for_each(|group| group.a.copy_from_slice(group.b));
    }
    result
}
