//! The module that holds this code, on Apple's systems.

use std::mem::MaybeUninit;

/// The beginning of a module in memory, as far as it is read here (`mach_header`).
#[repr(C)]
struct Header {
    magic: u32,
    processor: [i32; 2],
    kind: u32,
}

/// The program itself (MH_EXECUTE), into which this code was linked.
const PROGRAM: u32 = 2;

/// Has the module stay, however often it is closed; false if the loader does not know it.
pub(super) fn pin() -> bool {
    let address: fn() -> bool = pin;
    let mut module = MaybeUninit::<libc::Dl_info>::uninit();
    // SAFETY: any address may be asked about; `module` is valid for writing.
    if unsafe { libc::dladdr((address as *const ()).cast(), module.as_mut_ptr()) } == 0 {
        return false;
    }
    // SAFETY: the call has succeeded, so it is filled in.
    let module = unsafe { module.assume_init() };
    // SAFETY: a module begins with its header, and this one is loaded as long as its code runs.
    if unsafe { (*module.dli_fbase.cast::<Header>()).kind } == PROGRAM {
        return true;
    }
    // The handle is not closed: even without RTLD_NODELETE the module would stay.
    const HOW: libc::c_int = libc::RTLD_LAZY | libc::RTLD_NOLOAD | libc::RTLD_NODELETE;
    // SAFETY: the name is a string; NOLOAD only finds what is loaded, so no foreign code runs.
    !unsafe { libc::dlopen(module.dli_fname, HOW) }.is_null()
}
