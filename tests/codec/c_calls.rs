//! The four C functions: arguments, options, statuses and outputs.

use crate::common::{pack, records, reference_unsized};
use fastpar::codec::Options;
use fastpar::ffi::*;
use std::ffi::{c_void, CStr};
use std::mem::{offset_of, size_of, zeroed, MaybeUninit};
use std::ptr::{null, null_mut};

fn options() -> fastpar_zstd_options {
    // SAFETY: all zero is the default.
    fastpar_zstd_options { struct_size: size_of::<fastpar_zstd_options>(), ..unsafe { zeroed() } }
}

fn fresh_error() -> fastpar_error {
    // SAFETY: integers.
    fastpar_error { status: -77, ..unsafe { zeroed() } }
}

fn message(error: &fastpar_error) -> String {
    // SAFETY: NUL-terminated by the library.
    unsafe { CStr::from_ptr(error.message.as_ptr()) }.to_str().unwrap().to_owned()
}

/// One of the two functions that work on buffers.
type Function = unsafe extern "C" fn(
    *const fastpar_zstd_options,
    *const c_void,
    usize,
    *mut c_void,
    usize,
    *mut usize,
    *mut fastpar_error,
) -> fastpar_status;

fn call(
    function: Function,
    options: *const fastpar_zstd_options,
    src: &[u8],
    dst: &mut [u8],
) -> (fastpar_status, usize, fastpar_error) {
    let (mut written, mut error) = (usize::MAX, fresh_error());
    // SAFETY: live buffers with their lengths.
    let status = unsafe {
        function(
            options,
            src.as_ptr().cast(),
            src.len(),
            dst.as_mut_ptr().cast(),
            dst.len(),
            &mut written,
            &mut error,
        )
    };
    assert_eq!(status == FASTPAR_OK, error.status == -77, "the error is written on failure only");
    assert!(status == FASTPAR_OK || error.status == status);
    (status, written, error)
}

#[test]
fn layout() {
    assert_eq!((FASTPAR_ZSTD_NO_CHECKSUM, FASTPAR_ZSTD_NO_SEEK_TABLE), (1, 2));
    assert_eq!((FASTPAR_ZSTD_SINGLE_FRAME, FASTPAR_ZSTD_SYNC), (4, 8));
    #[cfg(target_pointer_width = "64")]
    {
        assert_eq!(size_of::<fastpar_zstd_options>(), 136);
        assert_eq!(offset_of!(fastpar_zstd_options, level), 8);
        assert_eq!(offset_of!(fastpar_zstd_options, flags), 12);
        assert_eq!(offset_of!(fastpar_zstd_options, frame_size), 16);
        assert_eq!(offset_of!(fastpar_zstd_options, max_lanes), 24);
        assert_eq!(offset_of!(fastpar_zstd_options, window_log), 28);
        assert_eq!(offset_of!(fastpar_zstd_options, max_output), 32);
        assert_eq!(offset_of!(fastpar_zstd_options, max_memory), 40);
        assert_eq!(offset_of!(fastpar_zstd_options, dict), 48);
        assert_eq!(offset_of!(fastpar_zstd_options, cancel), 56);
        assert_eq!(offset_of!(fastpar_zstd_options, progress), 64);
        assert_eq!(offset_of!(fastpar_zstd_options, progress_data), 72);
        assert_eq!(offset_of!(fastpar_zstd_options, strategy), 80);
        assert_eq!(offset_of!(fastpar_zstd_options, reserved), 84);
        assert_eq!(offset_of!(fastpar_zstd_options, prefix), 88);
        assert_eq!(offset_of!(fastpar_zstd_options, prefix_len), 96);
        assert_eq!(offset_of!(fastpar_zstd_options, dicts), 104);
        assert_eq!(offset_of!(fastpar_zstd_options, dicts_count), 112);
        assert_eq!(offset_of!(fastpar_zstd_options, src_offset), 120);
        assert_eq!(offset_of!(fastpar_zstd_options, src_size), 128);
    }
}

#[test]
fn round_trip_with_defaults() {
    let data = records(1 << 20);
    let (mut bound, mut size) = (0, 0);
    // SAFETY: live variables.
    assert_eq!(unsafe { fastpar_compress_bound(null(), data.len(), &mut bound, null_mut()) }, FASTPAR_OK);
    let mut packed = vec![0; bound];
    let (status, written, _) = call(fastpar_compress, null(), &data, &mut packed);
    assert_eq!(status, FASTPAR_OK);
    packed.truncate(written);
    assert!(packed == pack(&data, &Options::default()));
    // SAFETY: a live buffer and variable.
    let status =
        unsafe { fastpar_decompressed_size(packed.as_ptr().cast(), packed.len(), &mut size, null_mut()) };
    assert_eq!((status, size), (FASTPAR_OK, data.len() as u64));
    let mut out = vec![0; data.len()];
    let (status, written, _) = call(fastpar_decompress, &options(), &packed, &mut out);
    assert_eq!((status, written), (FASTPAR_OK, data.len()));
    assert!(out == data);
}

/// Every pointer as NULL, one by one and all together.
#[test]
fn null_pointers() {
    let data = records(1000);
    let packed = pack(&data, &Options::default());
    for (function, src) in [(fastpar_compress as Function, &data), (fastpar_decompress as Function, &packed)]
    {
        let mut dst = vec![0u8; 5000];
        for mask in 0..64 {
            let given = |bit: u32| mask & (1 << bit) == 0;
            let (all_options, mut written, mut error) = (options(), 0, fresh_error());
            // SAFETY: each pointer is NULL or live.
            let status = unsafe {
                function(
                    if given(0) { &all_options } else { null() },
                    if given(1) { src.as_ptr().cast() } else { null() },
                    src.len(),
                    if given(2) { dst.as_mut_ptr().cast() } else { null_mut() },
                    dst.len(),
                    if given(3) { &mut written } else { null_mut() },
                    if given(4) { &mut error } else { null_mut() },
                )
            };
            let good = given(1) && given(2) && given(3);
            assert_eq!(status, if good { FASTPAR_OK } else { FASTPAR_ERR_INVALID_ARGUMENT }, "{mask:b}");
            if !good && given(4) {
                assert!(message(&error).contains("NULL"), "{}", message(&error));
            }
        }
        // Empty buffers may be NULL.
        let mut written = 1;
        // SAFETY: nothing is read or written but `written`.
        let status = unsafe { function(null(), null(), 0, null_mut(), 0, &mut written, null_mut()) };
        if src == &data {
            assert_eq!(status, FASTPAR_ERR_BUFFER_TOO_SMALL);
            assert!(written > 0);
        } else {
            assert_eq!((status, written), (FASTPAR_OK, 0));
        }
    }
    // SAFETY: NULL is an argument that is checked.
    unsafe {
        let mut error = fresh_error();
        assert_eq!(fastpar_compress_bound(null(), 1, null_mut(), &mut error), FASTPAR_ERR_INVALID_ARGUMENT);
        assert!(message(&error).contains("bound"));
        assert_eq!(fastpar_compress_bound(null(), 1, null_mut(), null_mut()), FASTPAR_ERR_INVALID_ARGUMENT);
        let mut size = 7;
        assert_eq!(fastpar_decompressed_size(null(), 1, &mut size, null_mut()), FASTPAR_ERR_INVALID_ARGUMENT);
        assert_eq!(size, 7);
        assert_eq!(
            fastpar_decompressed_size(null(), 0, null_mut(), &mut error),
            FASTPAR_ERR_INVALID_ARGUMENT
        );
        assert_eq!(fastpar_decompressed_size(null(), 0, &mut size, null_mut()), FASTPAR_OK);
        assert_eq!(size, 0);
    }
}

/// Each field works or is refused: none is ignored.
#[test]
fn every_option() {
    let data = records(100_000);
    let mut out = vec![0; 200_000];
    let mut status = |change: &dyn Fn(&mut fastpar_zstd_options)| {
        let mut all = options();
        change(&mut all);
        let (status, written, error) = call(fastpar_compress, &all, &data, &mut out);
        if status != FASTPAR_OK {
            assert_eq!(written, 0);
            let (again, _, _) = call(fastpar_decompress, &all, &[], &mut []);
            let told_by_both = matches!(status, FASTPAR_ERR_INVALID_ARGUMENT | FASTPAR_ERR_UNSUPPORTED);
            assert!(again == status || !told_by_both, "{}", message(&error));
        }
        status
    };
    assert_eq!(status(&|_| ()), FASTPAR_OK);
    assert_eq!(status(&|all| all.level = 22), FASTPAR_OK);
    assert_eq!(status(&|all| all.level = 23), FASTPAR_ERR_INVALID_ARGUMENT);
    assert_eq!(status(&|all| all.level = -131_072), FASTPAR_OK);
    assert_eq!(status(&|all| all.level = -131_073), FASTPAR_ERR_INVALID_ARGUMENT);
    assert_eq!(status(&|all| all.flags = 15), FASTPAR_OK);
    assert_eq!(status(&|all| all.flags = FASTPAR_ZSTD_LONG), FASTPAR_OK);
    assert_eq!(status(&|all| all.flags = 1 << 31), FASTPAR_ERR_INVALID_ARGUMENT);
    assert_eq!(status(&|all| all.frame_size = 1000), FASTPAR_OK);
    assert_eq!(status(&|all| all.frame_size = 1 << 30), FASTPAR_OK);
    assert_eq!(status(&|all| all.frame_size = (1 << 30) + 1), FASTPAR_ERR_INVALID_ARGUMENT);
    let both =
        |all: &mut fastpar_zstd_options| (all.frame_size, all.flags) = (1000, FASTPAR_ZSTD_SINGLE_FRAME);
    assert_eq!(status(&both), FASTPAR_ERR_INVALID_ARGUMENT);
    assert_eq!(status(&|all| all.max_lanes = 1), FASTPAR_OK);
    assert_eq!(status(&|all| all.max_lanes = u32::MAX), FASTPAR_OK);
    assert_eq!(status(&|all| all.window_log = 10), FASTPAR_OK);
    assert_eq!(status(&|all| all.window_log = 9), FASTPAR_ERR_INVALID_ARGUMENT);
    assert_eq!(status(&|all| all.window_log = 32), FASTPAR_ERR_INVALID_ARGUMENT);
    assert_eq!(status(&|all| all.flags = FASTPAR_ZSTD_RSYNCABLE), FASTPAR_OK);
    assert_eq!(status(&|all| all.flags = 32 | 4), FASTPAR_ERR_INVALID_ARGUMENT);
    assert_eq!(status(&|all| all.strategy = 9), FASTPAR_OK);
    assert_eq!(status(&|all| all.strategy = 10), FASTPAR_ERR_INVALID_ARGUMENT);
    assert_eq!(status(&|all| all.reserved = 1), FASTPAR_ERR_UNSUPPORTED);
    assert_eq!(status(&|all| all.max_output = 1), FASTPAR_ERR_LIMIT_EXCEEDED);
    assert_eq!(status(&|all| all.max_memory = 1), FASTPAR_ERR_LIMIT_EXCEEDED);
    assert_eq!(status(&|all| all.cancel = std::ptr::without_provenance(1)), FASTPAR_ERR_INVALID_ARGUMENT);
    let set = 1;
    assert_eq!(status(&|all| all.cancel = &set), FASTPAR_ERR_CANCELLED);
    assert_eq!(status(&|all| all.struct_size = 0), FASTPAR_ERR_INVALID_ARGUMENT);
    let first = offset_of!(fastpar_zstd_options, strategy); // what there was at first
    assert_eq!(status(&|all| all.struct_size = first), FASTPAR_OK);
    assert_eq!(status(&|all| all.struct_size = first - 8), FASTPAR_ERR_INVALID_ARGUMENT);
}

/// A struct of a newer version of the header.
#[test]
fn newer_options() {
    #[repr(C)]
    struct Newer {
        known: fastpar_zstd_options,
        more: u64,
    }
    let mut newer = Newer { known: options(), more: 0 };
    newer.known.struct_size = size_of::<Newer>();
    let mut out = [0; 100];
    assert_eq!(call(fastpar_compress, std::ptr::from_ref(&newer).cast(), b"x", &mut out).0, FASTPAR_OK);
    newer.more = 1;
    assert_eq!(
        call(fastpar_compress, std::ptr::from_ref(&newer).cast(), b"x", &mut out).0,
        FASTPAR_ERR_UNSUPPORTED
    );
}

#[test]
fn flags_reach_the_codec() {
    let data = records(100_000);
    let mut out = vec![0; 200_000];
    let mut with = |flags, frame_size| {
        let (status, written, _) =
            call(fastpar_compress, &fastpar_zstd_options { flags, frame_size, ..options() }, &data, &mut out);
        assert_eq!(status, FASTPAR_OK);
        out[..written].to_vec()
    };
    let base = Options { frame_size: 30_000, ..Options::default() };
    assert!(with(0, 30_000) == pack(&data, &base));
    assert!(with(FASTPAR_ZSTD_SYNC, 30_000) == pack(&data, &base));
    assert!(with(FASTPAR_ZSTD_NO_CHECKSUM, 30_000) == pack(&data, &Options { checksum: false, ..base }));
    assert!(with(FASTPAR_ZSTD_NO_SEEK_TABLE, 30_000) == pack(&data, &Options { seek_table: false, ..base }));
    assert!(
        with(FASTPAR_ZSTD_SINGLE_FRAME, 0)
            == pack(&data, &Options { single_frame: true, ..Options::default() })
    );
}

#[test]
fn needed_sizes() {
    let data = records(100_000);
    let packed = pack(&data, &Options::default());
    let mut bound = 0;
    // SAFETY: live variables.
    assert_eq!(unsafe { fastpar_compress_bound(null(), data.len(), &mut bound, null_mut()) }, FASTPAR_OK);
    let (status, written, error) = call(fastpar_compress, null(), &data, &mut [0; 1000]);
    assert_eq!((status, written), (FASTPAR_ERR_BUFFER_TOO_SMALL, bound));
    assert_eq!(error.position, 0);
    let (status, written, error) = call(fastpar_decompress, null(), &packed, &mut [0; 1000]);
    assert_eq!((status, written), (FASTPAR_ERR_BUFFER_TOO_SMALL, data.len()));
    assert_eq!(error.position, u64::MAX);
    let (status, written, _) = call(fastpar_decompress, null(), &reference_unsized(&data, 1), &mut [0; 1000]);
    assert_eq!((status, written), (FASTPAR_ERR_BUFFER_TOO_SMALL, 0));
    let (status, written, error) = call(fastpar_decompress, null(), b"nonsense", &mut [0; 1000]);
    assert_eq!((status, written, error.position), (FASTPAR_ERR_NOT_ZSTD, 0, 0));
}

#[test]
fn overlapping_buffers() {
    let mut buffer = [MaybeUninit::new(0u8); 300];
    let base: *mut u8 = buffer.as_mut_ptr().cast();
    let mut written = 0;
    for function in [fastpar_compress as Function, fastpar_decompress as Function] {
        for (src, dst, overlap) in
            [(0, 0, true), (0, 99, true), (99, 0, true), (0, 100, false), (100, 0, false)]
        {
            // SAFETY: both lie inside the buffer.
            let status = unsafe {
                function(
                    null(),
                    base.add(src).cast(),
                    100,
                    base.add(dst).cast(),
                    100,
                    &mut written,
                    null_mut(),
                )
            };
            assert_eq!(status == FASTPAR_ERR_INVALID_ARGUMENT, overlap, "{src} {dst}");
        }
    }
}

/// The progress callback of a C program.
#[test]
fn progress_callback() {
    unsafe extern "C" fn count(user_data: *mut c_void, done: u64, total: u64) -> i32 {
        // SAFETY: what the test gave.
        let calls = unsafe { &mut *user_data.cast::<Vec<(u64, u64)>>() };
        calls.push((done, total));
        1 // at the end it is not looked at
    }
    let data = records(100_000);
    let mut calls: Vec<(u64, u64)> = Vec::new();
    let all = fastpar_zstd_options {
        progress: Some(count),
        progress_data: std::ptr::from_mut(&mut calls).cast(),
        ..options()
    };
    let (status, ..) = call(fastpar_compress, &all, &data, &mut vec![0; 200_000]);
    assert_eq!(status, FASTPAR_OK);
    assert_eq!(calls, [(100_000, 100_000)]);
}

/// Arrays of dictionaries that no caller should give, and all of them released under way.
#[test]
fn hostile_dictionaries() {
    let data = records(1000);
    let packed = pack(&data, &Options::default());
    let mut dict = null_mut();
    let content = [7u8; 100];
    // SAFETY: live buffers and variables.
    let opened =
        unsafe { fastpar_dict_open(content.as_ptr().cast(), content.len(), 0, &mut dict, null_mut()) };
    assert_eq!(opened, FASTPAR_OK);
    let dict = dict.cast_const();
    let array = [dict, dict, null(), dict];
    let mut dst = vec![0u8; 5000];
    let mut decompress = |dicts: *const *const fastpar_dict, dicts_count| {
        let options = fastpar_zstd_options { dicts, dicts_count, ..options() };
        call(fastpar_decompress, &options, &packed, &mut dst)
    };
    assert_eq!(decompress(array.as_ptr(), 2).0, FASTPAR_OK);
    assert_eq!(decompress(array.as_ptr(), 0).0, FASTPAR_OK);
    assert_eq!(decompress(null(), 0).0, FASTPAR_OK);
    let (status, _, error) = decompress(array.as_ptr(), 4);
    assert_eq!((status, error.position), (FASTPAR_ERR_INVALID_ARGUMENT, 2));
    for count in [1, 2, usize::MAX / 8, usize::MAX / 8 + 1, usize::MAX] {
        assert_eq!(decompress(null(), count).0, FASTPAR_ERR_INVALID_ARGUMENT, "{count}");
    }
    for count in [usize::MAX / 8, usize::MAX / 8 + 1, usize::MAX] {
        assert_eq!(decompress(array.as_ptr(), count).0, FASTPAR_ERR_INVALID_ARGUMENT, "{count}");
    }
    // An array that is not aligned.
    let bytes: Vec<u8> = [0u8].into_iter().chain((dict as usize).to_ne_bytes()).collect();
    assert_eq!(decompress(bytes[1..].as_ptr().cast(), 1).0, FASTPAR_OK);
    // SAFETY: freed once.
    unsafe { fastpar_dict_free(dict.cast_mut()) };
}

#[test]
fn hostile_prefixes() {
    let data = records(1000);
    let packed = pack(&data, &Options::default());
    let mut dst = vec![0u8; 5000];
    let with = |prefix: *const u8, prefix_len| fastpar_zstd_options {
        flags: FASTPAR_ZSTD_SINGLE_FRAME,
        prefix: prefix.cast(),
        prefix_len,
        ..options()
    };
    for function in [fastpar_compress as Function, fastpar_decompress] {
        let mut call = |options: &fastpar_zstd_options| call(function, options, &packed, &mut dst).0;
        assert_eq!(call(&with(null(), 0)), FASTPAR_OK);
        assert_eq!(call(&with(data.as_ptr(), 0)), FASTPAR_OK);
        assert_eq!(call(&with(data.as_ptr(), data.len())), FASTPAR_OK);
        for len in [1, usize::MAX] {
            assert_eq!(call(&with(null(), len)), FASTPAR_ERR_INVALID_ARGUMENT);
        }
        for len in [usize::MAX, isize::MAX as usize, (1 << 30) + 1] {
            assert_eq!(call(&with(data.as_ptr(), len)), FASTPAR_ERR_INVALID_ARGUMENT, "{len}");
        }
        for strategy in [10, u32::MAX] {
            let options = fastpar_zstd_options { strategy, ..options() };
            assert_eq!(call(&options), FASTPAR_ERR_INVALID_ARGUMENT);
        }
        for flags in [FASTPAR_ZSTD_LONG, FASTPAR_ZSTD_LONG | FASTPAR_ZSTD_SINGLE_FRAME] {
            assert_eq!(call(&fastpar_zstd_options { flags, ..options() }), FASTPAR_OK);
        }
    }
    // The output must not be the prefix.
    let options = with(dst.as_ptr(), 100);
    assert_eq!(call(fastpar_decompress, &options, &packed, &mut dst).0, FASTPAR_ERR_INVALID_ARGUMENT);
    assert_eq!(call(fastpar_compress, &options, &packed, &mut dst).0, FASTPAR_ERR_INVALID_ARGUMENT);
}
