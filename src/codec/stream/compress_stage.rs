//! The compress stage: what the job engine's pipeline does to each task of a stream that is compressed.
#![forbid(unsafe_code)]

use super::buffers::{Buffer, Buffers, Meter, Side};
use super::single_frame::{SingleFrame, Then};
use crate::codec::context::cache::Cached;
use crate::codec::context::contexts::{Compressor, SectionCompressor};
use crate::codec::context::encode::Recipe;
use crate::codec::frame::sections::Sections;
use crate::codec::io::input::Input;
use crate::codec::options::progress::CallProgress;
use crate::codec::options::reference::Prefix;
use crate::error::{Error, ErrorKind, Result};
use crate::job::Stage;
use std::sync::atomic::AtomicI32;
use std::sync::Arc;
use zstd::zstd_safe;

/// Where a task's input comes from.
pub(crate) enum Source {
    /// The input itself.
    Bytes(Buffer),
    /// An extent of the input file, and so many bytes before it, of the prefix too.
    Extent { offset: u64, len: usize, before: usize },
}

/// A task of the stage.
pub(crate) struct CompressTask {
    pub(crate) source: Source,
    pub(crate) work: Work,
}

/// What a task's input becomes.
pub(crate) enum Work {
    /// A frame of its own.
    Frame { number: usize, recipe: Recipe },
    /// A section of the only frame, behind so many bytes of the content before it.
    Section { before: usize },
    /// A part of the only frame. Such tasks run one after the other.
    Part(Then),
}

/// The result of a task.
pub(crate) struct Compressed {
    pub(crate) bytes: Buffer,
    /// The bytes of the task's input.
    pub(crate) consumed: usize,
    /// The content itself, at the end of its buffer, where the checksum is still to be computed.
    pub(crate) content: Option<Buffer>,
}

/// See the module.
pub(crate) struct CompressStage {
    pub(crate) meter: Arc<Meter>,
    pub(crate) buffers: Buffers,
    /// The most bytes of a task's input, and of what is before it.
    pub(crate) task_len: usize,
    pub(crate) overlap: usize,
    pub(crate) file: Option<Arc<Input>>,
    /// What the content of the only frame follows.
    pub(crate) prefix: Option<Prefix>,
    pub(crate) sections: Option<Sections>,
    pub(crate) single: Option<SingleFrame>,
}

impl CompressStage {
    fn source(&self, source: Source) -> Result<Buffer> {
        match source {
            Source::Bytes(bytes) => Ok(bytes),
            Source::Extent { offset, len, before } => {
                let of_file = offset.min(before as u64) as usize;
                let of_prefix = before - of_file;
                let (offset, len) = (offset - of_file as u64, of_file + len);
                let mut bytes =
                    self.buffers.take(Side::Input, of_prefix + len, self.overlap + self.task_len)?;
                let prefix = self.prefix.as_ref().map_or(&[][..], Prefix::bytes);
                bytes.push(&prefix[prefix.len() - of_prefix..])?;
                let file = self.file.as_ref();
                let file = file.ok_or_else(|| Error::new(ErrorKind::Internal, "there is no file to read"))?;
                file.read_at(offset, bytes.room(len)?)?;
                bytes.advance(len);
                Ok(bytes)
            }
        }
    }
}

impl Stage for CompressStage {
    type Input = CompressTask;
    type Output = Compressed;

    fn run(&self, task: CompressTask, _lane: u32, cancel: &AtomicI32) -> Result<Compressed> {
        let progress = CallProgress::cancel_only(cancel);
        let input = self.source(task.source)?;
        // Always as large as the frame can become: with less room libzstd would write other bytes.
        let before = if let Work::Section { before } = task.work { before } else { 0 };
        let consumed = input.len() - before;
        let bound = zstd_safe::compress_bound(consumed);
        let most = zstd_safe::compress_bound(self.task_len);
        let mut bytes = self.buffers.take(Side::Output, bound, most)?;
        bytes.fill(|out| match (&task.work, &self.single) {
            (Work::Frame { number, recipe }, _) => {
                let _counted = self.meter.hold(recipe.memory());
                // This task's context will be needed again while other tasks are in flight, so it is
                // reserved. The writer of a file has reserved all contexts itself.
                let reserve = || Compressor::cache().reserve(1, recipe.memory());
                let _reserved = self.file.is_none().then(reserve);
                let size = recipe.encode(*number, input.filled(), out, &progress)?;
                size.map(drop).ok_or_else(|| Error::new(ErrorKind::Internal, "a frame has passed its bound"))
            }
            (Work::Section { .. }, _) => {
                let sections = self.sections.as_ref();
                let sections = sections.ok_or_else(|| Error::new(ErrorKind::Internal, "no sections"))?;
                let _counted = self.meter.hold(sections.memory());
                let reserve = || SectionCompressor::cache().reserve(1, sections.memory());
                let _reserved = self.file.is_none().then(reserve);
                sections.encode(input.filled(), before, out, &progress).map(drop)
            }
            (Work::Part(then), Some(single)) => {
                single.part(input.filled(), *then, out, &self.meter, &progress)
            }
            (Work::Part(_), None) => Err(Error::new(ErrorKind::Internal, "a part of no frame")),
        })?;
        if let Work::Section { .. } = task.work {
            return Ok(Compressed { bytes, consumed, content: Some(input) });
        }
        self.buffers.put(input);
        Ok(Compressed { bytes, consumed, content: None })
    }
}
