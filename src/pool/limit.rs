//! The cap on the lanes of every call of the process.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicU32, Ordering};

/// 0: no cap. A forked child has the parent's cap.
static LIMIT: AtomicU32 = AtomicU32::new(0);

/// Caps the lanes of every call from now on, teams excepted; 0: no cap.
pub fn set_limit(lanes: u32) {
    // Relaxed, here and below: the number carries no data.
    LIMIT.store(lanes, Ordering::Relaxed);
}

/// The cap; 0: no cap.
pub fn limit() -> u32 {
    LIMIT.load(Ordering::Relaxed)
}

/// How many lanes a call may have now.
#[inline]
pub(crate) fn most_lanes() -> u32 {
    match LIMIT.load(Ordering::Relaxed) {
        0 => u32::MAX,
        lanes => lanes,
    }
}
