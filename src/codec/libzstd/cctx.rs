//! A context that compresses, and a dictionary that is prepared for it. As those of the `zstd` crate, which
//! gives no access to their pointers, and by block besides: a frame whose blocks are given one by one has the
//! bytes of one call, and can be left after each block.

use super::errors;
use std::marker::PhantomData;
use std::ptr::NonNull;
use zstd::zstd_safe::zstd_sys::{
    self, ZSTD_CCtx, ZSTD_CDict, ZSTD_EndDirective, ZSTD_ResetDirective, ZSTD_cParameter, ZSTD_inBuffer,
    ZSTD_outBuffer,
};
use zstd::zstd_safe::{CParameter, ErrorCode, InBuffer, OutBuffer, WriteBuf};

/// A dictionary, prepared for compressing at one level.
pub(crate) struct CDict<'a>(NonNull<ZSTD_CDict>, PhantomData<&'a ()>);

// SAFETY: it is not changed once it is made, and any number of contexts may refer to it.
unsafe impl Send for CDict<'_> {}
// SAFETY: the same.
unsafe impl Sync for CDict<'_> {}

impl CDict<'static> {
    /// Prepares `content`, which is copied; `None`: there is no memory, or it is damaged.
    pub(crate) fn try_create(content: &[u8], level: i32) -> Option<Self> {
        // SAFETY: the bytes are read during the call only.
        let raw = unsafe { zstd_sys::ZSTD_createCDict(content.as_ptr().cast(), content.len(), level) };
        NonNull::new(raw).map(|raw| Self(raw, PhantomData))
    }

    /// The memory that it takes.
    pub(crate) fn sizeof(&self) -> usize {
        // SAFETY: alive.
        unsafe { zstd_sys::ZSTD_sizeof_CDict(self.0.as_ptr()) }
    }
}

impl Drop for CDict<'_> {
    fn drop(&mut self) {
        // SAFETY: made by ZSTD_createCDict, and freed once.
        unsafe { zstd_sys::ZSTD_freeCDict(self.0.as_ptr()) };
    }
}

/// See the module.
pub(crate) struct CCtx<'a>(NonNull<ZSTD_CCtx>, PhantomData<&'a ()>);

// SAFETY: a context may be used by any thread, by one at a time.
unsafe impl Send for CCtx<'_> {}

impl Drop for CCtx<'_> {
    fn drop(&mut self) {
        // SAFETY: made by ZSTD_createCCtx, and freed once.
        unsafe { zstd_sys::ZSTD_freeCCtx(self.0.as_ptr()) };
    }
}

impl<'a> CCtx<'a> {
    /// A new context, if there is memory.
    pub(crate) fn try_create() -> Option<Self> {
        // SAFETY: no arguments.
        NonNull::new(unsafe { zstd_sys::ZSTD_createCCtx() }).map(|raw| Self(raw, PhantomData))
    }

    /// The context's memory, in bytes.
    pub(crate) fn sizeof(&self) -> usize {
        // SAFETY: a live context.
        unsafe { zstd_sys::ZSTD_sizeof_CCtx(self.0.as_ptr()) }
    }

    /// Makes the context as good as new, but keeps its memory.
    pub(crate) fn reset(&mut self) -> Result<(), ErrorCode> {
        let both = ZSTD_ResetDirective::ZSTD_reset_session_and_parameters;
        // SAFETY: a live context.
        check(unsafe { zstd_sys::ZSTD_CCtx_reset(self.0.as_ptr(), both) }).map(drop)
    }

    /// Sets a parameter of the next frames.
    pub(crate) fn set_parameter(&mut self, parameter: CParameter) -> Result<(), ErrorCode> {
        use ZSTD_cParameter::*;
        match parameter {
            CParameter::CompressionLevel(level) => self.set(ZSTD_c_compressionLevel, level),
            CParameter::ChecksumFlag(on) => self.set(ZSTD_c_checksumFlag, on.into()),
            CParameter::WindowLog(log) => self.set(ZSTD_c_windowLog, log as i32), // small, all of them
            CParameter::Strategy(strategy) => self.set(ZSTD_c_strategy, strategy as i32),
            CParameter::EnableLongDistanceMatching(on) => {
                self.set(ZSTD_c_enableLongDistanceMatching, on.into())
            }
            CParameter::LdmHashLog(log) => self.set(ZSTD_c_ldmHashLog, log as i32),
            CParameter::LdmMinMatch(len) => self.set(ZSTD_c_ldmMinMatch, len as i32),
            _ => Err(errors::UNSUPPORTED),
        }
    }

    pub(super) fn raw(&mut self) -> *mut ZSTD_CCtx {
        self.0.as_ptr()
    }

    pub(super) fn set(&mut self, parameter: ZSTD_cParameter, value: i32) -> Result<(), ErrorCode> {
        // SAFETY: a live context; libzstd checks the value.
        check(unsafe { zstd_sys::ZSTD_CCtx_setParameter(self.0.as_ptr(), parameter, value) }).map(drop)
    }

    /// Compresses with a dictionary from here on, until the context is reset.
    pub(crate) fn ref_cdict<'b: 'a>(&mut self, dict: &'b CDict<'b>) -> Result<(), ErrorCode> {
        // SAFETY: the dictionary outlives the context.
        check(unsafe { zstd_sys::ZSTD_CCtx_refCDict(self.0.as_ptr(), dict.0.as_ptr()) }).map(drop)
    }

    /// Compresses with a dictionary that the context prepares itself, by its own parameters, until it
    /// is reset.
    pub(crate) fn load_dictionary(&mut self, content: &[u8]) -> Result<(), ErrorCode> {
        // SAFETY: a live context, which copies the bytes.
        check(unsafe {
            zstd_sys::ZSTD_CCtx_loadDictionary(self.0.as_ptr(), content.as_ptr().cast(), content.len())
        })
        .map(drop)
    }

    /// How many bytes the next frame has; `None`: not known.
    pub(crate) fn set_pledged_src_size(&mut self, len: Option<u64>) -> Result<(), ErrorCode> {
        let len = len.unwrap_or(u64::MAX); // ZSTD_CONTENTSIZE_UNKNOWN
                                           // SAFETY: a live context.
        check(unsafe { zstd_sys::ZSTD_CCtx_setPledgedSrcSize(self.0.as_ptr(), len) }).map(drop)
    }

    /// Compresses a frame in one call; returns its size.
    pub(crate) fn compress2(
        &mut self,
        dst: &mut (impl WriteBuf + ?Sized),
        src: &[u8],
    ) -> Result<usize, ErrorCode> {
        let (to, room) = (dst.as_mut_ptr().cast(), dst.capacity());
        // SAFETY: a live context, the capacity of `dst`, and the bytes of `src`.
        let size = check(unsafe {
            zstd_sys::ZSTD_compress2(self.0.as_ptr(), to, room, src.as_ptr().cast(), src.len())
        })?;
        // SAFETY: libzstd has written so many.
        unsafe { dst.filled_until(size) };
        Ok(size)
    }

    /// Compresses a part of a frame; returns how many bytes are still to be written at least.
    pub(crate) fn compress_stream2<C: WriteBuf + ?Sized>(
        &mut self,
        output: &mut OutBuffer<'_, C>,
        input: &mut InBuffer<'_>,
        todo: ZSTD_EndDirective,
    ) -> Result<usize, ErrorCode> {
        let mut from =
            ZSTD_inBuffer { src: input.src.as_ptr().cast(), size: input.src.len(), pos: input.pos };
        let mut to =
            ZSTD_outBuffer { dst: output.as_mut_ptr().cast(), size: output.capacity(), pos: output.pos() };
        // SAFETY: a live context; both describe the buffers as they are.
        let left = unsafe { zstd_sys::ZSTD_compressStream2(self.0.as_ptr(), &mut to, &mut from, todo) };
        input.pos = from.pos;
        // SAFETY: libzstd has written so far.
        unsafe { output.set_pos(to.pos) };
        check(left)
    }

    /// Begins a frame of these bytes, at least one, whose blocks are given one by one. Its header is
    /// written to `dst`.
    pub(crate) fn begin_blocks<'b>(
        &'b mut self,
        src: &'b [u8],
        dst: &mut (impl WriteBuf + ?Sized),
    ) -> Result<(Blocks<'b>, usize), ErrorCode> {
        use ZSTD_cParameter::*;
        self.set_pledged_src_size(Some(src.len() as u64))?;
        // Input and output are whole and stay where they are, so that libzstd makes no buffers for them
        // (ZSTD_c_stableInBuffer, ZSTD_c_stableOutBuffer).
        self.set(ZSTD_c_experimentalParam9, 1)?;
        self.set(ZSTD_c_experimentalParam10, 1)?;
        // Blocks are cut by the caller, and not again (ZSTD_c_blockSplitterLevel). An older libzstd
        // cuts none.
        let _ = self.set(ZSTD_c_experimentalParam20, 1);
        let mut blocks = self.blocks(src, true);
        let header = blocks.begin(dst)?;
        Ok((blocks, header))
    }

    /// The blocks of these bytes; `ends`: the last one ends the frame. They are still to be begun.
    pub(super) fn blocks<'b>(&'b mut self, src: &'b [u8], ends: bool) -> Blocks<'b> {
        Blocks { context: self.0.as_ptr(), rest: src, ends, used: PhantomData }
    }
}

/// Blocks under way.
pub(crate) struct Blocks<'b> {
    pub(super) context: *mut ZSTD_CCtx,
    /// What is not compressed yet.
    rest: &'b [u8],
    ends: bool,
    used: PhantomData<&'b mut ZSTD_CCtx>,
}

impl Blocks<'_> {
    /// Initialises the context. libzstd's header of a frame is written to `dst`; returns its bytes.
    pub(super) fn begin(&mut self, dst: &mut (impl WriteBuf + ?Sized)) -> Result<usize, ErrorCode> {
        let mut input = ZSTD_inBuffer { src: self.rest.as_ptr().cast(), size: 0, pos: 0 };
        let mut output = ZSTD_outBuffer { dst: std::ptr::null_mut(), size: 0, pos: 0 };
        let flush = ZSTD_EndDirective::ZSTD_e_flush;
        // Without input libzstd only initialises the context.
        // SAFETY: a live context, no input and no room.
        check(unsafe { zstd_sys::ZSTD_compressStream2(self.context, &mut output, &mut input, flush) })?;
        self.block(0, dst, 0, dst.capacity())
    }

    /// Compresses the next `len` bytes, 128 KiB at most, to one or more blocks, of which the last may end the
    /// frame; they are added to the `filled` bytes of `dst`, of which at most `room` are used. Returns how
    /// many bytes they take.
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
        let is_end = self.ends && rest.is_empty();
        let compress = if is_end { zstd_sys::ZSTD_compressEnd } else { zstd_sys::ZSTD_compressContinue };
        // SAFETY: a live context, which this frame has for itself; within the capacity.
        let size = check(unsafe {
            let to = dst.as_mut_ptr().add(filled).cast();
            compress(self.context, to, room - filled, now.as_ptr().cast(), now.len())
        })?;
        // SAFETY: libzstd has written so many, behind those that were filled before.
        unsafe { dst.filled_until(filled + size) };
        Ok(size)
    }
}

impl Drop for Blocks<'_> {
    fn drop(&mut self) {
        let session = ZSTD_ResetDirective::ZSTD_reset_session_only;
        // SAFETY: a live context. It forgets the buffers, which may be gone afterwards.
        unsafe { zstd_sys::ZSTD_CCtx_reset(self.context, session) };
    }
}

/// A result of libzstd.
pub(super) fn check(code: usize) -> Result<usize, ErrorCode> {
    // SAFETY: plain computation on a value.
    if unsafe { zstd_sys::ZSTD_isError(code) } != 0 {
        return Err(code);
    }
    Ok(code)
}
