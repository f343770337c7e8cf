//! Compressing one frame.
//!
//! A frame of one block is compressed in one call of libzstd. A longer one is given block by block, so that
//! the call can be cancelled after each; the bytes are those of one call, because the blocks are
//! (`block_ends`).
#![forbid(unsafe_code)]

use super::block_ends;
use super::contexts::Compressor;
use super::in_use::InUse;
use crate::codec::libzstd::calls::{self, LongMatching};
use crate::codec::libzstd::cctx::CCtx;
use crate::codec::libzstd::errors;
use crate::codec::options::dict::Dict;
use crate::codec::options::progress::CallProgress;
use crate::codec::options::Options;
use crate::error::{Error, Result};
use crate::memory;
use crate::trace::{self, Kind, Mark};
use zstd::zstd_safe::{self, CParameter, ErrorCode, WriteBuf};

/// libzstd's largest block.
pub(crate) const BLOCK: usize = 128 << 10;
/// What libzstd adds for rounding and alignment.
pub(crate) const SLACK: usize = 4 << 10;

/// Room for a block, the end of its frame, and what libzstd adds.
const APART: usize = BLOCK + SLACK;

/// How to compress frames of about one length.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    level: i32,
    checksum: bool,
    dict: Option<Dict>,
    window_log: u32,
    strategy: u32,
    long: Option<LongMatching>,
    /// Whether the frame is given block by block: the most bytes of a block, and the strategy that it gets.
    blocks: Option<(usize, u32)>,
    memory: usize,
}

impl Recipe {
    /// The recipe for frames of `len` bytes.
    pub(crate) fn new(options: &Options<'_>, len: usize) -> Self {
        Self::with(options, len, false)
    }

    /// The recipe for one frame whose content comes in parts; `len`: its bytes, if they are known.
    pub(crate) fn streaming(options: &Options<'_>, len: Option<u64>) -> Self {
        let len = len.map_or(usize::MAX, |len| usize::try_from(len).unwrap_or(usize::MAX));
        Self::with(options, len, true)
    }

    fn with(options: &Options<'_>, len: usize, streams: bool) -> Self {
        let level = options.level();
        let dict = options.dict.map_or(0, Dict::len);
        let strategy = options.strategy;
        let window_log = options.wanted_window_log();
        let own = calls::tuning(level, len, dict, 0, strategy);
        let tuning = match window_log {
            0 => own,
            window_log => calls::tuning(level, len, dict, window_log, strategy),
        };
        let mut memory = tuning.context + SLACK;
        if strategy != 0 && dict > 0 {
            memory += dict + calls::prepared_size_with(dict, level, window_log, strategy);
        }
        let long = options.long || tuning.window_log > own.window_log;
        let long = long.then(|| LongMatching::new(tuning.window_log, tuning.strategy));
        memory += long.map_or(0, |long| long.memory());
        if streams {
            memory += (1usize << tuning.window_log) + BLOCK + zstd_safe::compress_bound(BLOCK) + SLACK;
        }
        Self {
            level,
            checksum: options.checksum,
            dict: options.dict.cloned(),
            window_log,
            strategy,
            long,
            blocks: (len > BLOCK).then(|| (BLOCK.min(1 << tuning.window_log), tuning.applied)),
            memory,
        }
    }

    /// The most memory that a lane needs.
    pub(crate) fn memory(&self) -> usize {
        self.memory
    }

    /// Whether the result is the same however little room there is for it. In one call of libzstd it is not:
    /// near the end of the room libzstd stores blocks that it could have compressed.
    pub(crate) fn fits_exactly(&self) -> bool {
        self.blocks.is_some()
    }

    /// Sets the parameters of a context.
    fn configure(&self, context: &mut CCtx<'_>) -> Result<(), ErrorCode> {
        context.set_parameter(CParameter::CompressionLevel(self.level))?;
        context.set_parameter(CParameter::ChecksumFlag(self.checksum))?;
        if self.window_log != 0 {
            context.set_parameter(CParameter::WindowLog(self.window_log))?;
        }
        if let Some(strategy) = calls::strategy_of(self.strategy) {
            context.set_parameter(CParameter::Strategy(strategy))?;
        }
        if let Some(long) = self.long {
            context.set_parameter(CParameter::EnableLongDistanceMatching(true))?;
            context.set_parameter(CParameter::LdmHashLog(long.hash_log))?;
            context.set_parameter(CParameter::LdmMinMatch(long.min_match))?;
        }
        Ok(())
    }

    /// Compresses frame number `index`; returns its size, or `None` if it does not fit into `dst`.
    pub(crate) fn encode(
        &self,
        index: usize,
        src: &[u8],
        dst: &mut (impl WriteBuf + ?Sized),
        progress: &CallProgress<'_>,
    ) -> Result<Option<usize>> {
        let mut compressor = InUse::<Compressor>::take(self.memory, self.bytes(src.len() as u64))?;
        self.encode_with(&mut compressor, index, src, dst, progress)
    }

    /// The bytes that a context sees for a frame of `len` bytes: the frame and the dictionary.
    pub(crate) fn bytes(&self, len: u64) -> u64 {
        len.saturating_add(self.dict.as_ref().map_or(0, Dict::len) as u64)
    }

    /// Prepares a context that has just been made, or reset, for frame number `index`, of `len` bytes.
    pub(crate) fn begin<'c>(
        &self,
        compressor: &'c mut Compressor,
        index: usize,
        len: u64,
    ) -> Result<&'c mut CCtx<'static>> {
        let fail = |code| errors::encoding(code, index);
        match &self.dict {
            // A prepared dictionary has a strategy of its own, which would count.
            Some(dict) if self.strategy != 0 => compressor.load_dictionary(dict.content()).map_err(fail)?,
            Some(dict) => compressor.use_dictionary(dict.for_compressing(self.level)?).map_err(fail)?,
            None => {}
        }
        let context = compressor.begin(self.bytes(len));
        self.configure(context).map_err(fail)?;
        Ok(context)
    }

    /// Like `encode`, with a context that has just been made, or reset.
    pub(crate) fn encode_with(
        &self,
        compressor: &mut Compressor,
        index: usize,
        src: &[u8],
        dst: &mut (impl WriteBuf + ?Sized),
        progress: &CallProgress<'_>,
    ) -> Result<Option<usize>> {
        let mark = Mark::now(trace::CODEC);
        let encoded = self.encode_untraced(compressor, index, src, dst, progress)?;
        mark.end(Kind::CompressFrame, [src.len() as u64, encoded.unwrap_or(0) as u64, 0, 0, 0]);
        Ok(encoded)
    }

    fn encode_untraced(
        &self,
        compressor: &mut Compressor,
        index: usize,
        src: &[u8],
        dst: &mut (impl WriteBuf + ?Sized),
        progress: &CallProgress<'_>,
    ) -> Result<Option<usize>> {
        let fail = |code| errors::encoding(code, index);
        let context = self.begin(compressor, index, src.len() as u64)?;
        if let Some(blocks) = self.blocks {
            return match self.in_blocks(context, blocks, src, dst, progress) {
                Err(Failed::Libzstd(code)) if errors::is_too_small(code) => Ok(None),
                Err(Failed::Libzstd(code)) => Err(fail(code)),
                Err(Failed::Here(error)) => Err(error),
                Ok(size) => Ok(size),
            };
        }
        let result = match context.compress2(dst, src) {
            Ok(size) => Some(size),
            Err(code) if errors::is_too_small(code) => None,
            Err(code) => return Err(fail(code)),
        };
        progress.add(src.len())?;
        Ok(result)
    }

    /// Block by block. Where `dst` may be too small, each goes through memory of its own, as if there were
    /// room for all: near the end of the room libzstd stores what it could have compressed.
    fn in_blocks(
        &self,
        context: &mut CCtx<'_>,
        (largest, strategy): (usize, u32),
        src: &[u8],
        dst: &mut (impl WriteBuf + ?Sized),
        progress: &CallProgress<'_>,
    ) -> Result<Option<usize>, Failed> {
        let (room, bound) = (dst.capacity(), zstd_safe::compress_bound(src.len()));
        let mut apart = Vec::new();
        if room < bound {
            memory::reserve(&mut apart, APART)?;
        }
        let (mut blocks, mut written) = context.begin_blocks(src, dst)?;
        let (mut rest, mut saved) = (src, 0);
        while !rest.is_empty() {
            let len = block_ends::next(rest, largest, strategy, saved);
            let size = if room < bound {
                let most = apart.capacity().min(bound - written);
                let size = blocks.block(len, &mut apart, 0, most)?;
                if size > room - written {
                    return Ok(None);
                }
                calls::append(dst, written, &apart);
                size
            } else {
                blocks.block(len, dst, written, room)?
            };
            written += size;
            saved += len as i64 - size as i64; // of 128 KiB at most, both
            rest = &rest[len..];
            progress.add(len)?;
        }
        Ok(Some(written))
    }
}

/// Why blocks were not compressed.
enum Failed {
    Libzstd(ErrorCode),
    Here(Error),
}

impl From<ErrorCode> for Failed {
    fn from(code: ErrorCode) -> Self {
        Self::Libzstd(code)
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Here(error)
    }
}

#[cfg(test)]
#[path = "encode_tests.rs"]
mod tests;
