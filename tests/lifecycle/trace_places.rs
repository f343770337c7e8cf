//! Timelines: for which call an event is, and in which lane.

use crate::support::isolated::Isolated;
use crate::timeline::{Event, Timeline};
use crate::trace::{folder, options, start_with, stop};
use fastpar::codec::{self, Archive, Options, ScanOptions};
use fastpar::ffi::*;
use fastpar::job::{for_each_chunk, Chunk, Control};
use fastpar::plan::Schedule;
use std::ffi::{c_void, CStr};
use std::mem::MaybeUninit;
use std::ops::ControlFlow::Continue;
use std::path::Path;
use std::ptr;

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

unsafe extern "C" fn task(_: *mut c_void, _: *mut fastpar_group, _: u32) -> i32 {
    0
}

unsafe extern "C" fn member(_: *mut c_void, _: *mut fastpar_team, _: u32, _: u32) -> i32 {
    0
}

/// Feeds twenty items, which are the numbers of those left.
unsafe extern "C" fn feed(user_data: *mut c_void, item: *mut *mut c_void) -> i32 {
    // SAFETY: a number that lives while the pipeline runs; the place for an item.
    unsafe {
        let left = &mut *user_data.cast::<usize>();
        *left -= usize::from(*left > 0);
        *item = *left as *mut c_void;
    }
    0
}

unsafe extern "C" fn item(_: *mut c_void, _: *mut c_void, _: u32) -> i32 {
    0
}

unsafe extern "C" fn piece(_: *mut c_void, _: *const fastpar_piece) -> i32 {
    0
}

/// Groups, pipelines, teams and scans have the names that their options give, and so have their lanes.
#[test]
fn names_of_other_calls() {
    /// Options that are zero but for their size and name.
    macro_rules! named {
        ($options:ty, $name:expr) => {{
            // SAFETY: zero is the default of every field.
            let mut options: $options = unsafe { std::mem::zeroed() };
            options.struct_size = size_of::<$options>();
            let name: &CStr = $name;
            options.name = name.as_ptr();
            options
        }};
    }
    Isolated::default().env("FASTPAR_THREADS", "3").run(|| {
        let (_folder, path) = folder();
        let packed = codec::compress_to_vec(&[7; 10_000], &Options::default()).expect("it compresses");
        let (none, no_error) = (ptr::null_mut(), ptr::null_mut());
        let timeline = traced(&path, || {
            let group = named!(fastpar_group_options, c"a group");
            let pipeline = named!(fastpar_pipeline_options, c"a pipeline");
            let team = named!(fastpar_team_options, c"a team");
            let scan = named!(fastpar_scan_options, c"a scan");
            let (mut left, mut archive) = (21usize, ptr::null_mut());
            // SAFETY: all pointers are valid while the calls run, or NULL; the archive is freed once.
            let statuses = unsafe {
                let opened = fastpar_archive_open(
                    ptr::null(),
                    packed.as_ptr().cast(),
                    packed.len(),
                    &mut archive,
                    no_error,
                );
                let data = ptr::from_mut(&mut left).cast();
                let statuses = [
                    opened,
                    fastpar_group_run(&group, Some(task), none, no_error),
                    fastpar_pipeline_run(&pipeline, Some(feed), Some(item), Some(item), data, no_error),
                    fastpar_team_run_with(&team, Some(member), none, no_error),
                    fastpar_archive_for(&scan, archive, Some(piece), none, no_error),
                ];
                fastpar_archive_free(archive);
                statuses
            };
            assert_eq!(statuses, [FASTPAR_OK; 5]);
        });
        let kinds = |name: &str| -> Vec<&str> {
            let named = timeline.0.iter().filter(|event| event.phase == "X" && event.name == name);
            named.filter_map(|event| event.all["args"]["kind"].as_str()).collect()
        };
        for (name, all) in [
            ("a group", &["group", "lane"][..]),
            ("a pipeline", &["pipeline"]),
            ("a team", &["team", "member"]),
            ("a scan", &["scan archive"]),
        ] {
            assert!(all.iter().all(|kind| kinds(name).contains(kind)), "{name}: {:?}", kinds(name));
        }
        // Helpers of the pipeline come if they find a CPU.
        let pipeline = timeline.slices("a pipeline").next().expect("just seen");
        assert!(timeline.slices("lane").all(|lane| asked(lane, "call") != asked(pipeline, "call")));
    });
}
