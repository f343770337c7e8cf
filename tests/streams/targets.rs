//! Targets that are not simply replaced: what is open already, what cannot be replaced, what must not be; and
//! holes.

use crate::common::{assert_kind, child, noise, records, run, skip};
use crate::files::unix::fifo;
use crate::files::Place;
use fastpar::codec::{compress_file, decompress_file, Options};
use fastpar::ErrorKind;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{symlink, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const FROM: &str = "FASTPAR_TEST_FROM";
const TO: &str = "FASTPAR_TEST_TO";

/// In a child, whose standard output is what the test is about.
#[test]
fn decompresses_elsewhere() {
    let (Some(from), Some(to)) = (std::env::var_os(FROM), std::env::var_os(TO)) else { return };
    decompress_file(from.as_ref(), to.as_ref(), &Options::default()).unwrap();
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

/// A number of a descriptor as three names, and a link in a folder.
fn names_of(file: &File, place: &Place) -> Vec<PathBuf> {
    let number = file.as_raw_fd();
    let link = place.folder.path().join("link");
    let _ = fs::remove_file(&link);
    symlink(format!("/dev/fd/{number}"), &link).unwrap();
    let own = std::process::id();
    [format!("/dev/fd/{number}"), format!("/proc/self/fd/{number}"), format!("/proc/{own}/fd/{number}")]
        .into_iter()
        .chain([format!("/proc/thread-self/fd/{number}")])
        .map(PathBuf::from)
        .chain([link])
        .collect()
}

/// At its own position, and not made shorter.
#[test]
fn descriptors_are_written_where_they_stand() {
    let data = records(300_000);
    let place = Place::new(&data);
    compress_file(&place.input, &place.output, &Options::default()).unwrap();
    let path = place.folder.path().join("open");
    for number in 0..5 {
        fs::write(&path, vec![b'x'; 400_000]).unwrap();
        let mut file = File::options().read(true).write(true).open(&path).unwrap();
        file.write_all(b"HEADER").unwrap();
        let name = names_of(&file, &place).swap_remove(number);
        decompress_file(&place.output, &name, &Options { keep: true, ..Options::default() }).unwrap();
        file.write_all(b"TRAILER").unwrap();
        let found = fs::read(&path).unwrap();
        let expected = [b"HEADER", &data[..], b"TRAILER"].concat();
        assert!(found.len() == 400_000 && found.starts_with(&expected), "{}", name.display());
    }
    assert!(fs::symlink_metadata(place.folder.path().join("link")).unwrap().is_symlink());
    assert_eq!(place.names(), ["input", "input.zst", "link", "open"]);
}

#[test]
fn what_appends_appends() {
    let data = records(100_000);
    let place = Place::new(&data);
    compress_file(&place.input, &place.output, &Options::default()).unwrap();
    fs::write(&place.back, b"keep").unwrap();
    let file = File::options().append(true).open(&place.back).unwrap();
    for name in names_of(&file, &place) {
        decompress_file(&place.output, &name, &Options { sparse: true, sync: true, ..Options::default() })
            .unwrap();
    }
    let found = fs::read(&place.back).unwrap();
    assert!(found == [b"keep", &data[..], &data, &data, &data, &data].concat());
    // Where it would be read and written at the same time.
    let own = File::options().append(true).open(&place.input).unwrap();
    let name = format!("/dev/fd/{}", own.as_raw_fd());
    let result = compress_file(&place.input, Path::new(&name), &Options::default());
    assert_kind(result, ErrorKind::InvalidArgument);
}

/// A descriptor that cannot be written to, and a number that is none.
#[test]
fn descriptors_that_do_not_take_it() {
    let place = Place::new(&records(1000));
    let file = File::open(&place.input).unwrap();
    for name in names_of(&File::open("/proc/self/exe").unwrap(), &place) {
        let error = assert_kind(compress_file(&place.input, &name, &Options::default()), ErrorKind::Io);
        assert_eq!(error.code(), libc::EBADF, "{error}");
    }
    let name = format!("/proc/self/fd/{}", file.as_raw_fd() + 500);
    let options = Options { in_place: true, ..Options::default() };
    assert_kind(compress_file(&place.input, Path::new(&name), &options), ErrorKind::Io);
    assert_eq!(place.names(), ["input", "link"]);
}

/// Links to descriptors that are closed, to processes that are gone, and by folders that are not there: they
/// stay what they are.
#[test]
fn links_to_descriptors_that_are_not_there() {
    let place = Place::new(&records(1000));
    let (link, other) = (place.folder.path().join("link"), place.folder.path().join("other"));
    let closed = File::open(&place.input).unwrap().as_raw_fd() + 500;
    let texts = [
        format!("/dev/fd/{closed}"),
        format!("/proc/self/fd/{closed}"),
        "/proc/no-process/fd/1".to_owned(),
        "fd/1".to_owned(),
        "other".to_owned(),
    ];
    symlink(format!("/proc/thread-self/fd/{closed}"), &other).unwrap();
    for text in texts {
        symlink(&text, &link).unwrap();
        for options in [Options::default(), Options { in_place: true, ..Options::default() }] {
            let error = assert_kind(compress_file(&place.input, &link, &options), ErrorKind::Unsupported);
            assert_eq!(error.code(), libc::ENOENT, "{text}: {error}");
        }
        assert_eq!(fs::read_link(&link).unwrap(), Path::new(&text));
        fs::remove_file(&link).unwrap();
    }
    assert_eq!(place.names(), ["input", "other"]);
    // A link to anything else that is not there is replaced.
    symlink("/nowhere/fd/1", &link).unwrap();
    compress_file(&place.input, &link, &Options::default()).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_file());
}

/// In a child, which closes descriptors: the next files to be opened get their numbers.
#[test]
fn compresses_to_what_is_closed() {
    let (Some(from), Some(to)) = (std::env::var_os(FROM), std::env::var_os(TO)) else { return };
    // SAFETY: nobody uses them; what the test program prints is lost.
    unsafe { (0..2).for_each(|number| _ = libc::close(number)) };
    let error = compress_file(from.as_ref(), to.as_ref(), &Options::default()).unwrap_err();
    let as_expected = error.kind() == ErrorKind::Unsupported && error.code() == libc::ENOENT;
    eprintln!("{error}");
    std::process::exit(if as_expected { 77 } else { 1 });
}

#[test]
fn standard_output_that_is_closed() {
    let place = Place::new(&records(1000));
    for name in ["/dev/stdout", "/dev/stdin"] {
        let mut child = child("targets::compresses_to_what_is_closed");
        let output = child.env(FROM, &place.input).env(TO, name).output().unwrap();
        assert_eq!(output.status.code(), Some(77), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// /dev/stdout of a process: a pipe, a file after what stands there, a socket that does not wait.
#[test]
fn standard_output() {
    let data = records(3 << 20);
    let place = Place::new(&data);
    compress_file(&place.input, &place.output, &Options::default()).unwrap();
    let start = |output: Stdio| {
        let mut child = child("targets::decompresses_elsewhere");
        child.env(FROM, &place.output).env(TO, "/dev/stdout").stdout(output).spawn().unwrap()
    };
    // The test program itself writes a few lines before and after.
    let holds = |found: &[u8]| found.windows(data.len()).filter(|window| **window == data[..]).count();
    let mut piped = start(Stdio::piped());
    let mut found = Vec::new();
    piped.stdout.take().unwrap().read_to_end(&mut found).unwrap();
    assert!(piped.wait().unwrap().success());
    assert_eq!(holds(&found), 1);
    fs::write(&place.back, b"HEADER").unwrap();
    let file = File::options().append(true).open(&place.back).unwrap();
    assert!(start(file.into()).wait().unwrap().success());
    let found = fs::read(&place.back).unwrap();
    assert!(found.starts_with(b"HEADER") && holds(&found) == 1);
    let (mut ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    theirs.set_nonblocking(true).unwrap();
    let mut child = start(std::os::fd::OwnedFd::from(theirs).into());
    let mut found = Vec::new();
    ours.read_to_end(&mut found).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(holds(&found), 1);
}

#[test]
fn fifos_and_devices() {
    let data = records(3 << 20);
    let place = Place::new(&data);
    compress_file(&place.input, &place.output, &Options::default()).unwrap();
    compress_file(&place.input, Path::new("/dev/null"), &Options::default()).unwrap();
    assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    let error = compress_file(&place.input, Path::new("/dev/full"), &Options::default()).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Io, libc::ENOSPC), "{error}");
    let Some(fifo) = fifo("fifos_and_devices", &place) else { return };
    for (call, from, expected) in [
        (decompress_file as fn(&Path, &Path, &Options<'_>) -> _, &place.output, data.clone()),
        (compress_file, &place.input, fs::read(&place.output).unwrap()),
    ] {
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| fs::read(&fifo).unwrap());
            call(from, &fifo, &Options { keep: true, sync: true, ..Options::default() }).unwrap();
            assert!(reader.join().unwrap() == expected);
        });
    }
    assert!(fs::metadata(&fifo).unwrap().file_type().is_fifo());
    let socket = place.folder.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    assert_kind(compress_file(&place.input, &socket, &Options::default()), ErrorKind::Unsupported);
    assert_eq!(place.names(), ["fifo", "input", "input.zst", "socket"]);
}

/// Another process's open file: its position is not to be had.
#[test]
fn descriptors_of_others() {
    let place = Place::new(&records(1000));
    fs::write(&place.back, b"theirs").unwrap();
    let file = File::options().write(true).open(&place.back).unwrap();
    let mut other = Command::new("sleep").arg("60").stdin(Stdio::null()).stdout(file).spawn().unwrap();
    let name = format!("/proc/{}/fd/1", other.id());
    let result =
        compress_file(&place.input, Path::new(&name), &Options { in_place: true, ..Options::default() });
    other.kill().unwrap();
    other.wait().unwrap();
    assert_kind(result, ErrorKind::Unsupported);
    assert_eq!(fs::read(&place.back).unwrap(), b"theirs");
}

#[test]
fn read_only_targets() {
    let place = Place::new(&records(1000));
    fs::write(&place.output, b"mine").unwrap();
    mode(&place.output, 0o400);
    for in_place in [false, true] {
        let options = Options { in_place, ..Options::default() };
        let error = assert_kind(compress_file(&place.input, &place.output, &options), ErrorKind::Io);
        assert_eq!(error.code(), libc::EACCES, "{error}");
        assert_eq!(fs::read(&place.output).unwrap(), b"mine");
    }
    mode(&place.input, 0o444);
    for _ in 0..2 {
        compress_file(&place.input, &place.output, &Options::default()).unwrap();
        assert_eq!(fs::metadata(&place.output).unwrap().mode() & 0o777, 0o444);
    }
    assert_eq!(place.names(), ["input", "input.zst"]);
}

/// Whatever has the name, at the beginning or only at the end.
#[test]
fn what_is_kept() {
    let place = Place::new(&noise(1 << 20));
    let keep = Options { keep: true, in_place: true, ..Options::default() };
    let (link, taken) = (place.folder.path().join("link"), place.folder.path().join("taken"));
    symlink("nowhere", &link).unwrap();
    fs::write(&taken, b"mine").unwrap();
    for target in [&link, &taken] {
        let error = assert_kind(compress_file(&place.input, target, &keep), ErrorKind::Io);
        assert_eq!(error.code(), libc::EEXIST, "{error}");
    }
    let Some(source) = fifo("what_is_kept", &place) else { return };
    let error = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut source = File::options().write(true).open(&source).unwrap();
            // More than a pipe holds: when this has returned, the source is being read, and the name was
            // looked at before.
            source.write_all(&noise(4 << 20)).unwrap();
            fs::write(&place.output, b"came meanwhile").unwrap();
        });
        assert_kind(compress_file(&source, &place.output, &keep), ErrorKind::Io)
    });
    assert_eq!(error.code(), libc::EEXIST, "{error}");
    assert_eq!(fs::read(&place.output).unwrap(), b"came meanwhile");
    assert_eq!(fs::read(&taken).unwrap(), b"mine");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    compress_file(&place.input, &place.back, &keep).unwrap();
    assert_eq!(place.names(), ["back", "fifo", "input", "input.zst", "link", "taken"]);
}

/// A file that something is mounted on: found out before the source is read, or written where it stands.
#[test]
fn mounted_files() {
    let data = records(2 << 20);
    let place = Place::new(&data);
    fs::write(&place.output, vec![b'o'; 3 << 20]).unwrap();
    fs::write(&place.back, b"old").unwrap();
    let mount = Command::new("mount").arg("--bind").args([&place.back, &place.output]).output();
    if !mount.is_ok_and(|output| output.status.success()) {
        return skip("mounted_files", "mounting needs root");
    }
    struct Unmount<'p>(&'p Path);
    impl Drop for Unmount<'_> {
        fn drop(&mut self) {
            run(Command::new("umount").arg(self.0));
        }
    }
    let unmount = Unmount(&place.output);
    let read = std::sync::atomic::AtomicBool::new(false);
    let report = |_, _| {
        read.store(true, std::sync::atomic::Ordering::Relaxed);
        std::ops::ControlFlow::Continue(())
    };
    let options = Options { progress: Some(&report), ..Options::default() };
    let error = assert_kind(compress_file(&place.input, &place.output, &options), ErrorKind::Io);
    assert_eq!(error.code(), libc::EBUSY, "{error}");
    assert!(!read.into_inner(), "before the work begins");
    let options = Options { in_place: true, sync: true, ..Options::default() };
    assert_kind(compress_file(&place.back, &place.output, &options), ErrorKind::InvalidArgument);
    assert_eq!(fs::read(&place.back).unwrap(), b"old");
    // What fails before there is something to write leaves it as it is.
    let broken = Options { level: 99, ..options };
    assert_kind(compress_file(&place.input, &place.output, &broken), ErrorKind::InvalidArgument);
    assert_kind(decompress_file(&place.input, &place.output, &options), ErrorKind::NotZstd);
    assert_eq!(fs::read(&place.output).unwrap(), b"old");
    for _ in 0..2 {
        compress_file(&place.input, &place.output, &options).unwrap();
    }
    drop(unmount);
    assert!(zstd::decode_all(&fs::read(&place.back).unwrap()[..]).unwrap() == data);
    assert!(fs::read(&place.output).unwrap() == vec![b'o'; 3 << 20], "below the mount");
    assert_eq!(place.names(), ["back", "input", "input.zst"]);
}

#[test]
fn holes() {
    let mut data = vec![0; 40 << 20];
    data[5 << 20..][..100].fill(1);
    data[(20 << 20) + 77] = 1;
    let place = Place::new(&data);
    for tail in [0, 1, 4096 + 5] {
        data.truncate(40 << 20);
        data.extend(vec![0; tail]);
        data[(30 << 20) + tail] = 9;
        fs::write(&place.input, &data).unwrap();
        compress_file(&place.input, &place.output, &Options::default()).unwrap();
        for sparse in [false, true] {
            let options = Options { sparse, ..Options::default() };
            decompress_file(&place.output, &place.back, &options).unwrap();
            assert!(fs::read(&place.back).unwrap() == data);
            let blocks = fs::metadata(&place.back).unwrap().blocks();
            assert_eq!(blocks < 1 << 10, sparse, "{blocks} of 512 bytes");
        }
    }
    // Zeros from the first to the last byte, and a file without any.
    for len in [4096, 1 << 20, (1 << 20) + 1, 100, 0] {
        fs::write(&place.input, vec![0; len]).unwrap();
        compress_file(&place.input, &place.output, &Options::default()).unwrap();
        decompress_file(&place.output, &place.back, &Options { sparse: true, ..Options::default() }).unwrap();
        assert!(fs::read(&place.back).unwrap() == vec![0; len]);
    }
}

/// What a frame claims is not what is allocated, or left.
#[test]
fn space_that_is_claimed() {
    let place = Place::new(&noise(3 << 20));
    compress_file(&place.input, &place.output, &Options { single_frame: true, ..Options::default() })
        .unwrap();
    let packed = fs::read(&place.output).unwrap();
    let more = [&packed[..], &packed].concat();
    fs::write(&place.output, more).unwrap();
    for _ in 0..2 {
        decompress_file(&place.output, &place.back, &Options::default()).unwrap();
        let made = fs::metadata(&place.back).unwrap();
        assert_eq!(made.len(), 6 << 20);
        assert!(made.blocks() * 512 <= (6 << 20) + (64 << 10), "{}", made.blocks());
    }
}

/// A disk that is full, for what is written where it stands.
#[test]
fn a_full_disk_in_place() {
    let place = Place::new(&noise(6 << 20));
    let disk = place.folder.path().join("disk");
    fs::create_dir(&disk).unwrap();
    let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=4m", "none"]).arg(&disk).output();
    if !mount.is_ok_and(|output| output.status.success()) {
        return skip("a_full_disk_in_place", "mounting a small disk needs root");
    }
    struct Unmount<'p>(&'p Path);
    impl Drop for Unmount<'_> {
        fn drop(&mut self) {
            run(Command::new("umount").arg(self.0));
        }
    }
    let _unmount = Unmount(&disk);
    let path = disk.join("open");
    let file = File::create(&path).unwrap();
    let name = format!("/dev/fd/{}", file.as_raw_fd());
    let error =
        assert_kind(compress_file(&place.input, Path::new(&name), &Options::default()), ErrorKind::Io);
    assert_eq!(error.code(), libc::ENOSPC, "{error}");
    assert!(fs::metadata(&path).unwrap().len() > 0, "what was written stays");
    drop(file);
    assert_eq!(fs::read_dir(&disk).unwrap().count(), 1);
}
