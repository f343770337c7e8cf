//! One frame compressed in several lanes. The content is cut into sections. Each is compressed by itself, by
//! a context of its own, which gets the content before the section as a prefix to find matches in. What comes
//! out are blocks, which are joined to one frame: header and checksum are written here.
//!
//! Sections and prefixes follow from the options and, where it is known, from the length of the content. So
//! the bytes of the frame depend on neither lanes nor time.
//!
//! ```text
//! content: | section | section | section | ...
//!              | prefix  |
//!                   | prefix  |
//! frame:   header, blocks of the sections, an empty last block, checksum
//! ```
#![forbid(unsafe_code)]

mod checksum;
#[cfg(test)]
mod tests;
#[cfg(any(test, fuzzing))]
mod whole;

pub(crate) use checksum::Checksum;
#[cfg(fuzzing)]
pub use whole::encode_sections;

use crate::codec::context::block_ends;
use crate::codec::context::contexts::SectionCompressor;
use crate::codec::context::encode::SLACK;
use crate::codec::context::in_use::InUse;
use crate::codec::format::frame::LARGEST_BLOCK;
use crate::codec::format::header::Heading;
use crate::codec::libzstd::calls::{LongMatching, Parameters};
use crate::codec::libzstd::errors;
use crate::codec::libzstd::section::{self, Before};
use crate::codec::options::dict::Dict;
use crate::codec::options::progress::CallProgress;
use crate::codec::options::{Options, LARGEST_WINDOW_LOG, SMALLEST_WINDOW_LOG};
use crate::error::Result;
use crate::trace::{self, Kind, Mark};
use zstd::zstd_safe::{self, WriteBuf};

/// The smallest section that there is.
pub(crate) const SMALLEST: usize = 4 << 20;
/// The largest section.
const LARGEST: usize = 256 << 20;
/// The prefix of a section that is shorter than usual, because of a flush, at the least.
const LEAST_PREFIX: usize = 128 << 10;
/// The first of libzstd's strategies that parse optimally.
const BTOPT: u32 = 7;

/// How to compress a frame in sections.
#[derive(Clone, Debug)]
pub(crate) struct Sections {
    parameters: Parameters,
    long: Option<LongMatching>,
    dict: Option<Dict>,
    /// The bytes of a prefix before the content.
    prefix: usize,
    content_size: Option<u64>,
    checksum: bool,
    len: usize,
    overlap: usize,
    memory: usize,
}

impl Sections {
    /// The sections of one frame of `len` bytes, if they are known; `None`: it is not to be one frame, or it
    /// has one section only, or this libzstd cannot do it. Such a frame is compressed at once.
    pub(crate) fn new(options: &Options<'_>, len: Option<u64>) -> Option<Self> {
        let prefix = options.references().prefix_len();
        let alone = prefix == 0;
        if !options.single_frame
            || !section::AVAILABLE
            || alone && len.is_some_and(|len| len <= SMALLEST as u64)
        {
            return None;
        }
        let (level, strategy) = (options.level(), options.strategy);
        let known = len.map_or(usize::MAX, |len| usize::try_from(len).unwrap_or(usize::MAX));
        let before = match options.dict {
            Some(dict) => dict.len(),
            // libzstd would think that a content of unknown size is as small as what comes before it.
            None => len.map_or(0, |_| prefix),
        };
        let own = Parameters::new(level, known, before, 0, strategy);
        let window_log = match options.wanted_window_log() {
            window_log if alone => window_log,
            window_log => window_log.max(own.window_log()).max(covering(prefix, known)),
        };
        let parameters = match window_log {
            0 => own,
            window_log => Parameters::new(level, known, before, window_log, strategy),
        };
        let matching = LongMatching::new(parameters.window_log(), parameters.strategy());
        let longer = options.long || !alone || parameters.window_log() > own.window_log();
        // libzstd turns it on by itself for such windows.
        let implied = parameters.strategy() >= BTOPT && parameters.window_log() >= 27;
        let long = longer.then_some(matching);
        let (section, overlap) = sizes(level, parameters.window_log(), long.is_some());
        if alone && len.is_some_and(|len| len <= section as u64) {
            return None;
        }
        let overlap = overlap.min(prefix.saturating_add(known)); // there is no more
        let memory =
            parameters.context_size() + SLACK + if longer || implied { matching.memory() } else { 0 };
        let dict = options.dict.cloned();
        let (content_size, checksum) = (len, options.checksum);
        Some(Self { parameters, long, dict, prefix, content_size, checksum, len: section, overlap, memory })
    }

    /// The bytes of a section. All have so many, but for the last, and where a stream is flushed.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The most bytes before a section that are its prefix.
    pub(crate) fn overlap(&self) -> usize {
        self.overlap
    }

    /// The most memory that a lane's context needs.
    pub(crate) fn memory(&self) -> usize {
        self.memory
    }

    /// What the frame says of itself.
    pub(crate) fn heading(&self) -> Heading {
        Heading {
            window_log: self.parameters.window_log(),
            content_size: self.content_size,
            dictionary: self.dict.as_ref().map_or(0, Dict::id),
            checksum: self.checksum,
        }
    }

    /// A capacity that is enough for a section of `len` bytes.
    pub(crate) fn bound(len: usize) -> usize {
        zstd_safe::compress_bound(len)
    }

    /// Compresses the section that begins at `start` of `data`, and ends where `data` does. The bytes before
    /// it are those of the prefix and the content, as far as the overlap; none are there where the frame
    /// begins, and has no prefix. `dst` has
    /// room for the bound. Returns how many bytes of it are written.
    ///
    /// Progress is asked before each block whether to go on.
    pub(crate) fn encode(
        &self,
        data: &[u8],
        start: usize,
        dst: &mut (impl WriteBuf + ?Sized),
        progress: &CallProgress<'_>,
    ) -> Result<usize> {
        let mark = Mark::now(trace::CODEC);
        let encoded = self.encode_untraced(data, start, dst, progress);
        let (len, before) = (data.len() - start, self.prefix(start, data.len() - start));
        let size = *encoded.as_ref().unwrap_or(&0) as u64;
        mark.end(Kind::CompressSection, [len as u64, size, before as u64, 0, 0]);
        encoded
    }

    fn encode_untraced(
        &self,
        data: &[u8],
        start: usize,
        dst: &mut (impl WriteBuf + ?Sized),
        progress: &CallProgress<'_>,
    ) -> Result<usize> {
        let fail = |code| errors::encoding(code, 0);
        let mut rest = &data[start..];
        // Never more, even where there is more: where room is short libzstd stores what it could compress.
        let room = Self::bound(rest.len());
        let prefix = self.prefix(start, rest.len());
        let before = match &self.dict {
            _ if start > 0 => Before::Prefix(prefix),
            Some(dict) => Before::Dictionary(dict.content()),
            None => Before::Nothing,
        };
        let seen = match before {
            Before::Nothing => 0,
            Before::Dictionary(content) => content.len(),
            Before::Prefix(len) => len,
        };
        let seen = (seen + rest.len()) as u64;
        let mut compressor = InUse::<SectionCompressor>::take(self.memory, seen)?;
        let context = compressor.begin(seen);
        let mut section = context.begin(&self.parameters, self.long, data, start, before).map_err(fail)?;
        let largest = (LARGEST_BLOCK as usize).min(1 << self.parameters.window_log());
        let (mut written, mut saved) = (0, 0);
        while !rest.is_empty() {
            let len = match self.prefix {
                0 => block_ends::next(rest, largest, self.parameters.strategy(), saved),
                // What the bytes are says nothing of a block that repeats the prefix.
                _ => rest.len().min(largest),
            };
            let size = section.block(len, dst, written, room).map_err(fail)?;
            written += size;
            saved += len as i64 - size as i64; // of 128 KiB at most, both
            rest = &rest[len..];
            progress.add(len)?;
        }
        Ok(written)
    }

    /// The bytes before a section that it is compressed with: less than the overlap for a short section, so
    /// that flushing costs little.
    fn prefix(&self, before: usize, len: usize) -> usize {
        // However far away, it may be what the section repeats. Only streams are flushed.
        let whole = self.prefix > 0 || self.long.is_some() && self.content_size.is_some();
        let times = if self.long.is_some() { 64 } else { 4 };
        let most = if whole { usize::MAX } else { len.saturating_mul(times).max(LEAST_PREFIX) };
        before.min(self.overlap).min(most)
    }
}

/// The window, as a power of two, that reaches from the end of a content of `len` bytes to the beginning of
/// the prefix before it; of a content of unknown size as much as the prefix has.
fn covering(prefix: usize, len: usize) -> u32 {
    let len = if len == usize::MAX { prefix } else { len };
    let all = (prefix as u64).saturating_add(len as u64).min(1 << LARGEST_WINDOW_LOG);
    all.next_power_of_two().ilog2().max(SMALLEST_WINDOW_LOG)
}

/// The bytes of a section and of its overlap.
///
/// Chosen by measurement, so that the frame is hardly larger than that of one context, and the overlaps cost
/// little beside the sections.
fn sizes(level: i32, window_log: u32, long: bool) -> (usize, usize) {
    let window = 1usize << window_log;
    let (section, overlap) = match level {
        ..=2 => (SMALLEST, 512 << 10),
        3 | 4 => (SMALLEST, 1 << 20),
        5..=12 => (8 << 20, 2 << 20),
        13..=15 => (16 << 20, window),
        _ => (
            window.saturating_mul(4).clamp(16 << 20, 32 << 20).max(window.saturating_mul(2).min(LARGEST)),
            window,
        ),
    };
    if long {
        // The whole window is read again for every section: longer sections, so that it is not read
        // too often.
        return (section.max(window / 4).min(LARGEST), window);
    }
    (section, overlap.min(window))
}
