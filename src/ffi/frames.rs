//! Group "codec", third part: what a frame tells before it is decompressed.

use super::borrow::{self, OptionsStruct};
use super::guard::guard;
use super::status::{fastpar_error, fastpar_status};
use crate::codec;
use std::ffi::c_void;
use std::mem::size_of;

/// `fastpar_zstd_info.flags`: the frame ends with a checksum of its content.
pub const FASTPAR_FRAME_CHECKSUM: u32 = 1;
/// `fastpar_zstd_info.flags`: a skippable frame, data for other programs, without content.
pub const FASTPAR_FRAME_SKIPPABLE: u32 = 2;

/// What a frame of zstd data tells. Set `struct_size` to `sizeof(fastpar_zstd_info)` before the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fastpar_zstd_info {
    /// `sizeof(fastpar_zstd_info)`.
    pub struct_size: usize,
    /// Bytes of the content; UINT64_MAX: not told. 0 for a skippable frame.
    pub size: u64,
    /// Bytes of the frame: header, blocks, checksum.
    pub compressed_size: u64,
    /// Bytes of the latest output that a decoder has to keep; 0 for a skippable frame.
    pub window: u64,
    /// The dictionary that decompressing needs; 0: none, or not told.
    pub dict_id: u32,
    /// FASTPAR_FRAME_CHECKSUM, FASTPAR_FRAME_SKIPPABLE, or'ed.
    pub flags: u32,
}

// SAFETY: integers; begins with struct_size.
unsafe impl OptionsStruct for fastpar_zstd_info {
    const NAME: &'static str = "fastpar_zstd_info";
    const SIZE_V1: usize = size_of::<Self>();
}

/// Tells what the first frame of some zstd data says about itself (RFC 8878, sections 3.1.1.1 and 3.1.2).
///
/// The header and a few bytes of every block are read, nothing is decompressed. The data need not be trusted:
/// a size that the blocks cannot have is FASTPAR_ERR_CORRUPT. The next frame, if there is one, begins
/// `compressed_size` bytes further on.
///
/// @param src      may be NULL if `src_len` is 0; not kept
/// @param src_len  bytes; the whole frame must be there, what follows it does not matter
/// @param info     out, must not be NULL; in: `struct_size`. Untouched on failure.
/// @param error    may be NULL; `position` is 0
/// @return FASTPAR_OK; FASTPAR_ERR_NOT_ZSTD: no frame begins there; FASTPAR_ERR_TRUNCATED: the data ends
///         within the frame, or is empty; FASTPAR_ERR_CORRUPT: a header is damaged;
///         FASTPAR_ERR_INVALID_ARGUMENT: an argument.
///
/// Never blocks. May be called from any thread. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_frame_read(
    src: *const c_void,
    src_len: usize,
    info: *mut fastpar_zstd_info,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        // SAFETY: the caller's promise.
        let (src, place) =
            unsafe { (borrow::input(src.cast(), src_len, "src")?, borrow::sized_output(info, "info")?) };
        let frame = codec::frame_read(src)?;
        let flag = |set, flag| if set { flag } else { 0 };
        place.set(|struct_size| fastpar_zstd_info {
            struct_size,
            size: frame.content_size.unwrap_or(u64::MAX),
            compressed_size: frame.len as u64,
            window: frame.window,
            dict_id: frame.dictionary,
            flags: flag(frame.checksum, FASTPAR_FRAME_CHECKSUM)
                | flag(frame.skippable, FASTPAR_FRAME_SKIPPABLE),
        });
        Ok(())
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}
