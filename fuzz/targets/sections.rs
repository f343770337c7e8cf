//! A frame that is compressed in sections of any size decodes to its content.
//!
//! The content is what the fuzzer makes up, and repetitions of it near and far, so that there are matches
//! over the ends of sections.
#![no_main]

use fastpar::codec::{self, Options};
use fastpar_fuzz::Choices;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut choices = Choices(data);
    let level = [-50, -1, 1, 2, 3, 5, 6, 8, 12, 13, 16, 18][usize::from(choices.byte()) % 12];
    let flags = choices.byte();
    let window_log = if flags & 2 == 0 { 0 } else { 10 + u32::from(choices.byte() % 10) };
    let len = 1 + choices.below(20_000);
    let overlap = 1 + choices.below(20_000);
    let mut content = Vec::new();
    while !choices.0.is_empty() && content.len() < 100_000 {
        let count = usize::from(choices.byte());
        if count % 2 == 0 || content.is_empty() {
            content.extend_from_slice(choices.bytes(count));
        } else {
            let from = choices.below(content.len());
            content.extend_from_within(from..content.len().min(from + 40 * count));
        }
    }
    // Not too many sections: each of them clears the tables of its context.
    let len = len.max(content.len() / 20);
    let options = Options { level, checksum: flags & 1 == 0, window_log, ..Options::default() };
    let packed = codec::encode_sections(&content, &options, len, overlap).expect("compresses");
    let packed = packed.expect("this libzstd can do it");
    assert!(zstd::decode_all(&packed[..]).expect("libzstd decodes it") == content);
    let back = codec::decompress_to_vec(&packed, &Options { max_lanes: 1, ..Options::default() });
    assert!(back.expect("fastpar decodes it") == content);
});
