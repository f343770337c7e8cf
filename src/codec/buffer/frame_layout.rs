//! The frame layout: an input is cut into frames by its size and the options, or by its content, never by the
//! number of threads.
//! A single frame is cut into sections, if it has several: what is said here of frames is then said of them.
#![forbid(unsafe_code)]

use crate::codec::format::seek_table;
use crate::codec::frame::cuts::{self, Cutter};
use crate::codec::frame::sections::Sections;
use crate::codec::options::progress::CallProgress;
use crate::codec::options::Options;
use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use crate::plan::{Plan, Schedule};
use std::ops::Range;
use std::sync::Arc;
use zstd::zstd_safe;

/// Frames of an input by default: the pool's default number of threads.
const FRAMES: usize = 24;
/// Frames are not made smaller than this for the sake of parallelism: smaller frames compress less.
const SMALLEST: usize = 512 << 10;
/// Frames are not made larger than this, for balance between threads and for the memory of decoders.
const LARGEST: usize = 64 << 20;

/// The frame layout of an input.
#[derive(Clone, Debug)]
pub(crate) struct FrameLayout {
    cut: Cut,
    seek_table: bool,
    /// The bytes before the sections of a single frame, and after them.
    around: (usize, usize),
}

#[derive(Clone, Debug)]
enum Cut {
    Even(Plan),
    /// Where each frame ends: the content says so.
    Content(Arc<[usize]>),
}

/// Bytes between two looks at the cancel flag.
const STEP: usize = 4 << 20;

impl FrameLayout {
    /// The layout of `src`.
    pub(crate) fn of(src: &[u8], options: &Options<'_>, progress: &CallProgress<'_>) -> Result<Self> {
        let Some(mut cutter) = Cutter::new(options) else { return Self::new(src.len(), options) };
        let mut ends = Vec::new();
        let mut at = 0;
        while at < src.len() {
            progress.add(0)?;
            let step = &src[at..src.len().min(at + STEP)];
            let end = cutter.next(step);
            at += end.unwrap_or(step.len());
            if end.is_some() || at == src.len() {
                if ends.len() == seek_table::MAX_FRAMES {
                    return Err(too_many(options, "more"));
                }
                if ends.len() == ends.capacity() {
                    let more = ends.len().max(32);
                    memory::reserve(&mut ends, more)?;
                }
                ends.push(at);
            }
        }
        let seek_table = options.complete || options.seek_table && ends.len() > 1;
        Ok(Self { cut: Cut::Content(ends.into()), seek_table, around: (0, 0) })
    }

    /// A capacity that is enough for `len` bytes with these options; `None`: it exceeds the largest buffer.
    pub(crate) fn bound_for(len: usize, options: &Options<'_>) -> Result<Option<usize>> {
        let layout = Self::new(len, options)?;
        if !options.rsyncable {
            return Ok(layout.bound());
        }
        // Each frame may be as small as frames get, and adds what libzstd adds to a small one.
        let frames = (len / cuts::sizes(options).0 + 1).min(seek_table::MAX_FRAMES);
        let small = frames.checked_mul(zstd_safe::compress_bound(0));
        let all = len.checked_add(len >> 8).zip(small).and_then(|(all, small)| all.checked_add(small));
        let all = all.and_then(|all| all.checked_add(seek_table::encoded_len(frames)));
        Ok(all.filter(|&bound| bound <= isize::MAX as usize))
    }

    /// The layout of `len` bytes.
    pub(crate) fn new(len: usize, options: &Options<'_>) -> Result<Self> {
        if len > isize::MAX as usize {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("an input of {len} bytes is more than any buffer can have"),
            ));
        }
        if options.complete && options.single_frame && u32::try_from(bound(len)).is_err() {
            let what = format!("a seek table cannot tell of a single frame of {len} bytes");
            return Err(Error::new(ErrorKind::InvalidArgument, what));
        }
        let sections = Sections::new(options, Some(len as u64));
        let schedule = if let Some(sections) = &sections {
            Schedule::Grain { grain: sections.len() }
        } else if options.single_frame {
            Schedule::Segments { segments: 1 }
        } else if options.frame_size == 0 {
            Schedule::Segments { segments: automatic(len) }
        } else {
            Schedule::Grain { grain: options.frame_size }
        };
        let plan = Plan::new(schedule, len, 1);
        if plan.chunks() > seek_table::MAX_FRAMES {
            return Err(too_many(options, &plan.chunks().to_string()));
        }
        let around = sections.map_or((0, 0), |sections| sections.heading().around());
        let seek_table = options.complete || options.seek_table && !options.single_frame && plan.chunks() > 1;
        Ok(Self { cut: Cut::Even(plan), seek_table, around })
    }

    /// The number of frames; an empty input makes one empty frame.
    pub(crate) fn frames(&self) -> usize {
        let frames = match &self.cut {
            Cut::Even(plan) => plan.chunks(),
            Cut::Content(ends) => ends.len(),
        };
        frames.max(1)
    }

    /// The bytes of the input that frame `frame` holds.
    pub(crate) fn range(&self, frame: usize) -> Range<usize> {
        match &self.cut {
            Cut::Even(plan) => {
                let walk = plan.walk(frame);
                walk.begin..walk.end
            }
            Cut::Content(ends) => {
                let begin = frame.checked_sub(1).map_or(0, |before| ends[before]);
                begin..ends.get(frame).copied().unwrap_or(begin)
            }
        }
    }

    /// The bytes of the largest frame.
    pub(crate) fn largest(&self) -> usize {
        match &self.cut {
            Cut::Even(plan) => plan.largest(),
            Cut::Content(_) => (0..self.frames()).map(|frame| self.range(frame).len()).max().unwrap_or(0),
        }
    }

    /// A capacity that is enough for frame `frame`.
    pub(crate) fn bound_of(&self, frame: usize) -> usize {
        zstd_safe::compress_bound(self.range(frame).len())
    }

    /// The bytes of the seek table that follows the frames, if any does.
    pub(crate) fn table_len(&self) -> usize {
        // Sections make one frame.
        let frames = if self.around == (0, 0) { self.frames() } else { 1 };
        if self.seek_table {
            seek_table::encoded_len(frames)
        } else {
            0
        }
    }

    /// The bytes before the frames: the header of a single frame that has sections.
    pub(crate) fn head(&self) -> usize {
        self.around.0
    }

    /// The bytes that follow the frames: the end of a single frame that has sections, and the seek table.
    pub(crate) fn tail(&self) -> usize {
        self.around.1 + self.table_len()
    }

    /// A capacity that is enough for everything; `None`: it exceeds the largest buffer.
    pub(crate) fn bound(&self) -> Option<usize> {
        let Cut::Even(plan) = &self.cut else {
            let add = |sum: usize, frame| sum.checked_add(self.bound_of(frame));
            return (0..self.frames())
                .try_fold(self.tail(), add)
                .filter(|&bound| bound <= isize::MAX as usize);
        };
        // Then the frames have at most two sizes, the larger ones first.
        let (first, last) = (self.range(0).len(), self.range(self.frames() - 1).len());
        let frames = self.frames();
        let larger = if first == last { frames } else { (plan.count() - last * frames) / (first - last) };
        let both = larger
            .checked_mul(zstd_safe::compress_bound(first))?
            .checked_add((frames - larger).checked_mul(zstd_safe::compress_bound(last))?)?;
        both.checked_add(self.head() + self.tail()).filter(|&bound| bound <= isize::MAX as usize)
    }
}

fn too_many(options: &Options<'_>, frames: &str) -> Error {
    let (size, most) = (options.frame_size, seek_table::MAX_FRAMES);
    let what = format!("frame_size {size} makes {frames} frames of this input, expected at most {most}");
    Error::new(ErrorKind::InvalidArgument, what)
}

/// A capacity that is enough for a frame of `len` bytes.
fn bound(len: usize) -> usize {
    zstd_safe::compress_bound(len)
}

/// The number of equal frames for `len` bytes.
fn automatic(len: usize) -> usize {
    if len / FRAMES < SMALLEST {
        (len / SMALLEST).max(1)
    } else {
        // Whole rounds of 24, so that 24 threads end together.
        FRAMES * len.div_ceil(FRAMES * LARGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn layout(len: usize, frame_size: usize) -> FrameLayout {
        FrameLayout::new(len, &Options { frame_size, ..Options::default() }).unwrap()
    }

    #[test]
    fn automatic_sizes() {
        for (len, frames) in [
            (0, 1),
            (1, 1),
            (SMALLEST * 2 - 1, 1),
            (SMALLEST * 2, 2),
            (SMALLEST * 24 - 1, 23),
            (SMALLEST * 24, 24),
            (LARGEST * 24, 24),
            (LARGEST * 24 + 1, 48),
            (LARGEST * 48 + 1, 72),
        ] {
            assert_eq!(layout(len, 0).frames(), frames, "{len}");
            assert!(layout(len, 0).largest() <= LARGEST);
        }
    }

    #[test]
    fn refuses_more_frames_than_the_table_can_hold() {
        let options = Options { frame_size: 1, ..Options::default() };
        assert!(FrameLayout::new(seek_table::MAX_FRAMES, &options).is_ok());
        let error = FrameLayout::new(seek_table::MAX_FRAMES + 1, &options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert_eq!(FrameLayout::new(usize::MAX, &options).unwrap_err().kind(), ErrorKind::InvalidArgument);
    }

    proptest! {
        #[test]
        fn bound_is_the_sum(len in 0usize..100_000_000, frame_size in prop_oneof![Just(0), 100_000usize..5_000_000]) {
            let layout = layout(len, frame_size);
            let sum: usize = (0..layout.frames()).map(|frame| layout.bound_of(frame)).sum();
            prop_assert_eq!(layout.bound(), Some(sum + layout.tail()));
            prop_assert_eq!(layout.range(layout.frames() - 1).end, len);
        }
    }
}
