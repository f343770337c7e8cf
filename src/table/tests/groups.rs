//! Groups.

use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 192 }))]

    #[test]
    fn groups_are_those_of_a_map(records in records(), width in 1u64..1000, origin in -50i64..50, plain: bool) {
        let columns = [records.column(0), records.column(1)];
        let kind = records.fields[0].0;
        let float = matches!(kind, KeyType::F32 | KeyType::F64);
        let bucket = match (plain, float) {
            (true, _) => None,
            (_, true) => Some(Bucket::Float { width: width as f64 / 4.0, origin: origin as f64 }),
            _ => Some(Bucket::Whole { width, origin }),
        };
        // The key of a row, as something that is sorted as the groups are.
        let key = |row: usize| match (records.number(0, row), bucket) {
            (Number::Whole(value), None) => (value, value as f64),
            (Number::Whole(value), _) => {
                let (width, origin) = (i128::from(width), i128::from(origin));
                let label = (value - origin).div_euclid(width) * width + origin;
                (label, label as f64)
            }
            (Number::Float(value), Some(Bucket::Float { width, origin })) => {
                let value = ((value - origin) / width).floor() + 0.0;
                let value = if value.is_nan() { f64::NAN } else { value };
                let key = total(KeyType::F64, &value.to_ne_bytes());
                (i128::from(key), origin + value * width)
            }
            (Number::Float(value), _) => (i128::from(total(kind, records.bytes_of(0, row))), value),
        };
        let mut expected: BTreeMap<i128, (f64, Vec<usize>)> = BTreeMap::new();
        for row in records.picked() {
            let (key, label) = key(row);
            expected.entry(key).or_insert((label, Vec::new())).1.push(row);
        }
        prop_assume!(expected.values().all(|(_, rows)| !wide(&records, rows)));
        let asked: Vec<Aggregate> = asked()
            .into_iter()
            .map(|asked| match asked.operation.columns() {
                1 => Aggregate { column: 1, ..asked },
                2 => Aggregate { column: 1, weights: 0, ..asked },
                _ => asked,
            })
            .collect();
        let keys = [GroupKey { column: 0, bucket }];
        let found = group(&columns, records.mask(), &keys, &asked, 0, &lanes(2)).unwrap();
        prop_assert_eq!(found.count(), expected.len());
        let first: Vec<u64> = expected.values().map(|(_, rows)| rows[0] as u64).collect();
        prop_assert_eq!(found.first_rows().collect::<Vec<_>>(), first);
        for (value, (key, (label, rows))) in found.key(0).unwrap().zip(&expected) {
            let value = value.unwrap();
            prop_assert_eq!(value.rows, rows.len() as u64);
            if !float {
                prop_assert_eq!(value.integer, *key);
            }
            prop_assert!(close(value.number, *label, *label), "{} {}", value.number, label);
        }
        let mut alone = Vec::new();
        for (index, asked) in asked.iter().enumerate() {
            for (value, (_, rows)) in found.value(index).unwrap().zip(expected.values()) {
                let of = |field| rows.iter().map(|&row| records.number(field, row)).collect::<Vec<_>>();
                let value = value.unwrap();
                check(asked.operation, value, &of(1), &of(0))?;
                alone.push(value);
            }
        }
        let again = group(&columns, records.mask(), &keys, &asked, 0, &lanes(1)).unwrap();
        let again: Vec<Value> =
            (0..asked.len()).flat_map(|index| again.value(index).unwrap().map(Result::unwrap)).collect();
        prop_assert!(same(&alone, &again));
    }

    // Times that rise slowly, so that neighbours are often of one group, and go back now and then.
    #[test]
    fn neighbours_of_a_group_are_those_of_a_map(
        from in prop_oneof![Just(i64::MIN), Just(-3000), Just(0), Just(i64::MAX - 3000), any::<i64>()],
        kind in prop_oneof![Just(KeyType::I64), Just(KeyType::U64)],
        width in prop_oneof![2u64..100, 500u64..5000, Just(1 << 62), (1u64 << 63) - 2..=(1 << 63) + 2, Just(u64::MAX)],
        origin in prop_oneof![Just(0), -50i64..50, any::<i64>()],
        back in prop::collection::vec((0usize..3000, 0i64..3000), 0..5),
        count in prop_oneof![1usize..100, 500usize..1100, 2000usize..3000],
    ) {
        let time = |row: usize| match back.iter().find(|(at, _)| *at == row) {
            Some((_, steps)) => from.wrapping_add(*steps),
            None => from.wrapping_add(row as i64),
        };
        let bytes: Vec<u8> = (0..count)
            .flat_map(|row| [time(row).to_ne_bytes(), (row as u64 % 997).to_ne_bytes()].concat())
            .collect();
        let columns = [
            Column::new(&bytes, count, 16, kind).unwrap(),
            Column::new(&bytes[8..], count, 16, KeyType::U64).unwrap(),
        ];
        let mut expected: BTreeMap<i128, Vec<i128>> = BTreeMap::new();
        for row in 0..count {
            let (width, origin) = (i128::from(width), i128::from(origin));
            let time = if kind == KeyType::I64 { i128::from(time(row)) } else { i128::from(time(row) as u64) };
            let begin = (time - origin).div_euclid(width) * width + origin;
            expected.entry(begin).or_default().push(row as i128 % 997);
        }
        let keys = [GroupKey { column: 0, bucket: Some(Bucket::Whole { width, origin }) }];
        let asked = [Operation::First, Operation::Last, Operation::Min, Operation::Max, Operation::Sum, Operation::Dot]
            .map(|operation| Aggregate { operation, column: 1, weights: 1 });
        let found = group(&columns, None, &keys, &asked, 0, &lanes(2)).unwrap();
        let labels: Vec<i128> = found.key(0).unwrap().map(|value| value.unwrap().integer).collect();
        prop_assert_eq!(labels, expected.keys().copied().collect::<Vec<_>>());
        for (index, asked) in asked.iter().enumerate() {
            let values: Vec<i128> = found.value(index).unwrap().map(|value| value.unwrap().integer).collect();
            let of = |rows: &Vec<i128>| match asked.operation {
                Operation::First => rows[0],
                Operation::Last => rows[rows.len() - 1],
                Operation::Min => *rows.iter().min().unwrap(),
                Operation::Max => *rows.iter().max().unwrap(),
                Operation::Sum => rows.iter().sum(),
                _ => rows.iter().map(|value| value * value).sum(),
            };
            prop_assert_eq!(values, expected.values().map(of).collect::<Vec<_>>(), "{:?}", asked.operation);
        }
    }
}

#[test]
fn groups_by_several_keys_are_sorted_by_them() {
    let rows: Vec<([u8; 10], i32)> = (0..5000u32)
        .map(|row| {
            (
                *[b"abcdefghij", b"abcdefghia", b"b\0\0\0\0\0\0\0\0\0"][row as usize % 3],
                (row / 500) as i32 - 5,
            )
        })
        .collect();
    let bytes: Vec<u8> =
        rows.iter().flat_map(|(name, time)| [&name[..], &time.to_ne_bytes()].concat()).collect();
    let columns = [
        Column::new(&bytes, rows.len(), 14, KeyType::Bytes(10)).unwrap(),
        Column::new(&bytes[10..], rows.len(), 14, KeyType::I32).unwrap(),
    ];
    let keys = [
        GroupKey { column: 0, bucket: None },
        GroupKey { column: 1, bucket: Some(Bucket::Whole { width: 4, origin: 1 }) },
    ];
    let asked = [Aggregate { operation: Operation::Count, column: 0, weights: 0 }];
    let found = group(&columns, None, &keys, &asked, 0, &lanes(2)).unwrap();
    let mut expected: BTreeMap<([u8; 10], i32), u64> = BTreeMap::new();
    for (name, time) in &rows {
        *expected.entry((*name, (time - 1).div_euclid(4) * 4 + 1)).or_default() += 1;
    }
    let times: Vec<i128> = found.key(1).unwrap().map(|value| value.unwrap().integer).collect();
    assert_eq!(times, expected.keys().map(|(_, time)| i128::from(*time)).collect::<Vec<_>>());
    let counts: Vec<i128> = found.value(0).unwrap().map(|value| value.unwrap().integer).collect();
    assert_eq!(counts, expected.values().map(|count| i128::from(*count)).collect::<Vec<_>>());
    let names: Vec<&[u8]> = found.first_rows().map(|row| &rows[row as usize].0[..]).collect();
    assert_eq!(names, expected.keys().map(|(name, _)| &name[..]).collect::<Vec<_>>());
    assert_eq!(found.key(0).err().map(|error| error.kind()), Some(ErrorKind::InvalidArgument));

    let error = group(&columns, None, &keys, &asked, 100, &lanes(2)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
}

#[test]
fn buckets_reach_over_the_ends_of_their_types() {
    let values = [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX];
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_ne_bytes()).collect();
    for (kind, at) in
        [(KeyType::I64, values.map(i128::from)), (KeyType::U64, values.map(|value| value as u64 as i128))]
    {
        let columns = [Column::new(&bytes, values.len(), 0, kind).unwrap()];
        for (width, origin) in [(1000, 7), (u64::MAX, 3), (2, -1), (1, 5)] {
            let keys = [GroupKey { column: 0, bucket: Some(Bucket::Whole { width, origin }) }];
            let found = group(&columns, None, &keys, &[], 0, &lanes(1)).unwrap();
            let (width, origin) = (i128::from(width), i128::from(origin));
            let expected: std::collections::BTreeSet<i128> =
                at.iter().map(|value| (value - origin).div_euclid(width) * width + origin).collect();
            let labels: Vec<i128> = found.key(0).unwrap().map(|value| value.unwrap().integer).collect();
            assert_eq!(labels, expected.into_iter().collect::<Vec<_>>(), "{kind:?} {width} {origin}");
        }
    }
}
