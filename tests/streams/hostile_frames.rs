//! Large frames made by hand to hurt: blocks of every size that a block may have and of some that it may not,
//! by the ten thousand, cheap to make and long to decode. The verdict is libzstd's on every way, and memory
//! stays within its limit.

use crate::common::{assert_kind, noise, records, unpack};
use crate::files::Place;
use crate::same_verdicts::compare;
use fastpar::codec::{decompress_file, decompress_to_vec, Frames, Options};
use fastpar::ErrorKind;
use std::fs;

const LARGEST: usize = 128 << 10;

/// A frame without a size and a checksum; `window`: the byte that tells it.
struct Maker(Vec<u8>);

impl Maker {
    fn new(window: u8) -> Self {
        Self(vec![0x28, 0xb5, 0x2f, 0xfd, 0, window])
    }

    /// A block of that type, whose header tells `size`.
    fn block(&mut self, kind: u32, size: usize, content: &[u8]) -> &mut Self {
        self.0.extend_from_slice(&((size as u32) << 3 | kind << 1).to_le_bytes()[..3]);
        self.0.extend_from_slice(content);
        self
    }

    fn raw(&mut self, content: &[u8]) -> &mut Self {
        self.block(0, content.len(), content)
    }

    fn repeated(&mut self, byte: u8, len: usize) -> &mut Self {
        self.block(1, len, &[byte])
    }

    /// Enough for several lanes: more than 8 MiB of raw blocks.
    fn filled(&mut self) -> &mut Self {
        let content = noise(LARGEST);
        (0..72).fold(self, |maker, _| maker.raw(&content))
    }

    /// An empty block is the last.
    fn end(&mut self) -> Vec<u8> {
        self.0.extend_from_slice(&[1, 0, 0]);
        std::mem::take(&mut self.0)
    }
}

/// A window of 8 MiB, and of 128 KiB.
const WINDOW: u8 = 13 << 3;
const SMALL_WINDOW: u8 = 7 << 3;

#[test]
fn blocks_by_the_ten_thousand() {
    let mut empty = Maker::new(WINDOW);
    let mut tiny = Maker::new(SMALL_WINDOW);
    let mut nothing = Maker::new(WINDOW);
    for maker in [&mut empty, &mut tiny, &mut nothing] {
        maker.filled();
    }
    for number in 0..10_000 {
        empty.raw(&[]);
        tiny.raw(&[number as u8]);
        // No literals, no sequences; and a byte that is repeated no times.
        nothing.block(2, 2, &[0, 0]).repeated(7, 0);
    }
    for (maker, what) in [(&mut empty, "empty"), (&mut tiny, "tiny"), (&mut nothing, "nothing")] {
        assert!(compare(&maker.end(), 12 << 20, None, what), "{what}");
    }
    let mut runs = Maker::new(WINDOW);
    runs.filled();
    (0..60).for_each(|number| _ = runs.repeated(number, LARGEST));
    assert!(compare(&runs.end(), 20 << 20, None, "runs"));
}

/// What no block may be, behind and before enough that is good.
#[test]
fn blocks_that_are_none() {
    let odd: [(&str, u32, usize, &[u8]); 5] = [
        ("a reserved type", 3, 5, b"hello"),
        ("a compressed block of nothing", 2, 0, b""),
        ("a compressed block of a byte", 2, 1, b"\0"),
        ("a tree where there is none", 2, 4, &[0x03, 0x01, 0, 0]),
        ("tables where there are none", 2, 4, &[0x08, b'x', 1, 0xfc]),
    ];
    for (what, kind, size, content) in odd {
        let mut maker = Maker::new(WINDOW);
        maker.filled().block(kind, size, content);
        assert!(!compare(&maker.end(), 12 << 20, None, what), "{what}");
    }
}

/// Runs and raw blocks that are longer than a block may be: libzstd's streams refuse them, as the format
/// does, though its one call takes them.
#[test]
fn blocks_that_are_too_long() {
    let after = |len| Maker::new(WINDOW).filled().repeated(b'x', len).end();
    // The window is 1 KiB, and so is what a block may hold.
    let mut small = Maker::new(0);
    (0..2000).for_each(|_| _ = small.raw(&[7; 1024]));
    for frame in [after(LARGEST + 1), after((1 << 21) - 1), small.raw(&[7; 1025]).end()] {
        assert!(zstd::decode_all(&frame[..]).is_err());
        let place = Place::new(&[]);
        fs::write(&place.output, &frame).unwrap();
        for max_lanes in [0, 1] {
            let options = Options { max_lanes, ..Options::default() };
            let (out, end) = unpack(&frame, &options);
            assert_eq!(assert_kind(end, ErrorKind::Corrupt).position(), Some(0));
            assert!(out.len() <= 72 * LARGEST, "nothing of it, or behind it");
            assert_kind(decompress_to_vec(&frame, &options), ErrorKind::Corrupt);
            assert_kind(decompress_file(&place.output, &place.back, &options), ErrorKind::Corrupt);
            assert!(!place.back.exists());
        }
    }
}

/// The first and the last byte of the checksum, and the cuts before them.
#[test]
fn checksums() {
    let content = records(9 << 20);
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.include_checksum(true).unwrap();
    std::io::Write::write_all(&mut encoder, &content).unwrap();
    let frame = encoder.finish().unwrap();
    for at in [1, 4] {
        let mut wrong = frame.clone();
        let byte = wrong.len() - at;
        wrong[byte] ^= 0x80;
        assert!(!compare(&wrong, content.len(), None, "a wrong checksum"));
        assert!(!compare(&frame[..byte], content.len(), None, "a cut checksum"));
    }
}

/// Frames that claim the largest windows, or have the most blocks in flight, within any memory: decoded, or
/// refused before the memory is taken.
#[test]
fn memory_is_kept() {
    let place = Place::new(&[]);
    let mut decoded = 0;
    for window_log in [17, 23, 25, 27] {
        let mut maker = Maker::new((window_log - 10) << 3);
        // The most sequences of a block, and the most memory for each: short matches everywhere.
        let block = zstd::bulk::compress(&records(9 << 20), 1).unwrap();
        let head = Frames::new(&block).next().unwrap().unwrap();
        for block_of in head.blocks(&block).map(Result::unwrap) {
            let mut bytes = block[block_of.offset..block_of.offset + block_of.len].to_vec();
            bytes[0] &= !1;
            maker.0.extend(bytes);
        }
        maker.repeated(3, LARGEST);
        let frame = maker.end();
        fs::write(&place.output, &frame).unwrap();
        for max_memory in [3 << 20, 9 << 20, 40 << 20, 80 << 20, 300 << 20] {
            let options = Options { max_memory, ..Options::default() };
            match decompress_file(&place.output, &place.back, &options) {
                Ok(stats) => {
                    let peak = stats.peak_memory;
                    assert!(peak <= max_memory, "window 2^{window_log}: {peak} of {max_memory}");
                    assert_eq!(stats.bytes_out, (9 << 20) + LARGEST as u64);
                    decoded += 1;
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{error}"),
            }
        }
    }
    assert!(decoded >= 8, "{decoded}");
}

/// A block that decodes to more than a block may, in a frame that does not tell its size, is damage on
/// every way, and not a destination that is too small.
#[test]
fn blocks_that_are_too_large() {
    let literals = 100_000;
    // Raw literals of 20 bits; one sequence, each of its codes the only one; a match of 131,074 bytes.
    let head = ((literals as u32) << 4 | 0b1100).to_le_bytes();
    let block = [&head[..3], &noise(literals), &[1, 0x54, 1, 2, 52], &[0xff, 0xff, 0b100]].concat();
    let large = Maker::new(WINDOW).raw(b"before").block(2, block.len(), &block).end();
    let place = Place::new(&[]);
    fs::write(&place.output, &large).unwrap();
    for max_lanes in [0, 1, 2] {
        let options = Options { max_lanes, ..Options::default() };
        let (bytes, end) = unpack(&large, &options);
        assert_kind(end, ErrorKind::Corrupt);
        assert_eq!(bytes, b"before", "{max_lanes} lanes");
        assert_kind(decompress_file(&place.output, &place.back, &options), ErrorKind::Corrupt);
        assert_kind(decompress_to_vec(&large, &options), ErrorKind::Corrupt);
    }
}
