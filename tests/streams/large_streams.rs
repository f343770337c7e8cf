//! Readers of streams with a large frame, whose blocks several lanes decode where CPUs are idle: all that can
//! be given out is, and soon; what comes out, and what is said of damage, is what libzstd's own stream makes
//! of it.

use crate::common::{noise, records, sized_frame, skippable, unpack, unpack_from, unsized_frame, Dribble};
use crate::files::Place;
use fastpar::codec::{decompress_file, Options, Reader};
use fastpar::{Error, ErrorKind};
use std::fs;
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

const LEN: usize = 12 << 20;
const BLOCK: usize = 128 << 10;

fn mixed() -> Vec<u8> {
    let mut data = records(LEN / 2);
    data.extend(noise(LEN / 4));
    data.resize(LEN, 3);
    data
}

/// libzstd's own stream: one lane, and too little memory for a whole frame.
fn by_libzstd() -> Options<'static> {
    Options { max_lanes: 1, max_memory: 8 << 20, ..Options::default() }
}

#[test]
fn from_sources_of_any_manner() {
    let data = mixed();
    for packed in [sized_frame(&data, 1), unsized_frame(&data, 3), sized_frame(&data, 7)] {
        for steps in [vec![usize::MAX], vec![64 << 10], vec![1, 100, 300_000], vec![40_000, 3]] {
            for max_lanes in [0, 1, 2] {
                let source = Dribble { data: &packed, steps: steps.clone(), turn: 0 };
                let options = Options { max_lanes, ..Options::default() };
                let mut reader = Reader::new(source, &options).unwrap();
                let mut out = Vec::new();
                Read::read_to_end(&mut reader, &mut out).unwrap();
                assert!(out == data, "{steps:?}, {max_lanes} lanes");
                assert_eq!((reader.frames(), reader.bytes_read()), (1, packed.len() as u64));
            }
        }
    }
}

/// Large frames one after the other, small ones between them, some that tell their sizes and some that do
/// not.
#[test]
fn among_others() {
    let (data, small) = (mixed(), records(100_000));
    let (sized, unsized_one) = (sized_frame(&data, 1), unsized_frame(&data, 1));
    let packed = [
        &sized_frame(&small, 3)[..],
        &unsized_one,
        &unsized_one,
        &skippable(1000),
        &sized,
        &unsized_frame(&small, 3),
        &sized_frame(&small, 3),
        &sized,
        &skippable(200_000),
    ]
    .concat();
    let expected = [&small[..], &data, &data, &data, &small, &small, &data].concat();
    for step in [usize::MAX, 64 << 10] {
        let source = Dribble { data: &packed, steps: vec![step], turn: 0 };
        let (out, end) = unpack_from(source, &Options::default(), 1 << 20);
        assert_eq!(end, Ok(()));
        assert!(out == expected, "{step}");
    }
    let place = Place::new(&[]);
    fs::write(&place.output, &packed).unwrap();
    assert_eq!(decompress_file(&place.output, &place.back, &Options::default()).unwrap().frames, 7);
    assert!(fs::read(&place.back).unwrap() == expected);
}

/// The bytes and the error of a stream that begins well and goes wrong are those of libzstd's own stream.
#[test]
fn damage_is_told_as_by_libzstd() {
    let data = mixed();
    let seen = |error: Error| (error.kind(), error.code(), error.position(), error.message().to_owned());
    for (kind, packed) in [sized_frame(&data, 1), unsized_frame(&data, 3)].into_iter().enumerate() {
        for number in 0..28 {
            let mut damaged = packed.clone();
            let at = match number {
                // A smaller window than the data has: libzstd follows what reaches past it, as far as its
                // buffer goes.
                24.. => 5,
                0..6 => 9 + number,
                6..9 => packed.len() - 1 - (number - 6),
                _ => number * (packed.len() / 25),
            };
            match number {
                24.. => damaged[5] -= 8 * (number as u8 - 23) - 1,
                _ => damaged[at] ^= 1 << (number % 8),
            }
            // Parts are cut elsewhere where the source gives less.
            let source = Dribble { data: &damaged, steps: vec![[usize::MAX, 64 << 10][number % 2]], turn: 0 };
            let (ours, end) = unpack_from(source, &Options::default(), 1 << 20);
            let (theirs, expected) = unpack(&damaged, &by_libzstd());
            assert_eq!(end.map_err(seen), expected.map_err(seen), "frame {kind}, byte {at}");
            assert_eq!(ours.len(), theirs.len(), "frame {kind}, byte {at}");
            assert!(ours == theirs, "frame {kind}, byte {at}: other bytes");
        }
    }
}

/// The blocks of a frame that are whole in its first `len` bytes, each of `BLOCK` bytes but the last.
fn whole_blocks(packed: &[u8], len: usize) -> usize {
    // A magic number, a descriptor of a size of four bytes, a window unless it is a single segment, the size.
    assert_eq!(packed[4] >> 6, 2);
    let (mut at, mut count) = (if packed[4] >> 5 & 1 == 1 { 9 } else { 10 }, 0);
    while at + 3 <= len {
        let header = u32::from_le_bytes([packed[at], packed[at + 1], packed[at + 2], 0]);
        at += 3 + if header >> 1 & 3 == 1 { 1 } else { (header >> 3) as usize };
        count += usize::from(at <= len);
    }
    count
}

/// A frame that is cut gives out every whole block, then says that it is cut. So does a frame that is too
/// small to be shared out.
#[test]
fn a_cut_frame() {
    for len in [LEN, 1 << 20] {
        let data = records(len);
        let packed = sized_frame(&data, 3);
        for part in [10, 50, 90] {
            let cut = &packed[..packed.len() * part / 100];
            let expected = whole_blocks(&packed, cut.len()) * BLOCK;
            assert!(part < 50 || expected > 0);
            for (max_lanes, step) in [(0, usize::MAX), (0, 64 << 10), (1, usize::MAX), (1, 10_000)] {
                let source = Dribble { data: cut, steps: vec![step], turn: 0 };
                let (out, end) = unpack_from(source, &Options { max_lanes, ..Options::default() }, 1 << 20);
                let error = end.unwrap_err();
                assert_eq!((error.kind(), error.position()), (ErrorKind::Truncated, Some(0)), "{error}");
                assert_eq!(out.len(), expected, "{part} % of {len}, {max_lanes} lanes, {step}");
                assert!(data.starts_with(&out));
            }
        }
    }
}

/// What a source gave before it failed is given out before its error.
#[test]
fn a_source_that_fails() {
    struct Failing<'d>(Dribble<'d>);

    impl Read for Failing<'_> {
        fn read(&mut self, place: &mut [u8]) -> io::Result<usize> {
            match self.0.read(place)? {
                0 => Err(io::Error::from_raw_os_error(5)),
                len => Ok(len),
            }
        }
    }

    let data = records(LEN);
    let large = sized_frame(&data, 3);
    let cut = large.len() * 9 / 10;
    let small = sized_frame(&data[..100_000], 3).repeat(3);
    for step in [usize::MAX, 64 << 10] {
        for (packed, expected) in [
            (&large[..cut], &data[..whole_blocks(&large, cut) * BLOCK]),
            (&small[..], &data[..100_000].repeat(3)[..]),
            (&small[..small.len() - 1], &data[..100_000].repeat(2)[..]),
        ] {
            let source = Failing(Dribble { data: packed, steps: vec![step], turn: 0 });
            let (out, end) = unpack_from(source, &Options::default(), 1 << 20);
            let error = end.unwrap_err();
            assert_eq!((error.kind(), error.code()), (ErrorKind::Io, 5), "{error}");
            // The blocks of the last small frame are whole, or not.
            assert!(out.starts_with(expected) && out.len() - expected.len() < 100_000);
            assert!(packed.len() < 1 << 20 || out.len() == expected.len());
        }
    }
}

/// A source that may have nothing for long is not asked before all whole blocks are given out.
#[test]
fn nothing_waits_for_the_source() {
    struct Flushes<'t> {
        pieces: Vec<Vec<u8>>,
        turn: usize,
        taken: &'t AtomicUsize,
        step: usize,
    }

    impl Read for Flushes<'_> {
        fn read(&mut self, place: &mut [u8]) -> io::Result<usize> {
            assert_eq!(self.taken.load(Ordering::Relaxed), self.turn * self.step, "before it is asked again");
            let Some(piece) = self.pieces.get(self.turn) else { return Ok(0) };
            self.turn += 1;
            place[..piece.len()].copy_from_slice(piece);
            Ok(piece.len())
        }
    }

    let data = records(10 << 20);
    for (sized, step) in [(true, 200_000), (false, 200_000), (false, 5_000)] {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.set_pledged_src_size(sized.then_some(data.len() as u64)).unwrap();
        let (mut pieces, mut done) = (Vec::new(), 0);
        for piece in data.chunks_exact(step).take(150) {
            encoder.write_all(piece).unwrap();
            encoder.flush().unwrap();
            pieces.push(encoder.get_ref()[done..].to_vec());
            done = encoder.get_ref().len();
        }
        for max_lanes in [0, 1] {
            let taken = AtomicUsize::new(0);
            let (count, total) = (pieces.len(), pieces.len() * step);
            let source = Flushes { pieces: pieces.clone(), turn: 0, taken: &taken, step };
            let mut reader = Reader::new(source, &Options { max_lanes, ..Options::default() }).unwrap();
            let mut place = vec![0; 1 << 20];
            let error = loop {
                match reader.read(&mut place) {
                    Ok(len) => {
                        let at = taken.fetch_add(len, Ordering::Relaxed);
                        assert!(len > 0 && place[..len] == data[at..at + len]);
                    }
                    Err(error) => break error,
                }
            };
            assert_eq!(error.kind(), ErrorKind::Truncated);
            assert_eq!(taken.into_inner(), total, "of {count} pieces");
        }
    }
}

/// Nor do whole frames wait, where no other has begun.
#[test]
fn frames_do_not_wait_for_others() {
    struct Frames<'t>(&'t AtomicUsize, usize);

    impl Read for Frames<'_> {
        fn read(&mut self, place: &mut [u8]) -> io::Result<usize> {
            assert_eq!(self.0.load(Ordering::Relaxed), self.1 * 3000, "before it is asked again");
            self.1 += 1;
            let frame = if self.1 % 2 == 0 { sized_frame } else { unsized_frame }(&records(3000), 3);
            let frame = if self.1 == 40 { Vec::new() } else { frame };
            place[..frame.len()].copy_from_slice(&frame);
            Ok(frame.len())
        }
    }

    let taken = AtomicUsize::new(0);
    let mut reader = Reader::new(Frames(&taken, 0), &Options::default()).unwrap();
    let mut place = vec![0; 10_000];
    loop {
        let len = reader.read(&mut place).unwrap();
        taken.fetch_add(len, Ordering::Relaxed);
        if len == 0 {
            break;
        }
    }
    assert_eq!(taken.load(Ordering::Relaxed), 39 * 3000);
}

/// Windows up to the limit: as by `zstd --long=27`.
#[test]
fn the_largest_window() {
    let mut data = mixed();
    data.extend_from_within(..LEN / 4); // far back
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.long_distance_matching(true).unwrap();
    encoder.window_log(27).unwrap();
    encoder.write_all(&data).unwrap();
    let packed = encoder.finish().unwrap();
    let mut reader = Reader::new(&packed[..], &Options::default()).unwrap();
    let mut out = Vec::new();
    Read::read_to_end(&mut reader, &mut out).unwrap();
    assert!(out == data);
    assert!(reader.peak_memory() <= (240 + 128) << 20, "{}", reader.peak_memory());
    let place = Place::new(&[]);
    fs::write(&place.output, &packed).unwrap();
    let stats = decompress_file(&place.output, &place.back, &Options::default()).unwrap();
    assert!(fs::read(&place.back).unwrap() == data);
    assert!(stats.peak_memory <= (240 + 128) << 20, "{}", stats.peak_memory);
    let options = Options { window_log: 26, ..Options::default() };
    let (out, end) = unpack(&packed, &options);
    assert_eq!((out.len(), end.unwrap_err().kind()), (0, ErrorKind::LimitExceeded));
}

#[test]
fn memory_is_kept() {
    let data = mixed();
    let packed = [sized_frame(&data, 3), unsized_frame(&data, 3)].concat();
    let expected = data.repeat(2);
    for max_memory in [8 << 20, 30 << 20, 45 << 20, 60 << 20, 100 << 20, 0] {
        for step in [usize::MAX, 64 << 10] {
            let source = Dribble { data: &packed, steps: vec![step], turn: 0 };
            let mut reader = Reader::new(source, &Options { max_memory, ..Options::default() }).unwrap();
            let mut out = Vec::new();
            Read::read_to_end(&mut reader, &mut out).unwrap();
            assert!(out == expected, "{max_memory}");
            let limit = if max_memory == 0 { 256 << 20 } else { max_memory };
            assert!(reader.peak_memory() <= limit, "{} of {limit}", reader.peak_memory());
        }
    }
}

#[test]
fn a_frame_is_cancelled() {
    let content = mixed();
    let packed = sized_frame(&content, 3);
    let mut damaged = packed.clone();
    damaged[1 << 18] ^= 0x55; // libzstd goes on
    for packed in [packed, damaged] {
        let flag = AtomicI32::new(0);
        let options = Options { cancel: Some(&flag), ..Options::default() };
        let mut reader = Reader::new(&packed[..], &options).unwrap();
        let mut place = vec![0; 100_000];
        let mut given = reader.read(&mut place).unwrap();
        flag.store(1, Ordering::Relaxed);
        let error = loop {
            match reader.read(&mut place) {
                Ok(more) => given += more,
                Err(error) => break error,
            }
            assert!(0 < given && given < content.len(), "the frame is read to its end");
        };
        assert_eq!(error.kind(), ErrorKind::Cancelled);
    }
}
