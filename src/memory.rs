//! Memory for when the system has none.
//!
//! Rust's standard library and rayon end the program where a small allocation fails: a box, a queue's next block, the text of an
//! error. A library must not do that to its host. What may be large is asked for in ways that can fail ([`reserve`]), and refused
//! where only this has memory; what is small comes from here then, so that the call can go on, or give up in good order. The
//! reserve is memory of zeros that costs nothing until it is touched. While much of it is taken and the system has no more,
//! [`check`] refuses what would take more for long.
//!
//! Pieces are runs of bits of one word, or whole words, each claimed by one compare-and-exchange: no lock that a fork could leave
//! locked.

use crate::error::{Error, ErrorKind, Result};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// The smallest piece, and its alignment: that of what has cache lines to itself.
const GRANULE: usize = 128;
/// Pieces of one word.
const BITS: usize = u64::BITS as usize;
/// Enough for the start of a pool of 1,024 threads.
const WORDS: usize = 512;
const SIZE: usize = WORDS * BITS * GRANULE;
/// More than this at a time is not small.
const LARGEST: usize = SIZE / 8;
/// With so many pieces taken the system is asked again before anything begins.
const LOW: usize = WORDS * BITS / 4;
/// With so many taken nothing begins.
const LOWEST: usize = WORDS * BITS / 2;
/// What the system must have then, in bytes.
const ENOUGH: usize = 64 << 10;

/// The system's allocator, and a reserve behind it. What programs link is built with it (the feature `reserve`); a Rust program that
/// switches that off may name it as its own `#[global_allocator]`.
pub struct Allocator;

#[cfg(feature = "reserve")]
#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

#[repr(align(4096))]
struct Region(UnsafeCell<[MaybeUninit<u8>; SIZE]>);

// SAFETY: only its address is shared; each piece is used by the one who claimed it.
unsafe impl Sync for Region {}

static REGION: Region = Region(UnsafeCell::new([MaybeUninit::uninit(); SIZE]));
/// A bit for each piece: it is taken. Claimed with acquire and given back with release, so that who takes a piece over sees the
/// last writes of whoever had it before.
static TAKEN: [AtomicU64; WORDS] = [const { AtomicU64::new(0) }; WORDS];
/// How many are. Relaxed: advice.
static IN_USE: AtomicUsize = AtomicUsize::new(0);

/// Fails while much of the reserve is taken, and the system has no memory still: for calls that would begin something.
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

/// Who holds pieces may be a helper that has not come to run since, or a pool: that is no reason to refuse if memory is back.
#[cold]
fn check_low(used: usize) -> Result<()> {
    if used < LOWEST && system_has(ENOUGH) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::OutOfMemory, "the system has no memory, and the reserve is low"))
}

/// Whether so much can be had from the system now.
fn system_has(bytes: usize) -> bool {
    let Ok(layout) = Layout::from_size_align(bytes.max(1), 1) else { return false };
    // SAFETY: not empty, and given back with its layout. The black box keeps the compiler from leaving both out.
    unsafe {
        let found = black_box(System.alloc(layout));
        if !found.is_null() {
            System.dealloc(found, layout);
        }
        !found.is_null()
    }
}

/// Fails where so much memory cannot be had now: before something that takes it piece by piece and cannot fail.
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

/// Makes room for exactly `count` more items, from the system; what the vector has stays. (Where it grew into the reserve before
/// this fails, it is there until it is dropped.)
///
/// # Errors
/// [`ErrorKind::OutOfMemory`].
pub(crate) fn reserve<T>(vec: &mut Vec<T>, count: usize) -> Result<()> {
    let had = vec.capacity();
    let made = vec.try_reserve_exact(count).is_ok();
    let spared = made && vec.capacity() != had && place_of(vec.as_mut_ptr().cast()).is_some();
    if spared && vec.is_empty() {
        *vec = Vec::new(); // the reserve is for what cannot fail
    }
    if made && !spared {
        return Ok(());
    }
    // A text that takes no memory: each item of a batch may fail so.
    Err(Error::new(ErrorKind::OutOfMemory, "the system has no memory for the buffers of the call"))
}

// SAFETY: the system's allocator keeps the contract; pieces of the reserve are disjoint, large enough and aligned (see `take`).
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
            // SAFETY: a piece of this size, which may have been used before.
            unsafe { taken.write_bytes(0, layout.size()) };
        }
        taken
    }

    #[inline]
    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        match place_of(old) {
            // SAFETY: the caller's promise: it is his, and of this layout.
            None => unsafe { System.dealloc(old, layout) },
            Some(place) => give_back(place, layout.size()),
        }
    }

    #[inline]
    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if place_of(old).is_none() {
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

/// What `realloc` means, step by step.
///
/// # Safety
/// As for [`GlobalAlloc::realloc`].
#[cold]
unsafe fn move_to_new(old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
    // SAFETY: the caller's promise; the new piece is another one, and both have as many bytes as are copied.
    unsafe {
        let new = Allocator.alloc(Layout::from_size_align_unchecked(size, layout.align()));
        if !new.is_null() {
            ptr::copy_nonoverlapping(old, new, layout.size().min(size));
            Allocator.dealloc(old, layout);
        }
        new
    }
}

/// Which piece an address belongs to, if any.
#[inline]
fn place_of(address: *mut u8) -> Option<usize> {
    let offset = (address as usize).wrapping_sub(REGION.0.get() as usize);
    (offset < SIZE).then_some(offset / GRANULE)
}

/// A piece of the reserve; null if there is none.
#[cold]
fn take(layout: Layout) -> *mut u8 {
    if layout.align() > GRANULE || layout.size() > LARGEST {
        return ptr::null_mut();
    }
    let pieces = layout.size().div_ceil(GRANULE).max(1);
    let found = if pieces <= BITS { take_bits(pieces) } else { take_words(pieces.div_ceil(BITS)) };
    let Some(place) = found else { return ptr::null_mut() };
    IN_USE.fetch_add(pieces, Ordering::Relaxed);
    // SAFETY: within the region.
    unsafe { REGION.0.get().cast::<u8>().add(place * GRANULE) }
}

/// Bits `first..first + count` of a word.
fn mask(first: u32, count: usize) -> u64 {
    (u64::MAX >> (BITS - count)) << first
}

/// The first `count` free pieces of one word that lie side by side.
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
fn give_back(place: usize, size: usize) {
    let pieces = size.div_ceil(GRANULE).max(1);
    IN_USE.fetch_sub(pieces, Ordering::Relaxed);
    let word = place / BITS;
    if pieces <= BITS {
        TAKEN[word].fetch_and(!mask((place % BITS) as u32, pieces), Ordering::Release);
    } else {
        let words = &TAKEN[word..word + pieces.div_ceil(BITS)];
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

    /// One test, as there is one reserve: pieces of all sizes, from several threads, keep what is written to them; then all of it
    /// can be had, no more, and `check` says when it is low.
    #[test]
    fn pieces_are_disjoint_and_come_back() {
        std::thread::scope(|scope| {
            for seed in 1..5u64 {
                scope.spawn(move || {
                    let mut held = Vec::new();
                    for turn in 0..3000u64 {
                        let noise =
                            (turn * 2 + 1).wrapping_mul(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)) >> 40;
                        let size = if noise % 50 == 0 { noise % 60_000 } else { noise % 5000 } as usize;
                        let piece = take(layout(size));
                        assert!(piece.is_null() || piece as usize % GRANULE == 0);
                        if !piece.is_null() {
                            // SAFETY: just taken, of this size.
                            unsafe { piece.write_bytes(seed as u8, size) };
                            held.push((piece, size));
                        }
                        if held.len() > 20 || turn == 2999 {
                            for (piece, size) in held.drain(..) {
                                // SAFETY: taken above, and not given back.
                                let bytes = unsafe { std::slice::from_raw_parts(piece, size) };
                                assert!(bytes.iter().all(|&byte| byte == seed as u8));
                                give_back(place_of(piece).unwrap(), size);
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
        let mut pieces = Vec::new();
        loop {
            let piece = take(layout(LARGEST));
            if piece.is_null() {
                break;
            }
            pieces.push(piece);
            assert_eq!(check().is_err(), pieces.len() * LARGEST >= SIZE / 2);
        }
        assert_eq!(pieces.len(), SIZE / LARGEST);
        assert!(take(layout(1)).is_null());
        pieces.into_iter().for_each(|piece| give_back(place_of(piece).unwrap(), LARGEST));
        assert!(check().is_ok());
        what_is_reallocated_keeps_its_bytes();
    }

    fn what_is_reallocated_keeps_its_bytes() {
        let old = take(layout(100));
        // SAFETY: `old` is a piece of 100 bytes, and what comes of it is given back by its last layout.
        unsafe {
            old.write_bytes(7, 100);
            let new = Allocator.realloc(old, layout(100), 5000);
            assert!(
                place_of(new).is_none() && std::slice::from_raw_parts(new, 100).iter().all(|&byte| byte == 7)
            );
            Allocator.dealloc(new, layout(5000));
        }
    }
}
