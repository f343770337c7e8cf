//! How many CPUs threads use, and how many they would use if there were no other programs.
//!
//! The CPU time that threads take tells how many they use. Where other programs compute too, a thread that
//! always wants a CPU has one for a part of the time only. So threads that run or wait for a CPU are counted
//! as well, where the system tells. Asking takes about ten microseconds a thread, so it is asked only while
//! threads of this process are put off their CPUs: where CPUs are idle that hardly happens.
#![forbid(unsafe_code)]

use super::coarse_usage::CoarseUsage;
use crate::os::clock::{preemptions, ThreadClock};
use std::time::{Duration, Instant};

/// Threads that compete for a CPU take turns much more often.
const TURN: Duration = Duration::from_millis(100);

/// What threads did since a moment. Reading the clocks of 24 threads takes some microseconds: each is read
/// once a look. The vectors are used again, as the monitor must not allocate while others count on that.
pub(super) struct Usage {
    since: Instant,
    clocks: Vec<Clock>,
    threads: Vec<ThreadClock>,
    before: Vec<Clock>,
    /// For where threads have no clocks.
    coarse: CoarseUsage,
    /// Of the process, and when that was last seen to change.
    preemptions: (Option<u64>, Instant),
}

/// A clock, what it showed at the last look, and how much it had gone on then.
#[derive(Clone, Copy)]
struct Clock {
    of: ThreadClock,
    time: u64,
    took: Duration,
}

impl Usage {
    pub(super) fn begin() -> Self {
        let since = Instant::now();
        let (clocks, threads, before) = (Vec::new(), Vec::new(), Vec::new());
        // At first it may have changed just now.
        let coarse = CoarseUsage::begin();
        Self { since, clocks, threads, before, coarse, preemptions: (preemptions(), since) }
    }

    /// Watches these threads from now on, or since the last look if they were watched before.
    pub(super) fn watch(&mut self, threads: impl Iterator<Item = ThreadClock>) {
        self.threads.clear();
        self.threads.extend(threads);
        self.threads.sort_unstable();
        self.threads.dedup();
        std::mem::swap(&mut self.clocks, &mut self.before);
        let read = |&of: &ThreadClock| match self.before.binary_search_by_key(&of, |known| known.of) {
            Ok(at) => Some(self.before[at]),
            Err(_) => Some(Clock { of, time: of.read()?, took: Duration::ZERO }),
        };
        self.clocks.clear();
        self.clocks.extend(self.threads.iter().filter_map(read));
    }

    /// How many CPUs the threads have used since the last look, or would have used. From `enough` on the
    /// number need not be exact.
    pub(super) fn cpus_wanted(&mut self, enough: f64) -> f64 {
        if self.clocks.is_empty() {
            return self.coarse.cpus_used(enough + 1.0);
        }
        let used = self.cpus_used();
        if used >= enough || !self.may_have_competitors() {
            return used;
        }
        used.max(f64::from(self.runnable(enough)))
    }

    /// How many CPUs the threads have kept busy since the last look; none where the system does not tell.
    fn cpus_used(&mut self) -> f64 {
        let (mut took, now) = (Duration::ZERO, Instant::now());
        for clock in &mut self.clocks {
            if let Some(time) = clock.of.read() {
                let before = std::mem::replace(&mut clock.time, time);
                clock.took = ThreadClock::duration(time.saturating_sub(before));
                took += clock.took;
            }
        }
        took.as_secs_f64() / (now - std::mem::replace(&mut self.since, now)).as_secs_f64().max(1e-9)
    }

    /// Whether threads of the process were put off their CPUs lately, as far as the system tells.
    fn may_have_competitors(&mut self) -> bool {
        let (now, (seen, since)) = (preemptions(), self.preemptions);
        if now.is_none() || now != seen {
            self.preemptions = (now, self.since);
            return true;
        }
        self.since - since < TURN
    }

    /// How many of the threads run or wait for a CPU; no more are counted than make `enough`.
    fn runnable(&self, enough: f64) -> u32 {
        let mut count = 0;
        // Those that took time first: they are most of those that want more.
        for took_time in [true, false] {
            for clock in self.clocks.iter().filter(|clock| clock.took.is_zero() != took_time) {
                if f64::from(count) >= enough {
                    return count;
                }
                count += u32::from(clock.of.is_runnable());
            }
        }
        count
    }
}

#[cfg(all(test, target_os = "linux", not(loom)))]
mod tests {
    use super::*;
    use crate::os::affinity::pin_thread;
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    /// Two threads that share a CPU use one, and want two.
    #[test]
    fn threads_that_wait_for_a_cpu_want_it() {
        let cpu = crate::os::affinity::cpus().unwrap()[0];
        let (over, ready) = (AtomicBool::new(false), AtomicU32::new(0));
        std::thread::scope(|scope| {
            let (clocks, told) = std::sync::mpsc::channel();
            for _ in 0..2 {
                let (clocks, over, ready) = (clocks.clone(), &over, &ready);
                scope.spawn(move || {
                    pin_thread(cpu);
                    clocks.send(ThreadClock::own().unwrap()).unwrap();
                    ready.fetch_add(1, Ordering::SeqCst);
                    while !over.load(Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                });
            }
            let (sleeper, asleep) = std::sync::mpsc::channel::<()>();
            let clocks_of_sleeper = clocks.clone();
            scope.spawn(move || {
                clocks_of_sleeper.send(ThreadClock::own().unwrap()).unwrap();
                let _ = asleep.recv();
            });
            let threads: Vec<_> = told.iter().take(3).collect();
            while ready.load(Ordering::SeqCst) < 2 {
                std::thread::yield_now();
            }
            let mut usage = Usage::begin();
            usage.watch(threads.iter().copied());
            // The third thread may be on its way to sleep still.
            while usage.runnable(3.0) != 2 {
                std::thread::yield_now();
            }
            let mut looks = 0;
            while usage.cpus_used() < 0.01 {
                looks += 1;
                assert!(looks < 1_000_000, "threads that spin take no time");
                std::thread::yield_now();
            }
            for _ in 0..3 {
                std::thread::sleep(Duration::from_millis(1));
                assert!(usage.cpus_wanted(1.9) >= 2.0);
            }
            over.store(true, Ordering::Relaxed);
            drop(sleeper);
        });
    }
}
