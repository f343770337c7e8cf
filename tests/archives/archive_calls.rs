//! Archives through the C functions.

use super::archive::frames_of;
use super::common::{compress, text};
use fastpar::ffi::*;
use std::ffi::CString;
use std::ptr::{null, null_mut};

#[test]
fn through_the_c_functions() {
    let data = text(300_000, 17);
    let packed = compress(&data, &frames_of(50_000));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("Größe 尺寸.zst");
    std::fs::write(&path, &packed).unwrap();
    let path = CString::new(path.to_str().unwrap()).unwrap();
    for from_file in [false, true] {
        let mut archive = null_mut();
        // SAFETY: pointers to values of this function.
        let opened = unsafe {
            if from_file {
                fastpar_archive_open_file(null(), path.as_ptr(), &mut archive, null_mut())
            } else {
                fastpar_archive_open(null(), packed.as_ptr().cast(), packed.len(), &mut archive, null_mut())
            }
        };
        assert_eq!(opened, FASTPAR_OK);
        let (mut size, mut frames) = (0, 0);
        // SAFETY: pointers to values of this function.
        let mut info: fastpar_frame_info = unsafe { std::mem::zeroed() };
        info.struct_size = size_of::<fastpar_frame_info>();
        let mut bytes = vec![0u8; 1000];
        let mut written = 7;
        let mut read = |offset: u64, dst: *mut u8, len: usize| {
            let status =
                // SAFETY: pointers to values of this function.
                unsafe { fastpar_archive_read(archive, offset, dst.cast(), len, &mut written, null_mut()) };
            (status, written)
        };
        // SAFETY: pointers to values of this function.
        unsafe {
            assert_eq!(fastpar_archive_size(archive, &mut size, null_mut()), FASTPAR_OK);
            assert_eq!(fastpar_archive_frames(archive, &mut frames, null_mut()), FASTPAR_OK);
            assert_eq!((size, frames), (300_000, 6));
            assert_eq!(fastpar_archive_frame(archive, 5, &mut info, null_mut()), FASTPAR_OK);
            assert_eq!((info.content_offset, info.content_size), (250_000, 50_000));
            assert_eq!(
                fastpar_archive_frame(archive, 6, &mut info, null_mut()),
                FASTPAR_ERR_INVALID_ARGUMENT
            );
        }
        assert_eq!(read(299_500, bytes.as_mut_ptr(), 1000), (FASTPAR_OK, 500));
        assert!(bytes[..500] == data[299_500..]);
        assert_eq!(read(300_000, bytes.as_mut_ptr(), 1000), (FASTPAR_OK, 0));
        assert_eq!(read(0, null_mut(), 0), (FASTPAR_OK, 0));
        assert_eq!(read(0, null_mut(), 5), (FASTPAR_ERR_INVALID_ARGUMENT, 0));
        if !from_file {
            let inside = packed.as_ptr().cast_mut().wrapping_add(packed.len() - 1);
            assert_eq!(read(0, inside, 1), (FASTPAR_ERR_INVALID_ARGUMENT, 0));
        }
        // SAFETY: made above, and not used again.
        unsafe { fastpar_archive_free(archive) };
    }
    let mut archive = std::ptr::dangling_mut();
    // SAFETY: the handle's place is valid; the data is not looked at.
    let status = unsafe { fastpar_archive_open(null(), null(), 5, &mut archive, null_mut()) };
    assert!(status == FASTPAR_ERR_INVALID_ARGUMENT && archive.is_null());
}
