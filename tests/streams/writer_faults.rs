//! Writers whose sink fails, blocks or panics, that are cancelled, limited, nested and left alone.

use crate::common::{assert_kind, assert_unpacks, noise, pack, records};
use fastpar::codec::{Options, Writer};
use fastpar::job::for_each_chunk;
use fastpar::plan::Schedule;
use fastpar::{Error, ErrorKind};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::time::Duration;

/// Fails at a call.
struct Failing {
    calls: usize,
    at: usize,
    taken: Vec<u8>,
}

impl Write for Failing {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.calls += 1;
        assert!(self.calls <= self.at, "called again after a failure");
        if self.calls == self.at {
            return Err(io::Error::other(Error::new(ErrorKind::Callback, "enough").with_code(77)));
        }
        self.taken.extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_sink_fails_at_every_call() {
    let data = records(200_000);
    for options in [
        Options { frame_size: 10_000, ..Options::default() },
        Options { frame_size: 10_000, max_lanes: 1, ..Options::default() },
        Options { single_frame: true, ..Options::default() },
    ] {
        let expected = pack(&data, &options);
        for at in 1.. {
            let mut writer = Writer::new(Failing { calls: 0, at, taken: Vec::new() }, &options).unwrap();
            let mut result = Ok(());
            for part in data.chunks(7000) {
                result = result.and_then(|()| writer.write(part));
            }
            result = result.and_then(|()| writer.finish());
            let Err(error) = result else {
                assert!(at > 1);
                break;
            };
            assert_eq!((error.kind(), error.code()), (ErrorKind::Callback, 77));
            // Dead: the same error, and the sink is left alone.
            assert_eq!(writer.write(b"more"), Err(error.clone()));
            assert_eq!(writer.flush(), Err(error.clone()));
            assert_eq!(writer.finish(), Err(error));
            let taken = writer.into_inner().taken;
            assert!(expected.starts_with(&taken), "what came before the failure is in order");
        }
    }
}

#[test]
fn other_errors_of_the_sink_keep_their_number() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::from_raw_os_error(28))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut writer = Writer::new(Full, &Options::default()).unwrap();
    writer.write(b"text").unwrap();
    let error = assert_kind(writer.finish(), ErrorKind::Io);
    assert_eq!(error.code(), 28);
}

#[test]
fn a_sink_that_panics_leaves_a_dead_writer() {
    struct Panics;
    impl Write for Panics {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            panic!("the sink")
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let options = Options { frame_size: 1000, ..Options::default() };
    let mut writer = Writer::new(Panics, &options).unwrap();
    let caught =
        catch_unwind(AssertUnwindSafe(|| writer.write(&records(100_000)).and_then(|()| writer.finish())));
    assert!(caught.is_err());
    assert_kind(writer.write(b"more"), ErrorKind::Closed);
}

#[test]
fn left_alone_at_any_moment() {
    let data = records(300_000);
    for len in (0..data.len()).step_by(23_456) {
        let mut writer =
            Writer::new(Vec::new(), &Options { frame_size: 20_000, ..Options::default() }).unwrap();
        writer.write(&data[..len]).unwrap();
        drop(writer);
    }
}

/// While the sink blocks, no more is taken than the memory allows.
#[test]
fn memory_is_bounded_while_the_sink_blocks() {
    struct Slow(u64);
    impl Write for Slow {
        fn write(&mut self, data: &[u8]) -> io::Result<usize> {
            std::thread::sleep(Duration::from_millis(1));
            self.0 += data.len() as u64;
            Ok(data.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let data = noise(40 << 20);
    for max_memory in [0, 10 << 20, 3 << 20] {
        let options = Options { frame_size: 256 << 10, max_memory, ..Options::default() };
        let mut writer = Writer::new(Slow(0), &options).unwrap();
        let mut most = 0;
        for (part, end) in data.chunks(100_000).zip((100_000..).step_by(100_000)) {
            writer.write(part).unwrap();
            most = most.max(end - writer.consumed() as usize);
        }
        writer.finish().unwrap();
        let limit = if max_memory == 0 { 256_000_000 } else { max_memory };
        assert!(writer.peak_memory() <= limit, "{} of {limit}", writer.peak_memory());
        assert!(most as u64 <= limit, "{most} bytes were waiting");
    }
}

#[test]
fn default_memory_is_bounded_whatever_the_lanes() {
    let data = noise(150 << 20);
    let mut writer = Writer::new(io::sink(), &Options::default()).unwrap();
    writer.write(&data).unwrap();
    writer.finish().unwrap();
    assert!(writer.peak_memory() < 256_000_000, "{}", writer.peak_memory());
    assert!(writer.peak_memory() > 4 << 20);
}

#[test]
fn limits() {
    let data = records(1 << 20);
    let full = pack(&data, &Options { frame_size: 100_000, ..Options::default() });
    let options = Options { frame_size: 100_000, max_output: full.len() as u64, ..Options::default() };
    assert!(pack(&data, &options) == full);
    let mut writer =
        Writer::new(Vec::new(), &Options { max_output: full.len() as u64 - 1, ..options }).unwrap();
    let result = writer.write(&data).and_then(|()| writer.finish());
    assert_kind(result, ErrorKind::LimitExceeded);
    assert!((writer.into_inner().len() as u64) < full.len() as u64);

    let error = assert_kind(
        Writer::new(Vec::new(), &Options { max_memory: 100_000, ..Options::default() }),
        ErrorKind::LimitExceeded,
    );
    let enough = Options { max_memory: error.needed().unwrap(), ..Options::default() };
    let mut writer = Writer::new(Vec::new(), &enough).unwrap();
    writer.write(&noise(20 << 20)).unwrap();
    writer.finish().unwrap();
    assert!(writer.peak_memory() <= enough.max_memory);

    assert_kind(
        Writer::new(Vec::new(), &Options { level: 23, ..Options::default() }),
        ErrorKind::InvalidArgument,
    );
}

#[test]
fn cancelled_by_the_flag_and_by_progress() {
    let data = records(2 << 20);
    let flag = AtomicI32::new(0);
    let options = Options { frame_size: 50_000, cancel: Some(&flag), ..Options::default() };
    let mut writer = Writer::new(Vec::new(), &options).unwrap();
    writer.write(&data).unwrap();
    flag.store(1, Ordering::Relaxed);
    let error = assert_kind(writer.write(b"x"), ErrorKind::Cancelled);
    flag.store(0, Ordering::Relaxed);
    assert_eq!(writer.finish(), Err(error), "it stays cancelled");

    let report = |_, _| ControlFlow::Break(());
    let options = Options { frame_size: 50_000, progress: Some(&report), ..Options::default() };
    let mut writer = Writer::new(Vec::new(), &options).unwrap();
    std::thread::sleep(Duration::from_millis(60));
    assert_kind(writer.write(&data).and_then(|()| writer.finish()), ErrorKind::Cancelled);
}

/// A single frame at a slow level is left between its steps.
#[test]
fn cancelled_in_the_middle() {
    let data = records(8 << 20);
    let flag = AtomicI32::new(0);
    let options =
        Options { level: 19, frame_size: 8 << 20, cancel: Some(&flag), max_lanes: 1, ..Options::default() };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(150));
            flag.store(1, Ordering::Relaxed);
        });
        let mut writer = Writer::new(Vec::new(), &options).unwrap();
        assert_kind(writer.write(&data).and_then(|()| writer.finish()), ErrorKind::Cancelled);
        assert_eq!(writer.written(), 0);
    });
}

/// Streams in every chunk of a loop that occupies all threads: each can be finished by its caller alone.
#[test]
fn inside_callbacks() {
    let data = records(500_000);
    let options = Options { frame_size: 40_000, ..Options::default() };
    let expected = pack(&data, &options);
    let done = AtomicUsize::new(0);
    for_each_chunk(Schedule::Grain { grain: 1 }, 48, &Default::default(), |_| {
        let packed = pack(&data, &options);
        assert!(packed == expected);
        assert_unpacks(&packed, &data);
        done.fetch_add(1, Ordering::Relaxed);
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(done.into_inner(), 48);
}

/// Shutting the pool down does not wait for the end of streams that are open, and they go on.
#[test]
fn across_a_shutdown() {
    let data = records(500_000);
    let options = Options { frame_size: 40_000, ..Options::default() };
    let expected = pack(&data, &options);
    let mut writer = Writer::new(Vec::new(), &options).unwrap();
    for part in data.chunks(90_000) {
        writer.write(part).unwrap();
        fastpar::pool::shutdown().unwrap();
    }
    writer.finish().unwrap();
    assert!(writer.into_inner() == expected);
}
