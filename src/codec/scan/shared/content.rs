//! The content of a shared frame, as far as it is executed and not handed out.
#![forbid(unsafe_code)]

use super::{Caller, Failed, Ready, Scan, Shared};
use crate::codec::archive::Aligned;
use crate::codec::format::xxh64::Xxh64;
use crate::codec::frame::blocks::parts::{End, Executor};
use crate::error::Result;
use crate::trace::{self, Kind, Mark};
use std::ops::Range;

/// See the module. Offsets are those of the frame's content.
pub(in crate::codec::scan) struct Executed {
    executor: Executor,
    /// What is executed and not in `kept`.
    pending: Range<usize>,
    /// The content from `base` on; before `needed` it is not needed any more.
    kept: Aligned,
    base: u64,
    needed: u64,
    size: u64,
    /// The bytes of the frame that are executed: compressed, and what they are.
    taken: u64,
    given: u64,
    /// The checksum that the seek table tells of a frame without its own, and the hash of what is executed.
    checksum: Option<(u32, Xxh64)>,
    done: bool,
}

/// Why the content ends: libzstd shall decode the frame.
pub(in crate::codec::scan) struct Odd;

impl Executed {
    /// At the beginning of the frame.
    pub(in crate::codec::scan) fn new(scan: &Scan<'_>, shared: &Shared) -> Result<Self> {
        let content = scan.archive.content(shared.frame);
        let told = scan.archive.told_checksum(shared.frame).filter(|_| !shared.header.checksum);
        Ok(Self {
            executor: shared.executor()?,
            pending: 0..0,
            kept: Aligned::default(),
            base: 0,
            needed: 0,
            size: content.end - content.start,
            taken: 0,
            given: 0,
            checksum: told.map(|expected| (expected, Xxh64::new())),
            done: false,
        })
    }

    /// How far the content is kept.
    fn at(&self) -> u64 {
        self.base + self.kept.bytes().len() as u64
    }

    /// How many bytes of the frame are executed, and what they have given.
    pub(in crate::codec::scan) fn position(&self) -> (u64, u64) {
        (self.taken, self.given)
    }

    /// The bytes that are kept.
    pub(in crate::codec::scan) fn bytes(&self, range: Range<u64>) -> &[u8] {
        &self.kept.bytes()[(range.start - self.base) as usize..(range.end - self.base) as usize]
    }

    /// Nothing before `from`, which is kept, will be looked at again.
    pub(in crate::codec::scan) fn forget(&mut self, from: u64) {
        self.needed = from;
    }

    /// Executes on until the content is there up to `to`, and at the end of the frame all of the frame.
    pub(in crate::codec::scan) fn fill(
        &mut self,
        shared: &Shared,
        scan: &Scan<'_>,
        to: u64,
        number: u64,
        caller: &Caller<'_>,
    ) -> Result<Result<(), Odd>, Failed> {
        if self.needed > self.base {
            self.kept.drop_before((self.needed - self.base) as usize);
            self.base = self.needed;
        }
        let failed = |error| (number, error);
        let room = usize::try_from(to.saturating_sub(self.base)).unwrap_or(usize::MAX);
        self.kept.reserve(room).map_err(failed)?;
        loop {
            let left = usize::try_from(to.saturating_sub(self.at())).unwrap_or(usize::MAX);
            let now = self.pending.start..self.pending.start + left.min(self.pending.len());
            self.pending.start = now.end;
            self.kept.extend(self.executor.bytes(now)).map_err(failed)?;
            if self.at() >= to && (self.at() < self.size || self.done && self.pending.is_empty()) {
                return Ok(Ok(()));
            }
            if self.done || self.at() == self.size && !self.pending.is_empty() {
                return Ok(Err(Odd));
            }
            scan.archive.check_cancel().and_then(|()| scan.progress.add(0)).map_err(failed)?;
            let Ok(mut part) = shared.next(scan, caller)? else { return Ok(Err(Odd)) };
            let mark = Mark::now(trace::CODEC);
            let executed = self.executor.execute(&mut part.blocks, &part.cut.data, part.cut.last);
            let sizes = [executed.range.len() as u64, part.cut.count as u64, 0, 0, 0];
            mark.end(Kind::ExecuteBlocks, sizes);
            if executed.end != End::Good {
                return Ok(Err(Odd));
            }
            let header = if self.taken == 0 { shared.header.blocks_at } else { 0 };
            self.taken += (header + part.cut.data.len() - part.cut.carried.bytes().len()) as u64;
            self.given += sizes[0];
            self.pending = executed.range;
            self.done = part.cut.last;
            if let Some((expected, hash)) = &mut self.checksum {
                hash.update(self.executor.bytes(self.pending.clone()));
                if self.done && *expected != hash.finish() as u32 {
                    return Ok(Err(Odd)); // the lower half
                }
            }
        }
    }

    /// Takes the piece up to `to`, which is kept, out.
    pub(in crate::codec::scan) fn take(
        &mut self,
        shared: &Shared,
        from: u64,
        to: u64,
        number: u64,
        offset: u64,
    ) -> Result<Ready> {
        if from > self.base {
            self.kept.drop_before((from - self.base) as usize);
            self.base = from;
        }
        let len = (to - self.base) as usize;
        let mut next = shared.spare();
        next.extend(&self.kept.bytes()[len..])?;
        self.kept.set_len(len);
        (self.base, self.needed) = (to, to);
        Ok(Ready { number, offset, bytes: std::mem::replace(&mut self.kept, next) })
    }
}
