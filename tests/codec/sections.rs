//! A single frame that several lanes compress in sections: the same bytes whatever the lanes, what every
//! decoder reads, and hardly more than one context makes of it.

use crate::common::{
    assert_kind, assert_unpacks, guarded, noise, pack, program, records, reference, run, Folder,
};
use fastpar::codec::{self, Dict, Frames, Options};
use fastpar::ErrorKind;
use std::io::Read;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

fn single(level: i32) -> Options<'static> {
    Options { level, single_frame: true, ..Options::default() }
}

/// A few sections at a level, of what compresses fast at it: at the slow levels a table that comes again.
fn content(level: i32) -> Vec<u8> {
    match level {
        ..=4 => [records(7 << 20), noise(1 << 20), records(1 << 20)].concat(),
        5..=12 => [records(4 << 20), noise(1 << 20), vec![7; 4 << 20], records(1 << 20)].concat(),
        13..=15 => records(1 << 20).repeat(18),
        _ => records(1 << 20).repeat(34),
    }
}

fn digest(bytes: &[u8]) -> u64 {
    // FNV-1a.
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

fn by_another_decoder(packed: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    ruzstd::decoding::StreamingDecoder::new(packed).unwrap().read_to_end(&mut content).unwrap();
    content
}

/// Golden digests for the libzstd inside: where it changes, they do.
const DIGESTS: [(i32, u64); 10] = [
    (-7, 0x0630_e882_08f4_ca22),
    (1, 0x9182_d048_6cd0_fb4c),
    (2, 0xccf4_fe0e_7538_c232),
    (3, 0x299b_50ce_ceef_0f3b),
    (5, 0xf5a1_350b_1a62_ba85),
    (9, 0xa5e1_547a_34bd_ba0f),
    (12, 0xe0a5_d442_9e94_cce6),
    (13, 0x08cb_96da_e665_b207),
    (16, 0xd73f_97d1_798f_1b96),
    (19, 0xe2f9_5f40_85b4_949c),
];

#[test]
fn the_same_bytes_on_any_number_of_lanes() {
    let mut digests = Vec::new();
    for level in [-7, 1, 2, 3, 5, 9, 12, 13, 16, 19] {
        let content = content(level);
        let packed = pack(&content, &Options { max_lanes: 24, ..single(level) });
        for max_lanes in [1, 2, 7] {
            let options = Options { max_lanes, ..single(level) };
            assert!(pack(&content, &options) == packed, "level {level}, {max_lanes} lanes");
        }
        let frame = Frames::new(&packed).next().unwrap().unwrap();
        assert_eq!((frame.len, frame.content_size), (packed.len(), Some(content.len() as u64)));
        assert!(frame.checksum);
        assert_unpacks(&packed, &content);
        assert!(zstd::decode_all(&packed[..]).unwrap() == content);
        assert!(by_another_decoder(&packed) == content);
        let one = reference(&content, level, true).len();
        assert!(packed.len() <= one + one / 100 + 1000, "level {level}: {} for {one}", packed.len());
        digests.push((level, digest(&packed)));
    }
    if codec::zstd_version() == "1.5.7" {
        assert_eq!(digests, DIGESTS);
    }
}

/// Contents that end where a section does, or a few bytes behind it.
#[test]
fn contents_around_the_ends_of_sections() {
    let all = [records(5 << 20), noise(4 << 20)].concat();
    for sections in [1, 2] {
        for len in [sections * (4 << 20) - 1, sections * (4 << 20)]
            .into_iter()
            .chain((1..4).map(|more| sections * (4 << 20) + more))
        {
            for content in [&all[..len], &vec![0; len]] {
                let packed = pack(content, &single(1));
                assert_unpacks(&packed, content);
                assert!(by_another_decoder(&packed) == content, "{len} bytes");
                let count = Frames::new(&packed).count();
                assert_eq!(count, 1);
                if len <= 4 << 20 {
                    assert!(packed == reference(content, 1, true), "{len} bytes: as by one context");
                }
            }
        }
    }
}

#[test]
fn the_zstd_program_tests_it() {
    let content = content(3);
    for options in
        [single(3), Options { checksum: false, ..single(1) }, Options { window_log: 24, ..single(5) }]
    {
        let packed = pack(&content, &options);
        let Some(mut zstd) = program("the_zstd_program_tests_it", "zstd") else { return };
        let folder = Folder::new();
        run(zstd.arg("-t").arg(folder.file("content.zst", &packed)));
    }
}

/// The result fits into its exact size, where lanes have to wait for room, and no byte less.
#[test]
fn room_that_is_just_enough() {
    for content in [content(3), noise(9 << 20)] {
        let packed = pack(&content, &single(3));
        let into = |room: usize| guarded(room, |dst| codec::compress(&content, dst, &single(3)));
        assert!(into(packed.len()).unwrap() == packed);
        assert!(into(packed.len() + 5_000_000).unwrap() == packed);
        for room in [0, 5, 30, packed.len() / 2, packed.len() - 1] {
            let error = assert_kind(into(room), ErrorKind::BufferTooSmall);
            let bound = codec::compress_bound(content.len(), &single(3)).unwrap();
            assert_eq!(error.needed(), Some(bound as u64), "{room}");
        }
        let limited = Options { max_output: packed.len() as u64 - 1, ..single(3) };
        let result = guarded(content.len() + 100_000, |dst| codec::compress(&content, dst, &limited));
        assert_kind(result, ErrorKind::LimitExceeded);
    }
}

#[test]
fn memory_gives_up_lanes() {
    let content = content(3);
    let packed = pack(&content, &single(3));
    let result =
        guarded(20 << 20, |dst| codec::compress(&content, dst, &Options { max_memory: 1000, ..single(3) }));
    let needed = assert_kind(result, ErrorKind::LimitExceeded).needed().unwrap();
    let options = Options { max_memory: needed, ..single(3) };
    assert!(guarded(20 << 20, |dst| codec::compress(&content, dst, &options)).unwrap() == packed);
}

#[test]
fn with_a_dictionary() {
    let content = content(3);
    let dict = Dict::new(&content[1000..50_000], 0).unwrap();
    for level in [1, 3, 6] {
        let options = Options { dict: Some(&dict), ..single(level) };
        let packed = pack(&content, &options);
        let back = guarded(content.len(), |dst| codec::decompress(&packed, dst, &options)).unwrap();
        assert!(back == content, "level {level}");
        let mut decoder = zstd::Decoder::with_dictionary(&packed[..], &content[1000..50_000]).unwrap();
        let mut back = Vec::new();
        decoder.read_to_end(&mut back).unwrap();
        assert!(back == content, "level {level}");
    }
}

/// Progress comes in order and ends with all; a flag that is set meanwhile cancels.
#[test]
fn progress_and_cancelling() {
    let content = content(3);
    let (last, flag) = (AtomicU64::new(0), AtomicI32::new(0));
    let progress = |done: u64, total: u64| {
        assert_eq!(total, content.len() as u64);
        assert!(last.swap(done, Ordering::Relaxed) <= done);
        ControlFlow::Continue(())
    };
    pack(&content, &Options { progress: Some(&progress), ..single(3) });
    assert_eq!(last.load(Ordering::Relaxed), content.len() as u64);
    let cancelling = |_, _| {
        flag.store(1, Ordering::Relaxed);
        ControlFlow::Continue(())
    };
    let options = Options { cancel: Some(&flag), progress: Some(&cancelling), ..single(16) };
    let content = noise(20 << 20);
    assert_kind(guarded(21 << 20, |dst| codec::compress(&content, dst, &options)), ErrorKind::Cancelled);
}
