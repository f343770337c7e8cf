//! Every interleaving of sleeping workers and tickets, of the idle-CPU monitor, and of calls and shutdowns.

use super::sleepers::Sleepers;
use crate::sync::model;
use loom::sync::{Arc, Condvar, Mutex, MutexGuard};
use loom::thread;

/// What rayon does: tickets in a queue, and workers that sleep while there are none.
struct Inside {
    sleepers: Sleepers,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    queued: usize,
    run: usize,
    ended: bool,
}

impl Inside {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    fn wait(&self, until: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        while !until(&state) {
            state = self.changed.wait(state).unwrap();
        }
        state
    }

    fn spawn(&self) {
        self.sleepers.add_ticket();
        self.change(|state| state.queued += 1);
    }

    /// A worker's life, which after a ticket sleeps outside or does not.
    fn work(&self, worker: usize, sleeps: bool) {
        self.sleepers.sleep(worker);
        loop {
            let mut state = self.wait(|state| state.queued > 0 || state.ended);
            if state.queued == 0 {
                return;
            }
            state.queued -= 1;
            drop(state);
            self.sleepers.take_ticket();
            self.change(|state| state.run += 1);
            if sleeps {
                self.sleepers.sleep(worker);
            } else {
                self.sleepers.go_in();
            }
        }
    }
}

/// Runs this many tickets on two workers of which the second never sleeps outside again.
fn run(tickets: usize, before_the_end: impl Fn(&Inside) + Copy + Send + Sync + 'static) {
    model(move || {
        let inside =
            Arc::new(Inside { sleepers: Sleepers::new(2), state: Mutex::default(), changed: Condvar::new() });
        let workers = [0, 1].map(|worker| {
            let inside = Arc::clone(&inside);
            thread::spawn(move || inside.work(worker, worker == 0))
        });
        (0..tickets).for_each(|_| inside.spawn());
        drop(inside.wait(|state| state.run == tickets));
        before_the_end(&inside);
        inside.change(|state| state.ended = true);
        inside.sleepers.let_all_in();
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    });
}

#[test]
fn loom_every_ticket_finds_a_worker() {
    run(3, |_| {});
}

#[test]
fn loom_workers_sleep_again_after_all_were_let_in() {
    run(1, |inside| {
        inside.sleepers.let_all_in();
        inside.sleepers.let_them_sleep();
        inside.spawn();
        drop(inside.wait(|state| state.run == 2));
    });
}
