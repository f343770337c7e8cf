//! Limits of readers, and data that asks for too much.

use crate::common::{assert_kind, noise, pack, records, sized_frame, unpack, unsized_frame};
use fastpar::codec::{Dict, Options, Reader};
use fastpar::ErrorKind;
use std::io::{Read, Write};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

#[test]
fn max_output() {
    let data = records(1 << 20);
    for packed in [
        pack(&data, &Options { frame_size: 100_000, ..Options::default() }),
        unsized_frame(&data, 3),
        sized_frame(&data, 3),
    ] {
        let len = data.len() as u64;
        let (out, end) = unpack(&packed, &Options { max_output: len, ..Options::default() });
        assert_eq!(end, Ok(()));
        assert!(out == data);
        let (out, end) = unpack(&packed, &Options { max_output: len - 1, ..Options::default() });
        assert_kind(end, ErrorKind::LimitExceeded);
        assert!(out.len() < data.len() && data.starts_with(&out));
    }
}

/// A frame with a window, of a size that it does not tell, as `zstd --long` writes from a pipe.
fn with_window(data: &[u8], log: u32) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(log).unwrap();
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn windows() {
    let data = records(100_000);
    let packed = [sized_frame(&data, 3), with_window(&data, 28)].concat();
    let (out, end) = unpack(&packed, &Options::default());
    let error = assert_kind(end, ErrorKind::LimitExceeded);
    assert!(out == data);
    assert_eq!(error.needed(), Some(1 << 28));
    let (out, end) = unpack(&packed, &Options { window_log: 28, ..Options::default() });
    assert_eq!((end, out.len()), (Ok(()), 200_000));
    assert_kind(
        unpack(&packed, &Options { window_log: 16, ..Options::default() }).1,
        ErrorKind::LimitExceeded,
    );
}

/// A long frame whose window does not fit into the memory; one that is kept whole needs none.
#[test]
fn windows_and_memory() {
    let data = noise(20 << 20);
    let packed = with_window(&data, 24);
    let options = Options { max_memory: 10 << 20, ..Options::default() };
    let error = assert_kind(unpack(&packed, &options).1, ErrorKind::LimitExceeded);
    let enough = error.needed().unwrap();
    assert!(enough > 16 << 20 && enough < 32 << 20, "{enough}");
    let options = Options { max_memory: enough, ..options };
    let mut reader = Reader::new(&packed[..], &options).unwrap();
    let mut out = Vec::new();
    Read::read_to_end(&mut reader, &mut out).unwrap();
    assert!(out == data);
    assert!(reader.peak_memory() <= options.max_memory, "{}", reader.peak_memory());
    let short = with_window(&data[..100_000], 24);
    assert_eq!(unpack(&short, &Options { max_memory: 4 << 20, ..options }).1, Ok(()));
    assert_kind(Reader::new(&[][..], &Options { max_memory: 1000, ..options }), ErrorKind::LimitExceeded);
}

/// Headers that claim much cost nothing.
#[test]
fn claims() {
    let magic = 0xfd2f_b528_u32.to_le_bytes();
    // 2^60 bytes in a single segment, and one small block.
    let claim = [&magic[..], &[0xe0], &(1u64 << 60).to_le_bytes(), &[0x09, 0, 0, 7]].concat();
    // A window of more than a terabyte.
    let window = [&magic[..], &[0x00, 0xff], &[0x09, 0, 0, 7]].concat();
    for (bad, kinds) in [
        (&claim, [ErrorKind::Corrupt, ErrorKind::LimitExceeded]),
        (&window, [ErrorKind::LimitExceeded, ErrorKind::LimitExceeded]),
    ] {
        let mut reader = Reader::new(&bad[..], &Options::default()).unwrap();
        let error = reader.read(&mut [0; 10]).unwrap_err();
        assert!(kinds.contains(&error.kind()), "{error}");
        assert!(reader.peak_memory() < 2 << 20);
    }
    // 128 KiB in four bytes, many times over, each a frame of its own: 400 MB in 50 KB.
    let frame = [&magic[..], &[0x40, 0x38, 0x00, 0x00], &[0x03, 0x00, 0x10, 7]].concat();
    assert!(unpack(&frame, &Options::default()).1.is_err(), "the size is wrong on purpose");
    let rle = zstd::bulk::compress(&vec![7; 128 << 10], 3).unwrap();
    let many = rle.repeat(3000);
    let mut reader = Reader::new(&many[..], &Options { max_memory: 8 << 20, ..Options::default() }).unwrap();
    let total = std::io::copy(&mut reader, &mut std::io::sink()).unwrap();
    assert_eq!(total, 3000 * (128 << 10));
    assert!(reader.peak_memory() <= 8 << 20, "{}", reader.peak_memory());
}

#[test]
fn dictionaries() {
    let dict = Dict::new(&records(50_000), 0).unwrap();
    let data = records(3 << 20);
    for single_frame in [false, true] {
        let frame_size = if single_frame { 0 } else { 100_000 };
        let options = Options { dict: Some(&dict), single_frame, frame_size, ..Options::default() };
        let packed = pack(&data, &options);
        for max_memory in [0, 6 << 20] {
            let (out, end) = unpack(&packed, &Options { max_memory, ..options });
            assert_eq!(end, Ok(()));
            assert!(out == data);
        }
        assert!(unpack(&packed, &Options::default()).1.is_err());
    }
}

#[test]
fn cancelled() {
    let packed = pack(&records(2 << 20), &Options { frame_size: 10_000, ..Options::default() });
    let flag = AtomicI32::new(0);
    let options = Options { cancel: Some(&flag), ..Options::default() };
    let mut reader = Reader::new(&packed[..], &options).unwrap();
    let mut buffer = vec![0; 1 << 20];
    assert!(reader.read(&mut buffer).unwrap() > 0);
    flag.store(1, Ordering::Relaxed);
    let error = loop {
        match reader.read(&mut buffer) {
            Ok(len) => assert!(len > 0),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Cancelled);

    let report = |_, _| ControlFlow::Break(());
    let mut reader = Reader::new(&packed[..], &Options { progress: Some(&report), ..options }).unwrap();
    flag.store(0, Ordering::Relaxed);
    std::thread::sleep(Duration::from_millis(60));
    assert_kind(reader.read(&mut buffer), ErrorKind::Cancelled);
}
