//! Plain memory that nothing but the gate or the barrier protects: what they do not order is a race, which
//! Miri tells.

use crate::job::claims::{Claiming, Claims};
use crate::job::gate::Gate;
use crate::team::barrier::Barrier;
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

struct Cells(Vec<UnsafeCell<usize>>);

// SAFETY: a cell is one thread's until the gate or the barrier passes it on.
unsafe impl Sync for Cells {}

impl Cells {
    fn new(len: usize) -> Self {
        Self((0..len).map(|_| UnsafeCell::new(0)).collect())
    }

    fn add(&self, index: usize) {
        // SAFETY: this thread's, as above.
        unsafe { *self.0[index].get() += 1 };
    }

    fn all_are(&self, value: usize) -> bool {
        // SAFETY: nobody writes, as above.
        self.0.iter().all(|cell| unsafe { *cell.get() } == value)
    }
}

/// A job as its caller has it: gone when the call returns.
struct Job {
    claims: Claims,
    cells: Cells,
}

impl Job {
    fn work(&self) {
        let pace = self.claims.pace();
        while let Some(range) = self.claims.claim(&pace) {
            range.for_each(|chunk| self.cells.add(chunk));
        }
    }
}

/// Jobs one after the other at one gate, with helpers that come when they like; whether every chunk of each
/// ran once.
pub fn help_with_jobs(jobs: usize, helpers: u32, chunks: usize) -> bool {
    let (gate, over) = (Gate::new(), AtomicBool::new(false));
    let help = || {
        while !over.load(Ordering::Relaxed) {
            if let Some((job, _)) = gate.enter(u32::MAX) {
                // SAFETY: between `enter` and `leave` the caller keeps the job.
                let job: &Job = unsafe { &*job };
                job.work();
                gate.leave();
            }
            thread::yield_now();
        }
    };
    let call = |_| {
        let claims = Claims::new(0..chunks, helpers + 1, Claiming::Singly);
        let job = Box::new(Job { claims, cells: Cells::new(chunks) });
        gate.open(&*job, helpers, false);
        job.work();
        gate.close();
        gate.wait_empty(|| false);
        job.cells.all_are(1)
    };
    thread::scope(|scope| {
        (0..helpers).for_each(|_| drop(scope.spawn(help)));
        let whole = (0..jobs).all(call);
        over.store(true, Ordering::Relaxed);
        whole
    })
}

/// Members that meet again and again, each with a cell of its own; whether all saw what the others had
/// written.
pub fn meet(members: usize, phases: usize) -> bool {
    let barrier = Barrier::new(members as u32);
    let cells = Cells::new(members);
    let take_part = |member: usize| {
        (1..=phases).all(|phase| {
            cells.add(member);
            let written = barrier.wait(None).is_ok() && cells.all_are(phase);
            barrier.wait(None).is_ok() && written
        })
    };
    thread::scope(|scope| {
        let (barrier, take_part) = (&barrier, &take_part);
        let run = move |member| {
            let saw_all = take_part(member);
            if !saw_all {
                barrier.break_up();
            }
            barrier.leave();
            saw_all
        };
        let all: Vec<_> = (0..members).map(|member| scope.spawn(move || run(member))).collect();
        all.into_iter().all(|member| member.join().expect("a member panicked"))
    })
}
