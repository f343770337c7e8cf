//! Misfits, and cancelling.

use super::*;
use std::sync::atomic::AtomicI32;

#[test]
fn misfits_are_refused() {
    let bytes = [0; 64];
    let kind = |error: Error| error.kind();
    let bad = |result: Result<Column<'_>>| kind(result.unwrap_err());
    assert_eq!(bad(Column::new(&bytes, 9, 0, KeyType::U64)), ErrorKind::InvalidArgument);
    assert_eq!(bad(Column::new(&bytes, 2, 7, KeyType::U64)), ErrorKind::InvalidArgument);
    assert_eq!(bad(Column::new(&bytes, 0, 0, KeyType::Bytes(0))), ErrorKind::InvalidArgument);
    assert_eq!(bad(Column::new(&bytes, usize::MAX, usize::MAX, KeyType::U8)), ErrorKind::InvalidArgument);
    let (eight, four) = (
        Column::new(&bytes, 8, 0, KeyType::U64).unwrap(),
        Column::new(&bytes, 4, 0, KeyType::Bytes(3)).unwrap(),
    );
    let asked = |column, weights| [Aggregate { operation: Operation::Dot, column, weights }];
    let refused = |columns: &[Column<'_>], asked: &[Aggregate]| {
        assert_eq!(kind(aggregate(columns, None, asked, &lanes(1)).unwrap_err()), ErrorKind::InvalidArgument);
    };
    refused(&[eight, four], &asked(0, 0));
    refused(&[eight], &asked(0, 1));
    refused(&[four], &asked(0, 0));
    let mask = Mask::new(&bytes, 9).unwrap();
    assert_eq!(
        kind(aggregate(&[eight], Some(mask), &[], &lanes(1)).unwrap_err()),
        ErrorKind::InvalidArgument
    );
    assert!(Mask::new(&bytes, 8 * 64 + 1).is_err());
    let error = take_rows(&eight, &[7, 8, 9], &mut [MaybeUninit::new(0); 64], &lanes(1)).unwrap_err();
    assert_eq!((error.kind(), error.position()), (ErrorKind::InvalidArgument, Some(1)));
    for (range, bins) in
        [(0.0..0.0, 1), (0.0..f64::NAN, 1), (0.0..f64::INFINITY, 1), (0.0..1.0, 0), (0.0..1.0, MAX_BINS + 1)]
    {
        assert_eq!(
            kind(histogram(&eight, None, range, bins, &lanes(1)).unwrap_err()),
            ErrorKind::InvalidArgument
        );
    }
    let keys = |width| [GroupKey { column: 0, bucket: Some(Bucket::Whole { width, origin: 0 }) }];
    assert_eq!(
        kind(group(&[eight], None, &keys(0), &[], 0, &lanes(1)).unwrap_err()),
        ErrorKind::InvalidArgument
    );
    assert_eq!(
        kind(group(&[four], None, &keys(2), &[], 0, &lanes(1)).unwrap_err()),
        ErrorKind::InvalidArgument
    );
    assert_eq!(kind(group(&[eight], None, &[], &[], 0, &lanes(1)).unwrap_err()), ErrorKind::InvalidArgument);
}

#[test]
fn a_flag_cancels() {
    let bytes = vec![1; 1 << 14];
    let column = Column::new(&bytes, bytes.len(), 0, KeyType::U8).unwrap();
    let flag = AtomicI32::new(1);
    let control = Control { cancel: Some(&flag), ..Control::default() };
    let mut mask = vec![MaybeUninit::new(0); bytes.len() / 8];
    let mut cancelled = Vec::new();
    cancelled.push(aggregate(&[column], None, &[], &control).unwrap_err());
    cancelled.push(compare(&column, Comparison::Equal, &[1], &[], &mut mask, &control).unwrap_err());
    cancelled.push(histogram(&column, None, 0.0..2.0, 2, &control).unwrap_err());
    let keys = [GroupKey { column: 0, bucket: None }];
    cancelled.push(group(&[column], None, &keys, &[], 0, &control).unwrap_err());
    assert!(cancelled.iter().all(|error| error.kind() == ErrorKind::Cancelled));
}
