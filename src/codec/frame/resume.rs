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
//! block has used for literals. And the error about a block that decodes to more than 128 KiB does not
//! depend on how much room was left in the buffer.

use super::blocks::layout::{Layout, OVERLENGTH};
use super::blocks::parts::{End, State};
use super::blocks::Outside;
use crate::codec::context::contexts::Decompressor;
use crate::codec::context::decode;
use crate::codec::context::in_use::InUse;
use crate::codec::format::frame::{Frame, BLOCK_HEADER, CHECKSUM, LARGEST_BLOCK};
use crate::codec::format::xxh64::Xxh64;
use crate::codec::libzstd::errors;
use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use zstd::zstd_safe::ErrorCode;

/// A block, as far as libzstd may write behind where it begins. With more room it would put literals there.
const ROOM: usize = LARGEST_BLOCK as usize + 2 * OVERLENGTH;
/// The bytes that the made-up blocks of repeat offsets follow: the offsets that a frame begins with may not
/// lead to anything yet.
const BEFORE: usize = 16;
/// The memory that made-up blocks are decoded to.
const SCRATCH: usize = ROOM;

/// What libzstd would have said where no block is odd.
pub(crate) fn error_at_end(end: End, frame: &Frame) -> Option<Error> {
    let code = match end {
        End::Good | End::Odd(_) => return None,
        End::WrongSize => errors::CORRUPTION,
        End::WrongChecksum => errors::CHECKSUM,
    };
    Some(errors::in_stream(code, frame))
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
    /// What the frame refers to, which the context may read.
    _outside: Option<Outside>,
}

impl Resumed {
    /// The memory that it takes beside the history.
    pub(crate) fn memory() -> usize {
        decode::memory() + SCRATCH
    }

    /// libzstd in that state.
    pub(crate) fn new(state: State) -> Result<Self> {
        let State { frame, history, end, layout, reps, tree, tables, hash, total, ended, outside } = state;
        let mut context = InUse::<Decompressor>::take(decode::memory(), 0)?;
        let mut scratch = Vec::new();
        memory::reserve(&mut scratch, SCRATCH)?;
        scratch.resize(SCRATCH, 0);
        let farthest = reps.into_iter().max().unwrap_or(0) as usize;
        let mut zeros = Vec::new();
        if outside.is_some() && farthest > end {
            // Repeat offsets may lead into a dictionary. What is there does not matter here.
            memory::reserve(&mut zeros, farthest)?;
            zeros.resize(farthest, 0);
        }
        let before = if zeros.is_empty() { &history[..end] } else { &zeros[..] };
        let primer = Primer { context: &mut context, scratch: &mut scratch, before };
        if primer.prime(reps, &tree, &tables, outside.as_ref()).is_err() {
            return Err(frame.error(ErrorKind::Internal, "libzstd cannot go on with it"));
        }
        let ring = laid_out(history, end, &layout)?;
        let before =
            outside.as_ref().filter(|_| layout.before == 0).map(|outside| outside.reference().bytes());
        // Of an empty place libzstd would only take the end, and count offsets from there.
        if let Some(before) = before.filter(|bytes| !bytes.is_empty()) {
            // SAFETY: it is kept as long as the context decodes blocks, and does not change.
            unsafe { context.insert(before) };
        }
        let mut resumed = Self { context, frame, ring, layout, hash, total, ended, _outside: outside };
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
            if self.ended && frame.content_size.is_some_and(|size| size != self.total) {
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
    /// As many bytes as repeat offsets may reach back.
    before: &'p [u8],
}

impl Primer<'_> {
    fn prime(
        mut self,
        reps: [u32; 3],
        tree: &[u8],
        tables: &[u8],
        outside: Option<&Outside>,
    ) -> Result<(), ErrorCode> {
        self.context.refer_to(outside.map(Outside::reference))?;
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
        if self.before.is_empty() {
            return Err(errors::CORRUPTION); // a sequence has made three bytes
        }
        // SAFETY: both live until the context is told of the beginning of the scratch memory, as of an empty
        // place, in `prime`; from there on it does not read them.
        unsafe {
            self.context.insert(self.before);
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

/// A frame that is all of `data`, cut into parts of up to `count` blocks. Where a block is odd, libzstd goes
/// on if `resumes`. What is given out, and the code of libzstd's error. For tests and the fuzzer.
#[cfg(any(test, fuzzing))]
pub(crate) fn decode_in_parts(
    data: &[u8],
    count: usize,
    resumes: bool,
    outside: Option<Outside>,
) -> Option<(Vec<u8>, std::result::Result<(), i32>)> {
    use super::blocks::carried::Carried;
    use super::blocks::parts::{Executor, Part};
    use super::blocks::Slot;
    use crate::codec::format::frame::Frames;
    let frame = Frames::new(data).next()?.ok().filter(|frame| frame.len == data.len() && !frame.skippable)?;
    let header = super::blocks::header_in_stream(&frame, outside.as_ref())?;
    let mut carried = outside.as_ref().map_or_else(Carried::nothing, Outside::carried);
    let mut executor = Some(Executor::new(&header, count * LARGEST_BLOCK as usize, outside).ok()?);
    let mut resumed: Option<Resumed> = None;
    let mut out = Vec::new();
    let blocks: Vec<_> = frame.blocks(data).collect::<std::result::Result<_, _>>().ok()?;
    for (number, group) in blocks.chunks(count).enumerate() {
        let last = (number + 1) * count >= blocks.len();
        let end = if last { frame.len } else { group[group.len() - 1].offset + group[group.len() - 1].len };
        let part = [carried.bytes(), &data[group[0].offset..end]].concat();
        let mut at = carried.bytes().len();
        if let Some(running) = &mut executor {
            let take = || Ok(Box::new(Slot::new()));
            let mut decoded = Part::decode(&part, &carried, &header, group.len(), take, || Ok(())).ok()?;
            let executed = running.execute(&mut decoded, &part, last);
            out.extend_from_slice(running.bytes(executed.range));
            match executed.end {
                End::Good if last => return Some((out, Ok(()))),
                End::Good => {
                    carried = carried.after(&part, group.len(), &header).expect("nothing in it was odd");
                    continue;
                }
                _ if !resumes => return None,
                End::Odd(odd) => at = odd,
                end => {
                    return Some((out, error_at_end(end, &frame).map_or(Ok(()), |error| Err(error.code()))))
                }
            }
            let state =
                executor.take()?.into_state(&frame, &part, &carried, at).expect("nothing before is odd");
            resumed = Some(Resumed::new(state).expect("libzstd goes on"));
            carried = Carried::lost();
        }
        let give = |bytes: &[u8]| {
            out.extend_from_slice(bytes);
            Ok(())
        };
        if let Err(error) = resumed.as_mut()?.decode(&part, at, last, give) {
            return Some((out, Err(error.code())));
        }
    }
    Some((out, Ok(())))
}
