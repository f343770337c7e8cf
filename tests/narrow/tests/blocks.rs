//! Blocks decoded by several threads, without libzstd: frames that it made, of all types of blocks, and
//! damaged ones, which must not lead to anything but a refusal or other bytes.
use fastpar_narrow::decode_blocks;

/// Made by libzstd at these levels, which was flushed after some thousand bytes, at level 3 after 300.
const FRAMES: [&[u8]; 3] = [
    include_bytes!("../frames/level-1.zst"),
    include_bytes!("../frames/level-3.zst"),
    include_bytes!("../frames/level-19.zst"),
];

const WORDS: [&str; 16] = [
    "the", "of", "and", "a", "block", "frame", "window", "literal", "match", "offset", "length", "table",
    "state", "tree", "lane", "ring",
];

/// What the frames hold: words and runs, noise, zeros.
fn content() -> Vec<u8> {
    let mut state = 7u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 16
    };
    let mut out = Vec::new();
    for _ in 0..4 {
        let start = out.len();
        while out.len() - start < 2500 {
            let number = next();
            match number {
                _ if number % 64 == 0 => out.extend([(number >> 8) as u8; 300]),
                _ if number % 3 == 0 => {
                    out.extend(format!("{}{}", WORDS[number as usize % 16], number >> 8).bytes());
                }
                _ => out.extend(format!("{} ", WORDS[number as usize % 16]).bytes()),
            }
        }
    }
    out.extend((0..400).map(|_| next() as u8));
    out.resize(out.len() + 3000, 0);
    out
}

#[test]
fn frames_are_decoded() {
    let content = content();
    for frame in FRAMES {
        for (threads, room) in [(1, content.len()), (3, content.len() + 100)] {
            assert!(decode_blocks(frame, room, threads).as_ref() == Some(&content), "{} bytes", frame.len());
        }
        assert_eq!(decode_blocks(frame, content.len() - 1, 2), None);
    }
}

#[test]
fn damaged_frames_are_refused() {
    let content = content();
    let room = content.len();
    for frame in FRAMES {
        let mut damaged = frame.to_vec();
        // Under Miri fewer, as each takes a second.
        for at in (6..frame.len()).step_by(if cfg!(miri) { 301 } else { 7 }) {
            damaged[at] ^= 1 << (at % 8);
            // The checksum tells other bytes; a few bits mean nothing.
            let decoded = decode_blocks(&damaged, room, 1);
            assert!(decoded.is_none_or(|bytes| bytes == content), "byte {at}");
            damaged[at] = frame[at];
        }
    }
}
