//! From a Rust result to a C status: panics are caught, and the caller's error struct is filled.

use super::status::{fastpar_error, fastpar_status, status_of, FASTPAR_OK};
use crate::error::{Error, ErrorKind, Result};
use crate::panics::{drop_payload, panic_text};
use std::panic::{catch_unwind, AssertUnwindSafe};

/// Runs `body` and turns its result, or its panic, into a status.
///
/// # Safety
/// `error` is NULL or valid for writing a `fastpar_error`.
#[inline]
pub(super) unsafe fn guard(error: *mut fastpar_error, body: impl FnOnce() -> Result<()>) -> fastpar_status {
    // The bodies hold no broken state across a panic: they share only atomics and locks that recover.
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => FASTPAR_OK,
        // SAFETY: the caller's promise, passed on.
        Ok(Err(failure)) => unsafe { report(error, &failure) },
        Err(payload) => {
            let failure = Error::new(ErrorKind::Panic, format!("panicked: {}", panic_text(payload)));
            // SAFETY: the caller's promise, passed on.
            unsafe { report(error, &failure) }
        }
    }
}

/// Runs a body that cannot fail; a panic, which would be a fault of fastpar, gives `fallback`.
#[inline]
pub(super) fn guard_value<T>(fallback: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|payload| {
        drop_payload(payload);
        fallback
    })
}

/// Writes `failure` to the caller's struct, if there is one.
///
/// # Safety
/// As for [`guard`].
#[cold]
unsafe fn report(error: *mut fastpar_error, failure: &Error) -> fastpar_status {
    if !error.is_null() {
        let value = fastpar_error::from_error(failure);
        // SAFETY: not NULL, and the caller vouches for the rest; unaligned structs are written just the same.
        unsafe { error.write_unaligned(value) };
    }
    status_of(failure.kind())
}
