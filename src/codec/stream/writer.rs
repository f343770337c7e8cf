//! Compressing a stream: tasks of one size are compressed in parallel, and their output is given to the sink
//! in order.
#![forbid(unsafe_code)]

use super::around::Around;
use super::buffers::{Buffer, Buffers, Meter};
use super::compress_stage::{CompressStage, Source};
use super::memory_plan::WritePlan;
use super::single_frame::{SingleFrame, Then};
use super::state::State;
use super::writer_tasks::BEGINNING;
use crate::codec::context::cache::{Cached, Reservation};
use crate::codec::context::contexts::{Compressor, SectionCompressor};
use crate::codec::context::encode::Recipe;
use crate::codec::format::seek_table::Growing;
use crate::codec::frame::cuts::Cutter;
use crate::codec::frame::sections::Sections;
use crate::codec::io::errors;
use crate::codec::io::input::Input;
use crate::codec::options::progress::CallProgress;
use crate::codec::options::Options;
use crate::error::{Error, ErrorKind, Result};
use crate::job::Pipeline;
use crate::pool::count_bytes;
use crate::trace;
use std::io::{self, Read, Write};
use std::ops::Range;
use std::sync::Arc;

/// Compresses the data that is written to it, in parallel, and writes the result to the caller's sink.
///
/// Frames are cut at a fixed size (see [`Options::frame_size`]) and by [`flush`](Self::flush). So the result
/// depends on the data and on where it is flushed, not on the sizes of single writes. The sink is called by
/// the thread that calls the writer, never by another. Data that is written and not finished is dropped with
/// the writer.
///
/// After a failure of any call every later call fails in the same way; after `finish` it fails with
/// [`ErrorKind::Closed`].
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
/// assert_eq!(fastpar::codec::decompress_to_vec(&compressed, &Options::default())?, b"many happy returns");
/// # Ok::<(), fastpar::Error>(())
/// ```
pub struct Writer<'a, W> {
    pub(super) pipeline: Pipeline<CompressStage>,
    pub(super) sink: W,
    pub(super) options: Options<'a>,
    pub(super) progress: CallProgress<'a>,
    pub(super) plan: WritePlan,
    pub(super) state: State,
    /// The input of the next task, which is being filled, behind what it overlaps.
    pub(super) current: Option<Buffer>,
    /// The bytes of the current input that it overlaps.
    pub(super) before: usize,
    /// Where the input file is read next.
    pub(super) offset: u64,
    /// Tasks submitted.
    pub(super) submitted: usize,
    pub(super) recipe: Recipe,
    /// Held until the last frame is compressed.
    pub(super) reservation: Option<Reservations>,
    /// What is around the sections of a single frame.
    pub(super) around: Option<Around>,
    pub(super) table: Growing,
    /// What says where frames end, unless it is their size.
    pub(super) cutter: Option<Cutter>,
    /// Whether data was compressed since the last flush.
    pub(super) dirty: bool,
    pub(super) consumed: u64,
    pub(super) written: u64,
}

impl<'a, W: Write> Writer<'a, W> {
    /// A writer to `sink`. The sink is not called yet, and no thread started.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`]: an option is out of range; [`ErrorKind::LimitExceeded`]: not even one
    /// lane fits into `max_memory`.
    pub fn new(sink: W, options: &Options<'a>) -> Result<Self> {
        Self::over(sink, options, None, None)
    }

    /// Like `new`, for `len` bytes, if they are known; with a file, [`fetch`](Self::fetch) reads them from
    /// the file.
    pub(crate) fn over(
        sink: W,
        options: &Options<'a>,
        len: Option<u64>,
        file: Option<Arc<Input>>,
    ) -> Result<Self> {
        trace::when_first_call(); // a short stream needs no pool
        let options = &options.compressing()?;
        let plan = WritePlan::new(options, len, file.is_some())?;
        let meter = Arc::new(Meter::default());
        let sections = Sections::new(options, len);
        let in_parts = plan.single && sections.is_none();
        let single = in_parts.then(|| SingleFrame::new(Recipe::streaming(options, len), len));
        let buffers = Buffers::new(&meter, plan.limit);
        let recipe = Recipe::new(options, plan.task_len);
        // A stream may stay open for days, so it reserves the context of one lane only; the others are
        // reserved while their tasks run (see the compress stage).
        let lanes = if file.is_some() { plan.lanes as usize } else { 1 };
        let reservation = match &sections {
            Some(sections) => {
                Some(Reservations::Sections(SectionCompressor::cache().reserve(lanes, sections.memory())))
            }
            // A frame in parts keeps its context itself.
            None if in_parts => None,
            None => Some(Reservations::Frames(Compressor::cache().reserve(lanes, recipe.memory()))),
        };
        let around = sections.as_ref().map(|sections| Around::new(sections.heading()));
        let (task_len, overlap) = (plan.task_len, plan.overlap);
        let prefix = options.prefix.cloned();
        let stage = CompressStage { meter, buffers, task_len, overlap, file, prefix, sections, single };
        Ok(Self {
            pipeline: Pipeline::new(stage, plan.lanes),
            sink,
            options: *options,
            progress: CallProgress::new(options, len),
            reservation,
            around,
            cutter: Cutter::new(options),
            recipe,
            plan,
            state: State::Open,
            current: None,
            before: 0,
            offset: 0,
            submitted: 0,
            table: Growing::new(
                options.seek_table && !options.single_frame,
                options.complete,
                if options.single_frame { 1 } else { plan.frames },
            )?,
            dirty: false,
            consumed: 0,
            written: 0,
        })
    }

    /// Takes all of `data`. Blocks while the sink does, or while as many tasks are in flight as the memory
    /// plan allows.
    ///
    /// # Errors
    /// The errors of the sink ([`ErrorKind::Io`], or an error of fastpar inside);
    /// [`ErrorKind::LimitExceeded`]: `max_output`, or the seek table exceeds `max_memory`;
    /// [`ErrorKind::Cancelled`], [`ErrorKind::OutOfMemory`], [`ErrorKind::Closed`], and the errors of
    /// starting the pool.
    pub fn write(&mut self, data: &[u8]) -> Result<()> {
        self.guarded(|writer| writer.take(data))
    }

    /// Ends the current frame (with `single_frame` only a section of it), and gives everything to the
    /// sink. If nothing was written since the last flush, only the sink is flushed. Every frame costs
    /// compression: flush rarely.
    ///
    /// # Errors
    /// Those of [`write`](Self::write).
    pub fn flush(&mut self) -> Result<()> {
        self.guarded(|writer| {
            writer.progress.add(0)?;
            if writer.has_current() || writer.in_parts() && writer.dirty {
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

    /// Like `finish`, without the last report of progress.
    pub(crate) fn end_data(&mut self) -> Result<()> {
        self.guarded_until(State::Finished, Self::end)?;
        self.reservation = None;
        Ok(())
    }

    /// The sink, and the progress of the call, for the caller who makes the last report. No task is in flight
    /// any more.
    pub(crate) fn into_parts(self) -> (W, CallProgress<'a>) {
        (self.sink, self.progress)
    }

    /// The sink.
    pub fn get_ref(&self) -> &W {
        &self.sink
    }

    /// Gives the sink back; data that is not finished is dropped.
    pub fn into_inner(self) -> W {
        self.sink
    }

    /// The bytes written to the sink.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// The bytes of the input that are compressed and given to the sink.
    pub fn consumed(&self) -> u64 {
        self.consumed
    }

    /// The frames begun.
    pub fn frames(&self) -> u64 {
        if self.plan.single {
            1
        } else {
            self.submitted as u64
        }
    }

    /// The most memory so far: buffers and contexts.
    pub fn peak_memory(&self) -> u64 {
        self.pipeline.stage().meter.peak() + self.table.memory() as u64
    }

    /// Takes a part of the input file.
    pub(crate) fn fetch(&mut self, part: Range<u64>) -> Result<()> {
        self.guarded(|writer| {
            let Range { start, end } = part;
            writer.offset = start;
            writer.progress.add(0)?;
            while writer.offset < end {
                let len = (end - writer.offset).min(writer.plan.task_len as u64) as usize;
                let known = writer.offset - start + writer.options.references().prefix_len() as u64;
                let before = (writer.plan.overlap as u64).min(known) as usize;
                let source = Source::Extent { offset: writer.offset, len, before };
                writer.offset += len as u64;
                writer.submit(source, len, before, Then::Go)?;
            }
            Ok(())
        })
    }

    /// Takes what one read of `source` gives, straight into the current task's input; returns how much, 0 at
    /// the end.
    pub(crate) fn fill_from(&mut self, source: &mut impl Read) -> Result<usize> {
        self.guarded(|writer| {
            let left = writer.left()?;
            let cuts = writer.cutter.is_some();
            let current = writer.current()?;
            // One read asks for all the room that is initialised already.
            let room = current.room(left.min(BEGINNING))?;
            let len = loop {
                match source.read(room) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    result => break result.map_err(|error| errors::io(&error, "reading"))?,
                }
            };
            if cuts {
                let bytes = room[..len].to_vec(); // of `BEGINNING` at most
                return writer.take(&bytes).map(|()| len);
            }
            current.advance(len);
            if len == left {
                writer.end_task(Then::Go)?;
            }
            Ok(len)
        })
    }

    /// Runs a step of an open writer. After any failure, a panic of the sink included, the writer is not used
    /// again.
    fn guarded<R>(&mut self, step: impl FnOnce(&mut Self) -> Result<R>) -> Result<R> {
        self.guarded_until(State::Open, step)
    }

    /// The same, and the writer is in the state `after` it if it succeeded.
    fn guarded_until<R>(&mut self, after: State, step: impl FnOnce(&mut Self) -> Result<R>) -> Result<R> {
        self.state.begin()?;
        let result = self.pipeline.check_process().and_then(|()| step(self));
        self.state = match &result {
            Ok(_) => after,
            Err(error) => {
                self.reservation = None;
                State::Failed(error.clone())
            }
        };
        result
    }

    pub(super) fn give(&mut self, bytes: &[u8]) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let written = self.written + bytes.len() as u64;
        if written > self.options.max_output() {
            let text = format!("the result is larger than max_output of {} bytes", self.options.max_output());
            return Err(Error::new(ErrorKind::LimitExceeded, text));
        }
        self.sink.write_all(bytes).map_err(|error| errors::io(&error, "writing"))?;
        self.written = written;
        count_bytes(0, bytes.len() as u64);
        Ok(())
    }
}

/// What keeps contexts in their caches.
pub(super) enum Reservations {
    Frames(#[expect(dead_code, reason = "held, not read")] Reservation<Compressor>),
    Sections(#[expect(dead_code, reason = "held, not read")] Reservation<SectionCompressor>),
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
