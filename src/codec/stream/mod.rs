//! Streams: a writer that compresses and a reader that decompresses, through an ordered pipeline, with
//! bounded memory.

pub(crate) mod reader;
pub(crate) mod writer;

mod around;
mod buffers;
mod compress_stage;
mod decompress_stage;
mod execution;
pub(crate) mod memory_plan;
mod single_frame;
mod splitter;
mod state;
mod table_checks;
mod writer_tasks;
