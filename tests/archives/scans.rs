//! Scans: every byte in one piece, records whole, the same pieces on any number of lanes; and what is
//! refused.

use super::archive::{both, frames_of};
use super::common::{compress, kind, text, Random};
use fastpar::codec::{archive_for, archive_reduce, Archive, Options, Piece, ScanOptions};
use fastpar::{Error, ErrorKind, Result};
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::sync::Mutex;

/// What a piece was.
type Seen = (u64, u64, Vec<u8>);

fn pieces(archive: &Archive<'_>, options: &ScanOptions<'_>) -> Result<Vec<Seen>> {
    let seen = Mutex::new(Vec::new());
    archive_for(archive, options, |piece| {
        assert!(piece.lane < piece.lanes && !piece.data.is_empty());
        seen.lock().unwrap().push((piece.index, piece.offset, piece.data.to_vec()));
        Ok(())
    })?;
    let mut seen = seen.into_inner().unwrap();
    seen.sort();
    Ok(seen)
}

/// Frames of these sizes, some of which do not tell them.
fn frames_of_sizes(data: &[u8], sizes: &[usize]) -> Vec<u8> {
    let mut packed = Vec::new();
    let mut at = 0;
    for &size in sizes {
        let end = data.len().min(at + size);
        let one = Options { seek_table: false, single_frame: true, ..Options::default() };
        packed.extend(compress(&data[at..end], &one));
        at = end;
    }
    assert_eq!(at, data.len());
    packed
}

/// The pieces follow each other, are whole records of at most a piece, and are the content.
fn check(data: &[u8], from: usize, record: usize, piece_size: usize, seen: &[Seen]) {
    let mut at = from as u64;
    for (number, (index, offset, bytes)) in seen.iter().enumerate() {
        assert_eq!((*index, *offset), (number as u64, at));
        assert_eq!(bytes.len() % record, 0);
        if piece_size > 0 {
            assert!(bytes.len() <= piece_size.max(record));
        }
        assert!(bytes[..] == data[at as usize..][..bytes.len()]);
        at += bytes.len() as u64;
    }
    assert_eq!(at, data.len() as u64);
}

#[test]
fn records_come_whole_wherever_frames_cut_them() {
    let mut random = Random::new(11);
    for record in [1, 2, 48, 1000, 70_000] {
        let data = text(record * (300_000 / record).max(9), record as u64);
        let mut sizes = Vec::new();
        let mut left = data.len();
        while left > 0 {
            let size = [0, 1, 7, 4096, 30_000][random.below(5)].min(left) + random.below(3).min(left);
            let size = size.min(left);
            left -= size;
            sizes.push(size);
        }
        both(&frames_of_sizes(&data, &sizes), &Options::default(), |archive| {
            for piece_size in [0, 1, 100, 5000, usize::MAX] {
                let of = |max_lanes| ScanOptions {
                    record_size: record,
                    piece_size,
                    max_lanes,
                    ..ScanOptions::default()
                };
                if piece_size == 1 && record == 1 {
                    continue; // 300,000 of them
                }
                let seen = pieces(archive, &of(1)).unwrap();
                check(&data, 0, record, piece_size, &seen);
                for lanes in [2, 7, 24] {
                    assert!(pieces(archive, &of(lanes)).unwrap() == seen);
                }
            }
        });
    }
}

#[test]
fn large_frames_come_piece_by_piece() {
    let data = text(18 << 20, 3);
    let one = Options { single_frame: true, ..Options::default() };
    for packed in [compress(&data, &one), compress(&data, &frames_of(5 << 20))] {
        both(&packed, &Options::default(), |archive| {
            let seen = pieces(archive, &ScanOptions { record_size: 2, ..ScanOptions::default() }).unwrap();
            check(&data, 0, 2, 256 << 10, &seen);
            let part =
                ScanOptions { offset: 9 << 20, size: 3 << 20, max_memory: 8 << 20, ..ScanOptions::default() };
            check(&data[..12 << 20], 9 << 20, 1, 256 << 10, &pieces(archive, &part).unwrap());
        });
    }
    let archive = compress(&data, &one);
    let archive = Archive::new(&archive, &Options::default()).unwrap();
    let small = ScanOptions { max_memory: 1 << 20, ..ScanOptions::default() };
    assert_eq!(kind(pieces(&archive, &small)), ErrorKind::LimitExceeded);
}

#[test]
fn a_piece_that_begins_a_frame_is_aligned() {
    let data = text(3 << 20, 4);
    let packed = compress(&data, &frames_of(300_000));
    let archive = Archive::new(&packed, &Options::default()).unwrap();
    let aligned = AtomicU64::new(0);
    archive_for(&archive, &ScanOptions { piece_size: 1000, ..ScanOptions::default() }, |piece| {
        if piece.offset % 300_000 == 0 {
            assert_eq!(piece.data.as_ptr() as usize % 64, 0);
            aligned.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    })
    .unwrap();
    assert_eq!(aligned.into_inner(), 11);
}

/// The lines that begin in a part, by a plain loop.
fn lines_in(data: &[u8], from: usize, to: usize) -> &[u8] {
    let start_at = |at: usize| {
        if at == 0 || data[at - 1] == b'\n' {
            return at;
        }
        data[at..].iter().position(|&byte| byte == b'\n').map_or(data.len(), |newline| at + newline + 1)
    };
    &data[start_at(from)..start_at(to).max(start_at(from))]
}

#[test]
fn lines_come_whole() {
    let mut random = Random::new(5);
    for (round, frame) in [1, 17, 1000, 50_000, 3 << 20].into_iter().enumerate() {
        let mut data = text(if frame < 100 { 6000 } else { 200_000 }, round as u64);
        if round % 2 == 0 {
            data.push(b'\n');
        }
        let packed =
            compress(&data, &Options { frame_size: frame.max(data.len() >> 12), ..Options::default() });
        both(&packed, &Options::default(), |archive| {
            for piece_size in [0, 1, 300, 100_000] {
                for part in 0..8 {
                    let (from, to) = match part {
                        0 => (0, data.len()),
                        _ => {
                            let from = random_cut(part, data.len());
                            (from, from + (data.len() - from) / part.max(1))
                        }
                    };
                    let of = |max_lanes| ScanOptions {
                        lines: true,
                        piece_size,
                        max_lanes,
                        offset: from as u64,
                        size: (to - from) as u64,
                        ..ScanOptions::default()
                    };
                    if from == to {
                        continue;
                    }
                    let seen = pieces(archive, &of(1)).unwrap();
                    let all: Vec<u8> = seen.iter().flat_map(|(_, _, bytes)| bytes.iter().copied()).collect();
                    assert!(all == lines_in(&data, from, to), "{frame} {piece_size} {from} {to}");
                    for (_, offset, bytes) in &seen {
                        let end = *offset as usize + bytes.len();
                        assert!(bytes.ends_with(b"\n") || end == data.len());
                        let lines = bytes.iter().filter(|&&byte| byte == b'\n').count();
                        assert!(piece_size == 0 || bytes.len() <= piece_size || lines <= 1);
                    }
                    assert!(seen.windows(2).all(|two| two[0].0 < two[1].0 && two[0].1 < two[1].1));
                    for lanes in [2, 24] {
                        assert!(pieces(archive, &of(lanes)).unwrap() == seen);
                    }
                }
            }
        });
    }
    let _ = random.next();
}

fn random_cut(part: usize, len: usize) -> usize {
    Random::new(part as u64).below(len)
}

#[test]
fn a_line_that_is_too_long_is_refused() {
    let mut data = text(1000, 1);
    data.extend(vec![b'x'; 100_000]);
    data.extend(b"\nend");
    for frame in [700, 2 << 20] {
        let packed = compress(&data, &frames_of(frame));
        let archive = Archive::new(&packed, &Options::default()).unwrap();
        let lines = ScanOptions { lines: true, ..ScanOptions::default() };
        assert_eq!(pieces(&archive, &lines).unwrap().last().unwrap().2, b"end");
        let limited = Archive::new(&packed, &Options { max_memory: 90_000, ..Options::default() });
        // Too little for a context as well, which has the same kind.
        assert_eq!(
            limited.map(|archive| kind(pieces(&archive, &lines))).unwrap_or(ErrorKind::LimitExceeded),
            ErrorKind::LimitExceeded
        );
    }
    let mut long = vec![b'y'; 70 << 20];
    long[69 << 20] = b'\n';
    let packed = compress(&long, &Options::default());
    let archive = Archive::new(&packed, &Options::default()).unwrap();
    let lines = ScanOptions { lines: true, ..ScanOptions::default() };
    assert_eq!(kind(pieces(&archive, &lines)), ErrorKind::LimitExceeded);
}

#[test]
fn reductions_are_the_same_to_the_bit() {
    let numbers: Vec<f64> = (0..400_000).map(|number| 1.0 / f64::from(number * 7 % 1001 + 1)).collect();
    let data: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    let packed = compress(&data, &frames_of(100_003));
    let archive = Archive::new(&packed, &Options::default()).unwrap();
    let sum_of = |bytes: &[u8]| {
        bytes.chunks_exact(8).map(|eight| f64::from_le_bytes(eight.try_into().unwrap())).sum::<f64>()
    };
    for piece_size in [0, 8, 1000] {
        let of = |max_lanes| ScanOptions { record_size: 8, piece_size, max_lanes, ..ScanOptions::default() };
        let serial =
            pieces(&archive, &of(1)).unwrap().iter().map(|piece| sum_of(&piece.2)).fold(0.0, |a, b| a + b);
        for lanes in [1, 2, 7, 24] {
            let sum = archive_reduce(
                &archive,
                &of(lanes),
                0.0,
                |piece, sum| *sum += sum_of(piece.data),
                |into, from| *into += from,
            );
            assert_eq!(sum.unwrap().to_bits(), f64::to_bits(serial));
        }
    }
}

#[test]
fn what_is_no_whole_number_of_records_is_refused() {
    let data = text(4800, 6);
    let packed = compress(&data, &frames_of(1000));
    let archive = Archive::new(&packed, &Options::default()).unwrap();
    let never = |_: &Piece<'_>| -> Result<()> { panic!("no piece is to be called for") };
    let refused = |options: &ScanOptions<'_>| {
        assert_eq!(kind(archive_for(&archive, options, never)), ErrorKind::InvalidArgument);
    };
    let records =
        |record_size, offset, size| ScanOptions { record_size, offset, size, ..ScanOptions::default() };
    for (record, offset, size) in [
        (47, 0, 0),
        (4801, 0, 0),
        (usize::MAX, 0, 0),
        (48, 1, 0),
        (48, 48, 47),
        (48, 24, 48),
        (1, 4801, 0),
        (1, 4800, 1),
        (1, u64::MAX, 2),
        (1, 2, u64::MAX),
        (1, 0, 4801),
    ] {
        refused(&records(record, offset, size));
    }
    refused(&ScanOptions { lines: true, record_size: 1, ..ScanOptions::default() });
    assert_eq!(pieces(&archive, &records(48, 4800, 0)).unwrap(), []);
    check(&data[..96], 48, 48, 0, &pieces(&archive, &records(48, 48, 48)).unwrap());
    let empty = Archive::new(&[], &Options::default()).unwrap();
    assert_eq!(pieces(&empty, &records(usize::MAX, 0, 0)).unwrap(), []);
    assert_eq!(pieces(&empty, &ScanOptions { lines: true, ..ScanOptions::default() }).unwrap(), []);
}

#[test]
fn damage_is_told_as_what_it_is() {
    let data = text(3 << 20, 7);
    for frame in [200_000, 3 << 20] {
        let options = Options { seek_table: false, ..frames_of(frame) };
        let mut packed = compress(&data, &options);
        let end = packed.len() - 1;
        packed[end] ^= 1; // of the last frame's checksum
        both(&packed, &Options::default(), |archive| {
            for max_lanes in [1, 2] {
                let options = ScanOptions { max_lanes, ..ScanOptions::default() };
                assert_eq!(kind(pieces(archive, &options)), ErrorKind::Checksum);
                let lines = ScanOptions { lines: true, ..options };
                assert_eq!(kind(pieces(archive, &lines)), ErrorKind::Checksum);
            }
        });
    }
    // A seek table that lies about a frame that does not tell its size is found out at its end.
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, &compress(&data, &frames_of(100_000))).unwrap();
    let archive = Archive::open(file.path(), &Options::default()).unwrap();
    file.as_file().set_len(1000).unwrap();
    assert_eq!(kind(pieces(&archive, &ScanOptions::default())), ErrorKind::Io);
}

#[test]
fn a_body_that_fails_stops_the_scan() {
    let packed = compress(&text(4 << 20, 8), &frames_of(50_000));
    let archive = Archive::new(&packed, &Options::default()).unwrap();
    let failing = |max_lanes| {
        let options = ScanOptions { max_lanes, piece_size: 10_000, ..ScanOptions::default() };
        archive_for(&archive, &options, |piece| match piece.index {
            100.. => Err(Error::new(ErrorKind::Truncated, "told by the body").at(piece.index)),
            _ => Ok(()),
        })
    };
    let error = failing(1).unwrap_err();
    assert_eq!((error.kind(), error.position()), (ErrorKind::Truncated, Some(100)));
    assert_eq!(failing(2).unwrap_err().kind(), ErrorKind::Truncated);
    let panicked = archive_for(&archive, &ScanOptions::default(), |_| panic!("expected by the test"));
    assert_eq!(kind(panicked), ErrorKind::Panic);
    let flag = AtomicI32::new(0);
    let options = ScanOptions { cancel: Some(&flag), ..ScanOptions::default() };
    let cancelled = archive_for(&archive, &options, |_| {
        flag.store(1, Ordering::Relaxed);
        Ok(())
    });
    assert_eq!(kind(cancelled), ErrorKind::Cancelled);
}

#[test]
fn progress_tells_bytes_of_the_part() {
    let packed = compress(&text(1 << 20, 9), &frames_of(50_000));
    let archive = Archive::new(&packed, &Options::default()).unwrap();
    let last = Mutex::new((0, 0));
    let report = |done, total| {
        let mut last = last.lock().unwrap();
        assert!(done >= last.0 && done <= total);
        *last = (done, total);
        std::ops::ControlFlow::Continue(())
    };
    let options = ScanOptions { offset: 1000, progress: Some(&report), ..ScanOptions::default() };
    pieces(&archive, &options).unwrap();
    assert_eq!(last.into_inner().unwrap(), ((1 << 20) - 1000, (1 << 20) - 1000));
}

#[test]
fn scans_in_scans_and_from_many_threads() {
    let data = text(600_000, 10);
    let packed = compress(&data, &frames_of(20_000));
    let archive = Archive::new(&packed, &Options::default()).unwrap();
    let expected: u64 = data.iter().map(|&byte| u64::from(byte)).sum();
    let sum = || {
        archive_reduce(
            &archive,
            &ScanOptions::default(),
            0,
            |piece, sum| *sum += piece.data.iter().map(|&byte| u64::from(byte)).sum::<u64>(),
            |into, from| *into += from,
        )
        .unwrap()
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(sum(), expected));
        }
    });
    let inner = AtomicU64::new(0);
    let few = ScanOptions { size: 60_000, ..ScanOptions::default() };
    archive_for(&archive, &few, |_| {
        inner.fetch_add(sum(), Ordering::Relaxed);
        Ok(())
    })
    .unwrap();
    assert_eq!(inner.into_inner(), 3 * expected);
}
