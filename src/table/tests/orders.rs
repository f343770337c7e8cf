//! The order of rows, searching in it, and merging.

use super::*;
use crate::sort::{argsort, merge, sort, Format, Key};

fn numbers(places: &[MaybeUninit<u8>]) -> Vec<u64> {
    let bytes = masked_bits(places);
    bytes.chunks_exact(8).map(|bytes| u64::from_ne_bytes(bytes.try_into().unwrap())).collect()
}

/// The first field, a byte, as text.
fn as_text(records: &Records) -> Column<'_> {
    Column::new(records.field(), records.count, records.stride, KeyType::Bytes(1)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 192 }))]

    #[test]
    fn rows_in_order_are_those_of_a_sort(records in records(), descending: bool) {
        let (kind, offset) = records.fields[0];
        let format = Format::new(records.stride, &[Key { offset, kind, descending }]).unwrap();
        let mut places = vec![MaybeUninit::new(0); 8 * records.count];
        argsort(&records.bytes, &format, &mut places, &lanes(2)).unwrap();
        let order = numbers(&places);
        let mut seen = order.clone();
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..records.count as u64).collect::<Vec<_>>());
        let mut sorted = records.bytes.clone();
        sort(&mut sorted, &format, &lanes(1)).unwrap();
        let row = |row: &u64| records.bytes[*row as usize * records.stride..][..records.stride].to_vec();
        prop_assert_eq!(order.iter().flat_map(row).collect::<Vec<_>>(), sorted);
    }

    #[test]
    fn merged_records_are_those_of_a_stable_sort(records in records(), at in any::<prop::sample::Index>()) {
        let (kind, offset) = records.fields[0];
        let format = Format::new(records.stride, &[Key { offset, kind, descending: false }]).unwrap();
        let mut expected = records.bytes.clone();
        let middle = at.index(records.count + 1) * records.stride;
        let mut lists = records.bytes.clone();
        let (a, b) = lists.split_at_mut(middle);
        sort(a, &format, &lanes(1)).unwrap();
        sort(b, &format, &lanes(1)).unwrap();
        sort(&mut expected, &format, &lanes(1)).unwrap();
        let mut merged = vec![MaybeUninit::new(0); expected.len()];
        merge(a, b, &format, &mut merged, &lanes(3)).unwrap();
        prop_assert_eq!(masked_bits(&merged), expected);
    }

    #[test]
    fn values_are_found_where_a_loop_finds_them(records in records(), text: bool) {
        let (kind, offset) = records.fields[0];
        let format = Format::new(records.stride, &[Key { offset, kind, descending: false }]).unwrap();
        let mut sorted = Records { bytes: records.bytes.clone(), ..records.clone() };
        sort(&mut sorted.bytes, &format, &lanes(1)).unwrap();
        let (column, values) = if text && kind == KeyType::U8 {
            (as_text(&sorted), as_text(&records))
        } else {
            (sorted.column(0), records.column(0))
        };
        let less = |a: &[u8], b: &[u8]| match kind {
            KeyType::F32 | KeyType::F64 => total(kind, a) < total(kind, b),
            _ => number(kind, a) < number(kind, b),
        };
        for after in [false, true] {
            let mut places = vec![MaybeUninit::new(0); 8 * records.count];
            search(&column, &values, after, &mut places, &lanes(2)).unwrap();
            for (row, found) in numbers(&places).into_iter().enumerate() {
                let value = values.value(row);
                let before = |at: usize| less(column.value(at), value) || (after && !less(value, column.value(at)));
                let found = found as usize;
                prop_assert!(found == 0 || before(found - 1));
                prop_assert!(found == records.count || !before(found));
            }
        }
    }
}

/// A processor that makes a wider float of a signalling NaN makes it quiet.
#[test]
fn signalling_nans_are_others_than_quiet_ones() {
    let sorted = [0xffe0_0000u32, 0xffa0_0000, 0, 0x7f80_0001, 0x7fa0_0000, 0x7fc0_0001, 0x7fe0_0000];
    let bytes: Vec<u8> = sorted.iter().flat_map(|bits| bits.to_ne_bytes()).collect();
    let column = Column::new(&bytes, sorted.len(), 0, KeyType::F32).unwrap();
    for after in [false, true] {
        let mut places = vec![MaybeUninit::new(0); 8 * sorted.len()];
        search(&column, &column, after, &mut places, &lanes(1)).unwrap();
        let first = u64::from(after);
        assert_eq!(numbers(&places), (first..first + sorted.len() as u64).collect::<Vec<_>>());
    }
    let keys = [GroupKey { column: 0, bucket: None }];
    let groups = group(&[column], None, &keys, &[], 0, &lanes(1)).unwrap();
    assert!(groups.first_rows().eq(0..sorted.len() as u64));
    let found: Vec<u64> = groups.key(0).unwrap().map(|key| key.unwrap().number.to_bits()).collect();
    assert_eq!((found[3], found[5]), (0x7ff0_0000_2000_0000, 0x7ff8_0000_2000_0000));
}
