//! Everything that differs by operating system: CPUs, threads and their clocks, forks, staying loaded.

pub(crate) mod affinity;
pub(crate) mod clock;
pub(crate) mod fork;
pub(crate) mod module;
pub(crate) mod thread;
