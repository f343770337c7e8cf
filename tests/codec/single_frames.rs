//! One large frame, which several lanes decode where CPUs are idle: what comes out, and what is said of
//! damage, is what one lane makes of it.

use crate::common::{assert_kind, guarded, records, reference, reference_unsized};
use fastpar::codec::{self, Options};
use fastpar::{ErrorKind, Result};
use std::sync::atomic::AtomicI32;

const LEN: usize = 5 << 20;

/// Rows, noise and zeros: blocks of all types.
fn mixed() -> Vec<u8> {
    let mut data = records(3 << 20);
    let mut state = 7u32;
    data.extend((0..1 << 20).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    }));
    data.resize(LEN, 0);
    data
}

fn unpack(packed: &[u8], options: &Options<'_>) -> Result<Vec<u8>> {
    guarded(LEN, |dst| codec::decompress(packed, dst, options))
}

/// All that a caller can see of a result.
fn seen(result: &Result<Vec<u8>>) -> std::result::Result<&[u8], (ErrorKind, i32, Option<u64>, &str)> {
    match result {
        Ok(bytes) => Ok(bytes),
        Err(error) => Err((error.kind(), error.code(), error.position(), error.message())),
    }
}

#[test]
fn several_lanes_decode_what_one_does() {
    let data = mixed();
    for level in [1, 3, 9] {
        let packed = reference(&data, level, true);
        for max_lanes in [0, 1, 2, 3] {
            let options = Options { max_lanes, ..Options::default() };
            assert!(unpack(&packed, &options).unwrap() == data, "level {level}, {max_lanes} lanes");
        }
    }
}

#[test]
fn damage_is_told_as_by_one_lane() {
    let data = mixed();
    for checksum in [false, true] {
        let packed = reference(&data, 3, checksum);
        for number in 0..60 {
            let mut damaged = packed.clone();
            // Beginning, end, and places all over.
            let at = match number {
                0..20 => number,
                20..30 => packed.len() - 1 - (number - 20),
                _ => number * (packed.len() / 61),
            };
            damaged[at] ^= 1 << (number % 8);
            let alone = unpack(&damaged, &Options { max_lanes: 1, ..Options::default() });
            let together = unpack(&damaged, &Options::default());
            assert!(seen(&together) == seen(&alone), "byte {at}: {:?}, {:?}", together.err(), alone.err());
        }
        let cut = &packed[..packed.len() / 2];
        let alone = unpack(cut, &Options { max_lanes: 1, ..Options::default() });
        assert_eq!(seen(&unpack(cut, &Options::default())), seen(&alone));
    }
}

#[test]
fn limits_are_kept() {
    let data = mixed();
    let packed = reference(&data, 3, true);
    let options = Options { max_memory: 1 << 20, ..Options::default() };
    assert!(unpack(&packed, &options).unwrap() == data, "too little memory for several lanes");
    let options = Options { window_log: 10, ..Options::default() };
    assert_kind(unpack(&packed, &options), ErrorKind::LimitExceeded);
    let cancel = AtomicI32::new(1);
    let options = Options { cancel: Some(&cancel), ..Options::default() };
    assert_kind(unpack(&packed, &options), ErrorKind::Cancelled);
}

/// Frames that do not tell their size, two frames, and frames between small ones.
#[test]
fn frames_among_others() {
    let data = mixed();
    let single = reference_unsized(&data, 3);
    assert!(unpack(&single, &Options::default()).unwrap() == data);
    let unpack =
        |packed: &[u8], room| guarded(room, |dst| codec::decompress(packed, dst, &Options::default()));
    for frame in [reference(&data, 3, true), single] {
        let small = reference(b"small", 3, true);
        let packed = [&frame[..], &small, &frame].concat();
        let expected = [&data[..], b"small", &data].concat();
        assert!(unpack(&packed, expected.len()).unwrap() == expected);
        // No room for the last bytes of the last frame.
        assert_kind(unpack(&packed, expected.len() - 1), ErrorKind::BufferTooSmall);
    }
}
