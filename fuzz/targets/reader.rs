//! Data that a source gives in pieces of any size: a reader gives out what `decompress` decodes, and refuses
//! what it refuses.
#![no_main]

use fastpar::codec::{Options, Reader};
use fastpar::ErrorKind;
use fastpar_fuzz::{decode, start_pool, Choices, ROOM};
use std::io::{self, Read};

/// Gives pieces of the sizes that are chosen.
struct Pieces<'d> {
    data: &'d [u8],
    sizes: Choices<'d>,
}

impl Read for Pieces<'_> {
    fn read(&mut self, place: &mut [u8]) -> io::Result<usize> {
        let size = match self.sizes.byte() {
            0 => place.len(),
            size => usize::from(size),
        };
        let size = size.min(place.len()).min(self.data.len());
        let (now, later) = self.data.split_at(size);
        place[..size].copy_from_slice(now);
        self.data = later;
        Ok(size)
    }
}

/// All that a reader gives out, in steps, and how it ends.
fn read_all<R: Read + Send>(
    reader: &mut Reader<'_, R>,
    step: usize,
) -> (Vec<u8>, Result<(), fastpar::Error>) {
    let (mut read, mut place) = (Vec::new(), vec![0; step]);
    loop {
        match reader.read(&mut place) {
            Ok(0) => return (read, Ok(())),
            Ok(len) => read.extend(&place[..len]),
            Err(error) => return (read, Err(error)),
        }
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    start_pool();
    let mut choices = Choices(data);
    let count = choices.below(40);
    let sizes = Choices(choices.bytes(count));
    let max_lanes = u32::from(choices.byte() % 4);
    let max_memory = if choices.byte() % 4 == 0 { 4 << 20 } else { 0 };
    let step = 1 + choices.below(70_000);
    let data = choices.0;

    let options = Options { max_output: ROOM as u64, max_lanes, max_memory, ..Options::default() };
    let whole = decode(data, &options, ROOM);
    let mut reader = match Reader::new(Pieces { data, sizes }, &options) {
        Ok(reader) => reader,
        Err(error) => panic!("does not open: {error:?}"),
    };
    let (read, result) = read_all(&mut reader, step);
    assert!(read.len() <= ROOM, "max_output is not kept");
    match (&whole, &result) {
        (Ok(whole), Ok(())) => {
            assert!(*whole == read, "other bytes");
            if whole.len() > 1 {
                // The limit is kept to the byte.
                let options = Options { max_output: whole.len() as u64 - 1, ..options };
                let result = read_all(&mut Reader::new(data, &options).expect("opens"), step).1;
                assert_eq!(result.map_err(|error| error.kind()), Err(ErrorKind::LimitExceeded));
            }
        }
        (Ok(whole), Err(error)) => {
            assert!(
                error.kind() == ErrorKind::LimitExceeded && max_memory != 0,
                "only the reader fails: {error:?}"
            );
            assert!(whole.starts_with(&read));
        }
        (Err(error), Ok(())) => {
            assert!(error.kind() == ErrorKind::LimitExceeded, "only the reader accepts: {error:?}");
        }
        (Err(_), Err(error)) => {
            assert!(!matches!(error.kind(), ErrorKind::Panic | ErrorKind::Internal), "{error:?}");
            // A reader that has failed is dead.
            assert_eq!(reader.read(&mut [0]).map_err(|error| error.kind()), Err(error.kind()));
        }
    }
});
