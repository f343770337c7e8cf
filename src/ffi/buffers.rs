//! Group "codec", second part: from memory to memory.

use super::borrow::{self, Out};
use super::codec::{fastpar_zstd_options, with_options};
use super::guard::guard;
use super::status::{fastpar_error, fastpar_status};
use crate::codec::{self, Options, Prefix};
use crate::error::Result;
use std::ffi::c_void;
use std::mem::MaybeUninit;

/// Tells a capacity that is enough for compressing any `src_len` bytes with these options.
///
/// @param options  may be NULL: the defaults
/// @param src_len  bytes, 0 to SIZE_MAX / 2, in at most 134,217,728 frames (8 PiB of them by default)
/// @param bound    out, bytes, must not be NULL; untouched on failure
/// @param error    may be NULL
/// @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: an option, `bound`, or a `src_len` that no buffer can
///         have; FASTPAR_ERR_UNSUPPORTED: an option.
///
/// It is about 0.4 % more than `src_len`. Never blocks. May be called from any thread. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_compress_bound(
    options: *const fastpar_zstd_options,
    src_len: usize,
    bound: *mut usize,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        let tell = |options: &Options<'_>| {
            // SAFETY: the caller's promise.
            let place = unsafe { Out::new(bound, "bound")? };
            place.set(codec::compress_bound(src_len, options)?);
            Ok(())
        };
        // SAFETY: the caller's promise.
        unsafe { with_options(options, tell) }
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// Compresses a buffer into another, in parallel, to ordinary zstd data.
///
/// The result is a series of independent frames, each with its size and a checksum, and a seek table (zstd's
/// seekable format) in a skippable frame if there are several: `zstd -d` and every other zstd reader decode
/// it. But some readers stop after the first frame and tell no error, `zstandard.decompress` and CPython's
/// `ZstdDecompressor` among them: FASTPAR_ZSTD_SINGLE_FRAME is for those. An empty input makes one empty
/// frame. The bytes depend on `src` and on what the options say of the result (`level`, `flags`,
/// `frame_size`, `window_log`, `strategy`, `dict` and `prefix`) only, never on threads or time.
///
/// `dst_capacity` may be less than `fastpar_compress_bound` tells: the call succeeds whenever the result
/// fits, though fewer threads find room to work when it is tight. Working memory does not grow with
/// `src_len`, but for 4 bytes a frame, and that of one frame (64 MiB at most by default) when `dst_capacity`
/// is less than the bound.
///
/// @param options       may be NULL: level 3, 24 frames
/// @param src           may be NULL if `src_len` is 0; not kept
/// @param src_len       bytes
/// @param dst           may be NULL if `dst_capacity` is 0; must not overlap `src`. Its bytes after
///                      `*written` may be overwritten; after a failure its content means nothing.
/// @param dst_capacity  bytes
/// @param written       out, bytes, must not be NULL. FASTPAR_ERR_BUFFER_TOO_SMALL: a capacity that is always
///                      enough. Any other failure: 0.
/// @param error         may be NULL; `position` is the frame, if it is about one
/// @return FASTPAR_OK; FASTPAR_ERR_BUFFER_TOO_SMALL: the result does not fit into `dst`;
///         FASTPAR_ERR_LIMIT_EXCEEDED: it is larger than `max_output`; or not even one lane fits into
///         `max_memory`, which is found out before memory is taken; FASTPAR_ERR_CANCELLED: by the flag
///         (whenever it was set before the return) or by the progress callback; the frames in flight are
///         left after their block (128 KiB);
///         FASTPAR_ERR_INVALID_ARGUMENT, FASTPAR_ERR_UNSUPPORTED: an argument or an option;
///         FASTPAR_ERR_OUT_OF_MEMORY; FASTPAR_ERR_BUSY: from inside a hook, if
///         it needs the pool.
///
/// Blocks until it is done. May be called from any thread, by any number at a time, and from inside
/// callbacks. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_compress(
    options: *const fastpar_zstd_options,
    src: *const c_void,
    src_len: usize,
    dst: *mut c_void,
    dst_capacity: usize,
    written: *mut usize,
    error: *mut fastpar_error,
) -> fastpar_status {
    // SAFETY: the caller's promise, passed on.
    let body = || unsafe { run(options, (src, src_len), (dst, dst_capacity), written, codec::compress) };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// Tells how many bytes zstd data decompresses to, by its headers.
///
/// A few bytes of every frame and every block are read, nothing is decompressed. The data need not be
/// trusted: a size that the blocks cannot have is FASTPAR_ERR_CORRUPT. Still honest data of a few kilobytes
/// may decompress to gigabytes (at most about 32,000 times its size): compare the size with a limit of yours
/// before you allocate it.
///
/// @param src      may be NULL if `src_len` is 0; not kept
/// @param src_len  bytes; 0 bytes of data decompress to 0 bytes
/// @param size     out, bytes, must not be NULL; untouched on failure
/// @param error    may be NULL; `position` is the offset of the frame in `src`
/// @return FASTPAR_OK; FASTPAR_ERR_UNSUPPORTED: a frame does not tell its size, as it was written by a
///         program that did not know it; FASTPAR_ERR_NOT_ZSTD: something else than a frame begins at
///         `position`; FASTPAR_ERR_TRUNCATED: the data ends within a frame; FASTPAR_ERR_CORRUPT: a header is
///         damaged; FASTPAR_ERR_LIMIT_EXCEEDED: 2^64 bytes or more; FASTPAR_ERR_INVALID_ARGUMENT: an
///         argument.
///
/// Never blocks. May be called from any thread. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_decompressed_size(
    src: *const c_void,
    src_len: usize,
    size: *mut u64,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        // SAFETY: the caller's promise.
        let (src, place) = unsafe { (borrow::input(src.cast(), src_len, "src")?, Out::new(size, "size")?) };
        place.set(codec::decompressed_size(src)?);
        Ok(())
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// Decompresses zstd data from a buffer into another, in parallel where the data allows.
///
/// Reads all valid zstd data: any number of frames, skippable ones among them. They are found by the seek
/// table if there is one, which is checked, else by walking over the headers. If every frame tells its size,
/// frames are decompressed in parallel, else one after the other. Checksums that are there are
/// verified, those that a seek table tells of frames without their own, too. (So do batches and archives;
/// for readers see FASTPAR_ZSTD_CHECK_TABLE.) No size that the data declares is allocated.
///
/// A frame of 2 MiB or more is decompressed by several lanes itself, if the process leaves a CPU idle.
/// Others, and all frames with `max_lanes` 1, are decompressed by libzstd, each in one lane. What is not
/// as it should be in a frame is told by libzstd in any case.
///
/// No data (`src_len` 0), and skippable frames only, decompress to 0 bytes. The formats of zstd before 1.0
/// are FASTPAR_ERR_NOT_ZSTD, and so is anything that follows the last frame and does not begin like one.
///
/// @param options       may be NULL
/// @param src           may be NULL if `src_len` is 0; not kept; need not be trusted
/// @param src_len       bytes
/// @param dst           may be NULL if `dst_capacity` is 0; must not overlap `src`. Its bytes after
///                      `*written` may be overwritten; after a failure its content means nothing.
/// @param dst_capacity  bytes
/// @param written       out, bytes, must not be NULL. FASTPAR_ERR_BUFFER_TOO_SMALL: the capacity that is
///                      needed, or 0 where the data does not tell. Any other failure: 0.
/// @param error         may be NULL; `position` is the offset of the frame in `src`, if it is about one
/// @return FASTPAR_OK; FASTPAR_ERR_BUFFER_TOO_SMALL: the result does not fit into `dst`;
///         FASTPAR_ERR_LIMIT_EXCEEDED: it is larger than `max_output`; a frame needs a larger window than
///         `window_log` allows; or not even one lane fits into `max_memory`; FASTPAR_ERR_NOT_ZSTD: something
///         else than a frame begins at `position`; FASTPAR_ERR_TRUNCATED: the data ends within a frame, be it
///         in its first four bytes; FASTPAR_ERR_CORRUPT: the frame is damaged; FASTPAR_ERR_CHECKSUM: it
///         decompresses, but to something else; FASTPAR_ERR_DICTIONARY: it needs a dictionary that was not
///         given, or another one; FASTPAR_ERR_CANCELLED: by the flag (whenever it was set before the return)
///         or by the progress callback; frames in flight of up to 8 MiB are finished first, larger
///         ones left after a MiB of output;
///         FASTPAR_ERR_INVALID_ARGUMENT, FASTPAR_ERR_UNSUPPORTED: an argument or an option;
///         FASTPAR_ERR_OUT_OF_MEMORY; FASTPAR_ERR_BUSY: from inside a hook, if
///         it needs the pool.
///
/// Blocks until it is done. May be called from any thread, by any number at a time, and from inside
/// callbacks. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_decompress(
    options: *const fastpar_zstd_options,
    src: *const c_void,
    src_len: usize,
    dst: *mut c_void,
    dst_capacity: usize,
    written: *mut usize,
    error: *mut fastpar_error,
) -> fastpar_status {
    // SAFETY: the caller's promise, passed on.
    let body = || unsafe { run(options, (src, src_len), (dst, dst_capacity), written, codec::decompress) };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// Runs a call from buffer to buffer, and writes how much it has written.
///
/// # Safety
/// The pointers are NULL or valid, as the functions of the header say.
unsafe fn run(
    options: *const fastpar_zstd_options,
    (src, src_len): (*const c_void, usize),
    (dst, dst_capacity): (*mut c_void, usize),
    written: *mut usize,
    call: impl FnOnce(&[u8], &mut [MaybeUninit<u8>], &Options<'_>) -> Result<usize>,
) -> Result<()> {
    // SAFETY: the caller's promise.
    let written = unsafe { Out::new(written, "written")? };
    let run = |options: &Options<'_>| {
        // SAFETY: the caller's promise. Whether the buffers overlap is checked before they are used.
        let (src, dst) = unsafe {
            (borrow::input(src.cast(), src_len, "src")?, borrow::output(dst.cast(), dst_capacity, "dst")?)
        };
        borrow::disjoint((src, "src"), (&*dst, "dst"))?;
        borrow::disjoint((options.prefix.map_or(&[], Prefix::bytes), "prefix"), (&*dst, "dst"))?;
        call(src, dst, options)
    };
    // SAFETY: the caller's promise.
    borrow::set_written(&written, unsafe { with_options(options, run) })
}
