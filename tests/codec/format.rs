//! What is written, byte by byte, and what the walker says about it.

use crate::common::{block, frame_of, noise, pack, records, reference, reference_unsized, skippable};
use fastpar::codec::{self, Frames, Options, SeekTable};
use proptest::prelude::*;

/// Frames and table of an output, compared with libzstd's own view of them.
#[test]
fn frames_and_table() {
    let data = records(1_000_000);
    let packed = pack(&data, &Options { frame_size: 300_000, ..Options::default() });
    let sizes = [300_000, 300_000, 300_000, 100_000u32];
    let table_at = packed.len() - (8 + 4 * 8 + 9);
    let word = |at: usize| u32::from_le_bytes(packed[at..at + 4].try_into().unwrap());
    assert_eq!(word(table_at), 0x184d_2a5e);
    assert_eq!(word(table_at + 4), 4 * 8 + 9);
    assert_eq!(word(packed.len() - 9), 4);
    assert_eq!(packed[packed.len() - 5], 0);
    assert_eq!(word(packed.len() - 4), 0x8f92_eab1);
    let mut offset = 0;
    for (index, size) in sizes.into_iter().enumerate() {
        let rest = &packed[offset..];
        let len = zstd::zstd_safe::find_frame_compressed_size(rest).unwrap();
        assert_eq!(word(table_at + 8 + 8 * index) as usize, len);
        assert_eq!(word(table_at + 12 + 8 * index), size);
        assert_eq!(zstd::zstd_safe::get_frame_content_size(rest).unwrap(), Some(size.into()));
        offset += len;
    }
    assert_eq!(offset, table_at);

    let table = SeekTable::find(&packed).unwrap();
    assert_eq!((table.len(), table.offset(), table.is_empty()), (4, table_at, false));
    assert!(table.entries().map(|(_, size)| size).eq(sizes));
    assert_eq!(codec::decompressed_size(&packed).unwrap(), 1_000_000);
}

#[test]
fn one_frame_has_no_table() {
    for len in [0, 1, 1_000_000] {
        let packed = pack(&records(len), &Options::default());
        assert!(SeekTable::find(&packed).is_none());
        assert_eq!(Frames::new(&packed).count(), 1);
    }
    assert_eq!(codec::decompressed_size(&pack(&[], &Options::default())).unwrap(), 0);
}

/// The default is 24 equal frames.
#[test]
fn automatic_frames() {
    let data = records(13 << 20);
    let packed = pack(&data, &Options { level: 1, ..Options::default() });
    let sizes: Vec<u32> = SeekTable::find(&packed).unwrap().entries().map(|(_, size)| size).collect();
    assert_eq!(sizes.len(), 24);
    assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
}

#[test]
fn headers_of_every_shape() {
    let raw = |size: u32| block(true, 0, size, &vec![1; size as usize]);
    // (descriptor and fields, content, its declared size, window)
    for (header, content, declared, window) in [
        (vec![0x20, 5], 5, Some(5), 5),
        (vec![0x60, 44, 0], 300, Some(300), 300),
        (vec![0xa0, 5, 0, 0, 0], 5, Some(5), 5),
        (vec![0xe0, 5, 0, 0, 0, 0, 0, 0, 0], 5, Some(5), 5),
        (vec![0x00, 0x00], 5, None, 1 << 10),
        (vec![0x00, 0x0f], 5, None, (1 << 11) + 7 * (1 << 8)),
        (vec![0x40, 0x58, 44, 0], 300, Some(300), 1 << 21),
        (vec![0x21, 0, 5], 5, Some(5), 5),
    ] {
        let frame = frame_of(&header, &[&raw(content)]);
        let found = Frames::new(&frame).next().unwrap().unwrap();
        assert_eq!((found.content_size, found.window), (declared, window), "{header:?}");
        assert_eq!(found.range(), 0..frame.len());
        assert_eq!(found.header_len, 4 + header.len());
        let mut out = Vec::with_capacity(1000);
        assert_eq!(zstd::zstd_safe::decompress(&mut out, &frame), Ok(content as usize), "{header:?}");
        crate::common::assert_unpacks(&frame, &out);
    }
}

proptest! {
    /// The walker agrees with libzstd about every frame that libzstd writes.
    #[test]
    fn walker_agrees_with_libzstd(
        pieces in prop::collection::vec((0usize..5, 0usize..300_000, -3i32..6), 0..6),
    ) {
        let mut data = Vec::new();
        let mut ends = Vec::new();
        for (kind, len, level) in pieces {
            data.extend(match kind {
                0 => reference(&records(len), level, true),
                1 => reference(&noise(len), level, false),
                2 => reference_unsized(&records(len), level),
                3 => reference(&vec![3; len], level, true),
                _ => skippable(&noise(len % 1000)),
            });
            ends.push(data.len());
        }
        let mut offset = 0;
        let mut found = Vec::new();
        for (index, frame) in Frames::new(&data).enumerate() {
            let frame = frame.unwrap();
            prop_assert_eq!((frame.offset, frame.index), (offset, index as u64));
            let rest = &data[offset..];
            prop_assert_eq!(zstd::zstd_safe::find_frame_compressed_size(rest), Ok(frame.len));
            if !frame.skippable {
                prop_assert_eq!(zstd::zstd_safe::get_frame_content_size(rest).unwrap(), frame.content_size);
                let blocks: usize = frame.blocks(&data).map(|block| block.unwrap().len).sum();
                prop_assert_eq!(frame.header_len + blocks + 4 * usize::from(frame.checksum), frame.len);
            }
            offset += frame.len;
            found.push(offset);
        }
        prop_assert_eq!(found, ends);
    }

    /// Whatever the bytes are, the walker stays inside them and ends.
    #[test]
    fn walker_survives_anything(
        mut data in prop::collection::vec(any::<u8>(), 0..400),
        magics in prop::collection::vec((0usize..400, any::<bool>()), 0..8),
    ) {
        data.splice(0..0, 0xfd2f_b528_u32.to_le_bytes());
        for (at, real) in magics {
            let magic: u32 = if real { 0xfd2f_b528 } else { 0x184d_2a5e };
            if at + 4 <= data.len() {
                data[at..at + 4].copy_from_slice(&magic.to_le_bytes());
            }
        }
        let mut end = 0;
        for frame in Frames::new(&data).flatten() {
            prop_assert_eq!(frame.offset, end);
            end += frame.len;
            prop_assert!(end <= data.len());
            prop_assert!(frame.least <= frame.most);
        }
        let _ = codec::decompressed_size(&data);
        let _ = crate::common::unpack_into(&data, 1000);
    }
}
