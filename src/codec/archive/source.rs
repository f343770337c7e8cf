//! The bytes of an archive: in memory, in a file of which the needed parts are read, or wherever a
//! function of the caller reads them from. Files are never mapped, because a file that is cut off under
//! a reader must be an error, not a signal.
#![forbid(unsafe_code)]

use crate::codec::io::input::Input;
use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use std::ops::Range;
use std::path::Path;

/// Reads all of a buffer from an offset on. Called from several threads at a time.
pub(crate) type ReadAt = Box<dyn Fn(u64, &mut [u8]) -> Result<()> + Send + Sync>;

/// See the module.
pub(super) enum Source<'a> {
    Memory(&'a [u8]),
    File { input: Input, len: u64 },
    Function { read: ReadAt, len: u64 },
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
            Self::File { len, .. } | Self::Function { len, .. } => *len,
        }
    }

    /// Whether the bytes have to be copied before they can be used.
    pub(super) fn is_file(&self) -> bool {
        !matches!(self, Self::Memory(_))
    }

    /// The bytes of a range inside; `scratch` is for those that are not in memory.
    pub(super) fn bytes<'s>(&'s self, range: Range<u64>, scratch: &'s mut Vec<u8>) -> Result<&'s [u8]> {
        match self {
            Self::Memory(data) => Ok(&data[range.start as usize..range.end as usize]), // the caller's range is inside
            Self::File { input, .. } => {
                input.read_at(range.start, room(scratch, &range)?)?;
                Ok(scratch)
            }
            Self::Function { read, .. } => {
                // All of it is 0 then: what the function does not write is not what an earlier read has left,
                // which may be a frame that is whole.
                scratch.clear();
                read(range.start, room(scratch, &range)?)?;
                Ok(scratch)
            }
        }
    }
}

/// Makes a buffer as long as a range.
fn room<'s>(scratch: &'s mut Vec<u8>, range: &Range<u64>) -> Result<&'s mut [u8]> {
    let len = usize::try_from(range.end - range.start)
        .map_err(|_| Error::new(ErrorKind::OutOfMemory, "no memory for a frame"))?;
    if scratch.capacity() < len {
        scratch.clear(); // so that `reserve` has nothing to copy
        memory::reserve(scratch, len)?;
    }
    scratch.resize(len, 0);
    Ok(scratch)
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
