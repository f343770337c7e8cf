//! The source of an archive that is neither memory nor a file: a function of the program.

use crate::error::{Error, Result};
use crate::pool::Scope;
use std::ffi::c_void;
use std::sync::atomic::AtomicI32;

/// The program's function that reads.
pub(super) struct ForeignSource {
    pub(super) function: unsafe extern "C" fn(*mut c_void, u64, *mut c_void, usize) -> i32,
    pub(super) user_data: *mut c_void,
}

// SAFETY: the program promises that the callback may be called from several threads at the same time.
unsafe impl Sync for ForeignSource {}
// SAFETY: as above.
unsafe impl Send for ForeignSource {}

impl ForeignSource {
    pub(super) fn read(&self, offset: u64, buffer: &mut [u8], cancel: Option<&AtomicI32>) -> Result<()> {
        if buffer.is_empty() {
            return Ok(());
        }
        Scope::enter(&cancel, |scope| {
            // SAFETY: the program promises that the callback may be called with its data; the buffer is valid
            // meanwhile.
            match unsafe { (self.function)(self.user_data, offset, buffer.as_mut_ptr().cast(), buffer.len()) }
            {
                0 => Ok(()),
                code => {
                    let text = format!("the source returned {code} at byte {offset}");
                    let error = Error::of_callback(text, code, scope.take());
                    let position = error.position().unwrap_or(offset);
                    Err(error.at(position))
                }
            }
        })
    }
}
