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

/// Says that a test could not run here, in the form that the summary looks for.
pub(crate) fn skipped(name: &str, reason: &str) {
    eprintln!("SKIPPED: {name}: {reason}");
}
