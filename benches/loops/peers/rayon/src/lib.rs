//! Plain rayon behind the interface of the loop benchmark (`peer.h`): `install` and a parallel iterator.

use rayon::prelude::*;
use std::ffi::{c_char, c_void};
use std::sync::OnceLock;

static POOL: OnceLock<rayon::ThreadPool> = OnceLock::new();

/// `struct peer_body`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Body {
    call: unsafe extern "C" fn(*mut c_void, usize),
    call_chunk: *const c_void,
    data: *mut c_void,
}

#[derive(Clone, Copy)]
struct Shared<T>(T);

// SAFETY: the driver's bodies may be called from several threads at the same time.
unsafe impl<T> Sync for Shared<T> {}
// SAFETY: as above.
unsafe impl<T> Send for Shared<T> {}

impl<T: Copy> Shared<T> {
    fn get(&self) -> T {
        self.0
    }
}

fn pool() -> &'static rayon::ThreadPool {
    POOL.get().expect("peer_init comes first")
}

/// Starts the pool.
#[no_mangle]
pub extern "C" fn peer_init(threads: u32, _variant: *const c_char) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads as usize).build().expect("threads");
    assert!(POOL.set(pool).is_ok(), "peer_init is called once");
}

/// Runs a loop.
///
/// # Safety
/// `body` is valid for the call.
#[no_mangle]
pub unsafe extern "C" fn peer_run(chunks: usize, body: *const Body) {
    // SAFETY: the caller's promise.
    let body = Shared(unsafe { *body });
    pool().install(|| {
        (0..chunks).into_par_iter().for_each(|index| {
            let body = body.get();
            // SAFETY: the driver's body takes its own data and any index of the loop.
            unsafe { (body.call)(body.data, index) }
        });
    });
}

/// Sums over the chunks.
///
/// # Safety
/// `part` may be called with `data` for every index, from any thread.
#[no_mangle]
pub unsafe extern "C" fn peer_sum(
    chunks: usize,
    part: unsafe extern "C" fn(*mut c_void, usize) -> u64,
    data: *mut c_void,
) -> u64 {
    let data = Shared(data);
    pool().install(|| {
        // SAFETY: the caller's promise.
        (0..chunks).into_par_iter().map(|index| unsafe { part(data.get(), index) }).sum()
    })
}
