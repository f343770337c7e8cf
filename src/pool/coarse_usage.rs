//! How many CPUs the process uses, where its threads have no clocks: by the processor time of the process and
//! the idle time of the machine, which go on in ticks of up to 16 ms.
//!
//! An estimate counts when a window of three ticks is over. Within a window the bounds count: time that has
//! not been taken by now, even if a tick is due on each CPU, was not taken.
//!
//! Where other programs compute too the process takes less time than it wants, but the machine is not idle. A
//! process that takes next to nothing waits, whatever the machine does.
#![forbid(unsafe_code)]

use crate::os::clock::{coarse_times, CoarseTimes, TICK};
use std::time::{Duration, Instant};

const WINDOW: Duration = TICK.saturating_mul(3);

/// Of a CPU: next to nothing. A step of 10 ms in a window is less.
const LITTLE: f64 = 0.25;

/// What the process did since the window began.
pub(super) struct CoarseUsage {
    /// None: the system does not tell.
    window: Option<(Instant, CoarseTimes)>,
    /// CPUs used in the window before, as an estimate.
    before: Option<f64>,
}

impl CoarseUsage {
    pub(super) fn begin() -> Self {
        Self::begin_at(Instant::now(), coarse_times())
    }

    fn begin_at(now: Instant, times: Option<CoarseTimes>) -> Self {
        Self { window: times.map(|times| (now, times)), before: None }
    }

    /// How many of these CPUs are used, at the most, by this process, or by others where it computes; 0 where
    /// the system does not tell.
    pub(super) fn cpus_used(&mut self, cpus: f64) -> f64 {
        coarse_times().map_or(0.0, |times| self.at(Instant::now(), times, cpus))
    }

    fn at(&mut self, now: Instant, times: CoarseTimes, cpus: f64) -> f64 {
        let Some((since, begun)) = self.window else {
            *self = Self::begin_at(now, Some(times));
            return cpus;
        };
        let elapsed = now - since;
        let seconds = elapsed.as_secs_f64().max(1e-9);
        let taken = times.taken.saturating_sub(begun.taken).as_secs_f64() / seconds;
        let idle = times.idle.saturating_sub(begun.idle).as_secs_f64() / seconds;
        let busy = taken.max(cpus - idle);
        if elapsed >= WINDOW {
            let estimate = if taken < LITTLE { taken } else { busy };
            *self = Self { window: Some((now, times)), before: Some(estimate) };
            return estimate;
        }
        // A tick may be due on each CPU.
        let at_most = busy + TICK.as_secs_f64() * cpus / seconds;
        at_most.min(self.before.unwrap_or(cpus))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const CPUS: f64 = 2.0;

    fn times(taken: u64, idle: u64) -> CoarseTimes {
        let ms = Duration::from_millis;
        CoarseTimes { taken: ms(taken), idle: ms(idle) }
    }

    /// What is told at moments in ms, with these times since the beginning.
    fn told<const N: usize>(moments: [(u64, u64, u64); N]) -> [f64; N] {
        let begin = Instant::now();
        let mut usage = CoarseUsage::begin_at(begin, Some(times(1000, 5000)));
        moments.map(|(at, taken, idle)| {
            let now = begin + Duration::from_millis(at);
            usage.at(now, times(1000 + taken, 5000 + idle), CPUS)
        })
    }

    #[test]
    fn busy_cpus_are_never_taken_for_idle() {
        // Two threads that compute, whose ticks come late.
        assert_eq!(told([(1, 0, 0), (15, 0, 0), (31, 32, 0), (50, 96, 0), (51, 96, 0)])[..3], [CPUS; 3]);
        assert!(told([(50, 90, 4), (60, 90, 4), (66, 112, 4)]).iter().all(|&used| used > 1.7));
        // Others compute too.
        assert_eq!(told([(10, 0, 0), (30, 10, 0), (48, 20, 0), (60, 20, 0)]), [CPUS; 4]);
    }

    #[test]
    fn idle_cpus_are_seen_before_a_window_is_over() {
        let [early, later, over, next] = told([(10, 0, 20), (32, 0, 64), (50, 10, 100), (53, 10, 104)]);
        assert_eq!(early, CPUS);
        assert!(later < 1.1 && over < 0.3 && next < 0.3, "{later} {over} {next}");
    }

    /// Others compute, and this process waits.
    #[test]
    fn a_process_that_waits_is_seen_beside_others() {
        let [early, over, next] = told([(30, 0, 0), (48, 0, 0), (60, 0, 0)]);
        assert_eq!((early, over, next), (CPUS, 0.0, 0.0));
    }

    /// The idle CPUs of others, which this process may not use, are none of its own.
    #[test]
    fn idle_cpus_beyond_those_of_the_process_do_not_count() {
        let [used] = told([(50, 100, 700)]);
        assert!(used >= CPUS);
    }

    #[test]
    #[cfg(not(windows))]
    fn a_system_that_does_not_tell() {
        assert_eq!(CoarseUsage::begin().cpus_used(CPUS), 0.0);
    }
}
