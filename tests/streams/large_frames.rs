//! Files of one large frame, whose parts several lanes decode where CPUs are idle: what is written, and what
//! is said of damage, is what libzstd makes of it.

use crate::common::{noise, records, sized_frame, unpack, unsized_frame};
#[cfg(unix)]
use crate::files::unix::fifo;
use crate::files::Place;
use fastpar::codec::{decompress_file, Options};
use fastpar::{Error, ErrorKind};
use std::fs;
use std::io::Write;
use std::ops::ControlFlow;
use std::sync::Mutex;

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

/// The longest header: it names dictionary 0, which is none, in four bytes.
#[test]
fn a_long_header() {
    let data = mixed();
    let packed = unsized_frame(&data, 1);
    let (descriptor, window) = (packed[4], packed[5]);
    assert_eq!(descriptor & !4, 0, "a window, no size");
    let size = (data.len() as u64).to_le_bytes();
    let head = [&packed[..4], &[descriptor | 3 << 6 | 3, window], &[0; 4], &size];
    let packed = [&head.concat(), &packed[6..]].concat();
    let place = Place::new(&[]);
    fs::write(&place.output, &packed).unwrap();
    let stats = decompress_file(&place.output, &place.back, &Options::default()).unwrap();
    assert!(fs::read(&place.back).unwrap() == data);
    assert_eq!(stats.bytes_in, packed.len() as u64);
}

/// Blocks of some hundred bytes, many of which go together.
#[test]
fn small_blocks() {
    let data = mixed();
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.set_pledged_src_size(Some(data.len() as u64)).unwrap();
    for piece in data.chunks(1500) {
        encoder.write_all(piece).unwrap();
        encoder.flush().unwrap();
    }
    let place = Place::new(&[]);
    fs::write(&place.output, encoder.finish().unwrap()).unwrap();
    decompress_file(&place.output, &place.back, &Options::default()).unwrap();
    assert!(fs::read(&place.back).unwrap() == data);
}

#[test]
fn memory_is_kept() {
    let data = mixed();
    let packed = sized_frame(&data, 3);
    let place = Place::new(&[]);
    fs::write(&place.output, &packed).unwrap();
    for max_memory in [8 << 20, 12 << 20, 30 << 20, 45 << 20, 60 << 20, 100 << 20, 0] {
        let options = Options { max_memory, ..Options::default() };
        let stats = decompress_file(&place.output, &place.back, &options).unwrap();
        assert!(fs::read(&place.back).unwrap() == data, "{max_memory}");
        let limit = if max_memory == 0 { 240 << 20 } else { max_memory };
        assert!(stats.peak_memory <= limit, "{} of {limit}", stats.peak_memory);
    }
}

/// What passes `max_output` is not written, not even to a target that does not wait for the end.
#[cfg(unix)]
#[test]
fn output_is_limited() {
    let data = mixed();
    let place = Place::new(&[]);
    let Some(fifo) = fifo("output_is_limited", &place) else { return };
    fs::write(&place.output, unsized_frame(&data, 1)).unwrap();
    for max_output in [100, LEN as u64 - 1, LEN as u64] {
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| fs::read(&fifo).unwrap());
            let options = Options { max_output, ..Options::default() };
            let result = decompress_file(&place.output, &fifo, &options);
            let kind = (max_output < LEN as u64).then_some(ErrorKind::LimitExceeded);
            assert_eq!(result.err().map(|error| error.kind()), kind);
            let written = reader.join().unwrap();
            assert!(written.len() as u64 <= max_output && data.starts_with(&written), "{max_output}");
        });
    }
}

/// Progress never falls, and ends with all of the source, also where the frame is decoded twice.
#[test]
fn progress_of_a_frame_that_is_decoded_twice() {
    let mut packed = unsized_frame(&mixed(), 1); // it has a checksum
    let place = Place::new(&[]);
    for damaged in [false, true] {
        if damaged {
            let middle = packed.len() / 2;
            packed[middle] ^= 0x55;
        }
        fs::write(&place.output, &packed).unwrap();
        let (told, len) = (Mutex::new(Vec::new()), packed.len() as u64);
        let tell = |done, total| {
            told.lock().unwrap().push((done, total));
            ControlFlow::Continue(())
        };
        let options = Options { progress: Some(&tell), ..Options::default() };
        let result = decompress_file(&place.output, &place.back, &options);
        let told = told.into_inner().unwrap();
        assert!(told.windows(2).all(|pair| pair[0].0 <= pair[1].0), "{told:?}");
        assert!(told.iter().all(|&(done, total)| done <= total && total == len), "{told:?}");
        assert_eq!(result.is_ok(), told.last() == Some(&(len, len)));
        assert_eq!(result.is_ok(), !damaged);
    }
}
