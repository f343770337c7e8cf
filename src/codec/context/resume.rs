//! libzstd goes on with a frame whose first blocks others have decoded: its verdict on the rest is the one
//! that it would have come to from the frame's beginning, and the beginning need not be kept.
//!
//! A decoder's state between two blocks is known: the output that matches may refer to, the repeat offsets,
//! and the tables that blocks may use again. There is no call to set it, but blocks can be made up that leave
//! it behind. They are decoded to memory that no later match can reach:
//!
//! 1. the literals section that described the last tree, without sequences: the same section, because how
//!    libzstd keeps a tree depends on the sizes in it, and so does what it takes of damaged literals;
//! 2. three blocks of one sequence each, whose offsets become the repeat offsets;
//! 3. a block that defines the tables of sequences. libzstd builds them, then finds that there is no room for
//!    the block's sequence, and returns. Repeat offsets have not changed.
//!
//! The output is laid out as libzstd's streaming decoder lays it out (`Layout`). It takes offsets past the
//! window as long as they lead to something in its buffer, and here they lead to the same. Two things remain
//! that are not the same. Such an offset may lead to bytes behind a block that libzstd's decoder of that
//! block has used for literals. And the message about a block that decodes to more than 128 KiB does not
//! depend on how much room was left in the buffer.

use super::contexts::Decompressor;
use super::decode;
use super::in_use::InUse;
use crate::codec::format::frame::{Frame, BLOCK_HEADER, CHECKSUM, LARGEST_BLOCK};
use crate::codec::format::xxh64::Xxh64;
use crate::codec::libzstd::errors;
use crate::error::{ErrorKind, Result};
use crate::memory;
use zstd::zstd_safe::ErrorCode;

/// What libzstd may write behind a block, and what it wants beside two blocks in its buffer, twice.
const OVERLENGTH: usize = 32;
/// A block, as far as libzstd may write behind where it begins. With more room it would put literals there.
const ROOM: usize = LARGEST_BLOCK as usize + 2 * OVERLENGTH;
/// The bytes that the made-up blocks of repeat offsets follow: the offsets that a frame begins with may not
/// lead to anything yet.
const BEFORE: usize = 16;
/// The memory that made-up blocks are decoded to.
const SCRATCH: usize = ROOM;

/// Where libzstd's streaming decoder has the blocks of a frame in its buffer: one behind the other, until
/// another block may not fit; then it begins at the front again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    /// Bytes of the buffer.
    size: usize,
    /// Where the next block is put.
    at: usize,
    /// Bytes that were in the buffer when it began at the front again.
    before: usize,
    /// Whether it ever does.
    wraps: bool,
    /// The most that a block may hold.
    largest: usize,
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

    /// Bytes of the buffer.
    pub(crate) fn size(&self) -> usize {
        self.size
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

/// The state of a decoder between two blocks.
pub(crate) struct State {
    pub(crate) frame: Frame,
    /// What was decoded last, up to `end`: all of it, or at least a buffer of the layout.
    pub(crate) history: Vec<u8>,
    pub(crate) end: usize,
    pub(crate) layout: Layout,
    pub(crate) reps: [u32; 3],
    /// The literals section that described the last tree; empty: there was none.
    pub(crate) tree: Vec<u8>,
    /// A sequences section that defines the tables of the last block that had sequences; empty: there was
    /// none.
    pub(crate) tables: Vec<u8>,
    pub(crate) hash: Xxh64,
    pub(crate) total: u64,
    /// Whether the last block has been decoded.
    pub(crate) ended: bool,
}

/// See the module.
pub(crate) struct Resumed {
    context: InUse<Decompressor>,
    frame: Frame,
    /// Laid out as `layout` says.
    ring: Vec<u8>,
    layout: Layout,
    hash: Xxh64,
    total: u64,
    ended: bool,
}

impl Resumed {
    /// The memory that it takes beside the history.
    pub(crate) fn memory() -> usize {
        decode::memory() + SCRATCH
    }

    /// libzstd in that state.
    pub(crate) fn new(state: State) -> Result<Self> {
        let State { frame, history, end, layout, reps, tree, tables, hash, total, ended } = state;
        let mut context = InUse::<Decompressor>::take(decode::memory(), 0)?;
        let mut scratch = Vec::new();
        memory::reserve(&mut scratch, SCRATCH)?;
        scratch.resize(SCRATCH, 0);
        let state = Primer { context: &mut context, scratch: &mut scratch, history: &history[..end] };
        if state.prime(reps, &tree, &tables).is_err() {
            return Err(frame.error(ErrorKind::Internal, "libzstd cannot go on with it"));
        }
        let ring = laid_out(history, end, &layout)?;
        let mut resumed = Self { context, frame, ring, layout, hash, total, ended };
        resumed.insert(0, layout.before);
        resumed.insert(0, layout.at);
        Ok(resumed)
    }

    /// Decodes the blocks of `data` from `at` on; what follows the last block of the frame has to be all that
    /// follows it. `last`: nothing more comes. `give` gets the bytes of each block.
    ///
    /// # Errors
    /// What libzstd says of the data; and what `give` says.
    pub(crate) fn decode(
        &mut self,
        data: &[u8],
        mut at: usize,
        last: bool,
        mut give: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let frame = self.frame;
        let fail = |code| errors::in_stream(code, &frame);
        while !self.ended && at < data.len() {
            let header = data[at..]
                .first_chunk::<BLOCK_HEADER>()
                .map_or(0, |bytes| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]));
            let (kind, size) = (header >> 1 & 3, (header >> 3) as usize); // of 21 bits
            let stored = if kind == 1 { 1 } else { size };
            let begin = at + BLOCK_HEADER;
            let Some(content) = data.get(begin..begin + stored) else {
                return Err(frame.error(ErrorKind::Internal, "a block is cut"));
            };
            at = begin + stored;
            self.ended = header & 1 != 0;
            let place = self.layout.at;
            let len = self.block(kind, size, content).map_err(fail)?;
            self.total += len as u64;
            // libzstd does not look at the size behind an empty block.
            let looks = self.ended && !(kind == 0 && size == 0);
            if looks && frame.content_size.is_some_and(|size| size != self.total) {
                return Err(fail(errors::CORRUPTION));
            }
            let bytes = &self.ring[place..place + len];
            if frame.checksum {
                self.hash.update(bytes);
            }
            give(bytes)?;
            self.layout.add(len);
        }
        if last && frame.checksum {
            let stored = data.get(at..).and_then(|rest| rest.first_chunk::<CHECKSUM>());
            if stored.is_none_or(|stored| *stored != (self.hash.finish() as u32).to_le_bytes()) {
                return Err(fail(errors::CHECKSUM));
            }
        }
        Ok(())
    }

    /// Decodes one block to its place; returns how many bytes it has.
    fn block(&mut self, kind: u32, size: usize, content: &[u8]) -> Result<usize, ErrorCode> {
        let at = self.layout.at;
        let left = self.ring.len() - at;
        if kind == 2 {
            let room = left.min(ROOM);
            let dst = &mut self.ring[at..at + room];
            // SAFETY: the ring is not moved, and lives as long as the context decodes blocks; that blocks
            // take the place of others which the context may still read is how libzstd itself uses its
            // buffer.
            let written = unsafe { self.context.block(dst, content) };
            return match written {
                Err(code) if room < left && errors::is_too_small(code) => Err(errors::CORRUPTION),
                Ok(len) if len > self.layout.largest => Err(errors::CORRUPTION),
                written => written,
            };
        }
        if size > left {
            return Err(errors::TOO_SMALL);
        }
        match kind {
            0 => self.ring[at..at + size].copy_from_slice(content),
            _ => self.ring[at..at + size].fill(content[0]),
        }
        self.insert(at, size);
        Ok(size)
    }

    /// Tells libzstd of decoded bytes in the ring.
    fn insert(&mut self, at: usize, len: usize) {
        if len > 0 {
            // SAFETY: as for `block`.
            unsafe { self.context.insert(&self.ring[at..at + len]) };
        }
    }
}

/// Puts the history as the layout says.
fn laid_out(mut history: Vec<u8>, end: usize, layout: &Layout) -> Result<Vec<u8>> {
    // What the front has taken from what was before is over.
    let len = layout.at.max(layout.before);
    let begin = end.saturating_sub(len);
    if layout.at < layout.before {
        history[begin..end].rotate_left(layout.before - layout.at);
    }
    history.copy_within(begin..end, 0);
    if layout.size > history.len() {
        let more = layout.size - history.len();
        memory::reserve(&mut history, more)?;
        history.resize(layout.size, 0);
    }
    history.truncate(layout.size);
    Ok(history)
}

/// Makes up the blocks that leave a state behind.
struct Primer<'p> {
    context: &'p mut Decompressor,
    scratch: &'p mut [u8],
    history: &'p [u8],
}

impl Primer<'_> {
    fn prime(mut self, reps: [u32; 3], tree: &[u8], tables: &[u8]) -> Result<(), ErrorCode> {
        self.context.begin_blocks()?;
        if !tree.is_empty() {
            let mut block = tree.to_vec();
            block.push(0); // no sequences
            self.decode(0, &block)?;
        }
        if !tables.is_empty() {
            self.repeat_offsets(reps)?;
            let block = [&[0], tables].concat(); // no literals
                                                 // SAFETY: nothing is written.
            match unsafe { self.context.block(&mut [], &block) } {
                Err(code) if errors::is_too_small(code) => {}
                Err(code) => return Err(code),
                Ok(_) => return Err(errors::CORRUPTION),
            }
        }
        if !(tree.is_empty() && tables.is_empty()) {
            // The context shall take what comes next for the first that it decodes: here the scratch memory
            // begins, and so nothing lies between the beginning and the end of what it knows.
            // SAFETY: an empty place.
            unsafe { self.context.insert(&self.scratch[..0]) };
        }
        Ok(())
    }

    fn repeat_offsets(&mut self, reps: [u32; 3]) -> Result<(), ErrorCode> {
        if self.history.is_empty() {
            return Err(errors::CORRUPTION); // a sequence has made three bytes
        }
        // SAFETY: both live until the context is told of the beginning of the scratch memory, as of an empty
        // place, in `prime`; from there on it does not read them.
        unsafe {
            self.context.insert(self.history);
            self.context.insert(&self.scratch[..BEFORE]);
        }
        let mut at = BEFORE;
        for offset in reps.into_iter().rev() {
            let value = u64::from(offset) + 3;
            let code = value.ilog2();
            // One literal; one sequence, whose three codes are told outright: a literal, the offset, and a
            // match of three bytes. Its bits are the offset's, below a mark: those of the value.
            let head = [1 << 3, 0, 1, 0x54, 1, code as u8, 0];
            let bits = &value.to_le_bytes()[..code as usize / 8 + 1];
            at += self.decode(at, &[&head[..], bits].concat())?;
        }
        Ok(())
    }

    fn decode(&mut self, at: usize, block: &[u8]) -> Result<usize, ErrorCode> {
        // SAFETY: as for `repeat_offsets`.
        unsafe { self.context.block(&mut self.scratch[at..], block) }
    }
}
