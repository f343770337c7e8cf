//! Sorting against std's stable sort, with blocks and caches of few items, so that every way is taken.

use super::elements::{Direct, Elements};
use super::scratch::records_of;
use super::*;
use proptest::prelude::*;
use std::cmp;
use std::sync::atomic::{AtomicI32, AtomicUsize};

/// How two records compare, without words.
fn expected(keys: &[Key], a: &[u8], b: &[u8]) -> cmp::Ordering {
    fn of<const N: usize>(record: &[u8], key: &Key) -> [u8; N] {
        record[key.offset..key.offset + N].try_into().unwrap()
    }
    macro_rules! by {
        ($type:ty, $key:expr) => {
            <$type>::from_ne_bytes(of(a, $key)).cmp(&<$type>::from_ne_bytes(of(b, $key)))
        };
    }
    for key in keys {
        let order = match key.kind {
            KeyType::U8 => by!(u8, key),
            KeyType::U16 => by!(u16, key),
            KeyType::U32 => by!(u32, key),
            KeyType::U64 => by!(u64, key),
            KeyType::I8 => by!(i8, key),
            KeyType::I16 => by!(i16, key),
            KeyType::I32 => by!(i32, key),
            KeyType::I64 => by!(i64, key),
            KeyType::F32 => f32::from_ne_bytes(of(a, key)).total_cmp(&f32::from_ne_bytes(of(b, key))),
            KeyType::F64 => f64::from_ne_bytes(of(a, key)).total_cmp(&f64::from_ne_bytes(of(b, key))),
            KeyType::Bytes(len) => {
                let of = |record: &[u8]| record[key.offset..key.offset + len].to_vec();
                of(a).cmp(&of(b))
            }
        };
        let order = if key.descending { order.reverse() } else { order };
        if order.is_ne() {
            return order;
        }
    }
    cmp::Ordering::Equal
}

fn std_sorted(bytes: &[u8], size: usize, keys: &[Key]) -> Vec<u8> {
    let mut records: Vec<&[u8]> = bytes.chunks_exact(size).collect();
    records.sort_by(|a, b| expected(keys, a, b));
    records.concat()
}

const KINDS: [(KeyType, usize); 10] = [
    (KeyType::U8, 1),
    (KeyType::U16, 2),
    (KeyType::U32, 4),
    (KeyType::U64, 8),
    (KeyType::I8, 1),
    (KeyType::I16, 2),
    (KeyType::I32, 4),
    (KeyType::I64, 8),
    (KeyType::F32, 4),
    (KeyType::F64, 8),
];

fn key_in(size: usize) -> impl Strategy<Value = Key> {
    (0..14usize, any::<prop::sample::Index>(), any::<bool>(), 1..40usize).prop_map(
        move |(kind, at, descending, len)| {
            let fits = KINDS.iter().filter(|kind| kind.1 <= size).collect::<Vec<_>>();
            let (kind, len) = match fits.get(kind) {
                Some((kind, len)) => (*kind, *len),
                None => (KeyType::Bytes(len.min(size)), len.min(size)),
            };
            Key { offset: at.index(size - len + 1), kind, descending }
        },
    )
}

/// Size of records, keys, bytes: all different, or so alike that many keys are equal, or in parts, at once.
fn input() -> impl Strategy<Value = (usize, Vec<Key>, Vec<u8>)> {
    let size = prop_oneof![3 => Just(8), 1 => Just(16), 1 => Just(4), 4 => 1usize..40];
    size.prop_flat_map(|size| {
        let keys = prop::collection::vec(key_in(size), 1..5);
        (Just(size), keys, 0usize..1500, any::<u64>(), 0..4u8)
    })
    .prop_map(|(size, keys, count, seed, shape)| {
        let mut state = seed | 1;
        let mut next = || {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            (state >> 33) as u8
        };
        let bytes = (0..size * count).map(|at| match shape {
            0 => next(),
            1 => next() % 2 * 255,
            2 => [0, 0, 0x80, 0x7f, 0xf0, 0xff, 1][next() as usize % 7], // of -0.0, infinities, NaN
            _ => next() & (at / size % 3) as u8,
        });
        (size, keys, bytes.collect())
    })
}

fn lanes(max_lanes: u32) -> Control<'static> {
    Control { max_lanes, ..Control::default() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn as_std_sorts((size, keys, bytes) in input(), max_lanes in 0u32..3, wide in any::<bool>()) {
        let format = Format::new(size, &keys).unwrap();
        let expected = std_sorted(&bytes, size, &keys);
        let mut sorted = bytes.clone();
        if wide {
            // Numbers of 64 bits are for more records than a test has memory for.
            work::watch(&lanes(max_lanes), bytes.len() / size, 1, |work| {
                sort_indexed::<u64>(&mut sorted, &format, work)
            }).unwrap();
        } else {
            sort(&mut sorted, &format, &lanes(max_lanes)).unwrap();
        }
        prop_assert!(sorted == expected);
        // What is sorted stays, and what is turned round comes back.
        sort(&mut sorted, &format, &lanes(max_lanes)).unwrap();
        prop_assert!(sorted == expected);
        let mut turned = sorted.chunks_exact(size).rev().collect::<Vec<_>>().concat();
        let expected = std_sorted(&turned, size, &keys);
        sort(&mut turned, &format, &lanes(max_lanes)).unwrap();
        prop_assert!(turned == expected);
    }
}

/// Elements that cancel their call when a word has been looked at so many times.
struct Cancelling<'c, X> {
    inner: X,
    left: AtomicUsize,
    cancel: &'c AtomicI32,
}

impl<X: Elements> Elements for Cancelling<'_, X> {
    type Item = X::Item;
    const LOADS: bool = X::LOADS;

    fn words(&self) -> usize {
        self.inner.words()
    }

    fn load(&self, items: &mut [X::Item], word: usize) {
        self.inner.load(items, word);
    }

    fn key(&self, item: &X::Item) -> u64 {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.cancel.store(1, Ordering::Relaxed);
        }
        self.inner.key(item)
    }

    fn compare(&self, a: &X::Item, b: &X::Item) -> cmp::Ordering {
        self.inner.compare(a, b)
    }
}

/// Numbers of which most are close together, so that there are large buckets within large buckets.
fn numbers(count: u64) -> Vec<u8> {
    let number = |at: u64| {
        let noise = at.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let kept = [u64::MAX, 0xff_ffff, 0xffff, 0xff][(noise >> 60) as usize % 4];
        (noise ^ noise >> 29) & kept
    };
    (1..=count).flat_map(|at| number(at).to_ne_bytes()).collect()
}

#[test]
fn wherever_it_is_cancelled_the_records_are_there() {
    let bytes = numbers(3000);
    let key = Key { offset: 0, kind: KeyType::U64, descending: false };
    let format = Format::new(8, &[key]).unwrap();
    let field = format.single().unwrap();
    let expected = std_sorted(&bytes, 8, &[key]);
    let mut cancelled = 0;
    for (max_lanes, left) in (1..60_000).step_by(371).enumerate() {
        let cancel = AtomicI32::new(0);
        let control =
            Control { max_lanes: max_lanes as u32 % 3, cancel: Some(&cancel), ..Control::default() };
        let elements =
            Cancelling { inner: Direct::<8, 8>(field), left: AtomicUsize::new(left), cancel: &cancel };
        let mut sorted = bytes.clone();
        let mut other = vec![0; bytes.len()];
        let result = work::watch(&control, 3000, 1, |work| {
            parallel::sort(&elements, records_of::<8>(&mut sorted), records_of::<8>(&mut other), work)
        });
        match result {
            Ok(()) => assert!(sorted == expected),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Cancelled);
                cancelled += 1;
                assert!(std_sorted(&sorted, 8, &[key]) == expected, "after {left} looks");
            }
        }
    }
    assert!(cancelled > 20, "only {cancelled} were cancelled");
}

#[test]
fn progress_counts_each_record_once_and_may_cancel() {
    let key = Key { offset: 0, kind: KeyType::U64, descending: true };
    for size in [8, 40] {
        let format = Format::new(size, &[key]).unwrap();
        let mut bytes = numbers(20_000 * size as u64 / 8);
        let last = std::sync::Mutex::new((0, 0));
        let report = |done, total| {
            *last.lock().unwrap() = (done, total);
            std::ops::ControlFlow::Continue(())
        };
        sort(&mut bytes, &format, &Control { progress: Some(&report), ..Control::default() }).unwrap();
        assert_eq!(last.into_inner().unwrap(), (20_000, 20_000));
    }
}

#[test]
fn formats_that_are_none_are_refused() {
    let key = |offset, kind| Key { offset, kind, descending: false };
    for (size, keys) in [
        (0, vec![key(0, KeyType::U8)]),
        (8, vec![]),
        (8, vec![key(0, KeyType::U8); MAX_KEYS + 1]),
        (8, vec![key(1, KeyType::U64)]),
        (8, vec![key(usize::MAX, KeyType::U64)]),
        (8, vec![key(0, KeyType::Bytes(0))]),
        (8, vec![key(0, KeyType::U8), key(8, KeyType::Bytes(1))]),
        (8, vec![key(0, KeyType::Bytes(usize::MAX))]),
    ] {
        let kind = Format::new(size, &keys).map(drop).map_err(|error| error.kind());
        assert_eq!(kind, Err(ErrorKind::InvalidArgument));
    }
    let format = Format::new(3, &[key(0, KeyType::U8)]).unwrap();
    let failed = sort(&mut [0; 8], &format, &Control::default()).map_err(|error| error.kind());
    assert_eq!(failed, Err(ErrorKind::InvalidArgument));
    assert!(memory(usize::MAX, &format).is_err());
}

#[test]
fn the_memory_is_that_of_the_buffers() {
    let key = |kind| Key { offset: 0, kind, descending: false };
    let of = |count, size, kind| memory(count, &Format::new(size, &[key(kind)]).unwrap()).unwrap();
    assert_eq!(of(1, 8, KeyType::U64), 0);
    assert!(of(1 << 20, 8, KeyType::U64) >= 8 << 20);
    assert!(of(1 << 20, 48, KeyType::I64) >= (12 + 48) << 20);
    assert!(of(1 << 20, 5, KeyType::Bytes(5)) >= (12 + 12) << 20);
}
