//! What the test programs share: a watchdog that turns a hang into a message, isolated processes, a random
//! number generator.
#![allow(dead_code)] // each program uses a part of it

pub(crate) mod bytes;
pub(crate) mod isolated;
pub(crate) mod random;
pub(crate) mod seekable;
pub(crate) mod watchdog;

/// How many times as long as elsewhere everything may take: a sanitizer's suite says so.
pub(crate) fn patience() -> u32 {
    std::env::var("FASTPAR_TEST_PATIENCE").map_or(1, |times| times.parse().expect("a number"))
}

/// The system's number of the calling thread; elsewhere than under Linux none, which is 1.
pub(crate) fn thread_number() -> i32 {
    #[cfg(target_os = "linux")]
    // SAFETY: it has no arguments.
    return unsafe { libc::gettid() };
    #[cfg(not(target_os = "linux"))]
    1
}

/// Whether a thread of this process waits in the system; elsewhere than under Linux nobody tells, and it may.
pub(crate) fn sleeps(thread: i32) -> bool {
    let file = format!("/proc/self/task/{thread}/stat");
    !cfg!(target_os = "linux") || {
        let stat = std::fs::read_to_string(file).expect("the thread runs");
        stat[stat.rfind(')').expect("a name in brackets")..].starts_with(") S")
    }
}

/// Says that a test could not run here, in the form that the summary looks for.
pub(crate) fn skipped(name: &str, reason: &str) {
    eprintln!("SKIPPED: {name}: {reason}");
}
