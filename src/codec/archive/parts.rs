//! Frames of an archive that are decoded in passing: those that are too large to be kept. And what the seek
//! table tells of a frame is checked.

use super::cursor::Cursor;
use super::pages::{Page, PAGE};
use super::Archive;
use crate::codec::format::frame::{little, Frames, CHECKSUM, LONGEST_HEADER};
use crate::codec::format::seek_table;
use crate::codec::format::xxh64::Xxh64;
use crate::codec::libzstd::calls;
use crate::codec::options::progress::CallProgress;
use crate::codec::options::Options;
use crate::error::Result;
use std::mem::MaybeUninit;
use std::sync::Arc;

impl Archive<'_> {
    /// Reads a part of a frame that is too large to be kept.
    pub(super) fn in_pages(
        &self,
        frame: usize,
        skipped: u64,
        mut dst: &mut [MaybeUninit<u8>],
        options: &Options<'_>,
        progress: &CallProgress<'_>,
    ) -> Result<()> {
        let content = self.index.content(frame);
        let size = content.end - content.start;
        let mut at = skipped;
        while !dst.is_empty() {
            let (page, within) = (at / PAGE, (at % PAGE) as usize);
            match self.pages.find(frame, page, progress)? {
                Page::There(content) => {
                    let here = (content.len() - within).min(dst.len());
                    let (now, rest) = dst.split_at_mut(here);
                    calls::copy(&content[within..][..here], now);
                    (dst, at) = (rest, at + here as u64);
                }
                Page::Pass(mut pass) => {
                    let mut cursor = match pass.cursor() {
                        Some(cursor) => cursor,
                        None => self.cursor(frame, options)?,
                    };
                    while !dst.is_empty() {
                        let (page, start) = (cursor.at() / PAGE, cursor.at());
                        let len = (size - start).min(PAGE) as usize;
                        if start == at && dst.len() >= len && !pass.is_wanted(page) {
                            let (now, rest) = dst.split_at_mut(len);
                            cursor.read(&self.source, now, progress)?;
                            (dst, at) = (rest, at + len as u64);
                            pass.passed(page, None);
                            continue;
                        }
                        let fill = |dst: &mut [MaybeUninit<u8>]| {
                            cursor.read(&self.source, dst, progress).map(|()| len)
                        };
                        // SAFETY: `read` fills all of its destination, or fails.
                        let content = Arc::new(unsafe { calls::refill_vec(pass.spare(), len, fill)? });
                        if at < start + len as u64 {
                            let within = (at - start) as usize; // of a page at most
                            let here = (len - within).min(dst.len());
                            let (now, rest) = dst.split_at_mut(here);
                            calls::copy(&content[within..][..here], now);
                            (dst, at) = (rest, at + here as u64);
                        }
                        pass.passed(page, Some(content));
                    }
                    pass.put(cursor);
                }
            }
        }
        Ok(())
    }

    /// A cursor at the beginning of a frame.
    fn cursor(&self, frame: usize, options: &Options<'_>) -> Result<Cursor> {
        let (extent, content) = (self.index.extent(frame), self.index.content(frame));
        let (size, checksum) = (content.end - content.start, self.index.checksum(frame));
        Cursor::new(&self.source, frame, extent, Some(size), checksum, options)
    }

    /// The lower half of the XXH64 of a frame's content: as the frame itself tells it, or the seek table,
    /// else from the decoded content.
    pub(crate) fn checksum(&self, frame: usize) -> Result<u32> {
        const PIECE: u64 = 1 << 20;
        let (extent, content) = (self.index.extent(frame), self.index.content(frame));
        let mut scratch = Vec::new();
        let begin = extent.start..extent.end.min(extent.start + LONGEST_HEADER);
        let header = self.source.bytes(begin, &mut scratch)?;
        if Frames::of_stream(header, extent.start, frame as u64).start()?.checksum {
            let end = self.source.bytes(extent.end - CHECKSUM as u64..extent.end, &mut scratch)?;
            return Ok(little(end) as u32); // of four bytes
        }
        if let Some(told) = self.index.checksum(frame) {
            return Ok(told);
        }
        let (mut hash, mut at, mut piece) = (Xxh64::new(), content.start, Vec::new());
        while at < content.end {
            let len = PIECE.min(content.end - at) as usize;
            // SAFETY: `read` tells how many bytes of its destination it has written.
            piece = unsafe { calls::refill_vec(piece, len, |place| self.read(at, place))? };
            hash.update(&piece);
            at += len as u64;
        }
        Ok(hash.finish() as u32)
    }

    /// Checks a whole frame by what the seek table tells of it: `bytes`, which decode to `content`.
    pub(super) fn check(&self, frame: usize, bytes: &[u8], content: &[MaybeUninit<u8>]) -> Result<()> {
        let Some(expected) = self.index.checksum(frame) else { return Ok(()) };
        let header = Frames::of_stream(bytes, self.index.extent(frame).start, frame as u64).start()?;
        if header.checksum {
            return Ok(()); // its own, which libzstd has checked
        }
        // SAFETY: all of it was written.
        seek_table::check(&header, expected, || Xxh64::checksum(unsafe { calls::filled(content) }))
    }

    /// Decodes a frame up to the end of `dst` without keeping it: from its beginning, or from where the last
    /// read ended.
    pub(super) fn in_passing(
        &self,
        frame: usize,
        skipped: u64,
        dst: &mut [MaybeUninit<u8>],
        options: &Options<'_>,
        progress: &CallProgress<'_>,
    ) -> Result<()> {
        let mut cursor = match self.cache.take_cursor(frame, skipped) {
            Some(cursor) => cursor,
            None => self.cursor(frame, options)?,
        };
        while cursor.at() < skipped {
            cursor.skip(&self.source, skipped - cursor.at(), progress)?;
        }
        cursor.read(&self.source, dst, progress)?;
        if !cursor.is_done() {
            self.cache.put_cursor(cursor);
        }
        Ok(())
    }
}
