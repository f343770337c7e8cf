//! Functions of the C library that Miri does not have, as a small system would answer. Miri finds them by
//! their names.

use std::ffi::{c_int, c_uint, c_ulong, c_void};

#[no_mangle]
extern "C" fn getauxval(_: c_ulong) -> c_ulong {
    0
}

type Look = unsafe extern "C" fn(*mut libc::dl_phdr_info, usize, *mut c_void) -> c_int;

/// A program that is linked statically.
#[no_mangle]
extern "C" fn dl_iterate_phdr(_: Option<Look>, _: *mut c_void) -> c_int {
    0
}

/// Nothing forks here.
#[no_mangle]
extern "C" fn pthread_sigmask(_: c_int, _: *const libc::sigset_t, _: *mut libc::sigset_t) -> c_int {
    0
}

#[no_mangle]
extern "C" fn sigfillset(_: *mut libc::sigset_t) -> c_int {
    0
}

#[no_mangle]
extern "C" fn sigemptyset(_: *mut libc::sigset_t) -> c_int {
    0
}

#[no_mangle]
extern "C" fn sigdelset(_: *mut libc::sigset_t, _: c_int) -> c_int {
    0
}

#[no_mangle]
extern "C" fn getpriority(_: c_uint, _: c_uint) -> c_int {
    0
}

/// Threads have no clocks.
#[no_mangle]
extern "C" fn pthread_getcpuclockid(_: libc::pthread_t, _: *mut libc::clockid_t) -> c_int {
    libc::ENOSYS
}
