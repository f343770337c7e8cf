//! Scans and shards through the C functions: hostile arguments, callbacks that ask, tell and free.

use super::archive::frames_of;
use super::common::{compress, text};
use fastpar::ffi::*;
use std::ffi::{c_char, c_void, CString};
use std::mem::size_of;
use std::path::Path;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicU64, Ordering};

/// An archive in memory.
pub(crate) struct Opened(pub(crate) *mut fastpar_archive);

impl Opened {
    pub(crate) fn new(packed: &[u8]) -> Self {
        let mut archive = null_mut();
        // SAFETY: as the function describes; the tests keep the data.
        let status = unsafe {
            fastpar_archive_open(null(), packed.as_ptr().cast(), packed.len(), &mut archive, null_mut())
        };
        assert_eq!(status, FASTPAR_OK);
        Self(archive)
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        // SAFETY: released once.
        unsafe { fastpar_archive_free(self.0) };
    }
}

pub(crate) fn options() -> fastpar_scan_options {
    // SAFETY: zero is the default of every field.
    let zero: fastpar_scan_options = unsafe { std::mem::zeroed() };
    fastpar_scan_options { struct_size: size_of::<fastpar_scan_options>(), ..zero }
}

pub(crate) fn zstd_options() -> fastpar_zstd_options {
    // SAFETY: zero is the default of every field.
    let zero: fastpar_zstd_options = unsafe { std::mem::zeroed() };
    fastpar_zstd_options { struct_size: size_of::<fastpar_zstd_options>(), ..zero }
}

fn error() -> fastpar_error {
    // SAFETY: numbers.
    unsafe { std::mem::zeroed() }
}

/// Counts bytes.
unsafe extern "C" fn count(user_data: *mut c_void, piece: *const fastpar_piece) -> i32 {
    // SAFETY: the tests give a counter.
    let (counter, piece) = unsafe { (&*user_data.cast::<AtomicU64>(), &*piece) };
    counter.fetch_add(piece.size as u64, Ordering::Relaxed);
    0
}

fn scan(archive: &Opened, options: &fastpar_scan_options) -> (i32, u64) {
    let counter = AtomicU64::new(0);
    let data = std::ptr::from_ref(&counter).cast_mut().cast();
    // SAFETY: as the function describes.
    let status = unsafe { fastpar_archive_for(options, archive.0, Some(count), data, null_mut()) };
    (status, counter.into_inner())
}

pub(crate) fn path_of(path: &Path) -> CString {
    CString::new(path.to_str().unwrap()).unwrap()
}

#[test]
fn hostile_arguments() {
    let packed = compress(&text(4800, 1), &frames_of(1000));
    let archive = Opened::new(&packed);
    assert_eq!(scan(&archive, &options()), (FASTPAR_OK, 4800));
    for (field, status) in [
        (fastpar_scan_options { struct_size: 0, ..options() }, FASTPAR_ERR_INVALID_ARGUMENT),
        (fastpar_scan_options { flags: 2, ..options() }, FASTPAR_ERR_INVALID_ARGUMENT),
        (fastpar_scan_options { flags: 1, record_size: 1, ..options() }, FASTPAR_ERR_INVALID_ARGUMENT),
        (fastpar_scan_options { record_size: 4801, ..options() }, FASTPAR_ERR_INVALID_ARGUMENT),
        (fastpar_scan_options { record_size: usize::MAX, ..options() }, FASTPAR_ERR_INVALID_ARGUMENT),
        (fastpar_scan_options { offset: u64::MAX, size: 2, ..options() }, FASTPAR_ERR_INVALID_ARGUMENT),
        (fastpar_scan_options { offset: 1, size: u64::MAX, ..options() }, FASTPAR_ERR_INVALID_ARGUMENT),
        (fastpar_scan_options { max_memory: 1, ..options() }, FASTPAR_ERR_LIMIT_EXCEEDED),
    ] {
        assert_eq!(scan(&archive, &field), (status, 0));
    }
    let huge = fastpar_scan_options { piece_size: usize::MAX, max_lanes: u32::MAX, ..options() };
    assert_eq!(scan(&archive, &huge), (FASTPAR_OK, 4800));
    let mut sum = 0u64;
    let sum_at = std::ptr::from_mut(&mut sum).cast::<c_void>();
    // SAFETY: as the functions describe, but for what is tested.
    unsafe {
        let nothing = null_mut();
        assert_eq!(
            fastpar_archive_for(null(), archive.0, None, nothing, null_mut()),
            FASTPAR_ERR_INVALID_ARGUMENT
        );
        assert_eq!(
            fastpar_archive_for(null(), null_mut(), Some(count), nothing, null_mut()),
            FASTPAR_ERR_INVALID_ARGUMENT
        );
        for (accumulator, size) in [(null_mut(), 8), (sum_at, 0), (sum_at, usize::MAX)] {
            let status = fastpar_archive_reduce(
                null(),
                archive.0,
                Some(fold),
                Some(combine),
                nothing,
                accumulator,
                size,
                null_mut(),
            );
            assert_eq!(status, FASTPAR_ERR_INVALID_ARGUMENT);
        }
        assert_eq!(fastpar_output_write(null_mut(), null(), 0, null_mut()), FASTPAR_ERR_INVALID_ARGUMENT);
        let mut shard = fastpar_shard { struct_size: 0, offset: 0, size: 0, first_frame: 0, frames: 0 };
        assert_eq!(
            fastpar_archive_shard(null(), archive.0, 1, 0, &mut shard, null_mut()),
            FASTPAR_ERR_INVALID_ARGUMENT
        );
        shard.struct_size = size_of::<fastpar_shard>();
        for (shards, index) in [(0, 0), (1, 1), (u64::MAX, u64::MAX)] {
            assert_eq!(
                fastpar_archive_shard(null(), archive.0, shards, index, &mut shard, null_mut()),
                FASTPAR_ERR_INVALID_ARGUMENT
            );
        }
        assert_eq!(
            fastpar_archive_shard(null(), archive.0, u64::MAX, u64::MAX - 1, &mut shard, null_mut()),
            FASTPAR_OK
        );
        assert_eq!((shard.offset, shard.size, shard.frames), (4800, 0, 0));
        let target = c"nowhere.zst".as_ptr();
        for (paths, count) in [(null(), 0), (null(), 1), (null(), usize::MAX)] {
            assert_eq!(
                fastpar_concat_files(null(), paths, count, target, null_mut(), null_mut()),
                FASTPAR_ERR_INVALID_ARGUMENT
            );
        }
        let none: [*const c_char; 1] = [null()];
        assert_eq!(
            fastpar_concat_files(null(), none.as_ptr(), 1, target, null_mut(), null_mut()),
            FASTPAR_ERR_INVALID_ARGUMENT
        );
    }
    assert!(!Path::new("nowhere.zst").exists());
}

unsafe extern "C" fn fold(_: *mut c_void, piece: *const fastpar_piece, sum: *mut c_void) -> i32 {
    // SAFETY: the tests reduce to a number.
    unsafe {
        assert_eq!(sum as usize % 128, 0);
        *sum.cast::<u64>() += (*piece).size as u64;
    }
    0
}

unsafe extern "C" fn combine(_: *mut c_void, into: *mut c_void, from: *const c_void) -> i32 {
    // SAFETY: as for `fold`.
    unsafe { *into.cast::<u64>() += *from.cast::<u64>() };
    0
}

/// Frees the archive that it is called from, and asks and tells.
unsafe extern "C" fn free_and_tell(user_data: *mut c_void, piece: *const fastpar_piece) -> i32 {
    // SAFETY: the test gives the handle.
    unsafe {
        assert_eq!(fastpar_is_cancelled(), 0);
        if (*piece).index == 0 {
            fastpar_archive_free(user_data.cast());
            return 0;
        }
        let mut told = error();
        (told.status, told.position) = (FASTPAR_ERR_TRUNCATED, u64::MAX);
        fastpar_fail(&told);
        77
    }
}

#[test]
fn callbacks_ask_tell_and_free() {
    let packed = compress(&text(4800, 2), &frames_of(1000));
    let archive = std::mem::ManuallyDrop::new(Opened::new(&packed));
    let one = fastpar_scan_options { max_lanes: 1, ..options() };
    let mut failure = error();
    // SAFETY: the handle is freed by the callback.
    let status =
        unsafe { fastpar_archive_for(&one, archive.0, Some(free_and_tell), archive.0.cast(), &mut failure) };
    assert_eq!((status, failure.status, failure.position), (FASTPAR_ERR_TRUNCATED, FASTPAR_ERR_TRUNCATED, 1));
    let archive = Opened::new(&packed);
    let mut sum = 5u64;
    // SAFETY: as the function describes.
    let status = unsafe {
        let sum = std::ptr::from_mut(&mut sum).cast();
        fastpar_archive_reduce(null(), archive.0, Some(fold), Some(combine), null_mut(), sum, 8, null_mut())
    };
    // The identity is in every accumulator: five pieces, and the result.
    assert_eq!((status, sum), (FASTPAR_OK, 4800 + 6 * 5));
}

/// A source of which the bytes from a place on cannot be had.
struct Broken<'d> {
    data: &'d [u8],
    from: AtomicU64,
}

unsafe extern "C" fn read(user_data: *mut c_void, offset: u64, buffer: *mut c_void, len: usize) -> i32 {
    // SAFETY: the test gives the source; the buffer has `len` bytes.
    unsafe {
        let source = &*user_data.cast::<Broken<'_>>();
        let end = offset as usize + len;
        if end as u64 > source.from.load(Ordering::Relaxed) {
            return 42;
        }
        let bytes = &source.data[offset as usize..end];
        buffer.cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), len);
    }
    0
}

#[test]
fn a_source_that_fails_midway() {
    let data = text(500_000, 3);
    let packed = compress(&data, &frames_of(20_000));
    let source = Broken { data: &packed, from: AtomicU64::new(u64::MAX) };
    let user_data = std::ptr::from_ref(&source).cast_mut().cast();
    let mut archive = null_mut();
    let mut failure = error();
    // SAFETY: as the function describes.
    unsafe {
        let len = packed.len() as u64;
        let open = fastpar_archive_open_source(null(), Some(read), len, user_data, &mut archive, null_mut());
        assert_eq!(open, FASTPAR_OK);
    }
    let archive = Opened(archive);
    assert_eq!(scan(&archive, &options()), (FASTPAR_OK, 500_000));
    source.from.store(packed.len() as u64 / 2, Ordering::Relaxed);
    let counter = AtomicU64::new(0);
    // SAFETY: as the function describes.
    let status = unsafe {
        let data = std::ptr::from_ref(&counter).cast_mut().cast();
        fastpar_archive_for(null(), archive.0, Some(count), data, &mut failure)
    };
    assert_eq!((status, failure.code), (FASTPAR_ERR_CALLBACK, 42));
    assert!(counter.into_inner() < 500_000);
    let mut none = null_mut();
    // SAFETY: as the function describes, but for what is tested.
    unsafe {
        assert_eq!(
            fastpar_archive_open_source(null(), None, 5, null_mut(), &mut none, null_mut()),
            FASTPAR_ERR_INVALID_ARGUMENT
        );
        source.from.store(0, Ordering::Relaxed);
        let status = fastpar_archive_open_source(null(), Some(read), 50, user_data, &mut none, null_mut());
        assert_eq!((status, none.is_null()), (FASTPAR_ERR_CALLBACK, true));
    }
}

#[test]
fn shards_cover_the_content_once() {
    let data = text(48 * 10_000, 6);
    for frame in [1000, 33_333, 1 << 20] {
        let packed = compress(&data, &frames_of(frame));
        let archive = Opened::new(&packed);
        for (record_size, flags) in [(48, 0), (0, FASTPAR_SCAN_LINES)] {
            for shards in [1, 2, 7, 1000] {
                let (mut at, mut bytes) = (0, 0);
                for index in 0..shards {
                    let of = fastpar_scan_options { record_size, flags, ..options() };
                    let mut shard = fastpar_shard {
                        struct_size: size_of::<fastpar_shard>(),
                        offset: 0,
                        size: 0,
                        first_frame: 0,
                        frames: 0,
                    };
                    // SAFETY: as the function describes.
                    let status = unsafe {
                        fastpar_archive_shard(&of, archive.0, shards, index, &mut shard, null_mut())
                    };
                    assert_eq!(status, FASTPAR_OK);
                    let part = fastpar_scan_options { offset: shard.offset, size: shard.size, ..of };
                    if shard.size == 0 {
                        assert_eq!((shard.offset, shard.frames), (data.len() as u64, 0));
                    } else {
                        assert_eq!(shard.offset, at);
                        at += shard.size;
                    }
                    let (status, count) = scan(&archive, &part);
                    assert_eq!(status, FASTPAR_OK);
                    bytes += count;
                }
                assert_eq!((at, bytes), (data.len() as u64, data.len() as u64));
            }
        }
    }
}
