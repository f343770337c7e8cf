//! Timelines of processes that fork, exit, or cannot write, and of threads that find no room.

use crate::run_chunks;
use crate::support::isolated::{isolated, Isolated};
use crate::timeline::{Event, Timeline};
use crate::trace::{folder, options, span, start, start_with, stop};
use fastpar::codec::{self, Archive, BatchItem, Options, ScanOptions};
use fastpar::ffi::*;
use fastpar::job::{Control, JobHandle};
use fastpar::plan::Schedule;
use fastpar::sort::{sort, Format, Key, KeyType};
use std::mem::MaybeUninit;
use std::ops::ControlFlow::Continue;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::time::Duration;

/// Runs `child` in a forked process, and `parent` with its number; returns how it ended.
fn forked(child: impl FnOnce(), parent: impl FnOnce(i32)) -> i32 {
    // SAFETY: the child ends in here.
    let number = unsafe { libc::fork() };
    if number == 0 {
        // SAFETY: a child that hangs is ended.
        unsafe { libc::alarm(60) };
        child();
        // SAFETY: ends without what the test's harness would do.
        unsafe { libc::_exit(3) }
    }
    parent(number);
    let mut status = -1;
    // SAFETY: waits for the child made above.
    assert_eq!(unsafe { libc::waitpid(number, &mut status, 0) }, number);
    status
}

/// The environment asks for a trace; children have files of their own, a process that is killed leaves a
/// whole one, and so does one that exits.
#[test]
fn processes_and_their_files() {
    Isolated::default().foreign().run(|| {
        let (folder, path) = folder();
        std::env::set_var("FASTPAR_TRACE", &path);
        std::env::set_var("FASTPAR_THREADS", "2");
        let file = |process: i32| folder.path().join(format!("trace.json.{process}"));
        run_chunks(7, |_| {});
        let exited = forked(
            || {
                run_chunks(5, |_| {});
                // SAFETY: ends the process in good order.
                unsafe { libc::exit(0) };
            },
            |child| {
                assert_ne!(child, 0);
            },
        );
        assert_eq!(exited, 0);
        let mut killed = 0;
        forked(
            || {
                span("until the end", || {
                    run_chunks(5, |_| {});
                    loop {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                });
            },
            |child| {
                killed = child;
                let loops = || file(child).exists() && Timeline::read_if_whole(&file(child)) > 0;
                while !loops() {
                    std::thread::sleep(Duration::from_millis(1));
                }
                // SAFETY: the child made above.
                unsafe { libc::kill(child, libc::SIGKILL) };
            },
        );
        let timeline = Timeline::read(&file(killed));
        assert_eq!(timeline.slices("loop").count(), 1);
        assert_eq!(timeline.of("B", "until the end").count(), 0, "it began before the child's trace");
        run_chunks(9, |_| {});
        stop();
        // One loop of the child, two of this process, each in its own file.
        let mut loops: Vec<Vec<u64>> = Vec::new();
        for entry in std::fs::read_dir(folder.path()).expect("a folder").flatten() {
            let timeline = Timeline::read(&entry.path());
            loops.push(timeline.slices("loop").map(|event| event.value("chunks")).collect());
        }
        loops.sort();
        assert_eq!(loops, [vec![5], vec![5], vec![7, 9]]);
    });
}

/// A process that makes a single call on files, as a tool does: the call is in the trace of the environment.
#[test]
fn the_first_call_on_files() {
    Isolated::default().foreign().run(|| {
        let (folder, path) = folder();
        std::env::set_var("FASTPAR_TRACE", &path);
        let file = |name: &str| folder.path().join(name);
        std::fs::write(file("data"), vec![7; 100_000]).expect("it is written");
        let options = fastpar::codec::Options::default();
        fastpar::codec::compress_file(&file("data"), &file("packed"), &options).expect("it compresses");
        stop();
        let timeline = Timeline::read(&file(&format!("trace.json.{}", std::process::id())));
        let call = timeline.slices("compress file").next().expect("the call");
        assert!(timeline.slices("read").next().is_some_and(|read| call.holds(read)));
    });
}

/// The first call of a process is in the trace of the environment, with all that it does, whatever call
/// it is.
#[test]
fn the_first_call_of_any_kind() {
    Isolated::default().foreign().run(|| {
        let (folder, path) = folder();
        std::env::set_var("FASTPAR_TRACE", &path);
        std::env::set_var("FASTPAR_THREADS", "2");
        let content = vec![7; 100_000];
        // By the crate: nothing of the library is called before.
        let packed = zstd::bulk::compress(&content, 3).expect("it compresses");
        let (plain, scan) = (Options::default(), ScanOptions::default());
        let archive = || Archive::new(&packed, &plain).expect("it opens");
        let batch = |items: &[u8], compress: bool| {
            let mut place = vec![MaybeUninit::uninit(); 200_000];
            let mut items = [BatchItem { src: items, dst: &mut place, result: None }];
            let run = if compress { codec::compress_batch } else { codec::decompress_batch };
            run(&mut items, &plain).expect("it runs");
        };
        let by_byte = [Key { offset: 0, kind: KeyType::U8, descending: false }];
        let calls: [(&str, &str, &dyn Fn()); 8] = [
            ("scan archive", "piece", &|| {
                codec::archive_for(&archive(), &scan, |_| Ok(())).expect("it scans")
            }),
            ("reduce archive", "piece", &|| {
                codec::archive_reduce(&archive(), &scan, (), |_, ()| (), |(), ()| ()).expect("it reduces");
            }),
            ("read archive", "decompress frame", &|| {
                let mut place = vec![MaybeUninit::uninit(); content.len()];
                archive().read(0, &mut place).expect("it reads");
            }),
            ("compress", "compress frame", &|| {
                codec::compress_to_vec(&content, &plain).expect("it compresses");
            }),
            ("decompress", "decompress frame", &|| {
                codec::decompress_to_vec(&packed, &plain).expect("it decompresses");
            }),
            ("compress batch", "compress frame", &|| batch(&content, true)),
            ("decompress batch", "decompress frame", &|| batch(&packed, false)),
            ("sort", "find order", &|| {
                let format = Format::new(1, &by_byte).expect("a format");
                let mut records: Vec<u8> = (0..1 << 18).map(|at: u32| (at * 7) as u8).collect();
                sort(&mut records, &format, &Control::default()).expect("it sorts");
            }),
        ];
        for (call, part, run) in calls {
            let mut number = 0;
            let child = || {
                run();
                // SAFETY: ends the process in good order.
                unsafe { libc::exit(0) };
            };
            assert_eq!(forked(child, |child| number = child), 0, "{call}");
            let timeline = Timeline::read(&folder.path().join(format!("trace.json.{number}")));
            let whole = timeline.slices(call).next().unwrap_or_else(|| panic!("there is no {call}"));
            let holds = |part: &Event| whole.at <= part.at && part.end() <= whole.end();
            assert!(timeline.slices(part).any(holds), "{part} of {call}");
        }
    });
}

/// The end of the process cuts no write, whatever threads do meanwhile.
#[test]
fn exits_while_threads_trace() {
    Isolated::default().foreign().run(|| {
        let (folder, _) = folder();
        for round in 0..10 {
            let path = folder.path().join(round.to_string());
            let status = forked(
                || {
                    start(&path);
                    for _ in 0..2 {
                        std::thread::spawn(|| loop {
                            span("a name of some length, so that much is to be written", || ());
                        });
                    }
                    while std::fs::metadata(&path).expect("it is there").len() < 200_000 {
                        std::thread::yield_now();
                    }
                    // SAFETY: ends the process in good order.
                    unsafe { libc::exit(0) };
                },
                |_| (),
            );
            assert_eq!(status, 0);
            assert!(Timeline::read(&path).0.len() > 1000);
        }
    });
}

/// No more bytes can be written from some moment on: the file keeps what is whole, and parses.
#[test]
fn a_full_disk_leaves_a_whole_file() {
    isolated(|| {
        let (folder, path) = folder();
        let limit = libc::rlimit { rlim_cur: 150_001, rlim_max: libc::RLIM_INFINITY };
        // SAFETY: a write beyond the limit fails, instead of ending the process; the struct is valid.
        unsafe {
            libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
            assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &limit), 0);
        }
        start(&path);
        for number in 0..10_000 {
            span(&format!("span {number}"), || ());
        }
        // SAFETY: numbers and bytes, for which zero is valid; then a valid struct.
        let mut error: fastpar_error = unsafe { std::mem::zeroed() };
        // SAFETY: as above.
        assert_eq!(unsafe { fastpar_trace_stop(&mut error) }, FASTPAR_ERR_IO);
        assert_eq!(error.code, libc::EFBIG);
        let timeline = Timeline::read(&path);
        let len = std::fs::metadata(&path).expect("it is there").len();
        assert!(len <= limit.rlim_cur && len > limit.rlim_cur - 4096, "{len}");
        assert!(timeline.0.iter().filter(|event| event.phase == "B").count() > 500);
        // Where not even its beginning can be written there is no trace, and no file.
        let none = libc::rlimit { rlim_cur: 10, rlim_max: libc::RLIM_INFINITY };
        // SAFETY: a valid struct.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &none) }, 0);
        let other = folder.path().join("other");
        assert_eq!(start_with(&other, None).0, FASTPAR_ERR_IO);
        assert!(!other.exists());
    });
}

/// There is room for 256 threads; one more gets the room of a thread that has ended.
#[test]
fn room_that_others_leave() {
    isolated(|| {
        let (_folder, path) = folder();
        assert_eq!(start_with(&path, options(1 << 20, FASTPAR_TRACE_USER)).0, FASTPAR_OK);
        let all_there = Barrier::new(257);
        let may_end = Barrier::new(257);
        let builder = || std::thread::Builder::new().stack_size(64 << 10);
        std::thread::scope(|scope| {
            for _ in 0..256 {
                let body = || {
                    span("early", || ());
                    all_there.wait();
                    may_end.wait();
                };
                builder().spawn_scoped(scope, body).expect("it starts");
            }
            all_there.wait();
            span("no room", || ());
            may_end.wait();
        });
        let written = || std::fs::read_to_string(&path).expect("it is there");
        while !written().contains("late") {
            span("late", || ());
            std::thread::sleep(Duration::from_millis(1));
        }
        stop();
        let timeline = Timeline::read(&path);
        assert_eq!(timeline.of("B", "early").count(), 256);
        assert_eq!(timeline.of("B", "no room").count(), 0);
        assert!(timeline.lost() >= 1);
    });
}

/// A child may end the trace before the library knows of any, while another thread of the parent does.
#[test]
fn ends_before_any_trace() {
    Isolated::default().foreign().run(|| {
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(SeqCst) {
                    stop();
                }
            });
            for _ in 0..100 {
                let status = forked(
                    || {
                        stop();
                        // SAFETY: ends without what the test's harness would do.
                        unsafe { libc::_exit(0) };
                    },
                    |_| (),
                );
                assert_eq!(status, 0);
            }
            over.store(true, SeqCst);
        });
    });
}

/// What a child goes on with: not with a trace that it has ended; with that of the environment, if its parent
/// has not asked for it; and with counters of its own.
#[test]
fn what_children_trace() {
    Isolated::default().foreign().run(|| {
        let (folder, path) = folder();
        let file = |process: i32| folder.path().join(format!("trace.json.{process}"));
        let mut number = 0;
        let mut child_that = |first: &dyn Fn()| {
            let child = || {
                first();
                run_chunks(5, |_| {});
                // SAFETY: ends the process in good order.
                unsafe { libc::exit(0) };
            };
            assert_eq!(forked(child, |child| number = child), 0);
            number
        };
        std::env::set_var("FASTPAR_THREADS", "2");
        start(&path);
        stop();
        std::env::set_var("FASTPAR_TRACE", &path);
        let by_environment = child_that(&|| ());
        assert_eq!(Timeline::read(&file(by_environment)).slices("loop").count(), 1);
        std::env::remove_var("FASTPAR_TRACE");

        start(&folder.path().join("trace.json.%p"));
        let ended = child_that(&stop);
        assert!(!file(ended).exists());
        // A lane of the parent is at work, and does not end in the child.
        let (inside, may_go) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let body = {
            let (inside, may_go) = (Arc::clone(&inside), Arc::clone(&may_go));
            move || {
                inside.fetch_add(1, SeqCst);
                while !may_go.load(SeqCst) {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        };
        let each = Schedule::Grain { grain: 1 };
        let job = JobHandle::start(
            each,
            2,
            0,
            None,
            None,
            Box::new(move |_| {
                body();
                Continue(())
            }),
        );
        while inside.load(SeqCst) < 2 {
            std::thread::sleep(Duration::from_millis(1));
        }
        let child = child_that(&|| ());
        may_go.store(true, SeqCst);
        job.expect("it starts").wait(None).expect("it ends");
        let timeline = Timeline::read(&file(child));
        let busy = timeline.of("C", "busy lanes").map(|event| event.value("lanes"));
        assert!(busy.clone().max() <= Some(3) && busy.min() == Some(0), "{:?}", timeline.0);
    });
}
