//! The bytes of an archive: in memory, or in a file of which the needed parts are read. Files are never
//! mapped, because a file that is cut off under a reader must be an error, not a signal.
#![forbid(unsafe_code)]

use crate::codec::io::input::Input;
use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use std::ops::Range;
use std::path::Path;

/// See the module.
pub(super) enum Source<'a> {
    Memory(&'a [u8]),
    File { input: Input, len: u64 },
}

impl Source<'_> {
    /// Opens a file that can be read at any offset.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let input = Input::open_seekable(path)?;
        let len = input.len().unwrap_or(0);
        Ok(Self::File { input, len })
    }

    /// The bytes of the archive.
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Memory(data) => data.len() as u64,
            Self::File { len, .. } => *len,
        }
    }

    /// Whether the bytes have to be copied before they can be used.
    pub(super) fn is_file(&self) -> bool {
        matches!(self, Self::File { .. })
    }

    /// The bytes of a range inside; `scratch` is for those of a file.
    pub(super) fn bytes<'s>(&'s self, range: Range<u64>, scratch: &'s mut Vec<u8>) -> Result<&'s [u8]> {
        match self {
            Self::Memory(data) => Ok(&data[range.start as usize..range.end as usize]), // the caller's range is inside
            Self::File { input, .. } => {
                let len = usize::try_from(range.end - range.start)
                    .map_err(|_| Error::new(ErrorKind::OutOfMemory, "no memory for a frame"))?;
                if scratch.capacity() < len {
                    scratch.clear(); // so that `reserve` has nothing to copy
                    memory::reserve(scratch, len)?;
                }
                scratch.resize(len, 0);
                input.read_at(range.start, scratch)?;
                Ok(scratch)
            }
        }
    }
}

/// Reads headers: a few bytes here and there, in rising order of offsets.
pub(super) struct Peek<'s, 'a> {
    source: &'s Source<'a>,
    buffer: Vec<u8>,
    start: u64,
}

/// Bytes that are read at once: fewer would not be faster.
const PAGE: u64 = 4096;

impl<'s, 'a> Peek<'s, 'a> {
    pub(super) fn new(source: &'s Source<'a>) -> Self {
        Self { source, buffer: Vec::new(), start: 0 }
    }

    /// The bytes at `offset`: `want`, or fewer where the archive ends.
    pub(super) fn at(&mut self, offset: u64, want: u64) -> Result<&[u8]> {
        let end = offset.saturating_add(want).min(self.source.len());
        if let Source::Memory(data) = self.source {
            return Ok(&data[offset.min(end) as usize..end as usize]);
        }
        if offset >= end {
            return Ok(&[]);
        }
        if offset < self.start || end > self.start + self.buffer.len() as u64 {
            let page = offset..offset.saturating_add(PAGE).min(self.source.len()).max(end);
            self.source.bytes(page, &mut self.buffer)?;
            self.start = offset;
        }
        Ok(&self.buffer[(offset - self.start) as usize..(end - self.start) as usize])
    }
}
