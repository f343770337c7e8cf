//! Contexts of libzstd, which are kept for the next call: making one costs memory that the system has to clear first.

use super::cache::{Cached, ContextCache};
use crate::os::fork::ChildHook;
use std::ptr;
use std::sync::Arc;
use zstd::zstd_safe::{CCtx, CDict, DCtx, DDict, ErrorCode, ResetDirective, WriteBuf};

/// A compressing context is dropped before it has seen so many bytes. libzstd numbers positions over all frames of a context, in
/// 32 bits; where they run over it has to renumber, and then what it finds would depend on what came before.
const LIFETIME: u64 = 2 << 30;

/// A context that compresses.
pub(crate) struct Compressor {
    context: CCtx<'static>,
    seen: u64,
    /// What the context refers to until it is reset.
    dict: Option<Arc<CDict<'static>>>,
}

impl Compressor {
    /// The context, to be used for a frame of `bytes`.
    pub(crate) fn begin(&mut self, bytes: u64) -> &mut CCtx<'static> {
        self.seen = self.seen.saturating_add(bytes);
        &mut self.context
    }

    /// Compresses with a dictionary from here on, until the context is reset.
    pub(crate) fn use_dictionary(&mut self, dict: Arc<CDict<'static>>) -> Result<(), ErrorCode> {
        let before = self.dict.replace(dict);
        let dict: *const CDict<'static> = self.dict.as_deref().map_or(ptr::null(), ptr::from_ref);
        // SAFETY: entry until the context refers to another one, is reset or is dropped, which comes first (see the fields).
        let set = self.context.ref_cdict(unsafe { &*dict });
        if set.is_err() {
            std::mem::forget(before); // the context may refer to it still
        }
        set.map(drop)
    }
}

/// A context that decompresses.
pub(crate) struct Decompressor {
    context: DCtx<'static>,
    /// What the context refers to until it is reset.
    dict: Option<Arc<DDict<'static>>>,
    /// There is nothing to reset.
    as_new: bool,
}

impl Decompressor {
    /// The context.
    pub(crate) fn context(&mut self) -> &mut DCtx<'static> {
        self.as_new = false;
        &mut self.context
    }

    /// Decodes whole frames in one call, after which the context is as it was before, unless it fails.
    pub(crate) fn decompress(
        &mut self,
        dst: &mut (impl WriteBuf + ?Sized),
        src: &[u8],
    ) -> Result<usize, ErrorCode> {
        let as_new = self.as_new;
        let written = self.context().decompress(dst, src)?;
        self.as_new = as_new;
        Ok(written)
    }

    /// Decompresses with a dictionary from here on, until the context is reset.
    pub(crate) fn use_dictionary(&mut self, dict: Arc<DDict<'static>>) -> Result<(), ErrorCode> {
        self.as_new = false;
        let before = self.dict.replace(dict);
        let dict: *const DDict<'static> = self.dict.as_deref().map_or(ptr::null(), ptr::from_ref);
        // SAFETY: entry until the context refers to another one, is reset or is dropped, which comes first (see the fields).
        let set = self.context.ref_ddict(unsafe { &*dict });
        if set.is_err() {
            std::mem::forget(before); // the context may refer to it still
        }
        set.map(drop)
    }
}

static FORGET: ChildHook = ChildHook::new(forget_after_fork);
static COMPRESSORS: ContextCache<Compressor> = ContextCache::new(&FORGET);
static DECOMPRESSORS: ContextCache<Decompressor> = ContextCache::new(&FORGET);

impl Cached for Compressor {
    fn create() -> Option<Self> {
        CCtx::try_create().map(|context| Self { context, seen: 0, dict: None })
    }

    fn size(&self) -> usize {
        self.context.sizeof()
    }

    fn reset(&mut self) -> bool {
        let reset = self.context.reset(ResetDirective::SessionAndParameters).is_ok();
        if reset {
            self.dict = None;
        }
        reset
    }

    fn has_life_for(&self, bytes: u64) -> bool {
        self.seen.saturating_add(bytes) <= LIFETIME
    }

    fn cache() -> &'static ContextCache<Self> {
        &COMPRESSORS
    }
}

impl Cached for Decompressor {
    fn create() -> Option<Self> {
        DCtx::try_create().map(|context| Self { context, dict: None, as_new: true })
    }

    fn size(&self) -> usize {
        self.context.sizeof()
    }

    fn reset(&mut self) -> bool {
        if !self.as_new {
            self.as_new = self.context.reset(ResetDirective::SessionAndParameters).is_ok();
            if self.as_new {
                self.dict = None;
            }
        }
        self.as_new
    }

    fn has_life_for(&self, _: u64) -> bool {
        true
    }

    fn cache() -> &'static ContextCache<Self> {
        &DECOMPRESSORS
    }
}

/// See the cache.
fn forget_after_fork() {
    COMPRESSORS.forget();
    DECOMPRESSORS.forget();
}
