//! Sections of a few hundred kilobytes, so that their ends can be tried in every way.

use super::*;
use crate::codec::format::frame::{Frames, BLOCK_HEADER};
use crate::codec::libzstd::calls;
use crate::error::ErrorKind;
use std::io::Read;
use zstd::zstd_safe::{CCtx, CParameter, DCtx};

/// Words of a few letters, in sentences that come again.
fn text(len: usize) -> Vec<u8> {
    let mut state = 1u32;
    let mut next = move |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % below
    };
    let mut bytes = Vec::with_capacity(len + 100);
    while bytes.len() < len {
        if bytes.len() > 1000 && next(3) == 0 {
            let from = next(bytes.len() as u32 - 200) as usize;
            bytes.extend_from_within(from..from + 20 + next(150) as usize);
        } else {
            let letters = 1 + next(9);
            bytes.extend((0..letters).map(|_| b'a' + (next(26) * next(26) / 26) as u8));
            bytes.push(b' ');
        }
    }
    bytes.truncate(len);
    bytes
}

fn noise(len: usize) -> Vec<u8> {
    let mut state = 7u64;
    let byte = |state: &mut u64| {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (*state >> 56) as u8
    };
    (0..len).map(|_| byte(&mut state)).collect()
}

fn sections(options: &Options<'_>, total: usize, len: usize, overlap: usize) -> Sections {
    let options = Options { single_frame: true, ..*options };
    let sections = Sections::new(&options, None).unwrap();
    Sections { len, overlap, ..sections }.with_size(total)
}

/// The whole frame, section by section.
fn frame(sections: &Sections, content: &[u8]) -> Vec<u8> {
    sections.encode_all(content, &Options { checksum: sections.checksum, ..Options::default() }).unwrap()
}

/// Decodes with libzstd, and with somebody else's decoder.
fn assert_decodes(packed: &[u8], content: &[u8], dict: Option<&[u8]>, what: &str) {
    let mut room = vec![0; content.len() + 1];
    let mut context = DCtx::create();
    if let Some(dict) = dict {
        context.load_dictionary(dict).unwrap();
    }
    let written = context.decompress(&mut room[..], packed).unwrap_or_else(|code| {
        panic!("{what}: {}", zstd_safe::get_error_name(code));
    });
    assert!(room[..written] == *content, "{what}: libzstd");
    if dict.is_none() {
        let mut decoder = ruzstd::decoding::StreamingDecoder::new(packed).unwrap();
        let mut decoded = Vec::new();
        decoder.read_to_end(&mut decoded).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(decoded == *content, "{what}: ruzstd");
    }
}

fn levels() -> impl Iterator<Item = i32> {
    [-100, -5, -1].into_iter().chain(1..=22)
}

/// The ends of sections: contents that end 0 to 3 bytes behind one, and of one section.
#[test]
fn contents_of_any_length_and_kind() {
    let len = 40_000;
    let (text, noise) = (text(4 * len), noise(4 * len));
    // A long match over the end of each section, and over several.
    let repeated = noise[..16_000].repeat(10);
    let mixed: Vec<u8> = text.chunks(len).zip(noise.chunks(len)).flat_map(|(a, b)| [a, b].concat()).collect();
    for (content, name) in [
        (&text, "text"),
        (&noise, "noise"),
        (&vec![7; 4 * len], "constant"),
        (&repeated, "repeated"),
        (&mixed, "mixed"),
    ] {
        for level in [1, 3, 6, 13] {
            for total in [len, 2 * len, 3 * len].into_iter().flat_map(|at| at - 1..at + 4) {
                for overlap in [1, 7, 10_000, 100_000] {
                    if overlap < 10_000 && total % len > 1 {
                        continue;
                    }
                    let content = &content[..total];
                    let options = Options { level, checksum: total % 2 == 0, ..Options::default() };
                    let packed = frame(&sections(&options, total, len, overlap), content);
                    let what = format!("{name}, level {level}, {total} bytes, overlap {overlap}");
                    assert_decodes(&packed, content, None, &what);
                }
            }
        }
    }
}

#[test]
fn all_levels_and_windows() {
    let content = text(200_000);
    for level in levels() {
        let options = Options { level, ..Options::default() };
        let packed = frame(&sections(&options, content.len(), 60_000, 1 << 20), &content);
        assert_decodes(&packed, &content, None, &format!("level {level}"));
    }
    for window_log in [10, 12, 17, 20, 27] {
        for level in [-3, 1, 3, 7, 14, 17] {
            let options = Options { level, window_log, ..Options::default() };
            let packed = frame(&sections(&options, content.len(), 60_000, 1 << window_log.min(20)), &content);
            assert_decodes(&packed, &content, None, &format!("level {level}, window {window_log}"));
        }
    }
}

/// The first section is compressed with the dictionary, and the others find matches in what is before them.
#[test]
fn dictionaries() {
    let content = text(300_000);
    let raw = content[20_000..40_000].to_vec();
    let samples: Vec<&[u8]> = content.chunks(1000).collect();
    let trained = zstd_dictionary(&samples);
    for dict_content in [&raw, &trained] {
        let dict = Dict::new(dict_content, 0).unwrap();
        for level in [-3, 1, 3, 6, 12, 13, 19] {
            let options = Options { level, dict: Some(&dict), ..Options::default() };
            let sections = sections(&options, content.len(), 100_000, 80_000);
            let packed = frame(&sections, &content);
            let found = Frames::new(&packed).next().unwrap().unwrap();
            assert_eq!(found.dictionary, dict.id());
            assert_decodes(&packed, &content, Some(dict_content), &format!("level {level}"));
        }
    }
}

fn zstd_dictionary(samples: &[&[u8]]) -> Vec<u8> {
    let mut dict = vec![0; 20_000];
    let sizes: Vec<usize> = samples.iter().map(|sample| sample.len()).collect();
    let len =
        crate::codec::options::dict::train(&samples.concat(), &sizes, calls::as_uninit(&mut dict)).unwrap();
    dict.truncate(len);
    dict
}

/// Block by block, so that it can be cancelled, comes out what one call of libzstd makes.
#[test]
fn blocks_are_those_of_one_call() {
    let mut content = text(1 << 20);
    // Changes that blocks are cut at.
    for (index, at) in (100_000..content.len() - 70_000).step_by(130_000).enumerate() {
        let len = 5_000 + index * 3_000;
        content[at..at + len].copy_from_slice(&noise(len));
    }
    content.extend(noise(400_000));
    content.truncate((1 << 20) + 377_777);
    let whole = content;
    for level in levels() {
        // Five blocks for the levels that take a second for each of them.
        let content = if level > 15 { &whole[whole.len() - 577_777..] } else { &whole[..] };
        let options = Options { level, single_frame: true, checksum: false, ..Options::default() };
        let parameters = Parameters::new(level, content.len(), 0, 0, 0);
        let sections = Sections { parameters, ..Sections::new(&options, None).unwrap() };
        let progress = CallProgress::new(&options, None);
        let mut ours = vec![0; Sections::bound(content.len())];
        let size = sections.encode(content, 0, &mut ours[..], &progress).unwrap();
        ours.truncate(size);

        let mut theirs = vec![0; Sections::bound(content.len())];
        let mut context = CCtx::create();
        context.set_parameter(CParameter::CompressionLevel(level)).unwrap();
        let size = context.compress2(&mut theirs[..], content).unwrap();
        let found = Frames::new(&theirs[..size]).next().unwrap().unwrap();
        let last = found.blocks(&theirs[..size]).map(Result::unwrap).last().unwrap();
        theirs[last.offset] &= !1;
        assert!(last.len > BLOCK_HEADER);
        assert!(ours == theirs[found.header_len..size], "level {level}");
    }
}

/// What comes out depends neither on the context's frames before, nor on where the memory is.
#[test]
fn bytes_do_not_depend_on_the_context() {
    let content = text(300_000);
    for level in [1, 3, 5, 9, 13, 16, 19] {
        let options = Options { level, ..Options::default() };
        let sections = sections(&options, content.len(), 90_000, 90_000);
        let first = frame(&sections, &content);
        let moved = [&[1, 2, 3][..], &content].concat();
        for _ in 0..2 {
            assert!(frame(&sections, &content) == first, "level {level}");
            assert!(frame(&sections, &moved[3..]) == first, "level {level}");
        }
    }
}

/// A context takes no more memory than is counted for it.
#[test]
fn memory_is_not_underestimated() {
    let content = text(400_000);
    for level in levels() {
        for window_log in [0, 10, 27] {
            if level > 15 && level % 3 != 0 && window_log != 0 {
                continue; // slow, and much the same as its neighbours
            }
            let options = Options { level, window_log, single_frame: true, ..Options::default() };
            let sections = Sections::new(&options, None).unwrap();
            let mut context = crate::codec::libzstd::section::SectionContext::try_create().unwrap();
            let before = Before::Prefix(content.len() / 2);
            let begun =
                context.begin(&sections.parameters, sections.long, &content, content.len() / 2, before);
            let mut section = begun.unwrap();
            let mut room = vec![0; 200_000];
            section.block(100_000, &mut room[..], 0, 200_000).unwrap();
            drop(section);
            let size = context.size();
            let counted = sections.memory();
            assert!(size <= counted, "level {level}, window {window_log}: {size} > {counted}");
        }
    }
}

/// Cancelling is noticed at the next block.
#[test]
fn cancelled_between_blocks() {
    let content = text(500_000);
    let flag = std::sync::atomic::AtomicI32::new(1);
    let options = Options { level: 19, single_frame: true, cancel: Some(&flag), ..Options::default() };
    let sections = Sections::new(&options, None).unwrap();
    let progress = CallProgress::new(&options, None);
    let mut room = vec![0; Sections::bound(content.len())];
    let result = sections.encode(&content, 0, &mut room[..], &progress);
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Cancelled);
}
