//! Plans cover their range exactly, up to the largest counts that an address can have.
use fastpar_narrow::plan::{Plan, Schedule};

const COUNTS: [usize; 9] =
    [0, 1, 23, 25, 1_000_003, usize::MAX / 3, usize::MAX / 2 + 1, usize::MAX - 1, usize::MAX];

#[test]
fn plans_cover_their_range() {
    let schedules = [
        Schedule::Segments { segments: 0 },
        Schedule::Segments { segments: 1009 },
        Schedule::Segments { segments: usize::MAX },
        Schedule::Cache { item_size: 48, cache_bytes: 1 << 20 },
        Schedule::Cache { item_size: usize::MAX, cache_bytes: usize::MAX },
        Schedule::Grain { grain: 0 },
        Schedule::Grain { grain: 1 << 20 },
        Schedule::Grain { grain: usize::MAX },
        Schedule::Guided { grain: 0 },
        Schedule::Guided { grain: 1 << 30 },
    ];
    for schedule in schedules {
        for count in COUNTS {
            for lanes in [1, 7, 24, 1024] {
                let plan = Plan::new(schedule, count, lanes);
                assert_eq!(plan.count(), count);
                assert_eq!(plan.chunks() == 0, count == 0);
                if count == 0 {
                    continue;
                }
                let last = plan.chunks() - 1;
                assert_eq!(plan.bounds(0).unwrap().0, 0);
                assert_eq!(plan.bounds(last).unwrap().1, count);
                assert!(plan.bounds(plan.chunks()).is_err());
                // Neighbours touch, at both ends and in the middle.
                for index in [0, 1, last / 3, last / 2, last.saturating_sub(1)] {
                    if index < last {
                        let (begin, end) = plan.bounds(index).unwrap();
                        assert!(begin < end && end - begin <= plan.largest());
                        assert_eq!(plan.bounds(index + 1).unwrap().0, end);
                    }
                }
            }
        }
    }
}
