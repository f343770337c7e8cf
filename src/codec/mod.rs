//! Parallel zstd: a client of the job engine.
//!
//! ```text
//! compress:   cut (sizes) -> one task a frame -> encode -> slot of the arena over dst -> moved down into order -> seek table
//! decompress: spans of frames (by the seek table, else by walking) -> one task a span -> decode straight into dst
//! ```
//!
//! Streams and files go through the job engine's ordered pipeline, in pieces, with as much under way as the memory allows:
//!
//! ```text
//! writer: write, or a file -> pieces -> packer (a task each) -> sink, in order -> seek table
//! reader: source -> splitter (whole frames, or parts of a long one) -> unpacker (a task each) -> read, or a file, in order
//! ```
//!
//! What is written is a series of independent standard frames, followed by the official seek table. The bytes depend on the
//! input and the options only: frames are cut by their sizes, and each is compressed by itself.

mod archive;
mod arena;
mod batch;
mod buffers;
mod compress;
mod contexts;
mod cut;
mod decode;
mod decompress;
mod dict;
mod encode;
#[path = "frame/blocks/mod.rs"]
mod blocks;
mod failure;
mod file;
mod format;
mod frame;
mod input;
mod options;
mod pace;
mod packer;
mod raw;
mod reader;
mod row;
mod seek_table;
mod shelf;
mod single;
mod slots;
mod spans;
mod splitter;
mod target;
mod unpacker;
mod walk;
mod watch;
mod writer;

pub use archive::{Archive, FrameInfo};
pub use batch::{compress_batch, decompress_batch, BatchItem};
pub use compress::{compress, compress_bound, compress_to_vec};
pub use decompress::{decompress, decompress_to_vec, decompressed_size};
pub use dict::{train, Dict};
pub use file::{compress_file, decompress_file, FileStats};
pub use frame::{Block, Blocks, Frame, Frames};
pub use options::{level_range, Options, MAX_FRAME_SIZE};
pub use reader::Reader;
pub use seek_table::SeekTable;
pub use writer::Writer;

/// The version of the libzstd inside.
pub fn zstd_version() -> &'static str {
    zstd::zstd_safe::version_string()
}

/// In the child of a fork: contexts may be locked by threads that do not exist.
#[cfg(unix)]
pub(crate) fn forget_after_fork() {
    contexts::forget_after_fork();
}
