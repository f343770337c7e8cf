//! Variables of the environment.
#![forbid(unsafe_code)]

use std::ffi::OsString;

/// A variable; `None` in a program that has more rights than its user (`secure_getenv`).
pub(crate) fn variable(name: &str) -> Option<OsString> {
    #[cfg(target_os = "linux")]
    if super::thread::is_privileged() {
        return None;
    }
    std::env::var_os(name)
}
