//! Whatever goes wrong with files: the target stays as it was, nothing else is left, and the error says what
//! happened.

use crate::common::{assert_kind, noise, records, skip};
use crate::files::Place;
use fastpar::codec::{compress_file, decompress_file, FileStats, Options};
use fastpar::{Error, ErrorKind};
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

/// A call that must fail, onto a target that is there already, and onto one that is not.
fn fails(place: &Place, call: impl Fn(&Path) -> Result<FileStats, Error>, kind: ErrorKind) -> Error {
    let before = place.names();
    let (there, fresh) = (place.folder.path().join("there"), place.folder.path().join("fresh"));
    fs::write(&there, b"precious").unwrap();
    assert_kind(call(&there), kind);
    assert_eq!(fs::read(&there).unwrap(), b"precious");
    fs::remove_file(&there).unwrap();
    let error = assert_kind(call(&fresh), kind);
    assert_eq!(place.names(), before);
    error
}

#[test]
fn what_is_not_there() {
    let place = Place::new(b"text");
    let missing = place.folder.path().join("missing");
    let error = fails(&place, |to| compress_file(&missing, to, &Options::default()), ErrorKind::Io);
    assert_ne!(error.code(), 0);
    assert!(error.message().contains("missing"), "{error}");
    fails(&place, |to| decompress_file(&missing, to, &Options::default()), ErrorKind::Io);
    let nowhere = missing.join("out");
    let error = assert_kind(compress_file(&place.input, &nowhere, &Options::default()), ErrorKind::Io);
    assert!(error.message().contains("missing"), "{error}");
    assert_eq!(place.names(), ["input"]);
}

#[test]
fn directories() {
    let place = Place::new(b"text");
    let folder = place.folder.path();
    let error = fails(&place, |to| compress_file(folder, to, &Options::default()), ErrorKind::Io);
    assert!(error.message().contains("directory"), "{error}");
    let error = assert_kind(compress_file(&place.input, folder, &Options::default()), ErrorKind::Io);
    assert!(error.message().contains("directory"), "{error}");
    assert_kind(decompress_file(&place.input, folder, &Options::default()), ErrorKind::Io);
    assert_eq!(place.names(), ["input"]);
}

#[test]
fn bad_data() {
    let data = records(12 << 20);
    let place = Place::new(&data);
    compress_file(&place.input, &place.output, &Options::default()).unwrap();
    let packed = fs::read(&place.output).unwrap();
    let bad = |content: &[u8], kind| {
        fs::write(&place.output, content).unwrap();
        fails(&place, |to| decompress_file(&place.output, to, &Options::default()), kind)
    };
    let second = zstd::zstd_safe::find_frame_compressed_size(&packed).unwrap();
    assert_eq!(bad(&packed[..second + 1000], ErrorKind::Truncated).position(), Some(second as u64));
    let mut flipped = packed.clone();
    flipped[2 * second - 100] ^= 0x40;
    fs::write(&place.output, &flipped).unwrap();
    let error = decompress_file(&place.output, &place.back, &Options::default()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Checksum), "{error}");
    assert!(error.message().contains(&format!("frame 1 at byte {second}")), "{error}");
    assert!(!place.back.exists());
    bad(&[&packed[..], b"tail"].concat(), ErrorKind::NotZstd);
    bad(b"text", ErrorKind::NotZstd);
}

#[test]
fn bad_options() {
    let place = Place::new(b"text");
    let options = Options { level: 99, ..Options::default() };
    fails(&place, |to| compress_file(&place.input, to, &options), ErrorKind::InvalidArgument);
    fails(&place, |to| decompress_file(&place.input, to, &options), ErrorKind::InvalidArgument);
}

/// The input becomes shorter while it is read: by the progress callback of this very call.
#[test]
fn the_input_shrinks() {
    let place = Place::new(&noise(24 << 20));
    let report = |done, _| {
        if done > 0 {
            fs::File::options().write(true).open(&place.input).unwrap().set_len(1 << 20).unwrap();
        }
        ControlFlow::Continue(())
    };
    // Slow enough that most of it is still to be read when progress is first told.
    let options = Options {
        level: 19,
        frame_size: 64 << 10,
        max_lanes: 1,
        progress: Some(&report),
        ..Options::default()
    };
    let error = compress_file(&place.input, &place.output, &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.message().contains("24") && error.message().contains("ends"), "{error}");
    assert_eq!(place.names(), ["input"]);
}

/// A file that vanishes while it is read is read to its end, where the system keeps it.
#[test]
#[cfg(unix)]
fn the_input_vanishes() {
    let data = noise(24 << 20);
    let place = Place::new(&data);
    let report = |_, _| {
        let _ = fs::remove_file(&place.input);
        ControlFlow::Continue(())
    };
    let options = Options { frame_size: 64 << 10, progress: Some(&report), ..Options::default() };
    compress_file(&place.input, &place.output, &options).unwrap();
    decompress_file(&place.output, &place.back, &Options::default()).unwrap();
    assert!(fs::read(&place.back).unwrap() == data);
}

#[cfg(unix)]
mod unix {
    use super::*;
    use crate::common::{run, unsized_frame};
    use std::process::Command;

    /// A disk that is full at any moment.
    #[test]
    fn the_disk_is_full() {
        let data = noise(6 << 20);
        let place = Place::new(&data);
        compress_file(&place.input, &place.output, &Options::default()).unwrap();
        let disk = place.folder.path().join("disk");
        fs::create_dir(&disk).unwrap();
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=4m", "none"]).arg(&disk).output();
        if !mount.is_ok_and(|output| output.status.success()) {
            return skip("the_disk_is_full", "mounting a small disk needs root");
        }
        struct Unmount<'p>(&'p Path);
        impl Drop for Unmount<'_> {
            fn drop(&mut self) {
                run(Command::new("umount").arg(self.0));
            }
        }
        let _unmount = Unmount(&disk);
        let target = disk.join("target");
        fs::write(&target, b"precious").unwrap();
        // Its blocks are executed by the caller, and may be written by another lane.
        let single = place.folder.path().join("single");
        fs::write(&single, unsized_frame(&noise(10 << 20), 1)).unwrap();
        for (call, from) in [
            (compress_file as fn(&Path, &Path, &Options<'_>) -> _, &place.input),
            (decompress_file, &place.output),
            (decompress_file, &single),
        ] {
            for round in 0..3 {
                let error = assert_kind(call(from, &target, &Options::default()), ErrorKind::Io);
                assert_eq!(error.code(), libc_enospc(), "{error}");
                assert!(error.message().contains("target"), "{error}");
                assert_eq!(fs::read(&target).unwrap(), b"precious", "{round}");
                assert_eq!(fs::read_dir(&disk).unwrap().count(), 1);
            }
        }
    }

    fn libc_enospc() -> i32 {
        28
    }

    #[test]
    fn a_folder_that_cannot_be_written() {
        let place = Place::new(b"text");
        let target = Path::new("/proc/target");
        if !Path::new("/proc/self").exists() {
            return skip("a_folder_that_cannot_be_written", "there is no /proc");
        }
        let error = assert_kind(compress_file(&place.input, target, &Options::default()), ErrorKind::Io);
        assert_ne!(error.code(), 0);
        assert!(error.message().contains("/proc/target"), "{error}");
    }
}

/// Its frames could not be copied in parts: it is refused at once, wherever it stands.
#[test]
#[cfg(unix)]
fn joining_a_fifo() {
    use crate::common::pack;
    use fastpar::codec::concat_files;
    let place = Place::new(&[]);
    let Some(fifo) = crate::files::unix::fifo("joining_a_fifo", &place) else { return };
    fs::write(&place.output, pack(b"a frame", &Options::default())).unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    let (file, target, kept) = (place.output.clone(), place.back.clone(), place.names());
    std::thread::spawn(move || {
        for sources in [[&*fifo, &*file], [&*file, &*fifo]] {
            sender.send(concat_files(&sources, &target, &Options::default())).unwrap();
        }
    });
    for _ in 0..2 {
        let joined = receiver.recv_timeout(std::time::Duration::from_secs(120));
        assert_kind(joined.expect("it does not wait for the FIFO"), ErrorKind::Unsupported);
    }
    assert_eq!(place.names(), kept);
}
