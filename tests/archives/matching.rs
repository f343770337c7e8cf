//! Long-distance matching and strategies.

use super::common::{compress, decompress, kind, text, trained};
use super::references::{everywhere, read, versions};
use fastpar::codec::{self, Dict, Frames, Options, Writer};
use fastpar::ErrorKind;

/// Blocks that do not compress, of which the same come again far away.
fn repeating() -> Vec<u8> {
    let (once, _) = versions(5 << 20);
    [&once[..], &text(4 << 20, 1), &once[..3 << 20], &text(1 << 20, 2), &once[1 << 20..]].concat()
}

#[test]
fn long_distance_matching_finds_what_is_far_away() {
    let data = repeating();
    for level in [1, 3, 5] {
        let plain = Options { level, single_frame: true, ..Options::default() };
        let long = Options { long: true, ..plain };
        let packed = compress(&data, &long);
        assert!(packed.len() * 3 < compress(&data, &plain).len() * 2, "level {level}: {}", packed.len());
        for max_lanes in [1, 2, 7] {
            assert!(compress(&data, &Options { max_lanes, ..long }) == packed, "{max_lanes} lanes");
        }
        for (way, result) in everywhere(&packed, data.len(), &Options::default()).into_iter().enumerate() {
            assert!(result.unwrap() == data, "way {way}");
        }
        let smaller = Options { window_log: 20, ..long };
        let frame = Frames::new(&compress(&data, &smaller)).next().unwrap().unwrap();
        assert_eq!(frame.window, 1 << 20, "what the caller says");
    }
    let many = Options { long: true, frame_size: 9 << 20, ..Options::default() };
    let packed = compress(&data, &many);
    assert!(decompress(&packed, &Options::default()).unwrap() == data);
    let mut writer =
        Writer::new(Vec::new(), &Options { long: true, single_frame: true, ..Options::default() }).unwrap();
    for part in data.chunks(1_234_567) {
        writer.write(part).unwrap();
    }
    writer.finish().unwrap();
    let packed = writer.into_inner();
    assert_eq!(Frames::new(&packed).next().unwrap().unwrap().window, 128 << 20);
    assert!(read(&packed, &Options::default()).unwrap() == data, "with the window that is usual");
    assert!(packed.len() * 3 < data.len() * 2);
    let error = kind(codec::compress_to_vec(&data, &Options { max_memory: 1 << 20, ..many }));
    assert_eq!(error, ErrorKind::LimitExceeded);
}

#[test]
fn strategies_are_those_of_libzstd() {
    let data = text(300_000, 3);
    let dict = Dict::new(&trained(4096, 0), 0).unwrap();
    let mut sizes = Vec::new();
    for strategy in 1..=9 {
        let options = Options { strategy, level: 6, ..Options::default() };
        let packed = compress(&data, &options);
        assert!(decompress(&packed, &Options { strategy, ..Options::default() }).unwrap() == data);
        let mut context = zstd::zstd_safe::CCtx::create();
        use zstd::zstd_safe::CParameter::{ChecksumFlag, CompressionLevel, Strategy};
        // SAFETY: 1 to 9 are the strategies.
        let named = unsafe { std::mem::transmute::<u32, zstd::zstd_safe::Strategy>(strategy) };
        for parameter in [CompressionLevel(6), ChecksumFlag(true), Strategy(named)] {
            context.set_parameter(parameter).unwrap();
        }
        let mut expected = Vec::with_capacity(400_000);
        context.compress2(&mut expected, &data).unwrap();
        assert!(packed == expected, "strategy {strategy}");
        let with = Options { dict: Some(&dict), ..options };
        let packed = compress(&data, &with);
        assert!(decompress(&packed, &with).unwrap() == data);
        sizes.push(packed.len());
        let single = Options { single_frame: true, ..options };
        let long = text(5 << 20, 3);
        if strategy < 5 {
            assert!(decompress(&compress(&long, &single), &single).unwrap() == long);
        }
    }
    sizes.dedup();
    assert!(sizes.len() > 4, "with a dictionary too: {sizes:?}");
    let wrong = Options { strategy: 10, ..Options::default() };
    assert_eq!(kind(codec::compress_to_vec(&data, &wrong)), ErrorKind::InvalidArgument);
    assert_eq!(kind(decompress(&compress(b"x", &Options::default()), &wrong)), ErrorKind::InvalidArgument);
}
