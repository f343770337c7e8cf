//! What a reader does ahead of its output: it reads the source, and submits what the splitter cuts.
#![forbid(unsafe_code)]

use super::super::buffers::Counted;
use super::super::memory_plan::with_headroom;
use super::super::splitter::{DecompressTask, Kind, Supply};
use super::super::table_checks::{Found, TableChecks};
use super::{InFlight, Reader};
use crate::codec::format::seek_table;
use crate::codec::frame::blocks;
use crate::codec::io::errors as io_errors;
use crate::error::{ErrorKind, Result};
use std::io::{self, Read};
use std::time::{Duration, Instant};

/// A source that keeps the reader waiting for so long may wait as long again before it gives the rest.
const PAUSE: Duration = Duration::from_millis(5);
/// Bytes of a source after its begin, and after each pause, within which all whole frames are given out
/// before it is asked again. Later a source that gives its data without pauses is read ahead, as lanes
/// are busy at the same time only where frames come while others are decoded.
pub(super) const WARY: u64 = 1 << 20;

impl<R: Read> Reader<'_, R> {
    /// Submits the next task, or reads more from the source; false: there is nothing to do, or no room.
    pub(super) fn read_ahead(&mut self) -> Result<bool> {
        if self.end.is_some() {
            return Ok(false);
        }
        let busy = !self.in_flight.is_empty();
        if busy && self.in_flight.len() >= self.plan.slots {
            return Ok(false);
        }
        let buffers = &self.pipeline.stage().buffers;
        let wary = self.short && self.wary > 0;
        let supply = match (self.all, self.paused || wary, self.short) {
            (true, ..) => Supply::Ended,
            (_, true, _) => Supply::Paused,
            (_, _, true) => Supply::Later,
            _ => Supply::More,
        };
        let found = match self.pending.take() {
            Some(task) => Ok(Some(task)),
            None => self.splitter.next(supply, &self.options, &self.plan, buffers),
        };
        match found {
            Ok(Some(task)) => self.submit(task),
            Ok(None) if self.all => {
                let incomplete = self.options.complete && !self.splitter.is_complete();
                let end = if incomplete { Err(seek_table::incomplete()) } else { Ok(()) };
                self.end = Some(self.source_failed.clone().map_or(end, Err));
                Ok(false)
            }
            Ok(None) if self.later => Ok(false),
            Ok(None) => {
                // A source that has nothing now may keep the call waiting for any time. Whole frames are
                // given out before, and what is there of a large one. Where the source has not paused of
                // late, and has given the beginning of another frame, the rest has to come, and the lanes
                // are kept busy.
                if busy && self.short && (wary || self.parts > 0 || self.splitter.is_empty()) {
                    return Ok(false);
                }
                if busy && self.cost.saturating_add(self.splitter.cost(self.plan.read)) > self.limit {
                    return Ok(false);
                }
                self.read_source();
                Ok(true)
            }
            Err(error) => {
                // The data does not end where the source has failed.
                let cut = self.source_failed.clone().filter(|_| error.kind() == ErrorKind::Truncated);
                self.end = Some(Err(cut.unwrap_or(error)));
                Ok(false)
            }
        }
    }

    /// Submits a task; false: it waits for memory.
    fn submit(&mut self, task: DecompressTask) -> Result<bool> {
        let busy = !self.in_flight.is_empty();
        // The memory of a frame in parts is taken for the first part, and given back with the last.
        let (chained, memory, first, last) = match &task.kind {
            Kind::Frames { .. } => (false, 0, false, false),
            Kind::Blocks(of) => (false, self.plan.in_blocks(&of.header), of.first, of.last),
            Kind::Part { first, last, memory, .. } => (true, *memory as u64, *first, *last),
        };
        let begins = if first { memory } else { 0 };
        let ends = if last { memory } else { 0 };
        let lent = self.lent.as_ref().map_or(0, Counted::bytes) as u64;
        let (is_part, out) = match &task.kind {
            Kind::Blocks(of) => {
                self.limit = self.plan.limit_for(&of.frame).saturating_sub(lent);
                (true, of.count as u64 * blocks::SLOT_MEMORY as u64)
            }
            Kind::Part { .. } => (true, with_headroom(task.most)),
            Kind::Frames { count, .. } => {
                if self.parts == 0 {
                    self.limit = self.plan.limit.saturating_sub(lent);
                }
                let seen = self.checks.as_ref().map_or(0, |_| Found::memory(*count) as u64);
                (false, with_headroom(task.most).saturating_add(seen))
            }
        };
        let own = (task.data.capacity() as u64).saturating_add(out);
        let more = own.saturating_add(begins).saturating_add(self.splitter.memory());
        let more = more.saturating_add(self.checks.as_ref().map_or(0, TableChecks::memory));
        if busy && self.cost.saturating_add(more) > self.limit {
            self.pending = Some(task);
            return Ok(false);
        }
        self.pipeline.submit(task, chained)?;
        self.in_flight.push_back(InFlight { cost: own + ends, is_part });
        self.cost += own + begins;
        self.parts += usize::from(is_part);
        Ok(true)
    }

    /// Reads more from the source. A failure is returned after the output before it.
    fn read_source(&mut self) {
        let room = match self.splitter.room(self.plan.read, &self.pipeline.stage().buffers) {
            Ok(room) => room,
            Err(error) => return self.end = Some(Err(error)),
        };
        let asked = Instant::now();
        loop {
            match self.source.read(room) {
                Ok(0) => return self.all = true,
                Ok(len) => {
                    (self.short, self.paused) = (len < room.len(), false);
                    self.wary =
                        if asked.elapsed() >= PAUSE { WARY } else { self.wary.saturating_sub(len as u64) };
                    self.read += len as u64;
                    return self.splitter.arrived(len);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    (self.paused, self.later) = (true, true);
                    return;
                }
                Err(error) => {
                    let error = io_errors::io(&error, "reading");
                    if matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::Closed) {
                        return self.end = Some(Err(error)); // nobody waits for what came before
                    }
                    self.source_failed = Some(error);
                    return self.all = true;
                }
            }
        }
    }
}
