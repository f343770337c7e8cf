//! The processor time of single threads, to the moment. (That of the whole process lags behind by up to a
//! tick for every thread that is running, 4 ms on many systems.)

use std::time::Duration;

/// The clock of one thread. The thread may end: then the clock stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ThreadClock(Id);

#[cfg(unix)]
type Id = libc::clockid_t;
#[cfg(not(unix))]
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

    /// What it shows now.
    pub(crate) fn read(self) -> Option<Duration> {
        // SAFETY: a timespec is plain numbers, for which zero is valid.
        let mut time: libc::timespec = unsafe { std::mem::zeroed() };
        // SAFETY: `time` is valid for writing; a clock of a thread that has ended is an error.
        let failed = unsafe { libc::clock_gettime(self.0, &mut time) };
        (failed == 0).then(|| Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
    }
}

/// Windows counts in ticks of 16 ms, too coarse to be of use here.
#[cfg(not(unix))]
impl ThreadClock {
    pub(crate) fn own() -> Option<Self> {
        None
    }

    pub(crate) fn of_joinable<T>(_thread: &std::thread::JoinHandle<T>) -> Option<Self> {
        None
    }

    pub(crate) fn read(self) -> Option<Duration> {
        match self.0 {}
    }
}
