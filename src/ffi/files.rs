//! Group "files": parallel zstd, from file to file.

use super::borrow::{self, OptionsStruct, SizedOut};
use super::codec::{fastpar_zstd_options, with_options};
use super::guard::guard;
use super::status::{fastpar_error, fastpar_status};
use crate::codec::{self, FileStats, Options};
use crate::error::Result;
use std::ffi::c_char;
use std::mem::{offset_of, size_of};
use std::path::Path;

/// What a call on files has done. Set `struct_size` to `sizeof(fastpar_file_stats)` before the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fastpar_file_stats {
    /// `sizeof(fastpar_file_stats)`.
    pub struct_size: usize,
    /// Bytes read.
    pub bytes_in: u64,
    /// Bytes written, the seek table included.
    pub bytes_out: u64,
    /// zstd frames written, or decoded; skippable frames are not counted.
    pub frames: u64,
    /// Wall time.
    pub seconds: f64,
    /// The most working memory that the call had at a time, in bytes: buffers and zstd contexts.
    pub peak_memory: u64,
}

// SAFETY: numbers; begins with struct_size.
unsafe impl OptionsStruct for fastpar_file_stats {
    const NAME: &'static str = "fastpar_file_stats";
    const SIZE_V1: usize = size_of::<Self>();
    const PADDING: (usize, usize) = (size_of::<usize>(), offset_of!(Self, bytes_in));
}

/// A place for what a call has done, which the program may not want.
pub(super) struct StatsOut(Option<SizedOut<fastpar_file_stats>>);

impl StatsOut {
    /// # Safety
    /// As for [`borrow::sized_output`], but for NULL.
    pub(super) unsafe fn new(stats: *mut fastpar_file_stats) -> Result<Self> {
        if stats.is_null() {
            return Ok(Self(None));
        }
        // SAFETY: the caller's promise.
        unsafe { borrow::sized_output(stats, "stats").map(|place| Self(Some(place))) }
    }

    pub(super) fn set(&self, done: &FileStats) {
        let Some(place) = &self.0 else { return };
        place.set(|struct_size| fastpar_file_stats {
            struct_size,
            bytes_in: done.bytes_in,
            bytes_out: done.bytes_out,
            frames: done.frames,
            seconds: done.seconds,
            peak_memory: done.peak_memory,
        });
    }
}

/// Runs a call on files.
///
/// # Safety
/// Pointers are valid as the functions describe.
unsafe fn run(
    options: *const fastpar_zstd_options,
    src_path: *const c_char,
    dst_path: *const c_char,
    stats: *mut fastpar_file_stats,
    call: impl FnOnce(&Path, &Path, &Options<'_>) -> Result<FileStats>,
) -> Result<()> {
    let run = |options: &Options<'_>| {
        // SAFETY: the caller's promise.
        let (source, target) =
            unsafe { (borrow::path(src_path, "src_path")?, borrow::path(dst_path, "dst_path")?) };
        // SAFETY: the caller's promise.
        let place = unsafe { StatsOut::new(stats)? };
        place.set(&call(source, target, options)?);
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { with_options(options, run) }
}

/// Compresses a file into another, in parallel, to ordinary zstd data.
///
/// Reading, compressing and writing overlap; the result is what `fastpar_writer_write` and `_finish` make of
/// the bytes, but that with FASTPAR_ZSTD_SINGLE_FRAME the frame tells the size of an ordinary file. So it
/// depends on them and on the options `level`, `flags`, `frame_size`, `window_log`, `strategy`, `dict`,
/// `prefix`, `src_offset` and `src_size` only.
///
/// The target appears when it is complete: it is written under another name in the same folder (".fastpar-",
/// and a number), which is renamed at the end. An existing target is replaced in that step, and stays as it
/// is if the call fails. When the process dies, at most that other file is left behind; on NTFS and ReFS not
/// even that. `target` itself is replaced: a symbolic link is not followed (a link to a folder is refused).
/// With FASTPAR_ZSTD_KEEP an existing target is not replaced. A read-only target is replaced only where the
/// source is read-only too.
///
/// The target takes over times, permissions (on Linux the access list, too), group and owner of an ordinary
/// source, as far as the system allows, before it has its name. Bits that make programs run as their owner or
/// group are never taken over, nor what the folder would allow further users; where the group or the access
/// list cannot be set, group and others get what both had.
///
/// On Windows the target has the access list of the file that it replaces, as far as the system lets it
/// be set, and a new one what its folder gives. It takes over the source's times, that of creation too,
/// whether the source is read-only, and from a compressed source its Mark of the Web. Nobody else can
/// open the new file before it is complete. What a virus scanner or a backup holds
/// (ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION) is tried again for about a
/// second; a target that stays held is found out before anything is read. Where the file system knows
/// how (NTFS), a target that is open, but may be removed, is replaced.
///
/// Pipes (\\.\pipe\name), NUL, CON and other devices of Windows are written where they stand, too; a
/// whole disk is refused.
///
/// A FIFO, a character device, and on Linux a name that leads to an open descriptor (/dev/stdout, /dev/fd/N,
/// /proc/self/fd/N, and links to them that belong to this user or root) are written where they stand: a
/// descriptor is duplicated, so it shares the program's position, and appends if the program's descriptor
/// does. A reader that goes away is EPIPE, or SIGPIPE, as with `write`. If the call fails, the bytes written
/// until then stay. In a sticky folder that others may write to, another user's FIFO is refused.
///
/// A file that a rename cannot replace (a mounted file, a file in a folder that cannot be written, another
/// user's file in a sticky folder) is found out before anything is read, as far as the system tells:
/// FASTPAR_ERR_IO. With FASTPAR_ZSTD_IN_PLACE an ordinary file is written where it stands instead, and keeps
/// its owner and mode; it is emptied when the first bytes are ready, so if the call fails later it holds the
/// bytes written until then. On Linux the space of a large file that was replaced is given back a moment
/// after the call.
///
/// `src_offset` and `src_size` of the options choose a part of an ordinary source, so that several machines
/// can compress one file (see `fastpar_concat_files`); with another source they are FASTPAR_ERR_UNSUPPORTED.
///
/// The source may be a FIFO, a pipe, or a device such as /dev/stdin. Of an ordinary file as many bytes
/// are read as it has when it is opened; with FASTPAR_ZSTD_SINGLE_FRAME its frame tells its size, as
/// that is known. Memory stays below 256 MB at level 3 however large the file is (40 MB on 2 CPUs), and
/// grows with frame size and level: up to 2 buffers of a frame, and a context, for each lane; see
/// `max_memory`.
///
/// @param options   may be NULL: level 3, frames of 4 MiB. `progress` is told bytes of the source, `total` is
///                  UINT64_MAX if the size is not known, from the calling thread.
/// @param src_path  must not be NULL; UTF-8 on Windows, any bytes elsewhere
/// @param dst_path  must not be NULL; as `src_path`; a file, a link, a FIFO, a character device, an open
///                  descriptor, or nothing yet; not the source, by whatever name
/// @param stats     out, may be NULL
/// @param error     may be NULL; `code` is the system's (errno, GetLastError), `position` the byte of the
///                  source or the frame, if it is about one
/// @return FASTPAR_OK: the target is complete, and with FASTPAR_ZSTD_SYNC on the disk. Otherwise it is as it
///         was before, unless it is one that is written where it stands: FASTPAR_ERR_IO: a file could not be
///         opened, read (also if it became shorter meanwhile), written or renamed, is a directory, read-only,
///         or cannot be replaced, or exists and FASTPAR_ZSTD_KEEP is set (EEXIST);
///         FASTPAR_ERR_INVALID_ARGUMENT: an argument, an option, source and target are the same file, or the
///         part does not lie in the source;
///         FASTPAR_ERR_UNSUPPORTED: the target is a block device, a socket, an open file of another process,
///         or a link to a descriptor that is closed, or in a /proc that is not there (`code` says why); or an
///         option; FASTPAR_ERR_LIMIT_EXCEEDED: the result is larger than `max_output`, or not even one lane
///         fits into `max_memory`, which is found out before memory is taken; FASTPAR_ERR_CANCELLED: by the
///         flag or the progress callback; FASTPAR_ERR_OUT_OF_MEMORY; FASTPAR_ERR_BUSY: from inside a hook, if
///         it needs the pool.
///
/// Blocks until it is done. May be called from any thread, by any number at a time, and from inside
/// callbacks. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_compress_file(
    options: *const fastpar_zstd_options,
    src_path: *const c_char,
    dst_path: *const c_char,
    stats: *mut fastpar_file_stats,
    error: *mut fastpar_error,
) -> fastpar_status {
    // SAFETY: the caller's promise, passed on.
    let body = || unsafe { run(options, src_path, dst_path, stats, codec::compress_file) };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// Decompresses a file into another, in parallel where the data allows.
///
/// Reads all valid zstd data, as `fastpar_reader_read` does; the target is written as by
/// `fastpar_compress_file`: it appears when it is complete, and an existing target is not touched, whatever
/// is wrong with the source. A source without any bytes decompresses to a target without any.
///
/// Frames of more than 8 MiB that are most of an ordinary file, come first, or of whose size there is not
/// room for one a lane, are decoded as by `fastpar_reader_open`: other lanes decode their blocks for the
/// calling thread, which puts them together and writes, while the process leaves a CPU idle. With
/// `max_lanes` 1 all are decoded by libzstd.
///
/// Where an ordinary source ends with a seek table that tells checksums, as zstd's own seekable writer makes
/// it, frames without their own are checked by those: FASTPAR_ERR_CHECKSUM. See FASTPAR_ZSTD_CHECK_TABLE.
///
/// @param options   may be NULL. `progress` is told bytes of the source, not decompressed ones; `total` is
///                  UINT64_MAX if the size is not known; from the calling thread.
/// @param src_path  must not be NULL; as there; may be a FIFO or a device; its content need not be trusted
/// @param dst_path  must not be NULL; as `src_path`; a file, a link, a FIFO, a character device, an open
///                  descriptor, or nothing yet; not the source, by whatever name
/// @param stats     out, may be NULL
/// @param error     may be NULL; `code` is the system's (errno, GetLastError) or zstd's, `position` the
///                  offset in the source
/// @return FASTPAR_OK: the target is complete, and with FASTPAR_ZSTD_SYNC on the disk. Otherwise it is as it
///         was before, unless it is one that is written where it stands: FASTPAR_ERR_IO,
///         FASTPAR_ERR_INVALID_ARGUMENT, FASTPAR_ERR_UNSUPPORTED: as by `fastpar_compress_file`;
///         FASTPAR_ERR_NOT_ZSTD, FASTPAR_ERR_TRUNCATED, FASTPAR_ERR_CORRUPT, FASTPAR_ERR_CHECKSUM,
///         FASTPAR_ERR_DICTIONARY: the source, as by `fastpar_decompress`; FASTPAR_ERR_LIMIT_EXCEEDED: it
///         decompresses to more than `max_output`, needs a larger window than `window_log` allows, or more
///         memory than `max_memory` (2 MiB at least); FASTPAR_ERR_CANCELLED: by the flag or the progress
///         callback; FASTPAR_ERR_OUT_OF_MEMORY; FASTPAR_ERR_BUSY: from inside a hook, if
///         it needs the pool.
///
/// Blocks until it is done. May be called from any thread, by any number at a time, and from inside
/// callbacks. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_decompress_file(
    options: *const fastpar_zstd_options,
    src_path: *const c_char,
    dst_path: *const c_char,
    stats: *mut fastpar_file_stats,
    error: *mut fastpar_error,
) -> fastpar_status {
    // SAFETY: the caller's promise, passed on.
    let body = || unsafe { run(options, src_path, dst_path, stats, codec::decompress_file) };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}
