//! Plans cover their range: every item in exactly one chunk, in order, whatever the count and the options.
#![no_main]

use fastpar::plan::{Plan, Schedule};
use fastpar_fuzz::Choices;

/// Chunks that are looked at one by one.
const MOST: usize = 3000;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut choices = Choices(data);
    let schedule = match choices.byte() % 4 {
        0 => Schedule::Segments { segments: choices.magnitude() as usize },
        1 => Schedule::Cache {
            item_size: choices.magnitude() as usize,
            cache_bytes: choices.magnitude() as usize,
        },
        2 => Schedule::Grain { grain: choices.magnitude() as usize },
        _ => Schedule::Guided { grain: choices.magnitude() as usize },
    };
    let count = choices.magnitude() as usize;
    let lanes = choices.magnitude() as u32;
    let plan = Plan::new(schedule, count, lanes);
    let chunks = plan.chunks();
    assert_eq!(plan.count(), count);
    assert_eq!(chunks == 0, count == 0);
    assert!(chunks <= count && plan.lanes() >= 1 && plan.lanes() as usize <= chunks.max(1));
    assert!(plan.bounds(chunks).is_err());
    if count == 0 {
        return;
    }
    assert_eq!(plan.bounds(0).unwrap().0, 0);
    assert_eq!(plan.bounds(chunks - 1).unwrap().1, count);
    let (begin, end) = plan.bounds(0).unwrap();
    assert_eq!(plan.largest(), end - begin);
    // From the start, up to the end, and from some place between.
    let between = choices.magnitude() as usize % chunks;
    for first in [0, chunks.saturating_sub(MOST), between] {
        let mut walk = plan.walk(first);
        for index in first..chunks.min(first + MOST) {
            let (begin, end) = plan.bounds(index).unwrap();
            assert!((walk.index, walk.begin, walk.end) == (index, begin, end), "the walk goes elsewhere");
            assert!(begin < end && end - begin <= plan.largest());
            if let Some(next) = index.checked_add(1).filter(|&next| next < chunks) {
                assert_eq!(plan.bounds(next).unwrap().0, end);
            }
            assert_eq!(walk.advance(), index + 1 < chunks);
        }
    }
});
