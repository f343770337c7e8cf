//! Processor time of single threads by the clocks that POSIX has for them, to the moment.

use std::time::Duration;

/// The clock of one thread. The thread may end: then the clock stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ThreadClock(libc::clockid_t);

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

/// How often threads of the process were put off their CPUs by others that wanted these; it only grows.
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
