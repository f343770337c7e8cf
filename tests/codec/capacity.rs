//! Destinations that are tight, too small, or limited.

use crate::common::{assert_kind, guarded, noise, pack, records, reference, reference_unsized, unpack_into};
use fastpar::codec::{self, Options};
use fastpar::ErrorKind;

fn frames(frame_size: usize) -> Options<'static> {
    Options { frame_size, ..Options::default() }
}

/// Whatever the room, the result is the same, or does not fit.
#[test]
fn compress_into_every_room() {
    let data = [records(300_000), noise(100_000), vec![0; 100_000], records(500_000)].concat();
    for options in [
        frames(100_000),
        frames(64_001),
        frames(1000),
        Options { seek_table: false, ..frames(100_000) },
        Options { single_frame: true, ..Options::default() },
        Options { level: 19, ..frames(333_333) },
    ] {
        let bound = codec::compress_bound(data.len(), &options).unwrap();
        let expected = pack(&data, &options);
        let size = expected.len();
        for room in [size, size + 1, size + 7, size + 1000, size + 150_000, bound - 1, bound, bound + 1] {
            let packed = guarded(room, |dst| codec::compress(&data, dst, &options)).unwrap();
            assert!(packed == expected, "room {room}, result {size}");
        }
        for room in [0, 1, 8, 100, size / 2, size - 100, size - 1] {
            let error = assert_kind(
                guarded(room, |dst| codec::compress(&data, dst, &options)),
                ErrorKind::BufferTooSmall,
            );
            assert_eq!(error.needed(), Some(bound as u64), "{error}");
        }
    }
}

/// Frames that are compressed in steps go straight into whatever room there is.
#[test]
fn compress_in_steps_into_a_tight_room() {
    let data = records(5 << 20);
    let options = Options { level: 12, single_frame: true, ..Options::default() };
    let expected = pack(&data, &options);
    let exact = guarded(expected.len(), |dst| codec::compress(&data, dst, &options)).unwrap();
    assert!(exact == expected);
    let short = guarded(expected.len() - 1, |dst| codec::compress(&data, dst, &options));
    assert_kind(short, ErrorKind::BufferTooSmall);
}

/// Tiny blocks are where libzstd wants room that it does not use.
#[test]
fn compress_tiny_inputs_into_exact_rooms() {
    for len in 0..200 {
        let data = &records(200)[..len];
        let expected = pack(data, &Options::default());
        let exact = guarded(expected.len(), |dst| codec::compress(data, dst, &Options::default()));
        assert!(exact.unwrap() == expected);
        let short = guarded(expected.len() - 1, |dst| codec::compress(data, dst, &Options::default()));
        assert_kind(short, ErrorKind::BufferTooSmall);
    }
}

#[test]
fn bound_suffices() {
    for len in [0, 1, 1000, 1_000_000, 3 << 20] {
        let data = noise(len);
        for frame_size in [0, 1, 10, 999, 100_000] {
            if len > 2000 && frame_size < 100 && frame_size != 0 {
                continue;
            }
            pack(&data, &frames(frame_size)); // in a room of the bound
        }
    }
    assert_kind(codec::compress_bound(usize::MAX, &Options::default()), ErrorKind::InvalidArgument);
    assert_kind(codec::compress_bound(isize::MAX as usize, &Options::default()), ErrorKind::InvalidArgument);
}

#[test]
fn decompress_into_every_room() {
    let data = records(700_000);
    for (packed, known) in [
        (pack(&data, &frames(100_000)), true),
        (pack(&data, &Options { seek_table: false, ..frames(100_000) }), true),
        (reference(&data, 3, true), true),
        (reference_unsized(&data, 3), false),
        ([reference(&data[..300_000], 3, true), reference_unsized(&data[300_000..], 3)].concat(), false),
    ] {
        for room in [data.len(), data.len() + 1, data.len() + 100_000] {
            assert!(unpack_into(&packed, room).unwrap() == data);
        }
        for room in [0, 1, 99_999, 100_000, 400_000, data.len() - 1] {
            let error = assert_kind(unpack_into(&packed, room), ErrorKind::BufferTooSmall);
            assert_eq!(error.needed(), known.then_some(data.len() as u64), "{error}");
        }
    }
}

/// With an honest table nothing behind the result is touched, though there is room.
#[test]
fn decompress_leaves_the_rest_alone() {
    let data = records(500_000);
    let packed = pack(&data, &frames(100_000));
    let mut out = vec![0x5a; data.len() + 1000];
    let written = codec::decompress(&packed, crate::common::uninit(&mut out), &Options::default()).unwrap();
    assert_eq!(written, data.len());
    assert!(out[written..].iter().all(|&byte| byte == 0x5a));
}

#[test]
fn max_output() {
    let data = records(700_000);
    let len = data.len() as u64;
    for packed in [pack(&data, &frames(100_000)), reference(&data, 3, true), reference_unsized(&data, 3)] {
        let unpack = |max_output, room| {
            guarded(room, |dst| {
                codec::decompress(&packed, dst, &Options { max_output, ..Options::default() })
            })
        };
        for room in [data.len(), 2 * data.len()] {
            assert!(unpack(len, room).unwrap() == data);
            assert_kind(unpack(len - 1, room), ErrorKind::LimitExceeded);
            assert_kind(unpack(1, room), ErrorKind::LimitExceeded);
        }
        assert_kind(unpack(len + 1, data.len() - 1), ErrorKind::BufferTooSmall);
        assert_kind(unpack(1000, 2000), ErrorKind::LimitExceeded);
        let to_vec =
            |max_output| codec::decompress_to_vec(&packed, &Options { max_output, ..Options::default() });
        assert!(to_vec(0).unwrap() == data);
        assert!(to_vec(len).unwrap() == data);
        assert_kind(to_vec(len - 1), ErrorKind::LimitExceeded);
    }

    let expected = pack(&data, &frames(100_000));
    let size = expected.len() as u64;
    let compress = |max_output| {
        let bound = codec::compress_bound(data.len(), &frames(100_000)).unwrap();
        guarded(bound, |dst| codec::compress(&data, dst, &Options { max_output, ..frames(100_000) }))
    };
    assert!(compress(size).unwrap() == expected);
    assert_kind(compress(size - 1), ErrorKind::LimitExceeded);
}
