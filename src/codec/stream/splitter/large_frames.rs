//! Frames that are handed out in parts: to libzstd, which decodes one after the other, or to the block
//! decoder.
#![forbid(unsafe_code)]

use super::super::buffers::{Buffer, Buffers};
use super::super::memory_plan::{self, with_headroom, ReadPlan};
use super::{content, take, BlocksOf, DecompressTask, Kind, Part, Splitter, Supply, LONG};
use crate::codec::format::bits::Odd;
use crate::codec::format::frame::Frame;
use crate::codec::format::walk::{Step, Walk};
use crate::codec::frame::blocks::carried::Carried;
use crate::codec::frame::blocks::parts;
use crate::codec::frame::blocks::{self, Header, Outside};
use crate::codec::options::limits;
use crate::codec::options::Options;
use crate::error::{ErrorKind, Result};
use crate::job;

/// Whether the options allow for a frame that it is decoded in parts.
pub(super) fn fits(frame: &Frame, options: &Options<'_>, plan: &ReadPlan) -> bool {
    let need = plan.in_parts(frame).saturating_add(with_headroom(plan.read as u64));
    limits::check_window(frame, options, "").is_ok() && (options.max_memory == 0 || need <= plan.limit)
}

impl Splitter {
    /// Whether this frame leaves other threads little to do, and it can be decoded in parts. Then its parts
    /// are decoded and used while more of it is read.
    pub(super) fn is_better_in_parts(&self, walk: &Walk, options: &Options<'_>, plan: &ReadPlan) -> bool {
        let frame = &walk.frame;
        let begin = self.base + self.group.len as u64;
        let alone = match self.total {
            Some(total) => walk.is_most_of(total.saturating_sub(begin)),
            None => begin == 0,
        };
        // So many frames of that size do not fit into the memory that every lane gets one.
        let few = || {
            let memory = content(frame).saturating_add(walk.at() as u64);
            memory.saturating_mul(u64::from(plan.lanes)) > plan.limit
        };
        content(frame) > LONG
            && plan.lanes > 1
            && (alone || few())
            && limits::check_window(frame, options, "").is_ok()
            && plan.in_parts(frame) <= plan.limit_for(frame) / 2
    }

    /// Whether what has arrived of the frame should be decoded before more of it comes, which may take long:
    /// of large frames, and of frames that do not tell their size, which their writer may have flushed: where
    /// the source only gives little, of the first one. (The others have a lane each.)
    pub(super) fn is_prompt(
        &self,
        walk: &Walk,
        supply: Supply,
        options: &Options<'_>,
        plan: &ReadPlan,
    ) -> bool {
        let flushed = walk.frame.content_size.is_none() && (self.index == 0 || supply == Supply::Paused);
        walk.at() > walk.frame.header_len
            && (flushed || content(&walk.frame) > LONG)
            && fits(&walk.frame, options, plan)
    }

    /// Begins to hand out the next frame in parts.
    pub(super) fn begin_large(&mut self, options: &Options<'_>, plan: &ReadPlan) -> Result<()> {
        let Some(walk) = &self.walk else { return Ok(()) };
        let frame = &walk.frame;
        limits::check_window(frame, options, "")?;
        let need = plan.in_parts(frame).saturating_add(with_headroom(plan.read as u64));
        if options.max_memory != 0 && need > plan.limit {
            let (given, left) = (options.max_memory, plan.limit);
            let text = format!("it needs {need} bytes of memory, and max_memory, {given}, leaves {left}");
            return Err(frame.error(ErrorKind::LimitExceeded, text).with_needed(need / 4 * 6));
        }
        let memory = memory_plan::context(frame);
        let header = self.header_for_blocks(options, plan);
        let Some(walk) = &self.walk else { return Ok(()) };
        // Walks over the frame's blocks once more, part by part.
        let mut walk = walk.again();
        if let Some((header, outside)) = header {
            // The frame's header is known.
            let len = walk.at();
            self.done += len;
            self.base += len as u64;
            walk.forget(len);
            let carried = outside.as_ref().map_or_else(Carried::nothing, Outside::carried);
            self.blocks = Some((header, carried, outside));
        }
        self.walk = Some(walk);
        self.resumed = false;
        self.part = Some(Part { first: true, before: 0, memory, blocks: 0 });
        Ok(())
    }

    /// The header of the next frame, and what it refers to, if the block decoder shall decode it.
    fn header_for_blocks(&self, options: &Options<'_>, plan: &ReadPlan) -> Option<(Header, Option<Outside>)> {
        let walk = self.walk.as_ref()?;
        let reference = options.references().of(walk.frame.dictionary);
        // Small ones are libzstd's.
        let small = walk.frame.content_size.is_some_and(|size| size <= LONG);
        if small || job::lanes_left(plan.lanes) <= 1 {
            return None;
        }
        let outside = match reference {
            Some(reference) => Some(Outside::new(reference)?),
            None => None,
        };
        let header = blocks::header_in_stream(&walk.frame, outside.as_ref())?;
        plan.spare(&header, &walk.frame).map(|_| (header, outside))
    }

    /// Hands out the next part of the frame.
    pub(super) fn next_part(
        &mut self,
        supply: Supply,
        plan: &ReadPlan,
        buffers: &Buffers,
    ) -> Result<Option<DecompressTask>> {
        let (Some(mut walk), Some(part)) = (self.walk.take(), self.part) else { return Ok(None) };
        let in_blocks = self.blocks.is_some();
        let enough = if in_blocks { plan.part.min(parts::ENOUGH) } else { plan.part };
        let mut count = part.blocks;
        loop {
            let most = walk.frame.most - part.before;
            // The checksum, or the empty rest, goes with the last block.
            let full = match in_blocks {
                true => parts::is_full(count, walk.at(), most, enough),
                false => most >= enough,
            };
            let last = if full && !walk.has_ended() {
                false
            } else {
                match walk.step(self.left(), supply == Supply::Ended) {
                    Ok(Step::Block) => {
                        count += 1;
                        continue;
                    }
                    Ok(Step::End) => true,
                    // Whole blocks do not wait, nor are they lost to an error, which is found again.
                    Ok(Step::More) if supply.is_slow() && count > 0 => false,
                    Err(_) if count > 0 => false,
                    Ok(Step::More) => {
                        self.walk = Some(walk);
                        self.part = Some(Part { blocks: count, ..part });
                        return Ok(None);
                    }
                    Err(error) => {
                        self.walk = Some(walk);
                        return Err(error);
                    }
                }
            };
            let (len, frame) = (walk.at(), walk.frame);
            let (data, kind) = match self.blocks.take() {
                Some((header, carried, outside)) => {
                    let data = self.hand_out_after(carried.bytes(), len, buffers)?;
                    let resumed = self.resumed;
                    if !last {
                        // Where nothing can be carried, this part has an odd block.
                        let next =
                            if resumed { Err(Odd) } else { carried.after(data.filled(), count, &header) };
                        self.resumed |= next.is_err();
                        self.blocks = Some((header, next.unwrap_or_else(|Odd| Carried::lost()), None));
                    }
                    let first = part.first;
                    let of = BlocksOf { frame, header, carried, outside, first, last, count, resumed };
                    (data, Kind::Blocks(of))
                }
                None => {
                    let (first, ended, memory) = (part.first, walk.has_ended(), part.memory);
                    let kind = Kind::Part { frame, first, ended, last, memory };
                    (self.hand_out(len, buffers)?, kind)
                }
            };
            if last {
                self.part = None;
                self.index += 1;
                self.complete = false;
                self.group.first = self.index;
            } else {
                self.part = Some(Part { first: false, before: walk.frame.most, blocks: 0, ..part });
                walk.forget(len);
                self.walk = Some(walk);
            }
            return Ok(Some(DecompressTask { data, most, kind }));
        }
    }

    /// Hands out copies of `before` and the first `len` of the remaining bytes.
    fn hand_out_after(&mut self, before: &[u8], len: usize, buffers: &Buffers) -> Result<Buffer> {
        let mut data = take(buffers, before.len() + len)?;
        data.push(before)?;
        data.push(&self.left()[..len])?;
        self.base += len as u64;
        self.usual = len.min(self.most_usual);
        self.done += len;
        Ok(data)
    }
}
