//! Group "codec": parallel zstd, from memory to memory.

use super::borrow::{self, OptionsStruct, Out};
use super::dicts::{self, fastpar_dict};
use super::guard::guard;
use super::loops::{fastpar_progress_fn, ForeignProgress};
use super::status::{fastpar_error, fastpar_status};
use crate::codec::{self, Dict, Options};
use crate::error::{Error, ErrorKind, Result};
use crate::job::Progress;
use std::ffi::c_void;
use std::mem::{size_of, MaybeUninit};
use std::ops::ControlFlow;
use std::sync::atomic::AtomicI32;

/// `fastpar_zstd_options.flags`: frames carry no checksum. Decompressing: no effect, checksums that are there
/// are verified.
pub const FASTPAR_ZSTD_NO_CHECKSUM: u32 = 1;
/// `fastpar_zstd_options.flags`: no seek table follows the frames. Decompressing: no effect.
pub const FASTPAR_ZSTD_NO_SEEK_TABLE: u32 = 2;
/// `fastpar_zstd_options.flags`: one frame, as the `zstd` program writes it; `frame_size` must be 0.
/// Decompressing: no effect.
///
/// For readers that take only one frame, or for which each frame is costly. It is as parallel as many frames,
/// and smaller: sections of it are compressed at the same time, each with the content before it at hand. A
/// section has 4 MiB up to level 4, 8 MiB up to 12, 16 MiB up to 15, 16 or 32 MiB up to 19, and up to 256 MiB
/// at higher levels and with large windows. What is shorter is compressed by one lane. Several lanes
/// decompress it as they do a frame of any other program; only reading at random is slower than with many
/// frames.
///
/// A fastpar that was built with another libzstd than its own compresses the frame by one thread.
pub const FASTPAR_ZSTD_SINGLE_FRAME: u32 = 4;
/// `fastpar_zstd_options.flags`: files are on the disk (fsync) when the call returns. From memory to memory:
/// no effect.
pub const FASTPAR_ZSTD_SYNC: u32 = 8;
/// `fastpar_zstd_options.flags`: new target files have holes where the data is zero for 4 KiB or more, as
/// `zstd --sparse`. Targets that are open already, memory, and Windows: no effect.
pub const FASTPAR_ZSTD_SPARSE: u32 = 64;
/// `fastpar_zstd_options.flags`: an existing target file is never replaced: FASTPAR_ERR_IO, with EEXIST in
/// `code` (ERROR_FILE_EXISTS or ERROR_ALREADY_EXISTS on Windows). Targets that are written where they stand
/// (FIFOs, devices, open descriptors), and memory: no effect.
pub const FASTPAR_ZSTD_KEEP: u32 = 128;
/// `fastpar_zstd_options.flags`: an ordinary target file that a rename cannot replace is emptied and written
/// where it stands; without the flag that is FASTPAR_ERR_IO before the work begins. See
/// `fastpar_compress_file`. Other targets, and memory: no effect.
pub const FASTPAR_ZSTD_IN_PLACE: u32 = 512;

const KNOWN_FLAGS: u32 = FASTPAR_ZSTD_NO_CHECKSUM
    | FASTPAR_ZSTD_NO_SEEK_TABLE
    | FASTPAR_ZSTD_SINGLE_FRAME
    | FASTPAR_ZSTD_SYNC
    | FASTPAR_ZSTD_SPARSE
    | FASTPAR_ZSTD_KEEP
    | FASTPAR_ZSTD_IN_PLACE;

/// Options of the codec. Set `struct_size` to `sizeof(fastpar_zstd_options)` and every field you do not need
/// to zero.
///
/// The same options serve both directions: a field that concerns the other direction must be in its range,
/// and has no effect.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fastpar_zstd_options {
    /// `sizeof(fastpar_zstd_options)`.
    pub struct_size: usize,
    /// Compress: -131072 (fastest) to 22 (smallest). 0: the level of `dict`, or 3 without one.
    pub level: i32,
    /// FASTPAR_ZSTD_NO_CHECKSUM, _NO_SEEK_TABLE, _SINGLE_FRAME, _SYNC, _SPARSE, _KEEP, _IN_PLACE, or 0.
    pub flags: u32,
    /// Compress: uncompressed bytes per frame, at most 1 GiB and at least 1/134217728 of the input. 0: 24
    /// equal frames, fewer when they would be under 512 KiB, a multiple of 24 when they would pass 64 MiB.
    /// Files and streams, whose memory is bounded: 0: 4 MiB, or two windows of the level where that is more
    /// (from level 16 on), up to 64 MiB. Smaller frames are faster to reach at random, and compress less.
    pub frame_size: usize,
    /// Threads that work on the call at the same time, the caller included. 0: as many as the CPUs this
    /// process may use. Never more than those, nor than the threads of the pool.
    pub max_lanes: u32,
    /// Compress: the window is 2 to the power of this, 10 to 31 (30 on 32-bit systems); 0: by level. A window
    /// larger than the level's own turns long-distance matching on, and data with windows over 27 is refused
    /// by most readers unless they are asked. Decompress: larger windows are refused; 0: 27 (128 MiB). Frames
    /// of a single segment have no window.
    pub window_log: u32,
    /// The most bytes that may come out: FASTPAR_ERR_LIMIT_EXCEEDED past it. 0: no limit beyond `dst`; none
    /// for files and streams.
    pub max_output: u64,
    /// Working memory of one call in bytes, the dictionary included: fewer lanes are used to keep to it. 0:
    /// no limit. At level 3 a lane needs 1.3 MB to compress; 0.3 MB to decompress, and 3 MB more where
    /// several lanes decompress one frame, which with less has one lane. Files and streams need buffers
    /// besides: to compress, 2 frames for a single lane, else 2 for each lane and 3 more; to decompress, 2
    /// MiB at the least. With FASTPAR_ZSTD_SINGLE_FRAME a lane has the same context, and files and streams
    /// need 2 sections and a window where they need 2 frames (at level 3 9 MiB, and 1 MiB of window); without
    /// a limit they keep to 2 GiB where that is enough for one lane.
    pub max_memory: u64,
    /// May be NULL. A dictionary: compress with it; decompress the frames that name it, and those that name
    /// none (they may have been made with it, or without any). A frame that names another dictionary is
    /// FASTPAR_ERR_DICTIONARY. See `fastpar_dict_open`. A call keeps what it needs of it: the handle may be
    /// released meanwhile.
    pub dict: *const fastpar_dict,
    /// May be NULL. A flag, 0 at first, that any thread may set by `fastpar_cancel` while the call runs.
    pub cancel: *const i32,
    /// May be NULL. Called with how many uncompressed bytes are done; `total` is UINT64_MAX while the data
    /// does not tell. Decompressing files and streams: bytes of the source.
    pub progress: fastpar_progress_fn,
    /// Given to `progress`.
    pub progress_data: *mut c_void,
}

// SAFETY: integers and nullable pointers and functions; zero is the default of each; begins with struct_size.
unsafe impl OptionsStruct for fastpar_zstd_options {
    const NAME: &'static str = "fastpar_zstd_options";
    const SIZE_V1: usize = size_of::<Self>();
}

/// Runs `with` with the options of a call, in the core's form, checked as far as the core does not.
///
/// # Safety
/// `options` is NULL or a valid struct whose pointers live as long as the call.
#[inline]
pub(super) unsafe fn with_options<R>(
    options: *const fastpar_zstd_options,
    with: impl FnOnce(&Options<'_>) -> Result<R>,
) -> Result<R> {
    let mut raw = MaybeUninit::uninit();
    // SAFETY: the caller's promise.
    let raw = unsafe { borrow::read_options(options, &mut raw)? };
    // SAFETY: the caller's promise.
    let shared = unsafe { Shared::new(raw)? };
    let progress = ForeignProgress::new(raw.progress, raw.progress_data);
    let report = |done, total| progress.report(done, total);
    with(&shared.core(raw, &report))
}

/// What options point to, checked.
struct Shared<'a> {
    dict: Option<Dict>,
    cancel: Option<&'a AtomicI32>,
}

impl Shared<'_> {
    /// # Safety
    /// The pointers of `raw` are NULL or live for `'a`.
    #[inline]
    unsafe fn new(raw: &fastpar_zstd_options) -> Result<Self> {
        if raw.flags & !KNOWN_FLAGS != 0 {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("flags is {:#x}, expected FASTPAR_ZSTD_ constants", raw.flags),
            ));
        }
        // SAFETY: the caller's promise.
        unsafe { Ok(Self { cancel: borrow::cancel_flag(raw.cancel)?, dict: dicts::share(raw.dict) }) }
    }

    /// The core's form of the options `raw`.
    fn core<'o>(&'o self, raw: &fastpar_zstd_options, report: Progress<'o>) -> Options<'o> {
        Options {
            level: raw.level,
            checksum: raw.flags & FASTPAR_ZSTD_NO_CHECKSUM == 0,
            seek_table: raw.flags & FASTPAR_ZSTD_NO_SEEK_TABLE == 0,
            single_frame: raw.flags & FASTPAR_ZSTD_SINGLE_FRAME != 0,
            sync: raw.flags & FASTPAR_ZSTD_SYNC != 0,
            sparse: raw.flags & FASTPAR_ZSTD_SPARSE != 0,
            keep: raw.flags & FASTPAR_ZSTD_KEEP != 0,
            in_place: raw.flags & FASTPAR_ZSTD_IN_PLACE != 0,
            frame_size: raw.frame_size,
            max_lanes: raw.max_lanes,
            window_log: raw.window_log,
            max_output: raw.max_output,
            max_memory: raw.max_memory,
            dict: self.dict.as_ref(),
            cancel: self.cancel,
            progress: raw.progress.is_some().then_some(report),
        }
    }
}

/// The options of a handle, kept for as long as it lives.
pub(super) struct KeptArguments {
    raw: fastpar_zstd_options,
    // Neither moves when this does.
    shared: Box<Shared<'static>>,
    report: Box<dyn Fn(u64, u64) -> ControlFlow<()> + Sync>,
}

impl KeptArguments {
    /// # Safety
    /// `options` is NULL or a valid struct whose pointers live as long as the handle.
    pub(super) unsafe fn read(options: *const fastpar_zstd_options) -> Result<Self> {
        let mut raw = MaybeUninit::uninit();
        // SAFETY: the caller's promise.
        let raw = *unsafe { borrow::read_options(options, &mut raw)? };
        // SAFETY: the caller's promise.
        let shared = Box::new(unsafe { Shared::new(&raw)? });
        let progress = ForeignProgress::new(raw.progress, raw.progress_data);
        let report = Box::new(move |done, total| progress.report(done, total));
        Ok(Self { raw, shared, report })
    }

    /// The core's form of the options.
    ///
    /// # Safety
    /// The value outlives them.
    pub(super) unsafe fn options(&self) -> Options<'static> {
        // SAFETY: both are boxed, and dropped with the value, which outlives the result by the caller's
        // promise.
        let (shared, report) =
            unsafe { (&*std::ptr::from_ref(&*self.shared), &*std::ptr::from_ref(&*self.report)) };
        shared.core(&self.raw, report)
    }
}

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
/// it. An empty input makes one empty frame. The bytes depend on `src` and the options `level`, `flags`,
/// `frame_size`, `window_log` and `dict` only, never on threads.
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
///         finished first, long ones (over 64 MiB, or 4 MiB from level 12 on) are left within a second,
///         sections of a single frame after their block (128 KiB);
///         FASTPAR_ERR_INVALID_ARGUMENT, FASTPAR_ERR_UNSUPPORTED: an argument or an option;
///         FASTPAR_ERR_OUT_OF_MEMORY; FASTPAR_ERR_BUSY: from inside a hook.
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
/// frames are decompressed in parallel, else one after the other. Checksums that are there are verified. No
/// size that the data declares is allocated.
///
/// A frame of 2 MiB or more is decompressed by several lanes itself, if the process leaves a CPU idle.
/// Others, those with a dictionary, and all frames with `max_lanes` 1 are decompressed by libzstd, each in
/// one lane. What is not as it should be in a frame is told by libzstd in any case.
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
///         or by the progress callback; the frames in flight are finished first, those over 64 MiB, or in
///         several lanes, are left within a second; FASTPAR_ERR_INVALID_ARGUMENT, FASTPAR_ERR_UNSUPPORTED: an
///         argument or an option; FASTPAR_ERR_OUT_OF_MEMORY; FASTPAR_ERR_BUSY: from inside a hook.
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
        call(src, dst, options)
    };
    // SAFETY: the caller's promise.
    borrow::set_written(&written, unsafe { with_options(options, run) })
}
