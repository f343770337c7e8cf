//! Mistakes that a sanitizer has to report, in code of the tests, of Rust's std and of libzstd: else one of
//! them is not built for it, and the suites `tsan` and `msan` are green for nothing.
//!
//! `cargo xtask test tsan msan` runs each test in a process of its own, and wants a report.

use fastpar::codec::{self, Options};
use std::hint::{self, black_box};
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

const LEN: usize = 100_000;

/// An address that other threads use, too.
#[derive(Clone, Copy)]
struct Shared(*mut u8);
// SAFETY: the threads race, but for no longer than the bytes live.
unsafe impl Send for Shared {}

/// Compresses what nobody else may write meanwhile, nor have left unwritten.
fn compress(bytes: &[u8]) {
    let options = Options { max_lanes: 1, checksum: false, ..Options::default() };
    black_box(codec::compress_to_vec(bytes, &options).unwrap());
}

/// One thread writes while `read` reads, at the same time: of accesses that are long past a sanitizer has
/// forgotten where they were made, and tells none of them.
fn race(read: impl Fn(&[u8]) + Send) {
    let mut bytes = vec![0u8; LEN];
    let shared = Shared(bytes.as_mut_ptr());
    let begun = AtomicU32::new(0);
    let meet = &|| {
        // Relaxed, so that it puts neither thread before the other.
        begun.fetch_add(1, Ordering::Relaxed);
        while begun.load(Ordering::Relaxed) < 2 {
            hint::spin_loop();
        }
    };
    thread::scope(|scope| {
        scope.spawn(move || {
            let shared = black_box(shared);
            meet();
            // SAFETY: within the bytes; that another thread reads them is the mistake.
            (0..LEN).for_each(|at| unsafe { shared.0.add(at).write(black_box(1)) });
        });
        scope.spawn(move || {
            let shared = black_box(shared);
            meet();
            // SAFETY: the same.
            read(unsafe { std::slice::from_raw_parts(shared.0, LEN) });
        });
    });
}

#[test]
fn a_race_in_rust() {
    race(|bytes| {
        black_box(bytes.iter().filter(|&&byte| byte == 1).count());
    });
}

#[test]
fn a_race_in_libzstd() {
    race(compress);
}

/// Bytes that nobody has written.
fn unwritten() -> Box<[MaybeUninit<u8>]> {
    black_box(Box::new_uninit_slice(LEN))
}

fn as_bytes(bytes: &[MaybeUninit<u8>]) -> &[u8] {
    // SAFETY: of the right size; that they were never written is the mistake.
    unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len()) }
}

#[test]
fn unwritten_bytes_in_rust() {
    let bytes = unwritten();
    if as_bytes(&bytes)[LEN / 2] == 1 {
        println!("it is one");
    }
}

#[test]
fn unwritten_bytes_in_libzstd() {
    compress(as_bytes(&unwritten()));
}
