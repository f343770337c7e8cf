//! How many CPUs' worth of time the job object of this process lets it use (containers of Windows, CPU rate
//! control).

use windows_sys::Win32::System::JobObjects::{
    JobObjectCpuRateControlInformation, QueryInformationJobObject, JOBOBJECT_CPU_RATE_CONTROL_INFORMATION,
    JOB_OBJECT_CPU_RATE_CONTROL_ENABLE, JOB_OBJECT_CPU_RATE_CONTROL_HARD_CAP,
    JOB_OBJECT_CPU_RATE_CONTROL_MIN_MAX_RATE,
};
use windows_sys::Win32::System::Threading::{GetActiveProcessorCount, ALL_PROCESSOR_GROUPS};

/// CPUs by the rate of the job that the process is in, rounded down, at least 1; none without a limit.
pub(crate) fn cpus() -> Option<u32> {
    let mut rate = JOBOBJECT_CPU_RATE_CONTROL_INFORMATION::default();
    let (place, size) = ((&raw mut rate).cast(), size_of_val(&rate) as u32);
    let class = JobObjectCpuRateControlInformation;
    // SAFETY: no handle stands for the process's own job; the place is valid for writing its own size.
    let known = unsafe {
        QueryInformationJobObject(std::ptr::null_mut(), class, place, size, std::ptr::null_mut()) != 0
    };
    // SAFETY: every form of the union is plain numbers.
    let value = unsafe { rate.Anonymous.CpuRate };
    // SAFETY: has no preconditions.
    let processors = unsafe { GetActiveProcessorCount(ALL_PROCESSOR_GROUPS) };
    known.then(|| of_rate(rate.ControlFlags, value, processors)).flatten()
}

/// A rate is in hundredths of a percent of all processors; where there are two, the larger is the upper half.
/// Weights are no limit.
fn of_rate(flags: u32, value: u32, processors: u32) -> Option<u32> {
    let has = |flag| flags & flag != 0;
    let rate = match () {
        () if !has(JOB_OBJECT_CPU_RATE_CONTROL_ENABLE) => return None,
        () if has(JOB_OBJECT_CPU_RATE_CONTROL_MIN_MAX_RATE) => value >> 16,
        () if has(JOB_OBJECT_CPU_RATE_CONTROL_HARD_CAP) => value,
        () => return None,
    };
    let cpus = u64::from(rate) * u64::from(processors) / 10_000;
    (rate > 0).then(|| u32::try_from(cpus).unwrap_or(u32::MAX).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_parts_of_all_processors() {
        let (on, cap, both) = (1, 4, 16);
        assert_eq!(of_rate(on | cap, 5_000, 24), Some(12));
        assert_eq!(of_rate(on | cap, 2_500, 2), Some(1));
        assert_eq!(of_rate(on | cap, 2_600, 12), Some(3));
        assert_eq!(of_rate(on | both, 7_500 << 16 | 100, 8), Some(6));
        assert_eq!(of_rate(cap, 5_000, 24), None, "not switched on");
        assert_eq!(of_rate(on, 5_000, 24), None, "without the cap more may be used");
        assert_eq!(of_rate(on | 2, 5, 24), None, "a weight");
        assert_eq!(of_rate(on | cap, 0, 24), None);
        cpus(); // of this process; whether it has a job is not known
    }
}
