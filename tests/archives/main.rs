//! Dictionaries, batches and archives: through the Rust core where that is enough, through the C functions
//! where they matter.

mod archive;
mod archive_calls;
mod archive_faults;
mod batch;
mod common;
mod dict;
mod interop;
mod matching;
mod references;
mod scan_calls;
mod scans;
#[path = "../support/mod.rs"]
mod support;
mod tables;
mod transform_calls;
