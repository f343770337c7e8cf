//! Every interleaving of sleeping workers and tickets, of the idle-CPU monitor, and of calls and shutdowns.

use super::epoch::Epochs;
use super::idle_cpus::{IdleCpus, Machine, TestTicket};
use super::sleepers::Sleepers;
use crate::os::clock::ThreadClock;
use crate::sync::model;
use loom::cell::UnsafeCell;
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

/// A pool that calls use and a shutdown ends: plain memory, so that loom reports every race on it.
struct FakePool(UnsafeCell<bool>);

/// A call's part: the pool of its epoch runs until it has left. True if the pool was started by this call.
fn call(epochs: &Epochs<FakePool>, shard: usize) -> bool {
    let entry = epochs.enter(shard, || Ok(())).unwrap();
    let mut started = false;
    let pool = entry.pool(|| {
        started = true;
        Ok(FakePool(UnsafeCell::new(true)))
    });
    // SAFETY: nobody stops the pool while the entry lives; loom checks it.
    pool.unwrap().0.with(|runs| assert!(unsafe { *runs }, "a call uses a pool that was stopped"));
    started
}

/// Ends the current pool; true if there was one.
fn shut_down(epochs: &Epochs<FakePool>) -> bool {
    let mut stopped = false;
    let ended = epochs.shutdown(|pool| {
        // SAFETY: no call uses the pool any more; loom checks it.
        pool.0.with_mut(|runs| unsafe { assert!(std::mem::replace(&mut *runs, false)) });
        stopped = true;
        Ok(())
    });
    ended.unwrap();
    stopped
}

/// Epochs after the first call, which has started no pool.
fn begun() -> Arc<Epochs<FakePool>> {
    let epochs = Arc::new(Epochs::new());
    drop(epochs.enter(0, || Ok(())).unwrap());
    epochs
}

#[test]
fn loom_no_pool_is_stopped_under_a_call() {
    model(|| {
        let epochs = begun();
        let callers = [0, 1].map(|shard| {
            let epochs = Arc::clone(&epochs);
            thread::spawn(move || u32::from(call(&epochs, shard)))
        });
        let mut stopped = u32::from(shut_down(&epochs));
        let started: u32 = callers.into_iter().map(|caller| caller.join().unwrap()).sum();
        stopped += u32::from(shut_down(&epochs));
        assert_eq!(started, stopped, "each pool that was started is stopped once");
        epochs.free_locks();
    });
}

#[test]
fn loom_shutdowns_take_turns() {
    model(|| {
        let epochs = begun();
        let others = [0, 1].map(|other| {
            let epochs = Arc::clone(&epochs);
            thread::spawn(move || match other {
                0 => (call(&epochs, 0), false),
                _ => (false, shut_down(&epochs)),
            })
        });
        let mut stopped = u32::from(shut_down(&epochs));
        let mut started = 0;
        for other in others {
            let (begun, ended) = other.join().unwrap();
            started += u32::from(begun);
            stopped += u32::from(ended);
        }
        stopped += u32::from(shut_down(&epochs));
        assert_eq!(started, stopped);
        epochs.free_locks();
    });
}

/// A shutdown that does not wait: it ends the pool, or leaves it to the calls that use it.
#[test]
fn loom_a_pool_in_use_goes_on() {
    model(|| {
        let epochs = begun();
        let started = call(&epochs, 0);
        let caller = {
            let epochs = Arc::clone(&epochs);
            thread::spawn(move || u32::from(call(&epochs, 1)))
        };
        let mut stopped = 0;
        let ended = epochs.try_shutdown(
            |_| true,
            || false,
            |pool| {
                // SAFETY: no call uses the pool any more; loom checks it.
                pool.0.with_mut(|runs| unsafe { assert!(std::mem::replace(&mut *runs, false)) });
                stopped += 1;
                Ok(())
            },
        );
        let started = u32::from(started) + caller.join().unwrap();
        // Where the pool was in use the call has found it again, and started no other.
        assert!(ended.is_some() || started == 1);
        stopped += u32::from(shut_down(&epochs));
        assert_eq!(started, stopped);
        epochs.free_locks();
    });
}

/// A machine whose CPUs are all idle: what waits is sent at the first look.
#[derive(Default)]
struct IdleMachine {
    sent: Mutex<usize>,
    changed: Condvar,
}

impl Machine for IdleMachine {
    type Ticket = TestTicket;

    fn cpus(&self) -> u32 {
        2
    }

    fn is_at_work(&self) -> bool {
        false
    }

    fn clocks(&self) -> Vec<ThreadClock> {
        Vec::new()
    }

    fn send(&self, _: TestTicket) {
        *self.sent.lock().unwrap() += 1;
        self.changed.notify_all();
    }
}

/// Every ticket that the monitor takes is sent, whether the monitor rests or looks when the ticket comes, and
/// the monitor ends.
#[test]
fn loom_the_monitor_sends_every_ticket() {
    model(|| {
        let shared = Arc::new((IdleCpus::new(), IdleMachine::default()));
        let monitor = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.0.run(&shared.1))
        };
        let (idle_cpus, machine) = &*shared;
        let other = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.0.watch(TestTicket::default(), || Ok(None)).is_none())
        };
        assert!(idle_cpus.watch(TestTicket::default(), || Ok(None)).is_none());
        assert!(other.join().unwrap());
        let mut sent = machine.sent.lock().unwrap();
        while *sent < 2 {
            sent = machine.changed.wait(sent).unwrap();
        }
        assert_eq!(*sent, 2);
        drop(sent);
        idle_cpus.stop();
        monitor.join().unwrap();
        assert!(
            idle_cpus.watch(TestTicket::default(), || Ok(None)).is_some(),
            "a monitor that has ended takes no ticket"
        );
    });
}
