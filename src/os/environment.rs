//! Variables of the environment.
#![forbid(unsafe_code)]

use std::ffi::OsString;

/// A variable; `None` in a program that has more rights than its user (`secure_getenv`).
pub(crate) fn variable(name: &str) -> Option<OsString> {
    #[cfg(any(target_os = "linux", target_vendor = "apple", target_os = "freebsd"))]
    if super::thread::is_privileged() {
        return None;
    }
    std::env::var_os(name)
}
