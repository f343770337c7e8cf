//! Data from and for other programs.

use crate::common::{assert_unpacks, noise, pack, program, records, run, Folder};
use fastpar::codec::{self, Frames, Options};
use fastpar::ErrorKind;

fn data() -> Vec<u8> {
    [records(3 << 20), noise(300_000), vec![0; 1 << 20], records(1 << 20)].concat()
}

/// What a program writes when it is given `data` in a file.
fn packed_by(test: &str, name: &str, arguments: &[&str], data: &[u8]) -> Option<Vec<u8>> {
    let mut command = program(test, name)?;
    let folder = Folder::new();
    let file = folder.file("data", data);
    Some(run(command.args(arguments).arg("-c").arg(file)))
}

#[test]
fn reads_zstd() {
    let data = data();
    for arguments in
        [&["-1"][..], &["-3"], &["-19"], &["--fast=5"], &["-3", "--no-check"], &["-T0"], &["-T2", "-B512KiB"]]
    {
        let Some(packed) = packed_by("reads_zstd", "zstd", arguments, &data) else { return };
        assert_eq!(codec::decompressed_size(&packed), Ok(data.len() as u64));
        assert_unpacks(&packed, &data);
    }
}

#[test]
fn reads_zstd_with_long_windows() {
    let data = [noise(3 << 20), records(1 << 20), noise(3 << 20)].concat();
    for arguments in [["-3", "--long=27"], ["-3", "--long=31"]] {
        let Some(packed) = packed_by("reads_zstd_with_long_windows", "zstd", &arguments, &data) else {
            return;
        };
        assert_unpacks(&packed, &data); // single segments: their window is the content
    }
    // From a pipe the size is not known, so there is a window.
    let Some(mut command) = program("reads_zstd_with_long_windows", "zstd") else { return };
    let folder = Folder::new();
    let file = folder.file("data", &data);
    let stream = std::fs::File::open(file).unwrap();
    let output = command.args(["-3", "--long=28", "-c"]).stdin(stream).output().unwrap();
    assert!(output.status.success());
    let frame = Frames::new(&output.stdout).next().unwrap().unwrap();
    assert_eq!((frame.content_size, frame.window), (None, 1 << 28));
    assert_eq!(codec::decompressed_size(&output.stdout).unwrap_err().kind(), ErrorKind::Unsupported);
    let unpack =
        |window_log| codec::decompress_to_vec(&output.stdout, &Options { window_log, ..Options::default() });
    assert_eq!(unpack(0).unwrap_err().kind(), ErrorKind::LimitExceeded);
    assert!(unpack(28).unwrap() == data);
}

#[test]
fn reads_pzstd() {
    let data = data();
    for arguments in [&["-3", "-p", "2"][..], &["-1", "-p", "5"]] {
        let Some(packed) = packed_by("reads_pzstd", "pzstd", arguments, &data) else { return };
        assert!(Frames::new(&packed).count() > 1);
        assert_unpacks(&packed, &data);
    }
}

#[test]
fn reads_concatenations() {
    let data = records(600_000);
    let test = "reads_concatenations";
    let Some(zstd) = packed_by(test, "zstd", &["-5"], &data) else { return };
    let Some(pzstd) = packed_by(test, "pzstd", &["-p", "2"], &data) else { return };
    let ours = pack(&data, &Options { frame_size: 100_000, ..Options::default() });
    let all = [&zstd[..], &ours, &pzstd, &ours, &zstd].concat();
    assert_unpacks(&all, &data.repeat(5));
}

#[test]
fn zstd_reads_ours() {
    let data = data();
    let base = Options { frame_size: 700_000, ..Options::default() };
    for options in [
        Options::default(),
        base,
        Options { level: 19, ..base },
        Options { level: -10, ..base },
        Options { checksum: false, ..base },
        Options { seek_table: false, ..base },
        Options { single_frame: true, window_log: 27, ..Options::default() },
    ] {
        let Some(mut zstd) = program("zstd_reads_ours", "zstd") else { return };
        let folder = Folder::new();
        let file = folder.file("ours.zst", &pack(&data, &options));
        run(std::process::Command::new("zstd").arg("-t").arg(&file));
        assert!(run(zstd.args(["-d", "-c"]).arg(&file)) == data);
    }
}

#[test]
fn pzstd_reads_ours() {
    let data = data();
    let Some(mut pzstd) = program("pzstd_reads_ours", "pzstd") else { return };
    let folder = Folder::new();
    let file = folder.file("ours.zst", &pack(&data, &Options { frame_size: 700_000, ..Options::default() }));
    assert!(run(pzstd.args(["-d", "-c", "-p", "2"]).arg(&file)) == data);
}

/// Empty and tiny files, as the programs write them.
#[test]
fn reads_small_files() {
    for len in [0, 1, 10, 300] {
        let data = &records(300)[..len];
        let Some(packed) = packed_by("reads_small_files", "zstd", &["-3"], data) else { return };
        assert_unpacks(&packed, data);
        let Some(mut zstd) = program("reads_small_files", "zstd") else { return };
        let folder = Folder::new();
        let file = folder.file("small.zst", &pack(data, &Options::default()));
        assert!(run(zstd.args(["-d", "-c"]).arg(&file)) == data);
        assert!(folder.path().is_dir());
    }
}
