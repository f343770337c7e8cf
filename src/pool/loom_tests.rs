//! Every interleaving of a door, workers and tickets: each ticket is run, and everybody ends.

use super::door::Door;
use crate::sync::model;
use loom::sync::{Arc, Condvar, Mutex, MutexGuard};
use loom::thread;

/// What rayon does: tickets in a queue, and workers that sleep while there are none.
struct Inside {
    door: Door,
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
        self.door.add_ticket();
        self.change(|state| state.queued += 1);
    }

    /// A worker's life, which after a ticket waits at the door or does not.
    fn work(&self, worker: usize, sleeps: bool) {
        self.door.wait(worker);
        loop {
            let mut state = self.wait(|state| state.queued > 0 || state.ended);
            if state.queued == 0 {
                return;
            }
            state.queued -= 1;
            drop(state);
            self.door.take_ticket();
            self.change(|state| state.run += 1);
            if sleeps {
                self.door.wait(worker);
            } else {
                self.door.go_in();
            }
        }
    }
}

/// Runs this many tickets on two workers of which the second never sleeps at the door again.
fn run(tickets: usize, before_the_end: impl Fn(&Inside) + Copy + Send + Sync + 'static) {
    model(move || {
        let inside =
            Arc::new(Inside { door: Door::new(2), state: Mutex::default(), changed: Condvar::new() });
        let workers = [0, 1].map(|worker| {
            let inside = Arc::clone(&inside);
            thread::spawn(move || inside.work(worker, worker == 0))
        });
        (0..tickets).for_each(|_| inside.spawn());
        drop(inside.wait(|state| state.run == tickets));
        before_the_end(&inside);
        inside.change(|state| state.ended = true);
        inside.door.open();
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    });
}

#[test]
fn loom_every_ticket_finds_a_worker() {
    run(3, |_| {});
}

#[test]
fn loom_a_held_door_closes_again() {
    run(1, |inside| {
        inside.door.open();
        inside.door.close();
        inside.spawn();
        drop(inside.wait(|state| state.run == 2));
    });
}
