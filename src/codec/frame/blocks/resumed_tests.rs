//! Differential tests: where a block is odd libzstd goes on, and all is as if it had begun the frame.

use super::dictionary_tests::{repeating, trained};
use super::tests::{damage, Random, KINDS};
use super::Outside;
use crate::codec::format::frame::Frames;
use crate::codec::frame::resume::decode_in_parts;
use crate::codec::options::dict::Dict;
use crate::codec::options::reference::{KeptReference, Prefix, Reference};
use std::io::Write;
use zstd::stream::raw::CParameter;
use zstd::stream::write::Encoder;
use zstd::zstd_safe::{DCtx, InBuffer, OutBuffer};

/// What libzstd's streaming decoder gives out of a frame, and the number of its error. It gets block by
/// block: a call that fails gives out nothing.
fn theirs_in_a_stream(data: &[u8], room: usize, with: Option<Reference<'_>>) -> (Vec<u8>, Result<(), i32>) {
    let (mut context, mut place) = (DCtx::create(), Vec::with_capacity(room));
    match &with {
        None => Ok(0),
        Some(Reference::Dict(dict)) => context.load_dictionary(dict.content()),
        Some(Reference::Prefix(prefix)) => context.ref_prefix(prefix.bytes()),
    }
    .unwrap();
    let mut out = OutBuffer::around(&mut place);
    let mut wanted = 1;
    let frame = Frames::new(data).next().unwrap().unwrap();
    let mut ends = vec![frame.header_len];
    ends.extend(frame.blocks(data).map(|block| block.map(|block| block.offset + block.len).unwrap()));
    ends.push(data.len());
    let mut begin = 0;
    for end in ends {
        let part = &data[begin..end];
        begin = end;
        let mut input = InBuffer::around(part);
        while input.pos < part.len() {
            match context.decompress_stream(&mut out, &mut input) {
                Ok(hint) => wanted = hint,
                Err(code) => return (place, Err(crate::codec::libzstd::errors::number(code))),
            }
        }
    }
    assert_eq!(wanted, 0, "there is room, and the frame is whole");
    (place, Ok(()))
}

/// Tries damaged frames that go past their window, and refer to `with`; returns how many were read to
/// the end, and how many not.
fn try_resumed(seed: u64, count: usize, with: Option<&KeptReference>) -> (usize, usize) {
    let mut random = Random(seed);
    let (mut good, mut bad) = (0, 0);
    for number in 0..count {
        let most = [3000, 600_000, 1_500_000][random.below(3)];
        let len = 1 + random.below(most);
        let (kind, level) = (KINDS[number % KINDS.len()], [1, 3, 6][random.below(3)]);
        let with = with.map(KeptReference::get);
        let data = match &with {
            Some(with) if number % 4 > 0 => repeating(&mut random, with.bytes(), kind, len),
            _ => kind(&mut random, len),
        };
        let mut encoder = match &with {
            None => Encoder::new(Vec::new(), level),
            Some(Reference::Dict(dict)) => Encoder::with_dictionary(Vec::new(), level, dict.content()),
            Some(Reference::Prefix(prefix)) => Encoder::with_ref_prefix(Vec::new(), level, prefix.bytes()),
        }
        .unwrap();
        encoder.include_checksum(random.below(3) == 0).unwrap();
        encoder.set_parameter(CParameter::WindowLog([17, 18, 21][random.below(3)])).unwrap();
        if random.below(2) == 0 {
            encoder.set_pledged_src_size(Some(len as u64)).unwrap();
        }
        let flush = [usize::MAX, 3_000, 70_000][random.below(3)];
        for piece in data.chunks(flush) {
            encoder.write_all(piece).unwrap();
            if flush < len {
                encoder.flush().unwrap();
            }
        }
        let frame = encoder.finish().unwrap();
        for round in 0..7 {
            let mut damaged = frame.clone();
            if round > 0 {
                damage(&mut random, &mut damaged);
            }
            let Ok(header) = Frames::new(&damaged).start() else { continue };
            if header.skippable || !(128 << 10..=128 << 20).contains(&header.window) {
                continue;
            }
            let named = match with {
                Some(Reference::Dict(dict)) => dict.id(),
                _ => 0,
            };
            if ![0, named].contains(&header.dictionary) {
                continue; // another dictionary: told by the header
            }
            let parts = 1 + random.below(4);
            let outside = with.map(|with| Outside::new(with).expect("it is not odd"));
            let Some((out, end)) = decode_in_parts(&damaged, parts, true, outside) else {
                continue;
            };
            let (expected, expected_end) = theirs_in_a_stream(&damaged, len + (1 << 20), with);
            let what = format!("seed {seed}, frame {number} of {len}, window {}", header.window);
            // Behind an empty block libzstd does not look at the size, if it decodes step by step. A block of
            // more than 128 KiB has no place, or is damage: by the room that is left, see `resume`.
            let wrong_size = header.content_size.is_some_and(|size| size != expected.len() as u64);
            let alike = |end| match end {
                Ok(()) | Err(22) if wrong_size => Err(20),
                Err(70) => Err(20),
                end => end,
            };
            assert_eq!(alike(end), alike(expected_end), "{what}");
            assert_eq!(out.len(), expected.len(), "{what}");
            assert!(out == expected, "{what}: other bytes");
            *if end.is_ok() { &mut good } else { &mut bad } += 1;
        }
    }
    (good, bad)
}

/// libzstd goes on in the middle of a frame as if it had begun it.
#[test]
fn resumed_frames_are_those_of_a_stream() {
    let (good, bad) = try_resumed(6, 150, None);
    assert!(good > 20 && bad > 100, "{good} good, {bad} bad");
}

/// The same for frames that were made with a dictionary, with tables and without, or with a prefix: into the
/// dictionary matches reach as long as libzstd's buffer has not begun at the front again.
#[test]
fn resumed_frames_with_dictionaries() {
    let mut random = Random(13);
    let samples = KINDS[3](&mut random, 200_000);
    let with_tables = KeptReference::Dict(Dict::new(&trained(&samples), 3).unwrap());
    let raw = KeptReference::Dict(Dict::new(&samples[..30_000], 3).unwrap());
    let prefix = KeptReference::Prefix(Prefix::new(&samples));
    let empty = KeptReference::Prefix(Prefix::new(&[]));
    for (seed, with) in [(7, with_tables), (8, raw), (9, prefix), (10, empty)] {
        let (good, bad) = try_resumed(seed, 50, Some(&with));
        assert!(good > 10 && bad > 30, "{good} good, {bad} bad");
    }
}
