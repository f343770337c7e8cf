//! CPU sets of Windows: the CPUs that a process is to keep to, where its affinity leaves a choice, and those
//! that other processes have for themselves.

/// A logical CPU as one set of the system.
#[derive(Clone, Copy)]
struct CpuSet {
    id: u32,
    /// Numbered as in `affinity`.
    cpu: usize,
    /// Other processes have it for themselves.
    is_taken: bool,
}

/// Those of the allowed CPUs that threads are run on which have chosen nothing themselves, with these default
/// sets of the process. As the affinity is respected above all sets, and requests for what others have are
/// ignored, the answer is never empty.
fn narrowed(allowed: Vec<usize>, sets: &[CpuSet], defaults: &[u32]) -> Vec<usize> {
    let set_of = |cpu: usize| sets.iter().find(|set| set.cpu == cpu);
    let is_free = |cpu: &usize| set_of(*cpu).is_none_or(|set| !set.is_taken);
    let is_default = |cpu: &usize| set_of(*cpu).is_some_and(|set| defaults.contains(&set.id));
    let free: Vec<_> = allowed.iter().copied().filter(is_free).collect();
    let chosen: Vec<_> = free.iter().copied().filter(is_default).collect();
    [chosen, free].into_iter().find(|cpus| !cpus.is_empty()).unwrap_or(allowed)
}

#[cfg(windows)]
pub(super) use windows::within_sets;

#[cfg(windows)]
mod windows {
    use super::{narrowed, CpuSet};
    use crate::os::affinity::number;
    use std::ffi::c_void;
    use std::mem::{size_of, transmute, zeroed};
    use std::sync::atomic::{AtomicPtr, Ordering};
    use windows_sys::core::BOOL;
    use windows_sys::Win32::Foundation::HANDLE;
    use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleA, GetProcAddress};
    use windows_sys::Win32::System::SystemInformation::{
        GetSystemCpuSetInformation, SYSTEM_CPU_SET_INFORMATION, SYSTEM_CPU_SET_INFORMATION_ALLOCATED,
        SYSTEM_CPU_SET_INFORMATION_ALLOCATED_TO_TARGET_PROCESS,
    };
    use windows_sys::Win32::System::Threading::GetCurrentProcess;

    type GetDefaults = unsafe extern "system" fn(HANDLE, *mut u32, u32, *mut u32) -> BOOL;

    /// Those of the allowed CPUs that workers, which choose no sets of their own, are run on.
    pub(in crate::os) fn within_sets(allowed: Vec<usize>) -> Vec<usize> {
        let sets = sets();
        if sets.is_empty() {
            return allowed;
        }
        narrowed(allowed, &sets, &defaults())
    }

    /// All sets of the system; none where it does not tell.
    fn sets() -> Vec<CpuSet> {
        const SIZE: usize = size_of::<SYSTEM_CPU_SET_INFORMATION>();
        let mut needed = 0;
        let process = this_process();
        // SAFETY: no room is given, and the length is valid for writing.
        unsafe { GetSystemCpuSetInformation(std::ptr::null_mut(), 0, &mut needed, process, 0) };
        // SAFETY: plain numbers, for which zero is valid.
        let nothing: SYSTEM_CPU_SET_INFORMATION = unsafe { zeroed() };
        let mut told = vec![nothing; needed as usize / SIZE];
        let room = (told.len() * SIZE) as u32;
        // SAFETY: valid for writing so many bytes.
        let known =
            unsafe { GetSystemCpuSetInformation(told.as_mut_ptr(), room, &mut needed, process, 0) } != 0;
        // A later system may tell more of each: then the numbers here would lie elsewhere.
        let known = known && told.iter().all(|set| set.Size as usize == SIZE);
        told.truncate(if known { needed as usize / SIZE } else { 0 });
        told.iter().map(set).collect()
    }

    fn set(told: &SYSTEM_CPU_SET_INFORMATION) -> CpuSet {
        // SAFETY: the unions are plain numbers.
        let (set, flags) = unsafe { (told.Anonymous.CpuSet, told.Anonymous.CpuSet.Anonymous1.AllFlags) };
        let has = |flag: u32| u32::from(flags) & flag != 0;
        CpuSet {
            id: set.Id,
            cpu: number(set.Group, set.LogicalProcessorIndex.into()),
            is_taken: has(SYSTEM_CPU_SET_INFORMATION_ALLOCATED)
                && !has(SYSTEM_CPU_SET_INFORMATION_ALLOCATED_TO_TARGET_PROCESS),
        }
    }

    /// The default sets of the process; none: it has not chosen any.
    fn defaults() -> Vec<u32> {
        let Some(get) = get_defaults() else { return Vec::new() };
        let mut needed = 0;
        let process = this_process();
        // SAFETY: no room is given, and the number is valid for writing.
        unsafe { get(process, std::ptr::null_mut(), 0, &mut needed) };
        let mut ids = vec![0; needed as usize];
        // SAFETY: valid for writing so many numbers.
        let known = unsafe { get(process, ids.as_mut_ptr(), needed, &mut needed) } != 0;
        ids.truncate(if known { needed as usize } else { 0 });
        ids
    }

    /// Looked for at run time: Windows has it since version 10, Wine 8 has not.
    static FOUND: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());

    /// As the library is loaded: later the loader may be locked by a thread that waits for this one.
    #[used]
    #[link_section = ".CRT$XCU"] // as in `module`
    static AT_LOAD: extern "C" fn() = {
        extern "C" fn at_load() {
            // SAFETY: names that end with a NUL; kernel32 is in every process, and stays.
            let found = unsafe {
                let module = GetModuleHandleA(c"kernel32.dll".as_ptr().cast());
                GetProcAddress(module, c"GetProcessDefaultCpuSets".as_ptr().cast())
            };
            let place = found.map_or(std::ptr::null_mut(), |found| found as *mut c_void);
            FOUND.store(place, Ordering::Relaxed); // code that is there already
        }
        at_load
    };

    fn get_defaults() -> Option<GetDefaults> {
        let found = FOUND.load(Ordering::Relaxed);
        // SAFETY: null, or the function of this name, which has this type.
        unsafe { transmute::<*mut c_void, Option<GetDefaults>>(found) }
    }

    fn this_process() -> HANDLE {
        // SAFETY: has no preconditions.
        unsafe { GetCurrentProcess() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sets() -> Vec<CpuSet> {
        (0..4).map(|cpu| CpuSet { id: 256 + cpu as u32, cpu, is_taken: false }).collect()
    }

    #[test]
    fn the_process_keeps_to_its_default_sets() {
        assert_eq!(narrowed(vec![0, 1, 2, 3], &sets(), &[]), [0, 1, 2, 3]);
        assert_eq!(narrowed(vec![0, 1, 2, 3], &sets(), &[257, 259]), [1, 3]);
        assert_eq!(narrowed(vec![0, 1], &sets(), &[257, 259]), [1]);
        assert_eq!(narrowed(vec![0, 1], &sets(), &[258]), [0, 1], "the affinity is respected above sets");
        assert_eq!(narrowed(vec![0, 64], &sets(), &[64]), [0, 64], "a CPU without a set");
    }

    #[test]
    fn what_others_have_for_themselves_is_not_counted() {
        let mut sets = sets();
        sets[1].is_taken = true;
        assert_eq!(narrowed(vec![0, 1, 2, 3], &sets, &[]), [0, 2, 3]);
        assert_eq!(narrowed(vec![0, 1, 2, 3], &sets, &[257]), [0, 2, 3], "such a request is ignored");
        assert_eq!(narrowed(vec![1], &sets, &[]), [1]);
    }
}
