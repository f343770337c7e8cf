//! Calls of libzstd that the `zstd` crate does not offer safely: output that is not initialised yet, and
//! estimates of memory.

use crate::error::Result;
use crate::memory;
use std::mem::MaybeUninit;
use zstd::zstd_safe::zstd_sys::{self, ZSTD_strategy};
use zstd::zstd_safe::WriteBuf;

/// A buffer for libzstd's output, of which a growing part is initialised.
pub(crate) struct Uninit<'a> {
    bytes: &'a mut [MaybeUninit<u8>],
    filled: usize,
}

impl<'a> Uninit<'a> {
    /// A buffer over all of `bytes`, of which nothing is initialised.
    pub(crate) fn new(bytes: &'a mut [MaybeUninit<u8>]) -> Self {
        Self { bytes, filled: 0 }
    }
}

// SAFETY: the pointer is valid for writing `capacity` bytes; `filled` grows only by what `filled_until` is
// promised.
unsafe impl WriteBuf for Uninit<'_> {
    fn as_slice(&self) -> &[u8] {
        // SAFETY: the first `filled` bytes are initialised, and `filled` is at most the length.
        unsafe { std::slice::from_raw_parts(self.bytes.as_ptr().cast(), self.filled) }
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }

    fn as_mut_ptr(&mut self) -> *mut u8 {
        self.bytes.as_mut_ptr().cast()
    }

    unsafe fn filled_until(&mut self, n: usize) {
        assert!(n <= self.bytes.len());
        self.filled = n;
    }
}

/// A new vector that `fill` writes; it returns how many bytes it has initialised from the start on.
///
/// # Safety
/// `fill` has initialised as many bytes as it says.
pub(crate) unsafe fn fill_vec(
    capacity: usize,
    fill: impl FnOnce(&mut [MaybeUninit<u8>]) -> Result<usize>,
) -> Result<Vec<u8>> {
    // SAFETY: the caller's promise.
    unsafe { refill_vec(Vec::new(), capacity, fill) }
}

/// Like [`fill_vec`], in the memory of a vector that is not needed any more.
///
/// # Safety
/// As for [`fill_vec`].
pub(crate) unsafe fn refill_vec(
    mut bytes: Vec<u8>,
    capacity: usize,
    fill: impl FnOnce(&mut [MaybeUninit<u8>]) -> Result<usize>,
) -> Result<Vec<u8>> {
    bytes.clear();
    memory::reserve(&mut bytes, capacity)?;
    let filled = fill(&mut bytes.spare_capacity_mut()[..capacity])?;
    assert!(filled <= capacity);
    // SAFETY: within the capacity, and initialised by the caller's promise.
    unsafe { bytes.set_len(filled) };
    Ok(bytes)
}

/// Output of which all is initialised.
///
/// # Safety
/// All bytes are initialised.
pub(crate) unsafe fn filled(bytes: &[MaybeUninit<u8>]) -> &[u8] {
    // SAFETY: the same layout, and the caller's promise.
    unsafe { &*(std::ptr::from_ref(bytes) as *const [u8]) }
}

/// Initialised bytes as a buffer for output, for tests that read them back.
#[cfg(test)]
pub(crate) fn as_uninit(bytes: &mut [u8]) -> &mut [MaybeUninit<u8>] {
    // SAFETY: the same layout; the codec writes initialised bytes only.
    unsafe { &mut *(std::ptr::from_mut(bytes) as *mut [MaybeUninit<u8>]) }
}

/// Copies `src` to `dst`, of the same length.
pub(crate) fn copy(src: &[u8], dst: &mut [MaybeUninit<u8>]) {
    assert_eq!(src.len(), dst.len());
    // SAFETY: both have the same length, and a `&mut` does not overlap with anything.
    unsafe { std::ptr::copy_nonoverlapping(src.as_ptr(), dst.as_mut_ptr().cast(), src.len()) };
}

/// Copies `bytes` to `dst`, behind the `filled` bytes that are there.
pub(crate) fn append(dst: &mut (impl WriteBuf + ?Sized), filled: usize, bytes: &[u8]) {
    assert!(bytes.len() <= dst.capacity() - filled);
    // SAFETY: within the capacity, and a `&mut` does not overlap with anything; so many are initialised then.
    unsafe {
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), dst.as_mut_ptr().add(filled), bytes.len());
        dst.filled_until(filled + bytes.len());
    }
}

/// libzstd's parameters of compression.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parameters {
    level: i32,
    chosen: zstd_sys::ZSTD_compressionParameters,
}

impl Parameters {
    /// libzstd's choice for frames of `len` bytes with a dictionary of `dict` bytes (0: none);
    /// `window_log`, `strategy` 0: by libzstd.
    pub(crate) fn new(level: i32, len: usize, dict: usize, window_log: u32, strategy: u32) -> Self {
        Self::of(level, (len as u64).max(1), dict, window_log, strategy) // 0 would mean that it is not known
    }

    fn of(level: i32, len: u64, dict: usize, window_log: u32, strategy: u32) -> Self {
        // SAFETY: plain computation on values; the level and the window are within libzstd's ranges, or are
        // clamped to them.
        let chosen = unsafe {
            let mut chosen = zstd_sys::ZSTD_getCParams(level, len, dict);
            if window_log != 0 || strategy != 0 {
                chosen.windowLog = if window_log == 0 { chosen.windowLog } else { window_log };
                chosen.strategy = strategy_of(strategy).unwrap_or(chosen.strategy);
                chosen = zstd_sys::ZSTD_adjustCParams(chosen, len, dict);
            }
            chosen
        };
        Self { level, chosen }
    }

    /// The level that they were chosen for.
    pub(crate) fn level(&self) -> i32 {
        self.level
    }

    /// The window, as a power of two.
    pub(crate) fn window_log(&self) -> u32 {
        self.chosen.windowLog
    }

    /// The search strategy, 1 (fast) to 9 (btultra2).
    pub(crate) fn strategy(&self) -> u32 {
        self.chosen.strategy as u32
    }

    /// An upper bound of a context's size, without buffers and long-distance matching.
    pub(crate) fn context_size(&self) -> usize {
        // SAFETY: plain computation on values.
        unsafe { zstd_sys::ZSTD_estimateCCtxSize_usingCParams(self.chosen) }
    }

    /// libzstd's own form.
    pub(super) fn raw(&self) -> zstd_sys::ZSTD_compressionParameters {
        self.chosen
    }
}

/// libzstd's name for a strategy; 0: none.
pub(crate) fn strategy_of(number: u32) -> Option<ZSTD_strategy> {
    use ZSTD_strategy::*;
    const ALL: [ZSTD_strategy; 9] = [
        ZSTD_fast,
        ZSTD_dfast,
        ZSTD_greedy,
        ZSTD_lazy,
        ZSTD_lazy2,
        ZSTD_btlazy2,
        ZSTD_btopt,
        ZSTD_btultra,
        ZSTD_btultra2,
    ];
    ALL.get((number as usize).checked_sub(1)?).copied()
}

/// Long-distance matching.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LongMatching {
    /// The size of its table, as a power of two.
    pub(crate) hash_log: u32,
    /// The shortest match that it looks for.
    pub(crate) min_match: u32,
}

/// The largest block, which long-distance matching has a buffer of.
const BLOCK: usize = 128 << 10;

impl LongMatching {
    /// libzstd's own choice for a window, as a power of two, and a strategy; repeated here so that the memory
    /// is known. The shortest match is that of the `zstd` program.
    pub(crate) fn new(window_log: u32, strategy: u32) -> Self {
        Self { hash_log: (window_log - (7 - strategy / 3)).clamp(6, 30), min_match: 64 }
    }

    /// The memory that a context needs for it.
    pub(crate) fn memory(&self) -> usize {
        (9 << self.hash_log) + BLOCK
    }
}

/// libzstd's parameters for a frame of a known length at a level.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tuning {
    /// The window, as a power of two.
    pub(crate) window_log: u32,
    /// The search strategy, 1 (fast) to 9 (btultra2).
    pub(crate) strategy: u32,
    /// The strategy that blocks get, which may be that of a prepared dictionary.
    pub(crate) applied: u32,
    /// An upper bound of a context's size, without buffers and long-distance matching.
    pub(crate) context: usize,
}

/// libzstd's choice for frames of `len` bytes with a dictionary of `dict` bytes (0: none); `window_log`,
/// `strategy` 0: by libzstd.
pub(crate) fn tuning(level: i32, len: usize, dict: usize, window_log: u32, strategy: u32) -> Tuning {
    let chosen = Parameters::new(level, len, dict, window_log, strategy);
    let mut context = chosen.context_size();
    if dict > 0 {
        // A short frame takes over the table sizes of the prepared dictionary, which was made for frames of
        // any length.
        context = context.max(Parameters::of(level, 0, dict, window_log, strategy).context_size());
    }
    // libzstd takes the strategy of the prepared dictionary for frames that are short beside it
    // (ZSTD_USE_CDICT_PARAMS_DICTSIZE_MULTIPLIER).
    let applied = match dict > 0 && len / 6 < dict {
        true => Parameters::of(level, 0, dict, window_log, strategy).strategy(),
        false => chosen.strategy(),
    };
    Tuning { window_log: chosen.window_log(), strategy: chosen.strategy(), applied, context }
}

/// An upper bound of a prepared dictionary's size, its content included.
pub(crate) fn prepared_size(len: usize, level: i32) -> usize {
    // SAFETY: plain computation on values.
    unsafe { zstd_sys::ZSTD_estimateCDictSize(len, level) }
}

/// The same for a strategy of the caller's, which a context prepares the dictionary for itself.
pub(crate) fn prepared_size_with(len: usize, level: i32, window_log: u32, strategy: u32) -> usize {
    // libzstd takes the sizes of tables for inputs of any length, or of none.
    let chosen = [0, 1].map(|src| Parameters::of(level, src, len, window_log, strategy).raw());
    let size = |chosen| {
        // SAFETY: plain computation on values.
        unsafe {
            let copied = zstd_sys::ZSTD_dictLoadMethod_e::ZSTD_dlm_byCopy;
            zstd_sys::ZSTD_estimateCDictSize_advanced(len, chosen, copied)
        }
    };
    chosen.into_iter().map(size).max().unwrap_or(0)
}

/// Bytes of a decompression context that decodes in steps, and keeps a window of `window` bytes.
pub(crate) fn stream_decompressor_size(window: u64) -> usize {
    // SAFETY: plain computation on a value.
    unsafe { zstd_sys::ZSTD_estimateDStreamSize(usize::try_from(window).unwrap_or(usize::MAX / 2)) }
}

/// Bytes of a decompression context, without buffers.
pub(crate) fn decompressor_size() -> usize {
    // SAFETY: no arguments, a constant of the build.
    unsafe { zstd_sys::ZSTD_estimateDCtxSize() }
}
