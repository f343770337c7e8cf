//! The library step by step under Miri: every access is checked against the rules of the language. Small, as
//! Miri is slow; with few threads, of which it tries other schedules for each seed. What it cannot run is in
//! `system` and `libzstd` instead.
//!
//! `cargo xtask test miri` runs it.

#[cfg(miri)]
mod libzstd;
#[cfg(miri)]
mod system;

mod codec;
mod groups;
mod jobs;
mod pool;
mod sort;
mod tables;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// One test at a time has the pool, of three threads, and ends it.
struct SmallPool(#[allow(dead_code)] MutexGuard<'static, ()>);

impl SmallPool {
    fn start() -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        fastpar::pool::start(&options(3)).unwrap();
        Self(alone)
    }
}

impl Drop for SmallPool {
    fn drop(&mut self) {
        fastpar::pool::shutdown().unwrap();
    }
}

fn options(threads: u32) -> fastpar::pool::PoolOptions {
    fastpar::pool::PoolOptions { threads: fastpar::pool::Threads::Exactly(threads), ..Default::default() }
}
