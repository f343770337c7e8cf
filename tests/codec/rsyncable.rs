//! Frames that end where the content says so: the same ones however the content comes, and after a change all
//! but those around it.

use crate::common::{assert_kind, assert_unpacks, guarded, noise, pack, records, Folder};
use fastpar::codec::{self, BatchItem, Frames, Options, Writer};
use fastpar::ErrorKind;
use std::collections::HashSet;
use std::mem::MaybeUninit;

fn cut_at(frame_size: usize) -> Options<'static> {
    Options { rsyncable: true, frame_size, ..Options::default() }
}

/// The frames of some data, by their bytes; the seek table is none.
fn frames(packed: &[u8]) -> Vec<&[u8]> {
    let all = Frames::new(packed).map(Result::unwrap).filter(|frame| !frame.skippable);
    all.map(|frame| &packed[frame.range()]).collect()
}

fn written(content: &[u8], step: usize, options: &Options<'_>) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), options).unwrap();
    content.chunks(step).for_each(|part| writer.write(part).unwrap());
    writer.finish().unwrap();
    writer.into_inner()
}

#[test]
fn a_change_changes_the_frames_around_it() {
    let content = [noise(2 << 20), records(2 << 20)].concat();
    let options = cut_at(64 << 10);
    let before = pack(&content, &options);
    assert_unpacks(&before, &content);
    let old: HashSet<_> = frames(&before).into_iter().collect();
    assert!(old.len() > 30, "{} frames", old.len());
    let at = content.len() / 3;
    let inserted = [&content[..at], b"something new", &content[at..]].concat();
    let removed = [&content[..at], &content[at + 1000..]].concat();
    let mut flipped = content.clone();
    flipped[at] ^= 1;
    for changed in [inserted, removed, flipped] {
        let after = pack(&changed, &options);
        assert_unpacks(&after, &changed);
        let fresh = frames(&after).into_iter().filter(|frame| !old.contains(frame)).count();
        assert!((1..=5).contains(&fresh), "{fresh} frames are others");
    }
}

#[test]
fn the_same_frames_however_the_content_comes() {
    let content = [records(3 << 20), noise(1 << 20)].concat();
    for options in [cut_at(100_000), Options { level: 1, ..cut_at(1 << 20) }] {
        let packed = pack(&content, &options);
        for max_lanes in [1, 2, 7] {
            assert!(pack(&content, &Options { max_lanes, ..options }) == packed, "{max_lanes} lanes");
        }
        for step in [1000, 777_777, content.len()] {
            for max_lanes in [0, 1] {
                let options = Options { max_lanes, ..options };
                assert!(written(&content, step, &options) == packed, "written {step} bytes at a time");
            }
        }
        let folder = Folder::new();
        let (source, target) = (folder.file("content", &content), folder.file("content.zst", b""));
        codec::compress_file(&source, &target, &options).unwrap();
        assert!(std::fs::read(target).unwrap() == packed, "from file to file");
    }
}

#[test]
fn room_and_limits() {
    let content = [noise(300_000), vec![7; 700_000], records(200_000)].concat();
    for frame_size in [1, 1000, 50_000, 0] {
        let options = cut_at(frame_size);
        let content = if frame_size == 1 { &content[..2000] } else { &content[..] };
        let bound = codec::compress_bound(content.len(), &options).unwrap();
        let packed = pack(content, &options);
        assert!(packed.len() <= bound);
        assert_unpacks(&packed, content);
        let into = |room: usize| guarded(room, |dst| codec::compress(content, dst, &options));
        assert!(into(packed.len()).unwrap() == packed);
        assert_kind(into(packed.len() - 1), ErrorKind::BufferTooSmall);
    }
    assert!(pack(b"", &cut_at(0)) == pack(b"", &Options::default()));
    let little = Options { max_memory: 1000, ..cut_at(0) };
    assert_kind(guarded(1 << 20, |dst| codec::compress(&content, dst, &little)), ErrorKind::LimitExceeded);
    let single = Options { single_frame: true, ..cut_at(0) };
    assert_kind(guarded(1 << 20, |dst| codec::compress(&content, dst, &single)), ErrorKind::InvalidArgument);
    assert_kind(Writer::new(Vec::new(), &single).map(|_| Vec::<u8>::new()), ErrorKind::InvalidArgument);
    // An item of a batch is one frame.
    let mut dst = vec![MaybeUninit::uninit(); 2 << 20];
    let mut items = [BatchItem { src: &content, dst: &mut dst, result: None }];
    codec::compress_batch(&mut items, &cut_at(1000)).unwrap();
    let written = items[0].result.take().unwrap().unwrap();
    // SAFETY: that many bytes are written.
    let packed: Vec<u8> = dst[..written].iter().map(|byte| unsafe { byte.assume_init() }).collect();
    assert_eq!(frames(&packed).len(), 1);
}
