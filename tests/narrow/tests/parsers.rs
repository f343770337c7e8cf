//! Headers and seek tables that claim more than an address can count.
use fastpar_narrow::{Frames, SeekTable};

const TABLE: u32 = 0x184D_2A5E;
const FOOTER: u32 = 0x8F92_EAB1;

/// Walks over everything; the frames, or nothing where the data is refused.
fn frames(data: &[u8]) -> Option<usize> {
    let mut frames = 0;
    for frame in Frames::new(data) {
        let frame = frame.ok()?;
        assert!(frame.range().start <= frame.range().end && frame.range().end <= data.len());
        frames += 1;
    }
    Some(frames)
}

#[test]
fn an_empty_and_a_stored_frame() {
    let stored = [0x28, 0xb5, 0x2f, 0xfd, 0x20, 3, 0x19, 0, 0, b'a', b'b', b'c'];
    assert_eq!(frames(&[]), Some(0));
    assert_eq!(frames(&stored), Some(1));
    assert_eq!(frames(&[stored, stored].concat()), Some(2));
    for len in 1..stored.len() {
        assert_eq!(frames(&stored[..len]), None, "{len} bytes");
    }
}

#[test]
fn skippable_frames_of_any_size() {
    for size in [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_fff7, 0xffff_fff8, 0xffff_ffff_u32] {
        let frame = [&0x184D_2A50_u32.to_le_bytes()[..], &size.to_le_bytes(), &[0; 1]].concat();
        let whole = &frame[..8 + (size as usize).min(1)];
        assert_eq!(frames(whole).is_some(), size <= 1, "{size}");
    }
}

#[test]
fn contents_of_any_size() {
    // A single segment with a content size of 8 bytes, and one block that is the last.
    for size in [0u64, 1 << 31, (1 << 32) - 1, 1 << 32, (1 << 32) + 3, 1 << 63, u64::MAX] {
        let frame =
            [&[0x28, 0xb5, 0x2f, 0xfd, 0xe0][..], &size.to_le_bytes(), &[0x19, 0, 0, 1, 2, 3]].concat();
        let _ = frames(&frame); // refused or not, nothing wraps
    }
}

#[test]
fn tables_of_any_number_of_frames() {
    for count in [0, 1, 2, 0x1000_0000, 0x1fff_ffff, 0x2000_0000, 0x7fff_ffff, 0xffff_ffff_u32] {
        for checksums in [0, 0x80] {
            let entry = if checksums == 0 { 8 } else { 12 };
            let size = count.wrapping_mul(entry).wrapping_add(9);
            let mut data = Vec::new(); // the frames of a table of sizes 0
            data.extend(TABLE.to_le_bytes());
            data.extend(size.to_le_bytes());
            if count <= 2 {
                data.extend(vec![0; (count * entry) as usize]);
            }
            data.extend(count.to_le_bytes());
            data.push(checksums);
            data.extend(FOOTER.to_le_bytes());
            let found = SeekTable::find(&data);
            assert_eq!(found.is_some(), count <= 2, "{count} frames");
            if let Some(table) = found {
                assert_eq!((table.len(), table.entries().count()), (count as usize, count as usize));
                assert_eq!(table.offset(), 0);
            }
        }
    }
}
