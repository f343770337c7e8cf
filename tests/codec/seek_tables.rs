//! A seek table may speed decoding up. It never decides what is written where.

use crate::common::{
    assert_unpacks, noise, pack, records, reference, reference_unsized, skippable, unpack_into,
};
use crate::support::seekable::with_checksums;
use fastpar::codec::{
    compress, compress_bound, compress_to_vec, decompress_batch, decompress_to_vec, Archive, BatchItem,
    Options, SeekTable,
};
use fastpar::{Error, ErrorKind};
use proptest::prelude::*;
use std::mem::MaybeUninit;

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

/// Joined files have a table with checksums where a source has such a table, of its frames and of all others.
#[test]
fn joined_files_keep_checksums() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b, c) = (noise(50_000), noise(70_000), noise(30_000));
    let (frames, table) = with_checksums(&[&a, &b], false);
    let plain = |checksum| Options { checksum, frame_size: 20_000, ..Options::default() };
    let sources = [
        [&frames[..], &table].concat(),
        compress_to_vec(&c, &plain(true)).unwrap(),
        compress_to_vec(&c, &plain(false)).unwrap(),
    ];
    let paths: Vec<_> = (0..3).map(|number| folder.path().join(number.to_string())).collect();
    paths.iter().zip(&sources).for_each(|(path, source)| std::fs::write(path, source).unwrap());
    let paths: Vec<_> = paths.iter().map(|path| path.as_path()).collect();
    let joined = |sources: &[&std::path::Path]| {
        let target = folder.path().join("joined");
        fastpar::codec::concat_files(sources, &target, &Options::default()).unwrap();
        std::fs::read(target).unwrap()
    };
    let all = joined(&paths);
    assert_unpacks(&all, &[&a[..], &b, &c, &c].concat());
    let last = all.len() - 5; // the descriptor of the table
    assert_eq!(all[last], 0x80);
    // A stored byte of the second frame, and of the last source, whose frames have no checksum.
    let ends = [frames.len(), SeekTable::find(&all).unwrap().offset()];
    for end in ends {
        let mut damaged = all.clone();
        damaged[end - 5_000] ^= 1;
        assert_eq!(unpack_into(&damaged, 200_000).unwrap_err().kind(), ErrorKind::Checksum);
    }
    let ordinary = joined(&paths[1..]);
    assert_eq!(ordinary[ordinary.len() - 5], 0);
    // A single frame has no other checksum.
    let (frame, table) = with_checksums(&[&a], false);
    std::fs::write(paths[0], [&frame[..], &table].concat()).unwrap();
    let mut alone = joined(&paths[..1]);
    assert_unpacks(&alone, &a);
    alone[20_000] ^= 1;
    assert_eq!(unpack_into(&alone, 200_000).unwrap_err().kind(), ErrorKind::Checksum);
}

/// Damage that no frame notices is told by the checksums of the table, in memory and by archives.
#[test]
fn checksums_of_the_table_are_checked() {
    let (a, b, c) = (noise(50_000), noise(300_000), noise(10));
    for own in [false, true] {
        let (frames, table) = with_checksums(&[&a, &b, &[], &c, &c], own);
        let data = [&a[..], &b, &c, &c].concat();
        let good = [&frames[..], &table].concat();
        assert_unpacks(&good, &data);
        let archive = |packed: &[u8], max_memory, offset: usize, len: usize| {
            let options = Options { max_memory, ..Options::default() };
            let mut out = vec![MaybeUninit::new(0); len];
            Archive::new(packed, &options)?.read(offset as u64, &mut out)
        };
        assert_eq!(archive(&good, 0, 0, data.len()), Ok(data.len()));
        let second = reference(&a, 3, own).len();
        let at = second + 60_000; // stored as it is
        let mut damaged = good.clone();
        damaged[at] ^= 1;
        let expect = |result: Result<usize, Error>, position| {
            let error = result.unwrap_err();
            assert_eq!(
                (error.kind(), error.position()),
                (ErrorKind::Checksum, Some(position as u64)),
                "{error}"
            );
        };
        expect(unpack_into(&damaged, data.len()).map(|out| out.len()), second);
        // Whole frames, a part that is kept, and a part that is not: its end is told.
        expect(archive(&damaged, 0, 0, data.len()), second);
        expect(archive(&damaged, 0, 50_000, 1000), second);
        expect(archive(&damaged, 0, 349_000, 1000), second);
        // A table that tells another checksum.
        let mut wrong = good.clone();
        let entry = frames.len() + 8 + 3 * 12 + 8;
        wrong[entry] ^= 1;
        let fourth = frames.len() - 2 * reference(&c, 3, own).len();
        if own {
            assert_unpacks(&wrong, &data); // the frame's own checksum counts
            assert_eq!(archive(&wrong, 0, 0, data.len()), Ok(data.len()));
        } else {
            expect(unpack_into(&wrong, data.len()).map(|out| out.len()), fourth);
            expect(archive(&wrong, 0, data.len() - 15, 3), fourth);
        }
        // A table that lies about sizes is passed over, whatever checksums it has.
        let mut lies = good;
        lies.swap(frames.len() + 8 + 4, frames.len() + 8 + 12 + 4);
        assert_unpacks(&lies, &data);
    }
}

/// An item of a batch, alone.
fn unpack_item(packed: &[u8], room: usize, options: &Options<'_>) -> Result<Vec<u8>, Error> {
    let mut dst = vec![MaybeUninit::new(0); room];
    let mut items = [BatchItem { src: packed, dst: &mut dst, result: None }];
    decompress_batch(&mut items, options).unwrap();
    let len = items[0].result.take().unwrap()?;
    // SAFETY: all of it was written when it was made.
    Ok(dst[..len].iter().map(|byte| unsafe { byte.assume_init() }).collect())
}

/// Items of batches are checked by their tables, too.
#[test]
fn batches_check_tables() {
    let (a, b, c) = (noise(50_000), noise(300_000), noise(10));
    let whole = Options { complete: true, ..Options::default() };
    let asked = Options { check_table: true, ..Options::default() };
    for own in [false, true] {
        let (frames, table) = with_checksums(&[&a, &b, &[], &c, &c], own);
        let data = [&a[..], &b, &c, &c].concat();
        let good = [&frames[..], &table].concat();
        let second = reference(&a, 3, own).len();
        let mut damaged = good.clone();
        damaged[second + 60_000] ^= 1; // stored as it is
        let mut wrong = good.clone();
        wrong[frames.len() + 8 + 3 * 12 + 8] ^= 1; // the checksum of the fourth
        let fourth = frames.len() - 2 * reference(&c, 3, own).len();
        let mut lies = good.clone();
        lies.swap(frames.len() + 8 + 4, frames.len() + 8 + 12 + 4);
        for options in [Options::default(), whole, asked] {
            assert!(unpack_item(&good, data.len(), &options).unwrap() == data);
            let mismatch = |packed: &[u8], position: usize| {
                let error = unpack_item(packed, data.len(), &options).unwrap_err();
                let expected = (ErrorKind::Checksum, Some(position as u64));
                assert_eq!((error.kind(), error.position()), expected, "{error}");
            };
            mismatch(&damaged, second);
            if own {
                assert!(unpack_item(&wrong, data.len(), &options).unwrap() == data);
            } else {
                mismatch(&wrong, fourth);
            }
            // A table that lies about sizes is passed over, unless there has to be a true one.
            match unpack_item(&lies, data.len(), &options) {
                Err(error) => assert_eq!((error.kind(), options.complete), (ErrorKind::Truncated, true)),
                Ok(out) => assert!(out == data && !options.complete),
            }
        }
    }
    // Entries without checksums may tell several frames, or none.
    let (frames, honest, data) = frames();
    let [a, b, c] = [honest[0], honest[1], honest[2]];
    let item = |entries: &[(u32, u32)]| {
        let packed = [&frames[..], &table(entries)].concat();
        unpack_item(&packed, data.len(), &whole).map(|out| out == data).map_err(|error| error.kind())
    };
    for told in [&[a, b, c][..], &[(a.0 + b.0, a.1 + b.1), c], &[a, (0, 0), b, c, (0, 0)]] {
        assert_eq!(item(told), Ok(true), "{told:?}");
    }
    for lie in
        [&[(a.0, b.1), (b.0, a.1), c][..], &[(a.0, a.1 + 1), b, c], &[(a.0 + 1, a.1), (b.0 - 1, b.1), c]]
    {
        assert_eq!(item(lie), Err(ErrorKind::Truncated), "{lie:?}");
    }
}

/// What was written whole can be told from what ends between two frames.
#[test]
fn complete() {
    let data = noise(100_000);
    let whole = Options { complete: true, ..Options::default() };
    let single = Options { single_frame: true, ..whole };
    let large = noise(9 << 20);
    for (options, data) in [
        (whole, &data[..]),
        (whole, &[]),
        (Options { frame_size: 10_000, ..whole }, &data),
        (single, &data),
        (single, &[]),
        (single, &large),
    ] {
        let packed = compress_to_vec(data, &options).unwrap();
        assert!(packed.len() <= compress_bound(data.len(), &options).unwrap());
        assert!(decompress_to_vec(&packed, &whole).unwrap() == data);
        assert_eq!(Archive::new(&packed, &whole).unwrap().size(), data.len() as u64);
        // Where it only just fits.
        let mut out = vec![MaybeUninit::new(0); packed.len()];
        assert_eq!(compress(data, &mut out, &options), Ok(packed.len()));
        assert!(compress(data, &mut out[1..], &options).is_err());
        let table = SeekTable::find(&packed).unwrap();
        let frames = &packed[..table.offset()];
        let two = [frames, &packed].concat();
        for cut in [frames, &two, &[]] {
            let kind = |result: Result<_, Error>| result.err().map(|error| error.kind());
            assert_eq!(kind(decompress_to_vec(cut, &whole).map(drop)), Some(ErrorKind::Truncated));
            assert_eq!(kind(Archive::new(cut, &whole).map(drop)), Some(ErrorKind::Truncated));
            let mut dst = vec![MaybeUninit::new(0); 2 * data.len()];
            let mut items = [BatchItem { src: cut, dst: &mut dst, result: None }];
            decompress_batch(&mut items, &whole).unwrap();
            assert_eq!(kind(items[0].result.take().unwrap().map(drop)), Some(ErrorKind::Truncated));
        }
    }
    // A table that covers all, and tells other frames.
    let (frames, honest, data) = frames();
    let lie = [(honest[0].0 + 1, honest[0].1), (honest[1].0 - 1, honest[1].1), honest[2]];
    let packed = [&frames[..], &table(&lie)].concat();
    assert_unpacks(&packed, &data);
    assert_eq!(decompress_to_vec(&packed, &whole).unwrap_err().kind(), ErrorKind::Truncated);
    let contradiction = Options { seek_table: false, ..whole };
    assert_eq!(compress_to_vec(&data, &contradiction).unwrap_err().kind(), ErrorKind::InvalidArgument);
    let honest = [&frames[..], &table(&honest)].concat();
    assert!(decompress_to_vec(&honest, &contradiction).unwrap() == data);
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
