//! The bounded queue: first in, first out, nothing lost, nothing twice, and nobody waits in it for ever.

use crate::support::watchdog::watch;
use fastpar::ffi::*;
use fastpar::queue::{Queue, MAX_CAPACITY};
use fastpar::{team, ErrorKind, Result};
use std::ops::ControlFlow::Continue;
use std::ptr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

const NOW: Option<Duration> = Some(Duration::ZERO);

fn queue(capacity: usize) -> Queue {
    Queue::new(capacity).expect("the capacity is in range")
}

fn kind<T: std::fmt::Debug>(result: Result<T>) -> ErrorKind {
    result.expect_err("it fails").kind()
}

#[test]
fn first_in_first_out() {
    let queue = queue(100);
    for round in 0..10 {
        (0..100).for_each(|value| queue.push(round + value, NOW).expect("there is room"));
        (0..100).for_each(|value| assert_eq!(queue.pop(NOW), Ok(round + value)));
    }
}

#[test]
fn full_and_empty_and_no_time() {
    let queue = queue(2);
    assert_eq!(kind(queue.pop(NOW)), ErrorKind::Timeout);
    queue.push(1, NOW).expect("there is room");
    queue.push(2, None).expect("there is room");
    assert_eq!(kind(queue.push(3, NOW)), ErrorKind::Timeout);
    let before = Instant::now();
    assert_eq!(kind(queue.push(3, Some(Duration::from_millis(20)))), ErrorKind::Timeout);
    assert!(before.elapsed() >= Duration::from_millis(20), "it gave up early");
    assert_eq!((queue.pop(None), queue.pop(None)), (Ok(1), Ok(2)), "what found no room was not added");
    let before = Instant::now();
    assert_eq!(kind(queue.pop(Some(Duration::from_millis(20)))), ErrorKind::Timeout);
    assert!(before.elapsed() >= Duration::from_millis(20), "it gave up early");
}

#[test]
fn times_beyond_the_end_of_time() {
    let _watch = watch();
    let queue = queue(1);
    thread::scope(|scope| {
        scope.spawn(|| {
            queue.push(1, Some(Duration::MAX)).expect("there is room");
            queue.push(2, Some(Duration::from_millis(u64::MAX - 1))).expect("room is made");
        });
        assert_eq!(queue.pop(Some(Duration::MAX)), Ok(1));
        assert_eq!(queue.pop(Some(Duration::from_millis(u64::MAX - 1))), Ok(2));
    });
}

#[test]
fn capacities() {
    assert_eq!(kind(Queue::new(0).map(drop)), ErrorKind::InvalidArgument);
    assert_eq!(kind(Queue::new(MAX_CAPACITY + 1).map(drop)), ErrorKind::InvalidArgument);
    assert_eq!(kind(Queue::new(usize::MAX).map(drop)), ErrorKind::InvalidArgument);
    let queue = queue(1);
    queue.push(1, NOW).expect("there is room for one");
    assert_eq!(kind(queue.push(2, NOW)), ErrorKind::Timeout);
}

#[test]
fn closed_it_gives_what_it_has_and_takes_nothing() {
    let queue = queue(3);
    (1..=3).for_each(|value| queue.push(value, NOW).expect("there is room"));
    queue.close();
    queue.close();
    for time in [NOW, Some(Duration::from_millis(1)), None] {
        assert_eq!(kind(queue.push(4, time)), ErrorKind::Closed);
    }
    assert_eq!((queue.pop(None), queue.pop(NOW), queue.pop(None)), (Ok(1), Ok(2), Ok(3)));
    for time in [NOW, Some(Duration::from_millis(1)), None] {
        assert_eq!(kind(queue.pop(time)), ErrorKind::Closed);
    }
}

/// Producers count up, consumers add up; each value is seen once, and each producer's values in order.
fn exchange(capacity: usize, producers: u64, consumers: usize, each: u64) {
    let queue = queue(capacity);
    let seen: Vec<_> = (0..producers * each).map(|_| AtomicU32::new(0)).collect();
    let left = AtomicU64::new(producers);
    thread::scope(|scope| {
        for producer in 0..producers {
            let (queue, left) = (&queue, &left);
            scope.spawn(move || {
                (0..each).for_each(|value| queue.push(producer * each + value, None).expect("it is open"));
                if left.fetch_sub(1, Relaxed) == 1 {
                    queue.close(); // the last producer
                }
            });
        }
        for _ in 0..consumers {
            scope.spawn(|| {
                let mut last = vec![None; producers as usize];
                while let Ok(value) = queue.pop(None) {
                    seen[value as usize].fetch_add(1, Relaxed);
                    let last = &mut last[(value / each) as usize];
                    assert!(last.is_none_or(|last| last < value), "a producer's values are out of order");
                    *last = Some(value);
                }
                assert_eq!(kind(queue.pop(NOW)), ErrorKind::Closed);
            });
        }
    });
    assert!(seen.iter().all(|seen| seen.load(Relaxed) == 1), "a value was lost, or came twice");
}

#[test]
fn many_producers_and_consumers() {
    let _watch = watch();
    exchange(1, 4, 4, 1000);
    exchange(7, 8, 3, 1000);
    exchange(1000, 3, 8, 3000);
    exchange(64, 1, 1, 10_000);
}

/// Pushers and poppers at work when it is closed: what was pushed with success is popped, and nothing else.
#[test]
fn closing_releases_everybody_and_loses_nothing() {
    let _watch = watch();
    for round in 0..200 {
        let queue = queue(1 + round % 5);
        let (pushed, popped) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
        thread::scope(|scope| {
            for producer in 0..3 {
                let (queue, pushed) = (&queue, &pushed);
                scope.spawn(move || {
                    for value in (producer * 1_000_000).. {
                        match queue.push(value, None) {
                            Ok(()) => pushed.lock().unwrap().push(value),
                            Err(error) => return assert_eq!(error.kind(), ErrorKind::Closed),
                        }
                    }
                });
            }
            // Rounds without consumers: the pushers are blocked by then, or soon.
            for _ in 0..round % 3 {
                scope.spawn(|| {
                    while let Ok(value) = queue.pop(None) {
                        popped.lock().unwrap().push(value);
                    }
                });
            }
            for _ in 0..round % 7 {
                thread::yield_now();
            }
            queue.close();
        });
        let mut popped = popped.into_inner().unwrap();
        while let Ok(value) = queue.pop(None) {
            popped.push(value);
        }
        let mut pushed = pushed.into_inner().unwrap();
        pushed.sort_unstable();
        popped.sort_unstable();
        assert_eq!(pushed, popped);
    }
}

#[test]
fn closing_releases_poppers_of_an_empty_queue() {
    let _watch = watch();
    for _ in 0..50 {
        let queue = queue(1);
        thread::scope(|scope| {
            for time in [None, Some(Duration::from_secs(1000))] {
                let queue = &queue;
                scope.spawn(move || assert_eq!(kind(queue.pop(time)), ErrorKind::Closed));
            }
            thread::yield_now();
            queue.close();
        });
    }
}

#[test]
fn members_of_a_team_pass_values_on() {
    let _watch = watch();
    let (first, second) = (queue(4), queue(4));
    let total = AtomicU64::new(0);
    team::run(3, &|_, member| {
        match member {
            0 => {
                (1..=1000).for_each(|value| first.push(value, None).expect("it is open"));
                first.close();
            }
            1 => {
                while let Ok(value) = first.pop(None) {
                    second.push(2 * value, None).expect("it is open");
                }
                second.close();
            }
            _ => {
                while let Ok(value) = second.pop(None) {
                    total.fetch_add(value, Relaxed);
                }
            }
        }
        Continue(())
    })
    .expect("every member succeeds");
    assert_eq!(total.into_inner(), 1000 * 1001);
}

#[test]
fn through_the_c_functions() {
    let none = ptr::null_mut();
    let mut handle = ptr::dangling_mut();
    let mut value = 5;
    // SAFETY: every pointer is NULL or valid, and the handle is freed last.
    unsafe {
        assert_eq!(fastpar_queue_open(0, &mut handle, none), FASTPAR_ERR_INVALID_ARGUMENT);
        assert!(handle.is_null(), "NULL on failure");
        assert_eq!(fastpar_queue_open(1, ptr::null_mut(), none), FASTPAR_ERR_INVALID_ARGUMENT);
        assert_eq!(fastpar_queue_open(1, &mut handle, none), FASTPAR_OK);
        assert_eq!(fastpar_queue_pop(handle, 0, &mut value, none), FASTPAR_ERR_TIMEOUT);
        assert_eq!(value, 5, "untouched on failure");
        assert_eq!(fastpar_queue_push(handle, 9, u64::MAX, none), FASTPAR_OK);
        assert_eq!(fastpar_queue_push(handle, 9, 1, none), FASTPAR_ERR_TIMEOUT);
        assert_eq!(fastpar_queue_pop(handle, 0, ptr::null_mut(), none), FASTPAR_ERR_INVALID_ARGUMENT);
        assert_eq!(fastpar_queue_pop(handle, u64::MAX, &mut value, none), FASTPAR_OK);
        assert_eq!(value, 9);
        fastpar_queue_close(handle);
        assert_eq!(fastpar_queue_push(handle, 9, 0, none), FASTPAR_ERR_CLOSED);
        assert_eq!(fastpar_queue_pop(handle, u64::MAX, &mut value, none), FASTPAR_ERR_CLOSED);
        fastpar_queue_free(handle);
        assert_eq!(fastpar_queue_push(ptr::null_mut(), 1, 0, none), FASTPAR_ERR_INVALID_ARGUMENT);
        assert_eq!(fastpar_queue_pop(ptr::null_mut(), 0, &mut value, none), FASTPAR_ERR_INVALID_ARGUMENT);
        fastpar_queue_close(ptr::null_mut());
        fastpar_queue_free(ptr::null_mut());
    }
}
