//! Files of one large frame, whose parts several lanes decode where CPUs are idle: what is written, and what is said
//! of damage, is what libzstd makes of it.

use crate::common::{noise, records, sized_frame, unpack, unsized_frame};
use crate::files::Place;
use fastpar::codec::{decompress_file, Options};
use fastpar::Error;
use std::fs;

/// More than the window and what is kept beside it, at the lowest levels.
const LEN: usize = 12 << 20;

fn mixed() -> Vec<u8> {
    let mut data = records(LEN / 2);
    data.extend(noise(LEN / 4));
    data.resize(LEN, 3);
    data
}

#[test]
fn a_file_of_one_frame() {
    let data = mixed();
    for packed in [sized_frame(&data, 1), unsized_frame(&data, 1), sized_frame(&data, 5)] {
        let place = Place::new(&[]);
        fs::write(&place.output, &packed).unwrap();
        for max_lanes in [0, 1] {
            let options = Options { max_lanes, ..Options::default() };
            let stats = decompress_file(&place.output, &place.back, &options).unwrap();
            assert!(fs::read(&place.back).unwrap() == data);
            assert_eq!((stats.bytes_in, stats.bytes_out, stats.frames), (packed.len() as u64, LEN as u64, 1));
        }
    }
}

#[test]
fn other_frames_around_it() {
    let data = mixed();
    let (large, small) = (unsized_frame(&data, 1), sized_frame(b"small", 3));
    let place = Place::new(&[]);
    fs::write(&place.output, [&small[..], &large, &small, &large].concat()).unwrap();
    let stats = decompress_file(&place.output, &place.back, &Options::default()).unwrap();
    assert!(fs::read(&place.back).unwrap() == [b"small", &data[..], b"small", &data].concat());
    assert_eq!(stats.frames, 4);
}

#[test]
fn damage_is_told_as_by_a_stream() {
    let packed = sized_frame(&mixed(), 1);
    let place = Place::new(&[]);
    for number in 0..40 {
        let mut damaged = packed.clone();
        let at = match number {
            0..10 => 9 + number,
            10..14 => packed.len() - 1 - (number - 10),
            _ => number * (packed.len() / 41),
        };
        damaged[at] ^= 1 << (number % 8);
        fs::write(&place.output, &damaged).unwrap();
        let seen = |error: Error| (error.kind(), error.code(), error.position(), error.message().to_owned());
        let file = decompress_file(&place.output, &place.back, &Options::default()).map_err(seen);
        let (bytes, stream) = unpack(&damaged, &Options::default());
        assert_eq!(file.clone().map(drop), stream.map_err(seen), "byte {at}");
        if file.is_ok() {
            assert!(fs::read(&place.back).unwrap() == bytes, "byte {at}");
        }
    }
}
