//! Variances of values that are far from 0 and close to each other: against whole numbers.

use super::*;

/// Columns of distances from a number, as several types.
fn columns(kind: KeyType, from: i64, distances: &[u32]) -> Vec<u8> {
    let bytes = |distance: &u32| {
        let whole = from + i64::from(*distance);
        let value = if kind == KeyType::F64 { (whole as f64).to_ne_bytes() } else { whole.to_ne_bytes() };
        [value, u64::from(distance % 7).to_ne_bytes()].concat()
    };
    distances.iter().flat_map(bytes).collect()
}

/// The variance of these distances, to the last digits.
fn variance<'d>(distances: impl Iterator<Item = &'d u32> + Clone) -> f64 {
    let count = distances.clone().count() as u128;
    let sum: u128 = distances.clone().map(|&distance| u128::from(distance)).sum();
    let squares: u128 = distances.map(|&distance| u128::from(distance) * u128::from(distance)).sum();
    (count * squares - sum * sum) as f64 / (count * count) as f64
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 192 }))]

    #[test]
    fn digits_that_all_values_have_cost_none(
        kind in prop::sample::select(vec![KeyType::I64, KeyType::U64, KeyType::F64]),
        bits in 0u32..62,
        distances in prop::collection::vec(0u32..100_000, 1..if cfg!(miri) { 100 } else { 3000 }),
        lanes_ in 1u32..4,
    ) {
        // Of floats those that are whole.
        let from = 1i64 << if kind == KeyType::F64 { bits.min(52) } else { bits };
        let bytes = columns(kind, from, &distances);
        let columns = [
            Column::new(&bytes, distances.len(), 16, kind).unwrap(),
            Column::new(&bytes[8..], distances.len(), 16, KeyType::U64).unwrap(),
        ];
        let asked = [Aggregate { operation: Operation::Variance, column: 0, weights: 0 }];
        let near = |found: f64, expected: f64| (found - expected).abs() <= expected * 1e-12;
        let all = aggregate(&columns, None, &asked, &lanes(lanes_)).unwrap()[0].number;
        let expected = variance(distances.iter());
        prop_assert!(near(all, expected), "{all}, expected {expected}");
        let keys = [GroupKey { column: 1, bucket: None }];
        let found = group(&columns, None, &keys, &asked, 0, &lanes(lanes_)).unwrap();
        let keys: Vec<i128> = found.key(0).unwrap().map(|value| value.unwrap().integer).collect();
        for (key, value) in keys.into_iter().zip(found.value(0).unwrap()) {
            let of_group = distances.iter().filter(|&distance| i128::from(distance % 7) == key);
            let (found, expected) = (value.unwrap().number, variance(of_group));
            prop_assert!(near(found, expected), "group {key}: {found}, expected {expected}");
        }
    }
}

/// What has no distances from its first value has the variance that it always had.
#[test]
fn the_largest_and_no_numbers() {
    let of = |values: &[f64]| {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_ne_bytes()).collect();
        let column = Column::new(&bytes, values.len(), 8, KeyType::F64).unwrap();
        let asked = [Aggregate { operation: Operation::Variance, column: 0, weights: 0 }];
        aggregate(&[column], None, &asked, &lanes(1)).unwrap()[0].number
    };
    assert_eq!(of(&[f64::MAX, -f64::MAX]), f64::INFINITY);
    assert_eq!(of(&[1e301, 1e301]), 0.0);
    assert_eq!(of(&[i64::MIN as f64, i64::MAX as f64]), 2f64.powi(126));
    assert!(of(&[f64::INFINITY, 1.0]).is_nan() && of(&[1.0, f64::NAN]).is_nan() && of(&[]).is_nan());
    let ends = [i64::MIN, i64::MAX].map(i64::to_ne_bytes).concat();
    let column = Column::new(&ends, 2, 8, KeyType::I64).unwrap();
    let asked = [Aggregate { operation: Operation::Variance, column: 0, weights: 0 }];
    assert_eq!(aggregate(&[column], None, &asked, &lanes(2)).unwrap()[0].number, 2f64.powi(126));
}
