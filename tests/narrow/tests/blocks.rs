//! Blocks decoded by several threads, without libzstd: frames that it made, of all types of blocks, and
//! damaged ones, which must not lead to anything but a refusal or other bytes.
use fastpar_narrow::decode_blocks;

/// Made by libzstd at these levels, which was flushed after some thousand bytes, at level 3 after 300.
const FRAMES: [&[u8]; 3] = [
    include_bytes!("../frames/level-1.zst"),
    include_bytes!("../frames/level-3.zst"),
    include_bytes!("../frames/level-19.zst"),
];

/// What they hold: words and runs, noise, zeros.
const CONTENT: &[u8] = include_bytes!("../frames/content");

/// Parts of that at level 13, flushed after each: trees, tables that are described and repeated, a stored and
/// a repeated block.
const SMALL: &[u8] = include_bytes!("../frames/small.zst");

/// Frames, and what each holds.
fn frames() -> Vec<(&'static [u8], Vec<u8>)> {
    let end = CONTENT.len() - 3060;
    let parts = [&CONTENT[..300], &CONTENT[2500..2900], &CONTENT[5000..5300], &CONTENT[end..end + 460]];
    let mut frames = vec![(SMALL, parts.concat())];
    // Miri takes half a minute for each of these.
    if !cfg!(miri) {
        frames.extend(FRAMES.map(|frame| (frame, CONTENT.to_vec())));
    }
    frames
}

#[test]
fn frames_are_decoded() {
    for (frame, content) in frames() {
        for (threads, room) in [(1, content.len()), (3, content.len() + 100)] {
            let decoded = decode_blocks(frame, room, threads);
            assert!(decoded.as_ref() == Some(&content), "{} bytes, {threads} threads", frame.len());
        }
        assert_eq!(decode_blocks(frame, content.len() - 1, 2), None);
    }
}

#[test]
fn damaged_frames_are_refused() {
    for (frame, content) in frames() {
        let mut damaged = frame.to_vec();
        for at in (6..frame.len()).step_by(if cfg!(miri) { 61 } else { 7 }) {
            damaged[at] ^= 1 << (at % 8);
            // The checksum tells other bytes; a few bits mean nothing.
            let decoded = decode_blocks(&damaged, content.len(), 1);
            assert!(decoded.is_none_or(|bytes| bytes == content), "byte {at}");
            damaged[at] = frame[at];
        }
    }
}
