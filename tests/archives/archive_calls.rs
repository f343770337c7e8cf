//! Archives through the C functions.

use super::archive::frames_of;
use super::common::{compress, text};
use super::support::{sleeps, thread_number};
use fastpar::ffi::*;
use std::ffi::{c_void, CString};
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering::SeqCst};
use std::time::Duration;

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

/// Compressed data whose reader waits while it is told to.
struct Gate {
    packed: Vec<u8>,
    /// Whether the next read waits.
    closed: AtomicBool,
    waits: AtomicBool,
}

unsafe extern "C" fn through(user_data: *mut c_void, offset: u64, buffer: *mut c_void, len: usize) -> i32 {
    // SAFETY: what the archive was opened with.
    let gate = unsafe { &*user_data.cast::<Gate>() };
    if gate.closed.load(SeqCst) {
        gate.waits.store(true, SeqCst);
        until(|| !gate.closed.load(SeqCst));
    }
    let from = &gate.packed[offset as usize..][..len];
    // SAFETY: a buffer of that length.
    unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), buffer.cast(), len) };
    0
}

fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A read that waits for a frame, or for a page of a large one, that another thread decodes ends by its flag,
/// while that thread goes on.
#[test]
fn a_flag_ends_a_wait_for_another_read() {
    for (len, frame) in [(300_000, 100_000), (70 << 20, 70 << 20)] {
        let data = text(len, 3);
        let packed = compress(&data, &frames_of(frame));
        let gate = Gate { packed, closed: AtomicBool::new(false), waits: AtomicBool::new(false) };
        let user_data = std::ptr::from_ref(&gate).cast_mut().cast();
        let mut archive = null_mut();
        // SAFETY: the data lives until the archive is freed.
        let status = unsafe {
            let len = gate.packed.len() as u64;
            fastpar_archive_open_source(null(), Some(through), len, user_data, &mut archive, null_mut())
        };
        assert_eq!(status, FASTPAR_OK);
        let address = archive as usize;
        let read = |offset: u64, flag: Option<&AtomicI32>| {
            let (mut place, mut written) = ([0u8; 100], 0);
            // SAFETY: zero is the default of every field.
            let zero: fastpar_loop_options = unsafe { std::mem::zeroed() };
            let cancel = flag.map_or(null(), |flag| flag.as_ptr().cast_const());
            let options =
                fastpar_loop_options { struct_size: size_of::<fastpar_loop_options>(), cancel, ..zero };
            let archive = address as *mut fastpar_archive;
            // SAFETY: pointers to values of this function, and of those that wait for it.
            let status = unsafe {
                let place = place.as_mut_ptr().cast();
                fastpar_archive_read_with(&options, archive, offset, place, 100, &mut written, null_mut())
            };
            assert!(status != FASTPAR_OK || place[..] == data[offset as usize..][..100]);
            status
        };
        let (flag, thread) = (AtomicI32::new(0), AtomicI32::new(0));
        gate.closed.store(true, SeqCst);
        std::thread::scope(|scope| {
            let first = scope.spawn(|| read(50_000, None));
            until(|| gate.waits.load(SeqCst));
            let second = scope.spawn(|| {
                thread.store(thread_number(), SeqCst);
                read(60_000, Some(&flag))
            });
            until(|| thread.load(SeqCst) != 0 && sleeps(thread.load(SeqCst)));
            flag.store(1, SeqCst);
            // It would never end: the gate is opened after that.
            assert_eq!(second.join().unwrap(), FASTPAR_ERR_CANCELLED);
            assert!(!first.is_finished());
            gate.closed.store(false, SeqCst);
            assert_eq!(first.join().unwrap(), FASTPAR_OK);
        });
        assert_eq!(read(60_000, Some(&AtomicI32::new(0))), FASTPAR_OK);
        // SAFETY: made above, and not used again.
        unsafe { fastpar_archive_free(archive) };
    }
}
