//! Archives: any range, from any thread, of any data; and what is not what it says.

use super::common::{compress, kind, text, trained, Random};
use fastpar::codec::{Archive, Dict, Frames, Options};
use fastpar::{Error, ErrorKind};
use std::io::Write;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicI32, Ordering};

pub(crate) fn read(archive: &Archive<'_>, offset: u64, len: usize) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::with_capacity(len);
    let written = archive.read(offset, &mut bytes.spare_capacity_mut()[..len])?;
    assert!(written <= len);
    // SAFETY: that many bytes are written.
    unsafe { bytes.set_len(written) };
    Ok(bytes)
}

pub(crate) fn frames_of(frame_size: usize) -> Options<'static> {
    Options { frame_size, ..Options::default() }
}

/// In memory and in a file: both are the same archive.
pub(crate) fn both(packed: &[u8], options: &Options<'_>, check: impl Fn(&Archive<'_>)) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(packed).unwrap();
    for archive in [Archive::new(packed, options), Archive::open(file.path(), options)] {
        check(&archive.unwrap());
    }
}

/// What opening both gives.
pub(crate) fn refusal(packed: &[u8], options: &Options<'_>) -> ErrorKind {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(packed).unwrap();
    let of_memory = kind(Archive::new(packed, options));
    assert_eq!(kind(Archive::open(file.path(), options)), of_memory);
    of_memory
}

/// Ranges that begin and end everywhere, the edges of frames above all.
pub(crate) fn ranges(total: usize, frame: usize, count: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut random = Random::new(total as u64 + frame as u64);
    (0..count).map(move |round| {
        let at = random.below(total + 2);
        let near = (at / frame * frame + random.below(3)).saturating_sub(1);
        let offset = if round % 3 == 0 { near } else { at };
        let len = match round % 4 {
            0 => random.below(100),
            1 => frame + random.below(3) - 1,
            2 => random.below(4 * frame),
            _ => random.below(total / 2 + 2),
        };
        (offset, len)
    })
}

pub(crate) fn check_ranges(archive: &Archive<'_>, data: &[u8], frame: usize, count: usize) {
    assert_eq!(archive.size(), data.len() as u64);
    assert!(read(archive, 0, data.len() + 10).unwrap() == data);
    for (offset, len) in ranges(data.len(), frame, count) {
        let start = offset.min(data.len());
        let expected = &data[start..data.len().min(start + len)];
        assert!(read(archive, offset as u64, len).unwrap() == expected, "{len} bytes at {offset}");
    }
}

#[test]
fn any_range_of_any_frames() {
    let data = text(3_000_000, 1);
    for frame_size in [1_000, 70_000, 500_000, 4_000_000] {
        let packed = compress(&data, &frames_of(frame_size));
        both(&packed, &Options::default(), |archive| {
            assert_eq!(archive.frames(), data.len().div_ceil(frame_size));
            check_ranges(archive, &data, frame_size, 150);
        });
    }
}

#[test]
fn without_a_seek_table() {
    let data = text(500_000, 2);
    let mut packed = b"\x5f\x2a\x4d\x18\x03\0\0\0abc".to_vec();
    for (i, part) in data.chunks(70_000).enumerate() {
        packed.extend(compress(
            part,
            &Options { single_frame: true, checksum: i % 2 == 0, ..Options::default() },
        ));
        packed.extend(compress(b"", &Options::default()));
        packed.extend(b"\x50\x2a\x4d\x18\0\0\0\0");
    }
    both(&packed, &Options::default(), |archive| {
        assert_eq!(archive.frames(), 16);
        check_ranges(archive, &data, 70_000, 100);
    });
}

#[test]
fn frames_that_do_not_tell_their_size() {
    let data = text(900_000, 3);
    let mut packed = Vec::new();
    for (i, part) in data.chunks(250_000).enumerate() {
        if i % 2 == 0 {
            packed.extend(zstd::stream::encode_all(part, 3).unwrap());
        } else {
            packed.extend(compress(part, &Options::default()));
        }
    }
    assert!(Frames::new(&packed).next().unwrap().unwrap().content_size.is_none());
    both(&packed, &Options::default(), |archive| check_ranges(archive, &data, 250_000, 60));
    assert_eq!(
        refusal(&packed, &Options { max_output: 100_000, ..Options::default() }),
        ErrorKind::LimitExceeded
    );
    let last = Frames::new(&packed).next().unwrap().unwrap().len;
    let mut damaged = packed.clone();
    damaged[last / 2] ^= 0x55;
    assert!(matches!(refusal(&damaged, &Options::default()), ErrorKind::Corrupt | ErrorKind::Checksum));
}

#[test]
fn small_archives() {
    both(b"", &Options::default(), |archive| {
        assert_eq!((archive.size(), archive.frames(), archive.frame(0)), (0, 0, None));
        assert_eq!(read(archive, 0, 10).unwrap(), b"");
    });
    both(b"\x50\x2a\x4d\x18\x01\0\0\0x", &Options::default(), |archive| assert_eq!(archive.frames(), 0));
    for data in [&b""[..], b"x"] {
        both(&compress(data, &Options::default()), &Options::default(), |archive| {
            assert_eq!((archive.size(), archive.frames()), (data.len() as u64, 1));
            assert_eq!(read(archive, 0, 10).unwrap(), data);
            assert_eq!(read(archive, u64::MAX, 10).unwrap(), b"");
        });
    }
}

#[test]
fn frames_are_where_it_says() {
    let data = text(100_000, 4);
    let packed = compress(&data, &frames_of(30_000));
    both(&packed, &Options::default(), |archive| {
        for index in 0..4 {
            let frame = archive.frame(index).unwrap();
            let place = &packed[frame.offset as usize..][..frame.size as usize];
            let content = &data[frame.content_offset as usize..][..frame.content_size as usize];
            assert_eq!(fastpar::codec::decompress_to_vec(place, &Options::default()).unwrap(), content);
        }
        assert_eq!(archive.frame(4), None);
        assert_eq!(archive.frame(u64::MAX), None);
    });
}

/// A frame that is too large to be kept: forwards, backwards, in several places, and as a whole.
#[test]
fn frames_too_large_to_be_kept() {
    let data = text(9_000_000, 5);
    for level in [1, 9] {
        let packed =
            compress(&data, &Options { single_frame: true, level, window_log: 20, ..Options::default() });
        let options = Options { max_memory: 5 << 20, ..Options::default() };
        both(&packed, &options, |archive| {
            for offset in (0..data.len()).step_by(100_000) {
                assert!(read(archive, offset as u64, 100_000).unwrap() == data[offset..offset + 100_000]);
            }
            for offset in [8_000_000, 100, 4_000_000, 8_100_000, 200, 4_100_000, 8_999_999] {
                let end = data.len().min(offset + 100_000);
                assert!(read(archive, offset as u64, 100_000).unwrap() == data[offset..end]);
            }
            check_ranges(archive, &data, 1_000_000, 12);
        });
        let tight = Options { max_memory: 1 << 20, ..Options::default() };
        let archive = Archive::new(&packed, &tight).unwrap();
        assert_eq!(kind(read(&archive, 5, 5)), ErrorKind::LimitExceeded);
        assert!(read(&archive, 0, data.len()).unwrap() == data);
    }
    // The end of such a frame is where its checksum is verified.
    let mut packed = compress(&data, &Options { single_frame: true, window_log: 20, ..Options::default() });
    *packed.last_mut().unwrap() ^= 1;
    let archive = Archive::new(&packed, &Options { max_memory: 5 << 20, ..Options::default() }).unwrap();
    assert!(read(&archive, 100, 1000).unwrap() == data[100..1100]);
    assert_eq!(kind(read(&archive, 8_999_000, 1000)), ErrorKind::Checksum);
    assert_eq!(kind(read(&archive, 0, 9_000_000)), ErrorKind::Checksum);
    assert_eq!(kind(read(&Archive::new(&packed, &Options::default()).unwrap(), 5, 5)), ErrorKind::Checksum);
}

/// Many threads in one frame that is too large to be kept: side by side, each through a part of its own, and
/// anywhere.
#[test]
fn many_threads_in_one_large_frame() {
    let mut data = text(3_000_000, 5);
    data.resize(70 << 20, 7);
    data.extend(text(2_000_000, 6));
    let packed = compress(&data, &Options { single_frame: true, level: 1, ..Options::default() });
    both(&packed, &Options::default(), |archive| {
        std::thread::scope(|scope| {
            for thread in 0..6 {
                let data = &data;
                scope.spawn(move || {
                    let part = data.len() / 6;
                    for offset in (thread * part..(thread + 1) * part).step_by(3_333_333) {
                        let len = (data.len() - offset).min(1_500_000);
                        assert!(read(archive, offset as u64, len).unwrap() == data[offset..offset + len]);
                    }
                    let mut random = Random::new(thread as u64);
                    for _ in 0..3 {
                        let offset = random.below(data.len());
                        let len = (data.len() - offset).min(100_000);
                        assert!(read(archive, offset as u64, len).unwrap() == data[offset..offset + len]);
                    }
                });
            }
        });
    });
    // Who finds damage ends, and those who wait for it find the damage themselves.
    let mut damaged = packed.clone();
    let middle = damaged.len() / 2;
    damaged[middle..middle + 8].fill(0xff);
    let archive = Archive::new(&damaged, &Options::default());
    let end = data.len() as u64;
    if let Ok(archive) = archive {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let archive = &archive;
                scope.spawn(move || assert!(read(archive, end - 1000, 1000).is_err()));
            }
        });
    }
}

#[test]
fn many_threads_at_once() {
    let data = text(6_000_000, 6);
    let packed = compress(&data, &frames_of(100_000));
    for max_memory in [0, 1 << 20, 300_000] {
        both(&packed, &Options { max_memory, ..Options::default() }, |archive| {
            std::thread::scope(|scope| {
                for thread in 0..8 {
                    let (archive, data) = (&archive, &data);
                    scope.spawn(move || {
                        let mut random = Random::new(thread);
                        for _ in 0..60 {
                            let offset = random.below(data.len());
                            let most = if random.below(8) == 0 { 1_000_000 } else { 65_536 };
                            let len = random.below(most);
                            let expected = &data[offset..data.len().min(offset + len)];
                            assert!(read(archive, offset as u64, len).unwrap() == expected);
                        }
                    });
                }
            });
        });
    }
}

#[test]
fn within_callbacks() {
    let data = text(2_000_000, 7);
    let packed = compress(&data, &frames_of(50_000));
    let archive = Archive::new(&packed, &Options::default()).unwrap();
    fastpar::job::for_each_chunk(Default::default(), data.len(), &Default::default(), |chunk| {
        assert!(
            read(&archive, chunk.begin as u64, chunk.end - chunk.begin).unwrap()
                == data[chunk.begin..chunk.end]
        );
        std::ops::ControlFlow::Continue(())
    })
    .unwrap();
}

/// The child of a fork reads on from the same file: no place in it is shared.
#[cfg(unix)]
#[test]
fn in_a_forked_child() {
    let data = text(2_000_000, 18);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&compress(&data, &frames_of(100_000))).unwrap();
    let archive = Archive::open(file.path(), &Options::default()).unwrap();
    assert!(read(&archive, 50, 300_000).unwrap() == data[50..300_050]);
    // SAFETY: the child only computes, and ends by `_exit`.
    let child = unsafe { libc::fork() };
    let good = (0..data.len()).step_by(130_000).all(|offset| {
        read(&archive, offset as u64, 250_000)
            .is_ok_and(|bytes| data[offset..].starts_with(&bytes) && !bytes.is_empty())
    });
    if child == 0 {
        // SAFETY: ends the child without running anything of the parent's.
        unsafe { libc::_exit(i32::from(!good)) }
    }
    let mut status = -1;
    // SAFETY: waits for the child that was made above.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert!(good && status == 0, "{status:#x}");
}

#[test]
fn dictionaries() {
    let content = trained(4096, 0);
    let dict = Dict::new(&content, 0).unwrap();
    let data = text(300_000, 8);
    let with = Options { dict: Some(&dict), ..Options::default() };
    for options in [Options { frame_size: 10_000, ..with }, Options { single_frame: true, ..with }] {
        let packed = compress(&data, &options);
        assert_eq!(refusal(&packed, &Options::default()), ErrorKind::Dictionary);
        both(&packed, &with, |archive| check_ranges(archive, &data, 10_000, 50));
        both(&packed, &Options { max_memory: 600_000, ..with }, |archive| {
            check_ranges(archive, &data, 10_000, 50)
        });
    }
}

#[test]
fn limits() {
    let data = text(1_000_000, 9);
    let packed = compress(&data, &frames_of(1_000));
    let limited = |max_output, max_memory| Options { max_output, max_memory, ..Options::default() };
    assert_eq!(refusal(&packed, &limited(999_999, 0)), ErrorKind::LimitExceeded);
    assert_eq!(refusal(&packed, &limited(0, 5_000)), ErrorKind::LimitExceeded);
    both(&packed, &limited(1_000_000, 0), |archive| check_ranges(archive, &data, 1000, 10));
    let long = compress(&data, &Options { single_frame: true, window_log: 19, ..Options::default() });
    assert!(Frames::new(&long).next().unwrap().unwrap().window == 1 << 19);
    let small = Options { window_log: 18, ..Options::default() };
    assert_eq!(refusal(&long, &small), ErrorKind::LimitExceeded);
    assert_eq!(refusal(&packed, &Options { level: 77, ..Options::default() }), ErrorKind::InvalidArgument);
}

#[test]
fn cancelled() {
    let data = text(1_000_000, 10);
    let packed = compress(&data, &frames_of(100_000));
    let flag = AtomicI32::new(0);
    let options = Options { cancel: Some(&flag), ..Options::default() };
    let archive = Archive::new(&packed, &options).unwrap();
    flag.store(1, Ordering::Relaxed);
    assert_eq!(kind(read(&archive, 5, 5)), ErrorKind::Cancelled);
    assert_eq!(kind(read(&archive, 0, 1_000_000)), ErrorKind::Cancelled);
    assert_eq!(kind(Archive::new(&packed, &options)), ErrorKind::Cancelled);
    flag.store(0, Ordering::Relaxed);
    check_ranges(&archive, &data, 100_000, 10);
}

#[test]
fn a_flag_of_one_read_stops_no_other() {
    let data = text(1_000_000, 10);
    let packed = compress(&data, &frames_of(100_000));
    let (of_archive, flag) = (AtomicI32::new(0), AtomicI32::new(0));
    let options = Options { cancel: Some(&of_archive), ..Options::default() };
    let archive = Archive::new(&packed, &options).unwrap();
    let with = |offset: u64, len: usize, flag: &AtomicI32| {
        let mut dst = vec![MaybeUninit::uninit(); len];
        archive.read_with(offset, &mut dst, 0, Some(flag))
    };
    for (offset, len) in [(5, 5), (0, 1_000_000), (150_000, 20), (300_000, 100_000), (7, 0)] {
        flag.store(1, Ordering::Relaxed);
        assert_eq!(kind(with(offset, len, &flag)), ErrorKind::Cancelled);
        assert_eq!(read(&archive, offset, len).unwrap(), data[offset as usize..][..len]);
        flag.store(0, Ordering::Relaxed);
        assert_eq!(with(offset, len, &flag).unwrap(), len);
        of_archive.store(1, Ordering::Relaxed);
        assert_eq!(kind(with(offset, len, &flag)), ErrorKind::Cancelled);
        of_archive.store(0, Ordering::Relaxed);
    }
    check_ranges(&archive, &data, 100_000, 10);
}
