//! What the block decoder takes libzstd decodes to the same bytes.
//!
//! The first byte decides what the rest is: a frame as it is, or the contents of blocks, to which headers are
//! made up that fit. So the fuzzer need not find out how long a block is. Decoded are all blocks at once,
//! and, as streams are, parts of one to four blocks: where a block is odd, libzstd goes on from there, and
//! what is given out and its error are those of libzstd's own streaming decoder.
#![no_main]

use fastpar_fuzz::{as_uninit, in_room, Choices, ROOM};
use std::cell::RefCell;
use zstd::zstd_safe::{self, DCtx, InBuffer, OutBuffer, ResetDirective};

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

/// libzstd's decoder, and places for what it decodes as a whole and in a stream.
struct Theirs {
    context: DCtx<'static>,
    whole: Vec<u8>,
    stream: Vec<u8>,
}

thread_local! {
    /// Used for every input, as to make them takes longer than the input.
    static THEIRS: RefCell<Theirs> = RefCell::new(Theirs {
        context: DCtx::create(),
        whole: Vec::with_capacity(ROOM),
        stream: Vec::with_capacity(2 * ROOM),
    });
}

impl Theirs {
    /// What libzstd's streaming decoder gives out of a frame, which gets it block by block, and its error.
    fn in_a_stream(&mut self, frame: &[u8]) -> (&[u8], Result<(), i32>) {
        let Self { context, stream, .. } = self;
        context.reset(ResetDirective::SessionOnly).expect("a session ends at any time");
        stream.clear();
        let mut out = OutBuffer::around(stream);
        for part in fastpar::codec::block_ends(frame).windows(2) {
            let mut input = InBuffer::around(&frame[part[0]..part[1]]);
            while input.pos < input.src.len() {
                if let Err(code) = context.decompress_stream(&mut out, &mut input) {
                    return (stream, Err((code as isize).wrapping_neg() as i32));
                }
            }
        }
        (stream, Ok(()))
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut choices = Choices(data);
    let count = choices.byte();
    let frame = if count % 2 == 0 { choices.0.to_vec() } else { frame_of(&mut choices) };
    THEIRS.with_borrow_mut(|theirs| in_room(|place| try_frame(&frame, count, place, theirs)));
});

fn try_frame(frame: &[u8], count: u8, place: &mut [u8], theirs: &mut Theirs) {
    let written = fastpar::codec::decode_blocks(frame, as_uninit(place), None);
    let parts = fastpar::codec::decode_parts(frame, 1 + usize::from(count / 2 % 4));
    if let Some((out, end)) = parts.filter(|(out, _)| out.len() <= ROOM) {
        let (expected, expected_end) = theirs.in_a_stream(frame);
        // A block of more than 128 KiB has no place, or is damage: by the room that is left.
        let alike = |end| if end == Err(70) { Err(20) } else { end };
        assert!(out == expected, "other bytes of a stream");
        if alike(end) == Err(20) && expected_end.is_ok() {
            // A wrong content size behind an empty last block, which libzstd's one call looks at.
            theirs.whole.clear();
            assert!(theirs.context.decompress(&mut theirs.whole, frame).is_err(), "only a stream is refused");
        } else {
            assert_eq!(alike(end), alike(expected_end));
        }
    }
    let Some(written) = written else { return };
    theirs.whole.clear();
    match theirs.context.decompress(&mut theirs.whole, frame) {
        Ok(_) => assert!(place[..written] == theirs.whole, "other bytes"),
        Err(code) => panic!("only libzstd refuses: {}", zstd_safe::get_error_name(code)),
    }
}
