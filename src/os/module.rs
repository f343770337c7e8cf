//! The library stays in the process: its workers run its code.

use crate::error::Result;
#[cfg(any(windows, target_os = "linux", target_vendor = "apple"))]
use crate::error::{Error, ErrorKind};

/// Runs as soon as the library is loaded. Windows does not give the slots of thread-local variables back when
/// a library is unloaded, and a process has 1088 of them: a program that loads and unloads the library again
/// and again would use them up.
#[cfg(windows)]
#[used]
#[link_section = ".CRT$XCU"] // run by the C library, GNU's and Microsoft's, among the constructors of C++
static AT_LOAD: extern "C" fn() = {
    extern "C" fn at_load() {
        let _ = keep_module(); // a failure is told when the pool starts
    }
    at_load
};

/// Keeps the library mapped for the rest of the process's life: its workers run its code.
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

/// The same. The shared library is linked with DF_1_NODELETE, which does it; but a static copy is part of
/// somebody else's module. A hook for forks is registered already.
#[cfg(target_os = "linux")]
pub(crate) fn keep_module() -> Result<()> {
    use elf::Module;
    let mut module = Module::Stays;
    // The loader's lock stays locked in a child that is forked meanwhile.
    super::fork::without_forks(|| module = elf::own_module());
    match module {
        Module::Stays => Ok(()),
        Module::Named(name) if elf::pin(&name) => Ok(()),
        Module::Named(name) => {
            let text = format!("{} cannot be kept in memory", name.to_string_lossy());
            Err(Error::new(ErrorKind::Internal, text))
        }
    }
}

/// The same. Mach-O has no flag for it.
#[cfg(target_vendor = "apple")]
pub(crate) fn keep_module() -> Result<()> {
    let mut stays = false;
    // The loader's lock stays locked in a child that is forked meanwhile.
    super::fork::without_forks(|| stays = mach::pin());
    if stays {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Internal, "the library cannot be kept in memory"))
}

#[cfg(not(any(windows, target_os = "linux", target_vendor = "apple")))]
#[allow(clippy::unnecessary_wraps)] // the same signature on every system
pub(crate) fn keep_module() -> Result<()> {
    Ok(())
}

#[cfg(target_vendor = "apple")]
#[path = "module_mach.rs"]
mod mach;

#[cfg(target_os = "linux")]
mod elf {
    use std::ffi::{c_int, c_void, CStr, CString};
    use std::mem::{offset_of, size_of};
    use std::ptr;

    #[cfg(target_pointer_width = "32")]
    use libc::{Elf32_Addr as Address, Elf32_Phdr as Segment};
    #[cfg(target_pointer_width = "64")]
    use libc::{Elf64_Addr as Address, Elf64_Phdr as Segment};

    const DT_NULL: Address = 0;
    const DT_FLAGS_1: Address = 0x6fff_fffb;
    const DF_1_NODELETE: Address = 8;

    /// An entry of a module's dynamic section.
    #[repr(C)]
    struct Entry {
        tag: Address,
        value: Address,
    }

    /// The module that holds this code.
    pub(super) enum Module {
        /// It cannot be unloaded.
        Stays,
        /// It can; the name by which the loader knows it.
        Named(CString),
    }

    /// Looks for the module that holds this code. Not by `dladdr`: it waits for the lock that a thread holds
    /// which is loading a library, and that thread may be waiting for a call of this thread.
    pub(super) fn own_module() -> Module {
        let mut search = Search { seen: 0, found: Module::Stays };
        // SAFETY: `look` gets what it expects.
        unsafe { libc::dl_iterate_phdr(Some(look), ptr::from_mut(&mut search).cast()) };
        search.found
    }

    struct Search {
        /// Modules that do not hold this code.
        seen: usize,
        found: Module,
    }

    /// # Safety
    /// `info` describes a module that stays loaded meanwhile; `search` points to a [`Search`].
    unsafe extern "C" fn look(info: *mut libc::dl_phdr_info, size: usize, search: *mut c_void) -> c_int {
        // SAFETY: the caller's promise.
        let search = unsafe { &mut *search.cast::<Search>() };
        if size < offset_of!(libc::dl_phdr_info, dlpi_phnum) + size_of::<u16>() {
            return 0;
        }
        // SAFETY: so much of it is there. (The fields behind these are newer.)
        let (base, name, segments) = unsafe {
            let count = usize::from((*info).dlpi_phnum);
            ((*info).dlpi_addr, (*info).dlpi_name, std::slice::from_raw_parts((*info).dlpi_phdr, count))
        };
        let address = own_module as *const () as Address;
        let holds = |segment: &Segment| {
            segment.p_type == libc::PT_LOAD
                && address.wrapping_sub(base.wrapping_add(segment.p_vaddr)) < segment.p_memsz
        };
        if !segments.iter().any(holds) {
            search.seen += 1;
            return 0;
        }
        // The program itself: it comes first. musl gives it a name too, which its loader does not know.
        if cfg!(target_env = "musl") && search.seen == 0 {
            return 1;
        }
        let dynamic = segments.iter().find(|segment| segment.p_type == libc::PT_DYNAMIC);
        let dynamic = dynamic.map(|segment| base.wrapping_add(segment.p_vaddr) as *const Entry);
        // SAFETY: the loader has mapped the section; `name` is null, or a string that lives as long as the
        // module.
        unsafe {
            // glibc gives the program itself no name.
            let named = !name.is_null() && *name != 0;
            if named && !dynamic.is_some_and(|entries| stays(entries)) {
                search.found = Module::Named(CStr::from_ptr(name).to_owned());
            }
        }
        1
    }

    /// Whether a module is linked so that it is never unloaded.
    ///
    /// # Safety
    /// The entries end with a null entry.
    unsafe fn stays(mut entry: *const Entry) -> bool {
        // SAFETY: the caller's promise.
        unsafe {
            while (*entry).tag != DT_NULL {
                if (*entry).tag == DT_FLAGS_1 {
                    return (*entry).value & DF_1_NODELETE != 0;
                }
                entry = entry.add(1);
            }
        }
        false
    }

    /// Has a module stay, however often it is closed; false if the loader does not know it.
    pub(super) fn pin(name: &CStr) -> bool {
        // The handle is not closed: even without RTLD_NODELETE the module would stay.
        // SAFETY: a string; NOLOAD only finds what is loaded, so no foreign code runs.
        !unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_LAZY | libc::RTLD_NOLOAD | libc::RTLD_NODELETE) }
            .is_null()
    }
}

#[cfg(all(test, target_os = "linux", not(loom)))]
mod tests {
    use super::*;
    use crate::os::fork::{self, ChildHook};
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    static HOOK: ChildHook = ChildHook::new(|| ());

    /// Forks while another thread is in the loader most of the time.
    #[test]
    fn children_can_look_for_the_module() {
        fork::on_child(&HOOK).unwrap();
        let stop = AtomicBool::new(false);
        let all_well = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Relaxed) {
                    keep_module().unwrap();
                }
            });
            let all_well = (0..200).all(|_| status_of_child() == 0);
            stop.store(true, Relaxed);
            all_well
        });
        assert!(all_well, "a child hung or failed");
    }

    fn status_of_child() -> i32 {
        let mut status = -1;
        // SAFETY: the child only looks for the module, and ends: by the alarm where it hangs. `status` is
        // valid for writing.
        unsafe {
            let child = libc::fork();
            if child == 0 {
                libc::alarm(20);
                libc::_exit(i32::from(keep_module().is_err()));
            }
            if child > 0 {
                libc::waitpid(child, &mut status, 0);
            }
        }
        status
    }
}
