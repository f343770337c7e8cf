//! What is compressed comes back, whatever it is and whatever the options.

use crate::common::{assert_unpacks, noise, pack, records, reference};
use fastpar::codec::{level_range, Frames, Options, SeekTable};
use proptest::prelude::*;

#[test]
fn sizes_from_nothing_up() {
    let data = records(1 << 20);
    for len in
        (0..40).chain([63, 64, 127, 128, 255, 256, 257, 1000, 65_791, 65_792, 131_072, 131_073, 1 << 20])
    {
        assert_unpacks(&pack(&data[..len], &Options::default()), &data[..len]);
    }
}

#[test]
fn every_level() {
    let data = records(300_000);
    let levels = [*level_range().start(), -1000, -100, -7, -1].into_iter().chain(0..=22);
    for level in levels {
        let options = Options { level, frame_size: 100_000, ..Options::default() };
        assert_unpacks(&pack(&data, &options), &data);
    }
}

/// Long enough for frames that are compressed in steps.
#[test]
fn slow_levels_in_steps() {
    let data = records(5 << 20);
    for (level, single_frame) in [(12, true), (13, false), (19, true)] {
        let options = Options { level, single_frame, ..Options::default() };
        let packed = pack(&data, &options);
        assert_unpacks(&packed, &data);
        let whole = reference(&data, level, true).len();
        let most = if single_frame { whole + whole / 500 } else { whole + whole / 10 };
        assert!(packed.len() <= most, "level {level}: {} bytes, libzstd's own {whole}", packed.len());
    }
}

#[test]
fn all_kinds_of_data() {
    let len = 3 << 20;
    for (name, data) in [
        ("noise", noise(len)),
        ("constant", vec![7; len]),
        ("records", records(len)),
        ("noise and constant", [noise(len), vec![0; len], noise(len)].concat()),
    ] {
        for frame_size in [0, 1 << 20, 1_000_003, 77_777, len] {
            let options = Options { frame_size, ..Options::default() };
            let packed = pack(&data, &options);
            assert_unpacks(&packed, &data);
            assert!(packed.len() <= data.len() + data.len() / 200 + 100, "{name}: {}", packed.len());
        }
    }
}

#[test]
fn many_tiny_frames() {
    let data = records(200_000);
    let packed = pack(&data, &Options { frame_size: 16, ..Options::default() });
    assert_eq!(SeekTable::find(&packed).unwrap().len(), data.len() / 16);
    assert_unpacks(&packed, &data);
}

#[test]
fn options_that_change_the_frames() {
    let data = records(2 << 20);
    let base = Options { frame_size: 300_000, ..Options::default() };
    let frames = |packed: &[u8]| Frames::new(packed).map(|frame| frame.unwrap()).collect::<Vec<_>>();

    let packed = pack(&data, &base);
    assert_eq!(frames(&packed).len(), 8); // seven and the table
    assert!(frames(&packed)[..7].iter().all(|frame| frame.checksum && frame.content_size.is_some()));

    let packed = pack(&data, &Options { checksum: false, ..base });
    assert!(frames(&packed).iter().all(|frame| !frame.checksum));
    assert_unpacks(&packed, &data);

    let packed = pack(&data, &Options { seek_table: false, ..base });
    assert_eq!(frames(&packed).len(), 7);
    assert!(SeekTable::find(&packed).is_none());
    assert_unpacks(&packed, &data);

    let packed = pack(&data, &Options { single_frame: true, ..Options::default() });
    assert_eq!(frames(&packed).len(), 1);
    assert_unpacks(&packed, &data);

    let packed = pack(&data, &Options { window_log: 12, ..base });
    assert!(frames(&packed)[..7].iter().all(|frame| frame.window <= 1 << 12));
    assert_unpacks(&packed, &data);
}

/// A repetition at a distance that the level's own window does not reach.
#[test]
fn long_windows_find_distant_repetitions() {
    let data = [noise(5 << 20), noise(5 << 20)].concat();
    let size = |window_log| {
        let packed = pack(&data, &Options { single_frame: true, window_log, ..Options::default() });
        assert_unpacks(&packed, &data);
        packed.len()
    };
    assert!(size(0) > 10 << 20);
    assert!(size(27) < 6 << 20);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_data_and_any_options(
        parts in prop::collection::vec((0usize..4, 1usize..60_000), 0..8),
        level in -5i32..9,
        frame_size in prop_oneof![Just(0usize), 1_000usize..200_000],
        window_log in prop_oneof![Just(0u32), 10u32..24],
        checksum in any::<bool>(),
        seek_table in any::<bool>(),
    ) {
        let mut data = Vec::new();
        for (kind, len) in parts {
            match kind {
                0 => data.extend(noise(len)),
                1 => data.extend(records(len)),
                2 => data.resize(data.len() + len, 0),
                _ => data.extend_from_within(..len.min(data.len())),
            }
        }
        let options = Options { level, frame_size, window_log, checksum, seek_table, ..Options::default() };
        assert_unpacks(&pack(&data, &options), &data);
    }
}
