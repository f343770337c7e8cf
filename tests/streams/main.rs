//! Streams and files: any data through any sink and from any source, within their memory; and files that are
//! complete or not there.

#[path = "../support/mod.rs"]
mod support;

mod c_calls;
mod common;
mod complete;
mod file_faults;
mod files;
mod golden;
mod hostile_frames;
mod interop;
#[cfg(unix)]
mod kill;
mod large_frames;
mod large_streams;
mod later;
#[cfg(target_os = "linux")]
mod names;
mod parts;
mod prompt;
mod reader;
mod reader_limits;
mod same_verdicts;
mod sections;
#[cfg(target_os = "linux")]
mod signals;
mod table_checks;
#[cfg(target_os = "linux")]
mod targets;
mod threads;
mod writer;
mod writer_faults;
