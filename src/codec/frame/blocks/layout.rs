//! Where libzstd would have what is decoded.
#![forbid(unsafe_code)]

use crate::codec::format::frame::LARGEST_BLOCK;

/// Bytes that libzstd wants behind a block, and behind that.
pub(in crate::codec::frame) const OVERLENGTH: usize = 32;

/// Where libzstd's streaming decoder has the blocks of a frame in its buffer: one behind the other, until
/// another block may not fit; then it begins at the front again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    /// Bytes of the buffer.
    pub(in crate::codec::frame) size: usize,
    /// Where the next block is put.
    pub(in crate::codec::frame) at: usize,
    /// Bytes that were in the buffer when it began at the front again.
    pub(in crate::codec::frame) before: usize,
    /// Whether it ever does.
    wraps: bool,
    /// The most that a block may hold.
    pub(in crate::codec::frame) largest: usize,
}

impl Layout {
    /// Of a frame with that window, and that size if it is known.
    pub(crate) fn new(window: u64, content_size: Option<u64>) -> Self {
        let largest = window.min(LARGEST_BLOCK);
        let ring = window.saturating_add(2 * largest + 2 * OVERLENGTH as u64);
        let size = ring.min(content_size.unwrap_or(u64::MAX));
        Self {
            size: usize::try_from(size).unwrap_or(usize::MAX),
            at: 0,
            before: 0,
            wraps: content_size.is_none_or(|content| size < content),
            largest: largest as usize, // of 128 KiB at most
        }
    }

    /// A block of `len` bytes has been decoded.
    pub(crate) fn add(&mut self, len: usize) {
        if len > 0 {
            self.at += len;
            if self.wraps && self.at + self.largest > self.size {
                self.before = self.at;
                self.at = 0;
            }
        }
    }
}
