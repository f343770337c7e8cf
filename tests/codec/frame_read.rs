//! `fastpar_frame_read`: what a frame tells, beside what libzstd says about it, and what is no frame.

use crate::common::{block, frame_of, noise, records, reference, reference_unsized, skippable};
use fastpar::ffi::*;
use std::mem::size_of;
use std::ptr::{null, null_mut};

const SIZE: usize = size_of::<fastpar_zstd_info>();

/// An info whose content would be noticed.
fn blank() -> fastpar_zstd_info {
    fastpar_zstd_info { struct_size: SIZE, size: 7, compressed_size: 7, window: 7, dict_id: 7, flags: 7 }
}

fn values(info: &fastpar_zstd_info) -> (u64, u64, u64, u32, u32) {
    (info.size, info.compressed_size, info.window, info.dict_id, info.flags)
}

/// What is told of `data`, or the status.
fn read(data: &[u8]) -> Result<(u64, u64, u64, u32, u32), fastpar_status> {
    let mut info = blank();
    // SAFETY: live buffers and variables.
    let status = unsafe { fastpar_frame_read(data.as_ptr().cast(), data.len(), &mut info, null_mut()) };
    if status == FASTPAR_OK {
        return Ok(values(&info));
    }
    assert_eq!(values(&info), values(&blank()), "untouched on failure");
    Err(status)
}

#[test]
fn as_libzstd_tells() {
    for len in [0, 1, 255, 256, 65_791, 65_792, 3_000_000] {
        let data = records(len);
        for (level, checksum) in [(1, true), (3, false), (19, true)] {
            let packed = reference(&data, level, checksum);
            let (size, compressed, window, dictionary, flags) = read(&packed).unwrap();
            assert_eq!((size, compressed, dictionary), (len as u64, packed.len() as u64, 0));
            assert_eq!(flags, if checksum { FASTPAR_FRAME_CHECKSUM } else { 0 });
            assert!(window >= size.min(1 << 19), "{window}");
        }
        if len == 0 {
            continue; // nothing was written before the end, so libzstd knows the size
        }
        let packed = reference_unsized(&data, 3);
        let (size, compressed, window, ..) = read(&packed).unwrap();
        assert_eq!((size, compressed), (u64::MAX, packed.len() as u64));
        assert!(window >= 1 << 10);
    }
}

#[test]
fn the_first_of_several_frames() {
    let (first, second) = (skippable(&noise(100)), reference(&records(5000), 3, true));
    let data = [&first[..], &second, b"what follows does not matter"].concat();
    assert_eq!(read(&data), Ok((0, 108, 0, 0, FASTPAR_FRAME_SKIPPABLE)));
    assert_eq!(read(&data[108..]).unwrap().1, second.len() as u64);
}

/// Headers of every form: a window of 1.75 MiB, dictionaries of 1, 2 and 4 bytes, a size of 8 bytes.
#[test]
fn made_up_headers() {
    let empty = block(true, 0, 0, &[]);
    let window = 10 << 3 | 6;
    let frame = |header: &[u8]| read(&frame_of(header, &[&empty])).unwrap();
    assert_eq!(frame(&[0x00, window]), (u64::MAX, 9, (1 << 20) + 6 * (1 << 17), 0, 0));
    assert_eq!(frame(&[0x01, window, 0xfe]).3, 0xfe);
    assert_eq!(frame(&[0x02, window, 0x34, 0x12]).3, 0x1234);
    assert_eq!(frame(&[0x03, window, 0x78, 0x56, 0x34, 0xf2]).3, 0xf234_5678);
    assert_eq!(frame(&[0xe0, 0, 0, 0, 0, 0, 0, 0, 0]), (0, 16, 0, 0, 0));
}

#[test]
fn no_whole_frame() {
    let packed = reference(&records(3000), 3, true);
    for len in 0..packed.len() {
        assert_eq!(read(&packed[..len]), Err(FASTPAR_ERR_TRUNCATED), "{len} bytes");
    }
    let skipped = skippable(&noise(20));
    for len in 0..skipped.len() {
        assert_eq!(read(&skipped[..len]), Err(FASTPAR_ERR_TRUNCATED), "{len} bytes");
    }
    assert_eq!(read(b"no frame at all"), Err(FASTPAR_ERR_NOT_ZSTD));
    // A size that the block cannot have, and a reserved bit.
    assert_eq!(read(&frame_of(&[0x20, 9], &[&block(true, 0, 1, b"a")])), Err(FASTPAR_ERR_CORRUPT));
    assert_eq!(read(&frame_of(&[0x28, 1], &[&block(true, 0, 1, b"a")])), Err(FASTPAR_ERR_CORRUPT));
}

#[test]
fn arguments() {
    let packed = reference(&records(100), 3, true);
    let src = packed.as_ptr().cast();
    let mut info = blank();
    // SAFETY: each pointer is NULL or live, and lengths that are not the buffer's are refused.
    unsafe {
        let expect = |src, len, info, status| {
            let mut error = std::mem::zeroed::<fastpar_error>();
            assert_eq!(fastpar_frame_read(src, len, info, &mut error), status);
            assert_eq!(error.status, status);
            assert_eq!(fastpar_frame_read(src, len, info, null_mut()), status);
        };
        expect(null(), 5, &mut info, FASTPAR_ERR_INVALID_ARGUMENT);
        expect(src, usize::MAX, &mut info, FASTPAR_ERR_INVALID_ARGUMENT);
        expect(src, packed.len(), null_mut(), FASTPAR_ERR_INVALID_ARGUMENT);
        expect(null(), 0, &mut info, FASTPAR_ERR_TRUNCATED);
        for size in [0, SIZE - 1] {
            info.struct_size = size;
            expect(src, packed.len(), &mut info, FASTPAR_ERR_INVALID_ARGUMENT);
        }
    }
    info.struct_size = SIZE;
    assert_eq!(values(&info), values(&blank()));
}
