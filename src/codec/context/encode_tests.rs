//! Frames that are given block by block.

use super::*;
use crate::codec::context::cache::Cached;
use crate::codec::libzstd::calls::Uninit;
use crate::codec::options::level::level_range;
use std::mem::MaybeUninit;

fn sample(len: usize) -> Vec<u8> {
    (0..len as u32).flat_map(|i| (i.wrapping_mul(2_654_435_761) >> 20).to_le_bytes()).take(len).collect()
}

/// The memory of a context stays within the estimate, at every level. It depends on the length of the
/// content, not on its bytes: libzstd is quick with these.
#[test]
fn memory_is_not_underestimated() {
    let src = vec![7; 6 << 20];
    let mut out = vec![MaybeUninit::uninit(); zstd_safe::compress_bound(src.len())];
    let levels = [*level_range().start(), -5].into_iter().chain(1..=22);
    for level in levels {
        for (len, window_log) in
            [(0, 0), (1000, 0), (100_000, 0), (src.len(), 0), (src.len(), 27), (src.len(), 10)]
        {
            if len == src.len() && level > 15 && level % 3 != 0 {
                continue; // slow, and much the same as its neighbours
            }
            let options = Options { level, window_log, ..Options::default() };
            let recipe = Recipe::new(&options, len);
            let progress = CallProgress::new(&options, None);
            let mut compressor = Compressor::create().unwrap();
            let dst = &mut Uninit::new(&mut out);
            recipe.encode_with(&mut compressor, 0, &src[..len], dst, &progress).unwrap();
            let size = compressor.size();
            assert!(
                size <= recipe.memory(),
                "level {level}, {len} bytes, window {window_log}: {size} > {}",
                recipe.memory()
            );
        }
    }
}

/// With a dictionary the memory stays within the estimate, too: for frames that are short or long beside
/// the dictionary, at its own level or another one.
#[test]
fn memory_with_a_dictionary_is_not_underestimated() {
    let (src, text) = (vec![7; 2 << 20], sample(2 << 20));
    let mut out = vec![MaybeUninit::uninit(); zstd_safe::compress_bound(src.len())];
    let levels = [*level_range().start(), -5].into_iter().chain(1..=22);
    for level in levels {
        for dict_len in [100, 5_000, 112_640, 1 << 20] {
            if level > 15 && (level + dict_len) % 3 != 0 {
                continue; // slow, and much the same as its neighbours
            }
            let dict = Dict::new(&text[text.len() - dict_len as usize..], if level > 3 { 0 } else { level })
                .unwrap();
            for (len, window_log) in
                [(0, 0), (1000, 0), (20_000, 0), (20_000, 22), (600_000, 0), (2 << 20, 10)]
            {
                let options = Options { level, window_log, dict: Some(&dict), ..Options::default() };
                let recipe = Recipe::new(&options, len);
                let progress = CallProgress::new(&options, None);
                let mut compressor = Compressor::create().unwrap();
                recipe
                    .encode_with(&mut compressor, 0, &src[..len], &mut Uninit::new(&mut out), &progress)
                    .unwrap()
                    .unwrap();
                let size = compressor.size();
                assert!(
                    size <= recipe.memory(),
                    "level {level}, {len} bytes, dictionary {dict_len}, window {window_log}: {size} > {}",
                    recipe.memory()
                );
            }
            let prepared = dict.for_compressing(level).unwrap().sizeof();
            assert!(prepared <= calls::prepared_size(dict_len as usize, level), "level {level}: {prepared}");
        }
    }
}

/// A cancelled frame is left behind its first block.
#[test]
fn cancelled_between_blocks() {
    let src: Vec<u8> = sample(2 << 20).chunks(4).flat_map(|word| [word[0], word[1]]).collect();
    for (level, len) in [(3, 300_000), (3, src.len()), (13, src.len()), (1, BLOCK + 1)] {
        let recipe = Recipe::new(&Options { level, ..Options::default() }, len);
        let bound = zstd_safe::compress_bound(len);
        let flag = std::sync::atomic::AtomicI32::new(1);
        for room in [bound, bound - 1] {
            let mut out = vec![0u8; room];
            let cancelled = recipe.encode(0, &src[..len], &mut out[..], &CallProgress::cancel_only(&flag));
            assert_eq!(cancelled.unwrap_err().kind(), crate::error::ErrorKind::Cancelled);
            assert!(out[BLOCK + 100..].iter().all(|&byte| byte == 0), "level {level}, {len} bytes");
        }
    }
}

/// Block by block the bytes are those of one call, whatever the room, at every strategy, with and without
/// a dictionary that is long or short beside the frame.
#[test]
fn blocks_make_the_frame_of_one_call() {
    let mut src = sample(700_000);
    src.extend((0..300_000u32).map(|i| {
        if i % 7 == 0 {
            (i >> 9) as u8
        } else {
            (i.wrapping_mul(i) >> 11) as u8
        }
    }));
    src.resize(1_300_000, 5);
    let dicts = [100, 60_000, 400_000].map(|len| Dict::new(&src[src.len() / 2 - len..][..len], 3).unwrap());
    let levels = [*level_range().start(), -5].into_iter().chain(1..=22);
    for level in levels {
        for (number, dict) in dicts.iter().map(Some).chain([None, None]).enumerate() {
            if level > 12 && (level + number as i32) % 5 != 0 {
                continue; // slow, and much the same as its neighbours
            }
            let window_log = if number == 4 { 12 } else { 0 };
            for src in [&src[..], &src[400_000..400_000 + BLOCK + 1]] {
                let options = Options { level, window_log, dict, ..Options::default() };
                let recipe = Recipe::new(&options, src.len());
                assert!(recipe.fits_exactly());
                let mut compressor = Compressor::create().unwrap();
                let mut expected = Vec::with_capacity(zstd_safe::compress_bound(src.len()));
                let context = recipe.begin(&mut compressor, 0, src.len() as u64).unwrap();
                context.compress2(&mut expected, src).unwrap();
                let progress = CallProgress::new(&options, None);
                let bound = zstd_safe::compress_bound(src.len());
                let rooms = [bound, bound - 1, expected.len(), expected.len() - 1, bound + 1000, 3];
                // The long content is slow, and needs blocks of every kind only once for each way.
                let rooms = if src.len() > 2 * BLOCK { &rooms[..4] } else { &rooms };
                for &room in rooms {
                    let mut out = vec![0u8; room];
                    let size = recipe.encode(0, src, &mut out[..], &progress).unwrap();
                    let fits = room >= expected.len();
                    assert_eq!(size, fits.then_some(expected.len()), "level {level}, dictionary {number}");
                    assert!(!fits || out[..expected.len()] == expected, "level {level}, dictionary {number}");
                }
            }
        }
    }
}
