//! Every interleaving of small teams at their barrier.

use super::barrier::{Barrier, Broken};
use crate::sync::model;
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

/// A barrier, and memory that only the barrier protects.
struct Shared {
    barrier: Barrier,
    cells: Vec<UnsafeCell<usize>>,
}

impl Shared {
    fn new(members: u32) -> Arc<Self> {
        let cells = (0..members).map(|_| UnsafeCell::new(0)).collect();
        Arc::new(Self { barrier: Barrier::new(members), cells })
    }

    fn write(&self, member: usize, value: usize) {
        // SAFETY: each member writes its own cell between barriers; loom checks it.
        self.cells[member].with_mut(|cell| unsafe { *cell = value });
    }

    fn check(&self, members: impl Iterator<Item = usize>, value: usize) {
        for member in members {
            // SAFETY: read after a barrier, and written only after the next one; loom checks it.
            assert_eq!(self.cells[member].with(|cell| unsafe { *cell }), value, "a write is missing");
        }
    }
}

/// Runs member 0 on this thread and the others on threads of their own.
fn run(shared: &Arc<Shared>, members: usize, body: impl Fn(&Shared, usize) + Copy + Send + 'static) {
    let others: Vec<_> = (1..members)
        .map(|member| {
            let shared = Arc::clone(shared);
            thread::spawn(move || body(&shared, member))
        })
        .collect();
    body(shared, 0);
    others.into_iter().for_each(|other| other.join().unwrap());
}

#[test]
fn loom_two_members_three_phases() {
    model(|| {
        run(&Shared::new(2), 2, |shared, member| {
            for phase in 1..3 {
                shared.write(member, phase);
                shared.barrier.wait(None).unwrap();
                shared.check(0..2, phase);
                shared.barrier.wait(None).unwrap();
            }
        });
    });
}

#[test]
fn loom_three_members_one_phase() {
    model(|| {
        run(&Shared::new(3), 3, |shared, member| {
            shared.write(member, 1);
            shared.barrier.wait(None).unwrap();
            shared.check(0..3, 1);
        });
    });
}

#[test]
fn loom_a_member_that_leaves_is_not_waited_for() {
    model(|| {
        run(&Shared::new(3), 3, |shared, member| {
            shared.write(member, 1);
            if member > 0 {
                shared.barrier.wait(None).unwrap();
                // Member 0 left before or after this phase ended; what it wrote is visible either way.
                shared.check(0..3, 1);
            }
            shared.barrier.leave();
        });
    });
}

#[test]
fn loom_a_failing_member_releases_the_others() {
    model(|| {
        run(&Shared::new(3), 3, |shared, member| {
            if member == 0 {
                shared.write(0, 1);
                shared.barrier.break_up();
            } else {
                assert_eq!(shared.barrier.wait(None), Err(Broken), "the failing member never came");
                shared.check(0..1, 1);
            }
            shared.barrier.leave();
        });
    });
}

#[test]
fn loom_failing_after_a_phase() {
    model(|| {
        run(&Shared::new(2), 2, |shared, member| {
            shared.write(member, 1);
            if member == 0 {
                assert_eq!(shared.barrier.wait(None), Ok(()), "both came to it");
                shared.check(0..2, 1);
                shared.barrier.break_up();
            } else {
                assert_eq!(shared.barrier.wait(None), Ok(()), "both came to it, whatever happened next");
                shared.check(0..2, 1);
                assert_eq!(shared.barrier.wait(None), Err(Broken));
            }
            shared.barrier.leave();
        });
    });
}
