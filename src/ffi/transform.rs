//! Group "scans", second part: from an archive to a compressed file.

use super::archives::{fastpar_archive, hold_archive};
use super::borrow;
use super::codec::{fastpar_zstd_options, with_options};
use super::files::{fastpar_file_stats, StatsOut};
use super::guard::guard;
use super::scans::{call, fastpar_piece, fastpar_scan_options, Foreign, ScanArguments};
use super::status::{fastpar_error, fastpar_status};
use crate::codec::{self, Output};
use crate::error::{Error, ErrorKind};
use std::ffi::{c_char, c_void};

/// What a callback of `fastpar_transform_file` writes to. Opaque; belongs to the callback that gets it, and
/// is not to be used after that returns, or by another thread.
pub struct fastpar_output(*mut Output);

/// Called for one piece of an archive's content: writes what becomes of it.
///
/// Like `fastpar_piece_fn`, but for the output. What is written to it is in the target in the order of the
/// pieces, whatever the order of the calls.
///
/// @param user_data  the `user_data` of the call
/// @param piece      valid until the callback returns
/// @param output     for `fastpar_output_write`, until the callback returns
/// @return as by `fastpar_piece_fn`
pub type fastpar_transform_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        piece: *const fastpar_piece,
        output: *mut fastpar_output,
    ) -> i32,
>;

/// Writes to the output of a piece, any number of times.
///
/// @param output  must not be NULL; the one that the running callback was given
/// @param data    may be NULL if `len` is 0; copied
/// @param len     bytes
/// @param error   may be NULL
/// @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: an argument; FASTPAR_ERR_OUT_OF_MEMORY: nothing of
///         `data` was taken.
///
/// Never blocks. Only for the thread that runs the callback. Since: 1.0
///
/// # Safety
/// `output` is NULL or that of the callback; pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_output_write(
    output: *mut fastpar_output,
    data: *const c_void,
    len: usize,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        // SAFETY: the caller's promise.
        let (output, data) = unsafe { (output.as_mut(), borrow::input(data.cast(), len, "data")?) };
        let output = output.ok_or_else(|| Error::new(ErrorKind::InvalidArgument, "output is NULL"))?;
        // SAFETY: it lives as long as the callback.
        unsafe { &mut *output.0 }.write(data)
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// Makes a compressed file of what callbacks write for the pieces of an archive's content: to filter or to
/// convert more than fits into memory.
///
/// The pieces are those of `fastpar_archive_for`, called for in parallel; what the callbacks write is
/// compressed in parallel, as `fastpar_writer_write` and `_finish` do it, in the order of the pieces. So the
/// result depends on the archive, the options and what is written only, never on threads. Equivalent to this
/// serial loop:
///
/// ```c
/// for (uint64_t i = 0; i < pieces; i++)
///     if (body(user_data, &piece[i], output) != 0) return FASTPAR_ERR_CALLBACK;
/// ```
///
/// The target appears when it is complete, as by `fastpar_compress_file`: if the call fails, an existing one
/// stays as it is. It takes over times, permissions, group and owner of the archive's file, if it is
/// one. Memory: what was written for the pieces of about 8 MiB a lane waits for its turn.
///
/// @param options    may be NULL; as for `fastpar_archive_for`. `max_lanes`, `max_memory`, `cancel` and
///                   `progress` are for the whole call; progress is told bytes of the archive's content.
/// @param src        must not be NULL
/// @param dst        may be NULL; options of the target: `level`, `flags`, `frame_size`, `window_log`,
///                   `strategy`, `dict`, `prefix`, `max_output`. `max_lanes`, `max_memory`, `cancel` and
///                   `progress` must be 0.
/// @param dst_path   must not be NULL; as for `fastpar_compress_file`; not the archive's own file
/// @param body       must not be NULL
/// @param user_data  given to it; may be NULL
/// @param stats      out, may be NULL; `bytes_in` are those of the frames that were read
/// @param error      may be NULL; as for `fastpar_archive_for`
/// @return as `fastpar_archive_for`, and for the target as by `fastpar_compress_file`.
///
/// Blocks until it is done; the calling thread works too. May be called from any thread, by any number at a
/// time, and from inside callbacks. Since: 1.0
///
/// # Safety
/// `src` is NULL or a live handle; pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_transform_file(
    options: *const fastpar_scan_options,
    src: *mut fastpar_archive,
    dst: *const fastpar_zstd_options,
    dst_path: *const c_char,
    body: fastpar_transform_fn,
    user_data: *mut c_void,
    stats: *mut fastpar_file_stats,
    error: *mut fastpar_error,
) -> fastpar_status {
    let run = || {
        // SAFETY: the caller's promise.
        let (arguments, archive) = unsafe { (ScanArguments::read(options)?, hold_archive(src)?) };
        let function = body.ok_or_else(|| Error::new(ErrorKind::InvalidArgument, "body is NULL"))?;
        let body = Foreign { function, user_data };
        // SAFETY: the caller's promise.
        let (path, stats) = unsafe { (borrow::path(dst_path, "dst_path")?, StatsOut::new(stats)?) };
        let transform = |target: &codec::Options<'_>| {
            arguments.with(|options| {
                codec::transform_file(options, archive.core(), target, path, |piece, output| {
                    let body = &body;
                    let mut output = fastpar_output(output);
                    // SAFETY: the program promises that the callback may be called with its data meanwhile.
                    call(piece, |foreign| unsafe { (body.function)(body.user_data, foreign, &mut output) })
                })
            })
        };
        // SAFETY: the caller's promise.
        stats.set(&unsafe { with_options(dst, transform)? });
        Ok(())
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, run) }
}
