//! Transforms and joined files through the C functions: targets are complete or as they were.

use super::archive::frames_of;
use super::common::{compress, text};
use super::scan_calls::{options, path_of, zstd_options, Opened};
use fastpar::ffi::*;
use std::ffi::{c_void, CString};
use std::ptr::null_mut;

/// Writes its piece, and fails at a number.
unsafe extern "C" fn copy(
    user_data: *mut c_void,
    piece: *const fastpar_piece,
    output: *mut fastpar_output,
) -> i32 {
    // SAFETY: as the functions describe.
    unsafe {
        if (*piece).index == user_data as u64 {
            return 9;
        }
        let half = (*piece).size / 2;
        assert_eq!(fastpar_output_write(output, (*piece).data, half, null_mut()), FASTPAR_OK);
        let rest = (*piece).data.cast::<u8>().add(half).cast();
        fastpar_output_write(output, rest, (*piece).size - half, null_mut())
    }
}

#[test]
fn transforms_are_in_order_and_complete_or_not_there() {
    let data = text(3_000_000, 4);
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("target.zst");
    let name = path_of(&target);
    let never = usize::MAX as *mut c_void;
    for frame in [70_001, 3 << 20] {
        let packed = compress(&data, &frames_of(frame));
        let archive = Opened::new(&packed);
        let transform = |options: &fastpar_scan_options, dst: &fastpar_zstd_options, fails: *mut c_void| {
            // SAFETY: as the function describes.
            unsafe {
                fastpar_transform_file(
                    options,
                    archive.0,
                    dst,
                    name.as_ptr(),
                    Some(copy),
                    fails,
                    null_mut(),
                    null_mut(),
                )
            }
        };
        let small = fastpar_scan_options { piece_size: 5000, ..options() };
        let dst = fastpar_zstd_options { frame_size: 100_000, ..zstd_options() };
        let mut first = Vec::new();
        for max_lanes in [1, 2, 24] {
            let lanes = fastpar_scan_options { max_lanes, ..small };
            assert_eq!(transform(&lanes, &dst, never), FASTPAR_OK);
            let written = std::fs::read(&target).unwrap();
            assert!(zstd::decode_all(&written[..]).unwrap() == data);
            assert!(max_lanes == 1 || written == first);
            first = written;
        }
        assert_eq!(transform(&small, &dst, 100 as *mut c_void), FASTPAR_ERR_CALLBACK);
        for refused in [
            fastpar_zstd_options { max_lanes: 1, ..dst },
            fastpar_zstd_options { max_memory: 1 << 30, ..dst },
        ] {
            assert_eq!(transform(&small, &refused, never), FASTPAR_ERR_INVALID_ARGUMENT);
        }
        let keep = fastpar_zstd_options { flags: FASTPAR_ZSTD_KEEP, ..dst };
        assert_eq!(transform(&small, &keep, never), FASTPAR_ERR_IO);
        assert!(std::fs::read(&target).unwrap() == first);
        std::fs::remove_file(&target).unwrap();
        assert_eq!(transform(&small, &dst, 100 as *mut c_void), FASTPAR_ERR_CALLBACK);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

#[test]
fn joined_parts_are_the_whole() {
    let data = text(1_000_000, 5);
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| path_of(&folder.path().join(name));
    std::fs::write(folder.path().join("data"), &data).unwrap();
    let compress_part = |target: &CString, src_offset, src_size| {
        let part = fastpar_zstd_options { frame_size: 100_000, src_offset, src_size, ..zstd_options() };
        // SAFETY: as the function describes.
        unsafe { fastpar_compress_file(&part, at("data").as_ptr(), target.as_ptr(), null_mut(), null_mut()) }
    };
    let (whole, parts) = (at("whole"), [at("0"), at("1"), at("2")]);
    assert_eq!(compress_part(&whole, 0, 0), FASTPAR_OK);
    for (part, (offset, size)) in parts.iter().zip([(0, 300_000), (300_000, 400_000), (700_000, 0)]) {
        assert_eq!(compress_part(part, offset, size), FASTPAR_OK);
    }
    let refused = at("refused");
    for (offset, size) in [(1_000_001, 0), (0, 1_000_001), (u64::MAX, 2), (2, u64::MAX)] {
        assert_eq!(compress_part(&refused, offset, size), FASTPAR_ERR_INVALID_ARGUMENT);
    }
    assert!(!folder.path().join("refused").exists());
    assert_eq!(compress_part(&at("empty"), 1_000_000, 0), FASTPAR_OK);
    let join = |paths: &[&CString], target: &CString, flags| {
        let options = fastpar_zstd_options { flags, ..zstd_options() };
        let paths: Vec<_> = paths.iter().map(|path| path.as_ptr()).collect();
        // SAFETY: as the function describes.
        unsafe {
            fastpar_concat_files(
                &options,
                paths.as_ptr(),
                paths.len(),
                target.as_ptr(),
                null_mut(),
                null_mut(),
            )
        }
    };
    let bytes = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    assert_eq!(join(&[&parts[0], &at("empty"), &parts[1], &parts[2]], &at("joined"), 0), FASTPAR_OK);
    assert!(bytes("joined") == bytes("whole"));
    // Appending, which KEEP forbids; and targets that are other sources.
    let before = bytes("0");
    assert_eq!(join(&[&parts[0], &parts[1]], &parts[0], FASTPAR_ZSTD_KEEP), FASTPAR_ERR_INVALID_ARGUMENT);
    assert_eq!(join(&[&parts[1], &parts[0]], &parts[0], 0), FASTPAR_ERR_INVALID_ARGUMENT);
    assert_eq!(join(&[&parts[1], &at("missing")], &parts[0], 0), FASTPAR_ERR_IO);
    assert_eq!(join(&[&parts[1], &at("data")], &parts[0], 0), FASTPAR_ERR_NOT_ZSTD);
    assert!(bytes("0") == before);
    assert_eq!(join(&[&parts[0], &parts[1], &parts[2]], &parts[0], 0), FASTPAR_OK);
    assert!(bytes("0") == bytes("whole"));
    assert_eq!(join(&[&at("empty"), &at("empty")], &at("nothing"), 0), FASTPAR_OK);
    assert_eq!(zstd::decode_all(&bytes("nothing")[..]).unwrap(), b"");
    assert!(!bytes("nothing").is_empty());
}
