//! What a reader makes of data from anywhere.

use crate::common::{
    assert_kind, assert_unpacks, noise, pack, records, sized_frame, skippable, unpack, unpack_from,
    unsized_frame, Dribble, Random,
};
use fastpar::codec::{compress_to_vec, Options, Reader};
use fastpar::{Error, ErrorKind};
use proptest::prelude::*;
use std::io::{self, BufRead, Read, Write};
use std::ops::ControlFlow;
use std::sync::{LazyLock, Mutex};

/// Everything that valid data can consist of, and what it decodes to.
static MIXTURE: LazyLock<(Vec<u8>, Vec<u8>)> = LazyLock::new(|| {
    let (a, b, c, d) = (records(300_000), noise(200_000), vec![9; 700_000], records(50));
    let packed = [
        skippable(0),
        sized_frame(&a, 3),
        unsized_frame(&b, 1),
        skippable(100_000),
        skippable(1000),
        unsized_frame(&a, 19),
        sized_frame(&[], 3),
        unsized_frame(&[], 3),
        sized_frame(&c, 3),
        sized_frame(&d, 3),
        sized_frame(&d, 3),
        skippable(70_000),
    ]
    .concat();
    (packed, [&a[..], &b, &a, &c, &d, &d].concat())
});

#[test]
fn all_that_is_valid() {
    let (packed, expected) = &*MIXTURE;
    assert_unpacks(packed, expected);
    // With little memory every frame comes in parts.
    for max_lanes in [0, 1] {
        let options = Options { max_memory: 2 << 20, max_lanes, window_log: 27, ..Options::default() };
        let (out, end) = unpack(packed, &Options { max_memory: 12 << 20, ..options });
        assert_eq!(end, Ok(()));
        assert!(out == *expected);
    }
}

#[test]
fn nothing_and_nearly_nothing() {
    assert_unpacks(&[], &[]);
    assert_unpacks(&skippable(0), &[]);
    assert_unpacks(&skippable(3_000_000), &[]);
    assert_unpacks(&sized_frame(&[], 3), &[]);
    let mut reader = Reader::new(&[][..], &Options::default()).unwrap();
    for _ in 0..3 {
        assert_eq!(reader.read(&mut [0; 10]), Ok(0));
    }
}

#[test]
fn what_the_codec_writes() {
    let data = [records(9 << 20), noise(1 << 20)].concat();
    for options in [
        Options::default(),
        Options { frame_size: 1000, ..Options::default() },
        Options { single_frame: true, ..Options::default() },
        Options { level: 9, checksum: false, seek_table: false, ..Options::default() },
    ] {
        assert_unpacks(&pack(&data, &options), &data);
        assert_unpacks(&compress_to_vec(&data, &options).unwrap(), &data);
    }
}

/// A frame that is too large to be kept whole, and others around it.
#[test]
fn parts_and_wholes() {
    let large = [records(20 << 20), noise(5 << 20)].concat();
    let small = records(300_000);
    for frame in [sized_frame(&large, 3), unsized_frame(&large, 3)] {
        let packed = [&sized_frame(&small, 3)[..], &frame, &unsized_frame(&small, 3), &frame].concat();
        let expected = [&small[..], &large, &small, &large].concat();
        for max_memory in [8 << 20, 16 << 20, 0] {
            let options = Options { max_memory, ..Options::default() };
            let mut reader = Reader::new(&packed[..], &options).unwrap();
            let mut out = Vec::new();
            Read::read_to_end(&mut reader, &mut out).unwrap();
            assert!(out == expected);
            let limit = if max_memory == 0 { 256_000_000 } else { max_memory };
            assert!(reader.peak_memory() <= limit, "{} of {limit}", reader.peak_memory());
            assert_eq!((reader.frames(), reader.bytes_read()), (4, packed.len() as u64));
        }
    }
}

#[test]
fn sources_of_any_manner() {
    let (packed, expected) = &*MIXTURE;
    for steps in [vec![1], vec![7, 100_000], vec![1, 2, 3, 65_536]] {
        let source = Dribble { data: packed, steps, turn: 0 };
        let (out, end) = unpack_from(source, &Options::default(), 4096);
        assert_eq!(end, Ok(()));
        assert!(out == *expected);
    }
}

/// A reader is an ordinary `BufRead`.
#[test]
fn through_the_traits() {
    let lines: String = (0..50_000).map(|number| format!("line {number}\n")).collect();
    let packed = pack(lines.as_bytes(), &Options { frame_size: 10_000, ..Options::default() });
    let reader = Reader::new(&packed[..], &Options::default()).unwrap();
    let expected = (0..50_000).map(|number| format!("line {number}"));
    assert!(reader.lines().map(Result::unwrap).eq(expected));
}

/// Cut anywhere, it is truncated; what is whole before the cut is given out, blocks of the cut frame too.
#[test]
fn truncated_anywhere() {
    let (a, b) = (records(3000), noise(500));
    let whole = [sized_frame(&a, 3), unsized_frame(&b, 3), skippable(20), sized_frame(&a, 3)];
    let ends: Vec<usize> = whole
        .iter()
        .scan(0, |end, frame| {
            *end += frame.len();
            Some(*end)
        })
        .collect();
    let packed = whole.concat();
    let expected = [&a[..], &b, &a].concat();
    for len in 0..packed.len() {
        let (out, end) = unpack(&packed[..len], &Options::default());
        assert!(expected.starts_with(&out));
        let before = ends.iter().take_while(|&&end| end <= len).count();
        // Of the second frame its one block may be whole, and its checksum not.
        let block = if (ends[1] - 4..ends[1]).contains(&len) { 500 } else { 0 };
        assert_eq!(out.len(), [0, 3000, 3500, 3500, 6500][before] + block, "{len}");
        if len == 0 || ends.contains(&len) {
            assert_eq!(end, Ok(()));
        } else {
            let error = assert_kind(end, ErrorKind::Truncated);
            let start = if before == 0 { 0 } else { ends[before - 1] };
            assert_eq!(error.position(), Some(start as u64), "{len}: {error}");
        }
    }
}

#[test]
fn errors_are_told_apart() {
    let a = records(30_000);
    let good = sized_frame(&a, 3);
    let given = |tail: &[u8], expected: &[u8], kind| {
        let packed = [&good[..], tail].concat();
        let (out, end) = unpack(&packed, &Options::default());
        assert!(out == expected, "what comes before is given out");
        let error = assert_kind(end, kind);
        assert_eq!(error.position(), Some(good.len() as u64), "{error}");
        error
    };
    let kind_of = |tail: &[u8], kind| given(tail, &a, kind);
    assert!(kind_of(b"garbage", ErrorKind::NotZstd).message().contains("frame 1 at byte"));
    kind_of(&[0xfe, 0x2f, 0xb5, 0xfd], ErrorKind::NotZstd);
    kind_of(&[0x27, 0xb5, 0x2f, 0xfd, 0, 0, 0, 0], ErrorKind::NotZstd); // zstd 0.7
    kind_of(&[0x28, 0xb5], ErrorKind::Truncated);
    kind_of(&skippable(1_000_000)[..500_000], ErrorKind::Truncated);
    let mut frame = unsized_frame(&a, 3);
    let last = frame.len() - 1;
    frame[last] ^= 1;
    given(&frame, &a.repeat(2), ErrorKind::Checksum); // all blocks are whole
    frame[4] |= 8;
    kind_of(&frame, ErrorKind::Corrupt);
    assert_kind(unpack(b"text", &Options::default()).1, ErrorKind::NotZstd);
}

/// Parts that end with the frame, of frames that end with a checksum or without.
#[test]
fn parts_of_all_lengths() {
    let options = Options { max_memory: 4 << 20, ..Options::default() };
    for blocks in 14..40 {
        let data = vec![3; blocks << 17];
        for checksum in [false, true] {
            let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
            encoder.include_checksum(checksum).unwrap();
            encoder.window_log(17).unwrap();
            encoder.write_all(&data).unwrap();
            let packed = encoder.finish().unwrap();
            let (out, end) = unpack(&packed.repeat(2), &options);
            assert_eq!(end, Ok(()));
            assert!(out.len() == 2 * data.len());
        }
    }
}

/// The same in parts.
#[test]
fn damage_in_a_long_frame() {
    let data = [records(6 << 20), noise(1 << 20)].concat();
    let options = Options { max_memory: 8 << 20, ..Options::default() };
    let frame = unsized_frame(&data, 3);
    let packed = [&sized_frame(&data[..1000], 3)[..], &frame].concat();
    let start = Some((packed.len() - frame.len()) as u64);
    let expected = [&data[..1000], &data].concat();
    for (change, kinds) in [
        (packed.len() - 1, &[ErrorKind::Checksum][..]),
        (packed.len() - 500_000, &[ErrorKind::Checksum, ErrorKind::Corrupt]),
    ] {
        let mut packed = packed.clone();
        packed[change] ^= 0x10;
        let (out, end) = unpack(&packed, &options);
        let error = end.unwrap_err();
        assert!(kinds.contains(&error.kind()), "{error}");
        assert_eq!(error.position(), start);
        assert!(out.len() >= 1 << 20 && (expected.starts_with(&out[..1 << 20])));
    }
    let (out, end) = unpack(&packed[..packed.len() - 700_000], &options);
    assert_eq!(assert_kind(end, ErrorKind::Truncated).position(), start);
    assert!(expected.starts_with(&out) && out.len() > 3 << 20);
}

#[test]
fn the_source_fails_at_every_call() {
    struct Failing<'d> {
        inner: Dribble<'d>,
        at: usize,
        failed: bool,
    }
    impl Read for Failing<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            assert!(!self.failed, "called again after a failure");
            if self.inner.turn == self.at {
                self.failed = true;
                return Err(io::Error::other(Error::new(ErrorKind::Callback, "enough").with_code(5)));
            }
            self.inner.read(buffer)
        }
    }
    let data = records(400_000);
    let packed = pack(&data, &Options { frame_size: 20_000, ..Options::default() });
    for at in 0.. {
        let inner = Dribble { data: &packed, steps: vec![3000], turn: 0 };
        let (out, end) = unpack_from(Failing { inner, at, failed: false }, &Options::default(), 10_000);
        assert!(data.starts_with(&out));
        let Err(error) = end else {
            assert!(out == data && at > 10);
            break;
        };
        assert_eq!((error.kind(), error.code()), (ErrorKind::Callback, 5));
        // What had arrived whole before the failure is given out, but for frames that waited for more.
        let frames = data.len() as f64 * (at * 3000) as f64 / packed.len() as f64 / 20_000.0;
        assert!(out.len() as f64 >= (frames - 16.0) * 20_000.0, "{at}: {}", out.len());
    }
}

#[test]
fn left_alone_at_any_moment() {
    let packed = pack(&records(2 << 20), &Options { frame_size: 50_000, ..Options::default() });
    for reads in 0..40 {
        let mut reader = Reader::new(&packed[..], &Options::default()).unwrap();
        for _ in 0..reads {
            reader.read(&mut [0; 30_000]).unwrap();
        }
    }
}

#[test]
fn progress_counts_the_source() {
    let seen = Mutex::new(Vec::new());
    let report = |done, total| {
        seen.lock().unwrap().push((done, total));
        ControlFlow::Continue(())
    };
    let packed = pack(&records(3_000_000), &Options { frame_size: 10_000, ..Options::default() });
    let (_, end) = unpack(&packed, &Options { progress: Some(&report), ..Options::default() });
    assert_eq!(end, Ok(()));
    let len = packed.len() as u64;
    assert_eq!(seen.into_inner().unwrap().last(), Some(&(len, len)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Any data, any frames, any source, any reads: the same comes out.
    #[test]
    fn any_split_gives_the_same(
        frames in prop::collection::vec((0usize..400_000, 0u8..4), 1..8),
        steps in prop::collection::vec(1usize..300_000, 1..5),
        read in 1usize..100_000,
        max_memory in prop_oneof![Just(0u64), Just(6u64 << 20)],
        max_lanes in 0u32..4,
    ) {
        let (mut packed, mut expected) = (Vec::new(), Vec::new());
        for (len, kind) in frames {
            let data = if len % 2 == 0 { records(len) } else { noise(len / 4) };
            match kind {
                0 => packed.extend(sized_frame(&data, 1)),
                1 => packed.extend(unsized_frame(&data, 1)),
                2 => packed.extend(compress_to_vec(&data, &Options { frame_size: 30_000, ..Options::default() }).unwrap()),
                _ => {
                    packed.extend(skippable(len));
                    continue;
                }
            }
            expected.extend(data);
        }
        let options = Options { max_memory, max_lanes, ..Options::default() };
        let (out, end) = unpack_from(Dribble { data: &packed, steps, turn: 0 }, &options, read);
        prop_assert_eq!(end, Ok(()));
        prop_assert!(out == expected);
    }

    /// Damaged anywhere, it fails or gives what the flipped bit cannot spoil; it never stops, and never takes
    /// more memory.
    #[test]
    fn damaged_anywhere(seed in any::<u64>(), flips in 1usize..4) {
        let mut random = Random(seed | 1);
        let (packed, expected) = &*MIXTURE;
        let mut bad = packed.clone();
        for _ in 0..flips {
            let at = random.below(bad.len());
            bad[at] ^= 1 << random.below(8);
        }
        let mut reader = Reader::new(&bad[..], &Options { max_output: 1 << 30, ..Options::default() }).unwrap();
        let mut out = Vec::new();
        let _ = Read::read_to_end(&mut reader, &mut out);
        prop_assert!(reader.peak_memory() < 400_000_000);
        prop_assert!(out.len() <= expected.len() + (1 << 30));
    }
}
