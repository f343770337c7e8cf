//! What the test programs share: a watchdog that turns a hang into a message, isolated processes, a random
//! number generator.
#![allow(dead_code)] // each program uses a part of it

pub(crate) mod bytes;
pub(crate) mod isolated;
pub(crate) mod random;
pub(crate) mod watchdog;

/// Says that a test could not run here, in the form that the summary looks for.
pub(crate) fn skipped(name: &str, reason: &str) {
    eprintln!("SKIPPED: {name}: {reason}");
}
