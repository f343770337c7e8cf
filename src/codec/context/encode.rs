//! Compressing one frame.
//!
//! A frame is compressed in one call of libzstd if that is over soon. Where it would take seconds (frames
//! over 64 MiB, and all but small ones at the slow levels) it is compressed in steps, between which the call
//! can be cancelled. The choice depends on the length and the level only, because the bytes differ a little
//! (0.1 % at level 3, nothing at the slow levels).
#![forbid(unsafe_code)]

use super::contexts::Compressor;
use super::in_use::InUse;
use crate::codec::libzstd::calls::{self, LongMatching};
use crate::codec::libzstd::errors;
use crate::codec::options::dict::Dict;
use crate::codec::options::progress::CallProgress;
use crate::codec::options::Options;
use crate::error::Result;
use crate::trace::{self, Kind, Mark};
use zstd::zstd_safe::zstd_sys::ZSTD_EndDirective;
use zstd::zstd_safe::{self, CCtx, CParameter, ErrorCode, InBuffer, OutBuffer, WriteBuf};

/// Longer frames are compressed in steps.
const LONG: usize = 64 << 20;
/// Longer frames are compressed in steps at the slow levels.
const LONG_AT_SLOW_LEVELS: usize = 4 << 20;
/// The slow levels begin here: they run at less than about 30 MB/s.
const SLOW_LEVEL: i32 = 12;
/// Bytes of a step: a fifth of a second at level 19.
pub(crate) const STEP: usize = 512 << 10;
/// libzstd's largest block.
const BLOCK: usize = 128 << 10;
/// What libzstd adds for rounding and alignment.
pub(crate) const SLACK: usize = 4 << 10;

/// How to compress frames of about one length.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    level: i32,
    checksum: bool,
    dict: Option<Dict>,
    window_log: u32,
    strategy: u32,
    long: Option<LongMatching>,
    steps: bool,
    memory: usize,
}

impl Recipe {
    /// The recipe for frames of `len` bytes.
    pub(crate) fn new(options: &Options<'_>, len: usize) -> Self {
        let steps = len > if options.level() >= SLOW_LEVEL { LONG_AT_SLOW_LEVELS } else { LONG };
        Self::with(options, len, steps)
    }

    /// The recipe for one frame whose content comes in parts; `len`: its bytes, if they are known.
    pub(crate) fn streaming(options: &Options<'_>, len: Option<u64>) -> Self {
        let len = len.map_or(usize::MAX, |len| usize::try_from(len).unwrap_or(usize::MAX));
        Self::with(options, len, true)
    }

    fn with(options: &Options<'_>, len: usize, steps: bool) -> Self {
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
        if steps {
            memory += (1usize << tuning.window_log) + BLOCK + zstd_safe::compress_bound(BLOCK) + SLACK;
        }
        Self {
            level,
            checksum: options.checksum,
            dict: options.dict.cloned(),
            window_log,
            strategy,
            long,
            steps,
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
        self.steps
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
        mark.end(Kind::CompressFrame, 0, [src.len() as u64, encoded.unwrap_or(0) as u64, 0, 0, 0]);
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
        if self.steps {
            return in_steps(context, src, dst, progress, fail);
        }
        let result = match context.compress2(dst, src) {
            Ok(size) => Some(size),
            Err(code) if errors::is_too_small(code) => None,
            Err(code) => return Err(fail(code)),
        };
        progress.add(src.len())?;
        Ok(result)
    }
}

fn in_steps(
    context: &mut CCtx<'_>,
    src: &[u8],
    dst: &mut (impl WriteBuf + ?Sized),
    progress: &CallProgress<'_>,
    fail: impl Fn(ErrorCode) -> crate::error::Error,
) -> Result<Option<usize>> {
    context.set_pledged_src_size(Some(src.len() as u64)).map_err(&fail)?;
    let mut out = OutBuffer::around(dst);
    for step in src.chunks(STEP) {
        let mut input = InBuffer::around(step);
        while input.pos < step.len() {
            let before = (input.pos, out.pos());
            let todo = ZSTD_EndDirective::ZSTD_e_continue;
            context.compress_stream2(&mut out, &mut input, todo).map_err(&fail)?;
            if (input.pos, out.pos()) == before {
                return Ok(None); // a compressed block does not fit
            }
        }
        progress.add(step.len())?;
    }
    // No input together with the end: libzstd would cut it into blocks in another way where there is more
    // room.
    loop {
        let before = out.pos();
        let todo = ZSTD_EndDirective::ZSTD_e_end;
        let left = context.compress_stream2(&mut out, &mut InBuffer::around(&[]), todo).map_err(&fail)?;
        if left == 0 {
            return Ok(Some(out.pos()));
        }
        if out.pos() == before {
            return Ok(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cache::Cached;
    use super::*;
    use crate::codec::libzstd::calls::Uninit;
    use crate::codec::options::level::level_range;
    use std::mem::MaybeUninit;

    fn sample(len: usize) -> Vec<u8> {
        (0..len as u32).flat_map(|i| (i.wrapping_mul(2_654_435_761) >> 20).to_le_bytes()).take(len).collect()
    }

    /// The memory of a context stays within the estimate, at every level. It depends on the length of the
    /// content, not on its bytes: libzstd is quick with these.
    #[test]
    fn memory_is_not_underestimated() {
        let src = vec![7; 6 << 20];
        let mut out = vec![MaybeUninit::uninit(); zstd_safe::compress_bound(src.len())];
        let levels = [*level_range().start(), -5].into_iter().chain(1..=22);
        for level in levels {
            for (len, window_log) in
                [(0, 0), (1000, 0), (100_000, 0), (src.len(), 0), (src.len(), 27), (src.len(), 10)]
            {
                if len == src.len() && level > 15 && level % 3 != 0 {
                    continue; // slow, and much the same as its neighbours
                }
                let options = Options { level, window_log, ..Options::default() };
                let recipe = Recipe::new(&options, len);
                let progress = CallProgress::new(&options, None);
                let mut compressor = Compressor::create().unwrap();
                let context = compressor.begin(0);
                recipe.configure(context).unwrap();
                let mut dst = Uninit::new(&mut out);
                if recipe.steps {
                    in_steps(context, &src[..len], &mut dst, &progress, |code| errors::encoding(code, 0))
                        .unwrap();
                } else {
                    context.compress2(&mut dst, &src[..len]).unwrap();
                }
                let size = compressor.size();
                assert!(
                    size <= recipe.memory(),
                    "level {level}, {len} bytes, window {window_log}: {size} > {}",
                    recipe.memory()
                );
            }
        }
    }

    /// With a dictionary the memory stays within the estimate, too: for frames that are short or long beside
    /// the dictionary, at its own level or another one.
    #[test]
    fn memory_with_a_dictionary_is_not_underestimated() {
        let (src, text) = (vec![7; 2 << 20], sample(2 << 20));
        let mut out = vec![MaybeUninit::uninit(); zstd_safe::compress_bound(src.len())];
        let levels = [*level_range().start(), -5].into_iter().chain(1..=22);
        for level in levels {
            for dict_len in [100, 5_000, 112_640, 1 << 20] {
                if level > 15 && (level + dict_len) % 3 != 0 {
                    continue; // slow, and much the same as its neighbours
                }
                let dict =
                    Dict::new(&text[text.len() - dict_len as usize..], if level > 3 { 0 } else { level })
                        .unwrap();
                for (len, window_log) in
                    [(0, 0), (1000, 0), (20_000, 0), (20_000, 22), (600_000, 0), (2 << 20, 10)]
                {
                    let options = Options { level, window_log, dict: Some(&dict), ..Options::default() };
                    let recipe = Recipe::new(&options, len);
                    let progress = CallProgress::new(&options, None);
                    let mut compressor = Compressor::create().unwrap();
                    recipe
                        .encode_with(&mut compressor, 0, &src[..len], &mut Uninit::new(&mut out), &progress)
                        .unwrap()
                        .unwrap();
                    let size = compressor.size();
                    assert!(
                        size <= recipe.memory(),
                        "level {level}, {len} bytes, dictionary {dict_len}, window {window_log}: {size} > {}",
                        recipe.memory()
                    );
                }
                let prepared = dict.for_compressing(level).unwrap().sizeof();
                assert!(
                    prepared <= calls::prepared_size(dict_len as usize, level),
                    "level {level}: {prepared}"
                );
            }
        }
    }

    /// In steps the result depends neither on the room nor on earlier frames of the context.
    #[test]
    fn steps_fit_exactly() {
        let src = sample(LONG_AT_SLOW_LEVELS + 1);
        let options = Options { level: SLOW_LEVEL, ..Options::default() };
        let recipe = Recipe::new(&options, src.len());
        assert!(recipe.fits_exactly());
        let progress = CallProgress::new(&options, None);
        let run = |room: usize| {
            // Bytes that are not written stay 0.
            let mut out = vec![0u8; room];
            let size = recipe.encode(0, &src, &mut out[..], &progress).unwrap();
            out.truncate(size.unwrap_or(0));
            out
        };
        let whole = run(zstd_safe::compress_bound(src.len()));
        assert!(!whole.is_empty());
        assert!(run(whole.len()) == whole);
        assert!(run(whole.len() - 1).is_empty());
    }
}
