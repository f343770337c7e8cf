//! The library stays in the process: its workers run its code.

use crate::error::Result;
#[cfg(windows)]
use crate::error::{Error, ErrorKind};

/// Runs as soon as the library is loaded. Windows does not give the slots of thread-local variables back when a library is
/// unloaded, and a process has 1088 of them: a program that loads and unloads the library again and again would use them up.
#[cfg(windows)]
#[used]
#[link_section = ".CRT$XCU"] // run by the C library, GNU's and Microsoft's, among the constructors of C++
static AT_LOAD: extern "C" fn() = {
    extern "C" fn at_load() {
        let _ = keep_module(); // a failure is told when the pool starts
    }
    at_load
};

/// Keeps the library mapped for the rest of the process's life: its workers run its code. On ELF systems the library is
/// linked with DF_1_NODELETE, which does the same.
#[cfg(windows)]
pub(crate) fn keep_module() -> Result<()> {
    use windows_sys::Win32::System::LibraryLoader::{
        GetModuleHandleExW, GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_PIN,
    };
    let mut module = std::ptr::null_mut();
    let address: fn() -> Result<()> = keep_module;
    // SAFETY: with FROM_ADDRESS the name is any address inside the module; `module` is valid for writing.
    let ok = unsafe {
        GetModuleHandleExW(
            GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN,
            (address as *const ()).cast(),
            &mut module,
        )
    };
    if ok == 0 {
        let code = std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
        return Err(Error::new(ErrorKind::Internal, "the library cannot be pinned in memory").with_code(code));
    }
    Ok(())
}

#[cfg(not(windows))]
#[allow(clippy::unnecessary_wraps)] // the same signature on every system
pub(crate) fn keep_module() -> Result<()> {
    Ok(())
}
