//! Archives with seek tables that a fuzzer made up: what `decompress` reads an archive reads, at any place,
//! and the same.
#![no_main]

use fastpar::codec::{Archive, Options};
use fastpar::ErrorKind;
use fastpar_fuzz::{decode, start_pool, Choices, ROOM};
use std::mem::MaybeUninit;

const SKIPPABLE: u32 = 0x184D_2A5E;
const FOOTER: u32 = 0x8F92_EAB1;

/// A seek table of the format, with whatever is in it.
fn table(choices: &mut Choices<'_>) -> Vec<u8> {
    let frames = choices.below(20) as u32;
    let descriptor = choices.byte();
    let lie = choices.byte();
    let mut entries = Vec::new();
    for _ in 0..frames {
        for _ in 0..if descriptor & 0x80 == 0 { 2 } else { 3 } {
            entries.extend((choices.magnitude() as u32).to_le_bytes());
        }
    }
    let told = if lie & 1 == 0 { frames } else { choices.magnitude() as u32 };
    let size = if lie & 2 == 0 { entries.len() as u32 + 9 } else { choices.magnitude() as u32 };
    let mut table = Vec::new();
    table.extend(SKIPPABLE.to_le_bytes());
    table.extend(size.to_le_bytes());
    table.extend(entries);
    table.extend(told.to_le_bytes());
    table.push(descriptor);
    table.extend(FOOTER.to_le_bytes());
    table
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    start_pool();
    let mut choices = Choices(data);
    let with_table = choices.byte() % 2 == 0;
    let table = if with_table { table(&mut choices) } else { Vec::new() };
    let places: [(u64, usize); 4] = std::array::from_fn(|_| (choices.magnitude(), choices.below(5000)));
    let mut file = choices.0.to_vec();
    file.extend(table);

    let options = Options { max_output: ROOM as u64, max_memory: 16 << 20, ..Options::default() };
    let whole = decode(&file, &options, ROOM);
    let archive = match (Archive::new(&file, &options), &whole) {
        (Ok(archive), _) => archive,
        (Err(error), Ok(_)) => {
            assert!(error.kind() == ErrorKind::LimitExceeded, "decodes, but does not open: {error:?}");
            return;
        }
        (Err(error), Err(_)) => {
            assert!(!matches!(error.kind(), ErrorKind::Panic | ErrorKind::Internal), "{error:?}");
            return;
        }
    };
    // Of a frame that does not tell its size the table is believed, until all of it is read.
    let footer = FOOTER.to_le_bytes();
    let believed = file.ends_with(&footer) && fastpar::codec::decompressed_size(&file).is_err();
    let size = archive.size();
    assert!(size <= ROOM as u64, "max_output is not kept");
    for frame in 0..archive.frames() as u64 {
        let info = archive.frame(frame).expect("a frame");
        assert!(
            info.offset + info.size <= file.len() as u64 && info.content_offset + info.content_size <= size
        );
    }
    for (offset, len) in [(0, ROOM)].into_iter().chain(places) {
        let mut place = vec![MaybeUninit::uninit(); len];
        let read = archive.read(offset, &mut place);
        let expected = size.saturating_sub(offset).min(len as u64);
        match (read, &whole) {
            (Ok(written), whole) => {
                assert_eq!(written as u64, expected);
                // SAFETY: `written` bytes are.
                let bytes = unsafe { std::slice::from_raw_parts(place.as_ptr().cast::<u8>(), written) };
                if let (Ok(whole), false) = (whole, believed) {
                    assert_eq!(size, whole.len() as u64);
                    assert!(written == 0 || bytes == &whole[offset as usize..][..written], "other bytes");
                }
            }
            (Err(error), Ok(_)) => {
                let lied = believed && error.kind() == ErrorKind::Corrupt;
                assert!(
                    lied || error.kind() == ErrorKind::LimitExceeded,
                    "decodes, but cannot be read: {error:?}"
                );
            }
            (Err(error), Err(_)) => {
                assert!(!matches!(error.kind(), ErrorKind::Panic | ErrorKind::Internal), "{error:?}");
            }
        }
    }
});
