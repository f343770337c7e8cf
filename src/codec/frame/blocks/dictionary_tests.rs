//! Frames that were made with a dictionary or a prefix: what is decoded here libzstd decodes to the same
//! bytes.

use super::tests::{ours_with, Random, KINDS};
use crate::codec::format::dictionary::Dictionary;
use crate::codec::format::frame::Frames;
use std::mem::MaybeUninit;
use zstd::zstd_safe::{self, CCtx, CParameter, DCtx, InBuffer, OutBuffer};

/// A dictionary with tables, learned from such data.
pub(super) fn trained(samples: &[u8]) -> Vec<u8> {
    let sizes = vec![samples.len() / 64; 64];
    let mut place = vec![MaybeUninit::uninit(); 8 << 10];
    let len = crate::codec::options::dict::train(&samples[..sizes.iter().sum()], &sizes, &mut place).unwrap();
    // SAFETY: that many bytes are written.
    place[..len].iter().map(|byte| unsafe { byte.assume_init() }).collect()
}

/// A frame of `data`, cut into blocks by flushing.
fn compress(data: &[u8], dict: &[u8], raw: bool, level: i32, flush: usize) -> Vec<u8> {
    let mut context = CCtx::create();
    context.set_parameter(CParameter::CompressionLevel(level)).unwrap();
    context.set_parameter(CParameter::ChecksumFlag(true)).unwrap();
    if raw {
        context.ref_prefix(dict).unwrap();
    } else {
        context.load_dictionary(dict).unwrap();
    }
    let mut place = Vec::with_capacity(2 * data.len() + (data.len() / flush + 2) * 200);
    let mut out = OutBuffer::around(&mut place);
    for part in data.chunks(flush) {
        let mut input = InBuffer::around(part);
        while input.pos < part.len() {
            context.compress_stream(&mut out, &mut input).unwrap();
        }
        while context.flush_stream(&mut out).unwrap() > 0 {}
    }
    while context.end_stream(&mut out).unwrap() > 0 {}
    place
}

fn theirs(frame: &[u8], dict: &[u8], raw: bool, room: usize) -> Result<Vec<u8>, &'static str> {
    let mut context = DCtx::create();
    if raw {
        context.ref_prefix(dict).unwrap();
    } else {
        context.load_dictionary(dict).unwrap();
    }
    let mut place = Vec::with_capacity(room);
    context.decompress(&mut place, frame).map_err(zstd_safe::get_error_name)?;
    Ok(place)
}

fn dictionary(bytes: &[u8], raw: bool) -> Dictionary<'_> {
    if raw {
        Dictionary::raw(bytes)
    } else {
        Dictionary::read(bytes).expect("libzstd's own are not odd")
    }
}

/// Data that repeats parts of the dictionary, in its middle and at its end too.
pub(super) fn repeating(
    random: &mut Random,
    dict: &[u8],
    kind: fn(&mut Random, usize) -> Vec<u8>,
    len: usize,
) -> Vec<u8> {
    let mut data = Vec::new();
    while data.len() < len {
        if !dict.is_empty() {
            let part = random.below(dict.len());
            let end = part + random.below(dict.len() - part) / 4;
            data.extend_from_slice(&dict[part..end]);
        }
        let more = 1 + random.below(400);
        data.extend(kind(random, more));
    }
    data.truncate(len);
    data
}

#[test]
fn frames_with_dictionaries_are_decoded() {
    let mut random = Random(11);
    for kind in [2, 3, 5, 6] {
        let samples = KINDS[kind](&mut random, 200_000);
        let raw_content = KINDS[kind](&mut random, 30_000);
        for (dict, raw) in [(trained(&samples), false), (raw_content, false), (trained(&samples), true)] {
            let with = dictionary(&dict, raw);
            assert_eq!(with.has_tables(), dict.starts_with(&[0x37, 0xa4, 0x30, 0xec]) && !raw);
            for len in [1, 50, 2000, 140_000, 300_000] {
                let data = repeating(&mut random, &dict, KINDS[kind], len);
                for level in [1, 3, 9, 19] {
                    let flush = [usize::MAX / 2, 777, 40_000][random.below(3)];
                    let frame = compress(&data, &dict, raw, level, flush);
                    for lanes in [1, 3] {
                        let decoded = ours_with(&frame, len, lanes, Some(&with));
                        assert!(decoded.as_ref() == Some(&data), "kind {kind}, {len} bytes, level {level}");
                    }
                    assert_eq!(ours_with(&frame, len - 1, 2, Some(&with)), None);
                }
            }
        }
    }
}

/// Damaged frames, wrong dictionaries and damaged ones: nothing is decoded that libzstd refuses, and no byte
/// is another.
#[test]
fn nothing_is_decoded_that_libzstd_refuses() {
    let mut random = Random(12);
    let samples = KINDS[3](&mut random, 200_000);
    let dict = trained(&samples);
    let other = trained(&KINDS[2](&mut random, 200_000));
    let data = repeating(&mut random, &dict, KINDS[6], 6000);
    let mut decoded = 0;
    for (dict, raw) in [(&dict, false), (&dict, true)] {
        for flush in [500, 10_000] {
            let frame = compress(&data, dict, raw, 3, flush);
            for number in 0..1500 {
                let mut damaged = frame.clone();
                // Not the checksum, so that much is still decoded.
                damaged[4] &= !4;
                let end = damaged.len() - 4;
                damaged.truncate(end);
                for _ in 0..number % 3 {
                    let at = random.below(end - 10) + 10; // behind the id, which is checked before
                    let bit = 1 << random.below(8);
                    damaged[at] = if number % 2 == 0 { damaged[at] ^ bit } else { random.below(256) as u8 };
                }
                let mut with = if number % 10 == 9 { other.clone() } else { dict.clone() };
                if number % 5 == 4 {
                    let at = 8 + random.below(150);
                    with[at] ^= 1 << random.below(8);
                }
                with[4..8].copy_from_slice(&dict[4..8]); // the id that the frame names
                if !raw && zstd_safe::DDict::try_create(&with).is_none() {
                    continue; // such a dictionary cannot be made
                }
                let prepared = if raw { Ok(Dictionary::raw(&with)) } else { Dictionary::read(&with) };
                let Ok(prepared) = prepared else { continue };
                let room = data.len() + 1000;
                let lanes = 1 + number as u32 % 3;
                let Some(ours) = ours_with(&damaged, room, lanes, Some(&prepared)) else { continue };
                // One that ends early is not all of the data for libzstd.
                let frame = Frames::new(&damaged).next();
                if !frame.is_some_and(|frame| frame.is_ok_and(|frame| frame.len == damaged.len())) {
                    continue;
                }
                let theirs = theirs(&damaged, &with, raw, room);
                let len = theirs.as_ref().map(Vec::len);
                assert!(theirs == Ok(ours), "number {number}: {len:?}, raw {raw}, flush {flush}");
                decoded += 1;
            }
        }
    }
    assert!(decoded > 1000, "{decoded}");
}
