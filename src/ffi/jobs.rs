//! Group "jobs": the same loop, not waiting.

use super::borrow::{self, Out};
use super::guard::{guard, guard_value};
use super::handle::{self, Held};
use super::loops::{fastpar_chunk_fn, fastpar_loop_options, ForeignBody, LoopArguments};
use super::status::{fastpar_error, fastpar_status, status_of, FASTPAR_OK};
use crate::error::{Error, ErrorKind, Result};
use crate::job::{Chunk, JobHandle, OwnedProgress};
use std::ffi::c_void;
use std::sync::Arc;

/// A loop that runs by itself. Opaque; made by `fastpar_for_start`, released by `fastpar_job_free` or
/// `fastpar_job_detach`.
pub struct fastpar_job {
    handle: JobHandle,
}

/// Told once that a job has ended.
///
/// Called on a thread of the pool, or by `fastpar_job_notify` at once, in the floating-point environment of
/// the job's chunks. It may call every function of fastpar except `fastpar_pool_shutdown` and
/// `fastpar_pool_hook` (FASTPAR_ERR_BUSY), may wait for this job, which returns at once what it came to, and
/// may release it, which does not wait. It must return normally: no C++ exception, no longjmp.
///
/// @param user_data  the `user_data` of `fastpar_job_notify`
/// @param status     the status that `fastpar_job_wait` returns
/// @param error      the job's error, valid until the callback returns; NULL if `status` is FASTPAR_OK
pub type fastpar_done_fn =
    Option<unsafe extern "C" fn(user_data: *mut c_void, status: fastpar_status, error: *const fastpar_error)>;

/// A notification of the program's.
struct ForeignDone {
    function: unsafe extern "C" fn(*mut c_void, fastpar_status, *const fastpar_error),
    user_data: *mut c_void,
}

// SAFETY: the program promises that the callback may be called with its data on a thread of the pool.
unsafe impl Send for ForeignDone {}

impl ForeignDone {
    fn call(self, result: &Result<()>) {
        let (status, failure) = match result {
            Ok(()) => (FASTPAR_OK, None),
            Err(error) => (status_of(error.kind()), Some(fastpar_error::from_error(error))),
        };
        let error = failure.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: the program's promise; the error lives until the callback returns.
        unsafe { (self.function)(self.user_data, status, error) };
    }
}

/// Holds a job for the time of a call.
///
/// # Safety
/// `job` is NULL or a live handle.
unsafe fn hold_job(job: *const fastpar_job) -> Result<Held<fastpar_job>> {
    // SAFETY: the caller's promise.
    unsafe { handle::hold(job) }.ok_or_else(|| Error::new(ErrorKind::InvalidArgument, "job is NULL"))
}

/// Starts a loop and returns at once.
///
/// Equivalent to `fastpar_for` on another thread. The workers of the pool run it; a thread that waits for it
/// helps. It completes whether anybody waits or not. A cancelled or failed job is told by `fastpar_job_wait`.
///
/// @param options    may be NULL. The struct is copied; what `cancel` and `progress_data` point to must live
///                   until the job is finished (waited for, or freed).
/// @param count      items, 0 to SIZE_MAX
/// @param body       must not be NULL; called as by `fastpar_for`, lane 0 is not the starting thread
/// @param user_data  given to `body`; must live until the job is finished
/// @param job        out, must not be NULL: the handle, to be released by `fastpar_job_free`; NULL on failure
/// @param error      may be NULL
/// @return FASTPAR_OK: it is started; FASTPAR_ERR_THREADS: no worker could be started, and no thread would
///         run it; otherwise as `fastpar_for` before its first chunk.
///
/// Jobs and loops share the workers: between two chunks a worker goes over to a job that waits for one, and
/// comes back. But a worker that is inside a callback stays there. If callbacks that block (for a queue, a
/// lock, a slow disk) hold every worker, a job that is started then has none until one of them returns, also
/// if it is the one that they wait for: members of a team, or a thread that waits for the job and so runs it,
/// do not need one.
///
/// Does not block, but for the start of the pool. May be called from any thread, and from inside callbacks.
/// Since: 1.0
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
        // NULL, whatever fails below.
        place.set(std::ptr::null_mut());
        // SAFETY: the caller's promise; what the options point to lives until the job is finished.
        let arguments = unsafe { LoopArguments::<'static>::read(options)? };
        let body = ForeignBody::new(body, user_data)?;
        let LoopArguments { schedule, max_lanes, cancel, progress, name } = arguments;
        let progress = progress
            .is_set()
            .then(|| Arc::new(move |done, total| progress.report(done, total)) as OwnedProgress);
        let body = Box::new(move |chunk: &Chunk| body.call(chunk));
        let handle = JobHandle::start_named(name, schedule, count, max_lanes, cancel, progress, body)?;
        place.set(handle::give(fastpar_job { handle }));
        Ok(())
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, start) }
}

/// Waits until a job is finished, helping with its chunks, and returns the job's status.
///
/// @param job         must not be NULL
/// @param timeout_ms  milliseconds; 0: only ask; UINT64_MAX: for ever. It may be passed by the length of one
///                    chunk, as the waiting thread works.
/// @param error       may be NULL
/// @return FASTPAR_ERR_TIMEOUT: the job is not finished yet, wait again; FASTPAR_ERR_BUSY: from inside a
///         callback of this job (its last report of progress, too), but for its notification
///         (`fastpar_job_notify`), or no worker can run that notification, or end the job, see "Loading" and
///         "Ending" above;
///         FASTPAR_ERR_LIMIT_EXCEEDED: from inside 128 calls, each in a callback of the call before;
///         FASTPAR_ERR_THREADS: the job belongs to the parent of this forked process;
///         FASTPAR_ERR_INVALID_ARGUMENT: `job` is NULL; otherwise the job is finished, and the status is that
///         which `fastpar_for` would have returned. Asking again tells the same.
///
/// After FASTPAR_OK all writes of the callbacks are visible, and the job's notification, if there is one, has
/// returned. The job may be freed meanwhile, by a callback that this call runs or by another thread. May be
/// called from any thread, by several at a time, and from inside callbacks of other jobs. Since: 1.0
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
    unsafe { guard(error, || hold_job(job)?.handle.wait(borrow::timeout(timeout_ms))) }
}

/// Tells how far a job is.
///
/// @param job    must not be NULL
/// @param done   out, may be NULL: items done
/// @param total  out, may be NULL: all items of the job
/// @param error  may be NULL
/// @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: `job` is NULL; FASTPAR_ERR_THREADS: the job belongs to
///         the parent of this forked process.
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
        let now = unsafe { hold_job(job)?.handle.progress()? };
        // SAFETY: the caller's promise.
        unsafe { borrow::set_if_wanted(done, now.0) };
        // SAFETY: the caller's promise.
        unsafe { borrow::set_if_wanted(total, now.1) };
        Ok(())
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// Cancels a job: no new chunk starts, and `fastpar_job_wait` returns FASTPAR_ERR_CANCELLED once the chunks
/// in flight are done.
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
        if let Ok(job) = unsafe { hold_job(job) } {
            job.handle.cancel();
        }
    });
}

/// Releases a job. A job that is still running is cancelled, and its chunks in flight are waited for.
///
/// @param job  NULL: nothing happens. Not to be used afterwards, by any thread. Calls under way, such as a
///             wait on another thread or the wait that runs the calling callback, go on to their ends.
///
/// Blocks until the chunks in flight are done, and the job's notification has returned; from inside a
/// callback of this very job, its last report of progress and its notification among them, it does not wait.
/// Where no worker can begin (in the constructor of a library that is being loaded, see "Loading" above) it
/// returns after two seconds without the notification, which a worker calls as soon as it can.
/// May be called from any thread. Since: 1.0
///
/// # Safety
/// `job` is NULL or a live handle.
#[no_mangle]
pub unsafe extern "C" fn fastpar_job_free(job: *mut fastpar_job) {
    guard_value((), || {
        // SAFETY: NULL, or made in `fastpar_for_start` and given back once.
        if let Some(job) = unsafe { handle::end(job) } {
            job.handle.release();
        }
    });
}

/// Has a function called once when a job has ended.
///
/// Calls that wait for the job, free it on another thread, or shut the pool down return only after the
/// function has.
///
/// @param job        must not be NULL
/// @param done       must not be NULL; called on a thread of the pool when the job has ended, or at once, on
///                   the calling thread, if it has
/// @param user_data  given to `done`; must live until it has returned
/// @param error      may be NULL
/// @return FASTPAR_OK: it will be called, or has been; FASTPAR_ERR_BUSY: the job has a notification already;
///         FASTPAR_ERR_INVALID_ARGUMENT: `job` or `done` is NULL; FASTPAR_ERR_THREADS: the job belongs to the
///         parent of this forked process; where the job has ended also what `fastpar_for` returns if the pool
///         cannot be started, past 128 calls within each other and from inside a hook. On failure it is not
///         called.
///
/// In a forked child it is never called. Does not block, unless `done` is called at once and blocks. May be
/// called from any thread, and from inside callbacks, the job's own too. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_job_notify(
    job: *mut fastpar_job,
    done: fastpar_done_fn,
    user_data: *mut c_void,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        // SAFETY: the caller's promise.
        let job = unsafe { hold_job(job)? };
        let function = done.ok_or_else(|| Error::new(ErrorKind::InvalidArgument, "done is NULL"))?;
        let done = ForeignDone { function, user_data };
        job.handle.notify(Box::new(move |result| done.call(result)))
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// Releases a job that goes on by itself: its callbacks and its notification come as before.
///
/// @param job  NULL: nothing happens. Not to be used afterwards, by any thread. What was given to
///             `fastpar_for_start` must live until the job has ended: `fastpar_job_notify` tells.
///
/// Never blocks. May be called from any thread, and from inside callbacks, the job's own too. Since: 1.0
///
/// # Safety
/// `job` is NULL or a live handle.
#[no_mangle]
pub unsafe extern "C" fn fastpar_job_detach(job: *mut fastpar_job) {
    guard_value((), || {
        // SAFETY: NULL, or made in `fastpar_for_start` and given back once.
        if let Some(job) = unsafe { handle::end(job) } {
            job.handle.detach();
        }
    });
}
