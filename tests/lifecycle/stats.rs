//! What the pool tells about itself.

use crate::support::isolated::Isolated;
use crate::{count_chunks, on_threads_at_once};
use fastpar::codec::{self, decompress_batch, Archive, BatchItem, Options, ScanOptions};
use fastpar::ffi::*;
use fastpar::job::{for_each_chunk, reduce, Control, JobHandle};
use fastpar::plan::Schedule;
use fastpar::{pool, team};
use std::mem::{offset_of, MaybeUninit};
use std::ops::ControlFlow::Continue;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[test]
fn calls_and_chunks_are_counted() {
    Isolated::default().env("FASTPAR_THREADS", "4").run(|| {
        assert_eq!(pool::stats(), pool::Stats::default());
        let counted = || (pool::stats().jobs, pool::stats().chunks);
        count_chunks(100);
        assert_eq!(counted(), (1, 100));
        let each = Schedule::Grain { grain: 1 };
        reduce(each, 40_000, &Control::default(), 0, |_, _| {}, |_: &mut i32, _| {}).expect("it succeeds");
        assert_eq!(counted(), (2, 40_100), "one call, though it takes several waves");
        let job = JobHandle::start(each, 50, 0, None, None, Box::new(|_| Continue(()))).expect("it starts");
        job.wait(None).expect("it succeeds");
        assert_eq!(counted(), (3, 40_150));
        team::run(3, &|_, _| Continue(())).expect("there are enough threads");
        assert_eq!(counted().0, 4);
        count_chunks(0);
        assert_eq!(counted().0, 5);
        pool::shutdown().expect("the pool ends");
        assert_eq!(pool::stats(), pool::Stats::default());
    });
}

#[test]
fn helpers_are_counted_and_seen_at_work() {
    Isolated::default().env("FASTPAR_THREADS", "4").run(|| {
        on_threads_at_once(4, || {
            let stats = pool::stats();
            assert_eq!((stats.threads, stats.busy), (4, 3), "three workers and the caller");
        });
        // The last helper may still be on its way out.
        while pool::stats().busy > 0 {
            std::thread::yield_now();
        }
        assert!(pool::stats().helpers >= 3);
    });
}

#[test]
fn through_the_c_function() {
    Isolated::default().env("FASTPAR_THREADS", "4").run(|| {
        let size = size_of::<fastpar_pool_stats>();
        // SAFETY: numbers, for which any bytes are valid.
        let mut stats: fastpar_pool_stats = unsafe { std::mem::zeroed() };
        (stats.struct_size, stats.threads, stats.jobs, stats.late_helpers) = (size, 9, 9, 9);
        // SAFETY: NULL, or a struct that begins with its size.
        let read =
            |stats: *mut fastpar_pool_stats| unsafe { fastpar_pool_stats_read(stats, ptr::null_mut()) };
        assert_eq!(read(&mut stats), FASTPAR_OK);
        assert_eq!((stats.struct_size, stats.threads, stats.jobs, stats.helpers), (size, 0, 0, 0));
        count_chunks(7);
        assert_eq!(read(&mut stats), FASTPAR_OK);
        assert_eq!((stats.threads, stats.jobs, stats.chunks), (4, 1, 7));
        assert_eq!(read(ptr::null_mut()), FASTPAR_ERR_INVALID_ARGUMENT);
        // A program that was built before the struct grew: what follows is not touched.
        let first = offset_of!(fastpar_pool_stats, bytes_in);
        (stats.struct_size, stats.jobs, stats.bytes_in) = (first, 0, 77);
        assert_eq!(read(&mut stats), FASTPAR_OK);
        assert_eq!((stats.struct_size, stats.jobs, stats.bytes_in), (first, 1, 77));
        stats.struct_size = first - 8;
        assert_eq!(read(&mut stats), FASTPAR_ERR_INVALID_ARGUMENT);
    });
}

/// Milliseconds of a statistic, rounded up: the processor's counter is compared with the system's clock, to a
/// few millionths.
fn milliseconds(nanoseconds: u64) -> u64 {
    nanoseconds.div_ceil(1_000_000)
}

fn sleep(milliseconds: u64) {
    std::thread::sleep(Duration::from_millis(milliseconds));
}

/// Waits until no worker is at work: what they did is counted then.
pub(crate) fn settle() {
    while pool::stats().busy > 0 {
        std::thread::yield_now();
    }
}

#[test]
fn time_in_callbacks_on_all_threads() {
    Isolated::default().env("FASTPAR_THREADS", "4").run(|| {
        on_threads_at_once(4, || sleep(100));
        settle();
        let stats = pool::stats();
        assert!(milliseconds(stats.callback_ns) >= 400, "{stats:?}");
        assert!(milliseconds(stats.busy_ns) >= 300, "three workers: {stats:?}");
        assert!(stats.busy_ns < stats.callback_ns, "the caller is no worker: {stats:?}");
        assert_eq!((stats.codec_ns, stats.bytes_in, stats.contexts_made), (0, 0, 0));
    });
}

/// How long a tick of the processor's counter is becomes known during the first second.
#[test]
fn times_never_go_back() {
    Isolated::default().env("FASTPAR_THREADS", "2").run(|| {
        on_threads_at_once(2, || sleep(5));
        let times =
            |stats: &pool::Stats| [stats.busy_ns, stats.waiting_ns, stats.callback_ns, stats.codec_ns];
        let (start, mut last) = (Instant::now(), pool::stats());
        while start.elapsed() < Duration::from_millis(1200) {
            let stats = pool::stats();
            assert!(times(&stats).iter().zip(times(&last)).all(|(now, before)| *now >= before), "{last:?}");
            last = stats;
        }
    });
}

/// A caller alone, whose loops are short: they are counted too.
#[test]
fn short_callbacks_add_up() {
    Isolated::default().env("FASTPAR_THREADS", "1").run(|| {
        let alone = Control { max_lanes: 1, ..Control::default() };
        let each = Schedule::Grain { grain: 1 };
        for _ in 0..100 {
            let body = |_: &fastpar::job::Chunk| {
                sleep(1);
                Continue(())
            };
            for_each_chunk(each, 1, &alone, body).expect("it succeeds");
        }
        let first = pool::stats();
        assert!(milliseconds(first.callback_ns) >= 100, "{first:?}");
        assert_eq!(first.busy_ns, 0, "no worker was needed");
        let none = |_: &fastpar::job::Chunk| Continue(());
        (0..1000).for_each(|_| for_each_chunk(each, 1, &alone, none).expect("it succeeds"));
        assert!(pool::stats().callback_ns > first.callback_ns);
    });
}

/// Each moment counts once: a call inside a callback is taken off the callback's time.
#[test]
fn nested_calls_count_once() {
    Isolated::default().env("FASTPAR_THREADS", "2").run(|| {
        let alone = Control { max_lanes: 1, ..Control::default() };
        let start = std::time::Instant::now();
        let nested = |depth: u32| {
            fn body(alone: &Control<'_>, depth: u32) {
                for_each_chunk(Schedule::default(), 1, alone, |_| {
                    if depth == 0 {
                        sleep(50);
                    } else {
                        body(alone, depth - 1);
                    }
                    Continue(())
                })
                .expect("it succeeds");
            }
            body(&alone, depth);
        };
        nested(9);
        let (stats, took) = (pool::stats(), start.elapsed().as_nanos() as u64);
        assert!(milliseconds(stats.callback_ns) >= 50, "{stats:?}");
        assert!(stats.callback_ns <= took + took / 100, "ten callbacks, one time: {stats:?} in {took} ns");
    });
}

/// A thread waits for a job whose only chunk a worker runs.
#[test]
fn waiting_is_counted() {
    Isolated::default().env("FASTPAR_THREADS", "2").run(|| {
        let (begun, may_end) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (begins, ends) = (Arc::clone(&begun), Arc::clone(&may_end));
        let body = move |_: &fastpar::job::Chunk| {
            begins.store(true, SeqCst);
            while !ends.load(SeqCst) {
                sleep(1);
            }
            Continue(())
        };
        let job = JobHandle::start(Schedule::default(), 1, 0, None, None, Box::new(body)).expect("it starts");
        while !begun.load(SeqCst) {
            std::thread::yield_now();
        }
        let time = job.wait(Some(Duration::from_millis(50))).expect_err("the chunk has not ended");
        assert_eq!(time.kind(), fastpar::ErrorKind::Timeout);
        let stats = pool::stats();
        assert!(milliseconds(stats.waiting_ns) >= 50 && stats.busy == 1, "{stats:?}");
        may_end.store(true, SeqCst);
        job.wait(None).expect("it succeeds");
        settle();
        assert!(milliseconds(pool::stats().callback_ns) >= 50, "{:?}", pool::stats());
    });
}

#[test]
fn what_the_codec_does_is_counted() {
    Isolated::default().env("FASTPAR_THREADS", "4").run(|| {
        let data: Vec<u8> = (0..4u32 << 20).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let options = Options { frame_size: 256 << 10, max_lanes: 1, ..Options::default() };
        pool::start(&Default::default()).expect("it starts");
        let packed = codec::compress_to_vec(&data, &options).expect("it compresses");
        let first = pool::stats();
        assert_eq!((first.bytes_in, first.bytes_out), (data.len() as u64, packed.len() as u64));
        // 16 frames, one after the other.
        assert_eq!((first.contexts_made, first.contexts_reused), (1, 15));
        assert!(first.codec_ns > 0 && first.callback_ns == 0, "{first:?}");
        assert_eq!(codec::decompress_to_vec(&packed, &options).expect("it decompresses"), data);
        let second = pool::stats();
        assert_eq!(second.bytes_in - first.bytes_in, packed.len() as u64);
        assert_eq!(second.bytes_out - first.bytes_out, data.len() as u64);
        assert!(second.codec_ns > first.codec_ns);
        pool::shutdown().expect("it ends");
        pool::start(&Default::default()).expect("it starts");
        assert_eq!(pool::stats().bytes_in, 0, "since the start of the pool");
    });
}

/// Files: as much as the call tells by itself, and time with the files.
#[test]
fn what_calls_on_files_do_is_counted() {
    Isolated::default().env("FASTPAR_THREADS", "4").run(|| {
        let folder = tempfile::tempdir().expect("there is room");
        let path = |name: &str| folder.path().join(name);
        let data: Vec<u8> = (0..3_000_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 25) as u8).collect();
        std::fs::write(path("data"), &data).expect("it is written");
        pool::start(&Default::default()).expect("it starts");
        let options = Options { frame_size: 256 << 10, ..Options::default() };
        let packed = codec::compress_file(&path("data"), &path("packed"), &options).expect("it compresses");
        let first = pool::stats();
        assert_eq!((first.bytes_in, first.bytes_out), (packed.bytes_in, packed.bytes_out));
        assert!(first.waiting_ns > 0 && first.codec_ns > 0, "{first:?}");
        let back = codec::decompress_file(&path("packed"), &path("back"), &options).expect("it decompresses");
        let second = pool::stats();
        assert_eq!(second.bytes_out - first.bytes_out, back.bytes_out);
        // The seek table and its frame are no task's.
        let taken = second.bytes_in - first.bytes_in;
        assert!(taken <= back.bytes_in && taken + 1000 > back.bytes_in, "{taken} of {}", back.bytes_in);
    });
}

/// What an item that fails would have taken is not counted; it fails without its neighbour.
#[test]
fn items_that_fail_are_not_counted() {
    Isolated::default().env("FASTPAR_THREADS", "2").run(|| {
        let data = vec![7; 10_000];
        let packed = codec::compress_to_vec(&data, &Options::default()).expect("it compresses");
        let before = pool::stats();
        let mut places = [(); 2].map(|()| vec![MaybeUninit::uninit(); data.len()]);
        let [first, second] = &mut places;
        let cut = &packed[..packed.len() - 1];
        let mut items =
            [(cut, first), (&packed[..], second)].map(|(src, dst)| BatchItem { src, dst, result: None });
        decompress_batch(&mut items, &Options::default()).expect("the call succeeds");
        assert!(matches!(items[0].result, Some(Err(_))));
        assert!(matches!(items[1].result, Some(Ok(10_000))));
        let stats = pool::stats();
        assert_eq!(stats.bytes_in - before.bytes_in, packed.len() as u64);
        assert_eq!(stats.bytes_out - before.bytes_out, 10_000);
    });
}

/// What some work takes and gives, as the statistics tell.
fn bytes_of(work: impl FnOnce()) -> (u64, u64) {
    let before = pool::stats();
    work();
    let after = pool::stats();
    (after.bytes_in - before.bytes_in, after.bytes_out - before.bytes_out)
}

/// The bytes of all frames of an archive.
fn frames_of(archive: &Archive<'_>) -> u64 {
    (0..).map_while(|index| archive.frame(index)).map(|frame| frame.size).sum()
}

/// Scans count each frame once, whether one lane decodes it or several.
#[test]
fn what_scans_decode_is_counted() {
    Isolated::default().env("FASTPAR_THREADS", "4").run(|| {
        let data: Vec<u8> = (0..9u32 << 20).map(|i| (i.wrapping_mul(2_654_435_761) >> 25) as u8).collect();
        let small = Options { frame_size: 300_000, ..Options::default() };
        let one = Options { single_frame: true, level: 1, ..Options::default() };
        pool::start(&Default::default()).expect("it starts");
        for options in [small, one] {
            let packed = codec::compress_to_vec(&data, &options).expect("it compresses");
            let archive = Archive::new(&packed, &Options::default()).expect("it opens");
            let all = (frames_of(&archive), data.len() as u64);
            for max_lanes in [1, 4] {
                settle(); // a large frame is shared where other CPUs have nothing to do
                let scan = ScanOptions { piece_size: 70_000, max_lanes, ..ScanOptions::default() };
                let scanned = bytes_of(|| codec::archive_for(&archive, &scan, |_| Ok(())).expect("it scans"));
                assert_eq!(scanned, all, "{max_lanes} lanes");
                let reduced = bytes_of(|| {
                    let sum = codec::archive_reduce(
                        &archive,
                        &scan,
                        0,
                        |piece, sum| *sum += piece.data.len(),
                        |a, b| *a += b,
                    );
                    assert_eq!(sum.expect("it reduces"), data.len());
                });
                assert_eq!(reduced, all, "{max_lanes} lanes");
            }
            let folder = tempfile::tempdir().expect("there is room");
            let target = folder.path().join("target");
            let mut stats = codec::FileStats::default();
            let scan = ScanOptions::default();
            let transformed = bytes_of(|| {
                let copy = codec::transform_file(&scan, &archive, &small, &target, |piece, out| {
                    out.write(piece.data)
                });
                stats = copy.expect("it transforms");
            });
            assert_eq!(transformed, (all.0 + all.1, all.1 + stats.bytes_out), "read, and written");
        }
    });
}

/// Reads of archives count what they decode, and nothing of what is kept.
#[test]
fn what_reads_of_archives_decode_is_counted() {
    Isolated::default().env("FASTPAR_THREADS", "2").run(|| {
        let data: Vec<u8> = (0..3_000_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 25) as u8).collect();
        let options = Options { frame_size: 1_000_000, ..Options::default() };
        let packed = codec::compress_to_vec(&data, &options).expect("it compresses");
        pool::start(&Default::default()).expect("it starts");
        let archive = Archive::new(&packed, &Options::default()).expect("it opens");
        let frame = |index| sizes_of(&archive, index);
        let read = |offset: u64, len: usize| {
            bytes_of(|| {
                let mut place = vec![MaybeUninit::uninit(); len];
                assert_eq!(archive.read(offset, &mut place).expect("it reads"), len);
            })
        };
        assert_eq!(read(10, 100), frame(0), "all of the frame is decoded");
        assert_eq!(read(500_000, 1000), (0, 0), "it is kept");
        assert_eq!(read(1_000_000, 1_000_000), frame(1));
        let (first, last) = (frame(1), frame(2));
        let both = (first.0 + last.0, first.1 + last.1);
        assert_eq!(read(0, data.len()), both, "the others; the first is kept");
        // Too large to be kept: from where the last read ended.
        let large = Options { frame_size: data.len(), window_log: 17, ..Options::default() };
        let packed = codec::compress_to_vec(&data, &large).expect("it compresses");
        let tight = Options { max_memory: 1_500_000, ..Options::default() };
        let archive = Archive::new(&packed, &tight).expect("it opens");
        let (taken, given) = bytes_of(|| {
            for part in 0..30 {
                let mut place = vec![MaybeUninit::uninit(); 100_000];
                archive.read(part * 100_000, &mut place).expect("it reads");
            }
        });
        assert_eq!((taken, given), sizes_of(&archive, 0), "once");
    });
}

/// The bytes of a frame, and of its content.
fn sizes_of(archive: &Archive<'_>, frame: u64) -> (u64, u64) {
    let frame = archive.frame(frame).expect("a frame");
    (frame.size, frame.content_size)
}
