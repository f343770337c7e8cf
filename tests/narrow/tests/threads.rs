//! What threads pass to each other arrives: at the gate of a job, at a team's barrier, through a queue.
use fastpar_narrow::{help_with_jobs, meet, queue::Queue};
use std::thread;

/// Miri takes a thousand times as long, and finds what is wrong in a few.
const TIMES: usize = if cfg!(miri) { 6 } else { 300 };

#[test]
fn jobs_at_a_gate() {
    assert!(help_with_jobs(TIMES, 2, 5));
}

#[test]
fn members_at_a_barrier() {
    assert!(meet(3, TIMES));
}

#[test]
fn values_through_a_queue() {
    let queue = Queue::new(2).unwrap();
    let taken = thread::scope(|scope| {
        let put = |first: usize| {
            (0..TIMES).for_each(|index| queue.push((first + index) as u64, None).unwrap());
        };
        let putters = [0, TIMES].map(|first| scope.spawn(move || put(first)));
        let take = || std::iter::from_fn(|| queue.pop(None).ok()).collect::<Vec<_>>();
        let takers = [0, 1].map(|_| scope.spawn(take));
        putters.into_iter().for_each(|putter| putter.join().unwrap());
        queue.close();
        takers.map(|taker| taker.join().unwrap())
    });
    let mut all = taken.concat();
    all.sort_unstable();
    assert!(all.into_iter().eq(0..2 * TIMES as u64));
    assert!(queue.push(1, None).is_err() && queue.pop(None).is_err());
}
