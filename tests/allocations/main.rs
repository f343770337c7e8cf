//! What allocates, counted: Rust's allocations and libzstd's, as both end in malloc, which this program
//! replaces. One test, as everything in the process counts.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use fastpar::codec::{compress_batch, decompress_batch, BatchItem, Dict, Options};
use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU64, Ordering};

static COUNT: AtomicU64 = AtomicU64::new(0);

extern "C" {
    fn __libc_malloc(size: usize) -> *mut c_void;
    fn __libc_calloc(count: usize, size: usize) -> *mut c_void;
    fn __libc_realloc(old: *mut c_void, size: usize) -> *mut c_void;
    fn __libc_memalign(align: usize, size: usize) -> *mut c_void;
}

#[no_mangle]
extern "C" fn malloc(size: usize) -> *mut c_void {
    COUNT.fetch_add(1, Ordering::Relaxed);
    // SAFETY: passed on.
    unsafe { __libc_malloc(size) }
}

#[no_mangle]
extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    COUNT.fetch_add(1, Ordering::Relaxed);
    // SAFETY: passed on.
    unsafe { __libc_calloc(count, size) }
}

#[no_mangle]
unsafe extern "C" fn realloc(old: *mut c_void, size: usize) -> *mut c_void {
    COUNT.fetch_add(1, Ordering::Relaxed);
    // SAFETY: passed on.
    unsafe { __libc_realloc(old, size) }
}

#[no_mangle]
unsafe extern "C" fn posix_memalign(place: *mut *mut c_void, align: usize, size: usize) -> i32 {
    COUNT.fetch_add(1, Ordering::Relaxed);
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
