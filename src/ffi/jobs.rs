//! Group "jobs": the same loop, not waiting.

use super::borrow::{self, Out};
use super::guard::{guard, guard_value};
use super::handle;
use super::loops::{fastpar_chunk_fn, fastpar_loop_options, ForeignBody, LoopArguments};
use super::status::{fastpar_error, fastpar_status};
use crate::error::{Error, ErrorKind, Result};
use crate::job::{Chunk, JobHandle, OwnedProgress};
use std::ffi::c_void;
use std::sync::Arc;

/// A loop that runs by itself. Opaque; made by `fastpar_for_start`, released by `fastpar_job_free`.
pub struct fastpar_job {
    handle: JobHandle,
}

/// Borrows a job.
///
/// # Safety
/// `job` is NULL or a live handle.
unsafe fn borrow_job<'a>(job: *const fastpar_job) -> Result<&'a JobHandle> {
    // SAFETY: the caller's promise.
    match unsafe { handle::look(job) } {
        Some(job) => Ok(&job.handle),
        None => Err(Error::new(ErrorKind::InvalidArgument, "job is NULL")),
    }
}

/// Starts a loop and returns at once.
///
/// Equivalent to `fastpar_for` on another thread. The workers of the pool run it; a thread that waits for it helps. It
/// completes whether anybody waits or not. A cancelled or failed job is told by `fastpar_job_wait`.
///
/// @param options    may be NULL. The struct is copied; what `cancel` and `progress_data` point to must live until the job is
///                   finished (waited for, or freed).
/// @param count      items, 0 to SIZE_MAX
/// @param body       must not be NULL; called as by `fastpar_for`, lane 0 is not the starting thread
/// @param user_data  given to `body`; must live until the job is finished
/// @param job        out, must not be NULL: the handle, to be released by `fastpar_job_free`; NULL on failure
/// @param error      may be NULL
/// @return FASTPAR_OK: it is started; otherwise as `fastpar_for` before its first chunk.
///
/// Does not block, but for the start of the pool. May be called from any thread, and from inside callbacks. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_for_start(
    options: *const fastpar_loop_options,
    count: usize,
    body: fastpar_chunk_fn,
    user_data: *mut c_void,
    job: *mut *mut fastpar_job,
    error: *mut fastpar_error,
) -> fastpar_status {
    let start = || {
        // SAFETY: the caller's promise.
        let place = unsafe { Out::new(job, "job")? };
        place.set(std::ptr::null_mut()); // whatever fails below
                                         // SAFETY: the caller's promise; what the options point to lives until the job is finished.
        let arguments = unsafe { LoopArguments::<'static>::read(options)? };
        let body = ForeignBody::new(body, user_data)?;
        let LoopArguments { schedule, max_lanes, cancel, progress } = arguments;
        let progress = progress
            .is_set()
            .then(|| Arc::new(move |done, total| progress.report(done, total)) as OwnedProgress);
        let body = Box::new(move |chunk: &Chunk| body.call(chunk));
        let handle = JobHandle::start(schedule, count, max_lanes, cancel, progress, body)?;
        place.set(handle::give(fastpar_job { handle }));
        Ok(())
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, start) }
}

/// Waits until a job is finished, helping with its chunks, and tells what it came to.
///
/// @param job         must not be NULL
/// @param timeout_ms  milliseconds; 0: only ask; UINT64_MAX: for ever. It may be passed by the length of one chunk, as the
///                    waiting thread works.
/// @param error       may be NULL
/// @return FASTPAR_ERR_TIMEOUT: not finished yet, wait again; FASTPAR_ERR_BUSY: from inside a callback of this job;
///         FASTPAR_ERR_LIMIT_EXCEEDED: from inside 128 calls, each in a callback of the one before;
///         FASTPAR_ERR_THREADS: the job belongs to the parent of this forked process;
///         FASTPAR_ERR_INVALID_ARGUMENT: `job` is NULL; otherwise it is finished, and this is what `fastpar_for` would have
///         returned. Asking again tells the same.
///
/// After FASTPAR_OK what the callbacks wrote is visible. May be called from any thread, by several at a time, and from inside
/// callbacks of other jobs. Since: 1.0
///
/// # Safety
/// `job` is NULL or a live handle.
#[no_mangle]
pub unsafe extern "C" fn fastpar_job_wait(
    job: *mut fastpar_job,
    timeout_ms: u64,
    error: *mut fastpar_error,
) -> fastpar_status {
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, || borrow_job(job)?.wait(borrow::timeout(timeout_ms))) }
}

/// Tells how far a job is.
///
/// @param job    must not be NULL
/// @param done   out, may be NULL: items done
/// @param total  out, may be NULL: items in all
/// @param error  may be NULL
/// @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: `job` is NULL; FASTPAR_ERR_THREADS: the job belongs to the parent of this
///         forked process.
///
/// Never blocks. May be called from any thread. Since: 1.0
///
/// # Safety
/// `job` is NULL or a live handle.
#[no_mangle]
pub unsafe extern "C" fn fastpar_job_progress(
    job: *const fastpar_job,
    done: *mut u64,
    total: *mut u64,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        // SAFETY: the caller's promise.
        let now = unsafe { borrow_job(job)?.progress()? };
        // SAFETY: the caller's promise.
        unsafe { borrow::set_if_wanted(done, now.0) };
        // SAFETY: the caller's promise.
        unsafe { borrow::set_if_wanted(total, now.1) };
        Ok(())
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// Cancels a job: no new chunk starts, and `fastpar_job_wait` returns FASTPAR_ERR_CANCELLED once the chunks in flight are done.
///
/// @param job  NULL: nothing happens. A finished job stays as it is.
///
/// Never blocks. May be called from any thread, and from inside callbacks. Since: 1.0
///
/// # Safety
/// `job` is NULL or a live handle.
#[no_mangle]
pub unsafe extern "C" fn fastpar_job_cancel(job: *mut fastpar_job) {
    guard_value((), || {
        // SAFETY: the caller's promise.
        if let Ok(job) = unsafe { borrow_job(job) } {
            job.cancel();
        }
    });
}

/// Releases a job; one that still runs is cancelled and waited for.
///
/// @param job  NULL: nothing happens. No other thread may be using it, waiting for it for instance; not to be used afterwards.
///
/// Blocks until the chunks in flight are done; from inside a callback of this very job it does not wait. May be called from any
/// thread. Since: 1.0
///
/// # Safety
/// `job` is NULL or a live handle.
#[no_mangle]
pub unsafe extern "C" fn fastpar_job_free(job: *mut fastpar_job) {
    guard_value((), || {
        // SAFETY: NULL, or made in `fastpar_for_start` and given back once.
        unsafe { handle::free(job) };
    });
}
