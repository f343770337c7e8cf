//! Cancelling, progress, limits on memory, and calls from many places.

use crate::common::{
    assert_kind, assert_unpacks, guarded, pack, records, reference, reference_unsized, unpack_into,
};
use fastpar::codec::{self, Options};
use fastpar::job;
use fastpar::{ErrorKind, Result};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::Mutex;

fn compress(data: &[u8], options: &Options<'_>) -> Result<Vec<u8>> {
    let bound = codec::compress_bound(data.len(), options).unwrap();
    guarded(bound, |dst| codec::compress(data, dst, options))
}

fn decompress(packed: &[u8], room: usize, options: &Options<'_>) -> Result<Vec<u8>> {
    guarded(room, |dst| codec::decompress(packed, dst, options))
}

/// Runs `call` with a progress callback and checks what it was told: rising, never by two threads, and the
/// end once.
fn watched<T>(total: u64, known: bool, call: impl FnOnce(job::Progress<'_>) -> T) -> T {
    let inside = AtomicBool::new(false);
    let reports = Mutex::new(Vec::new());
    let result = call(&|done, total| {
        assert!(!inside.swap(true, Ordering::SeqCst), "two reports at a time");
        reports.lock().unwrap().push((done, total));
        inside.store(false, Ordering::SeqCst);
        ControlFlow::Continue(())
    });
    let reports = reports.into_inner().unwrap();
    assert_eq!(reports.last(), Some(&(total, total)), "the last report");
    for pair in reports.windows(2) {
        assert!(pair[0].0 <= pair[1].0, "progress falls: {reports:?}");
        assert_eq!(pair[0].1, if known { total } else { u64::MAX });
    }
    result
}

#[test]
fn progress() {
    let data = records(6 << 20);
    let len = data.len() as u64;
    let packed = pack(&data, &Options { frame_size: 300_000, level: 1, ..Options::default() });
    for options in [
        Options { frame_size: 300_000, ..Options::default() },
        Options { level: 13, single_frame: true, ..Options::default() },
        Options { level: 9, max_lanes: 1, ..Options::default() },
    ] {
        watched(len, true, |progress| {
            compress(&data, &Options { progress: Some(progress), ..options }).unwrap()
        });
    }
    let unpack = |packed: &[u8], known| {
        let out = watched(len, known, |progress| {
            decompress(packed, data.len(), &Options { progress: Some(progress), ..Options::default() })
        });
        assert!(out.unwrap() == data);
    };
    unpack(&packed, true);
    unpack(&reference(&data, 1, true), true);
    unpack(&reference_unsized(&data, 1), false);
    // A table that lies in its last entry: what was done before is not counted twice.
    let mut lying = packed.clone();
    let end = lying.len();
    lying[end - 9 - 4] ^= 1;
    unpack(&lying, true);
    // Nothing at all still ends.
    watched(0, true, |progress| {
        compress(&[], &Options { progress: Some(progress), ..Options::default() }).unwrap()
    });
}

#[test]
fn cancelled_by_progress() {
    let data = records(8 << 20);
    let stop = |_, _| ControlFlow::Break(());
    let options = Options { progress: Some(&stop), level: 13, ..Options::default() };
    assert_kind(compress(&data, &Options { frame_size: 1 << 20, ..options }), ErrorKind::Cancelled);
    assert_kind(compress(&data, &Options { single_frame: true, ..options }), ErrorKind::Cancelled);
    // At the end nothing is left to cancel.
    assert_unpacks(&compress(b"short", &options).unwrap(), b"short");
}

#[test]
fn cancelled_by_the_flag() {
    let data = records(2 << 20);
    let packed = pack(&data, &Options { frame_size: 300_000, ..Options::default() });
    let set = AtomicI32::new(1);
    let options = Options { cancel: Some(&set), ..Options::default() };
    assert_kind(compress(&data, &options), ErrorKind::Cancelled);
    assert_kind(compress(&[], &options), ErrorKind::Cancelled);
    assert_kind(decompress(&packed, data.len(), &options), ErrorKind::Cancelled);
    assert_kind(decompress(&reference_unsized(&data, 1), data.len(), &options), ErrorKind::Cancelled);
    set.store(0, Ordering::Relaxed);
    assert!(decompress(&packed, data.len(), &options).unwrap() == data);
}

/// From another thread, in the middle of a frame that takes long, and with lanes that wait for room.
#[test]
fn cancelled_in_the_middle() {
    let data = records(12 << 20);
    for (single_frame, room) in [(true, 12 << 20), (false, 3 << 20)] {
        let flag = AtomicI32::new(0);
        let begun = AtomicBool::new(false);
        let frame_size = if single_frame { 0 } else { 500_000 };
        let progress = |_, _| {
            begun.store(true, Ordering::Relaxed);
            ControlFlow::Continue(())
        };
        let options = Options {
            level: 16,
            single_frame,
            frame_size,
            cancel: Some(&flag),
            progress: Some(&progress),
            ..Options::default()
        };
        let result = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !begun.load(Ordering::Relaxed) {
                    std::thread::yield_now();
                }
                flag.store(1, Ordering::Relaxed);
            });
            guarded(room, |dst| codec::compress(&data, dst, &options))
        });
        assert_kind(result, ErrorKind::Cancelled);
    }
    assert_unpacks(&pack(&data[..1000], &Options::default()), &data[..1000]);
}

/// A panic in the caller's own callback comes out as an error, and leaves nobody waiting.
#[test]
fn panics_are_contained() {
    let data = records(8 << 20);
    let panicking =
        |done, total| if done < total { panic!("from the callback") } else { ControlFlow::Continue(()) };
    let options =
        Options { level: 13, frame_size: 500_000, progress: Some(&panicking), ..Options::default() };
    let error = assert_kind(guarded(3 << 20, |dst| codec::compress(&data, dst, &options)), ErrorKind::Panic);
    assert!(error.message().contains("from the callback"), "{error}");
    assert_unpacks(&pack(&data, &Options::default()), &data);
}

#[test]
fn max_memory() {
    let data = records(3 << 20);
    let options = Options { frame_size: 400_000, ..Options::default() };
    let expected = pack(&data, &options);
    // Room for few lanes gives the same bytes; room for none is an error that tells how much one needs.
    for max_memory in [u64::MAX, 1 << 30, 4 << 20, 2 << 20] {
        assert!(compress(&data, &Options { max_memory, ..options }).unwrap() == expected);
    }
    let error = assert_kind(compress(&data, &Options { max_memory: 1, ..options }), ErrorKind::LimitExceeded);
    let needed = error.needed().unwrap();
    assert!(compress(&data, &Options { max_memory: needed, ..options }).unwrap() == expected);
    assert_kind(compress(&data, &Options { max_memory: needed - 1, ..options }), ErrorKind::LimitExceeded);
    // Level 19 needs far more.
    let slow = Options { level: 19, max_memory: 4 << 20, ..Options::default() };
    assert_kind(compress(&data, &slow), ErrorKind::LimitExceeded);

    for packed in [&expected, &reference_unsized(&data, 3)] {
        assert!(decompress(packed, data.len(), &Options { max_memory: 1 << 20, ..options }).unwrap() == data);
        let error = decompress(packed, data.len(), &Options { max_memory: 100_000, ..options });
        let needed = assert_kind(error, ErrorKind::LimitExceeded).needed().unwrap();
        assert!(needed < 400_000);
    }
}

#[test]
fn options_out_of_range() {
    let base = Options::default();
    for options in [
        Options { level: 23, ..base },
        Options { level: -131_073, ..base },
        Options { level: i32::MIN, ..base },
        Options { window_log: 9, ..base },
        Options { window_log: 32, ..base },
        Options { frame_size: (1 << 30) + 1, ..base },
        Options { frame_size: 1000, single_frame: true, ..base },
    ] {
        assert_kind(
            compress(b"x", &Options { ..Options::default() })
                .and(guarded(100, |dst| codec::compress(b"x", dst, &options))),
            ErrorKind::InvalidArgument,
        );
        assert_kind(decompress(&[], 0, &options), ErrorKind::InvalidArgument);
        assert_kind(codec::compress_bound(1, &options), ErrorKind::InvalidArgument);
    }
}

/// From many threads, and from inside the chunks of a loop.
#[test]
fn calls_from_everywhere() {
    let data = records(1 << 20);
    let options = Options { frame_size: 100_000, level: 1, ..Options::default() };
    let expected = pack(&data, &options);
    let round = || {
        assert!(pack(&data, &options) == expected);
        assert!(unpack_into(&expected, data.len()).unwrap() == data);
    };
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(round);
        }
        job::for_each_chunk(Default::default(), 24, &Default::default(), |_| {
            round();
            ControlFlow::Continue(())
        })
        .unwrap();
    });
}
