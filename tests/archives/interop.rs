//! Archives and other programs: what they read of ours, and what we read of theirs.

use super::archive::{check_ranges, ranges};
use super::common::{compress, has, run, text, zstd};
use fastpar::codec::{Archive, Options, SeekTable};
use std::process::Command;

/// A published reader of the seekable format, written by others, finds its way by our seek table.
#[test]
fn an_independent_reader() {
    let data = text(1_000_000, 15);
    for (frame_size, checksum) in [(50_000, true), (1_000_000, false), (333_333, true)] {
        let packed = compress(&data, &Options { frame_size, checksum, ..Options::default() });
        let Some(table) = SeekTable::find(&packed) else { continue };
        let theirs = zeekstd::SeekTable::from_seekable(&mut std::io::Cursor::new(&packed)).unwrap();
        assert_eq!((theirs.num_frames() as usize, theirs.size_decomp()), (table.len(), data.len() as u64));
        assert_eq!(theirs.size_comp(), table.offset() as u64);
        let mut decoder = zeekstd::Decoder::new(std::io::Cursor::new(&packed)).unwrap();
        for (offset, len) in ranges(data.len() - 1, frame_size, 20) {
            let (offset, end) = (offset.min(data.len() - 1), data.len().min(offset + len));
            if offset >= end {
                continue;
            }
            decoder.set_offset_limit(data.len() as u64).unwrap();
            decoder.set_offset(offset as u64).unwrap();
            decoder.set_offset_limit(end as u64).unwrap();
            let mut bytes = vec![0; end - offset];
            let mut filled = 0;
            while filled < bytes.len() {
                let more = decoder.decompress(&mut bytes[filled..]).unwrap();
                assert!(more > 0, "{offset}..{end}");
                filled += more;
            }
            assert!(bytes == data[offset..end], "{offset}..{end}");
        }
    }
}

#[test]
fn what_other_programs_write() {
    if !has("interop::what_other_programs_write", "zstd")
        || !has("interop::what_other_programs_write", "pzstd")
    {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let data = text(5_000_000, 16);
    std::fs::write(folder.path().join("data"), &data).unwrap();
    zstd(folder.path(), &["-T2", "-3", "data", "-o", "one.zst"]);
    zstd(folder.path(), &["--long=27", "-5", "data", "-o", "long.zst"]);
    run(Command::new("sh").current_dir(folder.path()).args(["-c", "zstd -q -1 -c < data > pipe.zst"]));
    run(Command::new("pzstd").current_dir(folder.path()).args(["-q", "-p", "2", "data", "-o", "many.zst"]));
    run(Command::new("sh")
        .current_dir(folder.path())
        .args(["-c", "cat one.zst pipe.zst many.zst > all.zst"]));
    for name in ["one", "long", "pipe", "many", "all"] {
        let times = if name == "all" { 3 } else { 1 };
        let data = data.repeat(times);
        let path = folder.path().join(format!("{name}.zst"));
        let archive = Archive::open(&path, &Options::default()).unwrap();
        check_ranges(&archive, &data, 1 << 20, 20);
        let tight =
            Archive::open(&path, &Options { max_memory: 16 << 20, max_lanes: 1, ..Options::default() });
        check_ranges(&tight.unwrap(), &data, 1 << 20, 5);
    }
}
