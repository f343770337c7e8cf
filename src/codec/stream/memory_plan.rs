//! The memory plan: the task size of a stream, and how many tasks are in flight. As many as keep every lane
//! busy, and as few as the memory allows.
#![forbid(unsafe_code)]

use crate::codec::context::decode;
use crate::codec::context::encode::Recipe;
use crate::codec::context::lanes;
use crate::codec::format::frame::Frame;
use crate::codec::format::seek_table::{self, Growing};
use crate::codec::frame::blocks::parts::{Executor, MOST_BLOCKS, MOST_IN_PART};
use crate::codec::frame::blocks::{Header, SLOT_MEMORY};
use crate::codec::frame::cuts::{self, frame_size};
use crate::codec::frame::resume::Resumed;
use crate::codec::frame::sections::Sections;
use crate::codec::libzstd::{calls, section};
use crate::codec::options::Options;
use crate::error::{Error, ErrorKind, Result};
use zstd::zstd_safe;

/// Where this libzstd cannot do sections, a single frame is compressed in parts of so many bytes.
const PART: usize = 1 << 20;
/// Frames that the seek table has room for at first if their number is not known; the table grows.
const UNKNOWN_FRAMES: usize = 1024;
/// The memory that a stream keeps to by default, unless its frames are larger than the default at level 3.
const MEMORY: u64 = 240 << 20;
/// The memory that the sections of a single frame keep to by default, if that is enough for a lane.
const SECTIONS_MEMORY: u64 = 2 << 30;
/// The least memory that a stream can be read with.
const LEAST_MEMORY: u64 = 2 << 20;

/// The memory of the dictionaries that counts towards limits.
fn dictionary(options: &Options<'_>) -> u64 {
    options.dict_memory() as u64
}

/// The memory plan of a writer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WritePlan {
    /// The uncompressed bytes of a task.
    pub(crate) task_len: usize,
    /// Threads, the caller included.
    pub(crate) lanes: u32,
    /// The most tasks in flight.
    pub(crate) slots: usize,
    /// Whether all tasks make one frame.
    pub(crate) single: bool,
    /// The bytes before a task's own that it is compressed with.
    pub(crate) overlap: usize,
    /// Frames that the seek table has room for from the beginning.
    pub(crate) frames: usize,
    /// The most memory that the call may take.
    pub(crate) limit: u64,
}

impl WritePlan {
    /// The plan for `len` bytes, if they are known; `fetched`: each task reads its own input.
    pub(crate) fn new(options: &Options<'_>, len: Option<u64>, fetched: bool) -> Result<Self> {
        let sections = Sections::new(options, len);
        // A frame of one section is compressed like any other.
        let single = sections.is_some() || options.single_frame && !section::AVAILABLE;
        let frame = match (&sections, len) {
            (Some(sections), _) => sections.len(),
            (None, Some(len)) if options.single_frame && !single => {
                usize::try_from(len).unwrap_or(usize::MAX).max(1)
            }
            _ if single => PART,
            _ if options.rsyncable => cuts::sizes(options).1,
            _ => frame_size(options),
        };
        let task_len = len.map_or(frame, |len| len.clamp(1, frame as u64) as usize);
        let tasks = len.map_or(u64::MAX, |len| len.div_ceil(task_len as u64).max(1));
        let mut lanes = lanes(options.max_lanes)?.min(u32::try_from(tasks).unwrap_or(u32::MAX));
        let context;
        if let Some(sections) = &sections {
            context = sections.memory();
        } else if single {
            // One thread compresses, the other reads and writes.
            lanes = lanes.min(2);
            context = Recipe::streaming(options, len).memory();
        } else {
            context = Recipe::new(options, task_len).memory();
        }
        // The memory that each lane and each task in flight needs, and the buffer that the caller is filling.
        let bound = zstd_safe::compress_bound(task_len);
        let overlap = sections.as_ref().map_or(0, Sections::overlap);
        let input = overlap + task_len;
        let (lane, slot, extra) = match (&sections, fetched) {
            // The input is kept until its checksum is computed, in order.
            (Some(_), true) => (0, input + bound, 0),
            (None, true) => (input, bound, 0),
            (_, false) => (0, input + bound, input),
        };
        let known = len.map_or(UNKNOWN_FRAMES, |_| usize::try_from(tasks).unwrap_or(usize::MAX));
        let frames = known.min(seek_table::MAX_FRAMES);
        let others =
            dictionary(options) + if options.single_frame { 0 } else { Growing::size(frames) as u64 };
        let need = |lanes: u32, slots: usize| {
            let contexts = if single && sections.is_none() { 1 } else { u64::from(lanes) };
            let fixed = contexts * context as u64 + u64::from(lanes) * lane as u64;
            // The next section's buffer gets the overlap before the one before it is compressed.
            let extra = if lanes > 1 || sections.is_some() { extra as u64 } else { 0 };
            others + fixed + slots as u64 * slot as u64 + extra
        };
        let least = |lanes: u32| if lanes == 1 { 1 } else { lanes as usize + 1 };
        let limit = if options.max_memory == 0 { u64::MAX } else { options.max_memory };
        if need(1, 1) > limit {
            return Err(too_little(limit, need(1, 1)));
        }
        // The sections of the highest levels, and of large windows, are large.
        let most = if sections.is_some() && options.max_memory == 0 { SECTIONS_MEMORY } else { limit };
        while lanes > 1 && need(lanes, least(lanes)) > most {
            lanes -= 1;
        }
        let mut slots = least(lanes);
        let most = if lanes == 1 { 1 } else { 2 * lanes as usize + 2 };
        let most = most.min(usize::try_from(tasks).unwrap_or(usize::MAX));
        while slots < most && need(lanes, slots + 1) <= limit.min(MEMORY) {
            slots += 1;
        }
        Ok(Self { task_len, lanes, slots, single, overlap, frames, limit })
    }
}

/// The memory plan of a reader.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadPlan {
    /// Threads, the caller included.
    pub(crate) lanes: u32,
    /// The most tasks in flight.
    pub(crate) slots: usize,
    /// The most memory that the call may take, beside one window unless it is `strict`.
    pub(crate) limit: u64,
    pub(crate) strict: bool,
    /// Frames that need more memory, input and output together, are decoded in parts.
    pub(crate) whole: u64,
    /// The bytes that a part decodes to.
    pub(crate) part: u64,
    /// The bytes that the source is asked for at a time.
    pub(crate) read: usize,
}

/// The most memory of a buffer for `bytes` bytes: with headroom, so that it serves again for a size that is a
/// little larger.
pub(crate) fn with_headroom(bytes: u64) -> u64 {
    bytes.saturating_add(bytes / 4)
}

impl ReadPlan {
    pub(crate) fn new(options: &Options<'_>) -> Result<Self> {
        let limit = if options.max_memory == 0 { MEMORY } else { options.max_memory };
        let dictionary = if options.max_memory == 0 { 0 } else { dictionary(options) };
        if limit < LEAST_MEMORY + dictionary {
            return Err(too_little(limit, LEAST_MEMORY + dictionary));
        }
        let limit = limit - dictionary;
        let contexts = limit / 8 / decode::memory() as u64;
        let lanes = lanes(options.max_lanes)?.min(u32::try_from(contexts).unwrap_or(u32::MAX)).max(1);
        let room = limit - u64::from(lanes) * decode::memory() as u64;
        Ok(Self {
            lanes,
            slots: 2 * lanes as usize + 2,
            limit: room,
            strict: options.max_memory != 0,
            whole: room / 3,
            part: (room / 16).clamp(128 << 10, 1 << 20),
            read: (room / 16).clamp(64 << 10, 256 << 10) as usize,
        })
    }

    /// The memory that executing the parts of a frame takes, by libzstd at last.
    pub(crate) fn in_blocks(&self, header: &Header) -> u64 {
        // libzstd may need as many bytes once more as repeat offsets can reach back into a dictionary.
        let outside = if header.outside > 0 { header.window + header.outside as u64 } else { 0 };
        Executor::memory(header, MOST_IN_PART)
            .saturating_add(outside)
            .saturating_add(Resumed::memory() as u64)
    }

    /// The memory that is left while two parts of a frame are decoded, and one is executed; `None`: that is
    /// too much.
    pub(crate) fn spare(&self, header: &Header, frame: &Frame) -> Option<u64> {
        let in_flight = 2 * MOST_BLOCKS as u64 * SLOT_MEMORY as u64;
        self.limit_for(frame).checked_sub(self.in_blocks(header).saturating_add(in_flight))
    }

    /// The most memory that the call may take while it decodes that frame in parts.
    pub(crate) fn limit_for(&self, frame: &Frame) -> u64 {
        let window = frame.window.min(frame.content_size.unwrap_or(u64::MAX));
        self.limit.saturating_add(if self.strict { 0 } else { window })
    }

    /// The memory that decoding a frame in parts takes, its arrived data not counted.
    pub(crate) fn in_parts(&self, frame: &Frame) -> u64 {
        (context(frame) as u64).saturating_add(2 * with_headroom(self.read as u64 + self.part))
    }
}

/// The memory of a context that decodes a frame in parts.
pub(crate) fn context(frame: &Frame) -> usize {
    calls::stream_decompressor_size(frame.window.min(frame.content_size.unwrap_or(u64::MAX)))
}

fn too_little(limit: u64, need: u64) -> Error {
    let text = format!("max_memory is {limit}, but one lane needs {need} bytes");
    Error::new(ErrorKind::LimitExceeded, text).with_needed(need)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_follow_the_window() {
        let size = |level, window_log| frame_size(&Options { level, window_log, ..Options::default() });
        assert_eq!(size(1, 0), 4 << 20);
        assert_eq!(size(3, 0), 4 << 20);
        assert_eq!(size(19, 0), 16 << 20);
        assert_eq!(size(22, 0), 64 << 20);
        assert_eq!(size(3, 31), 64 << 20);
        assert_eq!(size(3, 10), 4 << 20);
        assert_eq!(frame_size(&Options { frame_size: 17, ..Options::default() }), 17);
    }

    #[test]
    fn memory_is_kept() {
        for max_memory in [12 << 20, 30 << 20, 1 << 30] {
            for fetched in [false, true] {
                let options = Options { max_memory, ..Options::default() };
                let plan = WritePlan::new(&options, None, fetched).unwrap();
                assert!(plan.lanes >= 1 && plan.slots >= 1);
            }
        }
        let options = Options { max_memory: 1 << 20, ..Options::default() };
        let error = WritePlan::new(&options, None, false).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
        let options = Options { max_memory: error.needed().unwrap(), ..options };
        assert_eq!(WritePlan::new(&options, None, false).unwrap().slots, 1);
        assert!(WritePlan::new(&options, Some(1000), false).is_ok());
        assert_eq!(
            ReadPlan::new(&Options { max_memory: 1, ..Options::default() }).unwrap_err().needed(),
            Some(LEAST_MEMORY)
        );
    }
}
