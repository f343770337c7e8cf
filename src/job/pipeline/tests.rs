//! Tests of the pipeline.

use super::*;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

/// Doubles its input; fails at 13, panics at 17, and counts the chained tasks that run at the same time.
#[derive(Default)]
struct Doubling {
    chained: AtomicU32,
    overlaps: AtomicU32,
}

impl Stage for Doubling {
    type Input = (u64, bool);
    type Output = u64;

    fn run(&self, (value, chained): (u64, bool), _: u32, _: &AtomicI32) -> Result<u64> {
        if chained && self.chained.fetch_add(1, Ordering::SeqCst) > 0 {
            self.overlaps.fetch_add(1, Ordering::SeqCst);
        }
        std::thread::sleep(Duration::from_micros(value * 37 % 100));
        if chained {
            self.chained.fetch_sub(1, Ordering::SeqCst);
        }
        match value {
            13 => Err(Error::new(ErrorKind::Corrupt, "thirteen")),
            17 => panic!("seventeen"),
            _ => Ok(value * 2),
        }
    }
}

#[test]
fn results_come_in_order() {
    for lanes in [1, 2, 5] {
        let mut line = Pipeline::new(Doubling::default(), lanes);
        let mut got = Vec::new();
        for value in 100..400 {
            line.submit((value, value % 3 == 0), value % 3 == 0).unwrap();
            if line.in_flight() > 7 {
                got.push(line.next(None).unwrap().unwrap());
            }
        }
        while let Some(value) = line.next(None).unwrap() {
            got.push(value);
        }
        assert_eq!(got, (100..400).map(|value| value * 2).collect::<Vec<_>>());
        assert_eq!(line.stage().overlaps.load(Ordering::SeqCst), 0);
    }
}

#[test]
fn the_first_failure_comes_in_its_place() {
    for (bad, kind) in [(13, ErrorKind::Corrupt), (17, ErrorKind::Panic)] {
        let mut line = Pipeline::new(Doubling::default(), 3);
        for value in bad - 2..bad + 9 {
            line.submit((value, false), false).unwrap();
        }
        assert_eq!(line.next(None).unwrap(), Some(bad * 2 - 4));
        assert_eq!(line.next(None).unwrap(), Some(bad * 2 - 2));
        assert_eq!(line.next(None).unwrap_err().kind(), kind);
    }
}

#[test]
fn cancels_and_drops() {
    let mut line = Pipeline::new(Doubling::default(), 2);
    for value in 100..110 {
        line.submit((value, false), false).unwrap();
    }
    let flag = AtomicI32::new(1);
    while let Err(error) = line.next(Some(&flag)) {
        assert_eq!(error.kind(), ErrorKind::Cancelled);
        flag.store(0, Ordering::Relaxed);
    }
    drop(line);
}
