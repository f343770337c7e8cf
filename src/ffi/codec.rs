//! Group "codec": parallel zstd. This file has the options, which all functions of the codec take.

use super::borrow::{self, OptionsStruct};
use super::dicts::{self, fastpar_dict};
use super::loops::{fastpar_progress_fn, ForeignProgress};
use crate::codec::{Dict, Dicts, Options, Prefix};
use crate::error::{Error, ErrorKind, Result};
use crate::job::Progress;
use std::ffi::c_void;
use std::mem::{offset_of, MaybeUninit};
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
/// For readers that take only one frame, or for which each frame is costly. `zstandard.decompress` of Python,
/// and the `ZstdDecompressor` of pyzstd and of CPython read the first of several frames, and tell no error:
/// they lose the rest in silence. Such a frame is as parallel as many frames, and smaller: sections of it are
/// compressed at the same time, each with the content before it at hand. A section has 4 MiB up to level 4, 8
/// MiB up to 12, 16 MiB up to 15, 16 or 32 MiB up to 19, and up to 256 MiB at higher levels and with large
/// windows. What is shorter is compressed by one lane. At hand is as much as the window of the level, but 512
/// KiB at the most up to level 2, 1 MiB up to 4 and 2 MiB up to 12: content that repeats itself only at
/// larger distances within the window becomes larger than from one context, as it does with many frames;
/// FASTPAR_ZSTD_LONG is for it. Several lanes decompress it as they do a frame of any other program; only
/// reading at random is slower than with many frames.
///
/// A fastpar that was built with another libzstd than its own compresses the frame by one thread.
pub const FASTPAR_ZSTD_SINGLE_FRAME: u32 = 4;
/// `fastpar_zstd_options.flags`: files are on the disk (fsync) when the call returns. From memory to memory:
/// no effect.
pub const FASTPAR_ZSTD_SYNC: u32 = 8;
/// `fastpar_zstd_options.flags`: long-distance matching, as `zstd --long`: matches are found anywhere in a
/// window of 128 MiB, unless `window_log` says otherwise. For data that repeats itself over long distances; a
/// single frame, or large frames, have most of it. Every reader takes windows of 128 MiB. Decompressing: no
/// effect.
pub const FASTPAR_ZSTD_LONG: u32 = 16;
/// `fastpar_zstd_options.flags`: frames end where a rolling hash of the content says so, at a quarter
/// to twice of `frame_size` (0: 4 MiB, or two windows of the level where that is more, up to 64 MiB).
/// So bytes that are inserted, removed or changed change only the frames around them, and rsync and
/// stores that keep equal parts once find the others. The bytes depend on content and options only. Not with
/// FASTPAR_ZSTD_SINGLE_FRAME; batches, and decompressing: no effect.
pub const FASTPAR_ZSTD_RSYNCABLE: u32 = 32;
/// `fastpar_zstd_options.flags`: new target files have holes where the data is zero for 4 KiB or more, as
/// `zstd --sparse`, if the file system can. Targets that are open already, and memory: no effect.
pub const FASTPAR_ZSTD_SPARSE: u32 = 64;
/// `fastpar_zstd_options.flags`: an existing target file is never replaced: FASTPAR_ERR_IO, with EEXIST in
/// `code` (ERROR_FILE_EXISTS or ERROR_ALREADY_EXISTS on Windows). Targets that are written where they stand
/// (FIFOs, devices, open descriptors), and memory: no effect.
pub const FASTPAR_ZSTD_KEEP: u32 = 128;
/// `fastpar_zstd_options.flags`: data that was written whole can be told from data whose writer was killed
/// between two frames. Compress: a seek table is written for a single frame and for no content, too; not with
/// _NO_SEEK_TABLE, and with _SINGLE_FRAME of 4 GiB at most; batches: no effect. Decompress, readers, files,
/// archives: the data must end with a seek table that covers all of it, else FASTPAR_ERR_TRUNCATED; readers
/// and files tell it after the content.
pub const FASTPAR_ZSTD_COMPLETE: u32 = 256;
/// `fastpar_zstd_options.flags`: an ordinary target file that a rename cannot replace is emptied and written
/// where it stands; without the flag that is FASTPAR_ERR_IO before the work begins. See
/// `fastpar_compress_file`. Other targets, and memory: no effect.
pub const FASTPAR_ZSTD_IN_PLACE: u32 = 512;
/// `fastpar_zstd_options.flags`: readers: a seek table is expected behind the frames. The checksums that it
/// tells of frames without their own are compared when it comes: FASTPAR_ERR_CHECKSUM, after the content.
///
/// For data of zstd's own seekable writer, which has no other checksums. A reader finds the table too
/// late to know that it will need the hashes of the frames, so that it has to be told. Hashing takes
/// 0.07 to 0.14 ns a byte of the content: 5 to 20 % of the time of decoding rows or text, and as long as
/// decoding itself where that only repeats a byte; frames with checksums of their own cost nothing. A
/// table is compared up to so many frames as fit, of 16 bytes each, into a twelfth of the memory: a
/// million where `max_memory` is 0. FASTPAR_ZSTD_COMPLETE implies it; `fastpar_decompress_file` looks
/// for such a table at the end of an ordinary file, and `fastpar_decompress`, `fastpar_decompress_batch` and
/// archives always check: no effect.
pub const FASTPAR_ZSTD_CHECK_TABLE: u32 = 1024;

const KNOWN_FLAGS: u32 = FASTPAR_ZSTD_NO_CHECKSUM
    | FASTPAR_ZSTD_NO_SEEK_TABLE
    | FASTPAR_ZSTD_SINGLE_FRAME
    | FASTPAR_ZSTD_SYNC
    | FASTPAR_ZSTD_LONG
    | FASTPAR_ZSTD_RSYNCABLE
    | FASTPAR_ZSTD_SPARSE
    | FASTPAR_ZSTD_KEEP
    | FASTPAR_ZSTD_COMPLETE
    | FASTPAR_ZSTD_IN_PLACE
    | FASTPAR_ZSTD_CHECK_TABLE;

/// Options of the codec. Set `struct_size` to `sizeof(fastpar_zstd_options)` and every field you do not need
/// to zero.
///
/// The same options serve both directions: a field that concerns the other direction must be in its range,
/// and has no effect. So must a flag that a call has no use for:
///
/// ```text
/// flag            compress  batches  writer  compress_file,   decompress_file  concat_files
///                                            transform_file
/// NO_CHECKSUM        x         x        x          x
/// NO_SEEK_TABLE      x                  x          x                                 x
/// SINGLE_FRAME       x      (always)    x          x
/// LONG               x         x        x          x
/// RSYNCABLE          x                  x          x
/// COMPLETE           x                  x          x               x                 x
/// SYNC, SPARSE,                                    x               x                 x
/// KEEP, IN_PLACE
/// ```
///
/// COMPLETE is for `fastpar_decompress`, its batches, readers and archives too; CHECK_TABLE is for readers.
///
/// Compressing only: `level`, `strategy`, `frame_size` (but for batches). Decompressing only, archives too:
/// `dicts`. Both: the others. FASTPAR_ERR_INVALID_ARGUMENT are SINGLE_FRAME with `frame_size` or RSYNCABLE,
/// `prefix` with `dict`, and, compressing, `prefix` without SINGLE_FRAME (but for batches).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fastpar_zstd_options {
    /// `sizeof(fastpar_zstd_options)`.
    pub struct_size: usize,
    /// Compress: -131072 (fastest) to 22 (smallest). 0: the level of `dict`, or 3 without one.
    pub level: i32,
    /// FASTPAR_ZSTD_NO_CHECKSUM, _NO_SEEK_TABLE, _SINGLE_FRAME, _SYNC, _LONG, _RSYNCABLE, _SPARSE, _KEEP,
    /// _COMPLETE, _IN_PLACE, _CHECK_TABLE, or 0.
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
    /// MiB at the least, and 5 MiB for what fastpar writes by default. With FASTPAR_ZSTD_SINGLE_FRAME a lane
    /// has the same context, and files and streams need 2 sections and a window where they need 2 frames (at
    /// level 3 9 MiB, and 1 MiB of window); without a limit they keep to 2 GiB where that is enough for one
    /// lane.
    pub max_memory: u64,
    /// May be NULL. A dictionary: compress with it; decompress the frames that name it, and those that name
    /// none (they may have been made with it, or without any). A frame that names another dictionary, which
    /// `dicts` has not, is FASTPAR_ERR_DICTIONARY, with the id that it names in `error->code`. See
    /// `fastpar_dict_open`. A call keeps what it needs of it: the handle may be
    /// released meanwhile.
    pub dict: *const fastpar_dict,
    /// May be NULL. A flag, 0 at first, that any thread may set by `fastpar_cancel` while the call
    /// runs. It is looked at inside frames, too: after each block of 128 KiB that is compressed, or MiB
    /// that comes out of a frame of more than 8 MiB. But with FASTPAR_ZSTD_SINGLE_FRAME each section begins
    /// with the content, or the prefix, before it, which libzstd reads in one call that cannot be left: it
    /// has no function that takes it in steps. Measured with rows: 2 ms at level 3, 0.1 s at levels 9 to
    /// 12; from level 13 on 1 to 2 MB a second, which is 2 to 7 s up to level 19, and longer where windows
    /// are larger (level 22, FASTPAR_ZSTD_LONG; with that flag 0.2 s at level 3 and 0.7 s at level 9).
    pub cancel: *const i32,
    /// May be NULL. Called with how many uncompressed bytes are done; `total` is UINT64_MAX while the data
    /// does not tell. Decompressing files and streams: bytes of the source.
    pub progress: fastpar_progress_fn,
    /// Given to `progress`.
    pub progress_data: *mut c_void,
    /// Compress: how libzstd searches, 1 (ZSTD_fast) to 9 (ZSTD_btultra2); 0: by level. For experts:
    /// the sizes of tables stay those of the level. With a dictionary each frame prepares it anew, in
    /// milliseconds.
    pub strategy: u32,
    /// Must be 0.
    pub reserved: u32,
    /// May be NULL. What a frame may repeat, such as an older version of the content, as `zstd --patch-from`;
    /// not copied: it must live, and not change, as long as the call, or the handle and its calls.
    /// `dict` must be NULL then.
    ///
    /// Compress: needs FASTPAR_ZSTD_SINGLE_FRAME, or a batch. Long-distance matching is on, and the window
    /// reaches from the end of the content to the beginning of the prefix (of streams: covers twice the
    /// prefix), up to 2 GiB. From memory to memory the call takes as much memory as prefix and content
    /// together. Decompress: frames that name no dictionary are taken for frames made with it, and
    /// windows may be larger than the limit by its length. With another prefix, or without, they fail
    /// as with a wrong dictionary of raw content, see `fastpar_dict_open`.
    pub prefix: *const c_void,
    /// Bytes of `prefix`, at most 1 GiB (512 MiB on 32-bit systems); 0: there is none.
    pub prefix_len: usize,
    /// May be NULL. Decompress: more dictionaries, of which a frame gets the one that it names. A frame that
    /// names none gets `dict`, or `prefix`, or nothing. Entries must not be NULL; of several with one id the
    /// first counts, and `dict` before them; those of raw content are never chosen. A call or a handle keeps
    /// what it needs of them: array and handles may be released meanwhile.
    pub dicts: *const *const fastpar_dict,
    /// Entries of `dicts`.
    pub dicts_count: usize,
    /// `fastpar_compress_file`: where the part of the source begins that is compressed, in bytes; at
    /// the end of the source: an empty part; beyond it: FASTPAR_ERR_INVALID_ARGUMENT. Other calls: no effect.
    pub src_offset: u64,
    /// The bytes of that part. 0: up to the end.
    pub src_size: u64,
}

// SAFETY: integers and nullable pointers and functions; zero is the default of each; begins with struct_size.
unsafe impl OptionsStruct for fastpar_zstd_options {
    const NAME: &'static str = "fastpar_zstd_options";
    const SIZE_V1: usize = offset_of!(Self, strategy); // the fields after it came later
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
    dicts: Option<Dicts>,
    prefix: Option<Prefix>,
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
        if raw.reserved != 0 {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("reserved is {}, expected 0", raw.reserved),
            ));
        }
        // SAFETY: the caller's promise; the prefix goes with the last call that uses the options.
        unsafe {
            let prefix = borrow::input(raw.prefix.cast(), raw.prefix_len, "prefix")?;
            Ok(Self {
                cancel: borrow::cancel_flag(raw.cancel)?,
                dict: dicts::share(raw.dict),
                dicts: dicts::share_all(raw.dicts, raw.dicts_count)?,
                prefix: (!prefix.is_empty()).then(|| Prefix::lent(prefix)),
            })
        }
    }

    /// The core's form of the options `raw`.
    fn core<'o>(&'o self, raw: &fastpar_zstd_options, report: Progress<'o>) -> Options<'o> {
        Options {
            level: raw.level,
            checksum: raw.flags & FASTPAR_ZSTD_NO_CHECKSUM == 0,
            seek_table: raw.flags & FASTPAR_ZSTD_NO_SEEK_TABLE == 0,
            complete: raw.flags & FASTPAR_ZSTD_COMPLETE != 0,
            single_frame: raw.flags & FASTPAR_ZSTD_SINGLE_FRAME != 0,
            sync: raw.flags & FASTPAR_ZSTD_SYNC != 0,
            sparse: raw.flags & FASTPAR_ZSTD_SPARSE != 0,
            keep: raw.flags & FASTPAR_ZSTD_KEEP != 0,
            in_place: raw.flags & FASTPAR_ZSTD_IN_PLACE != 0,
            check_table: raw.flags & FASTPAR_ZSTD_CHECK_TABLE != 0,
            long: raw.flags & FASTPAR_ZSTD_LONG != 0,
            rsyncable: raw.flags & FASTPAR_ZSTD_RSYNCABLE != 0,
            frame_size: raw.frame_size,
            max_lanes: raw.max_lanes,
            window_log: raw.window_log,
            strategy: raw.strategy,
            max_output: raw.max_output,
            max_memory: raw.max_memory,
            dict: self.dict.as_ref(),
            dicts: self.dicts.as_ref(),
            prefix: self.prefix.as_ref(),
            cancel: self.cancel,
            src_offset: raw.src_offset,
            src_size: raw.src_size,
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
    /// `is_released`: whether the program has freed the handle; its progress callback is not called any more.
    ///
    /// # Safety
    /// `options` is NULL or a valid struct whose pointers live as long as the handle.
    pub(super) unsafe fn read(
        options: *const fastpar_zstd_options,
        is_released: impl Fn() -> bool + Sync + 'static,
    ) -> Result<Self> {
        let mut raw = MaybeUninit::uninit();
        // SAFETY: the caller's promise.
        let raw = *unsafe { borrow::read_options(options, &mut raw)? };
        // SAFETY: the caller's promise.
        let shared = Box::new(unsafe { Shared::new(&raw)? });
        let progress = ForeignProgress::new(raw.progress, raw.progress_data);
        let report = Box::new(move |done, total| {
            if is_released() {
                return ControlFlow::Continue(()); // the call tells it at its end
            }
            progress.report(done, total)
        });
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
