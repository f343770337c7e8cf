//! Aggregates, masks, selection and histograms.

use super::*;

type Logic = fn(bool, bool) -> bool;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 192 }))]

    #[test]
    fn aggregates_are_those_of_a_loop(records in records()) {
        let rows = records.picked();
        prop_assume!(!wide(&records, &rows));
        let asked = asked();
        let alone = ask(&records, 1, &asked).unwrap();
        let (values, weights) = (records.numbers(0), records.numbers(1));
        for (asked, found) in asked.iter().zip(&alone) {
            check(asked.operation, *found, &values, &weights)?;
        }
        prop_assert!(same(&alone, &ask(&records, 3, &asked).unwrap()));
    }

    #[test]
    fn masks_are_those_of_a_loop(records in records(), low in any::<prop::sample::Index>(), closed: bool) {
        let column = records.column(0);
        let kind = column.kind();
        let value = |at: usize| match records.count {
            0 => vec![0; kind.size()],
            count => records.bytes_of(0, at % count).to_vec(),
        };
        let (low, high) = (value(low.index(1 << 16)), value(closed as usize * 77));
        for comparison in [
            Comparison::Equal, Comparison::NotEqual, Comparison::Less, Comparison::LessEqual,
            Comparison::Greater, Comparison::GreaterEqual, Comparison::Between, Comparison::BetweenClosed,
        ] {
            let mut mask = vec![MaybeUninit::new(0x55); records.count.div_ceil(8)];
            compare(&column, comparison, &low, &high, &mut mask, &lanes(2)).unwrap();
            let mask = masked_bits(&mask);
            let (low, high) = (number(kind, &low), number(kind, &high));
            for row in 0..8 * mask.len() {
                let holds = row < records.count && {
                    let value = records.number(0, row);
                    match comparison {
                        Comparison::Equal => value == low,
                        Comparison::NotEqual => value != low,
                        Comparison::Less => value < low,
                        Comparison::LessEqual => value <= low,
                        Comparison::Greater => value > low,
                        Comparison::GreaterEqual => value >= low,
                        Comparison::Between => value >= low && value < high,
                        Comparison::BetweenClosed => value >= low && value <= high,
                    }
                };
                prop_assert_eq!(mask[row / 8] >> (row % 8) & 1 == 1, holds, "{:?} of row {}", comparison, row);
            }
        }
    }

    #[test]
    fn what_is_taken_is_what_the_mask_picks(records in records(), record: bool) {
        let whole = Column::new(&records.bytes, records.count, 0, KeyType::Bytes(records.stride)).unwrap();
        let column = if record { whole } else { records.column(0) };
        let mask = Mask::new(&records.mask, records.count).unwrap();
        let picked = Records { masked: true, ..records.clone() }.picked();
        prop_assert_eq!(mask.count(), picked.len());
        let expected: Vec<u8> = picked.iter().flat_map(|&row| column.value(row).to_vec()).collect();
        let mut out = vec![MaybeUninit::new(0); expected.len() + 3];
        prop_assert_eq!(take(&column, mask, &mut out, &lanes(2)).unwrap(), expected.len());
        prop_assert_eq!(&masked_bits(&out)[..expected.len()], &expected);
        let numbers: Vec<u64> = picked.iter().map(|&row| row as u64).collect();
        prop_assert_eq!(take_rows(&column, &numbers, &mut out, &lanes(2)).unwrap(), expected.len());
        prop_assert_eq!(&masked_bits(&out)[..expected.len()], &expected);
        if let Some(less) = expected.len().checked_sub(1) {
            let error = take(&column, mask, &mut out[..less], &lanes(2)).unwrap_err();
            prop_assert_eq!((error.kind(), error.needed()), (ErrorKind::BufferTooSmall, Some(expected.len() as u64)));
        }
    }

    #[test]
    fn masks_combine_bit_by_bit(a in prop::collection::vec(any::<u8>(), 20), b in prop::collection::vec(any::<u8>(), 20), rows in 0usize..160) {
        let mask = |bytes| Mask::new(bytes, rows).unwrap();
        let each: [(MaskOperation, Logic); 5] = [
            (MaskOperation::And, |a, b| a && b),
            (MaskOperation::Or, |a, b| a || b),
            (MaskOperation::Xor, |a, b| a != b),
            (MaskOperation::AndNot, |a, b| a && !b),
            (MaskOperation::Not, |a, _| !a),
        ];
        for (operation, expected) in each {
            let mut made = vec![MaybeUninit::new(0xff); rows.div_ceil(8)];
            combine(operation, mask(&a), mask(&b), &mut made).unwrap();
            let made = masked_bits(&made);
            let bit = |mask: &[u8], row: usize| mask[row / 8] >> (row % 8) & 1 == 1;
            for row in 0..8 * made.len() {
                prop_assert_eq!(bit(&made, row), row < rows && expected(bit(&a, row), bit(&b, row)));
            }
        }
    }

    #[test]
    fn histograms_are_those_of_a_loop(records in records(), bins in 1usize..40) {
        let found = histogram(&records.column(0), records.mask(), -8.0..9.0, bins, &lanes(2)).unwrap();
        let mut expected = vec![0u64; bins];
        for value in records.numbers(0).into_iter().map(Number::float) {
            if (-8.0..9.0).contains(&value) {
                expected[(((value + 8.0) * (bins as f64 / 17.0)) as usize).min(bins - 1)] += 1;
            }
        }
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn sums_of_floats_lose_nothing_that_rounding_would() {
    let values: Vec<f64> = (0..9000).map(|i| [1e16, 1.0, -1e16, 1.0][i % 4]).collect();
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_ne_bytes()).collect();
    let columns = [Column::new(&bytes, values.len(), 0, KeyType::F64).unwrap()];
    let asked = [Aggregate { operation: Operation::Sum, column: 0, weights: 0 }];
    assert_eq!(aggregate(&columns, None, &asked, &lanes(2)).unwrap()[0].number, 4500.0);
}

#[test]
fn products_of_more_than_128_bits_are_an_error_and_sums_are_not() {
    let bytes = [0xff; 8 * 4];
    let columns = [Column::new(&bytes, 4, 0, KeyType::U64).unwrap()];
    let asked = [
        Aggregate { operation: Operation::Sum, column: 0, weights: 0 },
        Aggregate { operation: Operation::Dot, column: 0, weights: 0 },
    ];
    let sum = aggregate(&columns, None, &asked[..1], &lanes(1)).unwrap()[0].integer;
    assert_eq!(sum, 4 * i128::from(u64::MAX));
    let error = aggregate(&columns, None, &asked, &lanes(1)).unwrap_err();
    assert_eq!((error.kind(), error.position()), (ErrorKind::LimitExceeded, Some(1)));
    // Products of other signs bring the sum back: only the result counts.
    let mut bytes = [[0xff; 8], [0xff; 8], [0xff; 8], [0xff; 8]].concat();
    bytes.extend(i64::MIN.to_ne_bytes().repeat(4));
    let columns = [
        Column::new(&bytes, 4, 0, KeyType::U64).unwrap(),
        Column::new(&bytes[32..], 4, 0, KeyType::I64).unwrap(),
    ];
    let asked = [Aggregate { operation: Operation::WeightedMean, column: 1, weights: 0 }];
    assert_eq!(aggregate(&columns, None, &asked, &lanes(1)).unwrap()[0].number, i64::MIN as f64);
}

#[test]
fn products_are_exact_where_their_sum_no_longer_has_64_bits() {
    let largest = i128::from(u32::MAX);
    for (x, y) in
        [(largest, (1 << 23) - 1), (largest, 1 << 23), (largest, largest), (largest + 1, 1), (1, -1)]
    {
        let rows = 2 * words::BLOCK + 3;
        let bytes = [(x as i64).to_ne_bytes(), (y as i64).to_ne_bytes()].concat().repeat(rows);
        for kind in [KeyType::I64, KeyType::U64] {
            let columns = [0, 8].map(|offset| Column::new(&bytes[offset..], rows, 16, kind).unwrap());
            let asked = [Aggregate { operation: Operation::Dot, column: 0, weights: 1 }];
            let found = aggregate(&columns, None, &asked, &lanes(1)).unwrap()[0].integer;
            let y = if kind == KeyType::U64 { i128::from(y as u64) } else { y };
            assert_eq!(found, x * y * rows as i128, "{x} {y} {kind:?}");
        }
    }
}
