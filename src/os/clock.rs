//! Clocks: the system's, the processor's own counter, and the processor time of single threads, to the
//! moment. (That of the whole process lags behind by up to a tick for every thread that is running, 4 ms on
//! many systems.)

#[cfg(windows)]
#[path = "clock_windows.rs"]
mod windows;

use super::float_env::FloatEnv;
use once_cell::race::OnceBox;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
#[cfg(windows)]
pub(crate) use windows::{coarse_times, preemptions, ThreadClock};

/// The clock of one thread. The thread may end: then the clock stands still.
#[cfg(not(windows))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ThreadClock(Id);

#[cfg(unix)]
type Id = libc::clockid_t;
#[cfg(not(any(unix, windows)))]
type Id = std::convert::Infallible;

#[cfg(unix)]
impl ThreadClock {
    /// That of the calling thread.
    pub(crate) fn own() -> Option<Self> {
        // SAFETY: has no preconditions; the thread is alive.
        Self::of(unsafe { libc::pthread_self() })
    }

    /// That of a thread which has not been joined.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(crate) fn of_joinable<T>(thread: &std::thread::JoinHandle<T>) -> Option<Self> {
        use std::os::unix::thread::JoinHandleExt;
        Self::of(thread.as_pthread_t())
    }

    /// That of a thread which runs, or has not been joined.
    pub(crate) fn of(thread: libc::pthread_t) -> Option<Self> {
        let mut id = 0;
        // SAFETY: the callers vouch for the thread; `id` is valid for writing.
        let failed = unsafe { libc::pthread_getcpuclockid(thread, &mut id) };
        (failed == 0).then_some(Self(id))
    }

    /// What it shows now, in nanoseconds.
    pub(crate) fn read(self) -> Option<u64> {
        // SAFETY: a timespec is plain numbers, for which zero is valid.
        let mut time: libc::timespec = unsafe { std::mem::zeroed() };
        // SAFETY: `time` is valid for writing; a clock of a thread that has ended is an error.
        let failed = unsafe { libc::clock_gettime(self.0, &mut time) };
        (failed == 0).then_some(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
    }

    /// How long it is from one thing that a clock shows to another.
    pub(crate) fn duration(nanoseconds: u64) -> Duration {
        Duration::from_nanos(nanoseconds)
    }

    /// Whether the thread, one of this process, runs or waits for a CPU; false where the system does not
    /// tell. Neither allocates nor keeps a file open.
    pub(crate) fn is_runnable(self) -> bool {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        return !cfg!(miri) && self.state() == Some(b'R');
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        return false;
    }

    /// The letter that stands for the state of the thread.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn state(self) -> Option<u8> {
        use std::io::Write;
        // The kernel's clocks of threads have the complement of the thread's number in their upper 29 bits.
        let thread = !(self.0 >> 3);
        let mut path = [0; 48];
        // A zero is left for the end.
        write!(&mut path[..47], "/proc/self/task/{thread}/stat").ok()?;
        let path = std::ffi::CStr::from_bytes_until_nul(&path).ok()?;
        let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::CLOEXEC;
        let file = rustix::fs::open(path, flags, rustix::fs::Mode::empty()).ok()?;
        // The number, the name of at most 15 bytes in parentheses, the state.
        let mut text = [0; 64];
        let len = rustix::io::read(&file, &mut text).ok()?;
        let after_name = text[..len].iter().rposition(|&byte| byte == b')')?;
        text.get(after_name + 2).copied()
    }
}

/// How often threads of the process were put off their CPUs by others that wanted these; it only grows. None
/// where the system does not tell.
#[cfg(unix)]
pub(crate) fn preemptions() -> Option<u64> {
    if cfg!(miri) {
        return Some(0);
    }
    // SAFETY: a rusage is plain numbers, for which zero is valid.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` is valid for writing.
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) };
    Some(usage.ru_nivcsw as u64)
}

#[cfg(not(any(unix, windows)))]
pub(crate) fn preemptions() -> Option<u64> {
    Some(0)
}

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

#[cfg(not(any(unix, windows)))]
impl ThreadClock {
    pub(crate) fn own() -> Option<Self> {
        None
    }

    pub(crate) fn of_joinable<T>(_thread: &std::thread::JoinHandle<T>) -> Option<Self> {
        None
    }

    pub(crate) fn read(self) -> Option<u64> {
        match self.0 {}
    }

    pub(crate) fn duration(nanoseconds: u64) -> Duration {
        Duration::from_nanos(nanoseconds)
    }

    pub(crate) fn is_runnable(self) -> bool {
        match self.0 {}
    }
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
