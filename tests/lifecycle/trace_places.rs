//! Timelines: for which call an event is, and in which lane.

use crate::support::isolated::Isolated;
use crate::timeline::{Event, Timeline};
use crate::trace::{folder, options, start_with, stop};
use fastpar::codec::{self, Archive, Options, ScanOptions};
use fastpar::ffi::FASTPAR_OK;
use fastpar::job::{for_each_chunk, Chunk, Control};
use fastpar::plan::Schedule;
use std::mem::MaybeUninit;
use std::ops::ControlFlow::Continue;
use std::path::Path;

fn traced(path: &Path, work: impl FnOnce()) -> Timeline {
    assert_eq!(start_with(path, options(256 << 20, 0)).0, FASTPAR_OK);
    work();
    stop();
    let timeline = Timeline::read(path);
    assert_eq!(timeline.lost(), 0);
    timeline
}

/// A value, if the event has it.
fn asked(event: &Event, name: &str) -> Option<u64> {
    event.all["args"][name].as_u64()
}

/// The innermost lane around an event.
fn lane_of<'t>(timeline: &'t Timeline, event: &Event) -> Option<&'t Event> {
    let holders = timeline.slices("lane").filter(|lane| lane.holds(event));
    holders.min_by_key(|lane| lane.took)
}

/// What a lane does for a call has the lane's number and the call's; what nobody's lane does has none.
#[test]
fn frames_reads_and_waits() {
    Isolated::default().env("FASTPAR_THREADS", "3").run(|| {
        let (folder, path) = folder();
        let file = |name: &str| folder.path().join(name);
        let data: Vec<u8> = (0..3_000_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 25) as u8).collect();
        std::fs::write(file("data"), &data).expect("it is written");
        let small = Options { frame_size: 100_000, ..Options::default() };
        let timeline = traced(&path, || {
            codec::compress_to_vec(&data, &small).expect("it compresses");
        });
        assert!(timeline.slices("compress frame").count() > 20);
        for frame in timeline.slices("compress frame") {
            let lane = lane_of(&timeline, frame).expect("a lane works on it");
            for name in ["lane", "call"] {
                assert_eq!(asked(frame, name), asked(lane, name), "{name} of {frame:?}");
            }
        }
        // From file to file: all of it is of the call, or of a call within it.
        let timeline = traced(&path.with_extension("file"), || {
            codec::compress_file(&file("data"), &file("packed"), &small).expect("it compresses");
        });
        let whole = timeline.slices("compress file").next().expect("the call");
        let call = whole.value("call");
        assert_eq!(asked(whole, "lane"), None, "a call is in no lane of its own");
        for name in ["compress frame", "read", "write", "task", "lane"] {
            assert!(timeline.slices(name).count() > 0, "{name}");
            for event in timeline.slices(name) {
                assert_eq!(asked(event, "call"), Some(call), "{event:?}");
            }
        }
        for frame in timeline.slices("compress frame") {
            let task = timeline.slices("task").find(|task| task.holds(frame)).expect("a task");
            assert_eq!(asked(frame, "lane"), asked(task, "lane"), "{frame:?}");
        }
        // A call by itself is in no lane, nor is what it does alone.
        let packed = codec::compress_to_vec(&data[..1000], &small).expect("it compresses");
        let archive = Archive::new(&packed, &Options::default()).expect("it opens");
        let timeline = traced(&path.with_extension("alone"), || {
            let mut place = [MaybeUninit::uninit(); 1000];
            archive.read(0, &mut place).expect("it reads");
        });
        for name in ["read archive", "decompress frame"] {
            let event = timeline.slices(name).next().expect("it is there");
            assert_eq!((asked(event, "lane"), asked(event, "call")), (None, None), "{event:?}");
        }
    });
}

/// A call in a chunk tells the call around it, and its lane there.
#[test]
fn calls_within_calls() {
    Isolated::default().env("FASTPAR_THREADS", "3").run(|| {
        let (_folder, path) = folder();
        let each = Schedule::Grain { grain: 1 };
        let timeline = traced(&path, || {
            let inner = |_: &Chunk| {
                let nothing = |_: &Chunk| Continue(());
                for_each_chunk(each, 2, &Control::default(), nothing).expect("it runs");
                Continue(())
            };
            let outer = Control { name: Some(c"outer"), ..Control::default() };
            for_each_chunk(each, 30, &outer, inner).expect("it runs");
            for_each_chunk(each, 2, &Control::default(), |_| Continue(())).expect("it runs");
        });
        let of_outer = |kind: &'static str| {
            timeline.slices("outer").filter(move |event| event.all["args"]["kind"] == kind)
        };
        let outer = of_outer("loop").next().expect("the loop");
        assert_eq!((asked(outer, "within"), asked(outer, "lane")), (None, None));
        let (within, others): (Vec<_>, Vec<_>) =
            timeline.slices("loop").partition(|event| asked(event, "within").is_some());
        assert_eq!((within.len(), others.len()), (30, 1), "the last is within no call");
        for inner in within {
            assert_eq!(asked(inner, "within"), asked(outer, "call"));
            let lane = of_outer("lane").find(|lane| lane.holds(inner)).expect("a lane");
            assert_eq!(asked(inner, "lane"), asked(lane, "lane"), "{inner:?}");
        }
    });
}

/// Pieces are of the scan, also of one that is half of a transform; a scan of lines tells how many there
/// were.
#[test]
fn pieces_and_their_calls() {
    Isolated::default().env("FASTPAR_THREADS", "3").run(|| {
        let (folder, path) = folder();
        let text: Vec<u8> = (0..50_000).flat_map(|line| format!("{line}\n").into_bytes()).collect();
        let small = Options { frame_size: 50_000, ..Options::default() };
        let packed = codec::compress_to_vec(&text, &small).expect("it compresses");
        let archive = Archive::new(&packed, &Options::default()).expect("it opens");
        let lines = ScanOptions { lines: true, piece_size: 10_000, ..ScanOptions::default() };
        let timeline = traced(&path, || {
            codec::archive_for(&archive, &lines, |_| Ok(())).expect("it scans");
        });
        let scan = timeline.slices("scan archive").next().expect("the scan");
        let pieces = timeline.slices("piece").count() as u64;
        assert_eq!(scan.value("pieces"), pieces);
        assert!(pieces > 20);
        let tasks = timeline.slices("tasks").next().expect("its tasks");
        assert_eq!(asked(tasks, "within"), asked(scan, "call"));
        let timeline = traced(&path.with_extension("transformed"), || {
            let target = folder.path().join("target");
            codec::transform_file(&lines, &archive, &small, &target, |piece, out| out.write(piece.data))
                .expect("it transforms");
        });
        let whole = timeline.slices("transform file").next().expect("the call");
        assert!(timeline.slices("piece").count() as u64 == pieces);
        for piece in timeline.slices("piece") {
            assert_eq!(asked(piece, "call"), asked(whole, "call"));
        }
    });
}
