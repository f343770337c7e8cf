//! Files: what is written, and what becomes of names, modes and times.

use crate::common::{assert_kind, noise, pack, program, records, run, sized_frame, skip, unsized_frame};
use fastpar::codec::{compress_file, decompress_file, Options, SeekTable};
use fastpar::{Error, ErrorKind};
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

/// A folder with an input in it.
pub(crate) struct Place {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) input: PathBuf,
    pub(crate) output: PathBuf,
    pub(crate) back: PathBuf,
}

impl Place {
    pub(crate) fn new(data: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name| folder.path().join(name);
        let (input, output, back) = (path("input"), path("input.zst"), path("back"));
        fs::write(&input, data).unwrap();
        Self { folder, input, output, back }
    }

    /// The names in the folder.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

#[test]
fn all_sizes() {
    for frame_size in [0, 10_000] {
        let options = Options { frame_size, ..Options::default() };
        let size = if frame_size == 0 { 4 << 20 } else { frame_size };
        for len in [0, 1, size - 1, size, size + 1, 5 * size + 17] {
            let data = records(len);
            let place = Place::new(&data);
            let stats = compress_file(&place.input, &place.output, &options).unwrap();
            let packed = fs::read(&place.output).unwrap();
            assert!(packed == pack(&data, &options), "the same as a stream");
            assert_eq!((stats.bytes_in, stats.bytes_out), (len as u64, packed.len() as u64));
            let frames = len.div_ceil(size).max(1);
            assert_eq!(stats.frames, frames as u64);
            assert_eq!(SeekTable::find(&packed).map_or(1, |table| table.len()), frames);
            assert!(stats.seconds > 0.0 && stats.peak_memory > 0);
            let stats = decompress_file(&place.output, &place.back, &Options::default()).unwrap();
            assert!(fs::read(&place.back).unwrap() == data);
            assert_eq!((stats.bytes_in, stats.bytes_out), (packed.len() as u64, len as u64));
            assert_eq!(stats.frames, frames as u64);
            assert_eq!(place.names(), ["back", "input", "input.zst"]);
        }
    }
}

#[test]
fn one_frame() {
    let data = records(7 << 20);
    let place = Place::new(&data);
    let options = Options { single_frame: true, ..Options::default() };
    assert_eq!(compress_file(&place.input, &place.output, &options).unwrap().frames, 1);
    let packed = fs::read(&place.output).unwrap();
    assert_eq!(fastpar::codec::decompressed_size(&packed), Ok(data.len() as u64), "it tells its size");
    decompress_file(&place.output, &place.back, &options).unwrap();
    assert!(fs::read(&place.back).unwrap() == data);
}

#[test]
fn nothing_decompresses_to_nothing() {
    let place = Place::new(&[]);
    let stats = decompress_file(&place.input, &place.back, &Options::default()).unwrap();
    assert_eq!((stats.bytes_in, stats.bytes_out, stats.frames), (0, 0, 0));
    assert_eq!(fs::read(&place.back).unwrap(), []);
}

#[test]
fn memory_is_bounded() {
    let data = noise(60 << 20);
    let place = Place::new(&data);
    for max_memory in [0, 30 << 20, 11 << 20] {
        let options = Options { max_memory, ..Options::default() };
        let limit = if max_memory == 0 { 256_000_000 } else { max_memory };
        let stats = compress_file(&place.input, &place.output, &options).unwrap();
        assert!(stats.peak_memory <= limit, "{} of {limit}", stats.peak_memory);
        let stats = decompress_file(&place.output, &place.back, &options).unwrap();
        assert!(stats.peak_memory <= limit, "{} of {limit}", stats.peak_memory);
        assert!(fs::read(&place.back).unwrap() == data);
    }
    let too_little = Options { max_memory: 1 << 20, ..Options::default() };
    assert_kind(compress_file(&place.input, &place.output, &too_little), ErrorKind::LimitExceeded);
    assert_kind(decompress_file(&place.output, &place.back, &too_little), ErrorKind::LimitExceeded);
}

#[test]
fn limits_of_the_output() {
    let data = records(1 << 20);
    let place = Place::new(&data);
    let len = compress_file(&place.input, &place.output, &Options::default()).unwrap().bytes_out;
    let limit = |max_output| Options { max_output, ..Options::default() };
    assert_kind(compress_file(&place.input, &place.back, &limit(len - 1)), ErrorKind::LimitExceeded);
    assert_kind(decompress_file(&place.output, &place.back, &limit(1000)), ErrorKind::LimitExceeded);
    assert_eq!(place.names(), ["input", "input.zst"]);
    compress_file(&place.input, &place.back, &limit(len)).unwrap();
}

#[test]
fn progress_counts_the_input() {
    for kind in ["compress", "decompress"] {
        let data = records(12 << 20);
        let place = Place::new(&if kind == "compress" { data } else { unsized_frame(&data, 1) });
        let len = fs::metadata(&place.input).unwrap().len();
        let seen = Mutex::new(Vec::new());
        let report = |done, total| {
            seen.lock().unwrap().push((done, total));
            ControlFlow::Continue(())
        };
        let options = Options { frame_size: 100_000, progress: Some(&report), ..Options::default() };
        let call = if kind == "compress" { compress_file } else { decompress_file };
        call(&place.input, &place.output, &options).unwrap();
        let seen = seen.into_inner().unwrap();
        assert!(seen.windows(2).all(|pair| pair[0].0 <= pair[1].0));
        assert!(seen.iter().all(|&(_, total)| total == len));
        assert_eq!(seen.last(), Some(&(len, len)));
    }
}

/// Cancelled at any moment, the target is complete or not there, and nothing else is left.
#[test]
fn cancelled_at_any_moment() {
    let place = Place::new(&records(24 << 20));
    compress_file(&place.input, &place.output, &Options::default()).unwrap();
    let flag = AtomicI32::new(0);
    let options = Options { cancel: Some(&flag), ..Options::default() };
    let (mut cancelled, mut done) = (0, 0);
    for round in 0..40 {
        flag.store(0, Ordering::Relaxed);
        let (call, from): (fn(&Path, &Path, &Options<'_>) -> _, _) =
            if round % 2 == 0 { (compress_file, &place.input) } else { (decompress_file, &place.output) };
        let result: Result<_, Error> = std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_micros(300 * round * round));
                flag.store(1, Ordering::Relaxed);
            });
            call(from, &place.back, &options)
        });
        match result {
            Ok(stats) => {
                done += 1;
                assert_eq!(fs::metadata(&place.back).unwrap().len(), stats.bytes_out);
                fs::remove_file(&place.back).unwrap();
            }
            Err(error) => {
                cancelled += 1;
                assert_eq!(error.kind(), ErrorKind::Cancelled);
            }
        }
        assert_eq!(place.names(), ["input", "input.zst"]);
    }
    assert!(cancelled > 0, "{done}");
}

#[test]
fn on_the_disk() {
    let data = records(100_000);
    let place = Place::new(&data);
    let options = Options { sync: true, ..Options::default() };
    compress_file(&place.input, &place.output, &options).unwrap();
    decompress_file(&place.output, &place.back, &options).unwrap();
    assert!(fs::read(&place.back).unwrap() == data);
}

#[test]
fn times_and_modes() {
    let place = Place::new(&records(100_000));
    let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_234_567_890_123);
    fs::File::options().write(true).open(&place.input).unwrap().set_modified(time).unwrap();
    #[cfg(unix)]
    fs::set_permissions(&place.input, std::os::unix::fs::PermissionsExt::from_mode(0o4751)).unwrap();
    compress_file(&place.input, &place.output, &Options::default()).unwrap();
    decompress_file(&place.output, &place.back, &Options::default()).unwrap();
    for path in [&place.output, &place.back] {
        let metadata = fs::metadata(path).unwrap();
        assert_eq!(metadata.modified().unwrap(), time);
        #[cfg(unix)]
        {
            let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions());
            assert_eq!(mode & 0o7777, 0o751, "as `zstd` does: no set-user-id bit");
        }
    }
}

#[test]
fn names_of_any_kind() {
    let data = records(50_000);
    let place = Place::new(&data);
    let long = "n".repeat(250);
    for name in ["häuser 家 🏠.zst", " spaces ", "-dash", &long] {
        let output = place.folder.path().join(name);
        compress_file(&place.input, &output, &Options::default()).unwrap();
        decompress_file(&output, &place.back, &Options::default()).unwrap();
        assert!(fs::read(&place.back).unwrap() == data);
    }
    // A path longer than Windows took for many years.
    let mut deep = place.folder.path().to_owned();
    for _ in 0..5 {
        deep.push("d".repeat(100));
    }
    fs::create_dir_all(&deep).unwrap();
    compress_file(&place.input, &deep.join("out"), &Options::default()).unwrap();
    assert!(deep.join("out").is_file());
}

/// A name without a folder is one in the current folder; that belongs to the process, so this is a process of
/// its own.
#[test]
fn names_without_a_folder() {
    if std::env::var_os("FASTPAR_TEST_IN_FOLDER").is_some() {
        compress_file(Path::new("input"), Path::new("relative"), &Options::default()).unwrap();
        return;
    }
    let place = Place::new(&records(1000));
    let mut child = crate::common::child("files::names_without_a_folder");
    run(child.env("FASTPAR_TEST_IN_FOLDER", "1").current_dir(place.folder.path()));
    assert_eq!(place.names(), ["input", "relative"]);
}

/// What the system makes up as it is read, and says to be empty.
#[test]
#[cfg(target_os = "linux")]
fn files_that_say_to_be_empty() {
    let place = Place::new(&[]);
    compress_file(Path::new("/proc/cpuinfo"), &place.output, &Options::default()).unwrap();
    decompress_file(&place.output, &place.back, &Options::default()).unwrap();
    assert!(fs::read_to_string(&place.back).unwrap().contains("processor"));
}

#[cfg(unix)]
pub(crate) mod unix {
    use super::*;
    use std::io::Write;
    use std::process::Stdio;

    pub(crate) fn fifo(test: &str, place: &Place) -> Option<PathBuf> {
        let path = place.folder.path().join("fifo");
        if std::process::Command::new("mkfifo").arg(&path).status().is_ok_and(|status| status.success()) {
            return Some(path);
        }
        skip(test, "mkfifo does not work");
        None
    }

    /// The same bytes as from an ordinary file; in all is not known.
    #[test]
    fn from_a_fifo() {
        let data = records(11 << 20);
        let place = Place::new(&data);
        let Some(fifo) = fifo("from_a_fifo", &place) else { return };
        compress_file(&place.input, &place.output, &Options::default()).unwrap();
        let expected = fs::read(&place.output).unwrap();
        let feed = |content: &[u8], call: &mut dyn FnMut()| {
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    fs::File::options().write(true).open(&fifo).unwrap().write_all(content).unwrap()
                });
                call();
            });
        };
        let totals = Mutex::new(Vec::new());
        let report = |_, total| {
            totals.lock().unwrap().push(total);
            ControlFlow::Continue(())
        };
        let options = Options { progress: Some(&report), ..Options::default() };
        feed(&data, &mut || {
            let stats = compress_file(&fifo, &place.back, &options).unwrap();
            assert_eq!(stats.bytes_in, data.len() as u64);
        });
        assert!(fs::read(&place.back).unwrap() == expected);
        let totals = totals.into_inner().unwrap();
        assert!(totals[..totals.len() - 1].iter().all(|&total| total == u64::MAX));
        feed(&expected, &mut || {
            decompress_file(&fifo, &place.back, &Options::default()).unwrap();
        });
        assert!(fs::read(&place.back).unwrap() == data);
        feed(&data, &mut || {
            let options = Options { single_frame: true, ..Options::default() };
            compress_file(&fifo, &place.back, &options).unwrap();
        });
        assert!(zstd::decode_all(&fs::read(&place.back).unwrap()[..]).unwrap() == data);
        feed(&[], &mut || {
            compress_file(&fifo, &place.back, &Options::default()).unwrap();
        });
        assert!(zstd::decode_all(&fs::read(&place.back).unwrap()[..]).unwrap().is_empty());
    }

    /// In a process of its own, whose standard input is a pipe, then a file.
    #[test]
    #[cfg(target_os = "linux")]
    fn from_standard_input() {
        const OUTPUT: &str = "FASTPAR_TEST_STDIN_TO";
        if let Some(output) = std::env::var_os(OUTPUT) {
            compress_file(Path::new("/dev/stdin"), Path::new(&output), &Options::default()).unwrap();
            return;
        }
        let data = records(5 << 20);
        let place = Place::new(&data);
        let child = || {
            let mut child = crate::common::child("files::unix::from_standard_input");
            child.env(OUTPUT, &place.output).stdout(Stdio::null());
            child
        };
        let mut piped = child().stdin(Stdio::piped()).spawn().unwrap();
        piped.stdin.take().unwrap().write_all(&data).unwrap();
        assert!(piped.wait().unwrap().success());
        assert!(zstd::decode_all(&fs::read(&place.output).unwrap()[..]).unwrap() == data);
        fs::remove_file(&place.output).unwrap();
        let from_file = child().stdin(fs::File::open(&place.input).unwrap()).status().unwrap();
        assert!(from_file.success());
        assert!(zstd::decode_all(&fs::read(&place.output).unwrap()[..]).unwrap() == data);
    }

    #[test]
    fn the_input_is_not_written_over() {
        let data = records(100_000);
        let place = Place::new(&data);
        let path = |name| place.folder.path().join(name);
        fs::hard_link(&place.input, path("hard")).unwrap();
        std::os::unix::fs::symlink(&place.input, path("soft")).unwrap();
        std::os::unix::fs::symlink(path("soft"), path("soft2")).unwrap();
        let roundabout = place.folder.path().join(".").join("input");
        for other in [place.input.clone(), path("hard"), path("soft"), path("soft2"), roundabout] {
            for (from, to) in [(&place.input, &other), (&other, &place.input)] {
                let error =
                    assert_kind(compress_file(from, to, &Options::default()), ErrorKind::InvalidArgument);
                assert!(error.message().contains("same file"));
                assert_kind(decompress_file(from, to, &Options::default()), ErrorKind::InvalidArgument);
            }
        }
        assert!(fs::read(&place.input).unwrap() == data);
        assert_eq!(place.names(), ["hard", "input", "soft", "soft2"]);
    }

    /// A link is replaced itself, whatever it leads to; one to a folder is refused.
    #[test]
    fn links_are_replaced() {
        let place = Place::new(&records(1000));
        let other = tempfile::tempdir().unwrap();
        let (link, real) = (place.folder.path().join("link"), other.path().join("real"));
        for exists in [false, true] {
            if exists {
                fs::write(&real, b"precious").unwrap();
                fs::remove_file(&link).unwrap();
            }
            std::os::unix::fs::symlink(&real, &link).unwrap();
            compress_file(&place.input, &link, &Options::default()).unwrap();
            assert!(fs::symlink_metadata(&link).unwrap().is_file());
            assert_eq!(fs::read(&real).ok(), exists.then(|| b"precious".to_vec()));
        }
        assert_eq!(place.names(), ["input", "link"]);
        let (a, b) = (place.folder.path().join("a"), place.folder.path().join("b"));
        std::os::unix::fs::symlink(&a, &b).unwrap();
        std::os::unix::fs::symlink(&b, &a).unwrap();
        compress_file(&place.input, &a, &Options::default()).unwrap();
        assert!(fs::symlink_metadata(&a).unwrap().is_file());
        let folder = place.folder.path().join("folder");
        std::os::unix::fs::symlink(other.path(), &folder).unwrap();
        assert_kind(compress_file(&place.input, &folder, &Options::default()), ErrorKind::Io);
        assert!(fs::symlink_metadata(&folder).unwrap().is_symlink());
    }

    /// `zstd` gives its files the same mode and times.
    #[test]
    fn as_zstd_does() {
        let Some(mut zstd) = program("as_zstd_does", "zstd") else { return };
        let place = Place::new(&sized_frame(&records(1000), 3));
        fs::set_permissions(&place.input, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
        run(zstd.args(["-q", "-o"]).arg(&place.back).arg(&place.input));
        compress_file(&place.input, &place.output, &Options::default()).unwrap();
        let (theirs, ours) = (fs::metadata(&place.back).unwrap(), fs::metadata(&place.output).unwrap());
        assert_eq!(theirs.permissions(), ours.permissions());
        assert_eq!(theirs.modified().unwrap(), ours.modified().unwrap());
    }
}
