//! How many logical CPUs the process may use. CPUs come and go while a process runs (taskset, cpusets, quotas
//! of containers), so workers, the idle-CPU monitor and calls of the codec ask again from time to time; a
//! loop only reads the last answer.
#![forbid(unsafe_code)]

use super::config::MAX_THREADS;
#[cfg(any(target_os = "linux", target_os = "android"))]
use crate::os::{affinity::Mask, quota};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// An answer is good for so long. Asking takes about 20 us.
const FRESH: Duration = Duration::from_millis(50);

/// The last answer; 0: there was no question yet.
static KNOWN: AtomicU32 = AtomicU32::new(0);

/// When it was given: milliseconds since `BEGINNING`.
static ASKED: AtomicU64 = AtomicU64::new(0);
static BEGINNING: OnceLock<Instant> = OnceLock::new();

/// Logical CPUs by the last answer, at least one.
#[inline]
pub(crate) fn known() -> u32 {
    // Relaxed, as everywhere here: a number that stands for itself, out of date by nature.
    match KNOWN.load(Ordering::Relaxed) {
        0 => ask(),
        cpus => cpus,
    }
}

/// The same, asked again if the last answer is old. Of several threads one asks.
pub(crate) fn refreshed() -> u32 {
    let now = BEGINNING.get_or_init(Instant::now).elapsed().as_millis() as u64;
    let asked = ASKED.load(Ordering::Relaxed);
    let is_old = now.saturating_sub(asked) >= FRESH.as_millis() as u64;
    if is_old && ASKED.compare_exchange(asked, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
        return ask();
    }
    known()
}

/// Asks the system.
#[cold]
pub(crate) fn ask() -> u32 {
    let cpus = asked().clamp(1, MAX_THREADS);
    KNOWN.store(cpus, Ordering::Relaxed);
    cpus
}

/// By the affinity of the main thread, which stands for the process, and the quota of its cgroups.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn asked() -> u32 {
    let Some(mask) = Mask::of_process() else { return parallelism() }; // more CPUs than a mask has bits
    let allowed = u32::try_from(mask.count()).unwrap_or(u32::MAX);
    quota::cpus().map_or(allowed, |quota| allowed.min(quota))
}

/// By the affinity of the process over all processor groups (std counts those of one group, whatever the
/// affinity), its CPU sets, and the CPU rate of its job object.
#[cfg(windows)]
fn asked() -> u32 {
    let allowed = crate::os::affinity::cpus().map(|cpus| cpus.len());
    let allowed = allowed.map_or_else(|_| parallelism(), |cpus| u32::try_from(cpus).unwrap_or(u32::MAX));
    crate::os::quota::cpus().map_or(allowed, |quota| allowed.min(quota))
}

#[cfg(not(any(target_os = "linux", target_os = "android", windows)))]
fn asked() -> u32 {
    parallelism()
}

fn parallelism() -> u32 {
    std::thread::available_parallelism().map_or(1, |cpus| u32::try_from(cpus.get()).unwrap_or(u32::MAX))
}
