//! The allocator: a reserve of memory for when the system has none.
//!
//! Rust's standard library and rayon end the process when a small allocation fails: a box, a queue's next
//! block, the text of an error. A library must not do that to its host. So large memory is asked for in ways
//! that can fail (`reserve`), and never comes from here. Small memory comes from this reserve when the
//! system has none, so that a call can go on, or give up in good order. The reserve is memory of zeros, which
//! costs nothing until it is touched. While much of it is taken and the system has no more, `check` refuses
//! calls that would take more for long.
//!
//! A block of the reserve is a run of bits of one word, or whole words, and each is claimed by one
//! compare-and-exchange: there is no lock that a fork could leave locked.

use crate::error::{Error, ErrorKind, Result};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// The smallest block, and its alignment: that of types with cache lines of their own.
const GRANULE: usize = 128;
/// Granules of one word.
const BITS: usize = u64::BITS as usize;
/// Words of the reserve: enough for the start of a pool of 1,024 threads.
const WORDS: usize = 512;
const SIZE: usize = WORDS * BITS * GRANULE;
/// Larger allocations are not small, and never come from the reserve.
const LARGEST: usize = SIZE / 8;
/// With so many granules taken, new calls first try whether the system has memory.
const LOW: usize = WORDS * BITS / 4;
/// With so many granules taken, new calls are refused.
const LOWEST: usize = WORDS * BITS / 2;
/// The bytes that the system must then have.
const ENOUGH: usize = 64 << 10;

/// The system's allocator with the reserve behind it. The feature `reserve` switches it on, as the built
/// libraries do; a Rust program without that feature may name it as its own `#[global_allocator]`.
pub struct Allocator;

#[cfg(feature = "reserve")]
#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

#[repr(align(4096))]
struct Region(UnsafeCell<[MaybeUninit<u8>; SIZE]>);

// SAFETY: only the region's address is shared; each block is used by the thread that claimed it.
unsafe impl Sync for Region {}

static REGION: Region = Region(UnsafeCell::new([MaybeUninit::uninit(); SIZE]));
/// A bit for each granule: taken. Claimed with acquire and given back with release, so that a block's next
/// owner sees the last writes of the owner before.
static TAKEN: [AtomicU64; WORDS] = [const { AtomicU64::new(0) }; WORDS];
/// The number of granules taken. Relaxed: advice.
static IN_USE: AtomicUsize = AtomicUsize::new(0);

/// Fails while much of the reserve is taken and the system still has no memory: for calls that would begin
/// something.
///
/// # Errors
/// [`ErrorKind::OutOfMemory`].
#[inline]
pub(crate) fn check() -> Result<()> {
    let used = IN_USE.load(Ordering::Relaxed);
    if used < LOW {
        return Ok(());
    }
    check_low(used)
}

/// Whether the system has memory again. A pool, or a helper that has not run since, may hold blocks for long;
/// that alone is no reason to refuse.
#[cold]
fn check_low(used: usize) -> Result<()> {
    if used < LOWEST && system_has(ENOUGH) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::OutOfMemory, "the system has no memory, and the reserve is low"))
}

/// Whether the system has `bytes` bytes now.
fn system_has(bytes: usize) -> bool {
    let Ok(layout) = Layout::from_size_align(bytes.max(1), 1) else { return false };
    // SAFETY: the layout is not empty, and the memory is given back with it. The black box keeps the compiler
    // from removing both calls.
    unsafe {
        let found = black_box(System.alloc(layout));
        if !found.is_null() {
            System.dealloc(found, layout);
        }
        !found.is_null()
    }
}

/// Fails if the system does not have `bytes` bytes now: for use before something that allocates them in many
/// steps and cannot fail.
///
/// # Errors
/// [`ErrorKind::OutOfMemory`].
pub(crate) fn probe(bytes: usize) -> Result<()> {
    check()?;
    if system_has(bytes) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::OutOfMemory, format!("no memory for {bytes} bytes")))
}

/// Makes room for exactly `count` more items, with memory of the system; the vector keeps its items. (If the
/// vector has grown into the reserve and this then fails, the vector's memory stays there until it is
/// dropped.)
///
/// # Errors
/// [`ErrorKind::OutOfMemory`].
pub(crate) fn reserve<T>(vec: &mut Vec<T>, count: usize) -> Result<()> {
    let had = vec.capacity();
    let made = vec.try_reserve_exact(count).is_ok();
    let spared = made && vec.capacity() != had && granule_of(vec.as_mut_ptr().cast()).is_some();
    if spared && vec.is_empty() {
        *vec = Vec::new(); // the reserve is for allocations that cannot fail
    }
    if made && !spared {
        return Ok(());
    }
    // A static text takes no memory: every item of a batch may fail like this.
    Err(Error::new(ErrorKind::OutOfMemory, "the system has no memory for the buffers of the call"))
}

// SAFETY: the system's allocator keeps the contract; blocks of the reserve are disjoint, large enough and
// aligned (see `take`).
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise, passed on.
        let found = unsafe { System.alloc(layout) };
        if found.is_null() {
            return take(layout);
        }
        found
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise, passed on.
        let found = unsafe { System.alloc_zeroed(layout) };
        if !found.is_null() {
            return found;
        }
        let taken = take(layout);
        if !taken.is_null() {
            // SAFETY: a block of this size, which may have been used before.
            unsafe { taken.write_bytes(0, layout.size()) };
        }
        taken
    }

    #[inline]
    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        match granule_of(old) {
            // SAFETY: the caller's promise: `old` belongs to the caller, and has this layout.
            None => unsafe { System.dealloc(old, layout) },
            Some(granule) => give_back(granule, layout.size()),
        }
    }

    #[inline]
    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if granule_of(old).is_none() {
            // SAFETY: the caller's promise, passed on.
            let found = unsafe { System.realloc(old, layout, size) };
            if !found.is_null() {
                return found;
            }
        }
        // SAFETY: the caller's promise: `old` is of this layout, and `size` makes a valid one.
        unsafe { move_to_new(old, layout, size) }
    }
}

/// `realloc` step by step: take new memory, copy, give the old memory back.
///
/// # Safety
/// As for [`GlobalAlloc::realloc`].
#[cold]
unsafe fn move_to_new(old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
    // SAFETY: the caller's promise; the new block is another one, and both have as many bytes as are copied.
    unsafe {
        let new = Allocator.alloc(Layout::from_size_align_unchecked(size, layout.align()));
        if !new.is_null() {
            ptr::copy_nonoverlapping(old, new, layout.size().min(size));
            Allocator.dealloc(old, layout);
        }
        new
    }
}

/// The granule of the reserve that an address belongs to, if any.
#[inline]
fn granule_of(address: *mut u8) -> Option<usize> {
    let offset = (address as usize).wrapping_sub(REGION.0.get() as usize);
    (offset < SIZE).then_some(offset / GRANULE)
}

/// A block of the reserve; null if there is none.
#[cold]
fn take(layout: Layout) -> *mut u8 {
    if layout.align() > GRANULE || layout.size() > LARGEST {
        return ptr::null_mut();
    }
    let granules = layout.size().div_ceil(GRANULE).max(1);
    let found = if granules <= BITS { take_bits(granules) } else { take_words(granules.div_ceil(BITS)) };
    let Some(granule) = found else { return ptr::null_mut() };
    IN_USE.fetch_add(granules, Ordering::Relaxed);
    // SAFETY: within the region.
    unsafe { REGION.0.get().cast::<u8>().add(granule * GRANULE) }
}

/// Bits `first..first + count` of a word.
fn mask(first: u32, count: usize) -> u64 {
    (u64::MAX >> (BITS - count)) << first
}

/// The first `count` free bits of one word that lie side by side.
fn free_run(taken: u64, count: usize) -> Option<u32> {
    let mut starts = !taken;
    let mut known = 1;
    while known < count {
        let step = known.min(count - known);
        starts &= starts >> step;
        known += step;
    }
    (starts != 0).then(|| starts.trailing_zeros())
}

fn take_bits(count: usize) -> Option<usize> {
    TAKEN.iter().enumerate().find_map(|(index, word)| {
        let mut taken = word.load(Ordering::Relaxed); // only a guess: the exchange decides
        loop {
            let first = free_run(taken, count)?;
            let with = taken | mask(first, count);
            match word.compare_exchange_weak(taken, with, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Some(index * BITS + first as usize),
                Err(now) => taken = now,
            }
        }
    })
}

fn take_words(count: usize) -> Option<usize> {
    let mut first = 0;
    while first + count <= WORDS {
        let claim = |word: &AtomicU64| {
            word.compare_exchange(0, u64::MAX, Ordering::Acquire, Ordering::Relaxed).is_ok()
        };
        match TAKEN[first..first + count].iter().position(|word| !claim(word)) {
            None => return Some(first * BITS),
            Some(claimed) => {
                TAKEN[first..first + claimed].iter().for_each(|word| word.store(0, Ordering::Release));
                first += claimed + 1;
            }
        }
    }
    None
}

#[cold]
fn give_back(granule: usize, size: usize) {
    let granules = size.div_ceil(GRANULE).max(1);
    IN_USE.fetch_sub(granules, Ordering::Relaxed);
    let word = granule / BITS;
    if granules <= BITS {
        TAKEN[word].fetch_and(!mask((granule % BITS) as u32, granules), Ordering::Release);
    } else {
        let words = &TAKEN[word..word + granules.div_ceil(BITS)];
        words.iter().for_each(|word| word.store(0, Ordering::Release));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, 8).unwrap()
    }

    #[test]
    fn runs_lie_in_free_bits() {
        let full = u64::MAX;
        assert_eq!(free_run(0, 64), Some(0));
        assert_eq!(free_run(1, 64), None);
        assert_eq!(free_run(0b1011, 1), Some(2));
        assert_eq!(free_run(0b1011, 2), Some(4));
        assert_eq!(free_run(full >> 7, 7), Some(57));
        assert_eq!(free_run(full >> 7, 8), None);
        assert_eq!(mask(0, 64), full);
        assert_eq!(mask(57, 7), !(full >> 7));
    }

    /// One test, as there is one reserve. Blocks of all sizes, from several threads, keep what is written to
    /// them. Then the whole reserve can be taken, and no more, and `check` fails while it is low.
    #[test]
    fn blocks_are_disjoint_and_come_back() {
        std::thread::scope(|scope| {
            for seed in 1..5u64 {
                scope.spawn(move || {
                    let mut held = Vec::new();
                    for turn in 0..3000u64 {
                        let noise =
                            (turn * 2 + 1).wrapping_mul(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)) >> 40;
                        let size = if noise % 50 == 0 { noise % 60_000 } else { noise % 5000 } as usize;
                        let block = take(layout(size));
                        assert!(block.is_null() || block as usize % GRANULE == 0);
                        if !block.is_null() {
                            // SAFETY: just taken, of this size.
                            unsafe { block.write_bytes(seed as u8, size) };
                            held.push((block, size));
                        }
                        if held.len() > 20 || turn == 2999 {
                            for (block, size) in held.drain(..) {
                                // SAFETY: taken above, and not given back.
                                let bytes = unsafe { std::slice::from_raw_parts(block, size) };
                                assert!(bytes.iter().all(|&byte| byte == seed as u8));
                                give_back(granule_of(block).unwrap(), size);
                            }
                        }
                    }
                });
            }
        });
        assert_eq!(IN_USE.load(Ordering::Relaxed), 0);
        assert!(TAKEN.iter().all(|word| word.load(Ordering::Relaxed) == 0));

        assert!(take(layout(LARGEST + 1)).is_null());
        assert!(take(Layout::from_size_align(8, 2 * GRANULE).unwrap()).is_null());
        let mut blocks = Vec::new();
        loop {
            let block = take(layout(LARGEST));
            if block.is_null() {
                break;
            }
            blocks.push(block);
            assert_eq!(check().is_err(), blocks.len() * LARGEST >= SIZE / 2);
        }
        assert_eq!(blocks.len(), SIZE / LARGEST);
        assert!(take(layout(1)).is_null());
        blocks.into_iter().for_each(|block| give_back(granule_of(block).unwrap(), LARGEST));
        assert!(check().is_ok());
        what_is_reallocated_keeps_its_bytes();
    }

    fn what_is_reallocated_keeps_its_bytes() {
        let old = take(layout(100));
        // SAFETY: `old` is a block of 100 bytes; the result is given back with its last layout.
        unsafe {
            old.write_bytes(7, 100);
            let new = Allocator.realloc(old, layout(100), 5000);
            assert!(
                granule_of(new).is_none()
                    && std::slice::from_raw_parts(new, 100).iter().all(|&byte| byte == 7)
            );
            Allocator.dealloc(new, layout(5000));
        }
    }
}
