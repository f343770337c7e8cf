//! zstd's own golden files (see `golden/README.md`): what has to be decoded and what must not, as they are
//! and within frames so large that several lanes decode them; and what its encoder once got wrong.

use crate::common::{noise, pack, records, unpack, Random};
use crate::same_verdicts::compare;
use fastpar::codec::{Dict, Frames, Options};

/// The files, by name; whether libzstd takes them.
const FRAMES: [(&str, bool, &[u8]); 6] = [
    ("empty-block", true, &[0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0x15, 0, 0, 0, 0]),
    ("zeroSeq_2B", true, b"\x28\xb5\x2f\xfd\0\0\x85\0\0\x68Hello World!\n\x80\0"),
    ("zeroSeq_extraneous", false, b"\x28\xb5\x2f\xfd\0\0\x95\0\0\x68Hello World!\n\x80\0\0\0"),
    ("off0", false, &[0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0x45, 0, 0, 8, 0, 2, 0, 0x2f, 0x43, 0x0b, 0xae]),
    (
        "truncated_huff_state",
        false,
        &[0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0x55, 0, 0, 0x72, 0x80, 1, 4, 0x20, 0x7e, 0x1f, 2, 0xaa, 0],
    ),
    ("rle-first-block", true, include_bytes!("golden/rle-first-block.zst")),
];

/// A compressed block as long as a block may be: raw literals, and no sequences.
fn block_128k() -> Vec<u8> {
    let head = [0x28, 0xb5, 0x2f, 0xfd, 0, 0x38, 0x05, 0, 0x10, 0xcc, 0xff, 0x1f];
    [&head[..], &[0; 131_069]].concat()
}

fn golden() -> impl Iterator<Item = (&'static str, bool, Vec<u8>)> {
    let small = FRAMES.iter().map(|&(name, good, bytes)| (name, good, bytes.to_vec()));
    small.chain([("block-128k", true, block_128k())])
}

/// The blocks of a frame.
fn blocks(frame: &[u8]) -> Vec<Vec<u8>> {
    let head = Frames::new(frame).next().unwrap().unwrap();
    head.blocks(frame)
        .map(|block| {
            let block = block.unwrap();
            frame[block.offset..block.offset + block.len].to_vec()
        })
        .collect()
}

/// A frame of those blocks, with a window of 8 MiB, that does not tell its size and has no checksum.
fn frame_of(blocks: &[Vec<u8>]) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0x68];
    for (number, block) in blocks.iter().enumerate() {
        let last = u8::from(number + 1 == blocks.len());
        frame.push(block[0] & !1 | last);
        frame.extend_from_slice(&block[1..]);
    }
    frame
}

#[test]
fn golden_frames() {
    for (name, good, frame) in golden() {
        assert_eq!(compare(&frame, 2 << 20, None, name), good, "{name}");
        let two = [&frame[..], &frame].concat();
        assert_eq!(compare(&two, 4 << 20, None, name), good, "two of {name}");
    }
}

/// Their blocks at the beginning and at the end of a large frame.
#[test]
fn golden_blocks_in_large_frames() {
    // Ordinary blocks, with trees and tables, as large as blocks are.
    let ordinary = blocks(&zstd::bulk::compress(&records(9 << 20), 1).unwrap());
    for (name, good, frame) in golden() {
        let golden = blocks(&frame);
        for (at, what) in [(0, "beginning"), (ordinary.len() - 1, "end")] {
            let all = [&ordinary[..at], &golden, &ordinary[at..]].concat();
            let what = format!("{name} at the {what}");
            let taken = compare(&frame_of(&all), 11 << 20, None, &what);
            // Its offset is the last one less 1, which is 0 in the first block only.
            assert_eq!(taken, good || name == "off0" && at > 0, "{what}");
        }
    }
}

/// What zstd's encoder once made wrong frames of, or none: every level writes it so that it comes back.
#[test]
fn golden_contents() {
    let http = include_bytes!("golden/http");
    // Literal and match lengths of more than 16 bits.
    let long = [noise(65_540), vec![0; 66_000], noise(66_001), vec![9; 70_000]].concat();
    // Runs of digits whose statistics change within a block, which the block splitter cuts.
    let mut random = Random(3517);
    let digits = (0..200_000)
        .map(|at| {
            let most = [2, 10, 5, 1][at / 9000 % 4];
            b'0' + (random.next() % most) as u8
        })
        .collect();
    for content in [http.to_vec(), include_bytes!("golden/huffman-compressed-larger").to_vec(), long, digits]
    {
        for level in [-1, 1, 3, 9, 16, 19] {
            for single_frame in [false, true] {
                let options = Options { level, single_frame, ..Options::default() };
                let packed = pack(&content, &options);
                assert!(compare(&packed, content.len(), None, "made here"), "level {level}");
                assert!(unpack(&packed, &options).0 == content, "level {level}");
            }
        }
    }
    // A dictionary that has no code for some of the symbols.
    let content_of_dict = include_bytes!("golden/http-dict-missing-symbols");
    for level in [1, 3, 19] {
        let dict = Dict::new(content_of_dict, level).unwrap();
        let packed = pack(http, &Options { level, dict: Some(&dict), ..Options::default() });
        assert!(compare(&packed, http.len(), Some((&dict, content_of_dict)), "with a dictionary"));
    }
}
