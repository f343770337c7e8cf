//! Contexts of libzstd. They are kept for the next call, because the system clears the memory of a new one
//! first.

use super::cache::{Cached, ContextCache};
use crate::codec::libzstd::cctx::{CCtx, CDict};
use crate::codec::libzstd::section::SectionContext;
use crate::codec::options::reference::{Prefix, Reference};
use crate::os::fork::ChildHook;
use std::ptr;
use std::sync::Arc;
use zstd::zstd_safe::{DCtx, DDict, ErrorCode, ResetDirective, WriteBuf};

/// A compressing context is dropped before it has seen so many bytes. libzstd numbers positions over all
/// frames of a context, in 32 bits. Where they overflow libzstd renumbers them, and then the matches that it
/// finds would depend on the frames before.
const LIFETIME: u64 = 2 << 30;

/// A context that compresses.
pub(crate) struct Compressor {
    context: CCtx<'static>,
    seen: u64,
    /// The dictionary that the context refers to until it is reset.
    dict: Option<Arc<CDict<'static>>>,
}

impl Compressor {
    /// Prepares the context for a frame of `bytes`.
    pub(crate) fn begin(&mut self, bytes: u64) -> &mut CCtx<'static> {
        self.seen = self.seen.saturating_add(bytes);
        &mut self.context
    }

    /// The same with a dictionary that the context prepares itself, by its own parameters.
    pub(crate) fn load_dictionary(&mut self, content: &[u8]) -> Result<(), ErrorCode> {
        self.context.load_dictionary(content).map(drop)
    }

    /// Compresses with a dictionary from here on, until the context is reset.
    pub(crate) fn use_dictionary(&mut self, dict: Arc<CDict<'static>>) -> Result<(), ErrorCode> {
        let before = self.dict.replace(dict);
        let dict: *const CDict<'static> = self.dict.as_deref().map_or(ptr::null(), ptr::from_ref);
        // SAFETY: `dict` is kept until the context refers to another one, is reset or is dropped; the context
        // is dropped first (see the fields).
        let set = self.context.ref_cdict(unsafe { &*dict });
        if set.is_err() {
            std::mem::forget(before); // the context may still refer to it
        }
        set
    }
}

/// A context that compresses sections of frames.
pub(crate) struct SectionCompressor {
    context: SectionContext,
    seen: u64,
}

impl SectionCompressor {
    /// Prepares the context for a section that has `bytes`, with what is before it.
    pub(crate) fn begin(&mut self, bytes: u64) -> &mut SectionContext {
        self.seen = self.seen.saturating_add(bytes);
        &mut self.context
    }
}

/// A context that decompresses.
pub(crate) struct Decompressor {
    context: DCtx<'static>,
    /// The dictionary or the prefix that the context refers to until it is reset.
    dict: Option<Arc<DDict<'static>>>,
    prefix: Option<Prefix>,
    /// The context is as new, so there is nothing to reset.
    as_new: bool,
}

impl Decompressor {
    /// The context.
    pub(crate) fn context(&mut self) -> &mut DCtx<'static> {
        self.as_new = false;
        &mut self.context
    }

    /// Decodes whole frames in one call. The context is afterwards as it was before, unless the call fails.
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

    /// Lets the context decode single blocks, as if they were those of a frame that has just begun.
    pub(crate) fn begin_blocks(&mut self) -> Result<(), ErrorCode> {
        // A whole frame, of nothing, leaves what each frame begins with.
        const EMPTY: [u8; 9] = [0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 1, 0, 0];
        self.context().decompress(&mut [][..], &EMPTY).map(drop)
    }

    /// Decodes a block, without its header, behind those before it; returns how many bytes it has.
    ///
    /// # Safety
    /// `dst` stays where it is, initialised, until the context is reset, or told that nothing is before the
    /// next block.
    #[expect(deprecated)] // libzstd has no other way to begin in the middle of a frame
    pub(crate) unsafe fn block(&mut self, dst: &mut [u8], src: &[u8]) -> Result<usize, ErrorCode> {
        // SAFETY: the caller's promise.
        unsafe { self.context().decompress_block(dst, src) }
    }

    /// Takes `block` for one that was decoded there.
    ///
    /// # Safety
    /// As for `block`.
    #[expect(deprecated)]
    pub(crate) unsafe fn insert(&mut self, block: &[u8]) {
        // SAFETY: the caller's promise.
        unsafe { self.context().insert_block(block) };
    }

    /// Decompresses the next frame with what it refers to. A dictionary stays until the context is reset.
    pub(crate) fn refer_to(&mut self, reference: Option<Reference<'_>>) -> Result<(), ErrorCode> {
        match reference {
            Some(Reference::Dict(dict)) => self.use_dictionary(dict.for_decompressing()),
            Some(Reference::Prefix(prefix)) => self.use_prefix(prefix.clone()),
            None => Ok(()),
        }
    }

    fn use_prefix(&mut self, prefix: Prefix) -> Result<(), ErrorCode> {
        self.as_new = false;
        let before = self.prefix.replace(prefix);
        let bytes: *const [u8] = ptr::from_ref(self.prefix.as_ref().map_or(&[][..], Prefix::bytes));
        // SAFETY: the prefix is kept until the context refers to another one, is reset or is dropped; the
        // context is dropped first (see the fields).
        let set = self.context.ref_prefix(unsafe { &*bytes });
        if set.is_err() {
            std::mem::forget(before); // the context may still refer to it
        }
        set.map(drop)
    }

    /// Decompresses with a dictionary from here on, until the context is reset.
    fn use_dictionary(&mut self, dict: Arc<DDict<'static>>) -> Result<(), ErrorCode> {
        self.as_new = false;
        let before = self.dict.replace(dict);
        let dict: *const DDict<'static> = self.dict.as_deref().map_or(ptr::null(), ptr::from_ref);
        // SAFETY: `dict` is kept until the context refers to another one, is reset or is dropped; the context
        // is dropped first (see the fields).
        let set = self.context.ref_ddict(unsafe { &*dict });
        if set.is_err() {
            std::mem::forget(before); // the context may still refer to it
        }
        set.map(drop)
    }
}

static FORGET: ChildHook = ChildHook::new(forget_after_fork);
static COMPRESSORS: ContextCache<Compressor> = ContextCache::new(&FORGET);
static SECTION_COMPRESSORS: ContextCache<SectionCompressor> = ContextCache::new(&FORGET);
static DECOMPRESSORS: ContextCache<Decompressor> = ContextCache::new(&FORGET);

impl Cached for Compressor {
    fn create() -> Option<Self> {
        CCtx::try_create().map(|context| Self { context, seen: 0, dict: None })
    }

    fn size(&self) -> usize {
        self.context.sizeof()
    }

    fn reset(&mut self) -> bool {
        let reset = self.context.reset().is_ok();
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

impl Cached for SectionCompressor {
    fn create() -> Option<Self> {
        SectionContext::try_create().map(|context| Self { context, seen: 0 })
    }

    fn size(&self) -> usize {
        self.context.size()
    }

    fn reset(&mut self) -> bool {
        self.context.reset().is_ok()
    }

    fn has_life_for(&self, bytes: u64) -> bool {
        self.seen.saturating_add(bytes) <= LIFETIME
    }

    fn cache() -> &'static ContextCache<Self> {
        &SECTION_COMPRESSORS
    }
}

impl Cached for Decompressor {
    fn create() -> Option<Self> {
        DCtx::try_create().map(|context| Self { context, dict: None, prefix: None, as_new: true })
    }

    fn size(&self) -> usize {
        self.context.sizeof()
    }

    fn reset(&mut self) -> bool {
        if !self.as_new {
            self.as_new = self.context.reset(ResetDirective::SessionAndParameters).is_ok();
            if self.as_new {
                self.dict = None;
                self.prefix = None;
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

/// See `ContextCache::forget`.
fn forget_after_fork() {
    COMPRESSORS.forget();
    SECTION_COMPRESSORS.forget();
    DECOMPRESSORS.forget();
}
