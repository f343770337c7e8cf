//! Every interleaving of small jobs: the gate, the claims, the ticket and the way helpers come and go.
//!
//! Run with `cargo xtask test loom`.

use super::claims::{Claiming, Claims};
use super::gate::Gate;
use crate::sync::model;
use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use loom::sync::Arc;
use loom::thread;

/// A job on its caller's stack: what callbacks write is plain memory, so that loom reports every race on it.
struct Job {
    claims: Claims,
    cells: Vec<UnsafeCell<usize>>,
    /// Its caller has returned: nobody may touch it.
    closed: AtomicBool,
}

impl Job {
    fn new(chunks: usize) -> Box<Self> {
        Box::new(Self {
            claims: Claims::new(0..chunks, 2, Claiming::Singly),
            cells: (0..chunks).map(|_| UnsafeCell::new(0)).collect(),
            closed: AtomicBool::new(false),
        })
    }

    fn work(&self) {
        assert!(!self.closed.load(Relaxed), "a helper touches a job whose caller has returned");
        let pace = self.claims.pace();
        while let Some(range) = self.claims.claim(&pace) {
            // SAFETY: claimed by this thread alone; loom checks it.
            range.for_each(|chunk| self.cells[chunk].with_mut(|cell| unsafe { *cell += 1 }));
        }
    }

    /// The caller has waited: everything is done, once, and visible.
    fn check(&self) {
        self.closed.store(true, Relaxed);
        for cell in &self.cells {
            // SAFETY: no helper is inside any more; loom checks it.
            assert_eq!(cell.with(|cell| unsafe { *cell }), 1, "a chunk was not run exactly once");
        }
    }
}

/// A caller's part, from opening to returning. The job's memory is kept for the model, to see who touches it
/// too late.
fn call(gate: &Gate<Job>, chunks: usize, helpers: u32) -> Box<Job> {
    let job = Job::new(chunks);
    gate.open(&*job, helpers, false);
    job.work();
    gate.close();
    gate.wait_empty(|| false);
    job.check();
    job
}

/// A helper's part; the number that it got.
fn help(gate: &Gate<Job>) -> Option<u32> {
    let (job, lane) = gate.enter(u32::MAX)?;
    // SAFETY: between enter and leave the caller keeps the job.
    unsafe { &*job }.work();
    gate.leave();
    Some(lane)
}

#[test]
fn loom_one_job_two_helpers() {
    model(|| {
        let gate = Arc::new(Gate::new());
        let helpers: Vec<_> = (0..2)
            .map(|_| {
                let gate = Arc::clone(&gate);
                thread::spawn(move || help(&gate))
            })
            .collect();
        let _kept = call(&gate, 2, 2);
        let lanes: Vec<_> = helpers.into_iter().filter_map(|helper| helper.join().unwrap()).collect();
        assert!(lanes.iter().all(|&lane| (1..=2).contains(&lane)));
        assert!(lanes.len() < 2 || lanes[0] != lanes[1], "two helpers have the same lane");
    });
}

#[test]
fn loom_no_more_helpers_than_the_limit() {
    model(|| {
        let gate = Arc::new(Gate::new());
        let helpers: Vec<_> = (0..2)
            .map(|_| {
                let gate = Arc::clone(&gate);
                thread::spawn(move || help(&gate))
            })
            .collect();
        let _kept = call(&gate, 1, 1);
        let came = helpers.into_iter().filter_map(|helper| helper.join().unwrap()).count();
        assert!(came <= 1);
    });
}

#[test]
fn loom_late_helper_finds_the_next_job() {
    model(|| {
        let gate = Arc::new(Gate::new());
        let helper = {
            let gate = Arc::clone(&gate);
            thread::spawn(move || help(&gate))
        };
        // The helper may come for the first job and find the second, or nothing: its gate is used again.
        let _kept = (call(&gate, 1, 1), call(&gate, 2, 1));
        helper.join().unwrap();
    });
}

#[test]
fn loom_one_helper_for_two_jobs() {
    model(|| {
        let gate = Arc::new(Gate::new());
        let helper = {
            let gate = Arc::clone(&gate);
            thread::spawn(move || (help(&gate), help(&gate)))
        };
        let _kept = (call(&gate, 1, 1), call(&gate, 1, 1));
        helper.join().unwrap();
    });
}

/// A caller's part in a job that goes on until the helper has looked, as a long one does: it comes, or
/// another one is sent.
fn call_until_looked_at(gate: &Gate<Job>, helper: thread::JoinHandle<bool>) {
    let job = Job::new(0);
    gate.open(&*job, 1, true);
    let sent = gate.claim_ticket(1);
    let came = helper.join().unwrap();
    assert!(came || sent, "nobody comes to help");
    gate.close();
    gate.wait_empty(|| false);
    job.check();
}

/// A ticket that is on its way serves the next job too: either it comes in there, or another one is sent.
#[test]
fn loom_a_job_is_never_left_without_a_ticket() {
    model(|| {
        let gate = Arc::new(Gate::new());
        assert!(gate.claim_ticket(1)); // sent for an earlier job, which is over
        let helper = {
            let gate = Arc::clone(&gate);
            thread::spawn(move || {
                gate.ticket_arrived();
                help(&gate).is_some()
            })
        };
        call_until_looked_at(&gate, helper);
    });
}

/// A helper that waits for the next job and gives up comes to it all the same, or another one is sent.
#[test]
fn loom_nobody_relies_on_who_has_given_up() {
    model(|| {
        let gate = Arc::new(Gate::new());
        let served = gate.turn();
        assert!(gate.claim_ticket(1));
        let helper = {
            let gate = Arc::clone(&gate);
            thread::spawn(move || {
                let stays = gate.give_up(served);
                if stays {
                    gate.ticket_arrived();
                    assert!(help(&gate).is_some());
                }
                stays
            })
        };
        call_until_looked_at(&gate, helper);
    });
}

/// Two helpers on their way: both may have been sent before the job, and one of them must find it.
#[test]
fn loom_many_tickets_serve_the_next_job() {
    model(|| {
        let gate = Arc::new(Gate::new());
        assert!(gate.claim_ticket(2) && gate.claim_ticket(2) && !gate.claim_ticket(2));
        let helpers: Vec<_> = (0..2)
            .map(|_| {
                let gate = Arc::clone(&gate);
                thread::spawn(move || {
                    gate.ticket_arrived();
                    help(&gate).is_some()
                })
            })
            .collect();
        let job = Job::new(0);
        gate.open(&*job, 2, false);
        let sent = gate.claim_ticket(1);
        let came = helpers.into_iter().map(|helper| helper.join().unwrap()).filter(|&came| came).count();
        assert!(came > 0 || sent, "nobody comes to help");
        assert_eq!(gate.vacancies(u32::MAX) as usize, 2 - came);
        gate.close();
        gate.wait_empty(|| false);
        job.check();
    });
}

/// The end of a job that nobody waits for: of those who leave, exactly one finishes it, and sees what all
/// wrote.
#[test]
fn loom_the_last_one_out_finishes_once() {
    model(|| {
        let gate = Arc::new(Gate::new());
        let job = Arc::new(Job::new(2));
        let finished = Arc::new((AtomicBool::new(false), AtomicUsize::new(0)));
        gate.open(&**job, 2, false);
        let lanes: Vec<_> = (0..2)
            .map(|_| {
                let (gate, job, finished) = (Arc::clone(&gate), Arc::clone(&job), Arc::clone(&finished));
                thread::spawn(move || {
                    help(&gate);
                    // As in `Background::finish_if_done`.
                    if job.claims.any_left() {
                        return;
                    }
                    gate.close();
                    if !gate.is_empty() || finished.0.swap(true, loom::sync::atomic::Ordering::SeqCst) {
                        return;
                    }
                    for cell in &job.cells {
                        // SAFETY: no helper is inside any more; loom checks it.
                        assert_eq!(cell.with(|cell| unsafe { *cell }), 1);
                    }
                    finished.1.fetch_add(1, Relaxed);
                })
            })
            .collect();
        lanes.into_iter().for_each(|lane| lane.join().unwrap());
        assert_eq!(finished.1.load(Relaxed), 1, "the job is not finished exactly once");
    });
}

/// Lanes that claim past an end close to the largest index do not wrap the counter: each chunk is given out
/// once.
#[test]
fn loom_claims_do_not_wrap() {
    model(|| {
        let range = usize::MAX - 2..usize::MAX;
        let claims = Arc::new(Claims::new(range.clone(), 2, Claiming::Singly));
        let claim_all = |claims: &Claims| {
            // More often than there are chunks only if some are given out twice, or from the start again.
            let claimed = (0..4).filter_map(|_| claims.claim(&claims.pace())).flatten();
            claimed.collect::<Vec<_>>()
        };
        let lanes = [0, 1].map(|_| {
            let claims = Arc::clone(&claims);
            thread::spawn(move || claim_all(&claims))
        });
        let mut claimed = claim_all(&claims);
        claimed.extend(lanes.into_iter().flat_map(|lane| lane.join().unwrap()));
        claimed.sort_unstable();
        assert_eq!(claimed, range.collect::<Vec<_>>());
    });
}
