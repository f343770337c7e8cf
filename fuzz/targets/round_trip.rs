//! What is compressed, with any options, whole or in pieces, comes back; a bound is enough; less room is
//! refused in good order.
#![no_main]

use fastpar::codec::{self, Dict, Options, Writer};
use fastpar::ErrorKind;
use fastpar_fuzz::{decode, start_pool, Choices};
use std::mem::MaybeUninit;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    start_pool();
    let mut choices = Choices(data);
    let flags = choices.byte();
    let times = 1 + choices.below(200);
    let count = choices.below(500);
    let dict = (flags & 8 != 0).then(|| Dict::new(choices.bytes(count), 0)).and_then(Result::ok);
    let single_frame = flags & 4 != 0;
    let options = Options {
        // The slow levels take long, and do nothing else.
        level: i32::from(choices.byte() as i8).clamp(-100, 12),
        checksum: flags & 1 == 0,
        seek_table: flags & 2 == 0,
        single_frame,
        frame_size: if single_frame { 0 } else { choices.below(60_000) },
        max_lanes: u32::from(choices.byte() % 4),
        window_log: if flags & 16 != 0 { 10 + u32::from(choices.byte() % 14) } else { 0 },
        dict: dict.as_ref(),
        ..Options::default()
    };
    let pieces: [usize; 8] = std::array::from_fn(|_| 1 + choices.below(65_000));
    let src: Vec<u8> =
        choices.0.iter().copied().cycle().take((choices.0.len() * times).min(400_000)).collect();

    let bound = codec::compress_bound(src.len(), &options).unwrap();
    let packed = codec::compress_to_vec(&src, &options).unwrap();
    assert!(packed.len() <= bound);
    assert!(decode(&packed, &options_of(&options), src.len()).as_ref() == Ok(&src), "whole");

    let mut place = vec![MaybeUninit::uninit(); packed.len() - 1];
    match codec::compress(&src, &mut place, &options) {
        Err(error) => assert_eq!(error.kind(), ErrorKind::BufferTooSmall),
        Ok(len) => panic!("{len} bytes in less than {}", packed.len()),
    }

    let mut writer = Writer::new(Vec::new(), &options).unwrap();
    let (mut left, mut turn) = (&src[..], 0);
    while !left.is_empty() {
        let (now, later) = left.split_at(pieces[turn % 8].min(left.len()));
        writer.write(now).unwrap();
        if flags & 32 != 0 && turn % 3 == 0 {
            writer.flush().unwrap();
        }
        (left, turn) = (later, turn + 1);
    }
    writer.finish().unwrap();
    assert!(decode(writer.get_ref(), &options_of(&options), src.len()).as_ref() == Ok(&src), "in pieces");
});

/// To decompress with: the dictionary is what matters.
fn options_of<'a>(options: &Options<'a>) -> Options<'a> {
    Options { dict: options.dict, max_lanes: options.max_lanes, ..Options::default() }
}
