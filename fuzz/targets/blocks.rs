//! What the block decoder takes libzstd decodes to the same bytes.
//!
//! The first byte decides what the rest is: a frame as it is, or the contents of blocks, to which headers are
//! made up that fit. So the fuzzer need not find out how long a block is. Decoded are all blocks at once,
//! and, as streams are, parts of one to four blocks: where a block is odd, libzstd goes on from there, and
//! what is given out and its error are those of libzstd's own streaming decoder.
#![no_main]

use fastpar_fuzz::{Choices, ROOM};
use std::mem::MaybeUninit;
use zstd::zstd_safe::{self, DCtx, InBuffer, OutBuffer};

/// A frame without content size and checksum, with a window of 1 KiB to 2 MiB, and blocks of made-up sizes.
fn frame_of(choices: &mut Choices<'_>) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, choices.byte() % (12 << 3)];
    loop {
        let kind = u32::from(choices.byte());
        let size = choices.below(1 << 10);
        // Mostly compressed ones.
        let (kind, content) = match kind % 8 {
            0 => (0, choices.bytes(size)),
            1 => (1, choices.bytes(1)),
            _ => (2, choices.bytes(size)),
        };
        let last = choices.0.is_empty();
        let size = if kind == 1 { size } else { content.len() };
        let header = (size as u32) << 3 | kind << 1 | u32::from(last);
        frame.extend_from_slice(&header.to_le_bytes()[..3]);
        frame.extend_from_slice(content);
        if last {
            return frame;
        }
    }
}

/// What libzstd's streaming decoder gives out of a frame, which gets it block by block, and its error.
fn in_a_stream(frame: &[u8]) -> (Vec<u8>, Result<(), i32>) {
    let (mut context, mut place) = (DCtx::create(), Vec::with_capacity(2 * ROOM));
    let mut out = OutBuffer::around(&mut place);
    for part in fastpar::codec::block_ends(frame).windows(2) {
        let mut input = InBuffer::around(&frame[part[0]..part[1]]);
        while input.pos < input.src.len() {
            if let Err(code) = context.decompress_stream(&mut out, &mut input) {
                return (place, Err((code as isize).wrapping_neg() as i32));
            }
        }
    }
    (place, Ok(()))
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut choices = Choices(data);
    let count = choices.byte();
    let frame = if count % 2 == 0 { choices.0.to_vec() } else { frame_of(&mut choices) };
    let mut place = vec![0xa5; ROOM + 64];
    // SAFETY: the same layout; fastpar writes initialised bytes only.
    let dst = unsafe { &mut *(std::ptr::from_mut(&mut place[..ROOM]) as *mut [MaybeUninit<u8>]) };
    let written = fastpar::codec::decode_blocks(&frame, dst);
    assert!(place[ROOM..].iter().all(|&byte| byte == 0xa5), "written past the end");
    let parts = fastpar::codec::decode_parts(&frame, 1 + usize::from(count / 2 % 4));
    if let Some((out, end)) = parts.filter(|(out, _)| out.len() <= ROOM) {
        let (expected, expected_end) = in_a_stream(&frame);
        assert_eq!(end, expected_end);
        assert!(out == expected, "other bytes of a stream");
    }
    let Some(written) = written else { return };
    let mut theirs = Vec::with_capacity(ROOM);
    match zstd_safe::decompress(&mut theirs, &frame) {
        Ok(_) => assert!(place[..written] == theirs, "other bytes"),
        Err(code) => panic!("only libzstd refuses: {}", zstd_safe::get_error_name(code)),
    }
});
