//! Group "archives", second part: reading.

use super::archives::{fastpar_archive, hold_archive};
use super::borrow::{self, Out};
use super::guard::guard;
use super::loops::fastpar_loop_options;
use super::status::{fastpar_error, fastpar_status};
use crate::error::{Error, ErrorKind, Result};
use std::ffi::c_void;
use std::sync::atomic::AtomicI32;

/// Reads a part of the content.
///
/// The frames that lie in it are decompressed straight into `dst`, in parallel if there are several, a large
/// one by several lanes if no `max_memory` was set, and their checksums are verified. A frame of which only a
/// part is wanted is decompressed as a whole and kept, so that other reads find it; the frames that were used
/// least recently make room for others. A thread that wants a frame which another thread is decompressing
/// waits for it. Frames that are larger than all that may be kept (64 MiB, or `max_memory`) are decompressed
/// up to the end of what is wanted, and their checksum is verified if that is their end; a read that begins
/// where one of the last four such reads ended goes on from there. Without `max_memory` one thread goes
/// through such a frame for all that want something further on in it, and the last 32 MiB are kept beside the
/// 64 MiB. Checksums that a seek table tells of frames without their own are verified likewise.
///
/// @param archive  must not be NULL
/// @param offset   where in the content; at its end or behind it nothing is read
/// @param dst      may be NULL if `len` is 0; must not overlap an archive in memory. After a failure its
///                 content means nothing.
/// @param len      bytes
/// @param written  out, bytes, must not be NULL: `len`, or fewer where the content ends. Failure: 0.
/// @param error    may be NULL; `position` is the offset of the frame in the compressed data
/// @return FASTPAR_OK; FASTPAR_ERR_TRUNCATED, FASTPAR_ERR_CORRUPT, FASTPAR_ERR_CHECKSUM,
///         FASTPAR_ERR_DICTIONARY, FASTPAR_ERR_NOT_ZSTD: the data, or the file has changed since;
///         FASTPAR_ERR_IO: the file cannot be read, or has become shorter; FASTPAR_ERR_LIMIT_EXCEEDED:
///         `max_memory`, or `window_log` for a part of a frame that is too large to be kept;
///         FASTPAR_ERR_CANCELLED: by the flag; FASTPAR_ERR_INVALID_ARGUMENT: an argument;
///         FASTPAR_ERR_OUT_OF_MEMORY; FASTPAR_ERR_BUSY: from inside a hook, if
///         it needs the pool.
///
/// Blocks until it is done: as long as one frame takes, for a read within one. May be called from any thread,
/// by any number at a time, and from inside callbacks. Since: 1.0
///
/// # Safety
/// `archive` is NULL or a live handle; pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_archive_read(
    archive: *mut fastpar_archive,
    offset: u64,
    dst: *mut c_void,
    len: usize,
    written: *mut usize,
    error: *mut fastpar_error,
) -> fastpar_status {
    // SAFETY: the caller's promise, passed on.
    unsafe { read(std::ptr::null(), archive, offset, dst, len, written, error) }
}

/// Reads a part of the content, with a limit of lanes and a flag of its own.
///
/// As `fastpar_archive_read`, but `cancel` stops this read alone: other reads and scans of the archive go on.
/// The flag that the archive was opened with stops it too.
///
/// @param options  may be NULL. Only `max_lanes` (0: as the archive was opened) and `cancel`; all other
///                 fields are 0
/// @param archive  must not be NULL
/// @param offset   where in the content; at its end or behind it nothing is read
/// @param dst      may be NULL if `len` is 0; must not overlap an archive in memory. After a failure its
///                 content means nothing.
/// @param len      bytes
/// @param written  out, bytes, must not be NULL: `len`, or fewer where the content ends. Failure: 0.
/// @param error    may be NULL; `position` is the offset of the frame in the compressed data
/// @return as `fastpar_archive_read`; FASTPAR_ERR_INVALID_ARGUMENT also for another option that is not 0.
///
/// Blocks until it is done. May be called from any thread, by any number at a time, and from inside
/// callbacks. Since: 1.0
///
/// # Safety
/// `archive` is NULL or a live handle; pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_archive_read_with(
    options: *const fastpar_loop_options,
    archive: *mut fastpar_archive,
    offset: u64,
    dst: *mut c_void,
    len: usize,
    written: *mut usize,
    error: *mut fastpar_error,
) -> fastpar_status {
    // SAFETY: the caller's promise, passed on.
    unsafe { read(options, archive, offset, dst, len, written, error) }
}

/// What both do.
///
/// # Safety
/// `archive` is NULL or a live handle; pointers are valid as described.
unsafe fn read(
    options: *const fastpar_loop_options,
    archive: *mut fastpar_archive,
    offset: u64,
    dst: *mut c_void,
    len: usize,
    written: *mut usize,
    error: *mut fastpar_error,
) -> fastpar_status {
    let read = || {
        // SAFETY: the caller's promise.
        let (max_lanes, cancel) = unsafe { own_options(options)? };
        // SAFETY: the caller's promise.
        let (handle, dst) = unsafe { (hold_archive(archive)?, borrow::output(dst.cast(), len, "dst")?) };
        borrow::disjoint((handle.src(), "the archive"), (&*dst, "dst"))?;
        handle.core().read_with(offset, dst, max_lanes, cancel)
    };
    let body = || {
        // SAFETY: the caller's promise.
        unsafe { borrow::set_written(&Out::new(written, "written")?, read()) }
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// The lanes and the flag of a read, which are all that it has.
///
/// # Safety
/// `options` is NULL or valid as described, and so is its flag for `'a`.
unsafe fn own_options<'a>(options: *const fastpar_loop_options) -> Result<(u32, Option<&'a AtomicI32>)> {
    if options.is_null() {
        return Ok((0, None));
    }
    // SAFETY: the caller's promise.
    let raw = unsafe { borrow::options(options)? };
    let numbers = raw.segments | raw.grain | raw.item_size | raw.cache_bytes;
    let others = raw.schedule | raw.flags | raw.reserved;
    if numbers != 0
        || others != 0
        || raw.progress.is_some()
        || !raw.progress_data.is_null()
        || !raw.name.is_null()
    {
        let text = "of the options a read of an archive has only max_lanes and cancel";
        return Err(Error::new(ErrorKind::InvalidArgument, text));
    }
    // SAFETY: the caller's promise.
    Ok((raw.max_lanes, unsafe { borrow::cancel_flag(raw.cancel)? }))
}
