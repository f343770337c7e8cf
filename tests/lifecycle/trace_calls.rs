//! Timelines of calls that are more than a loop: reductions, prefix sums, sorts, groups, pipelines, scans,
//! and single frames that several threads share.

use crate::groups::{count_items, run, spawn, wait, Run};
use crate::support::isolated::Isolated;
use crate::timeline::{Event, Timeline};
use crate::trace::{folder, options, span, start_with, stop};
use fastpar::codec::{self, Archive, Options, ScanOptions};
use fastpar::ffi::{FASTPAR_OK, FASTPAR_TRACE_CODEC, FASTPAR_TRACE_TASKS, FASTPAR_TRACE_USER};
use fastpar::job::{self, Control};
use fastpar::sort::{sort, Format, Key, KeyType};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

/// Rings that hold all of it: no event is lost on a busy machine.
fn start(path: &Path) {
    assert_eq!(start_with(path, options(256 << 20, 0)).0, FASTPAR_OK);
}

fn stopped(path: &Path) -> Timeline {
    stop();
    let timeline = Timeline::read(path);
    assert_eq!(timeline.lost(), 0);
    timeline
}

fn only<'t>(timeline: &'t Timeline, name: &str) -> &'t Event {
    let mut found = timeline.0.iter().filter(|event| event.phase == "X" && event.name == name);
    let first = found.next().unwrap_or_else(|| panic!("there is no {name}"));
    assert!(found.next().is_none(), "more than one {name}");
    first
}

fn sum(timeline: &Timeline, name: &str, value: &str) -> u64 {
    timeline.slices(name).map(|event| event.value(value)).sum()
}

fn call_of(event: &Event) -> u64 {
    event.value("call")
}

/// Bytes of six bits that do not repeat, so that they compress by a quarter.
fn data(len: usize) -> Vec<u8> {
    let mixed = |i: u32| i.wrapping_mul(0x9E37_79B9);
    (0..len as u32).map(|i| (mixed(mixed(i) ^ mixed(i) >> 15) >> 26) as u8).collect()
}

#[test]
fn reductions_and_prefix_sums() {
    Isolated::default().env("FASTPAR_THREADS", "3").run(|| {
        let (_folder, path) = folder();
        start(&path);
        let each = crate::EACH;
        let total = job::reduce(
            each,
            5,
            &Control::default(),
            0,
            |chunk, sum| *sum += chunk.begin,
            |into, from| *into += from,
        );
        assert_eq!(total.expect("it runs"), 10);
        let named = Control { name: Some(c"positions"), ..Control::default() };
        let total = job::prefix(
            each,
            7,
            &named,
            0,
            |_, sum| *sum += 1,
            |into, from| *into += from,
            |chunk, before| assert_eq!(chunk.begin, *before),
        );
        assert_eq!(total.expect("it runs"), 7);
        let timeline = stopped(&path);
        let reduce = only(&timeline, "reduce");
        assert_eq!((reduce.value("chunks"), reduce.value("items")), (5, 5));
        let fold = only(&timeline, "fold");
        let named: Vec<_> = timeline.slices("positions").collect();
        let of_kind = |kind: &str| -> Vec<&Event> {
            named.iter().copied().filter(|event| event.all["args"]["kind"] == kind).collect()
        };
        let (prefix, folds, applies) = (of_kind("prefix"), of_kind("fold"), of_kind("apply"));
        assert_eq!((prefix.len(), folds.len(), applies.len()), (1, 1, 1));
        assert_eq!((prefix[0].value("chunks"), prefix[0].value("items")), (7, 7));
        let combines: Vec<_> = timeline.slices("combine").collect();
        assert_eq!(combines.len(), 2);
        let within = |outer: &Event| {
            let combine = combines.iter().find(|combine| outer.holds(combine)).expect("it combines");
            assert_eq!(combine.value("accumulators"), outer.value("chunks"));
            *combine
        };
        assert!(reduce.holds(fold) && fold.end() <= within(reduce).at);
        let combine = within(prefix[0]);
        assert!(prefix[0].holds(folds[0]) && prefix[0].holds(applies[0]));
        assert!(folds[0].end() <= combine.at && combine.end() <= applies[0].at);
        // The chunks are those of the passes.
        for (pass, chunks) in [(fold, 5), (folds[0], 7), (applies[0], 7)] {
            let of_pass = timeline.chunks().filter(|chunk| call_of(chunk) == call_of(pass));
            assert_eq!(of_pass.map(|chunk| chunk.value("chunks")).sum::<u64>(), chunks);
        }
    });
}

/// The passes of a sort, in their order, within the sort.
#[test]
fn sorts_and_their_passes() {
    let records: Vec<u8> =
        (0..1u64 << 17).flat_map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes()).collect();
    let wide: Vec<u8> =
        records.chunks_exact(8).flat_map(|record| [record, record, record].concat()).collect();
    Isolated::default().env("FASTPAR_THREADS", "2").run(|| {
        let (_folder, path) = folder();
        start(&path);
        let by_number = [Key { offset: 0, kind: KeyType::U64, descending: false }];
        let control = Control { name: Some(c"by number"), ..Control::default() };
        for (size, records) in [(8, &records), (24, &wide)] {
            let format = Format::new(size, &by_number).expect("a format");
            sort(&mut records.clone(), &format, &control).expect("it sorts");
        }
        let timeline = stopped(&path);
        let sorts: Vec<_> = timeline.slices("by number").collect();
        assert_eq!(sorts.len(), 2, "and not their passes");
        let passes = |sort: &Event| -> Vec<(String, u64)> {
            let named = |event: &&Event| {
                let names = ["find order", "read keys", "find bounds", "count buckets"];
                let others = ["fill buckets", "sort buckets", "move records"];
                event.phase == "X" && names.iter().chain(&others).any(|name| event.name == **name)
            };
            let mut found: Vec<_> = timeline.0.iter().filter(named).filter(|pass| sort.holds(pass)).collect();
            found.sort_by_key(|pass| pass.at);
            assert!(found.windows(2).all(|pair| pair[0].end() <= pair[1].at), "one after the other");
            found.iter().map(|pass| (pass.name.clone(), pass.value("tasks"))).collect()
        };
        let names = |sort| -> Vec<String> { passes(sort).into_iter().map(|pass| pass.0).collect() };
        assert_eq!((sorts[0].value("records"), sorts[0].value("record size")), (1 << 17, 8));
        assert_eq!(names(sorts[0]), ["find order", "count buckets", "fill buckets", "sort buckets"]);
        assert_eq!(sorts[1].value("record size"), 24);
        let indirect = ["find order", "read keys", "count buckets", "fill buckets", "sort buckets"];
        assert_eq!(names(sorts[1])[..5], indirect);
        assert_eq!(names(sorts[1])[5..], ["move records", "move records"], "in order, and back");
        // Each task of a pass once, on some lane.
        for (name, tasks) in passes(sorts[0]) {
            let pass = timeline.slices(&name).find(|pass| sorts[0].holds(pass)).expect("just seen");
            let of_pass = timeline.slices("task").filter(|task| call_of(task) == call_of(pass));
            assert_eq!(of_pass.map(|task| task.value("tasks")).sum::<u64>(), tasks, "{name}");
        }
    });
}

#[test]
fn groups_and_their_tasks() {
    Isolated::default().env("FASTPAR_THREADS", "2").run(|| {
        let (_folder, path) = folder();
        start(&path);
        let begun = AtomicBool::new(false);
        let last = |_: *mut _, _: u32| {
            span("last", || begun.store(true, SeqCst));
            0
        };
        let last: Run<'_> = &last;
        // Its thread is not free for the last task, for which another one waits that has had nothing to do.
        let first = |group: *mut _, _: u32| {
            std::thread::sleep(Duration::from_millis(30));
            span("spawn", || assert_eq!(spawn(group, &last), FASTPAR_OK));
            while !begun.load(SeqCst) {
                std::thread::sleep(Duration::from_millis(1));
            }
            0
        };
        let first: Run<'_> = &first;
        let root = |group, _| {
            assert_eq!(spawn(group, &first), FASTPAR_OK);
            wait(group)
        };
        assert_eq!(run(&root), FASTPAR_OK);
        let timeline = stopped(&path);
        let group = only(&timeline, "group");
        assert_eq!((group.value("tasks"), group.value("lanes")), (3, 2));
        let tasks: Vec<_> = timeline.slices("group task").collect();
        assert_eq!(tasks.len(), 3);
        assert!(tasks.iter().all(|task| call_of(task) == call_of(group)));
        for task in &tasks {
            assert!(timeline
                .slices("lane")
                .any(|lane| lane.holds(task) && lane.value("lane") == task.value("lane")));
        }
        // A task's time is its own: what its thread waited for before it is none of it.
        let begin = |name: &str| timeline.of("B", name).next().expect("a span").clone();
        let (spawn, inner) = (begin("spawn"), begin("last"));
        let holders = tasks.iter().filter(|task| task.holds(&inner));
        let innermost = holders.max_by_key(|task| task.at).expect("a task");
        assert!(innermost.at >= spawn.at, "{innermost:?} began before it was made: {spawn:?}");
    });
}

#[test]
fn pipelines_and_their_steps() {
    Isolated::default().env("FASTPAR_THREADS", "3").run(|| {
        let (_folder, path) = folder();
        start(&path);
        let items = count_items() as u64;
        let timeline = stopped(&path);
        let pipeline = only(&timeline, "pipeline");
        assert_eq!((pipeline.value("items"), pipeline.value("lanes")), (items, 3));
        let of = |name: &'static str| -> Vec<&Event> {
            let mut found: Vec<_> = timeline.slices(name).collect();
            found.sort_by_key(|event| event.value("item"));
            found
        };
        let (feeds, works, takes) = (of("feed"), of("work"), of("take"));
        assert_eq!((feeds.len() as u64, works.len() as u64, takes.len() as u64), (items + 1, items, items));
        for (item, ((feed, work), take)) in feeds.iter().zip(&works).zip(&takes).enumerate() {
            assert!([feed, work, take].iter().all(|step| step.value("item") == item as u64));
            assert!(feed.end() <= work.at && work.end() <= take.at);
            assert!(pipeline.holds(feed) && pipeline.holds(take));
        }
    });
}

/// Scans: each piece once, on a lane; the frames, and all of their bytes.
#[test]
fn scans_and_their_pieces() {
    Isolated::default().env("FASTPAR_THREADS", "3").run(|| {
        let (folder, path) = folder();
        let content = data(2_000_000);
        let small = Options { frame_size: 300_000, ..Options::default() };
        let packed = codec::compress_to_vec(&content, &small).expect("it compresses");
        let archive = Archive::new(&packed, &Options::default()).expect("it opens");
        let frames = archive.frames() as u64;
        let extents: u64 = (0..frames).map(|frame| archive.frame(frame).expect("a frame").size).sum();
        let options = ScanOptions { piece_size: 100_000, ..ScanOptions::default() };
        start(&path);
        codec::archive_for(&archive, &options, |_| Ok(())).expect("it scans");
        let timeline = stopped(&path);
        let scan = only(&timeline, "scan archive");
        assert_eq!((scan.value("bytes"), scan.value("pieces")), (content.len() as u64, 20));
        let mut pieces: Vec<_> = timeline.slices("piece").collect();
        pieces.sort_by_key(|piece| piece.value("piece"));
        assert_eq!(pieces.len(), 20);
        let mut at = 0;
        for (number, piece) in pieces.iter().enumerate() {
            assert_eq!((piece.value("piece"), piece.value("offset")), (number as u64, at));
            assert_eq!(call_of(piece), call_of(scan));
            at += piece.value("bytes");
            assert!(timeline
                .slices("task")
                .any(|task| task.holds(piece) && task.value("lane") == piece.value("lane")));
        }
        assert_eq!(at, content.len() as u64);
        let decoded = ["decompress frame", "decompress part"];
        let total = |value: &str| decoded.iter().map(|name| sum(&timeline, name, value)).sum::<u64>();
        assert_eq!((total("bytes in"), total("bytes out")), (extents, content.len() as u64));
        let counter = |name| timeline.of("C", "bytes").map(|event| event.value(name)).max();
        assert_eq!((counter("in"), counter("out")), (Some(extents), Some(content.len() as u64)));

        let reduced = path.with_extension("reduced");
        start(&reduced);
        let bytes = codec::archive_reduce(
            &archive,
            &options,
            0,
            |piece, sum| *sum += piece.data.len(),
            |a, b| *a += b,
        );
        assert_eq!(bytes.expect("it reduces"), content.len());
        let timeline = stopped(&reduced);
        let reduce = only(&timeline, "reduce archive");
        assert_eq!(timeline.slices("piece").filter(|piece| call_of(piece) == call_of(reduce)).count(), 20);
        assert_eq!(timeline.slices("combine").filter(|combine| reduce.holds(combine)).count(), 20);

        let transformed = path.with_extension("transformed");
        start(&transformed);
        let target = folder.path().join("target");
        let stats =
            codec::transform_file(&options, &archive, &small, &target, |piece, out| out.write(piece.data));
        let stats = stats.expect("it transforms");
        let timeline = stopped(&transformed);
        let call = only(&timeline, "transform file");
        assert_eq!((call.value("bytes out"), call.value("frames")), (stats.bytes_out, stats.frames));
        assert_eq!(sum(&timeline, "piece", "bytes"), content.len() as u64);
        assert_eq!(sum(&timeline, "compress frame", "bytes in"), content.len() as u64);
    });
}

/// Single frames that several threads share: sections, blocks and checksums, and the calls that they are of.
#[test]
fn single_frames_and_their_parts() {
    Isolated::default().env("FASTPAR_THREADS", "2").run(|| {
        let (folder, path) = folder();
        let content = data(10 << 20);
        let len = content.len() as u64;
        start(&path);
        let shared = fastpar::pool::cpus() > 1;
        let one = Options { single_frame: true, level: 1, ..Options::default() };
        let packed = codec::compress_to_vec(&content, &one).expect("it compresses");
        let compressing = stopped(&path);
        let sections: Vec<_> = compressing.slices("compress section").collect();
        assert_eq!(sections.len(), 3, "of 4 MiB");
        assert_eq!(sum(&compressing, "compress section", "bytes in"), len);
        assert!(sections.iter().filter(|section| section.value("bytes before") == 512 << 10).count() == 2);
        assert_eq!(sum(&compressing, "checksum", "bytes"), len);
        let written = sum(&compressing, "compress section", "bytes out");
        assert!(written < packed.len() as u64 && written + 40 > packed.len() as u64, "but header and end");

        let decompressed = path.with_extension("decompressed");
        start_alone(&decompressed);
        assert!(codec::decompress_to_vec(&packed, &Options::default()).expect("it decompresses") == content);
        let timeline = stopped(&decompressed);
        let frame = only(&timeline, "decompress frame");
        assert_eq!((frame.value("bytes in"), frame.value("bytes out")), (packed.len() as u64, len));
        assert!(only(&timeline, "decompress").holds(frame));
        blocks(&timeline, shared.then_some(len));
        assert_eq!(sum(&timeline, "checksum", "bytes"), if shared { len } else { 0 });

        // The same by a stream, which goes by parts.
        let file = |name: &str| folder.path().join(name);
        std::fs::write(file("packed"), &packed).expect("it is written");
        let streamed = path.with_extension("streamed");
        start_alone(&streamed);
        codec::decompress_file(&file("packed"), &file("content"), &Options::default())
            .expect("it decompresses");
        let timeline = stopped(&streamed);
        assert_eq!(only(&timeline, "decompress file").value("bytes out"), len);
        blocks(&timeline, shared.then_some(len));
        let parts = sum(&timeline, "decompress part", "bytes out");
        assert_eq!(parts + sum(&timeline, "decompress frame", "bytes out"), if shared { 0 } else { len });

        // And by a scan, where the lanes share it.
        let archive = Archive::new(&packed, &Options::default()).expect("it opens");
        let scanned = path.with_extension("scanned");
        start_alone(&scanned);
        let seen = AtomicUsize::new(0);
        codec::archive_for(&archive, &ScanOptions::default(), |piece| {
            seen.fetch_add(piece.data.len(), SeqCst);
            Ok(())
        })
        .expect("it scans");
        assert_eq!(seen.into_inner() as u64, len);
        let timeline = stopped(&scanned);
        blocks(&timeline, shared.then_some(len));
        assert_eq!(sum(&timeline, "piece", "bytes"), len);
    });
}

/// Starts a trace where no worker is busy any more: a frame is shared where a second thread finds a CPU.
fn start_alone(path: &Path) {
    while fastpar::pool::stats().busy > 0 {
        std::thread::yield_now();
    }
    start(path);
}

/// Checks the blocks of a frame of so many bytes; `None`: libzstd has decoded it.
#[track_caller]
fn blocks(timeline: &Timeline, len: Option<u64>) {
    assert_eq!(sum(timeline, "execute blocks", "bytes out"), len.unwrap_or(0));
    let (decoded, executed) = ("decode blocks", "execute blocks");
    let (decoded, executed) = (sum(timeline, decoded, "blocks"), sum(timeline, executed, "blocks"));
    assert_eq!(decoded, executed);
    assert!(executed >= len.unwrap_or(0) / (128 << 10));
}

/// Each has a category, and what is not asked for is not there.
#[test]
fn calls_have_their_categories() {
    Isolated::default().env("FASTPAR_THREADS", "2").run(|| {
        let (_folder, path) = folder();
        let packed = codec::compress_to_vec(&data(300_000), &Options::default()).expect("it compresses");
        let archive = Archive::new(&packed, &Options::default()).expect("it opens");
        let names = |categories: u32, path: &Path| -> Vec<String> {
            assert_eq!(start_with(path, options(0, categories | FASTPAR_TRACE_USER)).0, FASTPAR_OK);
            count_items();
            codec::archive_for(&archive, &ScanOptions::default(), |_| Ok(())).expect("it scans");
            let mut part = vec![std::mem::MaybeUninit::uninit(); 1000];
            archive.read(1000, &mut part).expect("it reads");
            let timeline = stopped(path);
            timeline.0.into_iter().filter(|event| event.phase == "X").map(|event| event.name).collect()
        };
        let has = |names: &[String], name: &str| names.iter().any(|other| other == name);
        let tasks = names(FASTPAR_TRACE_TASKS, &path);
        assert!(has(&tasks, "pipeline") && has(&tasks, "feed") && has(&tasks, "take") && has(&tasks, "work"));
        assert!(!has(&tasks, "scan archive") && !has(&tasks, "piece") && !has(&tasks, "read archive"));
        let codec = names(FASTPAR_TRACE_CODEC, &path.with_extension("codec"));
        assert!(
            has(&codec, "scan archive") && has(&codec, "read archive") && has(&codec, "decompress frame")
        );
        assert!(!has(&codec, "piece") && !has(&codec, "pipeline"));
    });
}
