//! Frames that lanes share: the pieces, results and errors of one lane.

use crate::codec::archive::Archive;
use crate::codec::format::xxh64::Xxh64;
use crate::codec::options::Options;
use crate::codec::scan::tasks::Task;
use crate::codec::scan::{Piece, Scan, ScanOptions};
use crate::error::{Error, ErrorKind, Result};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::Mutex;

type Seen = Vec<(u64, u64, Vec<u8>)>;

/// Lines of words, some of them long.
fn text(len: usize) -> Vec<u8> {
    let mut state = 7u32;
    let mut text = Vec::with_capacity(len + 16);
    while text.len() < len {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let word = state >> 20;
        text.extend_from_slice(format!("word{word}").as_bytes());
        text.push(if word.is_multiple_of(9) { b'\n' } else { b' ' });
    }
    text.truncate(len);
    text
}

fn frame_with(data: &[u8], checksum: bool) -> Vec<u8> {
    let mut compressor = zstd::bulk::Compressor::new(3).unwrap();
    compressor.include_checksum(checksum).unwrap();
    compressor.compress(data).unwrap()
}

fn frame(data: &[u8]) -> Vec<u8> {
    frame_with(data, true)
}

/// The pieces, in runs of `wave` of them; `lanes` share each frame, or 0: one lane works.
fn pieces(archive: &Archive<'_>, options: &ScanOptions<'_>, lanes: u32, wave: u64) -> (Seen, Result<()>) {
    let seen = Mutex::new(Vec::new());
    let max_lanes = if lanes == 0 { 1 } else { lanes };
    let body = |piece: &Piece<'_>| {
        assert!(piece.lane < piece.lanes);
        seen.lock().unwrap().push((piece.index, piece.offset, piece.data.to_vec()));
        Ok(())
    };
    let run = || {
        let mut scan = Scan::new(archive, &ScanOptions { max_lanes, ..*options }, None)?;
        scan.sharing = Some(lanes).filter(|&lanes| lanes > 0);
        let mut end = 0;
        while end < scan.plan.pieces() {
            let tasks = scan.tasks(scan.plan.frames.clone())?;
            assert_eq!(tasks.iter().any(|task| matches!(task, Task::Lead(_))), lanes > 0);
            end = end.saturating_add(wave);
            scan.run(end, &body)?;
            // libzstd goes on with what is odd only.
            let carried = scan.carried.lock().unwrap();
            let large = carried.as_ref().filter(|walk| walk.frame() != 1);
            assert!(large.is_none_or(|walk| walk.sharing().is_some() == (lanes > 0)));
        }
        scan.finish()
    };
    let result = run();
    let mut seen = seen.into_inner().unwrap();
    seen.sort();
    (seen, result)
}

#[test]
fn pieces_are_those_of_one_lane() {
    let data = text(3 << 20);
    let (first, second) = data.split_at(data.len() / 3 * 2 + 5);
    let packed = [frame(first), frame(&text(1000)), frame(second)].concat();
    let archive = Archive::new(&packed, &Options::default()).unwrap();
    let size = archive.size();
    let lines = ScanOptions { lines: true, ..ScanOptions::default() };
    let records = |record_size, piece_size, offset, size| ScanOptions {
        record_size,
        piece_size,
        offset,
        size,
        ..ScanOptions::default()
    };
    let all = [
        lines,
        ScanOptions { piece_size: 5000, ..lines },
        ScanOptions { offset: size / 3, size: size / 2, ..lines },
        records(1, 0, 0, 0),
        records(48, 10_000, 0, size / 48 * 48),
        records(700_001, 0, 700_001, 1_400_002),
        records(1, 300_000, size / 2, 1000),
    ];
    for options in all {
        let (alone, result) = pieces(&archive, &options, 0, u64::MAX);
        result.unwrap();
        for (lanes, wave) in [(2, u64::MAX), (3, 4), (24, 100)] {
            let (shared, result) = pieces(&archive, &options, lanes, wave);
            result.unwrap();
            assert!(alone == shared, "{options:?}, {lanes} lanes");
        }
    }
}

impl std::fmt::Debug for ScanOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { record_size, piece_size, lines, offset, size, .. } = self;
        write!(f, "records of {record_size}, pieces of {piece_size}, lines {lines}, {size} from {offset}")
    }
}

#[test]
fn errors_are_those_of_one_lane() {
    let data = text(2 << 20);
    let whole = frame(&data);
    let mut cases = Vec::new();
    for at in [whole.len() / 7, whole.len() / 2, whole.len() - 5, whole.len() - 1] {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        cases.push(damaged);
    }
    // A seek table tells checksums, and the frame has none; the second one is wrong.
    let packed = frame_with(&data, false);
    for wrong in [0, 1] {
        let checksum = Xxh64::checksum(&data) ^ wrong;
        let parts = [0x184d_2a5e, 12 + 9, packed.len() as u32, data.len() as u32, checksum, 1];
        let mut table: Vec<u8> = parts.into_iter().flat_map(u32::to_le_bytes).collect();
        table.push(0x80);
        table.extend(0x8f92_eab1_u32.to_le_bytes());
        cases.push([&packed[..], &table].concat());
    }
    let mut failed = 0;
    for packed in &cases {
        let Ok(archive) = Archive::new(packed, &Options::default()) else { continue };
        let options = ScanOptions { piece_size: 100_000, ..ScanOptions::default() };
        let (alone, result) = pieces(&archive, &options, 0, u64::MAX);
        let told = |result: Result<()>| result.map_err(|e| (e.kind(), e.code(), e.to_string(), e.position()));
        let result = told(result);
        failed += usize::from(result.is_err());
        for lanes in [2, 3] {
            let (shared, other) = pieces(&archive, &options, lanes, u64::MAX);
            assert_eq!(result, told(other));
            let common = alone.len().min(shared.len());
            assert!(alone[..common] == shared[..common]);
        }
    }
    assert!(failed >= 4, "{failed} cases have failed");
}

#[test]
fn bodies_that_fail_end_it() {
    let packed = frame(&text(2 << 20));
    let archive = Archive::new(&packed, &Options::default()).unwrap();
    let cancel = AtomicI32::new(0);
    for lanes in [2, 3] {
        let options = ScanOptions {
            piece_size: 50_000,
            max_lanes: lanes,
            cancel: Some(&cancel),
            ..ScanOptions::default()
        };
        let run = |body: &(dyn Fn(&Piece<'_>) -> Result<()> + Sync)| {
            cancel.store(0, Ordering::Relaxed);
            let mut scan = Scan::new(&archive, &options, None)?;
            scan.sharing = Some(lanes);
            scan.run(u64::MAX, body)?;
            scan.finish()
        };
        let stop = |index| {
            move |piece: &Piece<'_>| match piece.index == index {
                true => Err(Error::new(ErrorKind::Callback, "enough")),
                false => Ok(()),
            }
        };
        for index in [0, 7, 41] {
            assert_eq!(run(&stop(index)).unwrap_err().kind(), ErrorKind::Callback);
        }
        let cancels = |piece: &Piece<'_>| {
            cancel.store(i32::from(piece.index == 9), Ordering::Relaxed);
            Ok(())
        };
        let cancelled = run(&cancels);
        assert!(cancelled.is_ok() || cancelled.unwrap_err().kind() == ErrorKind::Cancelled);
        let all = |_: &Piece<'_>| {
            cancel.store(1, Ordering::Relaxed);
            Ok(())
        };
        assert_eq!(run(&all).unwrap_err().kind(), ErrorKind::Cancelled);
        let panics = |piece: &Piece<'_>| {
            assert_ne!(piece.index, 11, "meant to fail");
            Ok(())
        };
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(&panics)));
        assert!(panicked.is_err() || panicked.unwrap().unwrap_err().kind() == ErrorKind::Panic);
        run(&|_| Ok(())).unwrap();
    }
}
