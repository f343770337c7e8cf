//! Threads that wait for others inside calls of the codec: the statistics count that as waiting, and
//! timelines show it.

use crate::support::isolated::Isolated;
use crate::timeline::Timeline;
use crate::trace::{folder, options, start_with, stop};
use fastpar::codec::{self, Options};
use fastpar::ffi::*;
use fastpar::pool;
use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

/// Compressed data whose reader is slow while two threads want it.
struct Slow {
    packed: Vec<u8>,
    wanted: AtomicUsize,
}

unsafe extern "C" fn read(user_data: *mut c_void, offset: u64, buffer: *mut c_void, len: usize) -> i32 {
    // SAFETY: what the archive was opened with.
    let slow = unsafe { &*user_data.cast::<Slow>() };
    if slow.wanted.load(SeqCst) > 0 {
        while slow.wanted.load(SeqCst) < 2 {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(20)); // so that the other one finds the frame claimed
    }
    let from = &slow.packed[offset as usize..][..len];
    // SAFETY: a buffer of that length.
    unsafe { ptr::copy_nonoverlapping(from.as_ptr(), buffer.cast(), len) };
    0
}

/// Reads the first bytes, on two threads at once.
fn read_twice(slow: &Slow, archive: *mut fastpar_archive) {
    let address = archive as usize;
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let (mut place, mut written) = ([0u8; 100], 0);
                let archive = address as *mut fastpar_archive;
                slow.wanted.fetch_add(1, SeqCst);
                // SAFETY: the archive is open; places of those lengths; no error is wanted.
                let status = unsafe {
                    fastpar_archive_read(
                        archive,
                        0,
                        place.as_mut_ptr().cast(),
                        place.len(),
                        &mut written,
                        ptr::null_mut(),
                    )
                };
                assert_eq!((status, written), (FASTPAR_OK, place.len()));
            });
        }
    });
}

/// A thread waits while another one decodes the frame that both want: frames that are kept whole, and
/// pages of larger ones. Rounds follow until one is late enough to wait.
#[test]
fn reads_of_one_frame() {
    Isolated::default().env("FASTPAR_THREADS", "1").run(|| {
        pool::start(&Default::default()).expect("it starts");
        for len in [300_000, 70 << 20] {
            let options_of_frame = Options { single_frame: true, level: 1, ..Options::default() };
            let packed = codec::compress_to_vec(&vec![7; len], &options_of_frame).expect("it compresses");
            let slow = Slow { packed, wanted: AtomicUsize::new(0) };
            loop {
                let mut archive = ptr::null_mut();
                slow.wanted.store(0, SeqCst);
                let (data, size) = (ptr::from_ref(&slow).cast_mut().cast(), slow.packed.len() as u64);
                // SAFETY: all pointers are valid, or NULL; the source outlives the archive.
                let status = unsafe {
                    fastpar_archive_open_source(
                        ptr::null(),
                        Some(read),
                        size,
                        data,
                        &mut archive,
                        ptr::null_mut(),
                    )
                };
                assert_eq!(status, FASTPAR_OK);
                let (_folder, path) = folder();
                assert_eq!(start_with(&path, options(0, FASTPAR_TRACE_LOOPS)).0, FASTPAR_OK);
                let before = pool::stats().waiting_ns;
                read_twice(&slow, archive);
                let waited = pool::stats().waiting_ns - before;
                stop();
                // SAFETY: opened above, and not used any more.
                unsafe { fastpar_archive_free(archive) };
                let timeline = Timeline::read(&path);
                let shown: u64 = timeline.slices("wait").map(|wait| wait.took).sum();
                if waited > 0 && shown > 0 {
                    break;
                }
            }
        }
    });
}
