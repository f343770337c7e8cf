//! Conditions in steps, and records piece by piece, against masks and calls on all records.

use super::*;

/// Bits of rows by a loop.
fn rows_of(mask: Mask<'_>) -> Vec<usize> {
    mask.runs().flatten().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 128 }))]

    #[test]
    fn runs_are_the_rows_of_a_mask(records in records()) {
        let picked = Records { masked: true, ..records.clone() }.picked();
        prop_assert_eq!(rows_of(Mask::new(&records.mask, records.count).unwrap()), picked);
    }

    /// Each step leaves what masks in memory have.
    #[test]
    fn conditions_are_masks(records in records(), steps in prop::collection::vec(0usize..14, 1..9)) {
        const LOGIC: [MaskOperation; 5] = [
            MaskOperation::And, MaskOperation::Or, MaskOperation::Xor, MaskOperation::AndNot, MaskOperation::Not,
        ];
        const TESTS: [Comparison; 4] =
            [Comparison::Less, Comparison::NotEqual, Comparison::GreaterEqual, Comparison::Between];
        let values: Vec<Vec<u8>> = (0..2)
            .map(|field| match records.count {
                0 => vec![0; records.fields[field].0.size()],
                count => records.bytes_of(field, count / 3).to_vec(),
            })
            .collect();
        let (mut conditions, mut expected) = (Vec::new(), Vec::<Vec<u8>>::new());
        let mut both = |operation: MaskOperation, masks: &mut Vec<Vec<u8>>| {
            let b = masks.pop().unwrap();
            let a = if operation == MaskOperation::Not { b.clone() } else { masks.pop().unwrap() };
            let mut made = vec![MaybeUninit::new(0); a.len()];
            let (a, b) = (Mask::new(&a, records.count).unwrap(), Mask::new(&b, records.count).unwrap());
            combine(operation, a, b, &mut made).unwrap();
            masks.push(masked_bits(&made));
            conditions.push(Condition::Combine(operation));
        };
        let mut tests = Vec::new();
        for step in steps {
            match LOGIC.get(step) {
                Some(&operation) if expected.len() >= if operation == MaskOperation::Not { 1 } else { 2 } => {
                    both(operation, &mut expected);
                    tests.push(None);
                }
                _ => {
                    let (column, comparison) = (step % 2, TESTS[step % 4]);
                    let mut mask = vec![MaybeUninit::new(0); records.count.div_ceil(8)];
                    let value = &values[column];
                    compare(&records.column(column), comparison, value, value, &mut mask, &lanes(1)).unwrap();
                    expected.push(masked_bits(&mask));
                    tests.push(Some((column, comparison)));
                }
            }
        }
        while expected.len() > 1 {
            both(MaskOperation::Xor, &mut expected);
            tests.push(None);
        }
        // In the order of the steps.
        let mut combined = conditions.into_iter();
        let conditions: Vec<Condition<'_>> = tests
            .into_iter()
            .map(|test| match test {
                None => combined.next().unwrap(),
                Some((column, comparison)) => {
                    let value = &values[column][..];
                    Condition::Compare { column, comparison, low: value, high: value }
                }
            })
            .collect();
        let fields = records.fields.map(|(kind, offset)| Field { offset, kind });
        let shape = Shape { fields: &fields, conditions: &conditions };
        let all = crate::table::Records::new(records.stride, &shape).unwrap();
        let mut taken = Vec::new();
        all.take(&records.bytes, |bytes| {
            taken.extend_from_slice(bytes);
            Ok(())
        }).unwrap();
        let mask = Mask::new(&expected[0], records.count).unwrap();
        let row = |row: usize| records.bytes[row * records.stride..][..records.stride].to_vec();
        prop_assert_eq!(taken, rows_of(mask).into_iter().flat_map(row).collect::<Vec<_>>());
        let count = [Aggregate { operation: Operation::Count, column: 0, weights: 0 }];
        let found = all.aggregate(&records.bytes, &count).unwrap().values(&count).unwrap();
        prop_assert_eq!(found[0].integer, mask.count() as i128);
    }
}
