//! Differential tests: where a block is odd libzstd goes on, and all is as if it had begun the frame.

use super::tests::{damage, Random, KINDS};
use crate::codec::format::frame::Frames;
use crate::codec::frame::resume::decode_in_parts;
use std::io::Write;
use zstd::stream::raw::CParameter;
use zstd::zstd_safe::{DCtx, InBuffer, OutBuffer};

/// What libzstd's streaming decoder gives out of a frame, and the number of its error. It gets block by
/// block: a call that fails gives out nothing.
fn theirs_in_a_stream(data: &[u8], room: usize) -> (Vec<u8>, Result<(), i32>) {
    let (mut context, mut place) = (DCtx::create(), Vec::with_capacity(room));
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

/// Tries damaged frames that go past their window; returns how many were read to the end, and how many not.
fn try_resumed(seed: u64, count: usize) -> (usize, usize) {
    let mut random = Random(seed);
    let (mut good, mut bad) = (0, 0);
    for number in 0..count {
        let most = [3000, 600_000, 1_500_000][random.below(3)];
        let len = 1 + random.below(most);
        let data = KINDS[number % KINDS.len()](&mut random, len);
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), [1, 3, 6][random.below(3)]).unwrap();
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
            let parts = 1 + random.below(4);
            let Some((out, end)) = decode_in_parts(&damaged, parts, true) else {
                continue;
            };
            let (expected, expected_end) = theirs_in_a_stream(&damaged, len + (1 << 20));
            let what = format!("seed {seed}, frame {number} of {len}, window {}", header.window);
            // A block of more than 128 KiB has no place, or is damage: by the room that is left, see
            // `resume`.
            let alike = |end| if end == Err(70) { Err(20) } else { end };
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
    let (good, bad) = try_resumed(6, 150);
    assert!(good > 20 && bad > 100, "{good} good, {bad} bad");
}
