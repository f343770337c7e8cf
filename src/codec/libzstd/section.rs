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
use std::ffi::c_void;
use std::marker::PhantomData;
use std::ptr::NonNull;
use zstd::zstd_safe::zstd_sys::{
    self, ZSTD_CCtx, ZSTD_EndDirective, ZSTD_ResetDirective, ZSTD_cParameter, ZSTD_dictContentType_e,
    ZSTD_inBuffer, ZSTD_outBuffer,
};
use zstd::zstd_safe::{ErrorCode, WriteBuf};

/// Whether sections can be compressed: see `build.rs`.
pub(crate) const AVAILABLE: bool = cfg!(zstd_rep_codes);

#[cfg(zstd_rep_codes)]
extern "C" {
    /// Not in zstd.h, but in libzstd's own headers since 2016: libzstd's threads need it as fastpar does. A
    /// decoder that comes to a section remembers the last three offsets of the section before, which the
    /// encoder of this section does not know. Here it forgets the offsets that it believes in, so that it
    /// refers to none of them. Without it the result would be corrupt.
    fn ZSTD_invalidateRepCodes(context: *mut ZSTD_CCtx);
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
pub(crate) struct SectionContext(NonNull<ZSTD_CCtx>);

// SAFETY: a context may be used by any thread, by one at a time.
unsafe impl Send for SectionContext {}

impl Drop for SectionContext {
    fn drop(&mut self) {
        // SAFETY: made by ZSTD_createCCtx, and freed once.
        unsafe { zstd_sys::ZSTD_freeCCtx(self.0.as_ptr()) };
    }
}

impl SectionContext {
    /// A new context, if there is memory.
    pub(crate) fn try_create() -> Option<Self> {
        // SAFETY: no arguments.
        NonNull::new(unsafe { zstd_sys::ZSTD_createCCtx() }).map(Self)
    }

    /// The context's memory, in bytes.
    pub(crate) fn size(&self) -> usize {
        // SAFETY: a live context.
        unsafe { zstd_sys::ZSTD_sizeof_CCtx(self.0.as_ptr()) }
    }

    /// Makes the context as good as new, but keeps its memory.
    pub(crate) fn reset(&mut self) -> Result<(), ErrorCode> {
        let both = ZSTD_ResetDirective::ZSTD_reset_session_and_parameters;
        // SAFETY: a live context.
        check(unsafe { zstd_sys::ZSTD_CCtx_reset(self.0.as_ptr(), both) }).map(drop)
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
    ) -> Result<Section<'s>, ErrorCode> {
        self.reset()?;
        let raw = self.0.as_ptr();
        let rest = &data[start..];
        let mut section = Section { context: raw, rest, used: PhantomData };
        // A failure from here on drops the section, and so resets the context.
        configure(raw, parameters, long, matches!(before, Before::Prefix(_)))?;
        let (prefix, kind) = match before {
            Before::Nothing => (&[][..], ZSTD_dictContentType_e::ZSTD_dct_rawContent),
            Before::Dictionary(content) => (content, ZSTD_dictContentType_e::ZSTD_dct_auto),
            Before::Prefix(len) => (&data[start - len..start], ZSTD_dictContentType_e::ZSTD_dct_rawContent),
        };
        // SAFETY: a live context; the bytes live as long as the section, which resets the context at its end.
        check(unsafe {
            zstd_sys::ZSTD_CCtx_refPrefix_advanced(raw, prefix.as_ptr().cast(), prefix.len(), kind)
        })?;
        let mut input = ZSTD_inBuffer { src: rest.as_ptr().cast(), size: 0, pos: 0 };
        let mut output = ZSTD_outBuffer { dst: std::ptr::null_mut(), size: 0, pos: 0 };
        // Without input libzstd only initialises the context.
        // SAFETY: a live context, no input and no room.
        check(unsafe {
            zstd_sys::ZSTD_compressStream2(raw, &mut output, &mut input, ZSTD_EndDirective::ZSTD_e_flush)
        })?;
        // libzstd's own header, which is not wanted, comes out alone.
        let mut header = [0u8; HEADER];
        // SAFETY: the room of the array.
        unsafe { section.compress(&[], header.as_mut_ptr().cast(), HEADER)? };
        if let Before::Prefix(_) = before {
            invalidate_rep_codes(&section)?;
        }
        Ok(section)
    }
}

/// Sets the parameters of a context that has been reset.
fn configure(
    raw: *mut ZSTD_CCtx,
    parameters: &Parameters,
    long: Option<LongMatching>,
    prefix: bool,
) -> Result<(), ErrorCode> {
    use ZSTD_cParameter::*;
    let set = |parameter, value: i32| {
        // SAFETY: a live context.
        check(unsafe { zstd_sys::ZSTD_CCtx_setParameter(raw, parameter, value) }).map(drop)
    };
    set(ZSTD_c_compressionLevel, parameters.level())?;
    // SAFETY: a live context, and plain values.
    check(unsafe { zstd_sys::ZSTD_CCtx_setCParams(raw, parameters.raw()) })?;
    set(ZSTD_c_contentSizeFlag, 0)?;
    set(ZSTD_c_checksumFlag, 0)?;
    set(ZSTD_c_dictIDFlag, 0)?;
    // Input and output are whole and stay where they are, so that libzstd makes no buffers for them
    // (ZSTD_c_stableInBuffer, ZSTD_c_stableOutBuffer).
    set(ZSTD_c_experimentalParam9, 1)?;
    set(ZSTD_c_experimentalParam10, 1)?;
    // Blocks are cut by the caller, and not again (ZSTD_c_blockSplitterLevel).
    set(ZSTD_c_experimentalParam20, 1)?;
    // The window counts for the prefix too: unlike a dictionary it is part of what is decoded
    // (ZSTD_c_forceMaxWindow).
    set(ZSTD_c_experimentalParam3, i32::from(prefix))?;
    if let Some(long) = long {
        set(ZSTD_c_enableLongDistanceMatching, 1)?;
        set(ZSTD_c_ldmHashLog, long.hash_log as i32)?; // at most 30
        set(ZSTD_c_ldmMinMatch, long.min_match as i32)?; // at most 4096
    }
    Ok(())
}

/// A section under way.
pub(crate) struct Section<'s> {
    context: *mut ZSTD_CCtx,
    /// What is not compressed yet.
    rest: &'s [u8],
    used: PhantomData<&'s mut SectionContext>,
}

impl Section<'_> {
    /// Compresses the next `len` bytes, 128 KiB at most, to one or more blocks; they are added to the
    /// `filled` bytes of `dst`, of which at most `room` are used. Returns how many bytes they take.
    pub(crate) fn block(
        &mut self,
        len: usize,
        dst: &mut (impl WriteBuf + ?Sized),
        filled: usize,
        room: usize,
    ) -> Result<usize, ErrorCode> {
        let (now, rest) = self.rest.split_at(len);
        self.rest = rest;
        assert!(filled <= room && room <= dst.capacity());
        // SAFETY: within the capacity.
        let to = unsafe { dst.as_mut_ptr().add(filled) };
        // SAFETY: as many bytes may be written behind the filled ones.
        let size = unsafe { self.compress(now, to.cast(), room - filled)? };
        // SAFETY: libzstd has written so many, behind those that were filled before.
        unsafe { dst.filled_until(filled + size) };
        Ok(size)
    }

    /// # Safety
    /// `room` bytes may be written at `to`.
    unsafe fn compress(&mut self, src: &[u8], to: *mut c_void, room: usize) -> Result<usize, ErrorCode> {
        // SAFETY: a live context, which this section has for itself; the caller's promise.
        check(unsafe {
            zstd_sys::ZSTD_compressContinue(self.context, to, room, src.as_ptr().cast(), src.len())
        })
    }
}

impl Drop for Section<'_> {
    fn drop(&mut self) {
        let session = ZSTD_ResetDirective::ZSTD_reset_session_only;
        // SAFETY: a live context. It forgets the buffers, which may be gone afterwards.
        unsafe { zstd_sys::ZSTD_CCtx_reset(self.context, session) };
    }
}

#[cfg(zstd_rep_codes)]
fn invalidate_rep_codes(section: &Section<'_>) -> Result<(), ErrorCode> {
    // SAFETY: a live context, between two blocks.
    unsafe { ZSTD_invalidateRepCodes(section.context) };
    Ok(())
}

#[cfg(not(zstd_rep_codes))]
fn invalidate_rep_codes(_: &Section<'_>) -> Result<(), ErrorCode> {
    unreachable!("AVAILABLE is false")
}

/// A result of libzstd.
fn check(code: usize) -> Result<usize, ErrorCode> {
    // SAFETY: plain computation on a value.
    if unsafe { zstd_sys::ZSTD_isError(code) } != 0 {
        return Err(code);
    }
    Ok(code)
}
