//! Group "scans": loops over what is compressed.

use super::archives::{fastpar_archive, hold_archive};
use super::borrow::{self, OptionsStruct};
use super::guard::guard;
use super::loops::{fastpar_progress_fn, ForeignProgress};
use super::reduce::{fastpar_combine_fn, Reduction};
use super::status::{fastpar_error, fastpar_status};
use crate::codec::{self, Piece, ScanOptions};
use crate::error::{Error, ErrorKind, Result};
use crate::pool::Scope;
use std::ffi::{c_char, c_void, CStr};
use std::mem::offset_of;
use std::sync::atomic::AtomicI32;

/// `fastpar_scan_options.flags`: records are lines. They end with byte 10, and the last one with the content;
/// `record_size` must be 0.
pub const FASTPAR_SCAN_LINES: u32 = 1;

/// A piece of an archive's content, as a callback gets it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fastpar_piece {
    /// Its place among the pieces, from 0 on. With FASTPAR_SCAN_LINES some numbers stay unused, but a piece
    /// has the same on every machine, and a later one a higher.
    pub index: u64,
    /// Where its first byte is in the content.
    pub offset: u64,
    /// The bytes, valid until the callback returns; not to be written. Aligned to 64 where they begin a
    /// frame.
    pub data: *const c_void,
    /// Their number: whole records, at least one.
    pub size: usize,
    /// A number below `lanes` that no other thread holds while this one works for the call. The thread that
    /// made the call is lane 0.
    pub lane: u32,
    /// How many lanes there are, at most the threads of the pool; the same for all pieces of an
    /// `fastpar_archive_for`.
    pub lanes: u32,
}

/// Called for one piece of an archive's content.
///
/// Called for every piece exactly once, unless the call stops early, from the calling thread and from threads
/// of the pool at the same time, in any order. It may call fastpar. Must return normally: no exception and no
/// longjmp through it.
///
/// @param user_data  the `user_data` of the call
/// @param piece      valid until the callback returns
/// @return 0 to go on; anything else stops the call, which returns FASTPAR_ERR_CALLBACK with this value in
///         `error->code`, or what `fastpar_fail` was told.
pub type fastpar_piece_fn =
    Option<unsafe extern "C" fn(user_data: *mut c_void, piece: *const fastpar_piece) -> i32>;

/// Called for one piece of a reduction: adds its records to an accumulator.
///
/// Like `fastpar_piece_fn`, but for the accumulator: it begins as a copy of the identity, belongs to this
/// piece alone, and is aligned to 128 bytes.
///
/// @param user_data    the `user_data` of the call
/// @param piece        valid until the callback returns
/// @param accumulator  in and out, `accumulator_size` bytes, valid until the callback returns
/// @return as by `fastpar_piece_fn`
pub type fastpar_piece_fold_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        piece: *const fastpar_piece,
        accumulator: *mut c_void,
    ) -> i32,
>;

/// Options of a scan. Set `struct_size` to `sizeof(fastpar_scan_options)` and every field you do not need to
/// zero.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fastpar_scan_options {
    /// `sizeof(fastpar_scan_options)`.
    pub struct_size: usize,
    /// Bytes of a record. 0: 1. A record that the end of a frame cuts comes whole, as a piece of its own.
    pub record_size: usize,
    /// The most bytes of a piece, rounded down to whole records, at least one. 0: a frame, and 256 KiB of
    /// frames over 1 MiB, on every machine. A piece never reaches over the end of a frame, but for a record
    /// that is cut there.
    pub piece_size: usize,
    /// FASTPAR_SCAN_LINES, or 0.
    pub flags: u32,
    /// Threads that work on the call at the same time, the caller included. 0: as the archive was opened
    /// with. Never more than the CPUs this process may use, nor than the threads of the pool.
    pub max_lanes: u32,
    /// Where the part of the content begins that is scanned, in bytes: at a record. At the end of the content
    /// nothing is called.
    pub offset: u64,
    /// The bytes of the part: whole records. 0: up to the end. With FASTPAR_SCAN_LINES any part will do: the
    /// lines that begin in it are called for, the last one whole.
    pub size: u64,
    /// Working memory of the call in bytes: fewer lanes are used to keep to it. 0: as the archive was opened
    /// with; and if that has no limit, a frame a lane, and of frames over 8 MiB a piece and a window. Few
    /// such frames are shared by all lanes, which then take a piece and about a MiB each, and two windows
    /// together.
    /// Also the longest line, 64 MiB where neither has a limit; lines, and records that are cut, may
    /// take memory besides.
    pub max_memory: u64,
    /// May be NULL. A flag, 0 at first, that any thread may set by `fastpar_cancel` while the call runs.
    pub cancel: *const i32,
    /// May be NULL. Called with how many bytes of the part are done.
    pub progress: fastpar_progress_fn,
    /// Given to `progress`.
    pub progress_data: *mut c_void,
    /// May be NULL. What traces call the scan, as `fastpar_loop_options.name`.
    pub name: *const c_char,
}

// SAFETY: integers and nullable pointers and functions; zero is the default of each; begins with struct_size.
unsafe impl OptionsStruct for fastpar_scan_options {
    const NAME: &'static str = "fastpar_scan_options";
    const SIZE_V1: usize = offset_of!(Self, name);
}

/// The options of a scan, checked as far as the core does not.
pub(super) struct ScanArguments<'a> {
    raw: fastpar_scan_options,
    cancel: Option<&'a AtomicI32>,
    progress: ForeignProgress,
    name: Option<&'a CStr>,
}

impl ScanArguments<'_> {
    /// # Safety
    /// `options` is NULL or a valid struct whose pointers live for `'a`.
    pub(super) unsafe fn read(options: *const fastpar_scan_options) -> Result<Self> {
        // SAFETY: the caller's promise.
        let raw = unsafe { borrow::options(options)? };
        if raw.flags & !FASTPAR_SCAN_LINES != 0 {
            let text = format!("flags is {:#x}, expected FASTPAR_SCAN_LINES (1) or 0", raw.flags);
            return Err(Error::new(ErrorKind::InvalidArgument, text));
        }
        // SAFETY: the caller's promise.
        let cancel = unsafe { borrow::cancel_flag(raw.cancel)? };
        // SAFETY: the caller's promise.
        let name = unsafe { borrow::name(raw.name) };
        Ok(Self { raw, cancel, progress: ForeignProgress::new(raw.progress, raw.progress_data), name })
    }

    /// The flag that cancels the call.
    pub(super) fn cancel(&self) -> Option<&AtomicI32> {
        self.cancel
    }

    /// Runs `with` with the core's form of the options.
    pub(super) fn with<R>(&self, with: impl FnOnce(&ScanOptions<'_>) -> R) -> R {
        let Self { progress, .. } = self;
        let report = |done, total| progress.report(done, total);
        with(&ScanOptions {
            record_size: self.raw.record_size,
            piece_size: self.raw.piece_size,
            lines: self.raw.flags & FASTPAR_SCAN_LINES != 0,
            max_lanes: self.raw.max_lanes,
            offset: self.raw.offset,
            size: self.raw.size,
            max_memory: self.raw.max_memory,
            cancel: self.cancel,
            progress: if progress.is_set() { Some(&report) } else { None },
            name: self.name,
        })
    }
}

/// The C form of a piece.
pub(super) fn foreign_piece(piece: &Piece<'_>) -> fastpar_piece {
    fastpar_piece {
        index: piece.index,
        offset: piece.offset,
        data: piece.data.as_ptr().cast(),
        size: piece.data.len(),
        lane: piece.lane,
        lanes: piece.lanes,
    }
}

/// Runs the callback of a piece, and makes an error of what it returns.
pub(super) fn call(piece: &Piece<'_>, callback: impl FnOnce(*const fastpar_piece) -> i32) -> Result<()> {
    let foreign = foreign_piece(piece);
    // The lane around tells whether the call is stopped.
    Scope::enter(&(), |scope| match callback(&foreign) {
        0 => Ok(()),
        code => {
            let text = format!("the callback returned {code} at piece {}", piece.index);
            let error = Error::of_callback(text, code, scope.take());
            let position = error.position().unwrap_or(piece.index);
            Err(error.at(position))
        }
    })
}

/// A callback of the program with its data.
#[derive(Clone, Copy)]
pub(super) struct Foreign<F> {
    pub(super) function: F,
    pub(super) user_data: *mut c_void,
}

// SAFETY: the program promises that the callback may be called from several threads at the same time.
unsafe impl<F: Sync> Sync for Foreign<F> {}

/// Decompresses the content of an archive in parallel, and calls back for each piece of it, on the thread
/// that has just decompressed it.
///
/// Equivalent to this serial loop, but for the threads, the order, and the memory for the whole:
///
/// ```c
/// fastpar_archive_read(archive, options->offset, content, size, &written, NULL);
/// for (uint64_t i = 0; i < pieces; i++)                 // pieces: cut at the frames, at whole records
///     if (body(user_data, &piece[i]) != 0) return FASTPAR_ERR_CALLBACK;
/// return FASTPAR_OK;
/// ```
///
/// A piece is a frame, or a part of one; all bytes of the part that is asked for are in one of the pieces.
/// Which pieces there are depends on the archive and on `record_size`, `piece_size`, `flags`, `offset` and
/// `size`, never on threads. Frames of up to 1 MiB are decompressed, and their checksums verified, before
/// their first piece; of larger frames pieces are handed out as they come, and the checksum is verified with
/// the last one. A frame of which only the beginning is asked for is decompressed up to there.
///
/// @param options    may be NULL: records of one byte, the whole content
/// @param archive    must not be NULL; may be scanned and read by other threads meanwhile, and from the
///                   callback. If the callback releases it, the call goes on.
/// @param body       must not be NULL
/// @param user_data  given to it; may be NULL
/// @param error      may be NULL; `position` is the index of the piece where a callback failed, the offset of
///                   the frame in the compressed data where data is damaged
/// @return FASTPAR_OK: every piece was called for, once; also where the part is empty.
///         FASTPAR_ERR_INVALID_ARGUMENT, before the first callback: an argument, an option, the part does not
///         lie in the content, or is no whole number of records; FASTPAR_ERR_CALLBACK: a callback returned
///         non-zero, or what it told `fastpar_fail`; FASTPAR_ERR_CORRUPT, FASTPAR_ERR_CHECKSUM,
///         FASTPAR_ERR_TRUNCATED, FASTPAR_ERR_DICTIONARY, FASTPAR_ERR_NOT_ZSTD, FASTPAR_ERR_IO: as by
///         `fastpar_archive_read`; FASTPAR_ERR_LIMIT_EXCEEDED: `max_memory`, a line is longer than that (or
///         64 MiB), or a frame over 8 MiB needs a larger window than the `window_log` of the archive;
///         FASTPAR_ERR_CANCELLED: by the flag or the progress callback; FASTPAR_ERR_OUT_OF_MEMORY;
///         FASTPAR_ERR_BUSY: from inside a hook. After a failure no new piece is called for; of several
///         failures that of the lowest piece is returned.
///
/// Blocks until it is done; the calling thread works too. May be called from any thread, by any number at a
/// time, and from inside callbacks. The data need not be trusted. Since: 1.0
///
/// # Safety
/// `archive` is NULL or a live handle; pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_archive_for(
    options: *const fastpar_scan_options,
    archive: *mut fastpar_archive,
    body: fastpar_piece_fn,
    user_data: *mut c_void,
    error: *mut fastpar_error,
) -> fastpar_status {
    let run = || {
        // SAFETY: the caller's promise.
        let (arguments, archive) = unsafe { (ScanArguments::read(options)?, hold_archive(archive)?) };
        let function = body.ok_or_else(|| Error::new(ErrorKind::InvalidArgument, "body is NULL"))?;
        let body = Foreign { function, user_data };
        arguments.with(|options| {
            codec::archive_for(archive.core(), options, |piece| {
                let body = &body;
                // SAFETY: the program promises that the callback may be called with its data meanwhile.
                call(piece, |foreign| unsafe { (body.function)(body.user_data, foreign) })
            })
        })
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, run) }
}

/// Folds the pieces of an archive's content into accumulators, in parallel, and combines these in the order
/// of the pieces.
///
/// `fastpar_archive_for` and `fastpar_reduce` in one: equivalent to this serial loop, but for the threads:
///
/// ```c
/// T result = *accumulator;                              // the identity, such as 0 for a sum
/// for (uint64_t i = 0; i < pieces; i++) {
///     T part = *accumulator;
///     if (fold(user_data, &piece[i], &part) != 0) return FASTPAR_ERR_CALLBACK;
///     if (combine(user_data, &result, &part) != 0) return FASTPAR_ERR_CALLBACK;
/// }
/// *accumulator = result;
/// return FASTPAR_OK;
/// ```
///
/// As pieces do not depend on threads, the result is the same to the bit however many ran, sums of
/// floats too.
///
/// @param options           may be NULL; as for `fastpar_archive_for`
/// @param archive           must not be NULL; as there
/// @param fold              must not be NULL
/// @param combine           must not be NULL; called by the calling thread only, in rising order of pieces
/// @param user_data         given to both; may be NULL
/// @param accumulator       in: the identity; out: the result, untouched on failure. Must not be NULL. It is
///                          copied as bytes: no constructors, no addresses of itself.
/// @param accumulator_size  its bytes, at least 1. The call takes memory for an accumulator of each piece, at
///                          most 16,384 of them and about 64 MiB (or `max_memory`) at a time, but for each
///                          lane in any case.
/// @param error             may be NULL; as there
/// @return as `fastpar_archive_for`; FASTPAR_ERR_OUT_OF_MEMORY also for the accumulators.
///
/// Blocks, threads and nesting: as `fastpar_archive_for`. Since: 1.0
///
/// # Safety
/// `archive` is NULL or a live handle; pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_archive_reduce(
    options: *const fastpar_scan_options,
    archive: *mut fastpar_archive,
    fold: fastpar_piece_fold_fn,
    combine: fastpar_combine_fn,
    user_data: *mut c_void,
    accumulator: *mut c_void,
    accumulator_size: usize,
    error: *mut fastpar_error,
) -> fastpar_status {
    let run = || {
        // SAFETY: the caller's promise.
        let (arguments, archive) = unsafe { (ScanArguments::read(options)?, hold_archive(archive)?) };
        let function = fold.ok_or_else(|| Error::new(ErrorKind::InvalidArgument, "fold is NULL"))?;
        let fold = Foreign { function, user_data };
        // SAFETY: the caller's promise.
        let reduction = unsafe { Reduction::new(combine, user_data, accumulator, accumulator_size)? };
        let memory = arguments.with(|options| {
            codec::archive_reduce_slots(
                archive.core(),
                options,
                reduction.stride(),
                |slots| reduction.allocate(slots),
                |memory, slot, piece| {
                    let fold = &fold;
                    let accumulator = reduction.begin(memory, slot);
                    call(piece, |foreign| {
                        // SAFETY: the program promises that the callback may be called with its data
                        // meanwhile; the accumulator belongs to this piece alone.
                        unsafe { (fold.function)(fold.user_data, foreign, accumulator) }
                    })
                },
                |memory, slot| reduction.combine(memory, slot),
            )
        })?;
        reduction.end(&memory);
        Ok(())
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, run) }
}
