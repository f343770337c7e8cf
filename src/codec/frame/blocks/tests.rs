//! Differential tests: what is decoded here libzstd decodes to the same bytes, and ordinary frames are
//! decoded here.

use super::*;
use crate::codec::format::dictionary::Dictionary;
use crate::codec::format::frame::Frames;
use std::io::Write;
use zstd::stream::raw::CParameter;

/// Numbers that are the same in every run.
pub(super) struct Random(pub(super) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        let mixed = (self.0 ^ self.0 >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ mixed >> 32
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

pub(super) const KINDS: [fn(&mut Random, usize) -> Vec<u8>; 8] =
    [noise, zeros, words, records, few, patterns, mixture, copies];

fn noise(random: &mut Random, len: usize) -> Vec<u8> {
    (0..len).map(|_| random.next() as u8).collect()
}

fn zeros(_: &mut Random, len: usize) -> Vec<u8> {
    vec![0; len]
}

/// Text of words, the first ones more often.
fn words(random: &mut Random, len: usize) -> Vec<u8> {
    let letters = |random: &mut Random| b"etaoinshrdlucmfw"[random.below(16).min(random.below(16))];
    let known: Vec<Vec<u8>> = (0..400)
        .map(|_| {
            let len = 2 + random.below(8);
            (0..len).map(|_| letters(random)).collect()
        })
        .collect();
    let mut text = Vec::new();
    while text.len() < len {
        let word = random.below(400).min(random.below(400));
        text.extend_from_slice(&known[word]);
        text.push(b' ');
    }
    text.truncate(len);
    text
}

/// Rows of 48 bytes, of which much is as in the row before.
fn records(random: &mut Random, len: usize) -> Vec<u8> {
    let (mut time, mut price) = (1_700_000_000_000_000u64, 5_000_000u64);
    let mut rows = Vec::new();
    while rows.len() < len {
        time += random.next() % 100_000;
        price = price + random.next() % 21 - 10;
        let fields = [time, rows.len() as u64 / 48, price, random.next() % 1000, 7, random.next() % 2];
        fields.iter().for_each(|field| rows.extend_from_slice(&field.to_le_bytes()));
    }
    rows.truncate(len);
    rows
}

/// A few symbols, of very different frequencies: literals, and hardly a match.
fn few(random: &mut Random, len: usize) -> Vec<u8> {
    (0..len).map(|_| random.next().trailing_zeros() as u8 * 3 + (random.next() & 1) as u8).collect()
}

/// Noise, long matches alone, and noise again for whole blocks: tables with long runs of codes that are not
/// used, which later blocks refer to from far.
fn copies(random: &mut Random, len: usize) -> Vec<u8> {
    let mut data = noise(random, 5000);
    while data.len() < len {
        let end = data.len() + random.below(300_000);
        while data.len() < end {
            data.extend((0..300 + random.below(400)).map(|_| random.next() as u8));
            let from = data.len() - 5000;
            data.extend_from_within(from..from + 60 + random.below(60));
        }
        data.extend((0..random.below(600_000)).map(|_| random.next() as u8));
    }
    data.truncate(len);
    data
}

/// Matches of all distances, among them those that repeat themselves.
fn patterns(random: &mut Random, len: usize) -> Vec<u8> {
    let mut data = vec![1, 2, 3, 5, 8, 13, 21, 34];
    while data.len() < len {
        match random.below(4) {
            0 => (0..random.below(30)).for_each(|_| data.push(random.next() as u8)),
            1 => data.resize(data.len() + random.below(3000), random.next() as u8),
            _ => {
                let limit = [2, 20, 300, data.len()][random.below(4)].min(data.len());
                let distance = 1 + random.below(limit);
                let longest = if random.below(50) == 0 { 70_000 } else { 80 };
                let count = 3 + random.below(longest);
                (0..count).for_each(|_| data.push(data[data.len() - distance]));
            }
        }
    }
    data.truncate(len);
    data
}

fn mixture(random: &mut Random, len: usize) -> Vec<u8> {
    let mut data = Vec::new();
    while data.len() < len {
        let part = 1 + random.below(len / 3 + 1);
        let kind = KINDS[random.below(6)];
        data.extend(kind(random, part));
    }
    data.truncate(len);
    data
}

/// How a frame is made.
#[derive(Clone, Copy, Debug)]
struct Recipe {
    level: i32,
    checksum: bool,
    content_size: bool,
    long: bool,
    /// Flushed after so many bytes: blocks are small then.
    flush: usize,
}

fn compress(data: &[u8], recipe: Recipe) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), recipe.level).unwrap();
    encoder.include_checksum(recipe.checksum).unwrap();
    if recipe.long {
        encoder.set_parameter(CParameter::EnableLongDistanceMatching(true)).unwrap();
        encoder.set_parameter(CParameter::WindowLog(24)).unwrap();
    }
    if recipe.content_size {
        encoder.set_pledged_src_size(Some(data.len() as u64)).unwrap();
    }
    for piece in data.chunks(recipe.flush.max(1)) {
        encoder.write_all(piece).unwrap();
        if recipe.flush < data.len() {
            encoder.flush().unwrap();
        }
    }
    encoder.finish().unwrap()
}

fn some_slots(lanes: u32) -> Vec<Mutex<Box<Slot>>> {
    (0..slots(lanes)).map(|_| Mutex::new(Box::new(Slot::new()))).collect()
}

/// What this decoder makes of a frame, in a place of so many bytes, with marks behind it.
fn ours(data: &[u8], room: usize, lanes: u32) -> Option<Vec<u8>> {
    ours_with(data, room, lanes, None)
}

/// The same with a dictionary.
pub(super) fn ours_with(
    data: &[u8],
    room: usize,
    lanes: u32,
    dictionary: Option<&Dictionary<'_>>,
) -> Option<Vec<u8>> {
    const MARKS: usize = 64;
    let frame = Frames::new(data).start().ok().filter(|frame| !frame.skippable)?;
    let header = match dictionary {
        None => header_of(&frame)?,
        Some(dictionary) => header_after(&frame, dictionary.content().len())?,
    };
    let mut place = vec![0xa5; room + MARKS];
    let dst = crate::codec::libzstd::calls::as_uninit(&mut place[..room]);
    let run = |lane: &(dyn Fn() + Sync)| {
        std::thread::scope(|scope| {
            (1..lanes).for_each(|_| drop(scope.spawn(lane)));
            lane();
        });
        Ok(())
    };
    let slots = some_slots(lanes);
    let written = decode(data, &header, dictionary, dst, &slots, &|_| Ok(()), run).unwrap();
    assert!(place[room..].iter().all(|&byte| byte == 0xa5), "written past the end");
    place.truncate(written?);
    Some(place)
}

/// What libzstd makes of it, in one call.
fn theirs(data: &[u8], room: usize) -> Result<Vec<u8>, &'static str> {
    let mut place = Vec::with_capacity(room);
    zstd::zstd_safe::decompress(&mut place, data).map_err(zstd::zstd_safe::get_error_name)?;
    Ok(place)
}

#[test]
fn frames_of_libzstd_are_decoded() {
    let mut random = Random(1);
    for (number, kind) in KINDS.into_iter().enumerate() {
        for len in [0, 1, 3, 100, 5000, 131_072, 131_073, 300_000] {
            let data = kind(&mut random, len);
            for level in [-5, 1, 3, 19] {
                let (checksum, content_size) = (random.below(2) == 0, random.below(2) == 0);
                let flush = [usize::MAX, 777, 40_000][random.below(3)];
                let recipe = Recipe { level, checksum, content_size, long: random.below(4) == 0, flush };
                let frame = compress(&data, recipe);
                for lanes in [1, 3] {
                    let decoded = ours(&frame, len, lanes);
                    assert!(decoded.as_ref() == Some(&data), "kind {number}, {len} bytes, {recipe:?}");
                }
                // There may be room, and there must be enough.
                assert!(ours(&frame, len + 100, 2).as_ref() == Some(&data));
                if len > 0 {
                    assert_eq!(ours(&frame, len - 1, 2), None);
                }
            }
        }
    }
}

/// Pieces of some bytes, each flushed: blocks of every small size, and of every type.
#[test]
fn small_blocks_are_decoded() {
    let mut random = Random(2);
    for flush in [1, 2, 3, 5, 17, 60, 255] {
        let data = mixture(&mut random, 3000);
        let recipe = Recipe { level: 3, checksum: true, content_size: false, long: false, flush };
        let frame = compress(&data, recipe);
        assert!(ours(&frame, data.len(), 2) == Some(data), "{flush}");
    }
}

/// Frames by hand, as zstd's own tests have them: what must be decoded, and what must not.
#[test]
fn frames_by_hand() {
    const HEAD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
    let decoded = |rest: &[u8]| ours(&[&HEAD[..], rest].concat(), 1 << 20, 2);
    let block = |kind: u32, last: bool, size: usize| {
        let header = (size as u32) << 3 | kind << 1 | u32::from(last);
        header.to_le_bytes()[..3].to_vec()
    };
    let window = [0, 0x58];
    // Two bytes for no sequences, and what may not follow them.
    let hello = b"\x68Hello World!\n";
    let no_sequences = |rest: &[u8]| {
        let content = [&hello[..], rest].concat();
        decoded(&[&window[..], &block(2, true, content.len()), &content].concat())
    };
    assert_eq!(no_sequences(&[0x80, 0]).as_deref(), Some(&b"Hello World!\n"[..]));
    assert_eq!(no_sequences(&[0]).as_deref(), Some(&b"Hello World!\n"[..]));
    assert_eq!(no_sequences(&[0x80, 0, 0, 0]), None, "bytes after no sequences");
    // No literals and no sequences: nothing.
    let empty = [&window[..], &block(2, true, 2), &[0, 0]].concat();
    assert_eq!(decoded(&empty), Some(Vec::new()));
    // The first block is one byte, repeated.
    let repeated = [&window[..], &block(1, false, 5), b"a", &block(1, true, 3), b"b"].concat();
    assert_eq!(decoded(&repeated).as_deref(), Some(&b"aaaaabbb"[..]));
    // A compressed block as long as a block may be; the literals are as they are.
    let literals = vec![7; slot::LARGEST_BLOCK - 4];
    let head = ((literals.len() as u32) << 4 | 3 << 2).to_le_bytes();
    let full = [&window[..], &block(2, true, literals.len() + 4), &head[..3], &literals, &[0]].concat();
    assert_eq!(decoded(&full), Some(literals));
    // An offset of 0, and Huffman states that are cut off.
    assert_eq!(decoded(&[0, 0, 0x45, 0, 0, 8, 0, 2, 0, 0x2f, 0x43, 0x0b, 0xae]), None);
    assert_eq!(decoded(&[0, 0, 0x55, 0, 0, 0x72, 0x80, 1, 4, 0x20, 0x7e, 0x1f, 2, 0xaa, 0]), None);
}

/// Damages a frame; its header mostly stays as it is.
pub(super) fn damage(random: &mut Random, frame: &mut [u8]) {
    for _ in 0..1 + random.below(3) {
        let at =
            if random.below(8) == 0 { random.below(frame.len()) } else { 5.max(random.below(frame.len())) };
        let at = at.min(frame.len() - 1);
        match random.below(5) {
            0 => frame[at] ^= 1 << random.below(8),
            1 => frame[at] = random.next() as u8,
            2 => frame[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
            3 => {
                let end = (at + 1 + random.below(8)).min(frame.len());
                let from = random.below(frame.len() - (end - at) + 1);
                frame.copy_within(from..from + (end - at), at);
            }
            _ => {
                // Something of the front of a block.
                let near = 9 + random.below(60);
                let near = near.min(frame.len() - 1);
                frame[near] = frame[near].wrapping_add(random.next() as u8);
            }
        }
    }
}

/// Tries damaged frames; returns how many were decoded here, and how many by libzstd.
fn try_damaged(seed: u64, count: usize) -> (usize, usize) {
    let mut random = Random(seed);
    let (mut ours_taken, mut theirs_taken) = (0, 0);
    for number in 0..count {
        let len = 1 + random.below(if number % 10 == 0 { 200_000 } else { 3000 });
        let data = KINDS[number % KINDS.len()](&mut random, len);
        let recipe = Recipe {
            level: [1, 3, 6, 13][random.below(4)],
            checksum: random.below(8) == 0,
            content_size: random.below(3) == 0,
            long: false,
            flush: [usize::MAX, 300, 1000][random.below(3)],
        };
        let frame = compress(&data, recipe);
        for _ in 0..8 {
            let mut damaged = frame.clone();
            damage(&mut random, &mut damaged);
            let room = len + 1000;
            let decoded = ours(&damaged, room, 1);
            // What follows the frame is nobody's business here.
            let whole = match Frames::new(&damaged).next() {
                Some(Ok(first)) => &damaged[..first.len],
                _ => &damaged[..],
            };
            let expected = theirs(whole, room);
            theirs_taken += usize::from(expected.is_ok());
            if let Some(decoded) = decoded {
                ours_taken += 1;
                assert!(
                    expected.as_ref() == Ok(&decoded),
                    "seed {seed}, frame {number}: {:?}",
                    expected.err()
                );
            }
        }
    }
    (ours_taken, theirs_taken)
}

#[test]
fn damaged_frames_are_left_to_libzstd() {
    let (ours, theirs) = try_damaged(3, 600);
    // Most frames that are still valid are decoded here: libzstd also takes offsets past the window, and
    // streams that go on.
    assert!(ours * 2 >= theirs, "{ours} of {theirs}");
}

#[test]
fn a_step_stops_it() {
    let data = words(&mut Random(4), 2_000_000);
    let recipe = Recipe { level: 1, checksum: true, content_size: true, long: false, flush: usize::MAX };
    let packed = compress(&data, recipe);
    let frame = Frames::new(&packed).start().unwrap();
    let header = header_of(&frame).unwrap();
    let told = std::sync::atomic::AtomicUsize::new(0);
    let stop = |len: usize| {
        let before = told.fetch_add(len, std::sync::atomic::Ordering::Relaxed);
        if before + len < 500_000 {
            return Ok(());
        }
        Err(crate::error::Error::new(crate::error::ErrorKind::Cancelled, "stopped"))
    };
    let mut place = vec![0; data.len()];
    let dst = crate::codec::libzstd::calls::as_uninit(&mut place);
    let result = decode(&packed, &header, None, dst, &some_slots(3), &stop, |lane| {
        std::thread::scope(|scope| {
            (0..3).for_each(|_| drop(scope.spawn(lane)));
        });
        Ok(())
    });
    assert_eq!(result.unwrap_err().kind(), crate::error::ErrorKind::Cancelled);
    assert!(told.into_inner() < 500_000 + slot::LARGEST_BLOCK, "it went on");
}

#[test]
fn parts_are_executed_one_after_the_other() {
    let mut random = Random(5);
    for (number, kind) in KINDS.into_iter().enumerate() {
        // Longer than what an executor keeps.
        for (level, len) in [(-3, 4_000_000), (1, 500_000), (19, 200_000)] {
            let data = kind(&mut random, len);
            let recipe = Recipe {
                level,
                checksum: true,
                content_size: random.below(2) == 0,
                long: false,
                flush: [usize::MAX, 100_000][random.below(2)],
            };
            let frame = compress(&data, recipe);
            for count in [1, 3] {
                assert!(
                    crate::codec::frame::resume::decode_in_parts(&frame, count, false, None)
                        .is_some_and(|(out, _)| out == data),
                    "kind {number}, {recipe:?}, {count}"
                );
            }
            let mut damaged = frame.clone();
            let at = damaged.len() - 2;
            damaged[at] ^= 1;
            let (out, end) = crate::codec::frame::resume::decode_in_parts(&damaged, 2, true, None).unwrap();
            assert!(out == data && end == Err(22), "the checksum: {end:?}");
        }
    }
}
