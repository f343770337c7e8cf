//! Dictionaries: made, shared, wrong, missing, and exchanged with the `zstd` program.

use super::common::{self, compress, decompress, has, kind, record, text, trained};
use fastpar::codec::{self, Dict, Frames, Options};
use fastpar::ErrorKind;
use std::mem::MaybeUninit;
use std::sync::OnceLock;

const CAPACITY: usize = 16 << 10;

/// One for all tests: training takes a while.
fn content() -> &'static [u8] {
    static CONTENT: OnceLock<Vec<u8>> = OnceLock::new();
    CONTENT.get_or_init(|| trained(CAPACITY, 0))
}

fn other() -> &'static [u8] {
    static CONTENT: OnceLock<Vec<u8>> = OnceLock::new();
    CONTENT.get_or_init(|| trained(CAPACITY / 2, 100_000))
}

fn with(dict: &Dict) -> Options<'_> {
    Options { dict: Some(dict), ..Options::default() }
}

#[test]
fn records_become_much_smaller() {
    let dict = Dict::new(content(), 0).unwrap();
    assert!(dict.id() != 0);
    let data = record(1_000_000);
    let (plain, small) = (compress(&data, &Options::default()), compress(&data, &with(&dict)));
    assert!(small.len() * 2 < plain.len(), "{} and {}", small.len(), plain.len());
    assert_eq!(decompress(&small, &with(&dict)).unwrap(), data);
    assert_eq!(Frames::new(&small).next().unwrap().unwrap().dictionary, dict.id());
}

#[test]
fn training_gives_the_same_every_time() {
    assert_eq!(trained(4096, 7), trained(4096, 7));
}

#[test]
fn every_level_with_every_prepared_level() {
    let data: Vec<u8> = (0..3000).flat_map(record).collect();
    for prepared in [0, 1, 19] {
        let dict = Dict::new(content(), prepared).unwrap();
        for level in [0, -7, 1, 3, 6, 12, 19, 22] {
            for frame_size in [0, 2_000, 100_000] {
                let options = Options { level, frame_size, ..with(&dict) };
                let packed = compress(&data, &options);
                assert_eq!(decompress(&packed, &options).unwrap(), data, "{prepared}, {level}, {frame_size}");
            }
        }
    }
}

#[test]
fn level_0_is_the_level_of_the_dictionary() {
    let dict = Dict::new(content(), 19).unwrap();
    let data: Vec<u8> = (0..1000).flat_map(record).collect();
    let automatic = compress(&data, &with(&dict));
    assert_eq!(automatic, compress(&data, &Options { level: 19, ..with(&dict) }));
    assert_ne!(automatic, compress(&data, &Options { level: 3, ..with(&dict) }));
    // The level counts, not what the dictionary was prepared for.
    let three = Dict::new(content(), 3).unwrap();
    assert_eq!(automatic, compress(&data, &Options { level: 19, ..with(&three) }));
}

#[test]
fn bytes_do_not_depend_on_lanes_or_on_what_came_before() {
    let dict = Dict::new(content(), 0).unwrap();
    let data = text(4 << 20, 1);
    for frame_size in [3_000, 70_000, 1 << 20] {
        let options = Options { frame_size, ..with(&dict) };
        let expected = compress(&data, &Options { max_lanes: 1, ..options });
        for _ in 0..3 {
            compress(&text(100_000, 9), &Options { level: 5, ..Options::default() });
            assert!(compress(&data, &options) == expected, "{frame_size}");
        }
    }
}

#[test]
fn wrong_and_missing_dictionaries_are_found_out() {
    let (right, wrong) = (Dict::new(content(), 0).unwrap(), Dict::new(other(), 0).unwrap());
    assert_ne!(right.id(), wrong.id());
    let data: Vec<u8> = (0..2000).flat_map(record).collect();
    for frame_size in [0, 5_000] {
        let packed = compress(&data, &Options { frame_size, ..with(&right) });
        let missing = decompress(&packed, &Options::default()).unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::Dictionary);
        assert!(missing.message().contains(&right.id().to_string()), "{missing}");
        let error = decompress(&packed, &with(&wrong)).unwrap_err();
        assert_eq!((error.kind(), error.position()), (ErrorKind::Dictionary, Some(0)));
        let both = [right.id(), wrong.id()].iter().all(|id| error.message().contains(&id.to_string()));
        assert!(both, "{error}");
        let raw = Dict::new(&data, 0).unwrap();
        assert_eq!(kind(decompress(&packed, &with(&raw))), ErrorKind::Dictionary);
        // The size needs no dictionary.
        assert_eq!(codec::decompressed_size(&packed).unwrap(), data.len() as u64);
    }
}

#[test]
fn frames_without_a_dictionary_decode_beside_one() {
    let dict = Dict::new(content(), 0).unwrap();
    let plain = text(3 << 20, 3);
    let mut packed = compress(&plain, &Options { seek_table: false, ..Options::default() });
    packed.extend(compress(&plain, &with(&dict)));
    assert_eq!(decompress(&packed, &with(&dict)).unwrap(), [&plain[..], &plain].concat());
}

#[test]
fn raw_content() {
    let raw = Dict::new(&text(50_000, 5), 0).unwrap();
    assert_eq!(raw.id(), 0);
    let data = [&text(50_000, 5)[20_000..], b"and something new"].concat();
    let packed = compress(&data, &with(&raw));
    assert!(packed.len() < 200, "{}", packed.len());
    assert_eq!(decompress(&packed, &with(&raw)).unwrap(), data);
    // Frames do not name it, so what is wrong cannot be told from damage.
    let error = decompress(&packed, &with(&Dict::new(&text(50_000, 6), 0).unwrap())).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Checksum), "{error}");
    assert!(error.message().contains("dictionary"), "{error}");
    assert!(matches!(
        kind(decompress(&packed, &Options::default())),
        ErrorKind::Corrupt | ErrorKind::Checksum
    ));
    for tiny in [&b"x"[..], b"1234567"] {
        let tiny = Dict::new(tiny, 0).unwrap();
        assert_eq!(decompress(&compress(&data, &with(&tiny)), &with(&tiny)).unwrap(), data);
    }
}

#[test]
fn garbage_is_refused() {
    assert_eq!(kind(Dict::new(b"", 0)), ErrorKind::InvalidArgument);
    assert_eq!(kind(Dict::new(content(), 23)), ErrorKind::InvalidArgument);
    for cut in [8, 20, 100] {
        assert_eq!(kind(Dict::new(&content()[..cut], 0)), ErrorKind::Dictionary, "{cut}");
    }
    let mut damaged = content().to_vec();
    damaged[8..80].fill(0xff);
    assert_eq!(kind(Dict::new(&damaged, 0)), ErrorKind::Dictionary);
    // Bytes turned anywhere make another dictionary, or none: never anything worse.
    let mut random = common::Random::new(1);
    for _ in 0..300 {
        let mut damaged = content().to_vec();
        for _ in 0..3 {
            let at = random.below(200);
            damaged[at] ^= 1 << random.below(8);
        }
        if let Ok(dict) = Dict::new(&damaged, 0) {
            let data = record(3);
            assert_eq!(decompress(&compress(&data, &with(&dict)), &with(&dict)).unwrap(), data);
            let _ = decompress(&compress(&data, &with(&Dict::new(content(), 0).unwrap())), &with(&dict));
        }
    }
}

#[test]
fn hostile_training() {
    let mut place = vec![MaybeUninit::uninit(); CAPACITY];
    let mut train = |samples: &[u8], sizes: &[usize]| codec::train(samples, sizes, &mut place);
    let samples = text(10_000, 2);
    let invalid = ErrorKind::InvalidArgument;
    assert_eq!(kind(train(&samples, &[])), invalid);
    assert_eq!(kind(train(&samples, &[10_000, 1])), invalid);
    assert_eq!(kind(train(&samples, &[9_999])), invalid);
    assert_eq!(kind(train(&samples, &[usize::MAX, 10_001])), invalid);
    assert_eq!(kind(train(&samples, &[10_000])), invalid);
    assert_eq!(kind(train(&[], &[])), invalid);
    assert_eq!(kind(train(&[], &[0; 100])), invalid);
    assert_eq!(kind(train(&samples[..8], &[1; 8])), invalid);
    let _ = train(&vec![0; 100_000], &[1000; 100]);
    let mut random = common::Random::new(4);
    for round in 0..200 {
        let sizes: Vec<_> = (0..random.below(20)).map(|_| random.below(1 << (round % 8))).collect();
        let _ = train(&samples[..sizes.iter().sum()], &sizes);
    }
    let error = codec::train(&samples, &[100; 100], &mut place[..255]).unwrap_err();
    assert_eq!((error.kind(), error.needed()), (ErrorKind::BufferTooSmall, Some(256)));
}

#[test]
fn memory_counts_the_dictionary() {
    let dict = Dict::new(&text(1 << 20, 1), 0).unwrap();
    let data = record(1);
    let limited = |max_memory| Options { max_memory, ..with(&dict) };
    let packed = compress(&data, &with(&dict));
    let mut place = vec![MaybeUninit::uninit(); 1000];
    for max_memory in [1, 1 << 20, 2 << 20] {
        let limited = limited(max_memory);
        assert_eq!(kind(codec::compress(&data, &mut place, &limited)), ErrorKind::LimitExceeded);
        assert_eq!(kind(codec::decompress(&packed, &mut place, &limited)), ErrorKind::LimitExceeded);
    }
    assert!(codec::compress(&data, &mut place, &limited(32 << 20)).is_ok());
    assert!(codec::decompress(&packed, &mut place, &limited(32 << 20)).is_ok());
}

#[test]
fn shared_by_threads_and_released_under_way() {
    let dict = Dict::new(content(), 0).unwrap();
    let data = text(1 << 20, 1);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (dict, data) = (dict.clone(), &data);
            scope.spawn(move || {
                for round in 0..10 {
                    let options = Options { level: (thread + round) % 7, frame_size: 50_000, ..with(&dict) };
                    assert!(decompress(&compress(data, &options), &options).unwrap() == *data);
                }
            });
        }
        drop(dict);
    });
}

/// A released dictionary does not stay with the contexts that used it.
#[test]
fn contexts_forget_it() {
    let data = record(5);
    for number in 0..50 {
        let dict = Dict::new(&text(1000 + number, number as u64), 0).unwrap();
        let packed = compress(&data, &with(&dict));
        drop(dict);
        let _ = decompress(&packed, &Options::default());
        assert_eq!(decompress(&compress(&data, &Options::default()), &Options::default()).unwrap(), data);
    }
}

#[test]
fn the_zstd_program_takes_ours_and_we_take_its() {
    if !has("dict::the_zstd_program_takes_ours_and_we_take_its", "zstd") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for number in 0..1000 {
        std::fs::write(path(&format!("record-{number}")), record(number)).unwrap();
    }
    common::zstd(folder.path(), &["--train", "-r", ".", "-o", "theirs", "--maxdict=8192"]);
    std::fs::write(path("ours"), content()).unwrap();
    std::fs::write(path("raw"), text(5000, 5)).unwrap();
    let data: Vec<u8> = (5000..9000).flat_map(record).collect();
    std::fs::write(path("data"), &data).unwrap();
    for name in ["theirs", "ours", "raw"] {
        let dict = Dict::new(&std::fs::read(path(name)).unwrap(), 5).unwrap();
        assert_eq!(dict.id() == 0, name == "raw");
        std::fs::write(path("packed.zst"), compress(&data, &Options { frame_size: 100_000, ..with(&dict) }))
            .unwrap();
        common::zstd(folder.path(), &["-d", "-f", "-D", name, "packed.zst", "-o", "back"]);
        assert!(std::fs::read(path("back")).unwrap() == data, "{name}: zstd reads ours");
        common::zstd(folder.path(), &["-7", "-f", "-D", name, "data", "-o", "packed.zst"]);
        let back = decompress(&std::fs::read(path("packed.zst")).unwrap(), &with(&dict)).unwrap();
        assert!(back == data, "{name}: we read zstd's");
    }
}
