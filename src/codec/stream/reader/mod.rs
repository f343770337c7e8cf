//! Decompressing a stream: tasks are read ahead from the source, decoded in parallel, and their output is
//! given out in order.
#![forbid(unsafe_code)]

mod read_ahead;
mod standard;

use super::buffers::{Buffers, Counted, Meter};
use super::decompress_stage::{DecodedPart, DecompressStage, Decompressed};
use super::execution::Execution;
use super::memory_plan::ReadPlan;
use super::splitter::{DecompressTask, Splitter};
use super::table_checks::TableChecks;
use crate::codec::context::decode::{self, LARGEST_WINDOW_LOG};
use crate::codec::format::seek_table;
use crate::codec::options::progress::CallProgress;
use crate::codec::options::reference::KeptReferences;
use crate::codec::options::Options;
use crate::error::{Error, ErrorKind, Result};
use crate::job::Pipeline;
use crate::pool::{count_bytes, spend, Spent};
use crate::trace;
use read_ahead::WARY;
use std::collections::VecDeque;
use std::io::Read;
use std::ops::Range;
use std::sync::{Arc, Mutex};

/// A task in flight.
struct InFlight {
    cost: u64,
    is_part: bool,
}

/// Decompresses the data of the caller's source, in parallel where the data allows.
///
/// The reader takes all valid zstd data. Frames are decoded in parallel as far as they fit into the memory
/// together. A frame that is very long, or long and the first, is decoded part by part. The source is called
/// by the thread that calls the reader, never by another, and is read ahead of what is given out. Data before
/// damage is given out before the error is.
///
/// After a failure every later call fails in the same way.
///
/// A source that must not wait returns [`std::io::ErrorKind::WouldBlock`] where it has nothing now. What
/// can be given out is, and where that is nothing the call fails with [`ErrorKind::Again`]. Nothing is
/// lost: the next call asks the source again.
///
/// ```
/// use fastpar::codec::{compress_to_vec, Options, Reader};
/// use std::io::Read;
///
/// let packed = compress_to_vec(b"many happy returns", &Options::default())?;
/// let mut text = String::new();
/// Reader::new(&packed[..], &Options::default())?.read_to_string(&mut text).unwrap();
/// assert_eq!(text, "many happy returns");
/// # Ok::<(), fastpar::Error>(())
/// ```
pub struct Reader<'a, R> {
    pipeline: Pipeline<DecompressStage>,
    source: R,
    options: Options<'a>,
    progress: CallProgress<'a>,
    plan: ReadPlan,
    splitter: Splitter,
    /// Whether the source has ended.
    all: bool,
    /// A task that waits for memory.
    pending: Option<DecompressTask>,
    /// Each task in flight, and the memory of all of them.
    in_flight: VecDeque<InFlight>,
    cost: u64,
    /// Tasks in flight that are parts of frames.
    parts: usize,
    /// The most memory, now.
    limit: u64,
    /// Whether the source gave less than it was asked for the last time.
    short: bool,
    /// Bytes of the source within which all whole frames are given out before it is asked again, whatever has
    /// come of another.
    wary: u64,
    /// Whether the source has said that it has nothing now, and has given nothing since; and whether that
    /// was in this call, which does not ask again.
    paused: bool,
    later: bool,
    /// The failure of the source, which comes after the data before it.
    source_failed: Option<Error>,
    /// The result that is being given out, and how much of it was.
    current: Option<Decompressed>,
    given: usize,
    /// What executes the parts of a frame, and where the bytes of the current one are.
    large: Option<Execution>,
    executed: Option<Range<usize>>,
    /// Whether they are the last ones of their frame.
    executed_last: bool,
    /// Memory that executing the current frame leaves, and what of it is lent to the caller.
    spare: u64,
    lent: Option<Counted>,
    /// What a seek table behind the frames should tell, if one is expected.
    checks: Option<TableChecks>,
    /// What follows the tasks in flight.
    end: Option<Result<()>>,
    failed: Option<Error>,
    read: u64,
    unpacked: u64,
    frames: u64,
    /// Whether the last report of progress is still to be made.
    tells_end: bool,
}

impl<'a, R: Read> Reader<'a, R> {
    /// A reader of `source`. The source is not read yet, and no thread started.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`]: an option is out of range; [`ErrorKind::LimitExceeded`]: `max_memory`
    /// is too small.
    pub fn new(source: R, options: &Options<'a>) -> Result<Self> {
        Self::over(source, options, None, true)
    }

    /// Like `new`, for a source of `len` bytes, if they are known. Without `tells_end` the caller makes the
    /// last report of progress.
    pub(crate) fn over(source: R, options: &Options<'a>, len: Option<u64>, tells_end: bool) -> Result<Self> {
        trace::when_first_call(); // a short stream needs no pool
        options.check()?;
        let plan = ReadPlan::new(options)?;
        let meter = Arc::new(Meter::default());
        let buffers = Buffers::new(&meter, plan.limit);
        let window_log_max = options.window_log_of_decoder(LARGEST_WINDOW_LOG);
        let references = KeptReferences::new(options);
        let checks = TableChecks::new(options, &plan, &meter);
        let (most_seen, parts) = (checks.as_ref().map(TableChecks::most), Mutex::new(None));
        let stage = DecompressStage { meter, buffers, references, most_seen, window_log_max, parts };
        Ok(Self {
            pipeline: Pipeline::new(stage, plan.lanes),
            source,
            options: *options,
            progress: CallProgress::new(options, len),
            plan,
            splitter: Splitter::new(&plan, len),
            all: false,
            pending: None,
            in_flight: VecDeque::new(),
            cost: 0,
            parts: 0,
            limit: plan.limit,
            short: false,
            wary: WARY,
            paused: false,
            later: false,
            source_failed: None,
            current: None,
            given: 0,
            large: None,
            executed: None,
            executed_last: false,
            spare: 0,
            lent: None,
            checks,
            end: None,
            failed: None,
            read: 0,
            unpacked: 0,
            frames: 0,
            tells_end,
        })
    }

    /// The next decompressed bytes; none at the end. The same bytes are given again until they are
    /// [consumed](Self::consume).
    ///
    /// # Errors
    /// The data: [`ErrorKind::NotZstd`], [`ErrorKind::Truncated`], [`ErrorKind::Corrupt`],
    /// [`ErrorKind::Checksum`], [`ErrorKind::Dictionary`]; the position is the frame's offset.
    /// [`ErrorKind::LimitExceeded`]: `max_output`, `max_memory` or `window_log`. The errors of the source
    /// ([`ErrorKind::Io`], or an error of fastpar inside); [`ErrorKind::Cancelled`],
    /// [`ErrorKind::OutOfMemory`], and the errors of starting the pool. [`ErrorKind::Again`]: the source has
    /// nothing now; the reader goes on.
    pub fn chunk(&mut self) -> Result<&[u8]> {
        if self.given == self.output().len() {
            if let Some(error) = &self.failed {
                return Err(error.clone());
            }
            // A panic of the source has left the last call: the reader is not used again.
            self.failed = Some(Error::new(ErrorKind::Closed, "the reader was left in the middle of a call"));
            let result = self.advance();
            self.failed = result.as_ref().err().filter(|error| error.kind() != ErrorKind::Again).cloned();
            result?;
        }
        Ok(&self.output()[self.given..])
    }

    /// The output of the current task.
    fn output(&self) -> &[u8] {
        match (&self.large, &self.executed) {
            (Some(large), Some(range)) => large.bytes(range.clone()),
            _ => self.current.as_ref().map_or(&[], |current| current.bytes.filled()),
        }
    }

    /// The first `len` bytes of the chunk are used.
    pub fn consume(&mut self, len: usize) {
        let left = self.output().len() - self.given;
        self.given += len.min(left);
    }

    /// Copies the next bytes to `dst`; returns how many, 0 at the end (or if `dst` is empty).
    ///
    /// # Errors
    /// Those of [`chunk`](Self::chunk).
    pub fn read(&mut self, dst: &mut [u8]) -> Result<usize> {
        if dst.is_empty() {
            return Ok(0);
        }
        let chunk = self.chunk()?;
        let len = chunk.len().min(dst.len());
        dst[..len].copy_from_slice(&chunk[..len]);
        self.consume(len);
        Ok(len)
    }

    /// Whether the caller's thread has executed the current chunk, and its frame goes on: that thread is
    /// better left to that.
    pub(crate) fn goes_on(&self) -> bool {
        self.executed.is_some() && !self.executed_last
    }

    /// Lends memory to the caller, until `end_loan`.
    pub(crate) fn lends(&mut self, len: usize) -> bool {
        let strict = self.options.max_memory != 0;
        let is_left = !strict || self.cost.saturating_add(len as u64) <= self.limit;
        if self.lent.is_none() && len as u64 <= self.spare && is_left {
            self.limit = self.limit.saturating_sub(len as u64);
            self.lent = Some(self.pipeline.stage().meter.hold(len));
        }
        self.lent.is_some()
    }

    /// The caller has given back what it was lent.
    pub(crate) fn end_loan(&mut self) {
        self.lent = None;
    }

    /// The source. It has been read further than the output that was given out.
    pub fn get_ref(&self) -> &R {
        &self.source
    }

    /// The bytes read from the source.
    pub fn bytes_read(&self) -> u64 {
        self.read
    }

    /// The decompressed bytes so far.
    pub fn unpacked(&self) -> u64 {
        self.unpacked
    }

    /// The frames decoded so far, without skippable frames.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// The most memory so far: buffers and contexts.
    pub fn peak_memory(&self) -> u64 {
        self.pipeline.stage().meter.peak()
    }

    /// The progress of the call, for the caller who makes the last report.
    pub(crate) fn into_progress(self) -> CallProgress<'a> {
        self.progress
    }

    /// Gets the output of the next task; none at the end.
    fn advance(&mut self) -> Result<()> {
        self.pipeline.check_process()?;
        self.progress.add(0)?;
        self.later = false;
        loop {
            if let Some(used) = self.current.take() {
                self.given = 0;
                self.executed = None;
                if std::mem::take(&mut self.executed_last) {
                    self.large = None;
                }
                self.pipeline.stage().buffers.put(used.bytes);
                if let Some(done) = self.in_flight.pop_front() {
                    self.cost -= done.cost;
                    self.parts -= usize::from(done.is_part);
                }
                if let Some(error) = used.failure {
                    return Err(error);
                }
            }
            if let Some(decompressed) = self.pipeline.try_next()? {
                self.accept(decompressed)?;
            } else if !self.read_ahead()? {
                match self.pipeline.next(self.options.cancel)? {
                    Some(decompressed) => self.accept(decompressed)?,
                    None => return self.finish(),
                }
            }
            if !self.output().is_empty() {
                return Ok(());
            }
        }
    }

    fn accept(&mut self, mut decompressed: Decompressed) -> Result<()> {
        let executed = match decompressed.part.take() {
            Some(part) => self.execute(part, &mut decompressed)?,
            None => None,
        };
        let len = executed.as_ref().map_or(decompressed.bytes.len(), Range::len);
        let total = self.unpacked + len as u64;
        if total > self.options.max_output() {
            let text = format!(
                "the data decompresses to more than max_output of {} bytes",
                self.options.max_output()
            );
            return Err(Error::new(ErrorKind::LimitExceeded, text));
        }
        self.executed = executed;
        self.unpacked = total;
        count_bytes(decompressed.consumed as u64, len as u64);
        self.frames += decompressed.frames;
        let (consumed, content) = (decompressed.consumed, decompressed.content.take());
        self.current = Some(decompressed);
        if let (Some(mut checks), Some(content)) = (self.checks.take(), content) {
            let followed = checks.follow(content, self.output(), consumed);
            self.checks = Some(checks);
            if let (Err(error), Some(current)) = (followed, &mut self.current) {
                current.failure.get_or_insert(error); // after its bytes
            }
        }
        self.progress.add(consumed)
    }

    /// Executes a part of a frame; returns where its bytes are, unless they are in `result`, which gets the
    /// failure too.
    fn execute(&mut self, mut part: DecodedPart, result: &mut Decompressed) -> Result<Option<Range<usize>>> {
        let stage = self.pipeline.stage();
        if part.of.first {
            let counted = stage.meter.hold(self.plan.in_blocks(&part.of.header) as usize);
            self.spare = self.plan.spare(&part.of.header, &part.of.frame).unwrap_or(0);
            self.large = Some(Execution::begin(&part.of.header, part.of.outside.take(), counted)?);
        }
        let (last, frame) = (part.of.last, part.of.frame);
        let lost = || part.of.frame.error(ErrorKind::Internal, "its beginning is missing");
        let large = self.large.take().ok_or_else(lost)?;
        let execute = || large.part(part, result, &stage.buffers, &self.progress);
        let (large, range) = spend(Spent::Codec, execute)?;
        let other = |error| decode::or_other_reference(error, &frame, stage.references.get());
        result.failure = result.failure.take().map(other);
        if large.is_resumed() {
            self.splitter.resumed(frame.index);
        }
        self.large = Some(large);
        self.executed_last = last || result.failure.is_some();
        Ok(range)
    }

    fn finish(&mut self) -> Result<()> {
        match self.end.clone() {
            Some(Err(error)) => Err(error),
            Some(Ok(()))
                if self.options.complete && self.checks.as_ref().is_some_and(TableChecks::disagrees) =>
            {
                Err(seek_table::incomplete())
            }
            _ => {
                if self.end.is_none() {
                    if self.later {
                        return Err(Error::new(ErrorKind::Again, "the source has nothing now"));
                    }
                    return Err(Error::new(ErrorKind::Internal, "the stream stands still"));
                }
                if self.tells_end {
                    self.tells_end = false; // once
                    self.progress.finish(self.read)?;
                }
                Ok(())
            }
        }
    }
}
