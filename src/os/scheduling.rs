//! How a worker stands to the rest of the process: it is one more thread of the process, not a child of the
//! thread that happened to call first.
//!
//! A new thread inherits the scheduling class, the nice value, the priority of its reads and writes, the
//! affinity, the timer slack and the signal mask of its maker, and acts for the same user (`identity`).
//! The maker may be the real-time thread of an audio engine, or pinned to one CPU. So a worker takes what the
//! main thread of the process has, and never a real-time class. Windows gives every new thread the affinity
//! of the process and the normal priority by itself.

#[cfg(any(target_os = "linux", target_os = "android"))]
use super::affinity::Mask;
#[cfg(any(target_os = "linux", target_os = "android"))]
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Blocks every asynchronous signal for the calling thread until it is dropped: threads made meanwhile are
/// born so, and the handlers of the program run on the program's threads. What arrives in between stays
/// pending and is delivered after it.
#[cfg(unix)]
pub(crate) struct SignalsBlocked {
    before: libc::sigset_t,
    changed: bool,
}

/// Signals that a thread raises by what it executes: blocked, they would end the process without its handler.
#[cfg(unix)]
const SYNCHRONOUS: [libc::c_int; 7] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGSYS, libc::SIGABRT];

#[cfg(unix)]
impl SignalsBlocked {
    pub(crate) fn new() -> Self {
        // SAFETY: a sigset_t is plain bits; both sets are initialised by the system before they are used, and
        // the signals are valid numbers.
        unsafe {
            let (mut all, mut before) = (std::mem::zeroed(), std::mem::zeroed());
            libc::sigfillset(&mut all);
            libc::sigemptyset(&mut before);
            for signal in SYNCHRONOUS {
                libc::sigdelset(&mut all, signal);
            }
            // SIG_BLOCK: what the program has blocked stays blocked.
            let changed = libc::pthread_sigmask(libc::SIG_BLOCK, &all, &mut before) == 0;
            Self { before, changed }
        }
    }
}

#[cfg(unix)]
impl Drop for SignalsBlocked {
    fn drop(&mut self) {
        if self.changed {
            // SAFETY: the mask that the system gave.
            unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.before, std::ptr::null_mut()) };
        }
    }
}

#[cfg(not(unix))]
pub(crate) struct SignalsBlocked;

#[cfg(not(unix))]
impl SignalsBlocked {
    pub(crate) fn new() -> Self {
        Self
    }
}

/// Whether the calling thread is the main thread of the process.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn is_main() -> bool {
    // SAFETY: no preconditions.
    !cfg!(miri) && unsafe { libc::syscall(libc::SYS_gettid) == libc::c_long::from(libc::getpid()) }
}

/// Gives the calling thread, a new worker, the user and groups, scheduling class, nice value, priority of
/// input and output, timer slack and affinity of the process. What the system refuses stays as it was
/// inherited. `by_main`: the main thread has made this one.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn join_process(by_main: bool) {
    if !by_main && !cfg!(miri) {
        // First: what follows may be a right of the user.
        super::identity::join_process();
    }
    // SAFETY: has no preconditions. The number of the process is that of its main thread.
    let main = unsafe { libc::getpid() };
    if !cfg!(miri) {
        join_class(main);
    }
    if !by_main && !cfg!(miri) {
        join_timer_slack(); // which a real-time class has not
    }
    // SAFETY: plain numbers. A failure gives -1, which is a nice value too: then nothing becomes worse than
    // inherited.
    unsafe {
        let process = libc::getpriority(libc::PRIO_PROCESS, main.unsigned_abs());
        if process != libc::getpriority(libc::PRIO_PROCESS, 0) {
            libc::setpriority(libc::PRIO_PROCESS, 0, process);
        }
    }
    if !cfg!(miri) {
        join_io_priority(main);
    }
    // Only where it differs: a mask that is set from outside meanwhile must not be undone.
    match (Mask::of_process(), Mask::of_caller()) {
        (Some(process), Some(own)) if process != own => process.set_for_caller(),
        _ => {}
    }
}

/// The timer slack of the main thread as the library was loaded, and the process; 0: it is not known.
#[cfg(any(target_os = "linux", target_os = "android"))]
static AT_FIRST: (AtomicU64, AtomicU32) = (AtomicU64::new(0), AtomicU32::new(0));

#[cfg(all(target_os = "linux", not(miri)))]
#[used]
#[link_section = ".init_array"]
static AT_LOAD: extern "C" fn() = {
    extern "C" fn at_load() {
        if is_main() {
            AT_FIRST.0.store(own_timer_slack(), Ordering::Relaxed);
            AT_FIRST.1.store(std::process::id(), Ordering::Relaxed);
        }
    }
    at_load
};

/// In nanoseconds; a thread of a real-time class may be told 0.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn own_timer_slack() -> u64 {
    // SAFETY: takes a plain number.
    let slack = unsafe { libc::prctl(libc::PR_GET_TIMERSLACK) };
    u64::try_from(slack).unwrap_or(0)
}

/// The timer slack of the main thread: by so much the system may be late where a thread waits for a time. The
/// kernel tells that of other threads to the privileged only: else it is what it was as the library was
/// loaded, and where that is not known what was inherited.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn join_timer_slack() {
    /// What the kernel gives the first process.
    const USUAL: u64 = 50_000;
    let mut buffer = [0; 32];
    let told = super::small_file::read(std::path::Path::new("/proc/self/timerslack_ns"), &mut buffer);
    let told = told.and_then(|text| std::str::from_utf8(text).ok()?.trim().parse().ok());
    let at_first = || {
        let is_mine = AT_FIRST.1.load(Ordering::Relaxed) == std::process::id();
        is_mine.then(|| AT_FIRST.0.load(Ordering::Relaxed))
    };
    // A thread of a real-time class has none; what it starts may have inherited that.
    let is_some = |slack: &u64| *slack > 0;
    let inherits_none = || (own_timer_slack() == 0).then_some(USUAL);
    let process = told.filter(is_some).or_else(|| at_first().filter(is_some)).or_else(inherits_none);
    if let Some(process) = process {
        let process = libc::c_ulong::try_from(process).unwrap_or(libc::c_ulong::MAX);
        // SAFETY: takes plain numbers.
        unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, process) };
    }
}

/// The class of the main thread, unless that is a real-time one.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn join_class(main: libc::pid_t) {
    /// Set beside a class whose threads have children of the normal one.
    const RESET_ON_FORK: libc::c_int = 0x4000_0000;
    // The system calls themselves: musl's functions only fail, as for POSIX classes are of processes.
    // SAFETY: a plain number; -1 where the system does not tell.
    let class_of = |thread: libc::pid_t| match unsafe { libc::syscall(libc::SYS_sched_getscheduler, thread) }
    {
        -1 => None,
        class => Some(class as libc::c_int & !RESET_ON_FORK),
    };
    let wanted = match class_of(main) {
        Some(class @ (libc::SCHED_BATCH | libc::SCHED_IDLE)) => class,
        _ => libc::SCHED_OTHER,
    };
    if class_of(0).is_some_and(|own| own != wanted) {
        // What the kernel calls a sched_param: the priority, which is zero for each of these classes.
        let priority: libc::c_int = 0;
        // SAFETY: the calling thread, plain numbers, and one that is valid for reading.
        unsafe { libc::syscall(libc::SYS_sched_setscheduler, 0, wanted, &raw const priority) };
    }
}

/// The class and priority of the main thread's input and output (ionice).
#[cfg(any(target_os = "linux", target_os = "android"))]
fn join_io_priority(main: libc::pid_t) {
    /// The number that follows is that of a thread.
    const WHO_PROCESS: libc::c_int = 1;
    // SAFETY: plain numbers; -1 where the system does not tell.
    let [process, own] = [main, 0].map(|of| unsafe { libc::syscall(libc::SYS_ioprio_get, WHO_PROCESS, of) });
    if process >= 0 && own != process {
        // SAFETY: plain numbers: the calling thread, and what the system gave.
        unsafe { libc::syscall(libc::SYS_ioprio_set, WHO_PROCESS, 0, process) };
    }
}
