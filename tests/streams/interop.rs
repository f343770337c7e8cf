//! Files for and from other programs.

use crate::common::{noise, program, records, run};
use crate::files::Place;
use fastpar::codec::{compress_file, decompress_file, Options};
use std::fs;
use std::path::Path;

fn data() -> Vec<u8> {
    [records(11 << 20), noise(3 << 20), vec![0; 2 << 20], records(1 << 20)].concat()
}

#[test]
fn others_read_our_files() {
    let data = data();
    let place = Place::new(&data);
    for options in [
        Options::default(),
        Options { level: 1, frame_size: 300_000, ..Options::default() },
        Options { single_frame: true, level: 5, ..Options::default() },
        Options { level: 4, window_log: 24, checksum: false, seek_table: false, ..Options::default() },
    ] {
        compress_file(&place.input, &place.output, &options).unwrap();
        for name in ["zstd", "pzstd"] {
            let Some(mut command) = program("others_read_our_files", name) else { continue };
            let out = run(command.args(["-d", "-q", "-c"]).arg(&place.output));
            assert!(out == data, "{name}");
        }
        let Some(mut command) = program("others_read_our_files", "zstd") else { return };
        run(command.args(["-t", "-q"]).arg(&place.output));
    }
}

#[test]
fn we_read_their_files() {
    let data = data();
    let place = Place::new(&data);
    let read = |path: &Path| {
        for max_memory in [0, 40 << 20] {
            let options = Options { max_memory, ..Options::default() };
            let stats = decompress_file(path, &place.back, &options).unwrap();
            assert_eq!(stats.bytes_out, data.len() as u64);
            assert!(fs::read(&place.back).unwrap() == data);
        }
    };
    for (name, arguments) in [
        ("zstd", &["-3"][..]),
        ("zstd", &["-1", "-T0"]),
        ("zstd", &["-3", "-T2", "-B512KiB", "--no-check"]),
        ("zstd", &["-6", "--long=24"]),
        ("zstd", &["--fast=9"]),
        ("pzstd", &["-1", "-p", "1"]),
        ("pzstd", &["-3", "-p", "3"]),
        ("pzstd", &["-6", "-p", "24"]),
    ] {
        let Some(mut command) = program("we_read_their_files", name) else { continue };
        run(command.args(arguments).args(["-q", "-f", "-o"]).arg(&place.output).arg(&place.input));
        read(&place.output);
        // From a pipe, a frame does not tell its size.
        let Some(mut command) = program("we_read_their_files", name) else { continue };
        let input = fs::File::open(&place.input).unwrap();
        let output = fs::File::create(&place.output).unwrap();
        let status = command.args(arguments).args(["-q", "-c"]).stdin(input).stdout(output).status().unwrap();
        assert!(status.success());
        read(&place.output);
    }
}

#[test]
fn slow_levels_and_long_windows() {
    let data = [records(2 << 20), noise(1 << 20), records(2 << 20)].concat();
    let place = Place::new(&data);
    for arguments in [&["-19"][..], &["-3", "--long=27"], &["-19", "--long=27", "-T0"], &["--ultra", "-22"]] {
        let Some(mut command) = program("slow_levels_and_long_windows", "zstd") else { return };
        run(command.args(arguments).args(["-q", "-f", "-o"]).arg(&place.output).arg(&place.input));
        decompress_file(&place.output, &place.back, &Options::default()).unwrap();
        assert!(fs::read(&place.back).unwrap() == data);
    }
    compress_file(&place.input, &place.output, &Options { level: 19, ..Options::default() }).unwrap();
    let Some(mut command) = program("slow_levels_and_long_windows", "zstd") else { return };
    assert!(run(command.args(["-d", "-q", "-c"]).arg(&place.output)) == data);
}
