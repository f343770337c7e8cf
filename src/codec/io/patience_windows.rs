//! Virus scanners, indexers, backup and sync programs open files of others for a moment, new files above all.
//! Until they are through, a file cannot be renamed, replaced or opened: so that is tried again for about a
//! second.
#![forbid(unsafe_code)]

use std::io;
use std::time::{Duration, Instant};
use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_LOCK_VIOLATION, ERROR_PIPE_BUSY, ERROR_SHARING_VIOLATION,
};

const PATIENCE: Duration = Duration::from_secs(1);
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_millis(50);

/// Errors of a file that is open elsewhere. Access is denied where somebody has removed the file and not
/// closed it yet, too.
pub(crate) const HELD: [u32; 3] = [ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION];
/// The same where access is denied for good.
pub(crate) const SHARED: [u32; 3] = [ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION, ERROR_PIPE_BUSY];

/// Does it, again while it fails with one of these errors.
pub(crate) fn patiently<T>(busy: &[u32], mut act: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let (begin, mut pause) = (Instant::now(), SHORTEST);
    loop {
        let error = match act() {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        let is_busy = code(&error).is_some_and(|code| busy.contains(&code));
        if !is_busy || begin.elapsed() >= PATIENCE {
            return Err(error);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(LONGEST);
    }
}

/// The system's number.
pub(crate) fn code(error: &io::Error) -> Option<u32> {
    error.raw_os_error().and_then(|code| u32::try_from(code).ok())
}
