//! Group "shards": the work of many machines.

use super::archives::{fastpar_archive, hold_archive};
use super::borrow::{self, OptionsStruct, Out};
use super::codec::{fastpar_zstd_options, with_options};
use super::files::{fastpar_file_stats, StatsOut};
use super::guard::guard;
use super::scans::{fastpar_scan_options, ScanArguments};
use super::status::{fastpar_error, fastpar_status};
use crate::codec;
use crate::memory;
use std::ffi::{c_char, c_void};
use std::mem::{offset_of, size_of};

/// A part of an archive, for one of several machines. Set `struct_size` to `sizeof(fastpar_shard)` before the
/// call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fastpar_shard {
    /// `sizeof(fastpar_shard)`.
    pub struct_size: usize,
    /// For `fastpar_scan_options.offset`: where it begins in the content, at a record. Of an empty shard the
    /// size of the content, so that a scan calls for nothing.
    pub offset: u64,
    /// For `fastpar_scan_options.size`: its bytes, whole records.
    pub size: u64,
    /// The first frame that is to be read for it.
    pub first_frame: u64,
    /// How many frames are, from that on. With FASTPAR_SCAN_LINES the byte before the shard is read too, and
    /// the last line may reach into frames after these.
    pub frames: u64,
}

// SAFETY: numbers; begins with struct_size.
unsafe impl OptionsStruct for fastpar_shard {
    const NAME: &'static str = "fastpar_shard";
    const SIZE_V1: usize = size_of::<Self>();
    const PADDING: (usize, usize) = (size_of::<usize>(), offset_of!(Self, offset));
}

/// Tells which part of an archive one of several machines is to scan. Arithmetic only: nothing is read, and
/// every machine that has the archive gets the same.
///
/// The shards are cut at frames, so that no frame is decompressed twice but where a record reaches over its
/// end, and have about the same number of bytes. A record belongs to the shard of the frame where it
/// begins; a line to the shard where it begins. Together they are the part that the options ask for;
/// some are empty where there are fewer frames than shards.
///
/// @param options  may be NULL; as for the scan: `record_size`, `flags`, `offset` and `size` count
/// @param archive  must not be NULL
/// @param shards   how many there are, at least 1
/// @param index    which, 0 to `shards` - 1
/// @param shard    in: `struct_size`; out; must not be NULL; untouched on failure
/// @param error    may be NULL
/// @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: an argument, an option, or the part does not lie in the
///         content, or is no whole number of records.
///
/// Never blocks. May be called from any thread. Since: 1.0
///
/// # Safety
/// `archive` is NULL or a live handle; pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_archive_shard(
    options: *const fastpar_scan_options,
    archive: *const fastpar_archive,
    shards: u64,
    index: u64,
    shard: *mut fastpar_shard,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        // SAFETY: the caller's promise.
        let (arguments, archive) = unsafe { (ScanArguments::read(options)?, hold_archive(archive)?) };
        // SAFETY: the caller's promise.
        let place = unsafe { borrow::sized_output(shard, "shard")? };
        let found = arguments.with(|options| codec::archive_shard(archive.core(), options, shards, index))?;
        place.set(|struct_size| fastpar_shard {
            struct_size,
            offset: found.offset,
            size: found.size,
            first_frame: found.first_frame,
            frames: found.frames,
        });
        Ok(())
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// Joins compressed files to one, without decompressing them: the results of many machines.
///
/// Frames are copied as they are, in the order of the sources. Frames without content, seek tables and other
/// skippable frames are left out, and one seek table is written, if there are several frames. Checksums
/// that a source's table tells are kept, also those of a single frame. Only
/// frames that do not tell their size are decompressed, for the table. Joined sources without any
/// content make one empty frame. What the parts of a file were compressed to (see `src_offset` of
/// `fastpar_compress_file`), joined, is to the byte what the whole is compressed to, where the cuts are
/// multiples of the frame size.
///
/// The target is written as by `fastpar_compress_file`, and takes over the first source's times, permissions,
/// group and owner. It may be the first source, under the same name or another: then the others are
/// appended to that. It is made beside it, by sharing its blocks where the file system can, and
/// replaces it at the end.
///
/// @param options   may be NULL: `flags`, `max_output`, `dict` (for frames that name one), `cancel`,
///                  `progress`, which is told bytes of the target, and `total` UINT64_MAX until the end
/// @param paths     names of ordinary files, each as `src_path` of `fastpar_decompress_file`; must not
///                  be NULL
/// @param count     how many, at least 1; a file may be named more than once
/// @param dst_path  must not be NULL; as for `fastpar_compress_file`, or the first source
/// @param stats     out, may be NULL
/// @param error     may be NULL; `position` is the offset in a source, if it is about one
/// @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: an argument, an option, the target is a source
///         other than the first, or it is the first and FASTPAR_ZSTD_KEEP is set; for the sources as by
///         `fastpar_archive_open_file`; for the target as by `fastpar_compress_file`. After a failure the
///         target is as it was before.
///
/// Blocks until it is done. May be called from any thread, by any number at a time, and from inside
/// callbacks. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_concat_files(
    options: *const fastpar_zstd_options,
    paths: *const *const c_char,
    count: usize,
    dst_path: *const c_char,
    stats: *mut fastpar_file_stats,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        let bytes = count.saturating_mul(size_of::<*const c_char>());
        borrow::addresses(paths.cast(), bytes, "paths")?;
        // SAFETY: the caller's promise.
        let (path, stats) = unsafe { (borrow::path(dst_path, "dst_path")?, StatsOut::new(stats)?) };
        let mut sources = Vec::new();
        memory::reserve(&mut sources, count)?;
        for index in 0..count {
            // SAFETY: the caller's promise; unaligned arrays are read just the same.
            let source = unsafe { borrow::path(paths.add(index).read_unaligned(), "a path")? };
            sources.push(source);
        }
        // SAFETY: the caller's promise.
        let done = unsafe { with_options(options, |options| codec::concat_files(&sources, path, options))? };
        stats.set(&done);
        Ok(())
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// Writes the seek table of frames that a program has put one after the other itself: several machines into
/// one file, or a store that joins what it is sent.
///
/// The parts are compressed with FASTPAR_ZSTD_NO_SEEK_TABLE, and `fastpar_frame_read` tells the sizes of
/// their frames. With the table behind the last of them the data is to the byte what the whole is
/// compressed to, where the cuts are multiples of the frame size. (A single frame gets a table with
/// FASTPAR_ZSTD_COMPLETE only.) A table counts at the very end of the data, and if the frames that it lists
/// are all that comes before it; readers compare what it tells with the frames' headers.
///
/// @param sizes          bytes of each frame, of skippable ones too, in their order; NULL only with
///                       `frames` 0
/// @param content_sizes  bytes of the content of each; NULL only with `frames` 0
/// @param checksums      may be NULL: the table tells none. For frames without checksums of their own: the
///                       lower half of the XXH64 of each content
/// @param frames         how many, at most 134,217,728
/// @param dst            may be NULL if `dst_capacity` is 0; must not overlap the arrays
/// @param dst_capacity   bytes
/// @param written        out, must not be NULL: the bytes of the table, 17 and 8 a frame, or 12 with
///                       checksums; of FASTPAR_ERR_BUFFER_TOO_SMALL the same. Any other failure: 0.
/// @param error          may be NULL; `position` is the frame, if it is about one
/// @return FASTPAR_OK; FASTPAR_ERR_BUFFER_TOO_SMALL: the table does not fit into `dst`;
///         FASTPAR_ERR_LIMIT_EXCEEDED: there are more frames, or a frame or its content has 4 GiB or more;
///         FASTPAR_ERR_INVALID_ARGUMENT: an argument.
///
/// Never blocks. May be called from any thread. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_seek_table_write(
    sizes: *const u64,
    content_sizes: *const u64,
    checksums: *const u32,
    frames: usize,
    dst: *mut c_void,
    dst_capacity: usize,
    written: *mut usize,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { Out::new(written, "written")? };
        let run = || {
            let bytes = |each: usize| frames.saturating_mul(each);
            let listed = if checksums.is_null() { 0 } else { bytes(size_of::<u32>()) };
            // SAFETY: the caller's promise; whether the buffers overlap is checked before they are used.
            let (sizes, contents, sums, dst) = unsafe {
                (
                    borrow::input(sizes.cast(), bytes(size_of::<u64>()), "sizes")?,
                    borrow::input(content_sizes.cast(), bytes(size_of::<u64>()), "content_sizes")?,
                    borrow::input(checksums.cast(), listed, "checksums")?,
                    borrow::output(dst.cast(), dst_capacity, "dst")?,
                )
            };
            for input in [(sizes, "sizes"), (contents, "content_sizes"), (sums, "checksums")] {
                borrow::disjoint(input, (&*dst, "dst"))?;
            }
            // Wherever they lie: unaligned arrays are read just the same.
            let wide = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_ne_bytes);
            let narrow = |bytes: &[u8]| bytes.try_into().map_or(0, u32::from_ne_bytes);
            let contents = contents.chunks_exact(size_of::<u64>()).map(wide);
            let entries = sizes.chunks_exact(size_of::<u64>()).map(wide).zip(contents);
            let sums = sums.chunks_exact(size_of::<u32>()).map(narrow);
            codec::seek_table_write(entries, (!checksums.is_null()).then_some(sums), dst)
        };
        borrow::set_written(&place, run())
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}
