//! What a seek table tells of frames, compared while they are decoded one after the other.
//!
//! A table whose sizes are not those of the frames is passed over, whatever checksums it has.

use crate::codec::context::decode::Decoder;
use crate::codec::format::frame::{Frame, Frames};
use crate::codec::format::seek_table::{self, SeekTable};
use crate::codec::format::xxh64::Xxh64;
use crate::codec::frame::decompress::frames_and;
use crate::codec::libzstd::calls;
use crate::codec::options::progress::CallProgress;
use crate::codec::options::Options;
use crate::error::{Error, Result};
use std::mem::MaybeUninit;

/// Decodes all frames of `src`, which ends with `table`, into `dst`. Returns how many bytes are written, and
/// whether the table tells just these frames.
///
/// # Errors
/// Those of decoding, and another checksum than the table tells of a frame without its own.
pub(super) fn frames_of_table(
    src: &[u8],
    table: SeekTable<'_>,
    dst: &mut [MaybeUninit<u8>],
    decoder: &mut Decoder<'_>,
    options: &Options<'_>,
    progress: &CallProgress<'_>,
) -> Result<(usize, bool)> {
    let mut follower = TableFollower {
        table,
        entries: table.entries().enumerate(),
        entry: 0,
        left: (0, 0),
        disagrees: false,
        mismatch: None,
    };
    let written = frames_and(src, Frames::new(src), dst, decoder, options, progress, |frame, content| {
        // SAFETY: the frame was decoded to all of it.
        let content = unsafe { calls::filled(content) };
        follower.frame(frame, content, || progress.add(0))
    })?;
    Ok((written, follower.finish()?))
}

/// See the module.
struct TableFollower<'d, I> {
    table: SeekTable<'d>,
    /// The entries that are still to come.
    entries: I,
    /// The entry of the last frame, and the bytes that it tells beyond that frame. Where a table has no
    /// checksums an entry may tell several frames, or none.
    entry: usize,
    left: (u64, u64),
    disagrees: bool,
    /// The first frame with another checksum than the table tells.
    mismatch: Option<Error>,
}

impl<I: Iterator<Item = (usize, (u32, u32))>> TableFollower<'_, I> {
    /// The next frame was decoded to `content`; a skippable one to nothing. `go_on` fails if the call is
    /// cancelled.
    fn frame(&mut self, frame: &Frame, content: &[u8], go_on: impl FnOnce() -> Result<()>) -> Result<()> {
        if self.disagrees || frame.offset >= self.table.offset() {
            return Ok(()); // the table itself
        }
        let rest = self.next_entry().and_then(|(compressed, decompressed)| {
            Some((compressed.checked_sub(frame.len as u64)?, decompressed.checked_sub(content.len() as u64)?))
        });
        let Some(rest) = rest.filter(|&rest| rest == (0, 0) || !self.table.has_checksums()) else {
            self.disagrees = true;
            return Ok(());
        };
        self.left = rest;
        let told = self.table.checksum(self.entry).filter(|_| !frame.skippable && !frame.checksum);
        if let (Some(told), None) = (told, &self.mismatch) {
            go_on()?;
            self.mismatch = seek_table::check(frame, told, || Xxh64::checksum(content)).err();
        }
        Ok(())
    }

    /// What the entry of the next frame tells of it and of what is behind it.
    fn next_entry(&mut self) -> Option<(u64, u64)> {
        while self.left.0 == 0 && self.left.1 == 0 {
            let (entry, (compressed, decompressed)) = self.entries.next()?;
            (self.entry, self.left) = (entry, (compressed.into(), decompressed.into()));
            if compressed == 0 && self.table.has_checksums() {
                return None; // there an entry is a frame
            }
        }
        Some(self.left).filter(|left| left.0 > 0)
    }

    /// All frames were decoded. Returns whether the table tells just these.
    ///
    /// # Errors
    /// It does, and a frame has another checksum.
    fn finish(mut self) -> Result<bool> {
        let more = self.left != (0, 0)
            || self.entries.any(|(_, sizes)| sizes != (0, 0) || self.table.has_checksums());
        match self.mismatch {
            _ if self.disagrees || more => Ok(false),
            Some(mismatch) => Err(mismatch),
            None => Ok(true),
        }
    }
}
