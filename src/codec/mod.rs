//! Parallel zstd: a client of the job engine.
//!
//! ```text
//! compress:   frame layout -> a task for each frame, or each section of a single frame
//!             -> encode into an output slot of dst -> moved down in order -> seek table, or the frame's end
//! decompress: frame groups (by the seek table, else by walking) -> a task for each group -> decode into dst
//! ```
//!
//! Streams and files go through the job engine's ordered pipeline, with as many tasks in flight as the memory
//! allows:
//!
//! ```text
//! writer: write, or a file -> compress stage (a task for each frame, or section) -> sink, in order
//!         -> seek table, or the frame's end
//! reader: source -> splitter (whole frames, or parts of a long one) -> decompress stage
//!         -> read, or a file, in order
//! ```
//!
//! The folders are floors: ARCHITECTURE.md tells which may import which.
//!
//! The output is a series of independent standard frames, followed by the official seek table. The bytes
//! depend on the input and the options only: frames are cut by their sizes, and each is compressed by itself.

mod archive;
mod buffer;
mod concat;
mod context;
mod files;
mod format;
mod frame;
mod io;
mod libzstd;
mod options;
mod records;
mod scan;
mod stream;
mod transform;
mod write_behind;

pub use archive::{Archive, FrameInfo};
pub use buffer::batch::{compress_batch, decompress_batch, BatchItem};
pub use buffer::compress::{compress, compress_bound, compress_to_vec};
pub use buffer::decompress::{decompress, decompress_to_vec, decompressed_size};
pub use concat::concat_files;
pub use files::{compress_file, decompress_file, FileStats};
pub use format::frame::{frame_read, Block, Blocks, Frame, Frames};
pub use format::seek_table::{seek_table_write, SeekTable};
#[cfg(fuzzing)]
pub use frame::decompress::{block_ends, decode_blocks, decode_parts};
#[cfg(fuzzing)]
pub use frame::sections::encode_sections;
pub use options::dict::{train, Dict};
pub use options::level::level_range;
pub use options::reference::{Dicts, Prefix};
pub use options::{Options, MAX_FRAME_SIZE};
pub use records::{archive_aggregate, archive_group, archive_take};
pub(crate) use scan::archive_reduce_slots;
pub use scan::{archive_for, archive_reduce, archive_shard, Output, Piece, ScanOptions, Shard};
pub use stream::reader::Reader;
pub use stream::writer::Writer;
pub use transform::transform_file;

/// The version of the libzstd inside.
pub fn zstd_version() -> &'static str {
    zstd::zstd_safe::version_string()
}
