//! The structure of zstd data by RFC 8878, without decompressing: frames, their headers, their blocks.
//!
//! The data is untrusted. A frame that is handed out lies wholly inside the data, its blocks end where the
//! frame does, and its declared content size is one that its blocks can have: 2^60 bytes declared over one
//! small block are refused here, before a caller allocates them. This costs reading a few bytes of every
//! block.
#![forbid(unsafe_code)]

use crate::error::{Error, ErrorKind, Result};
use std::borrow::Cow;
use std::ops::Range;

/// The magic number that a frame begins with.
pub(super) const MAGIC: u32 = 0xfd2f_b528;
/// The magic number that a skippable frame begins with; the last four bits are free.
const SKIPPABLE: u32 = 0x184d_2a50;
/// The largest block, compressed or not.
pub(crate) const LARGEST_BLOCK: u64 = 128 << 10;
/// The longest header of a frame.
pub(crate) const LONGEST_HEADER: u64 = 18;
/// Bytes of a block's header.
pub(crate) const BLOCK_HEADER: usize = 3;
/// Bytes of a frame's checksum.
pub(crate) const CHECKSUM: usize = 4;

/// One frame of the data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// The frame's number among all frames, skippable ones counted.
    pub index: u64,
    /// The offset of the frame in the data.
    pub offset: usize,
    /// The bytes of the frame: header, blocks, checksum.
    pub len: usize,
    /// The bytes of the frame's header.
    pub header_len: usize,
    /// Whether this is a skippable frame: data for other programs, without content.
    pub skippable: bool,
    /// The bytes that the frame decodes to, if it tells them; `None` for a skippable frame.
    pub content_size: Option<u64>,
    /// The window: the bytes of its latest output that a decoder must keep.
    pub window: u64,
    /// Whether the window is the whole content, so that nothing is kept apart from the output.
    pub single_segment: bool,
    /// The dictionary that the frame needs; 0: none, or the frame does not tell.
    pub dictionary: u32,
    /// Whether the frame ends with a checksum of its content.
    pub checksum: bool,
    /// The least that the frame's blocks can decode to.
    pub least: u64,
    /// The most that the frame's blocks can decode to.
    pub most: u64,
    /// The bytes of the stream before the data, where the data is a part of a stream.
    pub(crate) base: u64,
}

impl Frame {
    /// An error about this frame.
    pub(crate) fn error(&self, kind: ErrorKind, what: impl Into<Cow<'static, str>>) -> Error {
        error(kind, self.index, self.base + self.offset as u64, what)
    }

    /// The frame's bytes in the data.
    pub fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.len
    }

    /// The frame's blocks, in the same `data` that the frame was found in.
    pub fn blocks<'d>(&self, data: &'d [u8]) -> Blocks<'d> {
        let first = self.offset + self.header_len;
        Blocks { data, at: first, largest: self.window.min(LARGEST_BLOCK), ended: self.skippable }
    }
}

/// The first frame of `data`, by its headers. A frame that is cut off is an error.
///
/// # Errors
/// [`ErrorKind::NotZstd`], [`ErrorKind::Truncated`], [`ErrorKind::Corrupt`]; the position is 0.
pub fn frame_read(data: &[u8]) -> Result<Frame> {
    match Frames::new(data).next() {
        Some(frame) => frame,
        None => Err(error(ErrorKind::Truncated, 0, 0, "there is no data")),
    }
}

fn error(kind: ErrorKind, index: u64, offset: u64, what: impl Into<Cow<'static, str>>) -> Error {
    Error::new(kind, format!("frame {index} at byte {offset}: {}", what.into())).at(offset)
}

/// The frames of some data, one after the other.
#[derive(Clone, Debug)]
pub struct Frames<'d> {
    data: &'d [u8],
    offset: usize,
    index: u64,
    pub(crate) base: u64,
}

impl<'d> Frames<'d> {
    /// All frames of `data`.
    pub fn new(data: &'d [u8]) -> Self {
        Self::within(data, 0..data.len(), 0)
    }

    /// The frames of a part of `data` that begins and ends with a frame; `first` is the number of its first
    /// frame.
    pub(crate) fn within(data: &'d [u8], part: Range<usize>, first: u64) -> Self {
        Self { data: &data[..part.end], offset: part.start, index: first, base: 0 }
    }

    /// The frames of a part of a stream, before which there are `base` bytes; `first` is the number of its
    /// first frame.
    pub(crate) fn of_stream(data: &'d [u8], base: u64, first: u64) -> Self {
        Self { data, offset: 0, index: first, base }
    }

    fn error(&self, kind: ErrorKind, what: &'static str) -> Error {
        error(kind, self.index, self.base + self.offset as u64, what)
    }

    /// Reads the next frame into `frame`, in place to save a copy; false: there is no other frame.
    pub(crate) fn read_next(&mut self, frame: &mut Frame) -> Result<bool> {
        if self.offset >= self.data.len() {
            return Ok(false);
        }
        let read = self.read(frame);
        match &read {
            Ok(()) => {
                self.offset += frame.len;
                self.index += 1;
            }
            Err(_) => self.offset = self.data.len(), // nothing is known about what follows
        }
        read.map(|()| true)
    }

    /// Reads the frame at the current offset.
    fn read(&self, frame: &mut Frame) -> Result<()> {
        self.read_start(frame)?;
        if !frame.skippable {
            return self.read_blocks(frame);
        }
        if frame.len > self.data.len() - self.offset {
            return Err(self.error(ErrorKind::Truncated, "the data ends in a skippable frame"));
        }
        Ok(())
    }

    /// Reads the frame's header, and the length of a skippable frame.
    pub(crate) fn start(&self) -> Result<Frame> {
        let mut frame = Frame::default();
        self.read_start(&mut frame)?;
        Ok(frame)
    }

    fn read_start(&self, frame: &mut Frame) -> Result<()> {
        let fail = |kind, what| Err(self.error(kind, what));
        let data = &self.data[self.offset..];
        let magic = match magic(data) {
            Start::Magic(magic) => magic,
            Start::Cut => return fail(ErrorKind::Truncated, "the data ends within its first four bytes"),
            Start::Legacy => {
                return fail(ErrorKind::NotZstd, "a format of zstd before 1.0, which is not supported")
            }
            Start::Other if self.index == 0 => return fail(ErrorKind::NotZstd, "not zstd data"),
            Start::Other => {
                return fail(ErrorKind::NotZstd, "what follows the frame before is not zstd data")
            }
        };
        *frame = Frame { index: self.index, offset: self.offset, base: self.base, ..Frame::default() };
        if magic == MAGIC {
            return self.read_header(data, frame);
        }
        let Some(size) = data.get(4..8) else {
            return fail(ErrorKind::Truncated, "the data ends in the header of a skippable frame");
        };
        frame.len = usize::try_from(little(size)).unwrap_or(usize::MAX).saturating_add(8);
        frame.header_len = 8;
        frame.skippable = true;
        frame.content_size = Some(0);
        Ok(())
    }

    /// Reads what follows the magic number, up to the blocks.
    fn read_header(&self, data: &[u8], frame: &mut Frame) -> Result<()> {
        let fail = |kind, what| Err(self.error(kind, what));
        let cut = || fail(ErrorKind::Truncated, "the data ends in its header");
        let Some(&descriptor) = data.get(4) else { return cut() };
        if descriptor & 0x08 != 0 {
            return fail(ErrorKind::Corrupt, "a reserved bit of its header is set");
        }
        frame.checksum = descriptor & 0x04 != 0;
        frame.single_segment = descriptor & 0x20 != 0;
        let window_len = usize::from(!frame.single_segment);
        let dictionary_len = [0, 1, 2, 4][usize::from(descriptor & 3)];
        let size_len = [usize::from(frame.single_segment), 2, 4, 8][usize::from(descriptor >> 6)];
        frame.header_len = 5 + window_len + dictionary_len + size_len;
        let Some(fields) = data.get(5..frame.header_len) else { return cut() };
        let (window, fields) = fields.split_at(window_len);
        let (dictionary, size) = fields.split_at(dictionary_len);
        if let &[window] = window {
            let base = 1u64 << (10 + (window >> 3));
            frame.window = base + base / 8 * u64::from(window & 7);
        }
        frame.dictionary = little(dictionary) as u32; // of four bytes at most
        frame.content_size = match size_len {
            0 => None,
            2 => Some(little(size) + 256),
            _ => Some(little(size)),
        };
        if frame.single_segment {
            frame.window = frame.content_size.unwrap_or(0);
        }
        Ok(())
    }

    /// Walks over the blocks to the end of the frame, and compares what they can hold with what is declared.
    fn read_blocks(&self, frame: &mut Frame) -> Result<()> {
        let mut blocks = frame.blocks(self.data);
        for block in &mut blocks {
            let block = block.map_err(|(kind, what)| frame.error(kind, what))?;
            frame.least = frame.least.saturating_add(block.least);
            frame.most = frame.most.saturating_add(block.most);
        }
        let end = blocks.at + if frame.checksum { CHECKSUM } else { 0 };
        if end > self.data.len() {
            return Err(frame.error(ErrorKind::Truncated, "the data ends in its checksum"));
        }
        frame.len = end - frame.offset;
        frame.check_size()
    }
}

impl Frame {
    /// Compares the declared content size with what the blocks can hold.
    pub(crate) fn check_size(&self) -> Result<()> {
        match self.content_size {
            Some(size) if size < self.least || size > self.most => Err(self.error(
                ErrorKind::Corrupt,
                format!("it declares {size} bytes, but its blocks hold {} to {}", self.least, self.most),
            )),
            _ => Ok(()),
        }
    }
}

impl Iterator for Frames<'_> {
    type Item = Result<Frame>;

    fn next(&mut self) -> Option<Result<Frame>> {
        let mut frame = Frame::default();
        match self.read_next(&mut frame) {
            Ok(true) => Some(Ok(frame)),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        }
    }
}

/// One block of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// The offset of the block in the data.
    pub offset: usize,
    /// The bytes of the block, header included.
    pub len: usize,
    /// The least that the block can decode to.
    pub least: u64,
    /// The most that the block can decode to.
    pub most: u64,
}

/// The blocks of a frame, one after the other.
#[derive(Clone, Debug)]
pub struct Blocks<'d> {
    pub(crate) data: &'d [u8],
    pub(crate) at: usize,
    pub(crate) largest: u64,
    pub(crate) ended: bool,
}

impl Iterator for Blocks<'_> {
    type Item = Result<Block, (ErrorKind, &'static str)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        self.ended = true; // unless this is a good block, and not the last one
        let Some(header) = self.data.get(self.at..self.at + BLOCK_HEADER) else {
            return Some(Err((ErrorKind::Truncated, "the data ends in the header of a block")));
        };
        let (block, last) = match block(header, self.at, self.largest) {
            Ok(found) => found,
            Err(error) => return Some(Err(error)),
        };
        if block.len > self.data.len() - self.at {
            return Some(Err((ErrorKind::Truncated, "the data ends in a block")));
        }
        self.at += block.len;
        self.ended = last;
        Some(Ok(block))
    }
}

/// The block at `offset`, by its header, and whether it is the last block of its frame.
pub(crate) fn block(
    header: &[u8],
    offset: usize,
    largest: u64,
) -> Result<(Block, bool), (ErrorKind, &'static str)> {
    let header = little(header);
    let size = header >> 3;
    let (content, least, most) = match (header >> 1) & 3 {
        0 => (size, size, size), // stored as it is
        1 => (1, size, size),    // one byte, repeated
        // libzstd's one-shot function refuses it too; its streaming function takes it for an empty block,
        // against the format.
        2 if size == 0 => return Err((ErrorKind::Corrupt, "a compressed block is empty")),
        2 => (size, 0, largest), // compressed
        _ => return Err((ErrorKind::Corrupt, "a block of a reserved type")),
    };
    if size > largest {
        return Err((ErrorKind::Corrupt, "a block is larger than a block can be"));
    }
    let len = BLOCK_HEADER + content as usize; // of 128 KiB at most
    Ok((Block { offset, len, least, most }, header & 1 != 0))
}

/// How data can begin.
enum Start {
    Magic(u32),
    /// The first bytes of a magic number, and then the data ends.
    Cut,
    Legacy,
    Other,
}

fn magic(data: &[u8]) -> Start {
    if let Some(bytes) = data.get(..4) {
        let value = little(bytes) as u32;
        return match value {
            MAGIC => Start::Magic(value),
            _ if value & !0xf == SKIPPABLE => Start::Magic(value),
            0xfd2f_b522..=0xfd2f_b527 | 0x1eb5_2ffd => Start::Legacy,
            _ => Start::Other,
        };
    }
    let mask = (1u32 << (8 * data.len())) - 1;
    let value = little(data) as u32;
    if value == MAGIC & mask || value & !0xf == SKIPPABLE & mask {
        Start::Cut
    } else {
        Start::Other
    }
}

/// Up to eight bytes, the lowest first.
pub(crate) fn little(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte))
}
