//! Plain rayon behind the interface of the benchmark of tasks (`peer.h`): `join`, `scope` and its sorts.
//! Variants "stable" and "unstable" for records. It has no pipelines in order, and no scans.

use rayon::prelude::*;
use std::ffi::{c_char, c_void, CStr};
use std::slice::from_raw_parts_mut;
use std::sync::OnceLock;

/// Smaller ones are the driver's.
const FIB_SERIAL: u64 = 15;
const QUICKSORT_PART: usize = 1 << 14;

/// `struct tree`.
#[repr(C)]
pub struct Tree {
    left: *const Tree,
    right: *const Tree,
    value: u64,
}

/// `struct trade`.
#[repr(C)]
pub struct Trade {
    time: i64,
    rest: [u64; 5],
}

/// `struct tools`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Tools {
    fib_serial: unsafe extern "C" fn(u64) -> u64,
    partition: unsafe extern "C" fn(*mut u64, usize) -> usize,
    sort_part: unsafe extern "C" fn(*mut u64, usize),
    pipeline: [*const c_void; 3],
}

// SAFETY: functions of the driver, which may be called from every thread.
unsafe impl Send for Tools {}
// SAFETY: as above.
unsafe impl Sync for Tools {}

struct Peer {
    pool: rayon::ThreadPool,
    tools: Tools,
    is_stable: bool,
}

static PEER: OnceLock<Peer> = OnceLock::new();

fn peer() -> &'static Peer {
    PEER.get().expect("peer_init comes first")
}

/// Starts the pool.
///
/// # Safety
/// `variant` is a string, and `tools` the driver's.
#[no_mangle]
pub unsafe extern "C" fn peer_init(threads: u32, variant: *const c_char, tools: *const Tools) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads as usize).build().expect("threads");
    // SAFETY: the caller's promise.
    let (variant, tools) = unsafe { (CStr::from_ptr(variant), *tools) };
    let made = Peer { pool, tools, is_stable: variant == c"stable" };
    assert!(PEER.set(made).is_ok(), "peer_init is called once");
}

/// Empty tasks.
#[no_mangle]
pub extern "C" fn peer_spawn(count: usize) {
    peer().pool.scope(|scope| (0..count).for_each(|_| scope.spawn(|_| ())));
}

fn fib(n: u64, tools: &Tools) -> u64 {
    if n < FIB_SERIAL {
        // SAFETY: the driver's function takes any number.
        return unsafe { (tools.fib_serial)(n) };
    }
    let (one, two) = rayon::join(|| fib(n - 1, tools), || fib(n - 2, tools));
    one + two
}

/// A number of Fibonacci.
#[no_mangle]
pub extern "C" fn peer_fib(n: u64) -> u64 {
    peer().pool.install(|| fib(n, &peer().tools))
}

fn quicksort(numbers: &mut [u64], tools: &Tools) {
    if numbers.len() <= QUICKSORT_PART {
        // SAFETY: the driver's function sorts these numbers.
        return unsafe { (tools.sort_part)(numbers.as_mut_ptr(), numbers.len()) };
    }
    // SAFETY: the driver's function moves these numbers.
    let cut = unsafe { (tools.partition)(numbers.as_mut_ptr(), numbers.len()) };
    let (left, right) = numbers.split_at_mut(cut);
    rayon::join(|| quicksort(left, tools), || quicksort(right, tools));
}

/// Sorts by tasks.
///
/// # Safety
/// There are `count` numbers.
#[no_mangle]
pub unsafe extern "C" fn peer_quicksort(numbers: *mut u64, count: usize) {
    // SAFETY: the caller's promise.
    let numbers = unsafe { from_raw_parts_mut(numbers, count) };
    peer().pool.install(|| quicksort(numbers, &peer().tools));
}

struct Shared(*const Tree);

// SAFETY: the tree is only read.
unsafe impl Send for Shared {}

impl Shared {
    fn sum(self) -> u64 {
        let mut sum = 0;
        let mut at = self;
        // SAFETY: null, or a node of the driver's.
        while let Some(node) = unsafe { at.0.as_ref() } {
            sum += node.value;
            let (left, right) = (Shared(node.left), Shared(node.right));
            if !left.0.is_null() && !right.0.is_null() {
                let (left, right) = rayon::join(|| left.sum(), || right.sum());
                return sum + left + right;
            }
            at = if left.0.is_null() { right } else { left };
        }
        sum
    }
}

/// The sum of a tree.
#[no_mangle]
pub extern "C" fn peer_tree(root: *const Tree) -> u64 {
    let root = Shared(root);
    peer().pool.install(|| root.sum())
}

/// Sorts numbers.
///
/// # Safety
/// There are `count` numbers.
#[no_mangle]
pub unsafe extern "C" fn peer_sort_u64(numbers: *mut u64, count: usize) {
    // SAFETY: the caller's promise.
    let numbers = unsafe { from_raw_parts_mut(numbers, count) };
    peer().pool.install(|| numbers.par_sort_unstable());
}

/// Sorts numbers, by their total order.
///
/// # Safety
/// There are `count` numbers.
#[no_mangle]
pub unsafe extern "C" fn peer_sort_f64(numbers: *mut f64, count: usize) {
    // SAFETY: the caller's promise.
    let numbers = unsafe { from_raw_parts_mut(numbers, count) };
    peer().pool.install(|| numbers.par_sort_unstable_by(f64::total_cmp));
}

/// Sorts records by time.
///
/// # Safety
/// There are `count` records.
#[no_mangle]
pub unsafe extern "C" fn peer_sort_records(records: *mut Trade, count: usize) {
    // SAFETY: the caller's promise.
    let records = unsafe { from_raw_parts_mut(records, count) };
    peer().pool.install(|| match peer().is_stable {
        true => records.par_sort_by_key(|record| record.time),
        false => records.par_sort_unstable_by_key(|record| record.time),
    });
}
