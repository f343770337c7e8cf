//! Processor time on Windows: of single threads, in cycles of the processor's own counter and to the moment;
//! and of the process and the machine, in the ticks of the system's timer, for where the system does not
//! count cycles (Wine), or counts those of a clock that changes its rate (ARM).

use std::ffi::c_void;
use std::os::windows::io::AsRawHandle;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;
use windows_sys::Win32::Foundation::{CloseHandle, FILETIME, HANDLE};
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, GetCurrentThread, GetCurrentThreadId, GetProcessTimes, GetSystemTimes, GetThreadId,
    OpenThread, THREAD_QUERY_LIMITED_INFORMATION,
};
use windows_sys::Win32::System::WindowsProgramming::{QueryThreadCycleTime, SYSTEM_THREAD_INFORMATION};

#[link(name = "ntdll")]
extern "system" {
    fn NtQueryInformationThread(
        thread: HANDLE,
        class: i32,
        information: *mut c_void,
        length: u32,
        returned: *mut u32,
    ) -> i32;
}

/// The clock of one thread, by the thread's number. The thread may end: then the clock shows nothing, or that
/// of a later thread with the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ThreadClock(u32);

impl ThreadClock {
    /// That of the calling thread; none where the system does not count cycles.
    pub(crate) fn own() -> Option<Self> {
        // SAFETY: has no preconditions.
        cycles_are_counted().then(|| Self(unsafe { GetCurrentThreadId() }))
    }

    /// That of a thread which has not been joined.
    pub(crate) fn of_joinable<T>(thread: &std::thread::JoinHandle<T>) -> Option<Self> {
        // SAFETY: the handle is open as long as the thread is not joined.
        let number = unsafe { GetThreadId(thread.as_raw_handle().cast()) };
        (number != 0 && cycles_are_counted()).then_some(Self(number))
    }

    /// What it shows now, in cycles.
    pub(crate) fn read(self) -> Option<u64> {
        self.ask(cycles)
    }

    /// How long so many cycles are: they are those of `ticks`.
    pub(crate) fn duration(cycles: u64) -> Duration {
        Duration::from_nanos(super::nanoseconds(cycles))
    }

    /// Whether the thread runs or waits for a CPU; false where the system does not tell.
    pub(crate) fn is_runnable(self) -> bool {
        /// The class of information about a thread that is one of these structs, since Windows 10.
        const SYSTEM_THREAD: i32 = 40;
        /// Ready, running, about to run, ready elsewhere.
        const RUNNABLE: [u32; 4] = [1, 2, 3, 7];
        let state = self.ask(|thread| {
            let mut told = SYSTEM_THREAD_INFORMATION::default();
            let (place, size) = ((&raw mut told).cast(), size_of_val(&told) as u32);
            // SAFETY: the place is valid for writing its own size.
            let status =
                unsafe { NtQueryInformationThread(thread, SYSTEM_THREAD, place, size, std::ptr::null_mut()) };
            (status == 0).then_some(told.ThreadState)
        });
        state.is_some_and(|state| RUNNABLE.contains(&state))
    }

    /// Asks something of the thread.
    fn ask<R>(self, ask: impl FnOnce(HANDLE) -> Option<R>) -> Option<R> {
        // SAFETY: plain numbers.
        let thread = unsafe { OpenThread(THREAD_QUERY_LIMITED_INFORMATION, 0, self.0) };
        if thread.is_null() {
            return None;
        }
        let answer = ask(thread);
        // SAFETY: opened above, and closed once.
        unsafe { CloseHandle(thread) };
        answer
    }
}

fn cycles(thread: HANDLE) -> Option<u64> {
    let mut cycles = 0;
    // SAFETY: the callers vouch for the thread; the number is valid for writing.
    (unsafe { QueryThreadCycleTime(thread, &mut cycles) } != 0).then_some(cycles)
}

/// Whether the system counts the cycles of threads, and they are those of `ticks`.
fn cycles_are_counted() -> bool {
    /// Not asked yet, no, yes.
    static KNOWN: AtomicU8 = AtomicU8::new(0);
    if !cfg!(target_arch = "x86_64") {
        return false;
    }
    // Relaxed: a number that stands for itself.
    match KNOWN.load(Ordering::Relaxed) {
        0 => {
            // SAFETY: has no preconditions.
            let are = cycles(unsafe { GetCurrentThread() }).is_some();
            KNOWN.store(1 + u8::from(are), Ordering::Relaxed);
            are
        }
        known => known == 2,
    }
}

/// How often threads of the process were put off their CPUs: Windows does not count that.
pub(crate) fn preemptions() -> Option<u64> {
    None
}

/// How much processor time the process has taken, and how long CPUs of the machine were idle, all CPUs
/// together. Both go on in steps of up to [`super::TICK`] for each CPU.
pub(crate) fn coarse_times() -> Option<super::CoarseTimes> {
    let none = FILETIME::default();
    let (mut begun, mut ended, mut kernel, mut user, mut idle) = (none, none, none, none, none);
    let (mut all_kernel, mut all_user) = (none, none);
    // SAFETY: the process itself; all are valid for writing.
    let told = unsafe {
        GetProcessTimes(GetCurrentProcess(), &mut begun, &mut ended, &mut kernel, &mut user) != 0
            && GetSystemTimes(&mut idle, &mut all_kernel, &mut all_user) != 0
    };
    told.then(|| super::CoarseTimes { taken: duration(kernel) + duration(user), idle: duration(idle) })
}

fn duration(time: FILETIME) -> Duration {
    let steps = u64::from(time.dwHighDateTime) << 32 | u64::from(time.dwLowDateTime);
    Duration::from_nanos(steps.saturating_mul(100))
}
