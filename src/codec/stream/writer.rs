//! Compressing a stream: pieces of one size are compressed at the same time, and given to the sink in order.
#![forbid(unsafe_code)]

use super::buffers::{Buffer, Buffers, Meter, Side};
use super::compress_stage::{CompressStage, CompressTask, Compressed, Source, Work};
use super::memory_plan::WritePlan;
use super::single_frame::{SingleFrame, Then};
use crate::codec::context::cache::{Cached, Reservation};
use crate::codec::context::contexts::Compressor;
use crate::codec::context::encode::Recipe;
use crate::codec::format::seek_table::Growing;
use crate::codec::io::errors;
use crate::codec::io::input::Input;
use crate::codec::options::progress::CallProgress;
use crate::codec::options::Options;
use crate::error::{Error, ErrorKind, Result};
use crate::job::Pipeline;
use std::io::{self, Read, Write};
use std::sync::Arc;

/// Bytes that a buffer begins with where frames are large: it grows as it is filled.
const BEGINNING: usize = 4 << 20;
/// Bytes of the seek table that are given to the sink at a time.
const TABLE_WRITE: usize = 64 << 10;

/// Compresses what is written to it, in parallel, and writes the result to a sink of the caller's.
///
/// Frames are cut every so many bytes (see [`Options::frame_size`]) and by [`flush`](Self::flush), so the result depends on what is
/// written and on where it is flushed, not on how it is cut into calls. The sink is called by the thread that calls the
/// writer, never by another. What is written and not finished is dropped with the writer.
///
/// After a failure of any call every later one fails in the same way; after `finish` it is [`ErrorKind::Closed`].
///
/// ```
/// use fastpar::codec::{Options, Writer};
///
/// let mut writer = Writer::new(Vec::new(), &Options::default())?;
/// for part in ["many ", "happy ", "returns"] {
///     writer.write(part.as_bytes())?;
/// }
/// writer.finish()?;
/// let compressed = writer.into_inner();
/// assert_eq!(fastpar::codec::decompress_to_vec(&packed, &Options::default())?, b"many happy returns");
/// # Ok::<(), fastpar::Error>(())
/// ```
pub struct Writer<'a, W> {
    pipeline: Pipeline<CompressStage>,
    sink: W,
    options: Options<'a>,
    progress: CallProgress<'a>,
    plan: WritePlan,
    state: State,
    /// The piece that is being filled.
    current: Option<Buffer>,
    /// Where the input file is read next.
    offset: u64,
    /// Pieces begun.
    pieces: usize,
    recipe: Recipe,
    /// Until the last frame is compressed.
    reservation: Option<Reservation<Compressor>>,
    table: Growing,
    /// Something was compressed since the last flush.
    dirty: bool,
    consumed: u64,
    written: u64,
}

enum State {
    Open,
    Finished,
    Failed(Error),
}

impl<'a, W: Write> Writer<'a, W> {
    /// A writer to `sink`. Nothing is written yet, and no thread started.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`]: an option; [`ErrorKind::LimitExceeded`]: not even one lane fits into `max_memory`.
    pub fn new(sink: W, options: &Options<'a>) -> Result<Self> {
        Self::over(sink, options, None, None)
    }

    /// The same, for so many bytes if that is known; with a file, they are read from there by [`fetch`](Self::fetch).
    pub(crate) fn over(
        sink: W,
        options: &Options<'a>,
        len: Option<u64>,
        file: Option<Arc<Input>>,
    ) -> Result<Self> {
        options.check()?;
        let plan = WritePlan::new(options, len, file.is_some())?;
        let meter = Arc::new(Meter::default());
        let single = plan.single.then(|| SingleFrame::new(Recipe::streaming(options, len), len));
        let buffers = Buffers::new(&meter, plan.limit);
        let recipe = Recipe::new(options, plan.task_len);
        // A stream may stay open for days, and lends for one lane; the others while they work (see the stage).
        let lanes = if file.is_some() { plan.lanes as usize } else { 1 };
        let reserve = || Compressor::cache().reserve(lanes, recipe.memory());
        let stage = CompressStage { meter, buffers, task_len: plan.task_len, file, single };
        Ok(Self {
            pipeline: Pipeline::new(stage, plan.lanes),
            sink,
            options: *options,
            progress: CallProgress::new(options, len),
            // A single frame keeps its context itself.
            reservation: (!plan.single).then(reserve),
            recipe,
            plan,
            state: State::Open,
            current: None,
            offset: 0,
            pieces: 0,
            table: Growing::new(options.seek_table && !plan.single, plan.frames)?,
            dirty: false,
            consumed: 0,
            written: 0,
        })
    }

    /// Takes all of `data`. Blocks while the sink does, or while as much is under way as may be.
    ///
    /// # Errors
    /// Those of the sink ([`ErrorKind::Io`], or the error of fastpar's that it returned inside); [`ErrorKind::LimitExceeded`]:
    /// `max_output`, or `max_memory` by the seek table; [`ErrorKind::Cancelled`], [`ErrorKind::OutOfMemory`], [`ErrorKind::Closed`], and
    /// those of starting the pool.
    pub fn write(&mut self, data: &[u8]) -> Result<()> {
        self.guarded(|writer| writer.take(data))
    }

    /// Ends the current frame, and gives everything to the sink; with `single_frame` only a block is ended. Nothing happens where
    /// nothing was written since the last time, but that the sink is flushed. Every frame costs compression: flush rarely.
    ///
    /// # Errors
    /// Those of [`write`](Self::write).
    pub fn flush(&mut self) -> Result<()> {
        self.guarded(|writer| {
            writer.progress.add(0)?;
            if writer.has_current() || writer.plan.single && writer.dirty {
                writer.end_task(Then::Flush)?;
                writer.dirty = false;
            }
            writer.drain(0)?;
            writer.sink.flush().map_err(|error| errors::io(&error, "flushing"))
        })
    }

    /// Ends the data: the last frame and the seek table are given to the sink.
    ///
    /// # Errors
    /// Those of [`write`](Self::write).
    pub fn finish(&mut self) -> Result<()> {
        self.end_data()?;
        self.progress.finish(self.consumed)?;
        Ok(())
    }

    /// The same, but for the last report of progress.
    pub(crate) fn end_data(&mut self) -> Result<()> {
        self.guarded(Self::end)?;
        self.state = State::Finished;
        self.reservation = None;
        Ok(())
    }

    /// The sink, and who is to be told that all is done. Nothing is in flight any more.
    pub(crate) fn into_parts(self) -> (W, CallProgress<'a>) {
        (self.sink, self.progress)
    }

    /// The sink.
    pub fn get_ref(&self) -> &W {
        &self.sink
    }

    /// Gives the sink back; what is not finished is dropped.
    pub fn into_inner(self) -> W {
        self.sink
    }

    /// Bytes written to the sink.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Bytes of the input that are compressed and given to the sink.
    pub fn consumed(&self) -> u64 {
        self.consumed
    }

    /// Frames begun.
    pub fn frames(&self) -> u64 {
        if self.plan.single {
            1
        } else {
            self.pieces as u64
        }
    }

    /// The most memory that it took so far: buffers and contexts.
    pub fn peak_memory(&self) -> u64 {
        self.pipeline.stage().meter.peak() + self.table.memory() as u64
    }

    /// Takes the next piece from the input file.
    pub(crate) fn fetch(&mut self, len: u64) -> Result<()> {
        self.guarded(|writer| {
            let end = writer.offset + len;
            writer.progress.add(0)?;
            while writer.offset < end {
                let len = (end - writer.offset).min(writer.plan.task_len as u64) as usize;
                let source = Source::Extent { offset: writer.offset, len };
                writer.offset += len as u64;
                writer.submit(source, len, Then::Go)?;
            }
            Ok(())
        })
    }

    /// Takes what `source` has, straight into the current piece; returns how much, 0 at the end.
    pub(crate) fn fill_from(&mut self, source: &mut impl Read) -> Result<usize> {
        self.guarded(|writer| {
            let left = writer.plan.task_len - writer.current()?.len();
            let current = writer.current()?;
            // What is already initialised and fits is asked for at once.
            let room = current.room(left.min(BEGINNING))?;
            let len = loop {
                match source.read(room) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    result => break result.map_err(|error| errors::io(&error, "reading"))?,
                }
            };
            current.advance(len);
            if len == left {
                writer.end_task(Then::Go)?;
            }
            Ok(len)
        })
    }

    /// Runs a step of an open writer; whatever goes wrong, a panic of the sink included, it is not used again.
    fn guarded<R>(&mut self, step: impl FnOnce(&mut Self) -> Result<R>) -> Result<R> {
        let unfinished = Error::new(ErrorKind::Closed, "the writer was left in the middle of a call");
        match std::mem::replace(&mut self.state, State::Failed(unfinished)) {
            State::Open => {}
            State::Finished => {
                self.state = State::Finished;
                return Err(Error::new(ErrorKind::Closed, "the stream is finished"));
            }
            State::Failed(error) => {
                self.state = State::Failed(error.clone());
                return Err(error);
            }
        }
        let result = self.pipeline.check_process().and_then(|()| step(self));
        self.state = match &result {
            Ok(_) => State::Open,
            Err(error) => {
                self.reservation = None;
                State::Failed(error.clone())
            }
        };
        result
    }

    fn take(&mut self, mut data: &[u8]) -> Result<()> {
        self.progress.add(0)?;
        while !data.is_empty() {
            let piece = self.plan.task_len;
            let current = self.current()?;
            let (now, rest) = data.split_at(data.len().min(piece - current.len()));
            current.push(now)?;
            data = rest;
            if current.len() == piece {
                self.end_task(Then::Go)?;
            }
        }
        Ok(())
    }

    fn has_current(&self) -> bool {
        self.current.as_ref().is_some_and(|current| current.len() > 0)
    }

    fn current(&mut self) -> Result<&mut Buffer> {
        let fresh = match self.current.take() {
            Some(current) => current,
            None => {
                let piece = self.plan.task_len;
                self.pipeline.stage().buffers.take(Side::Input, piece.min(BEGINNING), piece)?
            }
        };
        Ok(self.current.insert(fresh))
    }

    /// Ends the current piece.
    fn end_task(&mut self, then: Then) -> Result<()> {
        let current = match self.current.take() {
            Some(current) => current,
            None => self.pipeline.stage().buffers.take(Side::Input, 0, self.plan.task_len)?,
        };
        let len = current.len();
        self.submit(Source::Bytes(current), len, then)
    }

    /// Sends a piece on its way, and gives to the sink what is ready.
    fn submit(&mut self, source: Source, len: usize, then: Then) -> Result<()> {
        self.drain(self.plan.slots - 1)?;
        let work = if self.plan.single {
            Work::Part(then)
        } else if len == self.plan.task_len {
            Work::Frame { number: self.pieces, recipe: self.recipe.clone() }
        } else {
            Work::Frame { number: self.pieces, recipe: Recipe::new(&self.options, len) }
        };
        self.pieces += 1;
        self.dirty = true;
        self.pipeline.submit(CompressTask { source, work }, self.plan.single)?;
        if self.plan.lanes == 1 {
            return self.drain(0);
        }
        while let Some(compressed) = self.pipeline.try_next()? {
            self.emit(compressed)?;
        }
        Ok(())
    }

    /// Goes on until at most `left` pieces are under way.
    fn drain(&mut self, left: usize) -> Result<()> {
        while self.pipeline.in_flight() > left {
            match self.pipeline.next(self.options.cancel)? {
                Some(compressed) => self.emit(compressed)?,
                None => break,
            }
        }
        Ok(())
    }

    fn emit(&mut self, compressed: Compressed) -> Result<()> {
        let Compressed { bytes, consumed } = compressed;
        self.give(bytes.filled())?;
        if !self.plan.single {
            let limit = self.plan.limit.saturating_sub(self.pipeline.stage().meter.peak());
            self.table.push((bytes.len() as u32, consumed as u32), limit)?; // of 1 GiB at most
        }
        self.pipeline.stage().buffers.put(bytes);
        self.consumed += consumed as u64;
        self.progress.add(consumed)
    }

    fn give(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.written + bytes.len() as u64;
        if written > self.options.max_output() {
            let text = format!("the result is larger than max_output of {} bytes", self.options.max_output());
            return Err(Error::new(ErrorKind::LimitExceeded, text));
        }
        self.sink.write_all(bytes).map_err(|error| errors::io(&error, "writing"))?;
        self.written = written;
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        self.progress.add(0)?;
        // Empty data makes an empty frame; a single frame has to be ended.
        if self.has_current() || self.pieces == 0 || self.plan.single {
            self.end_task(Then::End)?;
        }
        self.drain(0)?;
        let table = std::mem::take(&mut self.table);
        let mut table = table.bytes();
        loop {
            let piece: Vec<u8> = table.by_ref().take(TABLE_WRITE).collect();
            if piece.is_empty() {
                break;
            }
            self.give(&piece)?;
        }
        self.sink.flush().map_err(|error| errors::io(&error, "flushing"))
    }
}

impl<W: Write> Write for Writer<'_, W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        Writer::write(self, data).map_err(errors::to_io)?;
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Writer::flush(self).map_err(errors::to_io)
    }
}
