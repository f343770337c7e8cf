//! Checksums that a seek table tells of frames without their own, as zstd's seekable writer makes them: files
//! and streams compare them when the table comes.

use crate::common::{noise, skippable, unpack, unpack_from, unsized_frame, Dribble};
use crate::files::Place;
use crate::support::seekable::{entry, table, with_checksums};
use fastpar::codec::{decompress_file, decompress_to_vec, Archive, Options};
use fastpar::{Error, ErrorKind, Result};
use std::fs;
use std::io::Write;

fn checking() -> Options<'static> {
    Options { check_table: true, ..Options::default() }
}

/// What a file decompresses to, and how that ends.
fn file(packed: &[u8], options: &Options<'_>) -> (Option<Vec<u8>>, Result<()>) {
    let place = Place::new(&[]);
    fs::write(&place.output, packed).unwrap();
    let end = decompress_file(&place.output, &place.back, options).map(drop);
    (fs::read(&place.back).ok(), end)
}

fn told(end: Result<()>) -> Option<(ErrorKind, Option<u64>)> {
    end.err().map(|error: Error| (error.kind(), error.position()))
}

/// A frame without a checksum, and without its size.
fn bare(data: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn damage_that_only_the_table_tells() {
    let parts = [noise(50_000), noise(300_000), Vec::new(), noise(10), noise(10)];
    let parts: Vec<_> = parts.iter().map(Vec::as_slice).collect();
    let data = parts.concat();
    for own in [false, true] {
        let (frames, table) = with_checksums(&parts, own);
        let good = [&frames[..], &table].concat();
        let mut damaged = good.clone();
        let second = with_checksums(&parts[..1], own).0.len();
        damaged[second + 60_000] ^= 1; // stored as it is
        let expected = Some((ErrorKind::Checksum, Some(second as u64)));
        for steps in [vec![usize::MAX], vec![1000, 70_000]] {
            let through = |data, options: &Options<'_>| {
                unpack_from(Dribble { data, steps: steps.clone(), turn: 0 }, options, 100_000)
            };
            assert_eq!(through(&good, &checking()), (data.clone(), Ok(())));
            let (out, end) = through(&damaged, &checking());
            assert_eq!(told(end), expected);
            // All content comes first where only the table tells.
            let least = if own { 50_000 } else { data.len() };
            assert!(out.len() >= least && out[..50_000] == data[..50_000]);
            let complete = Options { complete: true, ..Options::default() };
            assert_eq!(told(through(&damaged, &complete).1), expected);
            // A stream that was not told cannot know.
            assert_eq!(told(through(&damaged, &Options::default()).1), expected.filter(|_| own));
        }
        assert_eq!(file(&good, &Options::default()), (Some(data.clone()), Ok(())));
        let (out, end) = file(&damaged, &Options::default());
        assert_eq!((out, told(end)), (None, expected));
        // A table that tells another checksum.
        let mut wrong = good;
        wrong[frames.len() + 8 + 3 * 12 + 8] ^= 1;
        let fourth = frames.len() - 2 * (with_checksums(&parts[3..4], own).0.len());
        let expected = Some((ErrorKind::Checksum, Some(fourth as u64))).filter(|_| !own);
        assert_eq!(told(unpack(&wrong, &checking()).1), expected);
        assert_eq!(told(file(&wrong, &Options::default()).1), expected);
    }
}

/// Large frames, which are decoded in parts; by libzstd, too.
#[test]
fn large_frames() {
    let (small, large) = (noise(1000), noise(9 << 20));
    let frames = [bare(&large), bare(&small), bare(&large)];
    let contents = [&large[..], &small, &large];
    let entries: Vec<_> = frames.iter().zip(contents).map(|(frame, content)| entry(frame, content)).collect();
    let good = [&frames.concat()[..], &table(&entries)].concat();
    let mut damaged = good.clone();
    let third = frames[0].len() + frames[1].len();
    damaged[third + 5_000_000] ^= 1;
    for max_lanes in [0, 1] {
        let options = Options { max_lanes, ..checking() };
        assert!(unpack(&good, &options) == (contents.concat(), Ok(())));
        assert_eq!(told(unpack(&damaged, &options).1), Some((ErrorKind::Checksum, Some(third as u64))));
        let options = Options { max_lanes, ..Options::default() };
        assert_eq!(told(file(&good, &options).1), None);
        assert_eq!(told(file(&damaged, &options).1), Some((ErrorKind::Checksum, Some(third as u64))));
    }
}

/// A table is a hint: where it tells other frames nothing is compared, unless it has to be a true one.
#[test]
fn tables_that_tell_other_frames() {
    let (a, b) = (noise(5000), noise(7000));
    let frames = [bare(&a), bare(&b)];
    let [first, second] = [entry(&frames[0], &a), entry(&frames[1], &b)];
    let longer = {
        let (mut one, mut other) = (first.clone(), second.clone());
        one[0] ^= 1;
        let less = u32::from_le_bytes(*first.first_chunk().unwrap()) & 1 == 0;
        let len = frames[1].len() as u32;
        other[..4].copy_from_slice(&if less { len - 1 } else { len + 1 }.to_le_bytes());
        vec![one, other]
    };
    let joined = [frames.concat(), [&a[..], &b].concat()];
    let lies =
        [longer, vec![entry(&joined[0], &joined[1])], vec![first.clone(), second.clone(), vec![0; 12]]];
    let complete = Options { complete: true, ..Options::default() };
    for lie in lies {
        let packed = [&joined[0][..], &table(&lie)].concat();
        assert_eq!(unpack(&packed, &checking()), (joined[1].clone(), Ok(())));
        assert_eq!(file(&packed, &Options::default()).1, Ok(()));
        assert_eq!(told(unpack(&packed, &complete).1).map(|told| told.0), Some(ErrorKind::Truncated));
        // The last table counts.
        let mut entries = vec![first.clone(), second.clone(), entry(&table(&lie), &[])];
        entries[2][8..].fill(7);
        let packed = [&packed[..], &table(&entries)].concat();
        assert_eq!(unpack(&packed, &complete), (joined[1].clone(), Ok(())));
    }
}

/// What an archive holds.
fn archive(packed: &[u8], options: &Options<'_>) -> Result<Vec<u8>> {
    let archive = Archive::new(packed, options)?;
    let mut content = Vec::with_capacity(archive.size() as usize);
    let read = archive.read(0, content.spare_capacity_mut())?;
    // SAFETY: so many bytes were written.
    unsafe { content.set_len(read) };
    Ok(content)
}

/// However it is read, a table that lies gives nothing else than the content; and where it has to be true it
/// is refused, by all alike.
#[test]
fn hostile_tables_of_frames_that_tell_no_size() {
    let (a, b) = (noise(5000), noise(7000));
    let content = [&a[..], &b].concat();
    let told = |compressed: usize, size: usize, of: &[u8]| -> Vec<u8> {
        let sizes = [compressed as u32, size as u32].into_iter().flat_map(u32::to_le_bytes);
        sizes.chain(entry(&[], of)[8..].iter().copied()).collect()
    };
    for silent in [true, false] {
        let frames = match silent {
            true => [bare(&a), bare(&b)],
            false => [&a, &b].map(|part| with_checksums(&[&part[..]], false).0),
        };
        let joined = frames.concat();
        let (first, second) = (entry(&frames[0], &a), entry(&frames[1], &b));
        let nothing = vec![0; 12];
        let lies = [
            vec![entry(&joined, &content)],                       // two frames in an entry
            vec![first.clone(), second.clone(), nothing.clone()], // and none in one
            vec![nothing.clone(), first.clone(), second.clone()],
            vec![first.clone(), nothing, second.clone()],
            vec![told(joined.len(), a.len(), &a), told(0, b.len(), &b)],
        ];
        for (number, lie) in lies.iter().enumerate() {
            let packed = [&joined[..], &table(lie)].concat();
            for complete in [false, true] {
                let options = Options { complete, ..checking() };
                let memory = decompress_to_vec(&packed, &options);
                let (out, end) = unpack(&packed, &options);
                let (file, file_end) = file(&packed, &options);
                let archived = archive(&packed, &options);
                let what = format!("lie {number}, silent {silent}, complete {complete}");
                if complete {
                    let kinds = [memory.err(), end.err(), file_end.err(), archived.err()];
                    let kinds = kinds.map(|error| error.map(|error| error.kind()));
                    assert_eq!(kinds, [Some(ErrorKind::Truncated); 4], "{what}");
                    continue;
                }
                assert_eq!(memory, Ok(content.clone()), "{what}");
                assert_eq!((out, end), (content.clone(), Ok(())), "{what}");
                assert_eq!((file, file_end), (Some(content.clone()), Ok(())), "{what}");
                // An archive takes the sizes of silent frames from the table until it reads them.
                match archived {
                    Ok(archived) => assert!(archived == content, "{what}"),
                    Err(error) => assert!(silent && error.kind() == ErrorKind::Corrupt, "{what}: {error:?}"),
                }
            }
        }
    }
}

/// Skippable frames have entries, too: short ones, and those that are thrown away as they come.
#[test]
fn skippable_frames() {
    let content = noise(5000);
    for lens in [vec![10], vec![300_000], vec![300_000, 10], vec![300_000, 400_000]] {
        let frame = bare(&content);
        let between: Vec<_> = lens.iter().map(|&len| skippable(len)).collect();
        let mut entries = vec![entry(&frame, &content)];
        entries.extend(between.iter().map(|skipped| entry(skipped, &[])));
        entries.push(entry(&frame, &content));
        let good = [&frame[..], &between.concat(), &frame, &table(&entries)].concat();
        assert_eq!(told(unpack(&good, &checking()).1), None);
        let last = frame.len() + between.concat().len();
        let mut damaged = good.clone();
        damaged[last + 1000] ^= 1;
        // Of several that were thrown away one after the other only the sum is known.
        let expected = Some((ErrorKind::Checksum, Some(last as u64))).filter(|_| lens[1..] != [400_000]);
        assert_eq!(told(unpack(&damaged, &checking()).1), expected, "{lens:?}");
    }
}

/// More frames than memory is there for are not compared.
#[test]
fn many_frames_in_little_memory() {
    let frame = unsized_frame(b"one of many", 1);
    let count = 60_000;
    let frames = frame.repeat(count);
    let mut entries = vec![entry(&frame, b"one of many"); count];
    let good = [&frames[..], &table(&entries)].concat();
    for max_memory in [0, 2 << 20] {
        let options = Options { max_memory, ..checking() };
        assert_eq!(told(unpack(&good, &options).1), None);
    }
    // The frames have checksums of their own, which count.
    entries[7][8] ^= 1;
    assert_eq!(told(unpack(&[&frames[..], &table(&entries)].concat(), &checking()).1), None);
}
