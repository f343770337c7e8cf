//! What comes out of a writer.

use crate::common::{assert_unpacks, noise, pack, pack_in, records, Random};
use fastpar::codec::{compress_to_vec, Frames, Options, SeekTable, Writer};
use fastpar::ErrorKind;
use proptest::prelude::*;
use std::io::Write;
use std::ops::ControlFlow;
use std::sync::Mutex;

/// Frames that hold something.
fn frames(packed: &[u8]) -> usize {
    Frames::new(packed).map(Result::unwrap).filter(|frame| !frame.skippable).count()
}

#[test]
fn all_sizes() {
    for frame_size in [0, 1000, 65_536] {
        let options = Options { frame_size, ..Options::default() };
        let size = if frame_size == 0 { 4 << 20 } else { frame_size };
        for len in [0, 1, size - 1, size, size + 1, 2 * size, 3 * size + 17, 9 * size] {
            let data = records(len);
            let packed = pack(&data, &options);
            assert_unpacks(&packed, &data);
            assert_eq!(frames(&packed), len.div_ceil(size).max(1));
            let table = SeekTable::find(&packed);
            assert_eq!(table.map(|table| table.len()), (len > size).then(|| len.div_ceil(size)));
        }
    }
}

/// Streams and buffers make the same of the same options.
#[test]
fn same_as_in_memory() {
    let data = [records(700_000), noise(300_000), vec![0; 400_000]].concat();
    for level in [-7, 1, 3, 6, 12] {
        for frame_size in [50_000, 333_333, 1 << 20, 10 << 20] {
            for (checksum, seek_table) in [(true, true), (false, false)] {
                let options = Options { level, frame_size, checksum, seek_table, ..Options::default() };
                assert!(pack(&data, &options) == compress_to_vec(&data, &options).unwrap());
            }
        }
    }
}

#[test]
fn one_frame() {
    let data = records(5 << 20);
    for level in [1, 3, 19] {
        let len = if level == 19 { 1 << 20 } else { data.len() };
        let options = Options { level, single_frame: true, ..Options::default() };
        let packed = pack(&data[..len], &options);
        assert_eq!((frames(&packed), SeekTable::find(&packed).is_none()), (1, true));
        assert_unpacks(&packed, &data[..len]);
        assert!(pack_in(&data[..len], &options, 77_777) == packed);
        assert!(zstd::decode_all(&packed[..]).unwrap() == data[..len]);
    }
    let empty = pack(&[], &Options { single_frame: true, ..Options::default() });
    assert_eq!(frames(&empty), 1);
    assert_unpacks(&empty, &[]);
}

#[test]
fn flushing_ends_a_frame() {
    let data = records(100_000);
    for single_frame in [false, true] {
        let mut writer = Writer::new(Vec::new(), &Options { single_frame, ..Options::default() }).unwrap();
        writer.flush().unwrap();
        assert_eq!(writer.written(), 0);
        for part in data.chunks(30_000) {
            writer.write(part).unwrap();
            writer.flush().unwrap();
            let so_far = writer.written();
            writer.flush().unwrap();
            assert_eq!(writer.written(), so_far, "nothing new");
            // Everything that was written can be decoded now.
            let mut out = vec![0; writer.consumed() as usize];
            std::io::Read::read_exact(&mut zstd::Decoder::new(&writer.get_ref()[..]).unwrap(), &mut out)
                .unwrap();
            assert!(data.starts_with(&out) && (single_frame || out.len() % 10_000 == 0));
        }
        writer.finish().unwrap();
        let packed = writer.into_inner();
        assert_eq!(frames(&packed), if single_frame { 1 } else { 4 });
        assert_unpacks(&packed, &data);
    }
}

#[test]
fn closed_after_the_end() {
    let mut writer = Writer::new(Vec::new(), &Options::default()).unwrap();
    writer.write(b"text").unwrap();
    writer.finish().unwrap();
    let len = writer.written();
    assert_eq!(writer.finish().unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(writer.write(b"more").unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(writer.flush().unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(writer.into_inner().len() as u64, len);
}

/// A writer is an ordinary `Write`.
#[test]
fn through_the_trait() {
    let data = records(300_000);
    let mut writer = Writer::new(Vec::new(), &Options::default()).unwrap();
    std::io::copy(&mut &data[..], &mut writer).unwrap();
    writeln!(writer, "the end").unwrap();
    writer.finish().unwrap();
    assert_unpacks(&writer.into_inner(), &[&data[..], b"the end\n"].concat());
}

#[test]
fn progress_counts_what_is_compressed() {
    let seen = Mutex::new(Vec::new());
    let report = |done, total| {
        seen.lock().unwrap().push((done, total));
        ControlFlow::Continue(())
    };
    let data = records(3_000_000);
    pack(&data, &Options { frame_size: 10_000, progress: Some(&report), ..Options::default() });
    let seen = seen.into_inner().unwrap();
    assert!(seen.windows(2).all(|pair| pair[0].0 <= pair[1].0));
    assert_eq!(seen.last(), Some(&(3_000_000, 3_000_000)));
    assert!(seen[..seen.len() - 1].iter().all(|&(_, total)| total == u64::MAX));
}

#[test]
fn any_split_gives_the_same() {
    let data = [records(900_000), noise(100_000)].concat();
    for options in [
        Options { frame_size: 70_000, ..Options::default() },
        Options { single_frame: true, ..Options::default() },
        Options { frame_size: 70_000, max_lanes: 1, ..Options::default() },
    ] {
        let expected = pack(&data, &options);
        let mut random = Random(9);
        for _ in 0..20 {
            let mut writer = Writer::new(Vec::new(), &options).unwrap();
            let mut rest = &data[..];
            while !rest.is_empty() {
                let most = 1 << random.below(18);
                let (now, later) = rest.split_at(random.below(most).min(rest.len()));
                writer.write(now).unwrap();
                rest = later;
            }
            writer.finish().unwrap();
            assert!(writer.into_inner() == expected);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Where it is flushed matters, how it is cut into calls does not.
    #[test]
    fn flushes_and_splits(
        parts in prop::collection::vec((0usize..9000, any::<bool>()), 1..30),
        frame_size in 500usize..20_000,
        lanes in 0u32..4,
    ) {
        let options = Options { frame_size, max_lanes: lanes, ..Options::default() };
        let total: usize = parts.iter().map(|part| part.0).sum();
        let data = records(total);
        let run = |step: usize| {
            let mut writer = Writer::new(Vec::new(), &options).unwrap();
            let mut rest = &data[..];
            for &(len, flush) in &parts {
                let (now, later) = rest.split_at(len);
                for piece in now.chunks(step) {
                    writer.write(piece).unwrap();
                }
                if flush {
                    writer.flush().unwrap();
                }
                rest = later;
            }
            writer.finish().unwrap();
            writer.into_inner()
        };
        let packed = run(usize::MAX);
        prop_assert!(run(1000) == packed);
        prop_assert!(run(37) == packed);
        assert_unpacks(&packed, &data);
    }
}
