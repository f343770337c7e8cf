//! Parallel zstd: a client of the job engine.
#![forbid(unsafe_code)]

/// The version of the libzstd inside.
pub fn zstd_version() -> &'static str {
    zstd::zstd_safe::version_string()
}

/// In the child of a fork: contexts may be locked by threads that do not exist.
pub(crate) fn forget_after_fork() {}
