//! Jobs, by the functions of C: handles that are freed inside the calls on them, and by their own callbacks.

use crate::SmallPool;
use fastpar::ffi::*;
use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::SeqCst};

/// What the callbacks of a job see.
#[derive(Default)]
struct State {
    chunks: AtomicUsize,
    told: AtomicUsize,
    /// To be freed in a callback.
    job: AtomicPtr<fastpar_job>,
}

impl State {
    fn free(&self) {
        // SAFETY: NULL, or a handle that is freed nowhere else.
        unsafe { fastpar_job_free(self.job.swap(ptr::null_mut(), SeqCst)) };
    }
}

thread_local! {
    /// Whether this thread is inside a wait.
    static WAITS: Cell<bool> = const { Cell::new(false) };
}

unsafe extern "C" fn body(state: *mut c_void, _: *const fastpar_chunk) -> i32 {
    // SAFETY: what the test gave.
    let state = unsafe { &*state.cast::<State>() };
    state.chunks.fetch_add(1, SeqCst);
    if WAITS.get() {
        state.free();
    }
    0
}

unsafe extern "C" fn done(state: *mut c_void, _: fastpar_status, _: *const fastpar_error) {
    // SAFETY: what the test gave.
    let state = unsafe { &*state.cast::<State>() };
    state.told.fetch_add(1, SeqCst);
    state.free();
}

fn start(state: &State, chunks: usize) -> *mut fastpar_job {
    // SAFETY: zero is the default of each field.
    let mut options: fastpar_loop_options = unsafe { std::mem::zeroed() };
    options.struct_size = size_of_val(&options);
    options.segments = chunks;
    let mut job = ptr::null_mut();
    let data = ptr::from_ref(state).cast_mut().cast();
    // SAFETY: the state lives until the job has ended.
    let status = unsafe { fastpar_for_start(&options, chunks, Some(body), data, &mut job, ptr::null_mut()) };
    assert_eq!(status, FASTPAR_OK);
    job
}

fn notify(job: *mut fastpar_job, state: &State) -> fastpar_status {
    let data = ptr::from_ref(state).cast_mut().cast();
    // SAFETY: a live handle; the state lives until the job has ended.
    unsafe { fastpar_job_notify(job, Some(done), data, ptr::null_mut()) }
}

fn wait(job: *mut fastpar_job) -> fastpar_status {
    // SAFETY: a live handle when the call begins.
    unsafe { fastpar_job_wait(job, u64::MAX, ptr::null_mut()) }
}

#[test]
fn waited_for_and_freed() {
    let _pool = SmallPool::start();
    let state = State::default();
    let job = start(&state, 6);
    assert_eq!(wait(job), FASTPAR_OK);
    assert_eq!(notify(job, &state), FASTPAR_OK);
    // SAFETY: given back once.
    unsafe { fastpar_job_free(job) };
    assert_eq!((state.chunks.into_inner(), state.told.into_inner()), (6, 1));
}

/// The thread that waits runs the chunk that frees the job, unless the workers are faster.
#[test]
fn freed_by_its_body_while_waited_for() {
    let pool = SmallPool::start();
    let state = State::default();
    let job = start(&state, 8);
    state.job.store(job, SeqCst);
    WAITS.set(true);
    let status = wait(job);
    WAITS.set(false);
    assert!([FASTPAR_OK, FASTPAR_ERR_CANCELLED].contains(&status));
    drop(pool); // waits for the job
                // SAFETY: no chunk has freed it.
    unsafe { fastpar_job_free(state.job.into_inner()) };
}

#[test]
fn freed_by_its_notification() {
    let pool = SmallPool::start();
    let state = State::default();
    let job = start(&state, 4);
    state.job.store(job, SeqCst);
    assert_eq!(notify(job, &state), FASTPAR_OK);
    drop(pool); // waits for the job
    assert_eq!((state.chunks.into_inner(), state.told.into_inner()), (4, 1));
    assert!(state.job.into_inner().is_null());
}

#[test]
fn detached() {
    let pool = SmallPool::start();
    let state = State::default();
    let job = start(&state, 6);
    // SAFETY: given back once.
    unsafe { fastpar_job_detach(job) };
    drop(pool);
    assert_eq!(state.chunks.into_inner(), 6);
}

/// Freed while its chunks are in flight: it is cancelled, and they are waited for.
#[test]
fn freed_while_it_runs() {
    let _pool = SmallPool::start();
    let state = State::default();
    let job = start(&state, 20);
    // SAFETY: given back once.
    unsafe { fastpar_job_free(job) };
    assert!(state.chunks.into_inner() <= 20);
}
