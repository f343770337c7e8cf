//! The tasks of a writer: what is written is gathered to tasks, and their results are given to the sink.
#![forbid(unsafe_code)]

use super::buffers::{Buffer, Side};
use super::compress_stage::{CompressTask, Compressed, Source, Work};
use super::single_frame::Then;
use super::writer::Writer;
use crate::codec::context::encode::Recipe;
use crate::codec::io::errors;
use crate::codec::options::reference::Prefix;
use crate::error::{Error, ErrorKind, Result};
use crate::pool::count_bytes;
use std::io::Write;

/// The first capacity of an input buffer; it grows up to the task size as it is filled.
pub(super) const BEGINNING: usize = 4 << 20;
/// Bytes of the seek table that are given to the sink at a time.
const TABLE_WRITE: usize = 64 << 10;

impl<W: Write> Writer<'_, W> {
    pub(super) fn take(&mut self, mut data: &[u8]) -> Result<()> {
        self.progress.add(0)?;
        while !data.is_empty() {
            let left = self.left()?;
            let (mut now, mut rest) = data.split_at(data.len().min(left));
            let end = self.cutter.as_mut().and_then(|cutter| cutter.next(now));
            if let Some(end) = end {
                (now, rest) = data.split_at(end);
            }
            self.current()?.push(now)?;
            data = rest;
            if now.len() == left || end.is_some() {
                self.end_task(Then::Go)?;
            }
        }
        Ok(())
    }

    pub(super) fn has_current(&self) -> bool {
        self.current.as_ref().is_some_and(|current| current.len() > self.before)
    }

    /// Whether a single frame is compressed in parts, one after the other.
    pub(super) fn in_parts(&self) -> bool {
        self.plan.single && self.around.is_none()
    }

    /// The bytes that the current task still takes.
    pub(super) fn left(&mut self) -> Result<usize> {
        let len = self.current()?.len();
        Ok(self.before + self.plan.task_len - len)
    }

    pub(super) fn current(&mut self) -> Result<&mut Buffer> {
        let fresh = match self.current.take() {
            Some(current) => current,
            None => self.first()?,
        };
        Ok(self.current.insert(fresh))
    }

    /// A buffer for the input of a task that no other has prepared: it follows the prefix, if it is the
    /// first.
    fn first(&mut self) -> Result<Buffer> {
        let prefix = self.options.prefix.filter(|_| self.submitted == 0).map_or(&[][..], Prefix::bytes);
        let before = &prefix[prefix.len() - prefix.len().min(self.plan.overlap)..];
        let mut fresh = self.fresh(before.len())?;
        fresh.push(before)?;
        self.before = before.len();
        Ok(fresh)
    }

    /// A buffer for the input of a task, which grows as it is filled.
    pub(super) fn fresh(&self, least: usize) -> Result<Buffer> {
        let most = self.plan.overlap + self.plan.task_len;
        self.pipeline.stage().buffers.take(Side::Input, most.min(BEGINNING).max(least), most)
    }

    /// Ends the input of the current task, and submits the task.
    pub(super) fn end_task(&mut self, then: Then) -> Result<()> {
        let current = match self.current.take() {
            Some(current) => current,
            None => self.pipeline.stage().buffers.take(Side::Input, 0, self.plan.task_len)?,
        };
        if let Some(cutter) = &mut self.cutter {
            cutter.restart();
        }
        let before = std::mem::take(&mut self.before);
        let len = current.len() - before;
        if self.plan.overlap > 0 && then != Then::End {
            self.drain(self.plan.slots - 1)?;
            let overlap = &current.filled()[current.len() - current.len().min(self.plan.overlap)..];
            let mut next = self.fresh(overlap.len())?;
            next.push(overlap)?;
            (self.before, self.current) = (overlap.len(), Some(next));
        }
        self.submit(Source::Bytes(current), len, before, then)
    }

    /// Submits a task, and gives finished output to the sink.
    pub(super) fn submit(&mut self, source: Source, len: usize, before: usize, then: Then) -> Result<()> {
        self.drain(self.plan.slots - 1)?;
        let work = if self.around.is_some() {
            Work::Section { before }
        } else if self.plan.single {
            Work::Part(then)
        } else if len == self.plan.task_len {
            Work::Frame { number: self.submitted, recipe: self.recipe.clone() }
        } else {
            Work::Frame { number: self.submitted, recipe: Recipe::new(&self.options, len) }
        };
        self.submitted += 1;
        self.dirty = true;
        self.pipeline.submit(CompressTask { source, work }, self.in_parts())?;
        if self.plan.lanes == 1 {
            return self.drain(0);
        }
        while let Some(compressed) = self.pipeline.try_next()? {
            self.emit(compressed)?;
        }
        Ok(())
    }

    /// Waits until at most `left` tasks are in flight.
    pub(super) fn drain(&mut self, left: usize) -> Result<()> {
        while self.pipeline.in_flight() > left {
            match self.pipeline.next(self.options.cancel)? {
                Some(compressed) => self.emit(compressed)?,
                None => break,
            }
        }
        Ok(())
    }

    pub(super) fn emit(&mut self, compressed: Compressed) -> Result<()> {
        let Compressed { bytes, consumed, content } = compressed;
        if let Some((around, content)) = self.around.as_mut().zip(content) {
            let header = around.begin();
            around.add(&content.filled()[content.len() - consumed..]);
            self.pipeline.stage().buffers.put(content);
            self.give(&header)?;
        }
        self.give(bytes.filled())?;
        if !self.plan.single {
            let limit = self.plan.limit.saturating_sub(self.pipeline.stage().meter.peak());
            self.table.push((bytes.len() as u32, consumed as u32), limit)?; // of 1 GiB at most
        }
        self.pipeline.stage().buffers.put(bytes);
        self.consumed += consumed as u64;
        count_bytes(consumed as u64, 0);
        self.progress.add(consumed)
    }

    pub(super) fn end(&mut self) -> Result<()> {
        self.progress.add(0)?;
        // Empty data makes an empty frame; a single frame has to be ended.
        let empty = self.submitted == 0 && self.around.is_none();
        if self.has_current() || empty || self.in_parts() {
            self.end_task(Then::End)?;
        }
        self.drain(0)?;
        if let Some(mut around) = self.around.take() {
            if self.submitted == 0 {
                around.set_empty();
            }
            self.give(&around.begin())?;
            self.give(&around.end())?;
        }
        if self.plan.single && self.options.complete {
            let sizes = u32::try_from(self.written).ok().zip(u32::try_from(self.consumed).ok());
            let too_large =
                || Error::new(ErrorKind::LimitExceeded, "a seek table cannot tell of so large a frame");
            self.table.push(sizes.ok_or_else(too_large)?, u64::MAX)?;
        }
        let table = std::mem::take(&mut self.table);
        let mut table = table.bytes();
        loop {
            let part: Vec<u8> = table.by_ref().take(TABLE_WRITE).collect();
            if part.is_empty() {
                break;
            }
            self.give(&part)?;
        }
        self.sink.flush().map_err(|error| errors::io(&error, "flushing"))
    }
}
