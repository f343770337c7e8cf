//! Processor time of single threads on Apple's systems, which have no POSIX clocks of them: by what Mach
//! tells of a thread.
//!
//! The time of a thread that runs on another CPU may lag behind until its time slice ends, 10 ms at the most.
//! Its state does not: a thread that runs or waits for a CPU is told as running.

use std::time::Duration;

/// The clock of one thread, by the name of its port. The thread may end: then the clock shows nothing, or
/// that of a later thread with the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ThreadClock(libc::mach_port_t);

impl ThreadClock {
    /// That of the calling thread.
    pub(crate) fn own() -> Option<Self> {
        // SAFETY: has no preconditions; the thread is alive.
        Self::of(unsafe { libc::pthread_self() })
    }

    /// That of a thread which has not been joined.
    pub(crate) fn of_joinable<T>(thread: &std::thread::JoinHandle<T>) -> Option<Self> {
        use std::os::unix::thread::JoinHandleExt;
        Self::of(thread.as_pthread_t())
    }

    fn of(thread: libc::pthread_t) -> Option<Self> {
        // SAFETY: the callers vouch for the thread. The name is only lent: there is nothing to give back.
        let port = unsafe { libc::pthread_mach_thread_np(thread) };
        (port != 0).then_some(Self(port))
    }

    /// What it shows now, in nanoseconds.
    pub(crate) fn read(self) -> Option<u64> {
        let told = self.ask()?;
        let microseconds =
            |time: libc::time_value_t| time.seconds as u64 * 1_000_000 + time.microseconds as u64;
        Some((microseconds(told.user_time) + microseconds(told.system_time)) * 1000)
    }

    /// How long it is from one thing that a clock shows to another.
    pub(crate) fn duration(nanoseconds: u64) -> Duration {
        Duration::from_nanos(nanoseconds)
    }

    /// Whether the thread runs or waits for a CPU.
    pub(crate) fn is_runnable(self) -> bool {
        self.ask().is_some_and(|told| told.run_state == libc::TH_STATE_RUNNING)
    }

    /// What the system tells of the thread; nothing of one that has ended.
    fn ask(self) -> Option<libc::thread_basic_info> {
        // SAFETY: plain numbers, for which zero is valid.
        let mut told: libc::thread_basic_info = unsafe { std::mem::zeroed() };
        let mut count = libc::THREAD_BASIC_INFO_COUNT;
        // SAFETY: so many numbers may be written; a name that is no thread's is an error.
        let failed = unsafe {
            libc::thread_info(
                self.0,
                libc::THREAD_BASIC_INFO as libc::thread_flavor_t,
                (&raw mut told).cast(),
                &mut count,
            )
        };
        (failed == libc::KERN_SUCCESS).then_some(told)
    }
}

/// How often threads of the process were put off their CPUs: it is not asked. As the clocks may lag behind,
/// what counts is always which threads run.
pub(crate) fn preemptions() -> Option<u64> {
    None
}
