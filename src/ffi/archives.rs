//! Group "archives": any part of compressed data, without decompressing what lies before it.

use super::borrow::{self, OptionsStruct, Out};
use super::codec::{fastpar_zstd_options, KeptArguments};
use super::foreign_source::ForeignSource;
use super::guard::{guard, guard_value};
use super::handle::{self, Held};
use super::status::{fastpar_error, fastpar_status};
use crate::codec::{Archive, Options};
use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use std::ffi::{c_char, c_void};
use std::mem::{offset_of, size_of};

/// Compressed data that is open for reading at any place. Opaque; made by `fastpar_archive_open`,
/// `fastpar_archive_open_file` or `fastpar_archive_open_source`, released by `fastpar_archive_free`;
/// any number of threads may read from it at a time.
pub struct fastpar_archive {
    // Declared, and so dropped, first.
    archive: Archive<'static>,
    /// The data, if it is in memory.
    src: &'static [u8],
    _arguments: KeptArguments,
}

impl fastpar_archive {
    /// The core's archive.
    pub(super) fn core(&self) -> &Archive<'static> {
        &self.archive
    }

    /// The data, if it is in memory.
    pub(super) fn src(&self) -> &[u8] {
        self.src
    }
}

/// Where a frame of an archive is. Set `struct_size` to `sizeof(fastpar_frame_info)` before the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fastpar_frame_info {
    /// `sizeof(fastpar_frame_info)`.
    pub struct_size: usize,
    /// Where it begins in the compressed data.
    pub offset: u64,
    /// Its bytes there.
    pub size: u64,
    /// Where its content begins in the whole.
    pub content_offset: u64,
    /// The bytes of its content.
    pub content_size: u64,
}

// SAFETY: numbers; begins with struct_size.
unsafe impl OptionsStruct for fastpar_frame_info {
    const NAME: &'static str = "fastpar_frame_info";
    const SIZE_V1: usize = size_of::<Self>();
    const PADDING: (usize, usize) = (size_of::<usize>(), offset_of!(Self, offset));
}

fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}

/// Holds an archive for the time of a call.
///
/// # Safety
/// `archive` is NULL or a live handle.
pub(super) unsafe fn hold_archive(archive: *const fastpar_archive) -> Result<Held<fastpar_archive>> {
    // SAFETY: the caller's promise.
    unsafe { handle::hold(archive) }.ok_or_else(|| invalid("archive is NULL"))
}

/// Opens an archive, and writes its handle.
///
/// # Safety
/// Pointers are valid as the functions describe.
unsafe fn open(
    options: *const fastpar_zstd_options,
    handle: *mut *mut fastpar_archive,
    open: impl FnOnce(&Options<'static>) -> Result<(Archive<'static>, &'static [u8])>,
) -> Result<()> {
    // SAFETY: the caller's promise.
    let place = unsafe { Out::new(handle, "archive")? };
    place.set(std::ptr::null_mut());
    memory::check()?;
    // SAFETY: the caller's promise; the archive is dropped before the arguments.
    let ((archive, src), arguments) = unsafe {
        let arguments = KeptArguments::read(options, || false)?;
        (open(&arguments.options())?, arguments)
    };
    place.set(handle::give(fastpar_archive { archive, src, _arguments: arguments }));
    Ok(())
}

/// Opens zstd data in memory for reading at any place.
///
/// Any zstd data will do, with FASTPAR_ZSTD_COMPLETE only data that ends with a seek table that covers
/// all of it (FASTPAR_ERR_TRUNCATED otherwise); the smaller its frames, the faster an offset is
/// reached. The frames are found by the seek table (zstd's seekable format), if there is one and the
/// frames' own headers agree with it, else by walking over the headers of all frames and blocks.
/// Nothing is decompressed, but frames that do not tell their size (`zstd` writes them when it reads
/// from a pipe): each of them is decompressed once now, in parallel, and the output is dropped. With a
/// seek table they are not: the table is believed about their sizes, until all of such a frame is read,
/// or more than there is of it (FASTPAR_ERR_CORRUPT where it lied). No data (`src_len` 0) is an archive
/// without content.
///
/// @param options  may be NULL. `dict`, `window_log`, `max_lanes` and `cancel` hold for all reads too, so
///                 that `cancel` must live as long as the archive. `max_output`: the most bytes that the
///                 whole content may have. `max_memory`: what the archive keeps (24 to 36 bytes a frame, and
///                 decoded frames), and, counted apart, the contexts and buffers of one read; 0: decoded
///                 frames of 64 MiB are kept. `progress` is not called.
/// @param src      may be NULL if `src_len` is 0; must stay as it is as long as the archive lives; need not
///                 be trusted
/// @param src_len  bytes
/// @param archive  out, must not be NULL: the handle, to be released by `fastpar_archive_free`; NULL on
///                 failure
/// @param error    may be NULL; `position` is the offset of the frame in `src`
/// @return FASTPAR_OK; FASTPAR_ERR_NOT_ZSTD: something else than a frame begins at `position`;
///         FASTPAR_ERR_TRUNCATED: the data ends within a frame; FASTPAR_ERR_CORRUPT: a header is damaged, or
///         a frame that does not tell its size; FASTPAR_ERR_CHECKSUM: such a frame decompresses, but to
///         something else; FASTPAR_ERR_DICTIONARY: a frame needs a dictionary that was not given, or another
///         one; FASTPAR_ERR_LIMIT_EXCEEDED: the content is larger than `max_output`, a frame needs a larger
///         window than `window_log` allows, or `max_memory`; FASTPAR_ERR_CANCELLED: by the flag;
///         FASTPAR_ERR_INVALID_ARGUMENT, FASTPAR_ERR_UNSUPPORTED: an argument or an option;
///         FASTPAR_ERR_OUT_OF_MEMORY; FASTPAR_ERR_BUSY: from inside a hook, if
///         it needs the pool.
///
/// Damage inside of frames shows when they are read. May be called from any thread. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_archive_open(
    options: *const fastpar_zstd_options,
    src: *const c_void,
    src_len: usize,
    archive: *mut *mut fastpar_archive,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        // SAFETY: the caller's promise.
        unsafe {
            open(options, archive, |options| {
                let src = borrow::input(src.cast(), src_len, "src")?;
                Ok((Archive::new(src, options)?, src))
            })
        }
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// Opens a zstd file for reading at any offset.
///
/// As `fastpar_archive_open`, but the data stays in the file, which is read where it is needed: a few bytes
/// for every frame now (for every block where there is no seek table), and the frames themselves when they
/// are read. It is not mapped into memory: a file that is cut off meanwhile gives an error. A file that is
/// removed or replaced meanwhile stays readable as it was; a file that is overwritten gives errors, unless it
/// has the same frames.
///
/// @param options  may be NULL; as for `fastpar_archive_open`
/// @param path     must not be NULL; UTF-8 on Windows, any bytes elsewhere; an ordinary file; its content
///                 need not be trusted
/// @param archive  out, must not be NULL: the handle, to be released by `fastpar_archive_free`; NULL on
///                 failure
/// @param error    may be NULL; `position` is the offset of the frame in the file
/// @return FASTPAR_OK; FASTPAR_ERR_IO: the file cannot be opened or read, `error->code` is the system's
///         number; FASTPAR_ERR_UNSUPPORTED: it is a FIFO or a device, or an option; and all that
///         `fastpar_archive_open` returns.
///
/// May be called from any thread. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_archive_open_file(
    options: *const fastpar_zstd_options,
    path: *const c_char,
    archive: *mut *mut fastpar_archive,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        // SAFETY: the caller's promise.
        unsafe {
            open(options, archive, |options| {
                Ok((Archive::open(borrow::path(path, "path")?, options)?, &[] as &[u8]))
            })
        }
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// Reads a part of the compressed data of an archive, for `fastpar_archive_open_source`.
///
/// Called from the threads that open, read or scan the archive, several at a time, with any parts in any
/// order. It may call fastpar, but for the archive that it is the source of. Must return normally.
///
/// @param user_data  that of the archive
/// @param offset     where in the compressed data
/// @param buffer     out: all `len` bytes
/// @param len        bytes, at least 1; `offset + len` is at most the size that was told
/// @return 0: `buffer` is full; anything else is a failure: the call returns FASTPAR_ERR_CALLBACK with this
///         value in `error->code`, or what `fastpar_fail` was told
pub type fastpar_read_at_fn =
    Option<unsafe extern "C" fn(user_data: *mut c_void, offset: u64, buffer: *mut c_void, len: usize) -> i32>;

/// Opens zstd data wherever it is, such as an object in a store, for reading at any offset.
///
/// As `fastpar_archive_open_file`, but `read` gives the bytes.
///
/// @param options    may be NULL; as for `fastpar_archive_open`
/// @param read       must not be NULL; may be called until the archive is released and no call of it runs
/// @param size       bytes of the compressed data
/// @param user_data  given to `read`; may be NULL
/// @param archive    out, must not be NULL: the handle, to be released by `fastpar_archive_free`; NULL on
///                   failure
/// @param error      may be NULL; `position` is the offset in the compressed data
/// @return FASTPAR_OK; FASTPAR_ERR_CALLBACK: `read` returned non-zero, or what it told `fastpar_fail`;
///         and all that `fastpar_archive_open` returns.
///
/// May be called from any thread. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_archive_open_source(
    options: *const fastpar_zstd_options,
    read: fastpar_read_at_fn,
    size: u64,
    user_data: *mut c_void,
    archive: *mut *mut fastpar_archive,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        let function = read.ok_or_else(|| invalid("read is NULL"));
        // SAFETY: the caller's promise.
        unsafe {
            open(options, archive, |options| {
                let source = ForeignSource { function: function?, user_data };
                let cancel = options.cancel;
                let read = move |offset, buffer: &mut [u8]| source.read(offset, buffer, cancel);
                Ok((Archive::open_source(Box::new(read), size, options)?, &[] as &[u8]))
            })
        }
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// Tells how many bytes the whole content has.
///
/// @param archive  must not be NULL
/// @param size     out, bytes, must not be NULL; untouched on failure. Untrusted data may claim up to 32,768
///                 times its own size, and not all of it may be readable.
/// @param error    may be NULL
/// @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: `archive` or `size` is NULL.
///
/// Never blocks. May be called from any thread. Since: 1.0
///
/// # Safety
/// `archive` is NULL or a live handle; pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_archive_size(
    archive: *const fastpar_archive,
    size: *mut u64,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        // SAFETY: the caller's promise.
        let (archive, place) = unsafe { (hold_archive(archive)?, Out::new(size, "size")?) };
        place.set(archive.archive.size());
        Ok(())
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// Tells how many frames there are; skippable frames, the seek table among them, are not counted.
///
/// @param archive  must not be NULL
/// @param frames   out, must not be NULL; untouched on failure
/// @param error    may be NULL
/// @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: `archive` or `frames` is NULL.
///
/// Never blocks. May be called from any thread. Since: 1.0
///
/// # Safety
/// `archive` is NULL or a live handle; pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_archive_frames(
    archive: *const fastpar_archive,
    frames: *mut u64,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        // SAFETY: the caller's promise.
        let (archive, place) = unsafe { (hold_archive(archive)?, Out::new(frames, "frames")?) };
        place.set(archive.archive.frames() as u64);
        Ok(())
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// Tells where a frame is, in the compressed data and in the content.
///
/// @param archive  must not be NULL
/// @param index    0 to the number of frames - 1
/// @param info     in: `struct_size`; out; must not be NULL; untouched on failure
/// @param error    may be NULL
/// @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: `archive` or `info` is NULL, `struct_size`, or there is
///         no such frame.
///
/// Never blocks. May be called from any thread. Since: 1.0
///
/// # Safety
/// `archive` is NULL or a live handle; pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_archive_frame(
    archive: *const fastpar_archive,
    index: u64,
    info: *mut fastpar_frame_info,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        // SAFETY: the caller's promise.
        let (held, place) = unsafe { (hold_archive(archive)?, borrow::sized_output(info, "info")?) };
        let archive = &held.archive;
        let frame = archive.frame(index).ok_or_else(|| {
            invalid(format!("index is {index}, but there are {} frames", archive.frames())).at(index)
        })?;
        place.set(|struct_size| fastpar_frame_info {
            struct_size,
            offset: frame.offset,
            size: frame.size,
            content_offset: frame.content_offset,
            content_size: frame.content_size,
        });
        Ok(())
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// Releases an archive.
///
/// @param archive  NULL: nothing happens. Not to be used afterwards, by any thread. Calls under way go on to
///                 their ends, and need what they were given, an archive in memory too, until then.
///
/// Never blocks. May be called from any thread. Since: 1.0
///
/// # Safety
/// `archive` is NULL or a live handle.
#[no_mangle]
pub unsafe extern "C" fn fastpar_archive_free(archive: *mut fastpar_archive) {
    guard_value((), || {
        // SAFETY: NULL, or made in `open` and given back once.
        drop(unsafe { handle::end(archive) });
    });
}
