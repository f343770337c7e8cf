//! What allocates, counted: Rust's allocations and libzstd's, as both end in malloc, which this program
//! replaces. One test, as everything in the process counts.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use fastpar::codec::{compress_batch, decompress_batch, Archive, BatchItem, Dict, Options};
use fastpar::sort::{memory, sort, Format, Key, KeyType};
use std::ffi::c_void;
use std::io::Write;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

static COUNT: AtomicU64 = AtomicU64::new(0);
/// All bytes that were asked for.
static BYTES: AtomicU64 = AtomicU64::new(0);

/// Bytes that are held, and the most since the test began to look.
static HELD: AtomicI64 = AtomicI64::new(0);
static MOST: AtomicI64 = AtomicI64::new(0);

extern "C" {
    fn __libc_malloc(size: usize) -> *mut c_void;
    fn __libc_calloc(count: usize, size: usize) -> *mut c_void;
    fn __libc_realloc(old: *mut c_void, size: usize) -> *mut c_void;
    fn __libc_memalign(align: usize, size: usize) -> *mut c_void;
    fn __libc_free(block: *mut c_void);
    fn malloc_usable_size(block: *mut c_void) -> usize;
}

fn note(bytes: usize, block: *mut c_void) -> *mut c_void {
    COUNT.fetch_add(1, Ordering::Relaxed);
    BYTES.fetch_add(bytes as u64, Ordering::Relaxed);
    let held = HELD.fetch_add(usable(block), Ordering::Relaxed) + usable(block);
    MOST.fetch_max(held, Ordering::Relaxed);
    block
}

fn usable(block: *mut c_void) -> i64 {
    // SAFETY: null, or a block of this allocator.
    unsafe { malloc_usable_size(block) as i64 }
}

#[no_mangle]
extern "C" fn malloc(size: usize) -> *mut c_void {
    // SAFETY: passed on.
    note(size, unsafe { __libc_malloc(size) })
}

#[no_mangle]
extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    // SAFETY: passed on.
    note(count.saturating_mul(size), unsafe { __libc_calloc(count, size) })
}

#[no_mangle]
unsafe extern "C" fn realloc(old: *mut c_void, size: usize) -> *mut c_void {
    HELD.fetch_sub(usable(old), Ordering::Relaxed);
    // SAFETY: passed on.
    note(size, unsafe { __libc_realloc(old, size) })
}

#[no_mangle]
unsafe extern "C" fn free(block: *mut c_void) {
    HELD.fetch_sub(usable(block), Ordering::Relaxed);
    // SAFETY: passed on.
    unsafe { __libc_free(block) }
}

#[no_mangle]
unsafe extern "C" fn posix_memalign(place: *mut *mut c_void, align: usize, size: usize) -> i32 {
    // SAFETY: passed on; the place is the caller's.
    unsafe {
        *place = note(size, __libc_memalign(align, size));
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
    archives_keep_what_the_header_says();
}

/// Of each frame: also where frames do not tell their size, and have to be decompressed to find it.
fn archives_keep_what_the_header_says() {
    const FRAMES: usize = 200_000;
    const PER_FRAME: i64 = 36;
    // What does not depend on the number of frames: contexts, threads' buffers.
    const FIXED: i64 = 4 << 20;
    let content = [b'x'; 10];
    let sized = zstd::bulk::compress(&content, 1).unwrap();
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.write_all(&content).unwrap();
    let unsized_frame = encoder.finish().unwrap();
    for (name, frame) in [("sized", sized), ("unsized", unsized_frame)] {
        let data = frame.repeat(FRAMES);
        drop(Archive::new(&data, &Options::default()).unwrap()); // starts threads
        let before = HELD.load(Ordering::Relaxed);
        MOST.store(before, Ordering::Relaxed);
        let archive = Archive::new(&data, &Options::default()).unwrap();
        let (kept, most) = (HELD.load(Ordering::Relaxed) - before, MOST.load(Ordering::Relaxed) - before);
        assert_eq!(archive.size(), (FRAMES * content.len()) as u64);
        drop(archive);
        println!("{name}: {kept} bytes kept, {most} at most");
        let frames = FRAMES as i64;
        assert!((16 * frames..PER_FRAME * frames + FIXED).contains(&kept), "{name}: {kept} bytes are kept");
    }
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
