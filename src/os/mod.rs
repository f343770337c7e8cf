//! Everything that differs by operating system: CPUs and their caches, threads and their clocks, forks,
//! staying loaded.

pub(crate) mod affinity;
pub(crate) mod caches;
pub(crate) mod clock;
#[cfg(any(windows, test))]
mod cpu_sets;
pub(crate) mod environment;
pub(crate) mod exit;
pub(crate) mod float_env;
pub(crate) mod fork;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod identity;
pub(crate) mod large_pages;
pub(crate) mod loader;
pub(crate) mod module;
pub(crate) mod prefetch;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) mod quota;
#[cfg(windows)]
#[path = "quota_windows.rs"]
pub(crate) mod quota;
pub(crate) mod scheduling;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod small_file;
pub(crate) mod thread;
