//! The parts that a large frame is cut into. Nothing is decompressed for that: the headers of blocks tell
//! where they end.
#![forbid(unsafe_code)]

use crate::codec::archive::Archive;
use crate::codec::format::frame::Frame;
use crate::codec::format::walk::{Step, Walk};
use crate::codec::frame::blocks::carried::Carried;
use crate::codec::frame::blocks::parts;
use crate::codec::frame::blocks::Header;
use crate::error::Result;
use crate::memory;
use std::ops::Range;

/// Compressed bytes that are read at once.
const CHUNK: u64 = 256 << 10;

/// Some blocks of a frame.
pub(super) struct Cut {
    /// What is carried, then the blocks, and after the last one the checksum.
    pub(super) data: Vec<u8>,
    pub(super) carried: Carried,
    /// The number of blocks.
    pub(super) count: usize,
    /// No other part follows.
    pub(super) last: bool,
}

/// See the module.
pub(super) struct Cutter {
    walk: Walk,
    /// The compressed bytes that are read; those before `done` are cut.
    data: Vec<u8>,
    done: usize,
    /// The part of the archive that is not read yet.
    rest: Range<u64>,
    /// What the next part has before it; `None`: there is no next part, or its blocks cannot be told.
    carried: Option<Carried>,
}

impl Cutter {
    /// For a frame that lies at `extent` of the archive, whose first part has `carried` before it.
    pub(super) fn new(frame: Frame, extent: Range<u64>, carried: Carried) -> Self {
        let rest = extent.start + frame.header_len as u64..extent.end;
        let mut walk = Walk::new(frame).again();
        walk.forget(frame.header_len);
        Self { walk, data: Vec::new(), done: 0, rest, carried: Some(carried) }
    }

    /// Whether nothing can be cut any more.
    pub(super) fn is_over(&self) -> bool {
        self.carried.is_none()
    }

    /// The next part.
    ///
    /// # Errors
    /// Those of the walk over the blocks, and of the source. Then nothing else can be cut.
    pub(super) fn cut(&mut self, archive: &Archive<'_>, header: &Header) -> Result<Option<Cut>> {
        let Some(carried) = self.carried.take() else { return Ok(None) };
        let before = self.walk.frame.most;
        let mut count = 0;
        let last = loop {
            let most = self.walk.frame.most - before;
            if parts::is_full(count, self.walk.at(), most, parts::ENOUGH) && !self.walk.has_ended() {
                break false;
            }
            match self.walk.step(&self.data[self.done..], self.rest.is_empty())? {
                Step::Block => count += 1,
                Step::End => break true,
                Step::More => self.read(archive)?,
            }
        };
        let blocks = self.done..self.done + self.walk.at();
        let mut data = Vec::new();
        memory::reserve(&mut data, carried.bytes().len() + blocks.len())?;
        data.extend_from_slice(carried.bytes());
        data.extend_from_slice(&self.data[blocks.clone()]);
        self.walk.forget(blocks.len());
        self.done = blocks.end;
        if !last {
            // Where nothing can be carried this part has an odd block, and no other part is wanted.
            self.carried = carried.after(&data, count, header).ok();
        }
        Ok(Some(Cut { data, carried, count, last }))
    }

    fn read(&mut self, archive: &Archive<'_>) -> Result<()> {
        self.data.drain(..self.done);
        self.done = 0;
        let next = self.rest.start..self.rest.end.min(self.rest.start + CHUNK);
        archive.read_compressed(next.clone(), &mut self.data)?;
        self.rest.start = next.end;
        Ok(())
    }
}
