//! Seek tables for frames that were written elsewhere.

use crate::common::{noise, records};
use crate::support::seekable::with_checksums;
use fastpar::codec::{compress_to_vec, seek_table_write, Options, SeekTable};
use fastpar::ffi::*;
use fastpar::{Error, ErrorKind};
use std::mem::MaybeUninit;

/// The function of C, with arrays that may begin anywhere: the table, or the status and the position.
fn written(entries: &[(u64, u64)], checksums: Option<&[u32]>) -> Result<Vec<u8>, (fastpar_status, u64)> {
    let numbers = |numbers: &mut dyn Iterator<Item = u64>| {
        [0].into_iter().chain(numbers.flat_map(u64::to_ne_bytes)).collect::<Vec<u8>>()
    };
    let sizes = numbers(&mut entries.iter().map(|entry| entry.0));
    let contents = numbers(&mut entries.iter().map(|entry| entry.1));
    let sums: Vec<u8> = [0]
        .into_iter()
        .chain(checksums.unwrap_or_default().iter().flat_map(|sum| sum.to_ne_bytes()))
        .collect();
    let mut out = vec![0xa5; 8 + 12 * entries.len() + 9 + 5];
    let mut len = 7;
    let mut error =
        fastpar_error { status: 0, code: 0, position: 0, message: [0; FASTPAR_ERROR_MESSAGE_SIZE] };
    // SAFETY: live buffers; pointers into their second bytes.
    let status = unsafe {
        fastpar_seek_table_write(
            sizes.as_ptr().add(1).cast(),
            contents.as_ptr().add(1).cast(),
            checksums.map_or(std::ptr::null(), |_| sums.as_ptr().add(1).cast()),
            entries.len(),
            out.as_mut_ptr().cast(),
            out.len(),
            &mut len,
            &mut error,
        )
    };
    if status != FASTPAR_OK {
        assert_eq!(len, 0);
        return Err((status, error.position));
    }
    assert!(out.drain(len..).all(|byte| byte == 0xa5), "bytes behind the table");
    Ok(out)
}

/// The table for parts that were written elsewhere is what the writers of frames make.
#[test]
fn tables_for_parts() {
    let data = records(100_000);
    let packed = compress_to_vec(&data, &Options { frame_size: 9_000, ..Options::default() }).unwrap();
    let found = SeekTable::find(&packed).unwrap();
    let entries: Vec<_> = found.entries().map(|(size, content)| (size.into(), content.into())).collect();
    assert!(written(&entries, None).unwrap() == packed[found.offset()..]);
    let (a, b) = (noise(5_000), noise(70));
    let (frames, table) = with_checksums(&[&a, &[], &b], false);
    let whole = [&frames[..], &table].concat();
    let found = SeekTable::find(&whole).unwrap();
    let entries: Vec<_> = found.entries().map(|(size, content)| (size.into(), content.into())).collect();
    let sums: Vec<_> = table[8..table.len() - 9]
        .chunks_exact(12)
        .map(|entry| u32::from_le_bytes(entry[8..].try_into().unwrap()))
        .collect();
    assert!(written(&entries, Some(&sums)).unwrap() == table);
    assert_eq!(SeekTable::find(&written(&[], None).unwrap()).map(|table| table.len()), Some(0));
    let most = u64::from(u32::MAX);
    assert_eq!(written(&[(most, most)], None).map(|table| table.len()), Ok(25));
    for (large, at) in
        [([(1, 1), (most + 1, 1)], 1), ([(1, most + 1), (1, 1)], 0), ([(u64::MAX, 0), (1, 1)], 0)]
    {
        assert_eq!(written(&large, None), Err((FASTPAR_ERR_LIMIT_EXCEEDED, at)));
    }
}

/// More frames than the format has.
#[test]
fn tables_have_a_limit() {
    let mut dst = [MaybeUninit::uninit(); 17];
    let entries = |frames| (0..frames).map(|_| (1, 1));
    let kind = |result: Result<usize, Error>| result.unwrap_err().kind();
    let none = None::<std::iter::Empty<u32>>;
    assert_eq!(kind(seek_table_write(entries(0x800_0001), none.clone(), &mut dst)), ErrorKind::LimitExceeded);
    let error = seek_table_write(entries(0x800_0000), none, &mut dst).unwrap_err();
    assert_eq!((error.kind(), error.needed()), (ErrorKind::BufferTooSmall, Some(17 + 8 * 0x800_0000)));
}
