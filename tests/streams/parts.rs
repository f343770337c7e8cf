//! Long frames that may be all there is: decoded while they are read, and while what is decoded is used.

use crate::common::{noise, records, sized_frame, skip, skippable, unsized_frame};
use crate::files::Place;
use fastpar::codec::{decompress_file, Options, Reader};
use std::fs;
use std::io::Read;

/// Whether there is a processor to decode while another reads; else says so.
fn two_processors(test: &str) -> bool {
    let there = std::thread::available_parallelism().is_ok_and(|count| count.get() > 1);
    if !there {
        skip(test, "it takes two processors");
    }
    there
}

/// Nobody waits for the end of one that comes first.
#[test]
fn first_in_a_stream() {
    if !two_processors("first_in_a_stream") {
        return;
    }
    let data = noise(40 << 20);
    for frame in [sized_frame(&data, 3), unsized_frame(&data, 3)] {
        let mut reader = Reader::new(&frame[..], &Options { max_lanes: 2, ..Options::default() }).unwrap();
        let first = reader.chunk().unwrap();
        assert!(!first.is_empty() && data.starts_with(first));
        assert!(reader.bytes_read() < 20 << 20, "{} bytes were read", reader.bytes_read());
        let mut out = Vec::new();
        Read::read_to_end(&mut reader, &mut out).unwrap();
        assert!(out == data);
        assert_eq!(reader.frames(), 1);
    }
}

/// One that is nearly all of a file is never whole in memory.
#[test]
fn nearly_all_of_a_file() {
    if !two_processors("nearly_all_of_a_file") {
        return;
    }
    let (before, data) = (records(1000), records(60 << 20));
    for frame in [sized_frame(&data, 1), unsized_frame(&data, 1)] {
        let among_others = [&sized_frame(&before, 1)[..], &frame, &skippable(1000)].concat();
        let whole = [&before[..], &data].concat();
        for (packed, expected, frames) in [(&frame, &data, 1), (&among_others, &whole, 2)] {
            let place = Place::new(packed);
            let stats = decompress_file(&place.input, &place.back, &Options::default()).unwrap();
            assert!(fs::read(&place.back).unwrap() == *expected);
            assert_eq!(stats.frames, frames);
            assert!(stats.peak_memory < data.len() as u64, "{} bytes of memory", stats.peak_memory);
        }
    }
}

/// The beginning of a file tells that one frame is all there is: no more of it than that is kept.
#[test]
fn all_of_a_file() {
    if !two_processors("all_of_a_file") {
        return;
    }
    let data = noise(40 << 20);
    let place = Place::new(&sized_frame(&data, 3));
    let stats =
        decompress_file(&place.input, &place.back, &Options { max_lanes: 2, ..Options::default() }).unwrap();
    assert!(fs::read(&place.back).unwrap() == data);
    assert!(stats.peak_memory < 26 << 20, "{} bytes of memory", stats.peak_memory);
}

/// Frames whose beginnings say other things than what follows: a wrong guess costs time, and nothing else.
#[test]
fn beginnings_that_mislead() {
    let (hard, easy) = (noise(3 << 20), vec![7; 20 << 20]);
    for data in [[&hard[..], &easy].concat(), [&easy[..], &hard].concat()] {
        let frame = sized_frame(&data, 3);
        for times in 1..=3 {
            let place = Place::new(&frame.repeat(times));
            let stats = decompress_file(&place.input, &place.back, &Options::default()).unwrap();
            assert!(fs::read(&place.back).unwrap() == data.repeat(times));
            assert_eq!(stats.frames, times as u64);
        }
    }
}
