//! Group "library": versions and the names of statuses.

use super::guard::guard_value;
use super::status::{describe, fastpar_status};
use std::ffi::{c_char, CStr};
use std::sync::OnceLock;

/// The version of the ABI that this library speaks.
pub const FASTPAR_ABI_VERSION: u32 = 1;

const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(text) => text,
    Err(_) => panic!("the version holds no NUL"),
};

/// One part of the version in Cargo.toml as a number.
const fn number(text: &str) -> u32 {
    let bytes = text.as_bytes();
    let mut value = 0;
    let mut i = 0;
    while i < bytes.len() {
        value = value * 10 + (bytes[i] - b'0') as u32;
        i += 1;
    }
    value
}

const VERSION_NUMBER: u32 = number(env!("CARGO_PKG_VERSION_MAJOR")) * 10_000
    + number(env!("CARGO_PKG_VERSION_MINOR")) * 100
    + number(env!("CARGO_PKG_VERSION_PATCH"));

/// Returns the version of the library: major * 10000 + minor * 100 + patch.
///
/// Equal to `FASTPAR_VERSION_NUMBER` when program and library come from the same release. Never fails, never
/// blocks, may be called from any thread. Since: 1.0
#[no_mangle]
pub extern "C" fn fastpar_version() -> u32 {
    VERSION_NUMBER
}

/// Returns the version of the library as text, such as "1.2.3".
///
/// The string is static: never NULL, never to be freed. May be called from any thread. Since: 1.0
#[no_mangle]
pub extern "C" fn fastpar_version_string() -> *const c_char {
    VERSION.as_ptr()
}

/// Returns the version of the ABI that the library speaks.
///
/// Equal to `FASTPAR_ABI_VERSION`; a program that loads the library at run time checks this first, and
/// refuses any other number. May be called from any thread. Since: 1.0
#[no_mangle]
pub extern "C" fn fastpar_abi_version() -> u32 {
    FASTPAR_ABI_VERSION
}

/// Returns the version of the libzstd inside, such as "1.5.7".
///
/// The string is static: never NULL, never to be freed. May be called from any thread. Since: 1.0
#[no_mangle]
pub extern "C" fn fastpar_zstd_version_string() -> *const c_char {
    static TEXT: OnceLock<std::ffi::CString> = OnceLock::new();
    guard_value(c"".as_ptr(), || {
        TEXT.get_or_init(|| std::ffi::CString::new(crate::codec::zstd_version()).unwrap_or_default()).as_ptr()
    })
}

/// Returns the name of a status, such as "FASTPAR_ERR_CANCELLED".
///
/// @param status  any number
/// @return a static string, never NULL; "FASTPAR_ERR_UNKNOWN" for a number that is not a status.
///
/// May be called from any thread. Since: 1.0
#[no_mangle]
pub extern "C" fn fastpar_status_name(status: fastpar_status) -> *const c_char {
    describe(status).0.as_ptr()
}

/// Returns a short English sentence about a status, such as "the checksum differs".
///
/// `fastpar_error.message` says more about the failure at hand.
///
/// @param status  any number
/// @return a static string, never NULL.
///
/// May be called from any thread. Since: 1.0
#[no_mangle]
pub extern "C" fn fastpar_status_message(status: fastpar_status) -> *const c_char {
    describe(status).1.as_ptr()
}
