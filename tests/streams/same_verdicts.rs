//! One verdict on damaged data, whichever way it comes, in a stream, a file, in memory, by an archive: it is
//! libzstd's. Memory and archives look at all headers of frames and blocks first, and so may tell of other
//! damage than streams and files do, which come to it later.

use crate::common::{noise, records, skippable, unpack, Random};
use crate::files::Place;
use fastpar::codec::{decompress, decompress_file, Archive, Dict, Options};
use fastpar::{Error, Result};
use std::fs;
use std::io::Write;
use std::mem::MaybeUninit;
use zstd::zstd_safe;

/// What is told of an error, but for the frame's number: archives do not count skippable frames.
fn told(error: Error) -> String {
    let what = error.message().split_once(": ").map_or(error.message(), |(_, what)| what);
    format!("{:?}, code {}, {:?}: {what}", error.kind(), error.code(), error.position())
}

fn in_memory(data: &[u8], room: usize, options: &Options<'_>) -> Result<Vec<u8>> {
    let mut dst = vec![MaybeUninit::new(0); room];
    let len = decompress(data, &mut dst, options)?;
    // SAFETY: all of it is initialised.
    Ok(dst[..len].iter().map(|byte| unsafe { byte.assume_init() }).collect())
}

fn in_archive(data: &[u8], options: &Options<'_>) -> Result<Vec<u8>> {
    let archive = Archive::new(data, options)?;
    let mut dst = vec![MaybeUninit::new(0); archive.size() as usize];
    assert_eq!(archive.read(0, &mut dst)?, dst.len());
    // SAFETY: the same.
    Ok(dst.iter().map(|byte| unsafe { byte.assume_init() }).collect())
}

/// How a frame is made.
#[derive(Clone, Copy)]
struct Shape<'d> {
    sized: bool,
    checksum: bool,
    /// Flushed after so many bytes, and at the end, so that an empty block is the last.
    flush: usize,
    dict: &'d [u8],
}

fn frame(content: &[u8], shape: Shape<'_>) -> Vec<u8> {
    let mut encoder = zstd::Encoder::with_dictionary(Vec::new(), 1, shape.dict).unwrap();
    encoder.include_checksum(shape.checksum).unwrap();
    if shape.sized {
        encoder.set_pledged_src_size(Some(content.len() as u64)).unwrap();
    }
    for piece in content.chunks(shape.flush) {
        encoder.write_all(piece).unwrap();
        if shape.flush < usize::MAX {
            encoder.flush().unwrap();
        }
    }
    encoder.finish().unwrap()
}

type Told = std::result::Result<Vec<u8>, String>;

fn brief(told: &Told) -> String {
    told.as_ref().map_or_else(String::clone, |bytes| format!("{} bytes", bytes.len()))
}

/// Compares the ways; returns whether the data was taken.
pub(crate) fn compare(data: &[u8], room: usize, dict: Option<(&Dict, &[u8])>, what: &str) -> bool {
    let place = Place::new(&[]);
    fs::write(&place.output, data).unwrap();
    let mut found: Vec<(&str, Told)> = Vec::new();
    for max_lanes in [0, 1] {
        let options = Options { max_lanes, dict: dict.map(|dict| dict.0), ..Options::default() };
        let (bytes, end) = unpack(data, &options);
        let file = decompress_file(&place.output, &place.back, &options);
        found.push(("stream", end.map(|()| bytes).map_err(told)));
        found.push(("file", file.map(|_| fs::read(&place.back).unwrap()).map_err(told)));
        found.push(("memory", in_memory(data, room, &options).map_err(told)));
        found.push(("archive", in_archive(data, &options).map_err(told)));
    }
    let (stream, memory) = (&found[0].1, &found[2].1);
    for (name, result) in &found {
        let expected = if matches!(*name, "stream" | "file") { stream } else { memory };
        assert!(result == expected, "{what}: {name}: {}, expected: {}", brief(result), brief(expected));
    }
    let both = format!("{what}: stream: {}, memory: {}", brief(stream), brief(memory));
    let of_headers = |told: &Told| told.as_ref().is_err_and(|told| told.contains(", code 0, "));
    assert!(stream.is_ok() == memory.is_ok(), "{both}");
    assert!(stream == memory || of_headers(stream) || of_headers(memory), "{both}");

    let mut context = zstd_safe::DCtx::create();
    if let Some((_, content)) = dict {
        context.load_dictionary(content).unwrap();
    }
    let mut theirs = Vec::with_capacity(room);
    let result = context.decompress(&mut theirs, data).map_err(zstd_safe::get_error_name);
    assert_eq!(stream.is_ok(), result.is_ok(), "{both}, libzstd: {result:?}");
    stream.as_ref().is_ok_and(|bytes| {
        assert!(*bytes == theirs, "{what}: other bytes");
        true
    })
}

/// Changes a few bytes.
fn damage(random: &mut Random, data: &mut Vec<u8>, kind: usize) {
    let below = |random: &mut Random, limit: usize| (random.next() % limit as u64) as usize;
    let at = below(random, data.len());
    match kind % 4 {
        0 => data[at] ^= 1 << below(random, 8),
        1 => data[at] = random.next() as u8,
        // In the header of the first frame.
        2 => {
            let at = 4 + below(random, 12);
            data[at] ^= 1 << below(random, 8);
        }
        _ => data.truncate(at),
    }
}

#[test]
fn small_frames() {
    let content = [records(30_000), noise(300), vec![7; 200_000]].concat();
    let content_of_dict = records(4000);
    let dict = Dict::new(&content_of_dict, 1).unwrap();
    let mut random = Random(5);
    let mut taken = 0;
    for number in 0..160 {
        let shape = Shape {
            sized: number % 2 == 0,
            checksum: number % 3 == 0,
            flush: [usize::MAX, 50_000][number / 2 % 2],
            dict: if number % 5 == 0 { &content_of_dict[..] } else { &[] },
        };
        let one = frame(&content[..content.len() - number * 700], shape);
        let mut data = match number % 3 {
            0 => one,
            1 => [&one[..], &skippable(5), &one].concat(),
            _ => [&frame(b"short", shape)[..], &one].concat(),
        };
        damage(&mut random, &mut data, number / 3);
        let dict = Some((&dict, &content_of_dict[..])).filter(|_| !shape.dict.is_empty());
        taken += usize::from(compare(&data, 2 * content.len() + 1000, dict, &format!("number {number}")));
    }
    assert!((3..120).contains(&taken), "{taken}");
}

/// Those that are decoded in steps, and in parts.
#[test]
fn large_frames() {
    let content = [records(1 << 20), vec![7; 8 << 20]].concat();
    let content_of_dict = records(4000);
    let dict = Dict::new(&content_of_dict, 1).unwrap();
    let mut random = Random(6);
    for number in 0..16 {
        let shape = Shape {
            sized: number % 2 == 0,
            checksum: number % 3 == 0,
            flush: [usize::MAX, 1 << 20][number / 2 % 2],
            dict: if number % 5 == 0 { &content_of_dict[..] } else { &[] },
        };
        let mut data = frame(&content, shape);
        damage(&mut random, &mut data, number);
        let dict = Some((&dict, &content_of_dict[..])).filter(|_| !shape.dict.is_empty());
        compare(&data, content.len() + 1000, dict, &format!("number {number}"));
    }
}

/// A frame tells more than it holds, or less, and its last block is empty: libzstd tells it of a frame at
/// once, and not step by step.
#[test]
fn wrong_sizes() {
    for (len, flush) in [(300, 100), (200_000, 100_000), (9 << 20, 3 << 20)] {
        let content = noise(len);
        for checksum in [false, true] {
            let good = frame(&content, Shape { sized: true, checksum, flush, dict: &[] });
            assert!(compare(&good, len, None, "good"));
            for change in [1, -1] {
                let mut wrong = good.clone();
                // The size is told less 256 in two bytes, or in four.
                let descriptor = good[4];
                let at = if descriptor & 0x20 == 0 { 6 } else { 5 };
                assert!(descriptor >> 6 > 0, "the size has two bytes at least");
                wrong[at] = wrong[at].wrapping_add_signed(change);
                assert!(!compare(&wrong, len + 1, None, &format!("{len} bytes, {change}")));
            }
        }
    }
}
