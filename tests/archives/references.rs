//! What frames refer to that is not in them: several dictionaries, of which each frame names one, and a
//! prefix; everywhere that frames are read.

use super::common::{self, compress, decompress, has, kind, record, text, trained, Random};
use fastpar::codec::{self, Archive, BatchItem, Dict, Dicts, Frames, Options, Prefix, Reader, Writer};
use fastpar::{Error, ErrorKind};
use std::mem::MaybeUninit;

fn dicts() -> [Dict; 3] {
    [0, 100_000, 200_000].map(|first| Dict::new(&trained(4096, first), 0).unwrap())
}

pub(crate) fn read(packed: &[u8], options: &Options<'_>) -> Result<Vec<u8>, Error> {
    let mut reader = Reader::new(packed, options)?;
    let mut out = Vec::new();
    loop {
        let chunk = reader.chunk()?;
        if chunk.is_empty() {
            return Ok(out);
        }
        out.extend_from_slice(chunk);
        let len = chunk.len();
        reader.consume(len);
    }
}

fn by_archive(packed: &[u8], options: &Options<'_>) -> Result<Vec<u8>, Error> {
    let archive = Archive::new(packed, options)?;
    let mut out = vec![MaybeUninit::uninit(); archive.size() as usize];
    // In parts, so that frames are cached, and cursors are used.
    for (number, part) in out.chunks_mut(10_007).enumerate() {
        assert_eq!(archive.read(number as u64 * 10_007, part)?, part.len());
    }
    // SAFETY: all of it is written.
    Ok(out.iter().map(|byte| unsafe { byte.assume_init() }).collect())
}

fn by_batch(packed: &[u8], len: usize, options: &Options<'_>) -> Result<Vec<u8>, Error> {
    let mut out = vec![MaybeUninit::uninit(); len];
    let mut items = [BatchItem { src: packed, dst: &mut out, result: None }];
    codec::decompress_batch(&mut items, options)?;
    let written = items[0].result.take().unwrap()?;
    // SAFETY: that many bytes are written.
    Ok(out[..written].iter().map(|byte| unsafe { byte.assume_init() }).collect())
}

fn by_file(packed: &[u8], options: &Options<'_>) -> Result<Vec<u8>, Error> {
    let folder = tempfile::tempdir().unwrap();
    let (source, target) = (folder.path().join("a.zst"), folder.path().join("a"));
    std::fs::write(&source, packed).unwrap();
    codec::decompress_file(&source, &target, options)?;
    Ok(std::fs::read(target).unwrap())
}

/// Decompresses in every way that there is.
pub(crate) fn everywhere(packed: &[u8], len: usize, options: &Options<'_>) -> [Result<Vec<u8>, Error>; 5] {
    [
        decompress(packed, options),
        read(packed, options),
        by_archive(packed, options),
        by_batch(packed, len, options),
        by_file(packed, options),
    ]
}

#[test]
fn each_frame_gets_the_dictionary_that_it_names() {
    let all = dicts();
    let (mut packed, mut content) = (Vec::new(), Vec::new());
    for number in 0..60 {
        let part: Vec<u8> = (number * 20..number * 20 + 20).flat_map(record).collect();
        let dict = all.get(number as usize % 4);
        packed.extend(compress(&part, &Options { dict, ..Options::default() }));
        content.extend(part);
    }
    // The first is given alone, and again among the others, which are there twice.
    let [first, ..] = &all;
    let several = Dicts::new(all.iter().chain(&all).cloned());
    for dict in [None, Some(first)] {
        for max_lanes in [0, 1] {
            let options = Options { dict, dicts: Some(&several), max_lanes, ..Options::default() };
            for (way, result) in everywhere(&packed, content.len(), &options).into_iter().enumerate() {
                assert!(result.unwrap() == content, "way {way}");
            }
        }
    }
    // One is missing.
    let two = Dicts::new(all[..2].iter().cloned());
    let options = Options { dicts: Some(&two), ..Options::default() };
    let missing =
        Frames::new(&packed).map(Result::unwrap).find(|frame| frame.dictionary == all[2].id()).unwrap();
    for (way, result) in everywhere(&packed, content.len(), &options).into_iter().enumerate() {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Dictionary, "way {way}: {error}");
        assert_eq!(error.code() as u32, all[2].id(), "way {way}: {error}");
        assert_eq!(error.position(), Some(missing.offset as u64), "way {way}: {error}");
    }
}

#[test]
fn dictionaries_that_are_not_needed_change_nothing() {
    let all = dicts();
    let raw = Dict::new(&text(5000, 1), 0).unwrap();
    let several = Dicts::new(all.iter().cloned().chain([raw]));
    let options = Options { dicts: Some(&several), ..Options::default() };
    let data = text(3 << 20, 7);
    // Compressing does not look at them, nor counts their memory.
    let packed = compress(&data, &Options { max_memory: 24 << 20, max_lanes: 1, ..options });
    assert!(packed == compress(&data, &Options::default()));
    for (way, result) in everywhere(&packed, data.len(), &options).into_iter().enumerate() {
        assert!(result.unwrap() == data, "way {way}");
    }
    let options = Options { max_memory: 30_000, ..options };
    assert_eq!(kind(decompress(&packed, &options)), ErrorKind::LimitExceeded);
}

/// Two versions of something that does not compress by itself.
pub(crate) fn versions(len: usize) -> (Vec<u8>, Vec<u8>) {
    let mut random = Random::new(len as u64 + 1);
    let old: Vec<u8> = (0..len).map(|_| random.next() as u8).collect();
    let mut new = old.clone();
    for _ in 0..len / 80_000 {
        let at = random.below(len);
        new[at] ^= 1;
    }
    let moved: Vec<_> = new.drain(len / 3..len / 2).collect();
    new.extend(moved);
    (old, new)
}

#[test]
fn a_prefix_leaves_only_the_changes() {
    let (old, new) = versions(9 << 20);
    let prefix = Prefix::new(&old);
    let options = Options { single_frame: true, prefix: Some(&prefix), ..Options::default() };
    let packed = compress(&new, &options);
    assert!(packed.len() < 12_000, "{}", packed.len());
    for max_lanes in [1, 2, 7] {
        assert!(compress(&new, &Options { max_lanes, ..options }) == packed, "{max_lanes} lanes");
    }
    for max_lanes in [0, 1] {
        // Decompressing, nobody asks for a single frame.
        let options = Options { prefix: Some(&prefix), max_lanes, ..Options::default() };
        for (way, result) in everywhere(&packed, new.len(), &options).into_iter().enumerate() {
            assert!(result.unwrap() == new, "way {way}");
        }
    }
    for (way, result) in everywhere(&packed, new.len(), &Options::default()).into_iter().enumerate() {
        let kind = result.unwrap_err().kind();
        assert!(matches!(kind, ErrorKind::Corrupt | ErrorKind::Checksum), "way {way}: {kind:?}");
    }
    let other = Prefix::new(&text(1000, 3));
    let error = decompress(&packed, &Options { prefix: Some(&other), ..Options::default() }).unwrap_err();
    assert!(error.message().contains("prefix"), "{error}");
    // Too little memory for both together.
    let limited = Options { max_memory: 16 << 20, ..options };
    let error = codec::compress_to_vec(&new, &limited).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    let enough = Options { max_memory: error.needed().unwrap(), ..options };
    let mut place = vec![MaybeUninit::uninit(); codec::compress_bound(new.len(), &options).unwrap()];
    assert_eq!(codec::compress(&new, &mut place, &enough).unwrap(), packed.len());
}

#[test]
fn a_prefix_of_any_length_before_contents_of_any_length() {
    let (old, new) = versions(300_000);
    let dictionary = trained(4096, 0); // what looks like a dictionary is raw content here
    for (old, new) in [
        (&old[..], &new[..]),
        (&old[..1], &new[..]),
        (&old[..], &new[..1]),
        (&old[..], &[]),
        (&old[..], &old[..]),
        (&dictionary[..], &dictionary[..]),
    ] {
        let prefix = Prefix::new(old);
        for level in [-5, 1, 3, 7, 12, 19] {
            let options = Options { level, single_frame: true, prefix: Some(&prefix), ..Options::default() };
            let packed = compress(new, &options);
            for (way, result) in everywhere(&packed, new.len(), &options).into_iter().enumerate() {
                assert!(result.unwrap() == new, "{} and {}, level {level}, way {way}", old.len(), new.len());
            }
            if old == new && level > 0 {
                assert!(packed.len() < 100 + new.len() / 1000, "level {level}: {}", packed.len());
            }
        }
    }
}

#[test]
fn a_prefix_in_streams_files_and_batches() {
    let (old, new) = versions(9 << 20);
    let prefix = Prefix::new(&old);
    let options = Options { single_frame: true, prefix: Some(&prefix), ..Options::default() };
    for step in [1 << 20, 777_777] {
        let mut writer = Writer::new(Vec::new(), &options).unwrap();
        for (number, part) in new.chunks(step).enumerate() {
            writer.write(part).unwrap();
            if number == 2 {
                writer.flush().unwrap();
            }
        }
        writer.finish().unwrap();
        let packed = writer.into_inner();
        assert!(packed.len() < 13_000, "{}", packed.len());
        assert!(read(&packed, &options).unwrap() == new);
    }
    let mut empty = Writer::new(Vec::new(), &options).unwrap();
    empty.finish().unwrap();
    assert!(read(&empty.into_inner(), &options).unwrap().is_empty());
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("new"), &new).unwrap();
    codec::compress_file(&path("new"), &path("new.zst"), &options).unwrap();
    assert!(std::fs::read(path("new.zst")).unwrap() == compress(&new, &options), "as from memory");
    let mut place = vec![MaybeUninit::uninit(); 10 << 20];
    let (one, two) = place.split_at_mut(5 << 20);
    let mut items = [(&new[..100_000], one), (&new[..4 << 20], two)].map(|(src, dst)| BatchItem {
        src,
        dst,
        result: None,
    });
    codec::compress_batch(&mut items, &Options { prefix: Some(&prefix), ..Options::default() }).unwrap();
    for item in &items {
        let written = *item.result.as_ref().unwrap().as_ref().unwrap();
        // SAFETY: that many bytes are written.
        let packed: Vec<u8> = item.dst[..written].iter().map(|byte| unsafe { byte.assume_init() }).collect();
        assert!(written < 5000, "{written}");
        assert!(decompress(&packed, &options).unwrap() == item.src);
    }
}

/// A prefix lifts the limit of windows by its length, and no more.
#[test]
fn windows_that_a_prefix_allows() {
    let (old, new) = versions(1 << 20);
    let prefix = Prefix::new(&old[..300_000]);
    let plain = Options { single_frame: true, window_log: 20, ..Options::default() };
    let mut writer = Writer::new(Vec::new(), &plain).unwrap();
    writer.write(&new).unwrap();
    writer.finish().unwrap();
    let packed = writer.into_inner(); // of a window of 1 MiB
    let (short, long) = (Options { window_log: 19, ..Options::default() }, 1 << 19);
    assert_eq!(kind(read(&packed, &short)), ErrorKind::LimitExceeded);
    let lifted = |prefix| Options { prefix: Some(prefix), ..short };
    assert_eq!(kind(read(&packed, &lifted(&prefix))), ErrorKind::LimitExceeded);
    let enough = Prefix::new(&old[..long]);
    for result in everywhere(&packed, new.len(), &lifted(&enough)) {
        assert!(result.unwrap() == new);
    }
}

#[test]
fn a_prefix_that_does_not_fit_is_refused() {
    let (prefix, dict) = (Prefix::new(b"prefix"), Dict::new(b"dictionary", 0).unwrap());
    let both = Options { prefix: Some(&prefix), single_frame: true, dict: Some(&dict), ..Options::default() };
    assert_eq!(kind(codec::compress_to_vec(b"x", &both)), ErrorKind::InvalidArgument);
    assert_eq!(kind(decompress(&compress(b"x", &Options::default()), &both)), ErrorKind::InvalidArgument);
    let frames = Options { prefix: Some(&prefix), ..Options::default() };
    assert_eq!(kind(codec::compress_to_vec(b"x", &frames)), ErrorKind::InvalidArgument);
    assert_eq!(kind(Writer::new(Vec::new(), &frames).map(drop)), ErrorKind::InvalidArgument);
    // An empty one is none.
    let empty = Prefix::new(b"");
    let packed = compress(b"content", &Options { prefix: Some(&empty), ..Options::default() });
    assert_eq!(packed, compress(b"content", &Options::default()));
}

#[test]
fn the_zstd_program_takes_our_patches_and_we_take_its() {
    if !has("references::the_zstd_program_takes_our_patches_and_we_take_its", "zstd") {
        return;
    }
    let (old, new) = versions(6 << 20);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("old"), &old).unwrap();
    std::fs::write(path("new"), &new).unwrap();
    let prefix = Prefix::new(&old);
    for level in [1, 3, 9] {
        let options = Options { level, single_frame: true, prefix: Some(&prefix), ..Options::default() };
        let packed = compress(&new, &options);
        std::fs::write(path("ours.zst"), &packed).unwrap();
        common::zstd(folder.path(), &["-d", "-f", "--patch-from=old", "ours.zst", "-o", "back"]);
        assert!(std::fs::read(path("back")).unwrap() == new, "zstd reads ours");
        let level = format!("-{level}");
        common::zstd(folder.path(), &["-f", &level, "--patch-from=old", "new", "-o", "theirs.zst"]);
        let theirs = std::fs::read(path("theirs.zst")).unwrap();
        for result in everywhere(&theirs, new.len(), &options) {
            assert!(result.unwrap() == new, "we read zstd's");
        }
        assert!(
            packed.len() <= theirs.len() + theirs.len() / 4 + 2000,
            "{} for {}",
            packed.len(),
            theirs.len()
        );
    }
}

/// Large frames that refer to something: what several lanes make of them is what one lane does.
#[test]
fn large_frames_with_dictionaries_and_prefixes() {
    let data: Vec<u8> = (0..30_000).flat_map(record).collect();
    let (dict, raw) = (Dict::new(&trained(16 << 10, 0), 0).unwrap(), Dict::new(&data[..50_000], 0).unwrap());
    let prefix = Prefix::new(&data[1 << 20..3 << 20]);
    let single = Options { single_frame: true, ..Options::default() };
    for options in [
        Options { dict: Some(&dict), ..single },
        Options { dict: Some(&raw), level: 5, ..single },
        Options { prefix: Some(&prefix), ..single },
    ] {
        let packed = compress(&data, &options);
        assert!(packed.len() > 100_000);
        for max_lanes in [0, 1, 2] {
            let options = Options { max_lanes, ..options };
            for (way, result) in everywhere(&packed, data.len(), &options).into_iter().enumerate() {
                assert!(result.unwrap() == data, "way {way}");
            }
        }
        for number in 0..20 {
            let mut damaged = packed.clone();
            damaged[(number + 1) * packed.len() / 21] ^= 1 << (number % 8);
            let seen = |max_lanes| {
                decompress(&damaged, &Options { max_lanes, ..options }).map_err(|error| {
                    (error.kind(), error.code(), error.position(), error.message().to_owned())
                })
            };
            assert!(seen(0) == seen(1), "number {number}: {:?}", seen(0).err());
        }
    }
}
