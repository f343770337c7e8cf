//! A context that compresses sections of a frame, each by itself: the calls of libzstd for it, as the `zstd`
//! crate gives no access to a context's pointer.
//!
//! A section is compressed after the input before it, which is given as a prefix. Prefix and section lie one
//! after the other in memory: otherwise libzstd would search the prefix as an external dictionary, which it
//! does worse, and which [`invalidate_rep_codes`] does not allow. All blocks are closed, and none is the last
//! of its frame. The context has no buffers of its own.
//!
//! The functions are those of zstd.h, but for one.

use super::calls::{LongMatching, Parameters};
use super::cctx::{check, Blocks, CCtx};
use zstd::zstd_safe::zstd_sys::{self, ZSTD_cParameter, ZSTD_dictContentType_e};
use zstd::zstd_safe::ErrorCode;

/// Whether sections can be compressed: see `build.rs`.
pub(crate) const AVAILABLE: bool = cfg!(zstd_rep_codes);

#[cfg(zstd_rep_codes)]
extern "C" {
    /// Not in zstd.h, but in libzstd's own headers since 2016: libzstd's threads need it as fastpar does. A
    /// decoder that comes to a section remembers the last three offsets of the section before, which the
    /// encoder of this section does not know. Here it forgets the offsets that it believes in, so that it
    /// refers to none of them. Without it the result would be corrupt.
    fn ZSTD_invalidateRepCodes(context: *mut zstd_sys::ZSTD_CCtx);
}

/// The longest header of a frame.
const HEADER: usize = 18;

/// What is before a section.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Before<'s> {
    /// Nothing: the frame begins, and there is no dictionary.
    Nothing,
    /// The frame begins, with a dictionary.
    Dictionary(&'s [u8]),
    /// So many bytes of the data before the section.
    Prefix(usize),
}

/// See the module.
pub(crate) struct SectionContext(CCtx<'static>);

impl SectionContext {
    /// A new context, if there is memory.
    pub(crate) fn try_create() -> Option<Self> {
        CCtx::try_create().map(Self)
    }

    /// The context's memory, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.0.sizeof()
    }

    /// Makes the context as good as new, but keeps its memory.
    pub(crate) fn reset(&mut self) -> Result<(), ErrorCode> {
        self.0.reset()
    }

    /// Begins a section: the bytes of `data` from `start` on.
    ///
    /// A prefix is taken from the bytes before `start`.
    pub(crate) fn begin<'s>(
        &'s mut self,
        parameters: &Parameters,
        long: Option<LongMatching>,
        data: &'s [u8],
        start: usize,
        before: Before<'s>,
    ) -> Result<Blocks<'s>, ErrorCode> {
        self.reset()?;
        configure(&mut self.0, parameters, long, matches!(before, Before::Prefix(_)))?;
        // A failure from here on drops the blocks, and so resets the context.
        let mut section = self.0.blocks(&data[start..], false);
        let (prefix, kind) = match before {
            Before::Nothing => (&[][..], ZSTD_dictContentType_e::ZSTD_dct_rawContent),
            Before::Dictionary(content) => (content, ZSTD_dictContentType_e::ZSTD_dct_auto),
            Before::Prefix(len) => (&data[start - len..start], ZSTD_dictContentType_e::ZSTD_dct_rawContent),
        };
        // SAFETY: a live context; the bytes live as long as the section, which resets the context at its end.
        check(unsafe {
            zstd_sys::ZSTD_CCtx_refPrefix_advanced(
                section.context,
                prefix.as_ptr().cast(),
                prefix.len(),
                kind,
            )
        })?;
        // libzstd's own header, which is not wanted, comes out alone.
        section.begin(&mut [0u8; HEADER][..])?;
        if let Before::Prefix(_) = before {
            invalidate_rep_codes(&section)?;
        }
        Ok(section)
    }
}

/// Sets the parameters of a context that has been reset.
fn configure(
    context: &mut CCtx<'_>,
    parameters: &Parameters,
    long: Option<LongMatching>,
    prefix: bool,
) -> Result<(), ErrorCode> {
    use ZSTD_cParameter::*;
    context.set(ZSTD_c_compressionLevel, parameters.level())?;
    // SAFETY: a live context, and plain values.
    check(unsafe { zstd_sys::ZSTD_CCtx_setCParams(context.raw(), parameters.raw()) })?;
    context.set(ZSTD_c_contentSizeFlag, 0)?;
    context.set(ZSTD_c_checksumFlag, 0)?;
    context.set(ZSTD_c_dictIDFlag, 0)?;
    // Input and output are whole and stay where they are, so that libzstd makes no buffers for them
    // (ZSTD_c_stableInBuffer, ZSTD_c_stableOutBuffer).
    context.set(ZSTD_c_experimentalParam9, 1)?;
    context.set(ZSTD_c_experimentalParam10, 1)?;
    // Blocks are cut by the caller, and not again (ZSTD_c_blockSplitterLevel).
    context.set(ZSTD_c_experimentalParam20, 1)?;
    // The window counts for the prefix too: unlike a dictionary it is part of what is decoded
    // (ZSTD_c_forceMaxWindow).
    context.set(ZSTD_c_experimentalParam3, i32::from(prefix))?;
    if let Some(long) = long {
        context.set(ZSTD_c_enableLongDistanceMatching, 1)?;
        context.set(ZSTD_c_ldmHashLog, long.hash_log as i32)?; // at most 30
        context.set(ZSTD_c_ldmMinMatch, long.min_match as i32)?; // at most 4096
    }
    Ok(())
}

#[cfg(zstd_rep_codes)]
fn invalidate_rep_codes(section: &Blocks<'_>) -> Result<(), ErrorCode> {
    // SAFETY: a live context, between two blocks.
    unsafe { ZSTD_invalidateRepCodes(section.context) };
    Ok(())
}

#[cfg(not(zstd_rep_codes))]
fn invalidate_rep_codes(_: &Blocks<'_>) -> Result<(), ErrorCode> {
    unreachable!("AVAILABLE is false")
}
