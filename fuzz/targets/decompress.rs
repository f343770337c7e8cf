//! What libzstd's one-shot function decodes fastpar decodes to the same bytes, and what it refuses fastpar
//! refuses.
//!
//! Two differences are meant. fastpar refuses windows over its limit, here 2 GiB, which libzstd does not need
//! for data this small. And it refuses blocks of one repeated byte that are longer than a block may be: so
//! does libzstd's streaming function, as the format says, but not the one-shot function.
#![no_main]

use fastpar::codec::Options;
use fastpar::ErrorKind;
use fastpar_fuzz::{decode, start_pool, ROOM};
use std::io::Read;
use zstd::zstd_safe;

/// Whether libzstd's streaming function takes it.
fn streams(data: &[u8]) -> bool {
    let decoder = zstd::stream::read::Decoder::new(data);
    decoder.is_ok_and(|decoder| decoder.take(2 * ROOM as u64).read_to_end(&mut Vec::new()).is_ok())
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    start_pool();
    let ours = decode(data, &Options { window_log: 31, ..Options::default() }, ROOM);
    let mut theirs = Vec::with_capacity(ROOM);
    let result = zstd_safe::decompress(&mut theirs, data);
    match (&ours, &result) {
        (Ok(ours), Ok(_)) => assert!(*ours == theirs, "other bytes"),
        (Err(error), Ok(_)) => {
            let meant = error.kind() == ErrorKind::LimitExceeded
                || error.kind() == ErrorKind::Corrupt && !streams(data);
            assert!(meant, "only fastpar refuses: {error:?}");
        }
        (Ok(_), Err(code)) => panic!("only libzstd refuses: {}", zstd_safe::get_error_name(*code)),
        (Err(error), Err(_)) => {
            let kind = error.kind();
            assert!(!matches!(kind, ErrorKind::Panic | ErrorKind::Internal), "{error:?}");
        }
    }
    if let (Ok(ours), Ok(size)) = (&ours, fastpar::codec::decompressed_size(data)) {
        assert_eq!(size, ours.len() as u64);
    }
    // A limit is kept, and a place that just fits is enough.
    if let Ok(ours) = &ours {
        let exact = decode(data, &Options { window_log: 31, ..Options::default() }, ours.len());
        assert!(exact.as_ref() == Ok(ours), "not in a place that fits: {exact:?}");
        if let Some(less) = ours.len().checked_sub(1).filter(|&less| less > 0) {
            let options = Options { window_log: 31, max_output: less as u64, ..Options::default() };
            assert_eq!(
                decode(data, &options, ROOM).map_err(|error| error.kind()),
                Err(ErrorKind::LimitExceeded)
            );
        }
    }
});
