//! What the splitter hands out.
#![forbid(unsafe_code)]

use super::super::buffers::Buffer;
use crate::codec::format::frame::Frame;
use crate::codec::frame::blocks::carried::Carried;
use crate::codec::frame::blocks::{Header, Outside};

/// A task for the decompress stage.
pub(crate) struct DecompressTask {
    /// The compressed bytes.
    pub(crate) data: Buffer,
    /// The most bytes that the data decodes to.
    pub(crate) most: u64,
    pub(crate) kind: Kind,
}

/// What a task consists of.
pub(crate) enum Kind {
    /// Whole frames.
    Frames {
        /// The bytes of the stream before the frames.
        base: u64,
        /// The number of the first frame, and how many there are.
        first: u64,
        count: usize,
    },
    /// A part of a frame.
    Part {
        frame: Frame,
        first: bool,
        /// Whether the frame's last block is in it, and whether all of the frame has come with it.
        ended: bool,
        last: bool,
        /// The memory of the context that decodes the frame.
        memory: usize,
    },
    /// A part of a frame that the block decoder decodes; the data begins with what is carried.
    Blocks(BlocksOf),
}

/// See `Kind`.
pub(crate) struct BlocksOf {
    pub(crate) frame: Frame,
    pub(crate) header: Header,
    pub(crate) carried: Carried,
    /// What the frame refers to, with its first part.
    pub(crate) outside: Option<Outside>,
    pub(crate) first: bool,
    pub(crate) last: bool,
    /// The number of blocks.
    pub(crate) count: usize,
    /// libzstd has resumed the frame, and decodes the part.
    pub(crate) resumed: bool,
}
