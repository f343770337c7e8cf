//! Options of the codec.
#![forbid(unsafe_code)]

use dict::Dict;
use reference::{Dicts, Prefix, References, LONGEST_PREFIX};
pub(crate) mod dict;
pub(crate) mod level;
pub(crate) mod limits;
pub(crate) mod progress;
pub(crate) mod reference;

use crate::codec::libzstd::section;
use crate::error::{Error, ErrorKind, Result};
use crate::job::{Control, Progress};
use level::{check_level, level_or_default};
use std::ops::RangeInclusive;
use std::sync::atomic::AtomicI32;

/// The largest `frame_size`: the seekable format's limit, 1 GiB.
pub const MAX_FRAME_SIZE: usize = 1 << 30;

/// The smallest and the largest window that libzstd can make and decode, as powers of two.
pub(crate) const SMALLEST_WINDOW_LOG: u32 = 10;
pub(crate) const LARGEST_WINDOW_LOG: u32 = if usize::BITS < 64 { 30 } else { 31 };
const WINDOW_LOGS: RangeInclusive<u32> = SMALLEST_WINDOW_LOG..=LARGEST_WINDOW_LOG;

/// The largest window that is decoded unless the caller allows more: 128 MiB, as in the `zstd` program.
const DEFAULT_WINDOW_LOG_MAX: u32 = 27;
/// The window of long-distance matching, as in the `zstd` program.
const LONG_WINDOW_LOG: u32 = 27;
/// The number of libzstd's strategies.
const STRATEGIES: u32 = 9;

/// Options of the codec, the same for both directions: an option that concerns the other direction has no
/// effect, but must be in its range. The default asks for level 3, checksums and a seek table, and sets no
/// limits.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Compression level, within [`level::level_range`]; 0: the dictionary's, or 3.
    pub level: i32,
    /// Whether frames end with a checksum. When decoding, checksums in the data are always verified.
    pub checksum: bool,
    /// Whether a seek table follows if there are several frames.
    pub seek_table: bool,
    /// Whether data has to end with a seek table that tells all frames. Compressing: a table is written for a
    /// single frame, too. Decoding: [`ErrorKind::Truncated`] where there is none. Compressing batches:
    /// no effect.
    pub complete: bool,
    /// Streams that are decompressed: a seek table is expected at the end, and what it tells of frames is
    /// compared with what they hold: [`ErrorKind::Checksum`]. Files find out by themselves; so does data
    /// in memory.
    pub check_table: bool,
    /// One frame, compressed in sections by several lanes; `frame_size` must be 0.
    pub single_frame: bool,
    /// Long-distance matching, with a window of 128 MiB unless `window_log` says otherwise.
    pub long: bool,
    /// Frames end where a rolling hash of the content says so, at about `frame_size` bytes; not for a single
    /// frame.
    pub rsyncable: bool,
    /// Files only: the data is on the disk when the call returns.
    pub sync: bool,
    /// Files only: holes in the target where the data is zero.
    pub sparse: bool,
    /// Files only: an existing target is never replaced.
    pub keep: bool,
    /// Files only: an ordinary target that a rename cannot replace is overwritten in place.
    pub in_place: bool,
    /// Uncompressed bytes per frame, at most [`MAX_FRAME_SIZE`]; 0: 24 equal frames, fewer when they would be
    /// under 512 KiB, a multiple of 24 when they would pass 64 MiB. Streams and files: 4 MiB, or two windows
    /// where that is more, up to 64 MiB.
    pub frame_size: usize,
    /// Threads that may work on the call at the same time, the caller included; 0: as many as the CPUs of the
    /// process, at most the pool's threads.
    pub max_lanes: u32,
    /// Compressing: the window as a power of two, 0: by level; one larger than the level's own also turns
    /// long-distance matching on. Decoding: the largest window accepted, 0: 27.
    pub window_log: u32,
    /// Compressing: libzstd's strategy, 1 (fast) to 9 (btultra2); 0: by level.
    pub strategy: u32,
    /// The most bytes that may come out; 0: what the destination holds.
    pub max_output: u64,
    /// The most working memory of the call; fewer lanes are used to keep to it; 0: no limit.
    pub max_memory: u64,
    /// The dictionary to compress with, or to decode frames with that need it or do not say.
    pub dict: Option<&'a Dict>,
    /// Decoding: more dictionaries, for frames that name one of them.
    pub dicts: Option<&'a Dicts>,
    /// What the single frame may repeat, or what frames that name no dictionary were made with; not together
    /// with `dict`.
    pub prefix: Option<&'a Prefix>,
    /// Non-zero: the call fails with [`ErrorKind::Cancelled`].
    pub cancel: Option<&'a AtomicI32>,
    /// Compressing files only: where the part of the source begins, and its bytes; 0: up to the end.
    pub src_offset: u64,
    /// See `src_offset`.
    pub src_size: u64,
    /// Called with (uncompressed bytes done, total). The total is `u64::MAX` while it is unknown.
    pub progress: Option<Progress<'a>>,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            level: 0,
            checksum: true,
            seek_table: true,
            complete: false,
            check_table: false,
            single_frame: false,
            long: false,
            rsyncable: false,
            sync: false,
            sparse: false,
            keep: false,
            in_place: false,
            frame_size: 0,
            max_lanes: 0,
            window_log: 0,
            strategy: 0,
            max_output: 0,
            max_memory: 0,
            dict: None,
            dicts: None,
            prefix: None,
            cancel: None,
            src_offset: 0,
            src_size: 0,
            progress: None,
        }
    }
}

impl<'a> Options<'a> {
    /// Checks every range, whatever the direction.
    pub(crate) fn check(&self) -> Result<()> {
        check_level(self.level)?;
        if self.frame_size > MAX_FRAME_SIZE {
            return invalid(format!(
                "frame_size is {}, expected at most {MAX_FRAME_SIZE}; a single frame may be larger",
                self.frame_size
            ));
        }
        if self.single_frame && self.frame_size != 0 {
            return invalid(format!("frame_size is {}, but a single frame is asked for", self.frame_size));
        }
        if self.single_frame && self.rsyncable {
            return invalid(
                "frames are to end where the content says so, but a single one is asked for".to_owned(),
            );
        }
        if self.window_log != 0 && !WINDOW_LOGS.contains(&self.window_log) {
            return invalid(format!(
                "window_log is {}, expected {} to {}",
                self.window_log,
                WINDOW_LOGS.start(),
                WINDOW_LOGS.end()
            ));
        }
        if self.strategy > STRATEGIES {
            return invalid(format!("strategy is {}, expected 0 to {STRATEGIES}", self.strategy));
        }
        if let Some(prefix) = self.prefix {
            if self.dict.is_some() {
                return invalid("there are both a prefix and a dictionary, expected one of them".to_owned());
            }
            if prefix.len() > LONGEST_PREFIX {
                let len = prefix.len();
                return invalid(format!("a prefix of {len} bytes, expected at most {LONGEST_PREFIX}"));
            }
        }
        Ok(())
    }

    /// Checks the options of a call that compresses; returns those that concern it.
    pub(crate) fn compressing(&self) -> Result<Self> {
        self.check()?;
        if self.complete && !self.seek_table {
            return invalid("a seek table is to be left out, and there has to be one".to_owned());
        }
        let prefix = self.prefix.filter(|prefix| prefix.len() > 0);
        if prefix.is_some() && !self.single_frame {
            return invalid("there is a prefix, but no single frame is asked for".to_owned());
        }
        if prefix.is_some() && !section::AVAILABLE {
            let what = "a prefix needs the libzstd that comes with fastpar";
            return Err(Error::new(ErrorKind::Unsupported, what));
        }
        Ok(Self { dicts: None, prefix, ..*self })
    }

    /// Whether a stream of frames is compared with the seek table behind it.
    pub(crate) fn expects_table(&self) -> bool {
        self.complete || self.check_table
    }

    /// What frames may refer to.
    pub(crate) fn references(&self) -> References<'a> {
        References { dict: self.dict, dicts: self.dicts, prefix: self.prefix }
    }

    /// The window that is asked for when compressing, as a power of two; 0: by level.
    pub(crate) fn wanted_window_log(&self) -> u32 {
        if self.long && self.window_log == 0 {
            LONG_WINDOW_LOG
        } else {
            self.window_log
        }
    }

    /// The memory of the dictionaries.
    pub(crate) fn dict_memory(&self) -> usize {
        let own = self.dict.map_or(0, |dict| dict.memory(self.level()));
        own.saturating_add(self.dicts.map_or(0, Dicts::memory))
    }

    /// The level, with the default filled in.
    pub(crate) fn level(&self) -> i32 {
        match self.dict {
            Some(dict) if self.level == 0 => dict.level(),
            _ => level_or_default(self.level),
        }
    }

    /// The largest window to decode, as a power of two.
    pub(crate) fn window_log_max(&self) -> u32 {
        if self.window_log == 0 {
            DEFAULT_WINDOW_LOG_MAX
        } else {
            self.window_log
        }
    }

    /// The same for libzstd's decoder, which takes it by a power of two only: frames have been checked.
    pub(crate) fn window_log_of_decoder(&self, largest: u32) -> u32 {
        let limit = (1u64 << self.window_log_max()) + self.references().prefix_len() as u64;
        limit.next_power_of_two().ilog2().min(largest)
    }

    /// The most bytes that may come out.
    pub(crate) fn max_output(&self) -> u64 {
        if self.max_output == 0 {
            u64::MAX
        } else {
            self.max_output
        }
    }

    /// The options of one of `count` tasks that run at the same time, each in `lanes` lanes.
    pub(crate) fn shared_by(&self, count: u32, lanes: u32) -> Self {
        let max_memory = match self.max_memory {
            0 => 0,
            max_memory => (max_memory / u64::from(count.max(1))).max(1), // 0 would be no limit
        };
        Self { max_lanes: lanes, max_memory, ..*self }
    }

    /// The job engine's control for tasks of which each lane needs `lane` bytes of memory; the call needs
    /// `fixed` bytes more, and the dictionary. Progress is reported by the codec, not by the engine: see
    /// `progress`.
    pub(crate) fn control(&self, lane: usize, fixed: usize) -> Result<Control<'_>> {
        let mut max_lanes = self.max_lanes;
        if self.max_memory != 0 {
            let fixed = fixed.saturating_add(self.dict_memory());
            let lanes = self.max_memory.saturating_sub(fixed as u64) / lane.max(1) as u64;
            if lanes == 0 {
                return Err(Error::new(
                    ErrorKind::LimitExceeded,
                    format!(
                        "max_memory is {}, but one lane needs {} bytes",
                        self.max_memory,
                        lane.saturating_add(fixed)
                    ),
                )
                .with_needed(lane.saturating_add(fixed) as u64));
            }
            let affordable = u32::try_from(lanes).unwrap_or(u32::MAX);
            max_lanes = if max_lanes == 0 { affordable } else { max_lanes.min(affordable) };
        }
        Ok(Control { max_lanes, cancel: self.cancel, ..Control::default() })
    }
}

fn invalid<T>(message: String) -> Result<T> {
    Err(Error::new(ErrorKind::InvalidArgument, message))
}
