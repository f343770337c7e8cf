//! The arithmetic of plans, for counts from nothing to the largest number there is.

use fastpar::plan::{Plan, Schedule, DEFAULT_CACHE_BYTES, DEFAULT_SEGMENTS};
use fastpar::ErrorKind;
use proptest::prelude::*;

/// Small numbers, numbers around powers of two, and numbers up to the largest.
fn number() -> impl Strategy<Value = usize> {
    prop_oneof![
        0_usize..40,
        0_usize..5000,
        (0_u32..usize::BITS, 0_usize..3)
            .prop_map(|(bit, off)| (1_usize << bit).wrapping_add(off).wrapping_sub(1)),
        any::<usize>(),
        (0_usize..40).prop_map(|below| usize::MAX - below),
    ]
}

fn lanes() -> impl Strategy<Value = u32> {
    prop_oneof![1_u32..=32, 1_u32..=1024, Just(u32::MAX)]
}

fn schedule() -> impl Strategy<Value = Schedule> {
    prop_oneof![
        number().prop_map(|segments| Schedule::Segments { segments }),
        (number(), number()).prop_map(|(item_size, cache_bytes)| Schedule::Cache { item_size, cache_bytes }),
        number().prop_map(|grain| Schedule::Grain { grain }),
        number().prop_map(|grain| Schedule::Guided { grain }),
    ]
}

fn or(value: usize, default: usize) -> usize {
    if value == 0 {
        default
    } else {
        value
    }
}

/// Items of one chunk; its bounds are checked.
fn size(plan: &Plan, index: usize) -> usize {
    let (begin, end) = plan.bounds(index).expect("there is such a chunk");
    assert!(begin < end && end <= plan.count(), "chunk {index} is [{begin}, {end}) of {}", plan.count());
    end - begin
}

/// Some chunks of a plan: all, if there are not too many, else the first, the last, and some between. In
/// order.
fn some_chunks(plan: &Plan) -> Vec<usize> {
    let chunks = plan.chunks();
    if chunks <= 3000 {
        return (0..chunks).collect();
    }
    let between = (1..50).map(|part| chunks / 50 * part);
    let mut some: Vec<_> = (0..100).chain(between).chain(chunks - 100..chunks).collect();
    some.sort_unstable();
    some.dedup();
    some
}

/// What holds for every plan.
fn check(plan: &Plan, count: usize, lanes: u32) {
    assert_eq!(plan.count(), count);
    assert_eq!(plan.chunks() == 0, count == 0);
    let most = u32::try_from(plan.chunks()).unwrap_or(u32::MAX).max(1);
    assert_eq!(plan.lanes(), lanes.min(most));
    if count == 0 {
        assert_eq!(plan.largest(), 0);
    } else {
        // Neighbours meet, and the ends are the range's: so the chunks cover it, in order, and none overlap.
        assert_eq!(plan.bounds(0).unwrap().0, 0);
        assert_eq!(plan.bounds(plan.chunks() - 1).unwrap().1, count);
    }
    let mut walk = plan.walk(0);
    let mut largest = 0;
    for index in some_chunks(plan) {
        let bounds = plan.bounds(index).unwrap();
        largest = largest.max(size(plan, index));
        if index > 0 {
            assert_eq!(
                plan.bounds(index - 1).unwrap().1,
                bounds.0,
                "chunks {} and {index} do not meet",
                index - 1
            );
        }
        if walk.index != index {
            walk = plan.walk(index);
        }
        assert_eq!((walk.index, walk.begin, walk.end), (index, bounds.0, bounds.1));
        walk.advance();
    }
    assert_eq!(plan.largest(), largest, "the largest chunk is among the first");
    for beyond in [plan.chunks(), plan.chunks().saturating_add(1), usize::MAX] {
        if beyond >= plan.chunks() {
            assert_eq!(plan.bounds(beyond).unwrap_err().kind(), ErrorKind::InvalidArgument);
        }
        plan.walk(beyond).advance_if_any();
    }
}

/// Going on past the end means nothing, but must not overflow.
trait AdvanceIfAny {
    fn advance_if_any(self);
}

impl AdvanceIfAny for fastpar::plan::Walk<'_> {
    fn advance_if_any(mut self) {
        if self.index < usize::MAX {
            self.advance();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn chunks_cover_the_range_in_order(schedule in schedule(), count in number(), lanes in lanes()) {
        check(&Plan::new(schedule, count, lanes), count, lanes);
    }

    #[test]
    fn segments_are_as_many_as_asked_and_even(segments in number(), count in number(), lanes in lanes()) {
        let plan = Plan::new(Schedule::Segments { segments }, count, lanes);
        prop_assert_eq!(plan.chunks(), or(segments, DEFAULT_SEGMENTS).min(count));
        if count > 0 {
            let smallest = size(&plan, plan.chunks() - 1);
            prop_assert!(plan.largest() - smallest <= 1);
            prop_assert!(some_chunks(&plan).into_iter().all(|at| (smallest..=plan.largest()).contains(&size(&plan, at))));
        }
    }

    #[test]
    fn grain_is_every_chunk_but_the_last(grain in number(), count in number(), lanes in lanes()) {
        let plan = Plan::new(Schedule::Grain { grain }, count, lanes);
        let grain = or(grain, count.div_ceil(768)).max(1);
        prop_assert_eq!(plan.chunks(), count.div_ceil(grain));
        prop_assert!(some_chunks(&plan).into_iter().rev().skip(1).all(|at| size(&plan, at) == grain));
    }

    #[test]
    fn cache_holds_one_chunk_of_every_lane(
        item_size in number(), cache_bytes in number(), count in number(), lanes in 1_u32..=1024,
    ) {
        let plan = Plan::new(Schedule::Cache { item_size, cache_bytes }, count, lanes);
        let (item_size, cache_bytes) = (or(item_size, 1) as u128, or(cache_bytes, DEFAULT_CACHE_BYTES) as u128);
        let together = u128::from(lanes) * plan.largest() as u128 * item_size;
        // An item that is larger than its share is alone in its chunk.
        prop_assert!(together <= cache_bytes || plan.largest() <= 1, "{together} bytes of {cache_bytes}");
        prop_assert!(plan.chunks() % lanes as usize == 0 || plan.chunks() == count, "a lane idles in the last wave");
        if count > 0 {
            prop_assert!(plan.largest() - size(&plan, plan.chunks() - 1) <= 1);
        }
        // No more waves than it takes.
        let share = (cache_bytes / u128::from(lanes) / item_size).max(1);
        let waves = (plan.chunks() as u128).div_ceil(u128::from(lanes));
        prop_assert!(waves <= (count as u128).div_ceil(share * u128::from(lanes)));
    }

    #[test]
    fn guided_halves_the_rest_in_waves(grain in number(), count in number(), lanes in 1_u32..=1024) {
        let plan = Plan::new(Schedule::Guided { grain }, count, lanes);
        let wave = lanes as usize;
        let grain = or(grain, count.div_ceil(wave * 64)).max(1);
        let (mut index, mut rest) = (0, count);
        // Each wave takes half of the rest, one chunk a lane, until its chunks would be smaller than the
        // grain.
        while rest > 0 {
            let half = rest.div_ceil(2 * wave);
            if half <= grain {
                break;
            }
            for _ in 0..wave {
                prop_assert_eq!(size(&plan, index), half.min(rest));
                rest -= half.min(rest);
                index += 1;
            }
        }
        prop_assert_eq!(plan.chunks() - index, rest.div_ceil(grain));
        for index in some_chunks(&plan).into_iter().filter(|&at| at >= index && at + 1 < plan.chunks()) {
            prop_assert_eq!(size(&plan, index), grain);
        }
    }
}

#[test]
fn the_default_is_24_segments() {
    assert_eq!(Plan::new(Schedule::default(), 1000, 24).chunks(), 24);
    assert_eq!(Plan::new(Schedule::default(), 23, 24).chunks(), 23);
    assert_eq!(Plan::new(Schedule::default(), 1000, 2).chunks(), 24, "whatever the lanes");
}

#[test]
fn the_largest_numbers() {
    let most = usize::MAX;
    for schedule in [
        Schedule::Segments { segments: most },
        Schedule::Segments { segments: most - 1 },
        Schedule::Segments { segments: 1 },
        Schedule::Grain { grain: 1 },
        Schedule::Grain { grain: most },
        Schedule::Grain { grain: most - 1 },
        Schedule::Guided { grain: 1 },
        Schedule::Guided { grain: most },
        Schedule::Cache { item_size: most, cache_bytes: most },
        Schedule::Cache { item_size: 1, cache_bytes: most },
        Schedule::Cache { item_size: most, cache_bytes: 1 },
    ] {
        for count in [most, most - 1, most / 2 + 1] {
            for lanes in [1, 2, 24, 1023, 1024] {
                check(&Plan::new(schedule, count, lanes), count, lanes);
            }
        }
    }
}

#[test]
fn no_lanes_are_one_lane() {
    assert_eq!(Plan::new(Schedule::default(), 100, 0).lanes(), 1);
}
