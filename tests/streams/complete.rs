//! Streams and files that have to end with a seek table.

use crate::common::{noise, pack, pack_in, sized_frame, skippable, unpack, unpack_from, Dribble};
use crate::files::Place;
use fastpar::codec::{compress_file, decompress_file, decompress_to_vec, Options, Reader, SeekTable, Writer};
use fastpar::ErrorKind;
use std::fs;

fn whole() -> Options<'static> {
    Options { complete: true, ..Options::default() }
}

#[test]
fn what_writers_end_is_complete() {
    let data = noise(200_000);
    for options in [
        whole(),
        Options { frame_size: 17, ..whole() }, // a table of 94 KB, longer than frames to skip are kept
        Options { frame_size: 50_000, ..whole() },
        Options { single_frame: true, ..whole() },
    ] {
        for data in [&data[..], &[]] {
            let packed = pack_in(data, &options, 70_000);
            assert!(decompress_to_vec(&packed, &whole()).unwrap() == data);
            let table = SeekTable::find(&packed).unwrap();
            for step in [usize::MAX, 1000, 1] {
                if step == 1 && table.len() > 100 {
                    continue; // slow, and much the same
                }
                let source = Dribble { data: &packed, steps: vec![step], turn: 0 };
                let (out, end) = unpack_from(source, &whole(), 100_000);
                assert_eq!(end, Ok(()), "{step}");
                assert!(out == data);
            }
            // The content is given out first.
            let frames = &packed[..table.offset()];
            let other = skippable(5);
            let twice = [frames, &packed].concat();
            for packed in [frames, &twice, &[&packed[..], frames].concat(), &[&packed[..], &other].concat()] {
                let (out, end) = unpack(packed, &whole());
                assert_eq!(end.unwrap_err().kind(), ErrorKind::Truncated);
                assert!(out.starts_with(data));
                assert_eq!(unpack(packed, &Options::default()).1, Ok(()));
            }
        }
    }
    assert_eq!(unpack(&[], &whole()).1.unwrap_err().kind(), ErrorKind::Truncated);
    assert_eq!(unpack(&sized_frame(&data, 1), &whole()).1.unwrap_err().kind(), ErrorKind::Truncated);
    let contradiction = Options { seek_table: false, ..whole() };
    assert_eq!(Writer::new(Vec::new(), &contradiction).err().unwrap().kind(), ErrorKind::InvalidArgument);
    assert!(Reader::new(&[][..], &contradiction).is_ok());
}

#[test]
fn files() {
    let data = noise(300_000);
    let place = Place::new(&data);
    compress_file(&place.input, &place.output, &Options { single_frame: true, ..whole() }).unwrap();
    decompress_file(&place.output, &place.back, &whole()).unwrap();
    assert!(fs::read(&place.back).unwrap() == data);
    // Nothing appears of a source that is not complete.
    fs::remove_file(&place.back).unwrap();
    fs::write(&place.output, pack(&data, &Options { seek_table: false, ..Options::default() })).unwrap();
    let error = decompress_file(&place.output, &place.back, &whole()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Truncated);
    assert!(!place.back.exists());
}
