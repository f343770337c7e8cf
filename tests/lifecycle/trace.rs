//! Timelines: the file is read, and asked what must be true of it.

use crate::support::isolated::{isolated, Isolated};
use crate::timeline::{Event, Timeline};
use crate::{on_threads_at_once, run_chunks};
use fastpar::codec::{self, Options};
use fastpar::ffi::*;
use fastpar::job::JobHandle;
use fastpar::plan::Schedule;
use fastpar::{pool, team};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{c_void, CString};
use std::ops::ControlFlow::Continue;
use std::path::{Path, PathBuf};
use std::ptr;
use std::time::Duration;

pub(crate) fn start_with(
    path: &Path,
    options: Option<fastpar_trace_options>,
) -> (fastpar_status, fastpar_error) {
    let path = CString::new(path.to_str().expect("a name")).expect("no NUL");
    // SAFETY: numbers and bytes, for which zero is valid.
    let mut error: fastpar_error = unsafe { std::mem::zeroed() };
    let options = options.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: all pointers are valid, or NULL.
    let status = unsafe { fastpar_trace_start(options, path.as_ptr(), &mut error) };
    (status, error)
}

pub(crate) fn start(path: &Path) {
    assert_eq!(start_with(path, None).0, FASTPAR_OK);
}

pub(crate) fn stop() {
    // SAFETY: no pointer.
    assert_eq!(unsafe { fastpar_trace_stop(ptr::null_mut()) }, FASTPAR_OK);
}

pub(crate) fn options(max_memory: u64, categories: u32) -> Option<fastpar_trace_options> {
    let struct_size = size_of::<fastpar_trace_options>();
    Some(fastpar_trace_options { struct_size, max_memory, categories, flags: 0 })
}

pub(crate) fn span<R>(name: &str, body: impl FnOnce() -> R) -> R {
    let name = CString::new(name).expect("no NUL");
    // SAFETY: a C string.
    unsafe { fastpar_trace_begin(name.as_ptr()) };
    let result = body();
    fastpar_trace_end();
    result
}

/// A folder for files, with a name for one.
pub(crate) fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("there is room");
    let path = folder.path().join("trace.json");
    (folder, path)
}

#[test]
fn a_loop_its_lanes_and_chunks() {
    Isolated::default().env("FASTPAR_THREADS", "4").run(|| {
        let (_folder, path) = folder();
        start(&path);
        on_threads_at_once(4, || std::thread::sleep(Duration::from_millis(2)));
        while pool::stats().busy > 0 {
            std::thread::yield_now();
        }
        let stats = pool::stats();
        stop();
        let timeline = Timeline::read(&path);
        assert_eq!(timeline.lost(), 0);
        let loops: Vec<_> = timeline.slices("loop").collect();
        assert_eq!(loops.len() as u64, stats.jobs);
        let whole = loops[0];
        assert_eq!((whole.value("chunks"), whole.value("items"), whole.value("lanes")), (4, 4, 4));
        // Each lane is on a thread of its own; the caller's is within the loop.
        let lanes: Vec<_> = timeline.slices("lane").collect();
        let numbers: BTreeSet<u64> = lanes.iter().map(|lane| lane.value("lane")).collect();
        assert!(numbers.is_superset(&(0..4).collect()), "{numbers:?}");
        assert!(lanes.iter().all(|lane| lane.value("call") == whole.value("call")));
        let own = lanes.iter().find(|lane| lane.value("lane") == 0).expect("the caller's");
        assert!(whole.holds(own));
        // Each chunk once, within its lane.
        let chunks: Vec<_> = timeline.chunks().collect();
        assert_eq!(chunks.iter().map(|chunk| chunk.value("chunks")).sum::<u64>(), stats.chunks);
        let items: BTreeSet<u64> = chunks.iter().map(|chunk| chunk.value("begin")).collect();
        assert_eq!(items, (0..4).collect());
        for chunk in &chunks {
            assert!(chunk.took >= 2_000_000, "it slept: {chunk:?}");
            assert_eq!(chunk.value("begin") + 1, chunk.value("end"));
            let holder = lanes.iter().find(|lane| lane.holds(chunk)).expect("a lane holds it");
            assert_eq!(holder.value("lane"), chunk.value("lane"));
        }
        // What chunks took is what the statistics say of callbacks, to a little around them.
        let took: u64 = chunks.iter().map(|chunk| chunk.took).sum();
        assert!(took <= stats.callback_ns + stats.callback_ns / 1000, "{took} {stats:?}");
        // An arrow from the call to each helper.
        let arrows: BTreeMap<&str, &Event> =
            timeline.of("s", "lane").map(|event| (event.all["id"].as_str().expect("an id"), event)).collect();
        let process = format!("{}.", std::process::id());
        assert!(arrows.keys().all(|id| id.starts_with(&process)), "{arrows:?}");
        let ends: Vec<_> = timeline.of("f", "lane").collect();
        assert_eq!(ends.len(), lanes.len() - 1);
        for end in ends {
            let begin = arrows[end.all["id"].as_str().expect("an id")];
            assert!(whole.holds(begin), "{begin:?}");
            assert!(lanes.iter().any(|lane| lane.thread == end.thread && lane.at == end.at));
        }
        // Lanes at work: up to four, and none at the end.
        let mut busy: Vec<_> = timeline.of("C", "busy lanes").collect();
        assert_eq!(busy.iter().map(|event| event.value("lanes")).max(), Some(4));
        busy.sort_by_key(|event| event.at);
        assert_eq!(busy.len(), 2 * lanes.len());
        // Threads have names, the clock too.
        let named: BTreeSet<u64> = timeline.of("M", "thread_name").map(|event| event.thread).collect();
        assert!(lanes.iter().all(|lane| named.contains(&lane.thread)));
        let clock = timeline.of("M", "fastpar_clock").next().expect("it is named");
        assert_eq!(
            clock.all["args"]["clock"],
            if cfg!(windows) { "QueryPerformanceCounter" } else { "CLOCK_MONOTONIC" }
        );
    });
}

#[test]
fn short_chunks_are_one_event_a_claim() {
    Isolated::default().env("FASTPAR_THREADS", "2").run(|| {
        let (_folder, path) = folder();
        start(&path);
        run_chunks(1_000_000, |_| {});
        stop();
        let timeline = Timeline::read(&path);
        if timeline.lost() == 0 {
            assert_eq!(timeline.chunks().map(|chunk| chunk.value("chunks")).sum::<u64>(), 1_000_000);
        }
        assert!(timeline.chunks().count() < 100_000);
        assert!(timeline.slices("chunks").any(|chunks| chunks.value("chunks") > 100));
    });
}

#[test]
fn only_what_was_asked_for() {
    Isolated::default().env("FASTPAR_THREADS", "2").run(|| {
        let (_folder, path) = folder();
        assert_eq!(start_with(&path, options(0, FASTPAR_TRACE_USER)).0, FASTPAR_OK);
        span("one", || run_chunks(10, |_| {}));
        stop();
        let timeline = Timeline::read(&path);
        let categories: BTreeSet<_> =
            timeline.0.iter().filter_map(|event| event.all["cat"].as_str()).collect();
        assert_eq!(categories, BTreeSet::from(["user"]));
        let chunks = path.with_extension("chunks");
        assert_eq!(start_with(&chunks, options(0, FASTPAR_TRACE_CHUNKS)).0, FASTPAR_OK);
        span("one", || run_chunks(10, |_| {}));
        stop();
        let timeline = Timeline::read(&chunks);
        let categories: BTreeSet<_> =
            timeline.0.iter().filter_map(|event| event.all["cat"].as_str()).collect();
        assert_eq!(categories, BTreeSet::from(["chunks"]));
        assert_eq!(timeline.chunks().map(|chunk| chunk.value("chunks")).sum::<u64>(), 10);
    });
}

#[test]
fn spans_of_the_program() {
    isolated(|| {
        let (_folder, path) = folder();
        fastpar_trace_end();
        span("before the trace", || start(&path));
        let long = "ü".repeat(150);
        span("load \"all\" \\ of\nit", || {
            span(&long, || ());
            std::thread::spawn(|| span("elsewhere", || ())).join().expect("it ends");
        });
        fastpar_trace_end();
        // SAFETY: NULL is a name without letters.
        unsafe { fastpar_trace_begin(ptr::null()) };
        stop();
        fastpar_trace_end();
        let timeline = Timeline::read(&path);
        let own: Vec<_> = timeline.0.iter().filter(|event| ["B", "E"].contains(&&*event.phase)).collect();
        let names: Vec<_> = own.iter().filter(|event| event.phase == "B").map(|event| &*event.name).collect();
        assert_eq!(names.len(), 4);
        assert!(
            names.contains(&"load \"all\" \\ of\nit") && names.contains(&"elsewhere") && names.contains(&"")
        );
        assert!(names.contains(&&*"ü".repeat(100)), "200 bytes");
        assert_eq!(own.iter().filter(|event| event.phase == "E").count(), 3, "one is open");
    });
}

#[test]
fn jobs_and_teams() {
    Isolated::default().env("FASTPAR_THREADS", "3").run(|| {
        let (_folder, path) = folder();
        start(&path);
        let each = Schedule::Grain { grain: 1 };
        let job = JobHandle::start(each, 5, 0, None, None, Box::new(|_| Continue(()))).expect("it starts");
        job.wait(None).expect("it ends");
        team::run(3, &|team, _| team.barrier().map_or(Continue(()), |()| Continue(()))).expect("it ends");
        stop();
        let timeline = Timeline::read(&path);
        let (begin, end) = (timeline.of("b", "job").next(), timeline.of("e", "job").next());
        let (begin, end) = (begin.expect("a begin"), end.expect("an end"));
        assert_eq!(begin.all["id"], end.all["id"]);
        assert!(begin.at <= end.at);
        assert!(timeline.slices("start job").next().is_some());
        let of_job = |event: &&Event| event.value("call") == begin.value("call");
        assert_eq!(timeline.chunks().filter(of_job).map(|chunk| chunk.value("chunks")).sum::<u64>(), 5);
        let team = timeline.slices("team").next().expect("a team");
        let members: BTreeSet<_> = timeline.slices("member").map(|member| member.thread).collect();
        assert_eq!((team.value("members"), members.len()), (3, 3));
        assert!(timeline.slices("wait").count() >= 3, "members wait at the barrier");
    });
}

/// Loops and jobs have the names that their options give.
#[test]
fn names_of_calls() {
    unsafe extern "C" fn body(_: *mut c_void, _: *const fastpar_chunk) -> i32 {
        0
    }
    Isolated::default().env("FASTPAR_THREADS", "2").run(|| {
        let (_folder, path) = folder();
        // Rings that hold all of it: no event is lost on a busy machine.
        assert_eq!(start_with(&path, options(256 << 20, 1)).0, FASTPAR_OK);
        // SAFETY: zero is the default of every field.
        let mut of_loop: fastpar_loop_options = unsafe { std::mem::zeroed() };
        of_loop.struct_size = size_of::<fastpar_loop_options>();
        of_loop.segments = 3;
        let names: Vec<_> = (0..1100).map(|number| format!("one of {number}")).collect();
        let given = ["load \"trades\"", "", &"ü".repeat(150)].map(str::to_owned);
        for name in given.iter().chain(&names) {
            let name = CString::new(&**name).expect("no NUL");
            of_loop.name = name.as_ptr();
            // SAFETY: all pointers are valid, or NULL.
            let status = unsafe { fastpar_for(&of_loop, 3, Some(body), ptr::null_mut(), ptr::null_mut()) };
            assert_eq!(status, FASTPAR_OK);
        }
        let mut job = ptr::null_mut();
        of_loop.name = c"load \"trades\"".as_ptr();
        // SAFETY: all pointers are valid, or NULL; the job is freed once.
        unsafe {
            let data = ptr::null_mut();
            let status = fastpar_for_start(&of_loop, 3, Some(body), data, &mut job, ptr::null_mut());
            assert_eq!(status, FASTPAR_OK);
            assert_eq!(fastpar_job_wait(job, u64::MAX, ptr::null_mut()), FASTPAR_OK);
            fastpar_job_free(job);
        }
        stop();
        let timeline = Timeline::read(&path);
        let kinds = |name: &str| -> BTreeSet<String> {
            let named = timeline.0.iter().filter(|event| event.name == name && event.all["args"].is_object());
            named.map(|event| event.all["args"]["kind"].as_str().expect("a kind").to_owned()).collect()
        };
        let of_trades = kinds("load \"trades\"");
        for kind in ["loop", "lane", "job", "start job"] {
            assert!(of_trades.contains(kind), "{kind} of {of_trades:?}");
        }
        assert!(kinds(&"ü".repeat(100)).contains("loop"), "200 bytes");
        assert_eq!(names.iter().filter(|name| kinds(name).contains("loop")).count(), 998, "with two others");
        assert_eq!(timeline.slices("loop").count(), 1 + 1100 - 998, "without a name, or with one too many");
    });
}

/// A file is compressed and decompressed: sums are what the calls tell, and the statistics.
#[test]
fn calls_on_files() {
    Isolated::default().env("FASTPAR_THREADS", "3").run(|| {
        let (folder, path) = folder();
        let file = |name: &str| folder.path().join(name);
        let data: Vec<u8> = (0..3_000_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 25) as u8).collect();
        std::fs::write(file("data"), &data).expect("it is written");
        pool::start(&Default::default()).expect("it starts");
        start(&path);
        let options = Options { frame_size: 256 << 10, ..Options::default() };
        let packed = codec::compress_file(&file("data"), &file("packed"), &options).expect("it compresses");
        let stats = pool::stats();
        stop();
        let timeline = Timeline::read(&path);
        assert_eq!(timeline.lost(), 0);
        let sum =
            |name: &str, value: &str| timeline.slices(name).map(|event| event.value(value)).sum::<u64>();
        assert_eq!(sum("read", "bytes"), packed.bytes_in);
        assert_eq!(sum("write", "bytes"), packed.bytes_out);
        assert_eq!(sum("compress frame", "bytes in"), packed.bytes_in);
        assert_eq!(timeline.slices("compress frame").count() as u64, packed.frames);
        let call = timeline.slices("compress file").next().expect("the call");
        assert_eq!((call.value("bytes in"), call.value("frames")), (packed.bytes_in, packed.frames));
        // Every frame lies in a task, and all of them in the call's time.
        for frame in timeline.slices("compress frame") {
            assert!(timeline.slices("task").any(|task| task.holds(frame)));
            assert!(call.at <= frame.at && frame.end() <= call.end());
        }
        let total = |name| timeline.of("C", "bytes").map(|event| event.value(name)).max();
        assert_eq!((total("in"), total("out")), (Some(stats.bytes_in), Some(stats.bytes_out)));
        let waited: u64 =
            ["read", "write", "wait"].map(|name| timeline.slices(name).map(|e| e.took).sum()).iter().sum();
        assert!(waited + waited / 100 >= stats.waiting_ns, "{waited} {stats:?}");
        // Copying is writing.
        let copies = path.with_extension("copies");
        start(&copies);
        let parts = [&*file("packed"), &file("packed")];
        let joined = codec::concat_files(&parts, &file("joined"), &options).expect("it copies");
        stop();
        let written: u64 = Timeline::read(&copies).slices("write").map(|event| event.value("bytes")).sum();
        assert_eq!(written, joined.bytes_out);
    });
}

/// Little room: what is lost is counted, and what is there is in order.
#[test]
fn lost_events_are_counted() {
    isolated(|| {
        let (_folder, path) = folder();
        assert_eq!(start_with(&path, options(1 << 20, 0)).0, FASTPAR_OK);
        let count = 100_000;
        (0..count).for_each(|_| span("quick", || span("inner", || ())));
        stop();
        let timeline = Timeline::read(&path);
        let (begins, ends) =
            (timeline.of("B", "quick"), timeline.0.iter().filter(|event| event.phase == "E"));
        let begun = begins.count() + timeline.of("B", "inner").count();
        assert_eq!(begun, ends.count(), "each begin that is there has its end");
        assert_eq!(begun as u64 + timeline.lost(), 2 * count);
        assert!(begun > 0);
    });
}

#[test]
fn what_is_refused() {
    isolated(|| {
        let (folder, path) = folder();
        std::fs::write(&path, "mine").expect("it is written");
        let (status, error) = start_with(&path, None);
        assert_eq!(status, FASTPAR_ERR_IO);
        assert_ne!(error.code, 0);
        assert_eq!(std::fs::read_to_string(&path).expect("it is there"), "mine");
        #[cfg(unix)]
        {
            let link = folder.path().join("link");
            std::os::unix::fs::symlink(folder.path().join("elsewhere"), &link).expect("a link");
            assert_eq!(start_with(&link, None).0, FASTPAR_ERR_IO);
        }
        let other = folder.path().join("other");
        for bad in [options(1, 0), options(0, 64), options((1 << 20) - 1, 1)] {
            assert_eq!(start_with(&other, bad).0, FASTPAR_ERR_INVALID_ARGUMENT);
        }
        let flags = options(0, 0).map(|options| fastpar_trace_options { flags: 1, ..options });
        assert_eq!(start_with(&other, flags).0, FASTPAR_ERR_INVALID_ARGUMENT);
        assert_eq!(start_with(Path::new(""), None).0, FASTPAR_ERR_INVALID_ARGUMENT);
        assert_eq!(start_with(&folder.path().join("no/such/folder"), None).0, FASTPAR_ERR_IO);
        stop();
        assert!(!other.exists() && !folder.path().join("elsewhere").exists());
        start(&other);
        assert_eq!(start_with(&folder.path().join("second"), None).0, FASTPAR_ERR_ALREADY_STARTED);
        assert!(!folder.path().join("second").exists());
        stop();
        stop();
        Timeline::read(&other);
    });
}

#[test]
fn one_after_the_other_and_over_a_shutdown() {
    Isolated::default().env("FASTPAR_THREADS", "2").run(|| {
        let (folder, first) = folder();
        let second = folder.path().join("%p.json");
        start(&first);
        run_chunks(10, |_| {});
        pool::shutdown().expect("it ends");
        // The file is whole and up to date, and the trace goes on.
        assert_eq!(Timeline::read(&first).slices("loop").count(), 1);
        run_chunks(10, |_| {});
        stop();
        assert_eq!(Timeline::read(&first).slices("loop").count(), 2);
        run_chunks(10, |_| {});
        start(&second);
        run_chunks(10, |_| {});
        stop();
        let second = folder.path().join(format!("{}.json", std::process::id()));
        assert_eq!(Timeline::read(&second).slices("loop").count(), 1);
        assert_eq!(Timeline::read(&first).slices("loop").count(), 2);
    });
}
