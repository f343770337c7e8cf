//! The splitter cuts a stream of zstd data into tasks: groups of whole frames, independent of each other, and
//! parts of frames that are too large to be kept whole. A part ends with a block, and the parts of a frame
//! are decoded in order. Nothing is decompressed for that: the headers of frames and blocks tell where they
//! end.
#![forbid(unsafe_code)]

mod large_frames;
mod task;

use super::buffers::{Buffer, Buffers, Side};
use super::memory_plan::{with_headroom, ReadPlan};
use crate::codec::format::frame::{Frame, Frames};
use crate::codec::format::seek_table::{self, SeekTable};
use crate::codec::format::walk::{Step, Walk};
use crate::codec::frame::blocks::carried::Carried;
use crate::codec::frame::blocks::{Header, Outside};
use crate::codec::options::limits;
use crate::codec::options::Options;
use crate::error::{Error, ErrorKind, Result};

pub(crate) use task::{BlocksOf, DecompressTask, Kind};

/// Small frames are put together until a group has so many bytes, compressed or decompressed.
const SMALLEST: u64 = 256 << 10;
/// A frame that decodes to more bytes, and may be the whole stream, is decoded in parts at once. Frames of
/// streams are smaller by default, and up to this size the calling thread alone, without a pool, is as fast.
const LONG: u64 = 8 << 20;
/// Skippable frames of at most so many bytes are kept with their neighbours; longer ones are thrown away as
/// they arrive.
const SMALL_SKIPPABLE: usize = 64 << 10;

/// What else will arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Supply {
    /// More, and probably at once.
    More,
    /// More, but maybe not soon: whole frames, and whole blocks of a large one, should not wait for it.
    Later,
    /// More, but not in this call, or perhaps after a pause: what can be decoded is all that can be given
    /// out.
    Paused,
    /// Nothing.
    Ended,
}

impl Supply {
    /// Whether what is whole should not wait for more.
    fn is_slow(self) -> bool {
        matches!(self, Self::Later | Self::Paused)
    }
}

/// See the module.
pub(crate) struct Splitter {
    /// The bytes of the whole stream, if they are known.
    total: Option<u64>,
    data: Option<Buffer>,
    /// Bytes at the beginning of the buffer that are done with.
    done: usize,
    /// The bytes of the stream before the remaining ones.
    base: u64,
    /// Whole frames that wait for more of their group.
    group: Group,
    /// The walk over the frame after the group.
    walk: Option<Walk>,
    /// Set while that frame is handed out in parts.
    part: Option<Part>,
    /// Set beside it where the block decoder decodes the frame.
    blocks: Option<(Header, Carried, Option<Outside>)>,
    /// libzstd has resumed that frame.
    resumed: bool,
    /// The number of that frame.
    index: u64,
    /// A skippable frame, and how many of its bytes are still to be thrown away.
    skip: Option<(Frame, u64)>,
    /// Whether the last frame is a seek table that tells all frames.
    complete: bool,
    /// The bytes of the last task: a good guess for the next one.
    usual: usize,
    most_usual: usize,
}

#[derive(Default)]
struct Group {
    first: u64,
    len: usize,
    most: u64,
}

#[derive(Clone, Copy)]
struct Part {
    first: bool,
    /// The most bytes that the parts before this one decode to.
    before: u64,
    memory: usize,
    /// The blocks of the next part that have arrived.
    blocks: usize,
}

impl Splitter {
    /// A splitter for a stream of `total` bytes, if they are known.
    pub(crate) fn new(plan: &ReadPlan, total: Option<u64>) -> Self {
        Self {
            total,
            data: None,
            done: 0,
            base: 0,
            group: Group::default(),
            walk: None,
            part: None,
            blocks: None,
            resumed: false,
            index: 0,
            skip: None,
            complete: false,
            usual: 0,
            most_usual: (plan.limit / 16) as usize, // far below usize::MAX
        }
    }

    /// Room for `len` more bytes of the stream. The caller tells `arrived` how many have arrived.
    pub(crate) fn room(&mut self, len: usize, buffers: &Buffers) -> Result<&mut [u8]> {
        let mut data = match self.data.take() {
            Some(data) => data,
            None => take(buffers, self.usual + len)?,
        };
        if self.done > 0 && self.done >= data.len() / 2 {
            data.forget(self.done);
            self.done = 0;
        }
        self.data.insert(data).room(len)
    }

    /// The first `len` bytes of the room are filled.
    pub(crate) fn arrived(&mut self, len: usize) {
        if let Some(data) = &mut self.data {
            data.advance(len);
        }
    }

    /// The memory that the splitter takes.
    pub(crate) fn memory(&self) -> u64 {
        self.data.as_ref().map_or(0, Buffer::capacity) as u64
    }

    /// The memory that the splitter will take when `len` more bytes have arrived, and that decoding the next
    /// task will need, as far as it is known.
    pub(crate) fn cost(&self, len: usize) -> u64 {
        let filled = self.data.as_ref().map_or(0, Buffer::len) + len;
        let frame = self.walk.as_ref().filter(|_| self.part.is_none()).map_or(0, |walk| content(&walk.frame));
        self.memory()
            .max(with_headroom(filled as u64))
            .saturating_add(with_headroom(self.group.most.saturating_add(frame)))
    }

    fn left(&self) -> &[u8] {
        self.data.as_ref().map_or(&[], |data| &data.filled()[self.done..])
    }

    /// The next task; `None`: more data has to arrive, or, where it has ended, nothing is left.
    pub(crate) fn next(
        &mut self,
        supply: Supply,
        options: &Options<'_>,
        plan: &ReadPlan,
        buffers: &Buffers,
    ) -> Result<Option<DecompressTask>> {
        let all = supply == Supply::Ended;
        loop {
            if let Some((frame, rest)) = self.skip {
                if !self.skip(&frame, rest, all)? {
                    return Ok(None);
                }
            }
            if self.part.is_some() {
                return self.next_part(supply, plan, buffers);
            }
            let full = self.group.most.max(self.group.len as u64) >= SMALLEST;
            // Whole frames, and no beginning of another, may be all that the source has for long.
            let ready = supply != Supply::More && self.group.len == self.left().len();
            if full || ready && self.group.len > 0 {
                return self.emit_group(buffers).map(Some);
            }
            match self.grow(supply, options, plan) {
                Ok(Grown::More) if supply == Supply::Paused && self.group.len > 0 => {
                    return self.emit_group(buffers).map(Some);
                }
                Ok(Grown::More) => return Ok(None),
                Ok(Grown::Frame) => {}
                // The whole frames come first. The large frame, or the error, is found again at the next
                // call.
                Ok(Grown::Large | Grown::LongSkippable(_)) | Err(_) if self.group.len > 0 => {
                    return self.emit_group(buffers).map(Some);
                }
                Ok(Grown::Large) => self.begin_large(options, plan)?,
                Ok(Grown::LongSkippable(frame)) => self.skip = Some((frame, frame.len as u64)),
                Err(error) => return Err(error),
            }
        }
    }

    /// Throws away the arrived bytes of a long skippable frame; returns whether the frame is complete.
    fn skip(&mut self, frame: &Frame, rest: u64, all: bool) -> Result<bool> {
        let now = rest.min(self.left().len() as u64);
        self.done += now as usize;
        self.base += now;
        self.skip = Some((*frame, rest - now)).filter(|_| rest > now);
        if rest > now {
            return if all { Err(truncated_skippable(frame)) } else { Ok(false) };
        }
        self.index += 1;
        self.complete = false;
        self.group.first = self.index;
        Ok(true)
    }

    /// Looks at the frame after the group, and adds the frame if it is whole.
    fn grow(&mut self, supply: Supply, options: &Options<'_>, plan: &ReadPlan) -> Result<Grown> {
        let all = supply == Supply::Ended;
        let mut walk = self.walk.take();
        let rest = &self.left()[self.group.len..];
        if rest.is_empty() {
            return Ok(Grown::More);
        }
        let walk = match &mut walk {
            Some(walk) => walk,
            None => {
                let begin = self.base + self.group.len as u64;
                let frame = match Frames::of_stream(rest, begin, self.index).start() {
                    Err(error) if error.kind() == ErrorKind::Truncated && !all => return Ok(Grown::More),
                    frame => frame?,
                };
                limits::check(&frame, options)?;
                if frame.skippable {
                    let kept = options.expects_table()
                        && seek_table::is_magic(rest)
                        && frame.len as u64 <= plan.whole;
                    let table =
                        frame.len <= rest.len() && SeekTable::find_after(begin, &rest[..frame.len]).is_some();
                    let grown = self.grow_skippable(&frame, rest.len(), all, kept);
                    self.complete = table && options.complete;
                    return grown;
                }
                walk.insert(Walk::new(frame))
            }
        };
        // Whether this is the last chance: with one more read there would be no room for decoding in parts.
        let room = plan.limit.saturating_sub(plan.in_parts(&walk.frame));
        let (now, next) = (rest.len() + plan.read, rest.len() + 2 * plan.read);
        let last_chance = (with_headroom(now as u64)..with_headroom(next as u64)).contains(&room);
        loop {
            let memory = content(&walk.frame).saturating_add(walk.at() as u64);
            if memory > plan.whole || last_chance || self.is_better_in_parts(walk, options, plan) {
                self.walk = Some(walk.clone());
                return Ok(Grown::Large);
            }
            match walk.step(rest, all) {
                Ok(Step::Block) => {}
                Ok(Step::More) => {
                    self.walk = Some(walk.clone());
                    let waits = supply.is_slow() && self.is_prompt(walk, supply, options, plan);
                    return Ok(if waits { Grown::Large } else { Grown::More });
                }
                // What comes before the damage is decoded.
                Err(error) => {
                    let whole = walk.at() > walk.frame.header_len;
                    if !whole || !large_frames::fits(&walk.frame, options, plan) {
                        return Err(error);
                    }
                    self.walk = Some(walk.clone());
                    return Ok(Grown::Large);
                }
                Ok(Step::End) => {
                    let (len, most) = (walk.at(), content(&walk.frame));
                    self.add(len, most);
                    return Ok(Grown::Frame);
                }
            }
        }
    }

    fn grow_skippable(&mut self, frame: &Frame, arrived: usize, all: bool, kept: bool) -> Result<Grown> {
        if frame.len <= arrived {
            self.add(frame.len, 0);
            return Ok(Grown::Frame);
        }
        if all {
            return Err(truncated_skippable(frame));
        }
        Ok(if frame.len > SMALL_SKIPPABLE && !kept { Grown::LongSkippable(*frame) } else { Grown::More })
    }

    fn add(&mut self, len: usize, most: u64) {
        self.group.len += len;
        self.group.most += most;
        self.index += 1;
        self.complete = false;
    }

    /// Whether all that has arrived ends with a seek table that tells all of it; looked at if the
    /// options want it.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete
    }

    /// Whether all that has arrived is handed out.
    pub(crate) fn is_empty(&self) -> bool {
        self.left().is_empty()
    }

    /// libzstd has resumed the frame of that number: its other parts are not decoded ahead.
    pub(crate) fn resumed(&mut self, index: u64) {
        self.resumed |= self.blocks.is_some() && self.index == index;
    }

    fn emit_group(&mut self, buffers: &Buffers) -> Result<DecompressTask> {
        let Group { first, len, most } = std::mem::take(&mut self.group);
        let (base, count) = (self.base, (self.index - first) as usize); // less than its bytes
        let data = self.hand_out(len, buffers)?;
        self.group.first = self.index;
        Ok(DecompressTask { data, most, kind: Kind::Frames { base, first, count } })
    }

    /// Hands out the first `len` of the remaining bytes, in a buffer of their own. The smaller side is
    /// copied.
    fn hand_out(&mut self, len: usize, buffers: &Buffers) -> Result<Buffer> {
        let left = self.left().len();
        self.base += len as u64;
        self.usual = len.min(self.most_usual);
        if self.done == 0 && len > left / 2 {
            if let Some(mut data) = self.data.take() {
                if left > len {
                    let mut rest = take(buffers, self.usual.max(left - len))?;
                    rest.push(&data.filled()[len..])?;
                    self.data = Some(rest);
                }
                data.truncate(len);
                return Ok(data);
            }
        }
        let mut head = take(buffers, len)?;
        head.push(&self.left()[..len])?;
        self.done += len;
        Ok(head)
    }
}

/// What `grow` found.
enum Grown {
    /// A frame was added to the group.
    Frame,
    /// The next frame is too large to be kept whole.
    Large,
    /// The next frame is skippable, and too long to be kept.
    LongSkippable(Frame),
    /// More data has to arrive.
    More,
}

fn truncated_skippable(frame: &Frame) -> Error {
    frame.error(ErrorKind::Truncated, "the data ends in a skippable frame")
}

/// A buffer for compressed data.
fn take(buffers: &Buffers, len: usize) -> Result<Buffer> {
    buffers.take(Side::Input, len, usize::try_from(with_headroom(len as u64)).unwrap_or(usize::MAX))
}

/// The most bytes that a frame decodes to, as far as they are known.
fn content(frame: &Frame) -> u64 {
    frame.content_size.unwrap_or(frame.most)
}
