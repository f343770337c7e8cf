//! Clocks: the system's, the processor's own counter, and the processor time of single threads, to the
//! moment. (That of the whole process lags behind by up to a tick for every thread that is running, 4 ms on
//! many systems.)

#[cfg(target_vendor = "apple")]
#[path = "clock_mach.rs"]
mod thread;
#[cfg(not(any(target_vendor = "apple", windows)))]
#[path = "clock_posix.rs"]
mod thread;
#[cfg(windows)]
#[path = "clock_windows.rs"]
mod thread;

use super::float_env::FloatEnv;
use once_cell::race::OnceBox;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
#[cfg(windows)]
pub(crate) use thread::coarse_times;
pub(crate) use thread::{preemptions, ThreadClock};

/// The longest step of [`coarse_times`], for each CPU.
pub(crate) const TICK: Duration = Duration::from_millis(16);

/// Times of all CPUs together.
#[derive(Clone, Copy)]
pub(crate) struct CoarseTimes {
    /// Processor time of the process.
    pub(crate) taken: Duration,
    /// Time that CPUs of the machine were idle.
    pub(crate) idle: Duration,
}

/// For where threads have no clocks; elsewhere nobody asks.
#[cfg(not(windows))]
pub(crate) fn coarse_times() -> Option<CoarseTimes> {
    None
}

/// Nanoseconds of the system's monotonic clock: CLOCK_MONOTONIC, on Windows the performance counter.
pub(crate) fn now() -> u64 {
    #[cfg(unix)]
    {
        // SAFETY: a timespec is plain numbers, for which zero is valid.
        let mut time: libc::timespec = unsafe { std::mem::zeroed() };
        // SAFETY: `time` is valid for writing; every system has this clock.
        unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
        time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
    }
    #[cfg(windows)]
    {
        use windows_sys::Win32::System::Performance::{QueryPerformanceCounter, QueryPerformanceFrequency};
        let (mut count, mut frequency) = (0, 0);
        // SAFETY: both are valid for writing.
        unsafe { QueryPerformanceCounter(&mut count) };
        // SAFETY: as above.
        unsafe { QueryPerformanceFrequency(&mut frequency) };
        (i128::from(count) * 1_000_000_000 / i128::from(frequency.max(1))) as u64
    }
}

/// The processor's own counter, which is read in a few nanoseconds: it counts at one rate (`nanoseconds`),
/// and the same on all processors where the system relies on it for its own clock. Else `now`.
#[inline(always)]
pub(crate) fn ticks() -> u64 {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: every processor of this kind has it.
    return unsafe { std::arch::x86_64::_rdtsc() };
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    {
        let count;
        // SAFETY: reads a register that programs may read.
        unsafe {
            std::arch::asm!("mrs {}, cntvct_el0", out(reg) count, options(nomem, nostack, preserves_flags));
        }
        return count;
    }
    #[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
    now()
}

/// A moment by both clocks.
#[derive(Clone, Copy)]
struct Moment {
    ticks: u64,
    nanoseconds: u64,
}

impl Moment {
    /// Now. The system's clock is read between two reads of the counter, several times: the closest pair
    /// counts, between which the thread was not put off its CPU.
    fn now() -> Self {
        const READS: usize = 5;
        let read = || {
            let before = ticks();
            let nanoseconds = now();
            let took = ticks().saturating_sub(before);
            (took, Self { ticks: before + took / 2, nanoseconds })
        };
        let first = read();
        (1..READS).map(|_| read()).fold(first, |best, next| if next.0 < best.0 { next } else { best }).1
    }
}

/// A moment to compare later ones with. Not a lock that a fork may leave locked.
static FIRST: OnceBox<Moment> = OnceBox::new();

/// Nanoseconds of a tick, the bits of an f64, once they are known well; 0 before.
static RATE: AtomicU64 = AtomicU64::new(0);

fn first() -> &'static Moment {
    FIRST.get_or_init(|| Box::new(Moment::now()))
}

/// Remembers a moment to compare later ones with, unless that has been done.
pub(crate) fn begin_ticks() {
    first();
}

/// How long so many ticks are. A second after the first moment the rate is known to some ten millionths, and
/// does not change any more.
pub(crate) fn nanoseconds(count: u64) -> u64 {
    FloatEnv::for_ourselves(|| nanoseconds_of(count))
}

fn nanoseconds_of(count: u64) -> u64 {
    const ENOUGH: u64 = 1_000_000_000;
    let mut rate = f64::from_bits(RATE.load(Ordering::Relaxed));
    if rate == 0.0 {
        let (first, last) = (first(), Moment::now());
        let took = last.nanoseconds.saturating_sub(first.nanoseconds);
        let ticks = last.ticks.saturating_sub(first.ticks);
        rate = took as f64 / ticks.max(1) as f64;
        if took > ENOUGH && rate > 0.0 {
            // Of several threads the first one's counts for all.
            if let Err(known) = RATE.compare_exchange(0, rate.to_bits(), Ordering::Relaxed, Ordering::Relaxed)
            {
                rate = f64::from_bits(known);
            }
        }
    }
    (count as f64 * rate) as u64
}
