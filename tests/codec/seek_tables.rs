//! A seek table may speed decoding up. It never decides what is written where.

use crate::common::{
    assert_unpacks, noise, pack, records, reference, reference_unsized, skippable, unpack_into,
};
use fastpar::codec::{Options, SeekTable};
use proptest::prelude::*;

fn table(entries: &[(u32, u32)]) -> Vec<u8> {
    let mut payload: Vec<u8> = entries.iter().flat_map(|&(a, b)| [a, b]).flat_map(u32::to_le_bytes).collect();
    payload.extend((entries.len() as u32).to_le_bytes());
    payload.push(0);
    payload.extend(0x8f92_eab1_u32.to_le_bytes());
    let mut out = skippable(&payload);
    out[..4].copy_from_slice(&0x184d_2a5e_u32.to_le_bytes());
    out
}

/// Three frames, their sizes, and what they decompress to.
fn frames() -> (Vec<u8>, Vec<(u32, u32)>, Vec<u8>) {
    let data = [records(400_000), noise(300_000), records(500_000)].concat();
    let mut out = Vec::new();
    let mut entries = Vec::new();
    for part in [&data[..400_000], &data[400_000..700_000], &data[700_000..]] {
        let frame = reference(part, 3, true);
        entries.push((frame.len() as u32, part.len() as u32));
        out.extend(frame);
    }
    (out, entries, data)
}

#[test]
fn lies_do_not_matter() {
    let (frames, honest, data) = frames();
    let [a, b, c] = [honest[0], honest[1], honest[2]];
    let lies: Vec<Vec<(u32, u32)>> = vec![
        vec![a, b, c],
        vec![(a.0, b.1), (b.0, a.1), c],                  // sizes exchanged
        vec![(b.0, a.1), (a.0, b.1), c],                  // lengths exchanged
        vec![(a.0 - 1, a.1), (b.0 + 1, b.1), c],          // shifted by a byte
        vec![(a.0, a.1 + 5), (b.0, b.1 - 5), c],          // five bytes moved
        vec![(a.0, a.1 - 1), b, c],                       // one byte too few in all
        vec![(a.0, a.1 + 1), b, c],                       // one too many
        vec![(a.0 + b.0, a.1 + b.1), c],                  // two frames as one
        vec![(a.0, 0), (b.0, 0), (c.0, 0)],               // nothing inside
        vec![(a.0, 0), (b.0, 0), (c.0, a.1 + b.1 + c.1)], // everything in the last
        vec![(0, a.1), (a.0, b.1), (b.0 + c.0, c.1)],     // frames of no bytes
        vec![(a.0, u32::MAX), (b.0, u32::MAX), (c.0, u32::MAX)], // more than there can be
        vec![a, b],                                       // one is missing
        vec![a, b, c, (0, 0)],
        vec![a, b, c, (100, 100)],
        vec![],
    ];
    for lie in lies {
        let packed = [&frames[..], &table(&lie)].concat();
        assert_unpacks(&packed, &data);
        // With room to spare a wrong table must not lead anything astray either.
        assert!(unpack_into(&packed, data.len() + 100_000).unwrap() == data, "{lie:?}");
    }
}

#[test]
fn broken_tables_are_skipped() {
    let (frames, honest, data) = frames();
    let good = table(&honest);
    for at in 8..good.len() {
        let mut packed = [&frames[..], &good].concat();
        packed[frames.len() + at] ^= 0x41;
        assert_unpacks(&packed, &data);
    }
}

/// The seekable format counts skippable and empty frames too, and may carry checksums of its own.
#[test]
fn tables_of_others() {
    let (frames, honest, data) = frames();
    let skipped = skippable(b"for somebody else");
    let empty = reference(&[], 3, false);
    let entries = [(skipped.len() as u32, 0), honest[0], honest[1], honest[2], (empty.len() as u32, 0)];
    let packed = [&skipped[..], &frames, &empty, &table(&entries)].concat();
    assert_eq!(SeekTable::find(&packed).unwrap().len(), 5);
    assert_unpacks(&packed, &data);

    let mut payload = Vec::new();
    for (compressed, decompressed) in &honest {
        [*compressed, *decompressed, 0xdead_beef].iter().for_each(|word| payload.extend(word.to_le_bytes()));
    }
    payload.extend([3, 0, 0, 0, 0x80, 0xb1, 0xea, 0x92, 0x8f]);
    let mut with_checksums = skippable(&payload);
    with_checksums[..4].copy_from_slice(&0x184d_2a5e_u32.to_le_bytes());
    let packed = [&frames[..], &with_checksums].concat();
    assert!(SeekTable::find(&packed).unwrap().entries().eq(honest));
    assert_unpacks(&packed, &data);
}

/// Frames that do not tell their sizes decode in parallel too if a table tells them.
#[test]
fn tables_over_frames_of_unknown_size() {
    let data = records(900_000);
    let mut out = Vec::new();
    let mut entries = Vec::new();
    for part in data.chunks(300_000) {
        let frame = reference_unsized(part, 3);
        entries.push((frame.len() as u32, part.len() as u32));
        out.extend(frame);
    }
    assert_unpacks(&[&out[..], &table(&entries)].concat(), &data);
    entries[1].1 -= 1;
    entries[2].1 += 1;
    assert_unpacks(&[&out[..], &table(&entries)].concat(), &data);
}

/// A table at the end of other data than it was made for.
#[test]
fn concatenated_outputs() {
    let data = records(2_000_000);
    let packed = pack(&data, &Options { frame_size: 400_000, ..Options::default() });
    assert!(SeekTable::find(&[&packed[..], &packed].concat()).is_none());
    assert_unpacks(&[&packed[..], &packed].concat(), &[&data[..], &data].concat());
}

proptest! {
    /// Whatever a table claims, the same bytes come out.
    #[test]
    fn random_tables(
        cuts in prop::collection::vec((0usize..60_000, 0u32..70_000), 1..8),
    ) {
        let data = records(60_000);
        let frames: Vec<u8> = data.chunks(7_000).flat_map(|part| reference(part, 1, true)).collect();
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.0 % (frames.len() + 1)).collect();
        places.extend([0, frames.len()]);
        places.sort_unstable();
        let lengths = places.windows(2).map(|pair| (pair[1] - pair[0]) as u32);
        let sizes = cuts.iter().map(|cut| cut.1).chain([0]);
        let entries: Vec<(u32, u32)> = lengths.zip(sizes).collect();
        let packed = [&frames[..], &table(&entries)].concat();
        prop_assert!(SeekTable::find(&packed).is_some());
        prop_assert!(unpack_into(&packed, 200_000).unwrap() == data);
    }

    #[test]
    fn finding_survives_anything(mut data in prop::collection::vec(any::<u8>(), 0..200), frames in any::<u32>()) {
        data.extend(frames.to_le_bytes());
        data.extend([0, 0xb1, 0xea, 0x92, 0x8f]);
        if let Some(table) = SeekTable::find(&data) {
            let sum: u64 = table.entries().map(|(compressed, _)| u64::from(compressed)).sum();
            prop_assert_eq!(sum, table.offset() as u64);
        }
    }
}
