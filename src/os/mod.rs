//! Everything that differs by operating system: CPUs and their caches, threads and their clocks, forks, staying loaded.

pub(crate) mod affinity;
pub(crate) mod caches;
pub(crate) mod clock;
pub(crate) mod fork;
pub(crate) mod module;
pub(crate) mod thread;
