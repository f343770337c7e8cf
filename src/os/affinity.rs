//! Which logical CPUs the process may use, and workers that each stay on one of them.

use crate::error::{Error, ErrorKind, Result};

/// The logical CPUs that a thread may use.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[derive(Clone, Copy)]
pub(crate) struct Mask(libc::cpu_set_t);

/// Not CPU_SETSIZE: that of old musl is 128, with room for more.
#[cfg(any(target_os = "linux", target_os = "android"))]
const BITS: usize = 8 * size_of::<libc::cpu_set_t>();

#[cfg(any(target_os = "linux", target_os = "android"))]
impl Mask {
    /// That of the main thread, which stands for the process; none if the system does not tell.
    pub(crate) fn of_process() -> Option<Self> {
        // SAFETY: has no preconditions. The number of the process is that of its main thread.
        Self::of_thread(unsafe { libc::getpid() })
    }

    /// That of the calling thread.
    pub(crate) fn of_caller() -> Option<Self> {
        Self::of_thread(0)
    }

    fn of_thread(thread: libc::pid_t) -> Option<Self> {
        // SAFETY: a cpu_set_t is plain bits, for which zero is valid.
        let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        // SAFETY: `set` is valid for writing its own size.
        (unsafe { libc::sched_getaffinity(thread, size_of_val(&set), &mut set) } == 0).then_some(Self(set))
    }

    /// Makes it that of the calling thread. The system refuses a mask without a CPU that there is: then
    /// nothing changes.
    pub(crate) fn set_for_caller(&self) {
        // SAFETY: valid for reading its own size.
        unsafe { libc::sched_setaffinity(0, size_of_val(&self.0), &self.0) };
    }

    /// How many CPUs it has.
    pub(crate) fn count(&self) -> usize {
        // SAFETY: reads plain bits.
        unsafe { libc::CPU_COUNT(&self.0) as usize }
    }

    fn numbers(&self) -> Vec<usize> {
        // SAFETY: every index is below the number of bits.
        (0..BITS).filter(|&cpu| unsafe { libc::CPU_ISSET(cpu, &self.0) }).collect()
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
impl PartialEq for Mask {
    fn eq(&self, other: &Self) -> bool {
        // SAFETY: reads plain bits.
        unsafe { libc::CPU_EQUAL(&self.0, &other.0) }
    }
}

/// The numbers of the logical CPUs that the process may use.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn cpus() -> Result<Vec<usize>> {
    Ok(Mask::of_process().ok_or_else(affinity_error)?.numbers())
}

/// Keeps the calling thread on one logical CPU.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn pin_thread(cpu: usize) {
    // SAFETY: as in `Mask::of_thread`.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: `cpu` came from `cpus`, so it is below the number of bits.
    unsafe { libc::CPU_SET(cpu, &mut set) };
    Mask(set).set_for_caller(); // a CPU that was taken away meanwhile leaves the thread unpinned, which is only slower
}

/// The most processors of a group of Windows. A logical CPU is numbered by its group times this, plus its
/// number in there.
#[cfg(any(windows, test))]
const GROUP: usize = 64;

/// The number of a logical CPU.
#[cfg(any(windows, test))]
pub(super) fn number(group: u16, cpu: usize) -> usize {
    usize::from(group) * GROUP + cpu
}

/// The logical CPUs that the process may use: of one processor group those in its mask, of several all of
/// them, since Windows knows no mask that spans groups.
#[cfg(any(windows, test))]
fn cpus_of(groups: &[u16], mask: usize, processors: impl Fn(u16) -> usize) -> Vec<usize> {
    match groups {
        &[group] if mask != 0 => (0..usize::BITS as usize)
            .filter(|cpu| mask >> cpu & 1 == 1)
            .map(|cpu| number(group, cpu))
            .collect(),
        _ => groups
            .iter()
            .flat_map(|&group| (0..processors(group).min(GROUP)).map(move |cpu| number(group, cpu)))
            .collect(),
    }
}

/// The logical CPUs that the process may use, and is to keep to by its CPU sets.
#[cfg(windows)]
pub(crate) fn cpus() -> Result<Vec<usize>> {
    use windows_sys::Win32::System::Threading::{
        GetActiveProcessorCount, GetCurrentProcess, GetProcessAffinityMask, GetProcessGroupAffinity,
    };
    let (mut mask, mut system) = (0usize, 0usize);
    // SAFETY: both are valid for writing.
    if unsafe { GetProcessAffinityMask(GetCurrentProcess(), &mut mask, &mut system) } == 0 {
        return Err(affinity_error());
    }
    let mut groups = [0u16; 64];
    let mut count = groups.len() as u16;
    // SAFETY: `groups` is valid for writing `count` numbers, and both for their own size.
    let known = unsafe { GetProcessGroupAffinity(GetCurrentProcess(), &mut count, groups.as_mut_ptr()) } != 0;
    // Where the groups are not told there is one.
    let groups = if known { &groups[..usize::from(count).clamp(1, groups.len())] } else { &groups[..1] };
    // SAFETY: no pointers.
    let allowed = cpus_of(groups, mask, |group| unsafe { GetActiveProcessorCount(group) } as usize);
    Ok(super::cpu_sets::within_sets(allowed))
}

/// Keeps the calling thread on one logical CPU.
#[cfg(windows)]
pub(crate) fn pin_thread(cpu: usize) {
    use windows_sys::Win32::System::SystemInformation::GROUP_AFFINITY;
    use windows_sys::Win32::System::Threading::{GetCurrentThread, SetThreadGroupAffinity};
    let affinity = GROUP_AFFINITY { Mask: 1 << (cpu % GROUP), Group: (cpu / GROUP) as u16, Reserved: [0; 3] };
    // A CPU that was taken away meanwhile leaves the thread unpinned, which is only slower.
    // SAFETY: `affinity` is valid for reading; nothing is asked for in return.
    unsafe { SetThreadGroupAffinity(GetCurrentThread(), &affinity, std::ptr::null_mut()) };
}

#[cfg(not(any(target_os = "linux", target_os = "android", windows)))]
pub(crate) fn cpus() -> Result<Vec<usize>> {
    Err(Error::new(ErrorKind::Unsupported, "pinning workers to CPUs is not supported on this system"))
}

#[cfg(not(any(target_os = "linux", target_os = "android", windows)))]
pub(crate) fn pin_thread(_cpu: usize) {}

#[cfg(any(target_os = "linux", target_os = "android", windows))]
fn affinity_error() -> Error {
    let error = std::io::Error::last_os_error();
    Error::new(ErrorKind::Threads, format!("the CPUs of this process cannot be read: {error}"))
        .with_code(error.raw_os_error().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::cpus_of;

    #[test]
    fn processor_groups() {
        let none = |_| panic!("the mask says it");
        assert_eq!(cpus_of(&[0], 0b1101, none), [0, 2, 3]);
        assert_eq!(cpus_of(&[1], 0b11, none), [64, 65]);
        assert_eq!(cpus_of(&[0, 2], 0, |group| 1 + usize::from(group)), [0, 128, 129, 130]);
        // Since Windows 11 the mask is that of the process's first group.
        assert_eq!(cpus_of(&[0, 1], 0b1, |_| 64).len(), 128);
    }
}
