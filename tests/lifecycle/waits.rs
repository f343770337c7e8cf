//! Threads that wait for others inside calls: the statistics count that as waiting, and timelines show it.

use crate::groups::{run, spawn, wait, Run};
use crate::stats::settle;
use crate::support::isolated::Isolated;
use crate::timeline::{Event, Timeline};
use crate::trace::{folder, options, start_with, stop};
use fastpar::codec::{self, Options, Reader};
use fastpar::ffi::*;
use fastpar::job::JobHandle;
use fastpar::plan::Schedule;
use fastpar::{pool, team};
use std::ffi::c_void;
use std::io::Read;
use std::ops::ControlFlow::Continue;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::Arc;
use std::time::Duration;

/// How long others keep a thread waiting, at the least.
const LONG: Duration = Duration::from_millis(20);

fn until(flag: &AtomicBool) {
    while !flag.load(SeqCst) {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Sleeps until somebody who has set the flag has certainly waited, if the machine let him.
fn keep_waiting(waits: &AtomicBool) {
    until(waits);
    std::thread::sleep(2 * LONG);
}

/// Does something under a trace until a thread has waited in it for as long as that at once, where `is_right`
/// finds it in the timeline. The statistics count it, and no more than the timeline shows. On a busy machine
/// a thread may come too late to wait: then again.
fn is_counted(least: Duration, work: impl Fn(), is_right: impl Fn(&Timeline, &Event) -> bool) {
    let least = least.as_nanos() as u64;
    pool::start(&Default::default()).expect("it starts");
    loop {
        let (_folder, path) = folder();
        settle();
        assert_eq!(start_with(&path, options(0, 0)).0, FASTPAR_OK);
        let before = pool::stats().waiting_ns;
        work();
        settle();
        let waited = pool::stats().waiting_ns - before;
        stop();
        let timeline = Timeline::read(&path);
        assert_eq!(timeline.lost(), 0);
        let shown: u64 = timeline.slices("wait").map(|wait| wait.took).sum();
        // The rate by which ticks become nanoseconds is measured ever better, and so what was counted before
        // the work may be some more after it.
        let rounding = 1 + (before + shown) / 1000;
        assert!(waited <= shown + rounding, "{waited} ns of waiting, {shown} are shown");
        let mut long = timeline.slices("wait").filter(|wait| wait.took >= least);
        if waited + waited / 1000 >= least && long.any(|wait| is_right(&timeline, wait)) {
            break;
        }
    }
}

fn two_threads() -> Isolated {
    Isolated::default().env("FASTPAR_THREADS", "2")
}

/// A thread waits for a job whose only chunk a worker runs.
#[test]
fn for_a_job() {
    two_threads().run(|| {
        let work = || {
            let flags = Arc::new([const { AtomicBool::new(false) }; 2]);
            let of_job = Arc::clone(&flags);
            let body = move |_: &fastpar::job::Chunk| {
                of_job[0].store(true, SeqCst);
                keep_waiting(&of_job[1]);
                Continue(())
            };
            let job =
                JobHandle::start(Schedule::default(), 1, 0, None, None, Box::new(body)).expect("it starts");
            until(&flags[0]);
            flags[1].store(true, SeqCst);
            job.wait(None).expect("it succeeds");
        };
        is_counted(LONG, work, |timeline, wait| {
            let start = timeline.slices("start job").next().expect("it is started");
            start.thread == wait.thread && start.end() <= wait.at
        });
    });
}

/// A member waits at the barrier for the other one.
#[test]
fn at_the_barrier_of_a_team() {
    two_threads().run(|| {
        let work = || {
            let waits = AtomicBool::new(false);
            let member = |team: &team::Team, member| {
                if member == 0 {
                    waits.store(true, SeqCst);
                } else {
                    keep_waiting(&waits);
                }
                team.barrier().expect("both come");
                Continue(())
            };
            team::run(2, &member).expect("there are enough threads");
        };
        is_counted(LONG, work, |timeline, wait| {
            timeline.slices("member").any(|member| member.value("lane") == 0 && member.holds(wait))
        });
    });
}

/// A task waits for one that it has spawned, which another thread runs.
#[test]
fn for_tasks_of_a_group() {
    two_threads().run(|| {
        let work = || {
            let (begun, waits) = (AtomicBool::new(false), AtomicBool::new(false));
            let slow = |_: *mut fastpar_group, _: u32| {
                begun.store(true, SeqCst);
                keep_waiting(&waits);
                0
            };
            let slow: Run<'_> = &slow;
            let root = |group, _| {
                assert_eq!(spawn(group, &slow), FASTPAR_OK);
                until(&begun);
                waits.store(true, SeqCst);
                wait(group)
            };
            assert_eq!(run(&root), FASTPAR_OK);
        };
        is_counted(LONG, work, |timeline, wait| {
            timeline.slices("group task").any(|task| task.holds(wait))
                && timeline.slices("group").any(|group| group.holds(wait))
        });
    });
}

/// A pipeline of one item.
#[derive(Default)]
struct Line {
    fed: AtomicUsize,
    begun: AtomicBool,
    waits: AtomicBool,
}

unsafe extern "C" fn feed(line: *mut c_void, item: *mut *mut c_void) -> i32 {
    // SAFETY: the line of the call, which lives until that has returned; a place for an item.
    let (shared, item) = unsafe { (&*line.cast::<Line>(), &mut *item) };
    if shared.fed.fetch_add(1, SeqCst) == 0 {
        *item = line;
    } else {
        until(&shared.begun);
        shared.waits.store(true, SeqCst);
    }
    0
}

unsafe extern "C" fn work(line: *mut c_void, _: *mut c_void, lane: u32) -> i32 {
    // SAFETY: as above.
    let line = unsafe { &*line.cast::<Line>() };
    line.begun.store(true, SeqCst);
    if lane > 0 {
        keep_waiting(&line.waits);
    } // else the caller itself has begun it
    0
}

unsafe extern "C" fn take(_: *mut c_void, _: *mut c_void, _: u32) -> i32 {
    0
}

/// The caller of a pipeline waits for an item that another thread works on.
#[test]
fn for_items_of_a_pipeline() {
    two_threads().run(|| {
        let one_item = || {
            let line = Line::default();
            let data = ptr::from_ref(&line).cast_mut().cast();
            // SAFETY: the line lives until the call has returned.
            let status = unsafe {
                fastpar_pipeline_run(ptr::null(), Some(feed), Some(work), Some(take), data, ptr::null_mut())
            };
            assert_eq!(status, FASTPAR_OK);
        };
        is_counted(LONG, one_item, |timeline, wait| {
            let item = timeline.slices("work").next().expect("it is worked on");
            let pipeline = timeline.slices("pipeline").next().expect("it is a pipeline");
            pipeline.holds(wait) && item.thread != wait.thread && item.end() <= wait.end()
        });
    });
}

/// Who reads a stream waits for a frame that another thread decodes.
#[test]
fn for_frames_of_a_stream() {
    two_threads().run(|| {
        if pool::cpus() == 1 {
            return crate::support::skipped(
                "for_frames_of_a_stream",
                "one CPU: one lane reads a stream alone",
            );
        }
        let data: Vec<u8> = (0..8u32 << 20).map(|i| (i.wrapping_mul(2_654_435_761) >> 25) as u8).collect();
        let options = Options { frame_size: 1 << 20, ..Options::default() };
        let packed = codec::compress_to_vec(&data, &options).expect("it compresses");
        let read = || {
            let mut content = Vec::new();
            let mut reader = Reader::new(&packed[..], &Options::default()).expect("it opens");
            reader.read_to_end(&mut content).expect("it reads");
            assert!(content == data);
        };
        is_counted(Duration::from_nanos(1), read, |timeline, wait| {
            // By another thread, and done when the wait ends.
            let frames = timeline.slices("decompress frame").filter(|frame| frame.thread != wait.thread);
            frames.into_iter().any(|frame| frame.at < wait.end() && frame.end() >= wait.at)
        });
    });
}

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
