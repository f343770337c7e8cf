//! The codec around libzstd, of which `libzstd` has a part: output slots, contexts, streams, archives.

use crate::SmallPool;
use fastpar::codec::{
    archive_for, archive_reduce, compress_batch, compress_to_vec, decompress, decompress_to_vec, Archive,
    BatchItem, Options, Piece, Reader, ScanOptions, Writer,
};
use fastpar::ErrorKind;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

const FRAME: usize = 1 << 10;

fn options() -> Options<'static> {
    Options { frame_size: FRAME, checksum: false, ..Options::default() }
}

fn sample(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 + at / 251) as u8).collect()
}

#[test]
fn from_memory_to_memory() {
    let _pool = SmallPool::start();
    let data = sample(2 * FRAME + 10);
    let packed = compress_to_vec(&data, &options()).unwrap();
    assert!(decompress_to_vec(&packed, &options()).unwrap() == data);
    let mut small = vec![MaybeUninit::uninit(); data.len() - 1];
    let error = decompress(&packed, &mut small, &options()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BufferTooSmall);
}

#[test]
fn streams() {
    let _pool = SmallPool::start();
    let data = sample(2 * FRAME + 10);
    let mut writer = Writer::new(Vec::new(), &options()).unwrap();
    data.chunks(1500).for_each(|part| writer.write(part).unwrap());
    writer.finish().unwrap();
    let packed = writer.into_inner();
    // The least: a reader fills its buffers with zeros, byte by byte where nothing is optimised.
    let options = Options { max_memory: 2 << 20, ..options() };
    let mut reader = Reader::new(&packed[..], &options).unwrap();
    let (mut back, mut part) = (Vec::<u8>::new(), [0; 1300]);
    loop {
        match reader.read(&mut part).unwrap() {
            0 => break,
            len => back.extend(&part[..len]),
        }
    }
    assert!(back == data);
}

/// Two threads read the same frames.
#[test]
fn archives() {
    let _pool = SmallPool::start();
    let data = sample(3 * FRAME);
    let packed = compress_to_vec(&data, &options()).unwrap();
    let archive = Archive::new(&packed, &options()).unwrap();
    let read = |offset: usize, len: usize| {
        let mut bytes = Vec::with_capacity(len);
        let written = archive.read(offset as u64, &mut bytes.spare_capacity_mut()[..len]).unwrap();
        // SAFETY: that many bytes are written.
        unsafe { bytes.set_len(written) };
        assert!(bytes == data[offset..offset + len]);
    };
    thread::scope(|scope| {
        scope.spawn(|| read(0, 2 * FRAME));
        read(FRAME - 5, FRAME + 20);
    });
}

#[test]
fn batches() {
    let _pool = SmallPool::start();
    let data = sample(600);
    let mut outputs = [[MaybeUninit::uninit(); 400]; 3];
    let items = data.chunks(200).zip(&mut outputs);
    let mut items: Vec<_> = items.map(|(src, dst)| BatchItem { src, dst, result: None }).collect();
    compress_batch(&mut items, &options()).unwrap();
    assert!(items.iter().all(|item| matches!(item.result, Some(Ok(200..=400)))));
}

/// Tasks of a few frames each, which cut records; pieces lie in memory that lanes keep.
#[test]
fn scans() {
    let _pool = SmallPool::start();
    let data = sample(FRAME).repeat(30);
    let options = Options { frame_size: 5 * FRAME, ..options() };
    let packed = compress_to_vec(&data, &options).unwrap();
    let archive = Archive::new(&packed, &options).unwrap();
    let whole = data.len() / 1000 * 1000;
    let scan = ScanOptions {
        record_size: 1000,
        piece_size: 7 * FRAME,
        size: whole as u64,
        ..ScanOptions::default()
    };
    let seen = AtomicUsize::new(0);
    archive_for(&archive, &scan, |piece| {
        assert!(*piece.data == data[piece.offset as usize..][..piece.data.len()]);
        assert_eq!(piece.data.len() % 1000, 0);
        seen.fetch_add(piece.data.len(), Relaxed);
        Ok(())
    })
    .unwrap();
    assert_eq!(seen.into_inner(), whole);
    let add = |piece: &Piece<'_>, sum: &mut usize| *sum += piece.data.len();
    assert_eq!(archive_reduce(&archive, &scan, 0, add, |into, from| *into += from), Ok(whole));
}
