//! Group "callbacks": what a callback may ask of the call around it.

use super::guard::guard_value;
use super::status::fastpar_error;
use crate::pool;

/// Tells a callback whether it should come to an end: the call that it belongs to, or one around that, is
/// cancelled or has failed.
///
/// For callbacks that take long: no new chunk starts after a cancel, but a chunk that runs has to ask.
///
/// @return 1 once the innermost call whose callback runs on the calling thread, or a call around it on this
///         thread, is cancelled (its flag, its progress callback, `fastpar_job_free`) or has failed; 0
///         before, and outside of callbacks.
///
/// For callbacks of every kind: chunks, folds and combines, members of teams, sinks, sources, progress,
/// notifications of jobs; not for hooks, which belong to no call. What a callback returns after it is up to
/// the callback: 0 changes nothing.
///
/// Never blocks; some nanoseconds. May be called from any thread. Since: 1.0
#[no_mangle]
pub extern "C" fn fastpar_is_cancelled() -> i32 {
    guard_value(0, || i32::from(pool::is_cancelled()))
}

/// Tells which error the call shall return, from inside a callback that then returns non-zero.
///
/// ```c
/// int32_t body(void *user_data, const fastpar_chunk *chunk) {
///   fastpar_error error;
///   if (fastpar_decompress(NULL, src, src_len, dst, capacity, &written, &error)) {
///     fastpar_fail(&error);   // fastpar_for returns FASTPAR_ERR_CORRUPT, say, with this message
///     return 1;
///   }
///   ...
/// ```
///
/// The call then returns this error, status, code, position and message, where it would have returned
/// FASTPAR_ERR_CALLBACK (a progress callback: FASTPAR_ERR_CANCELLED). A `position` of UINT64_MAX becomes the
/// chunk or the member. Of several callbacks that fail the same one counts as without: of chunks the lowest.
/// An empty message is replaced by what fastpar would have said.
///
/// @param error  copied. A `status` that is 0, FASTPAR_ERR_TIMEOUT, FASTPAR_ERR_BUSY, FASTPAR_ERR_AGAIN (they
///               are about another call), or unknown, counts as FASTPAR_ERR_CALLBACK; with that a `code` of 0
///               becomes what the callback returns. NULL: as if nothing had been told.
///
/// It belongs to the innermost callback of the calling thread, the last one told counts, and it is dropped if
/// that callback returns 0. Outside of callbacks nothing happens. Never blocks. May be called from any
/// thread. Since: 1.0
///
/// # Safety
/// `error` is NULL or valid for reading.
#[no_mangle]
pub unsafe extern "C" fn fastpar_fail(error: *const fastpar_error) {
    guard_value((), || {
        // SAFETY: not NULL, and the caller vouches for the rest; unaligned structs are read just the same.
        let error = (!error.is_null()).then(|| unsafe { error.read_unaligned() });
        pool::fail(error.map(|error| error.to_error()));
    });
}
