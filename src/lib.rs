//! fastpar: one global pool of 24 threads, chunked parallel loops and parallel zstd, behind a stable C ABI.
//!
//! Two flows, and nothing else:
//!
//! ```text
//! C caller -> ffi -> plan -> job (claim chunks) -> callback     (helpers from the pool join the same job)
//! C caller -> ffi -> codec -> frames -> job -> zstd contexts    (the codec is a client of the same engine)
//! ```
//!
//! [`ffi`] is the only module that knows C: it turns pointers into slices, options into Rust structs, panics
//! and errors into statuses. Everything else is ordinary Rust, and never imports `ffi`.

// The models of loom are those of the engine: what stands on it is not compiled for them.
#![cfg_attr(loom, allow(dead_code, unused_imports))]

#[cfg(not(loom))]
pub mod codec;
pub mod error;
#[cfg(not(loom))]
pub mod ffi;
pub mod job;
pub mod memory;
pub mod plan;
pub mod pool;
#[cfg(not(loom))]
pub mod queue;
#[cfg(not(loom))]
pub mod sort;
#[cfg(not(loom))]
pub mod table;
pub mod team;

mod os;
mod panics;
#[cfg(windows)]
mod short_waits;
mod sync;
mod trace;

pub use error::{Error, ErrorKind, Result};
