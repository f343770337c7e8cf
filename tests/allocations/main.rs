//! What allocates, counted: Rust's allocations and libzstd's, as both end in malloc, which this program
//! replaces. One test, as everything in the process counts.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use fastpar::codec::{compress_batch, decompress_batch, BatchItem, Dict, Options};
use fastpar::sort::{memory, sort, Format, Key, KeyType};
use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU64, Ordering};

static COUNT: AtomicU64 = AtomicU64::new(0);
/// All bytes that were asked for.
static BYTES: AtomicU64 = AtomicU64::new(0);

fn note(bytes: usize) {
    COUNT.fetch_add(1, Ordering::Relaxed);
    BYTES.fetch_add(bytes as u64, Ordering::Relaxed);
}

extern "C" {
    fn __libc_malloc(size: usize) -> *mut c_void;
    fn __libc_calloc(count: usize, size: usize) -> *mut c_void;
    fn __libc_realloc(old: *mut c_void, size: usize) -> *mut c_void;
    fn __libc_memalign(align: usize, size: usize) -> *mut c_void;
}

#[no_mangle]
extern "C" fn malloc(size: usize) -> *mut c_void {
    note(size);
    // SAFETY: passed on.
    unsafe { __libc_malloc(size) }
}

#[no_mangle]
extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    note(count.saturating_mul(size));
    // SAFETY: passed on.
    unsafe { __libc_calloc(count, size) }
}

#[no_mangle]
unsafe extern "C" fn realloc(old: *mut c_void, size: usize) -> *mut c_void {
    note(size);
    // SAFETY: passed on.
    unsafe { __libc_realloc(old, size) }
}

#[no_mangle]
unsafe extern "C" fn posix_memalign(place: *mut *mut c_void, align: usize, size: usize) -> i32 {
    note(size);
    // SAFETY: passed on; the place is the caller's.
    unsafe {
        *place = __libc_memalign(align, size);
        if (*place).is_null() {
            12
        } else {
            0
        }
    }
}

/// How many allocations a batch of `count` items makes.
fn count(
    work: fn(&mut [BatchItem<'_>], &Options<'_>) -> fastpar::Result<()>,
    src: &[u8],
    options: &Options<'_>,
    count: usize,
) -> u64 {
    const ROOM: usize = 20_000;
    let mut places = vec![MaybeUninit::uninit(); ROOM * count];
    let mut items: Vec<_> =
        places.chunks_exact_mut(ROOM).map(|dst| BatchItem { src, dst, result: None }).collect();
    let before = COUNT.load(Ordering::Relaxed);
    work(&mut items, options).unwrap();
    let counted = COUNT.load(Ordering::Relaxed) - before;
    assert!(items.iter().all(|item| matches!(item.result, Some(Ok(_)))));
    counted
}

#[test]
fn what_allocates() {
    items_of_a_batch_cost_none();
    sorting_takes_no_more_than_it_tells();
}

/// All that is asked for together, so what is taken at a time is no more.
fn sorting_takes_no_more_than_it_tells() {
    let numbers: Vec<u8> = (0..2_400_000_u64)
        .flat_map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32).to_ne_bytes().into_iter().take(2))
        .collect();
    let key = |kind| Key { offset: 0, kind, descending: false };
    for (size, kind) in [(8, KeyType::U64), (4, KeyType::F32), (48, KeyType::I64), (6, KeyType::Bytes(6))] {
        let format = Format::new(size, &[key(kind)]).unwrap();
        let mut most = 0;
        for turn in 0..3 {
            let mut records = numbers.clone();
            let before = BYTES.load(Ordering::Relaxed);
            sort(&mut records, &format, &Default::default()).unwrap();
            let taken = BYTES.load(Ordering::Relaxed) - before;
            most = if turn == 0 { 0 } else { taken.max(most) }; // the first starts threads
        }
        let told = memory(numbers.len() / size, &format).unwrap() as u64;
        println!("{most} bytes of {told}");
        assert!(most <= told, "{most} bytes for records of {size}, told were {told}");
        assert!(most > numbers.len() as u64 / 2, "nothing was counted");
    }
}

fn items_of_a_batch_cost_none() {
    let text: Vec<u8> = (0..4000u32).flat_map(|i| (i % 97 * (i / 500)).to_le_bytes()).collect();
    let dict = Dict::new(&text[..3000], 0).unwrap();
    assert!(COUNT.load(Ordering::Relaxed) > 0, "malloc is not replaced");
    for dict in [None, Some(&dict)] {
        for max_lanes in [1, 0] {
            for level in [0, 1] {
                let options = Options { max_lanes, level, dict, ..Options::default() };
                let packed = fastpar::codec::compress_to_vec(&text, &options).unwrap();
                for (work, src) in [
                    (compress_batch as fn(&mut [BatchItem<'_>], &Options<'_>) -> _, &text),
                    (decompress_batch, &packed),
                ] {
                    count(work, src, &options, 500); // warm
                    let (few, many) = (count(work, src, &options, 500), count(work, src, &options, 5000));
                    println!("{few} and {many} allocations");
                    assert!(many <= few + 40, "{few} for 500 items, {many} for 5,000");
                }
            }
        }
    }
}
