//! Data that is damaged, cut off, hostile, or not zstd at all.

use crate::common::{
    assert_kind, assert_unpacks, block, frame_of, noise, pack, records, reference, reference_unsized,
    skippable, unpack_into, Random,
};
use fastpar::codec::{self, Options};
use fastpar::ErrorKind;

/// Three small frames and a table.
fn small() -> (Vec<u8>, Vec<u8>) {
    let data = records(1500);
    (pack(&data, &Options { frame_size: 500, ..Options::default() }), data)
}

#[test]
fn truncated_at_every_byte() {
    let (packed, data) = small();
    let frames: Vec<_> = codec::Frames::new(&packed).map(|frame| frame.unwrap()).collect();
    for len in 1..packed.len() {
        let cut = &packed[..len];
        if let Some(at) = frames.iter().position(|frame| frame.offset == len) {
            // Whole frames are valid data.
            assert_unpacks(cut, &data[..(500 * at).min(data.len())]);
            continue;
        }
        let cut_frame = frames.iter().rev().find(|frame| frame.offset < len).unwrap();
        for result in [unpack_into(cut, data.len()).map(drop), codec::decompressed_size(cut).map(drop)] {
            let error = assert_kind(result, ErrorKind::Truncated);
            assert_eq!(error.position(), Some(cut_frame.offset as u64), "{len}: {error}");
            assert!(error.message().contains(&format!("frame {}", cut_frame.index)), "{error}");
        }
    }
    assert_unpacks(&packed, &data);
}

#[test]
fn truncated_frames_of_unknown_size() {
    let packed = reference_unsized(&records(400_000), 3);
    for len in (1..packed.len()).step_by(997).chain([packed.len() - 1]) {
        assert_kind(unpack_into(&packed[..len], 400_000), ErrorKind::Truncated);
    }
}

/// Every bit of small data: the checksum, or something before it, finds each that matters.
#[test]
fn single_bit_flips() {
    for (packed, data) in [small(), (reference_unsized(&records(700), 5), records(700))] {
        let mut same = 0;
        for bit in 0..packed.len() * 8 {
            let mut flipped = packed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            match unpack_into(&flipped, data.len()) {
                Ok(out) => {
                    assert!(out == data, "bit {bit}: wrong bytes without an error");
                    same += 1;
                }
                Err(error) => assert!(
                    matches!(
                        error.kind(),
                        ErrorKind::Corrupt
                            | ErrorKind::Checksum
                            | ErrorKind::Truncated
                            | ErrorKind::NotZstd
                            | ErrorKind::Dictionary
                            | ErrorKind::LimitExceeded
                            | ErrorKind::BufferTooSmall
                    ),
                    "bit {bit}: {:?} {error}",
                    error.kind()
                ),
            }
        }
        // The table is only a hint, and each frame has an unused bit: flips there change nothing.
        assert!(same < 400, "{same} flips changed nothing");
    }
}

/// Damage in large data, where frames decode in parallel and in steps.
#[test]
fn damage_is_named() {
    let data = records(3_000_000);
    let packed = pack(&data, &Options { frame_size: 500_000, ..Options::default() });
    let frames: Vec<_> = codec::Frames::new(&packed).map(|frame| frame.unwrap()).collect();
    let mut random = Random(7);
    for frame in &frames[..6] {
        // The checksum itself.
        let mut damaged = packed.clone();
        damaged[frame.range().end - 1] ^= 0x10;
        let error = assert_kind(unpack_into(&damaged, data.len()), ErrorKind::Checksum);
        assert_eq!(error.position(), Some(frame.offset as u64));
        assert!(
            error.message().starts_with(&format!("frame {} at byte {}", frame.index, frame.offset)),
            "{error}"
        );
        assert_ne!(error.code(), 0);
        // Anywhere inside.
        let mut damaged = packed.clone();
        damaged[frame.offset + frame.header_len + random.below(frame.len - 30)] ^= 0x04;
        let error = unpack_into(&damaged, data.len()).unwrap_err();
        assert!(error.position() >= Some(frame.offset as u64), "{error}");
    }
    // Two frames are damaged: the lower one is reported.
    let mut damaged = packed.clone();
    for frame in [5, 2] {
        damaged[frames[frame].range().end - 1] ^= 1;
    }
    let error = assert_kind(unpack_into(&damaged, data.len()), ErrorKind::Checksum);
    assert_eq!(error.position(), Some(frames[2].offset as u64));
}

#[test]
fn declared_sizes_are_not_believed() {
    let one_byte = block(true, 1, 1, b"x");
    let size = |size: u64| {
        let mut header = vec![0xc0, 0x58]; // eight bytes of size, a window of 2 MiB
        header.extend(size.to_le_bytes());
        header
    };
    for declared in [1 << 60, u64::MAX, u64::MAX - 1, 2, 0, 1 << 31] {
        let frame = frame_of(&size(declared), &[&one_byte]);
        for data in [frame.clone(), [&reference(b"before", 3, true)[..], &frame].concat()] {
            let error = assert_kind(codec::decompressed_size(&data), ErrorKind::Corrupt);
            assert_eq!(error.position(), Some((data.len() - frame.len()) as u64));
            assert_kind(unpack_into(&data, 100), ErrorKind::Corrupt);
            assert_kind(codec::decompress_to_vec(&data, &Options::default()), ErrorKind::Corrupt);
        }
    }
    let single: Vec<u8> = [&[0xe0][..], &(1u64 << 60).to_le_bytes()].concat();
    assert_kind(codec::decompressed_size(&frame_of(&single, &[&one_byte])), ErrorKind::Corrupt);

    // As much as one compressed block can hold is possible, one more is not.
    let compressed = block(true, 2, 10, &[0; 10]);
    assert_eq!(codec::decompressed_size(&frame_of(&size(128 << 10), &[&compressed])), Ok(128 << 10));
    assert_kind(
        codec::decompressed_size(&frame_of(&size((128 << 10) + 1), &[&compressed])),
        ErrorKind::Corrupt,
    );
    assert_kind(unpack_into(&frame_of(&size(128 << 10), &[&compressed]), 128 << 10), ErrorKind::Corrupt);

    // Honest, and large: no room is a small error, not an allocation.
    let blocks: Vec<Vec<u8>> = (0..1000).map(|at| block(at == 999, 1, 128 << 10, b"z")).collect();
    let blocks: Vec<&[u8]> = blocks.iter().map(|block| &block[..]).collect();
    let bomb = frame_of(&size(1000 * (128 << 10)), &blocks);
    assert_eq!(codec::decompressed_size(&bomb), Ok(1000 * (128 << 10)));
    let error = assert_kind(unpack_into(&bomb, 1 << 20), ErrorKind::BufferTooSmall);
    assert_eq!(error.needed(), Some(1000 * (128 << 10)));
}

#[test]
fn damaged_headers() {
    let raw = block(true, 0, 5, b"12345");
    for (frame, kind) in [
        (frame_of(&[0x28, 5], &[&raw]), ErrorKind::Corrupt), // reserved bit
        (frame_of(&[0x20, 5], &[&block(true, 3, 5, b"12345")]), ErrorKind::Corrupt), // reserved type
        (frame_of(&[0x00, 0x00], &[&block(true, 0, 1025, &[0; 1025])]), ErrorKind::Corrupt), // over the window
        (frame_of(&[0x20, 4], &[&raw]), ErrorKind::Corrupt),                                 // declares less
        (frame_of(&[0x20, 6], &[&raw]), ErrorKind::Corrupt),                                 // declares more
        (frame_of(&[0x21, 9, 5], &[&raw]), ErrorKind::Dictionary),
        (frame_of(&[0x23, 1, 2, 3, 4, 5], &[&raw]), ErrorKind::Dictionary),
        (frame_of(&[0x00, 0x90], &[&raw]), ErrorKind::LimitExceeded), // 2^28
        (frame_of(&[0x00, 0xff], &[&raw]), ErrorKind::LimitExceeded), // 2^41 and 7/8
        (frame_of(&[0x20, 5], &[&block(false, 0, 5, b"12345")]), ErrorKind::Truncated),
    ] {
        let error = assert_kind(unpack_into(&frame, 2000), kind);
        assert_eq!(error.position(), Some(0));
    }
    assert_unpacks(&frame_of(&[0x20, 5], &[&raw]), b"12345");
}

#[test]
fn windows_up_to_the_limit() {
    let raw = block(true, 0, 5, b"12345");
    let frame = |window_log: u8| frame_of(&[0x00, (window_log - 10) << 3], &[&raw]);
    let unpack = |data: &[u8], window_log| {
        crate::common::guarded(100, |dst| {
            codec::decompress(data, dst, &Options { window_log, ..Options::default() })
        })
    };
    assert_eq!(unpack(&frame(27), 0).unwrap(), b"12345");
    let error = assert_kind(unpack(&frame(28), 0), ErrorKind::LimitExceeded);
    assert_eq!(error.needed(), Some(1 << 28));
    assert_eq!(unpack(&frame(28), 28).unwrap(), b"12345");
    assert_eq!(unpack(&frame(31), 31).unwrap(), b"12345");
    assert_kind(unpack(&frame(32), 31), ErrorKind::LimitExceeded);
    assert_kind(unpack(&frame(21), 20), ErrorKind::LimitExceeded);
    // A single segment keeps nothing apart from its output.
    assert_eq!(
        unpack(&frame_of(&[0x60, 44, 0], &[&block(true, 1, 300, b"x")]), 10).unwrap_err().kind(),
        ErrorKind::BufferTooSmall
    );
    assert_unpacks(&reference(&records(100_000), 3, true), &records(100_000));
}

#[test]
fn what_is_not_zstd() {
    for data in
        [&b"hello, world"[..], b"h", b"\x28\xb5\x2e", &[0; 100], b"PK\x03\x04", b"\x1f\x8b\x08\x00\x00"]
    {
        let error = assert_kind(unpack_into(data, 1000), ErrorKind::NotZstd);
        assert_eq!(error.position(), Some(0));
        assert_kind(codec::decompressed_size(data), ErrorKind::NotZstd);
    }
    // Formats from before 1.0.
    for magic in [0x1eb5_2ffd_u32, 0xfd2f_b522, 0xfd2f_b525, 0xfd2f_b527] {
        let data = [&magic.to_le_bytes()[..], &[0; 50]].concat();
        let error = assert_kind(unpack_into(&data, 1000), ErrorKind::NotZstd);
        assert!(error.message().contains("before 1.0"), "{error}");
    }
    // The beginning of a magic number may be the beginning of more.
    for data in [&b"\x28"[..], b"\x28\xb5", b"\x28\xb5\x2f", b"\x5a", b"\x50\x2a\x4d"] {
        assert_kind(unpack_into(data, 1000), ErrorKind::Truncated);
    }
}

#[test]
fn trailing_garbage() {
    for frame in [
        reference(b"good", 3, true),
        pack(&records(1500), &Options { frame_size: 500, ..Options::default() }),
    ] {
        for garbage in [&b"garbage"[..], b"x", &[0; 3], &[0; 4096]] {
            let data = [&frame[..], garbage].concat();
            for result in [unpack_into(&data, 5000).map(drop), codec::decompressed_size(&data).map(drop)] {
                let error = assert_kind(result, ErrorKind::NotZstd);
                assert_eq!(error.position(), Some(frame.len() as u64));
                assert!(error.message().contains(&format!("at byte {}", frame.len())), "{error}");
            }
        }
    }
}

#[test]
fn nothing_to_decode() {
    for data in
        [vec![], skippable(b""), [skippable(b"one"), skippable(b"two")].concat(), reference(&[], 3, true)]
    {
        assert_eq!(unpack_into(&data, 0).unwrap(), b"");
        assert_eq!(codec::decompressed_size(&data), Ok(0));
    }
    let around = [skippable(b"before"), reference(b"content", 3, true), skippable(b"after")].concat();
    assert_unpacks(&around, b"content");
}

/// A great many empty frames cost time, not memory, and errors still count frames.
#[test]
fn many_empty_frames() {
    let empty = reference(&[], 1, false);
    let mut data = empty.repeat(300_000);
    assert_eq!(codec::decompressed_size(&data), Ok(0));
    assert_eq!(unpack_into(&data, 0).unwrap(), b"");
    data.extend(b"garbage");
    let error = assert_kind(unpack_into(&data, 0), ErrorKind::NotZstd);
    assert!(error.message().starts_with("frame 300000 "), "{error}");
}

/// Bytes that only begin like zstd.
#[test]
fn noise_after_a_magic_number() {
    let noise = noise(100_000);
    for part in noise.chunks(500) {
        let data = frame_of(part, &[]);
        assert!(unpack_into(&data, 1000).is_err());
    }
}

/// A compressed block without a byte: libzstd's streaming function takes it for an empty block, its one-shot
/// one refuses it.
#[test]
fn a_compressed_block_of_no_bytes() {
    // A raw block with "x", the empty one, and a checksum.
    let frame = b"\x28\xb5\x2f\xfd\x04\x58\x08\0\0x\x05\0\0\x23\x11\x04\x83";
    let error = assert_kind(unpack_into(frame, 40_000), ErrorKind::Corrupt);
    assert_eq!(error.position(), Some(0));
    let mut reader = codec::Reader::new(&frame[..], &Options::default()).unwrap();
    // The whole block before it is given out.
    let mut given = [0; 100];
    assert_eq!(reader.read(&mut given), Ok(1));
    assert_eq!(given[0], b'x');
    assert_kind(reader.read(&mut given), ErrorKind::Corrupt);
}

/// A block of one repeated byte that is longer than the window allows: libzstd's one-shot function takes it,
/// its streaming one and the format do not.
#[test]
fn a_block_of_one_byte_that_is_too_long() {
    let data = [0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0x23, 0x11, 0x04, 0x83];
    let error = assert_kind(unpack_into(&data, 40_000), ErrorKind::Corrupt);
    assert_eq!(error.position(), Some(0));
    let mut reader = codec::Reader::new(&data[..], &Options::default()).unwrap();
    assert_kind(reader.read(&mut [0; 100]), ErrorKind::Corrupt);
}
