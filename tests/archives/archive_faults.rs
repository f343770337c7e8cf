//! Archives that are not what they say: tables that lie, damage, files that change meanwhile.

use super::archive::{both, check_ranges, frames_of, ranges, read, refusal};
use super::common::{compress, kind, run, text, Random};
use fastpar::codec::{Archive, Options, SeekTable};
use fastpar::ErrorKind;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Command;

/// The entries of the seek table, to be changed.
fn with_entries(packed: &[u8], change: impl FnOnce(&mut [(u32, u32)])) -> Vec<u8> {
    let table = SeekTable::find(packed).unwrap();
    let mut entries: Vec<_> = table.entries().collect();
    change(&mut entries);
    let mut changed = packed[..table.offset()].to_vec();
    changed.extend(&packed[table.offset()..table.offset() + 8]);
    for (compressed, decompressed) in entries {
        changed.extend(compressed.to_le_bytes());
        changed.extend(decompressed.to_le_bytes());
    }
    changed.extend(&packed[packed.len() - 9..]);
    changed
}

#[test]
fn tables_that_lie_are_passed_over() {
    let data = text(100_000, 11);
    let packed = compress(&data, &frames_of(10_000));
    type Change = fn(&mut [(u32, u32)]);
    let changes: [Change; 7] = [
        |entries| entries[3].1 += 1,
        |entries| (entries[3].1, entries[4].1) = (9_000, 11_000),
        |entries| (entries[3].0, entries[4].0) = (entries[3].0 - 1, entries[4].0 + 1),
        |entries| entries[9].1 = u32::MAX,
        |entries| (entries[0].0, entries[1].0) = (0, entries[0].0 + entries[1].0),
        |entries| entries.iter_mut().for_each(|entry| entry.1 = 0),
        |entries| entries.rotate_left(1),
    ];
    for change in changes {
        both(&with_entries(&packed, change), &Options::default(), |archive| {
            check_ranges(archive, &data, 10_000, 20)
        });
    }
    // Any byte of it.
    let table = SeekTable::find(&packed).unwrap().offset();
    for at in table..packed.len() {
        for bit in [0, 7] {
            let mut damaged = packed.clone();
            damaged[at] ^= 1 << bit;
            let Ok(archive) = Archive::new(&damaged, &Options::default()) else { continue };
            assert!(read(&archive, 0, data.len() + 1).unwrap() == data, "byte {at}, bit {bit}");
        }
    }
}

/// A table may also lie about frames that do not tell their sizes: it shows when they are read.
#[test]
fn tables_that_lie_about_silent_frames() {
    let data = text(750_000, 12);
    let parts: Vec<_> = data.chunks(250_000).map(|part| zstd::stream::encode_all(part, 3).unwrap()).collect();
    let packed = |sizes: [u32; 3]| {
        let mut packed = parts.concat();
        packed.extend([0x184d_2a5e, 33u32].into_iter().flat_map(u32::to_le_bytes));
        let entries = parts.iter().zip(sizes).flat_map(|(part, size)| [part.len() as u32, size]);
        packed.extend(entries.flat_map(u32::to_le_bytes));
        packed.extend(3u32.to_le_bytes().into_iter().chain([0]).chain(0x8f92_eab1u32.to_le_bytes()));
        packed
    };
    let tight = Options { max_memory: 3 << 20, ..Options::default() };
    both(&packed([250_000; 3]), &Options::default(), |archive| check_ranges(archive, &data, 250_000, 30));
    for sizes in [[250_001, 249_999, 250_000], [0, 500_000, 250_000], [250_000, 250_000, 90_000_000]] {
        for options in [Options::default(), tight] {
            both(&packed(sizes), &options, |archive| {
                let all = archive.size() as usize;
                assert_eq!(kind(read(archive, 0, all)), ErrorKind::Corrupt, "{sizes:?}");
                let last = read(archive, all as u64 - 5, 5);
                assert!(if sizes[2] == 250_000 { last.is_ok() } else { kind(last) == ErrorKind::Corrupt });
                assert!(read(archive, 250_001, 10).is_ok() || sizes[0] != 250_000, "{sizes:?}");
            });
        }
    }
}

#[test]
fn damaged_anywhere() {
    let data = text(60_000, 13);
    for options in [frames_of(20_000), Options { single_frame: true, ..Options::default() }] {
        let packed = compress(&data, &options);
        let mut random = Random::new(1);
        for _ in 0..400 {
            let mut damaged = packed.clone();
            damaged[random.below(packed.len())] ^= 1 << random.below(8);
            damaged.truncate(if random.below(3) == 0 { random.below(packed.len()) } else { packed.len() });
            for max_memory in [0, 500_000] {
                let options = Options { max_memory, max_output: 1 << 20, ..Options::default() };
                let Ok(archive) = Archive::new(&damaged, &options) else { continue };
                for (offset, len) in ranges(60_000, 20_000, 6) {
                    if let Ok(bytes) = read(&archive, offset as u64, len) {
                        let same = data.get(offset..).is_some_and(|data| data.starts_with(&bytes));
                        assert!(same || bytes.is_empty() || max_memory > 0 || archive.size() != 60_000);
                    }
                }
            }
        }
    }
    assert_eq!(refusal(b"not zstd", &Options::default()), ErrorKind::NotZstd);
    let packed = compress(&data, &Options { single_frame: true, ..Options::default() });
    for len in [1, 3, 5, 7, 20, packed.len() - 5, packed.len() - 1] {
        assert_eq!(refusal(&packed[..len], &Options::default()), ErrorKind::Truncated, "{len}");
    }
    assert_eq!(refusal(&[&packed[..], b"garbage"].concat(), &Options::default()), ErrorKind::NotZstd);
}

/// Whatever becomes of the file, there are errors, and no signals.
#[test]
fn files_that_change() {
    let data = text(2_000_000, 14);
    let packed = compress(&data, &frames_of(100_000));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("archive.zst");
    std::fs::write(&path, &packed).unwrap();
    let archive = Archive::open(&path, &Options::default()).unwrap();
    let mut file = File::options().write(true).open(&path).unwrap();
    assert!(read(&archive, 5, 100).unwrap() == data[5..105]);
    // Overwritten.
    file.seek(SeekFrom::Start(packed.len() as u64 / 2)).unwrap();
    file.write_all(&[0xaa; 1000]).unwrap();
    assert!(matches!(
        kind(read(&archive, 0, 2_000_000)),
        ErrorKind::Corrupt | ErrorKind::Checksum | ErrorKind::NotZstd
    ));
    // Cut off: what is kept is still there.
    file.set_len(10).unwrap();
    assert!(read(&archive, 5, 100).unwrap() == data[5..105]);
    let error = read(&archive, 1_950_000, 100).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    assert!(error.message().contains("ends"), "{error}");
    assert_eq!(kind(read(&archive, 0, 2_000_000)), ErrorKind::Io);
    // Whole again.
    std::fs::write(&path, &packed).unwrap();
    check_ranges(&archive, &data, 100_000, 10);
    // Gone: the open file stays.
    #[cfg(unix)]
    {
        std::fs::remove_file(&path).unwrap();
        check_ranges(&archive, &data, 100_000, 10);
    }
}

#[test]
fn files_that_are_none() {
    let folder = tempfile::tempdir().unwrap();
    let open = |path: &Path| kind(Archive::open(path, &Options::default()));
    assert_eq!(open(&folder.path().join("missing")), ErrorKind::Io);
    assert_eq!(open(folder.path()), ErrorKind::Io);
    #[cfg(unix)]
    {
        let fifo = folder.path().join("fifo");
        run(Command::new("mkfifo").arg(&fifo));
        assert_eq!(open(&fifo), ErrorKind::Unsupported);
        assert_eq!(open(Path::new("/dev/null")), ErrorKind::Unsupported);
    }
}
