//! The C ABI: the only module that knows C.
//!
//! Every exported function is a plain `extern "C" fn` whose body is one call of `guard::guard`. One file
//! per group of functions, named as the group is in the header. The comments of this module are the manual:
//! they become `include/fastpar.h` through `cargo xtask bindings`.
#![allow(non_camel_case_types)]

mod archive_reads;
mod archive_tables;
mod archives;
mod batches;
mod borrow;
mod buffers;
mod callbacks;
mod codec;
mod columns;
mod dicts;
mod files;
mod foreign_source;
mod frames;
mod groups;
mod guard;
mod handle;
mod hooks;
mod jobs;
mod library;
mod loops;
mod masks;
mod orders;
mod overlap;
mod pipelines;
mod plan;
mod pool;
mod prefix;
mod readers;
mod reduce;
mod scans;
mod shards;
mod shared;
mod sort;
mod status;
mod streams;
mod table_groups;
mod tables;
mod teams;
mod trace;
mod transform;

pub use archive_reads::*;
pub use archive_tables::*;
pub use archives::*;
pub use batches::*;
pub use buffers::*;
pub use callbacks::*;
pub use codec::*;
pub use columns::*;
pub use dicts::*;
pub use files::*;
pub use frames::*;
pub use groups::*;
pub use hooks::*;
pub use jobs::*;
pub use library::*;
pub use loops::*;
pub use masks::*;
pub use orders::*;
pub use pipelines::*;
pub use plan::*;
pub use pool::*;
pub use prefix::*;
pub use readers::*;
pub use reduce::*;
pub use scans::*;
pub use shards::*;
pub use shared::*;
pub use sort::*;
pub use status::*;
pub use streams::*;
pub use table_groups::*;
pub use tables::*;
pub use teams::*;
pub use trace::*;
pub use transform::*;
