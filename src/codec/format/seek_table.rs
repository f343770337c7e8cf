//! The seek table of zstd's seekable format 0.1.0: a skippable frame at the end of the data that tells the
//! sizes of all frames before it.
//!
//! ```text
//! 5E 2A 4D 18   size of the rest          the skippable frame's header
//! for each frame: compressed size, decompressed size, a checksum if bit 7 says so (4 bytes each)
//! number of frames (4 bytes), descriptor (bit 7: checksums; 2 to 6: 0), B1 EA 92 8F
//! ```
#![forbid(unsafe_code)]

use super::frame::{little, Frame};
use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use std::mem::MaybeUninit;

const MAGIC: u32 = 0x184d_2a5e;
const FOOTER_MAGIC: u32 = 0x8f92_eab1;
const HEADER: usize = 8;
const FOOTER: usize = 9;
const ENTRY: usize = 8;
const ENTRY_WITH_CHECKSUM: usize = 12;
const HAS_CHECKSUMS: u8 = 0x80;
const RESERVED: u8 = 0x7c;

/// The most frames that the format allows.
pub(crate) const MAX_FRAMES: usize = 0x800_0000;

/// A seek table found at the end of some data. Only two things are checked: the table's own size, and that
/// the frames that it lists end where the table begins. The rest is a claim.
#[derive(Clone, Copy, Debug)]
pub struct SeekTable<'d> {
    entries: &'d [u8],
    entry_len: usize,
    offset: usize,
}

impl<'d> SeekTable<'d> {
    /// The seek table at the end of `data`, if there is one that covers everything before it.
    pub fn find(data: &'d [u8]) -> Option<Self> {
        Self::find_after(0, data)
    }

    /// Like `find`, where `before` more bytes precede `data`.
    pub(crate) fn find_after(before: u64, data: &'d [u8]) -> Option<Self> {
        let footer = &data[data.len().checked_sub(FOOTER)?..];
        let (frames, descriptor) = (little(&footer[..4]), footer[4]);
        if little(&footer[5..]) != u64::from(FOOTER_MAGIC) || descriptor & RESERVED != 0 {
            return None;
        }
        let entry_len = if descriptor & HAS_CHECKSUMS != 0 { ENTRY_WITH_CHECKSUM } else { ENTRY };
        let entries_len = usize::try_from(frames).ok()?.checked_mul(entry_len)?;
        let offset = data.len().checked_sub(entries_len.checked_add(HEADER + FOOTER)?)?;
        let (header, rest) = data[offset..].split_at(HEADER);
        if !is_header(header, (HEADER + rest.len()) as u64) {
            return None;
        }
        let table = Self { entries: &rest[..entries_len], entry_len, offset };
        let covered: u64 = table.entries().map(|(compressed, _)| u64::from(compressed)).sum();
        (covered == before.checked_add(offset as u64)?).then_some(table)
    }

    /// Where the table begins: the end of the frames that it lists.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// How many frames the table lists.
    pub fn len(&self) -> usize {
        self.entries.len() / self.entry_len
    }

    /// Whether the table lists no frames.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The checksum of what frame `index` holds, if the table tells it: the lower half of its XXH64.
    pub(crate) fn checksum(&self, index: usize) -> Option<u32> {
        let at = index.checked_mul(self.entry_len)? + ENTRY;
        let checksum = self.entries.get(at..)?.first_chunk::<4>().filter(|_| self.has_checksums())?;
        Some(u32::from_le_bytes(*checksum))
    }

    /// Whether the table tells checksums.
    pub(crate) fn has_checksums(&self) -> bool {
        self.entry_len == ENTRY_WITH_CHECKSUM
    }

    /// (compressed, decompressed) size of each frame.
    pub fn entries(&self) -> impl Iterator<Item = (u32, u32)> + 'd {
        let size = |bytes: &[u8]| little(bytes) as u32; // of four bytes
        self.entries.chunks_exact(self.entry_len).map(move |entry| (size(&entry[..4]), size(&entry[4..8])))
    }
}

/// Whether a skippable frame that begins with these bytes may be a seek table.
pub(crate) fn is_magic(bytes: &[u8]) -> bool {
    bytes.first_chunk::<4>().is_some_and(|bytes| *bytes == MAGIC.to_le_bytes())
}

/// What data is that has to end with a seek table, and does not.
pub(crate) fn incomplete() -> Error {
    let what = "the data does not end with a seek table that tells all of its frames; more should follow";
    Error::new(ErrorKind::Truncated, what)
}

/// Checks the checksum that a seek table tells of a frame's content. (It is not asked of frames that have a
/// checksum of their own.)
pub(crate) fn check(frame: &Frame, expected: u32, found: impl FnOnce() -> u32) -> Result<()> {
    if found() == expected {
        return Ok(());
    }
    Err(frame.error(ErrorKind::Checksum, "its content has another checksum than the seek table tells"))
}

/// Whether an error is that of `check`. libzstd's have its code.
pub(crate) fn is_mismatch(error: &Error) -> bool {
    error.kind() == ErrorKind::Checksum && error.code() == 0
}

/// Bytes of the footer, from which [`len_by_footer`] tells the table's length.
pub(crate) const FOOTER_LEN: usize = FOOTER;

/// Bytes of the header that [`is_header`] checks.
pub(crate) const HEADER_LEN: usize = HEADER;

/// Whether these bytes begin a table of `len` bytes.
pub(crate) fn is_header(bytes: &[u8], len: u64) -> bool {
    little(&bytes[..4]) == u64::from(MAGIC) && little(&bytes[4..HEADER]) == len - HEADER as u64
}

/// The bytes of a whole table, by its footer; `None`: this is no footer.
pub(crate) fn len_by_footer(footer: &[u8; FOOTER]) -> Option<u64> {
    let entry = if footer[4] & HAS_CHECKSUMS != 0 { ENTRY_WITH_CHECKSUM } else { ENTRY };
    let len = little(&footer[..4]) * entry as u64 + (HEADER + FOOTER) as u64;
    (little(&footer[5..]) == u64::from(FOOTER_MAGIC)).then_some(len)
}

/// Whether the table of this footer tells checksums.
pub(crate) fn tells_checksums(footer: &[u8; FOOTER]) -> bool {
    len_by_footer(footer).is_some() && footer[4] & HAS_CHECKSUMS != 0
}

/// The bytes of a table of `frames` frames, without checksums.
pub(crate) fn encoded_len(frames: usize) -> usize {
    HEADER + frames * ENTRY + FOOTER
}

/// Writes the table of frames of these (compressed, decompressed) sizes; `out` has exactly the table's
/// length.
pub(crate) fn write(out: &mut [MaybeUninit<u8>], entries: impl ExactSizeIterator<Item = (u32, u32)>) {
    debug_assert_eq!(out.len(), encoded_len(entries.len()));
    for (slot, byte) in out.iter_mut().zip(bytes(entries, no_checksums())) {
        slot.write(byte);
    }
}

/// Writes the table of frames that a program has put one after the other itself, of these (compressed,
/// decompressed) sizes and, if there are any, checksums of all; returns its length.
///
/// # Errors
/// [`ErrorKind::LimitExceeded`]: more frames than a table may have, or one of 4 GiB or more, with its index
/// as position. [`ErrorKind::BufferTooSmall`], with the table's length in [`Error::needed`].
pub fn seek_table_write(
    entries: impl ExactSizeIterator<Item = (u64, u64)> + Clone,
    checksums: Option<impl Iterator<Item = u32>>,
    dst: &mut [MaybeUninit<u8>],
) -> Result<usize> {
    let frames = entries.len();
    if frames > MAX_FRAMES {
        let what = format!("{frames} frames, and a seek table tells of {MAX_FRAMES} at most");
        return Err(Error::new(ErrorKind::LimitExceeded, what));
    }
    let large = |&(compressed, decompressed): &(u64, u64)| compressed.max(decompressed) > u64::from(u32::MAX);
    if let Some(index) = entries.clone().position(|entry| large(&entry)) {
        let what = format!("a seek table cannot tell of frame {index}, which has 4 GiB or more");
        return Err(Error::new(ErrorKind::LimitExceeded, what).at(index as u64));
    }
    let checksums_len = if checksums.is_some() { frames * (ENTRY_WITH_CHECKSUM - ENTRY) } else { 0 };
    let len = encoded_len(frames) + checksums_len;
    let Some(place) = dst.get_mut(..len) else {
        let what = format!("dst has {} bytes, and the table of {frames} frames has {len}", dst.len());
        return Err(Error::new(ErrorKind::BufferTooSmall, what).with_needed(len as u64));
    };
    let entries = entries.map(|(compressed, decompressed)| (compressed as u32, decompressed as u32));
    for (slot, byte) in place.iter_mut().zip(bytes(entries, checksums)) {
        slot.write(byte);
    }
    Ok(len)
}

fn no_checksums() -> Option<std::iter::Empty<u32>> {
    None
}

/// The bytes of the table of frames of these (compressed, decompressed) sizes; `checksums`: of all, or none.
fn bytes(
    entries: impl ExactSizeIterator<Item = (u32, u32)>,
    mut checksums: Option<impl Iterator<Item = u32>>,
) -> impl Iterator<Item = u8> {
    let frames = entries.len(); // at most MAX_FRAMES
    let (entry, descriptor) =
        if checksums.is_some() { (ENTRY_WITH_CHECKSUM, HAS_CHECKSUMS) } else { (ENTRY, 0) };
    let rest = (frames * entry + FOOTER) as u32;
    let header = [MAGIC, rest].into_iter().flat_map(u32::to_le_bytes);
    let frames = frames as u32;
    let sizes = entries.flat_map(move |(compressed, decompressed)| {
        [compressed, decompressed].into_iter().chain(checksums.as_mut().and_then(Iterator::next))
    });
    let footer = frames.to_le_bytes().into_iter().chain([descriptor]).chain(FOOTER_MAGIC.to_le_bytes());
    header.chain(sizes.flat_map(u32::to_le_bytes)).chain(footer)
}

/// A table that grows frame by frame, for a stream whose end is not known. There is no table if there are
/// more frames than the format allows: the frames can be decoded without one.
#[derive(Default)]
pub(crate) struct Growing {
    wanted: bool,
    /// Whether there has to be a table, of one frame, too.
    always: bool,
    entries: Vec<(u32, u32)>,
    /// Of all frames, or none.
    checksums: Vec<u32>,
}

impl Growing {
    /// An empty table with room for `frames` frames; without `wanted` it stays empty. `always`: a table
    /// of one frame is a table, too.
    pub(crate) fn new(wanted: bool, always: bool, frames: usize) -> Result<Self> {
        let mut entries = Vec::new();
        let wanted = wanted || always;
        if wanted {
            memory::reserve(&mut entries, frames)?;
        }
        Ok(Self { wanted, always, entries, checksums: Vec::new() })
    }

    /// The memory of a table with room for `frames` frames.
    pub(crate) fn size(frames: usize) -> usize {
        frames.saturating_mul(size_of::<(u32, u32)>())
    }

    /// Adds a frame of this (compressed, decompressed) size; the table stays within `limit` bytes of memory.
    pub(crate) fn push(&mut self, entry: (u32, u32), limit: u64) -> Result<()> {
        self.push_within(entry, limit, MAX_FRAMES)
    }

    /// The same with the checksum of the frame's content, which all frames get then.
    pub(crate) fn push_checked(&mut self, entry: (u32, u32), checksum: u32, limit: u64) -> Result<()> {
        self.push(entry, limit)?;
        if self.checksums.len() < self.entries.len() {
            let more = self.entries.capacity() - self.checksums.len();
            memory::reserve(&mut self.checksums, more)?;
            self.checksums.push(checksum);
        }
        Ok(())
    }

    fn push_within(&mut self, entry: (u32, u32), limit: u64, most: usize) -> Result<()> {
        if !self.wanted {
            return Ok(());
        }
        if self.entries.len() == most {
            if self.always {
                return Err(Error::new(ErrorKind::LimitExceeded, "more frames than a seek table may have"));
            }
            *self = Self::default();
            return Ok(());
        }
        if self.entries.len() == self.entries.capacity() {
            let more = self.entries.len().max(64);
            if Self::size(self.entries.len() + more) as u64 > limit {
                let text = format!("the seek table of {} frames passes max_memory", self.entries.len());
                return Err(Error::new(ErrorKind::LimitExceeded, text));
            }
            memory::reserve(&mut self.entries, more)?;
        }
        self.entries.push(entry);
        Ok(())
    }

    /// The memory that the table takes.
    pub(crate) fn memory(&self) -> usize {
        Self::size(self.entries.capacity()) + self.checksums.capacity() * size_of::<u32>()
    }

    /// The bytes of the table; none if there is only one frame, unless there has to be a table, or it tells
    /// the frame's checksum.
    pub(crate) fn bytes(&self) -> impl Iterator<Item = u8> + '_ {
        let table = (self.entries.len() > 1 || self.always || !self.checksums.is_empty())
            .then(|| bytes(self.entries.iter().copied(), self.told_checksums()));
        table.into_iter().flatten()
    }

    fn told_checksums(&self) -> Option<impl Iterator<Item = u32> + '_> {
        (!self.checksums.is_empty()).then(|| self.checksums.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_the_limit_of_the_format() {
        let mut table = Growing::new(true, false, 0).unwrap();
        for frame in 0..5 {
            table.push_within((frame, 10), 1 << 20, 5).unwrap();
            let expected = if frame == 0 { 0 } else { encoded_len(frame as usize + 1) };
            assert_eq!(table.bytes().count(), expected);
        }
        let mut bytes = vec![0; 10]; // the frames
        bytes.extend(table.bytes());
        let found: Vec<_> = SeekTable::find(&bytes).unwrap().entries().collect();
        assert_eq!(found, [(0, 10), (1, 10), (2, 10), (3, 10), (4, 10)]);
        table.push_within((5, 10), 1 << 20, 5).unwrap();
        assert_eq!((table.bytes().count(), table.memory()), (0, 0));
        table.push_within((6, 10), 1 << 20, 5).unwrap();
        assert_eq!(table.bytes().count(), 0);
        let mut always = Growing::new(false, true, 0).unwrap();
        always.push_within((1, 10), 1 << 20, 1).unwrap();
        assert_eq!(always.bytes().count(), encoded_len(1));
        assert_eq!(always.push_within((1, 10), 1 << 20, 1).unwrap_err().kind(), ErrorKind::LimitExceeded);
        assert!(Growing::new(true, false, 0).unwrap().push((1, 1), 100).is_err());
    }
}
