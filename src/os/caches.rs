//! The last-level caches of this machine: how much they hold together.

/// Bytes of all last-level caches together (two of 32 MB on a Ryzen 9 7900X); none where the system does not
/// tell.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn last_level_bytes() -> Option<u64> {
    linux::last_level_bytes(std::path::Path::new("/sys/devices/system/cpu"))
}

#[cfg(windows)]
pub(crate) use windows::last_level_bytes;

#[cfg(not(any(target_os = "linux", target_os = "android", windows)))]
pub(crate) fn last_level_bytes() -> Option<u64> {
    None
}

/// The caches of the highest level, each once.
#[cfg(any(target_os = "linux", target_os = "android", windows))]
fn sum_of_highest(caches: impl Iterator<Item = (u8, u64)> + Clone) -> Option<u64> {
    let highest = caches.clone().map(|(level, _)| level).max()?;
    let sum =
        caches.filter(|&(level, _)| level == highest).fold(0u64, |sum, (_, bytes)| sum.saturating_add(bytes));
    (sum > 0).then_some(sum)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    /// sysfs lists under each CPU the caches that it uses. A cache is known by its level and the CPUs that
    /// share it.
    pub(super) fn last_level_bytes(cpus: &Path) -> Option<u64> {
        let mut caches = BTreeMap::new();
        for cpu in fs::read_dir(cpus).ok()?.flatten() {
            let name = cpu.file_name();
            let number = name.to_str().and_then(|name| name.strip_prefix("cpu"));
            if !number.is_some_and(|number| number.bytes().all(|digit| digit.is_ascii_digit())) {
                continue;
            }
            for cache in fs::read_dir(cpu.path().join("cache")).into_iter().flatten().flatten() {
                let Some((level, shared, bytes)) = cache_at(&cache.path()) else { continue };
                caches.insert((level, shared), bytes);
            }
        }
        super::sum_of_highest(caches.iter().map(|(&(level, _), &bytes)| (level, bytes)))
    }

    /// Level, the CPUs that share it, and bytes; none for a cache of instructions alone.
    fn cache_at(folder: &Path) -> Option<(u8, String, u64)> {
        let read = |name: &str| Some(fs::read_to_string(folder.join(name)).ok()?.trim().to_owned());
        if read("type")? == "Instruction" {
            return None;
        }
        Some((read("level")?.parse().ok()?, read("shared_cpu_list")?, bytes(&read("size")?)?))
    }

    /// "32768K"
    fn bytes(size: &str) -> Option<u64> {
        let (number, factor) = match size.strip_suffix(['K', 'M', 'G']) {
            Some(number) => (
                number,
                if size.ends_with('K') {
                    1 << 10
                } else if size.ends_with('M') {
                    1 << 20
                } else {
                    1 << 30
                },
            ),
            None => (size, 1),
        };
        number.parse::<u64>().ok()?.checked_mul(factor)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn machine(caches: &[(&str, [&str; 4])]) -> tempfile::TempDir {
            let root = tempfile::tempdir().unwrap();
            for (folder, values) in caches {
                let folder = root.path().join(folder);
                fs::create_dir_all(&folder).unwrap();
                for (name, value) in ["type", "level", "shared_cpu_list", "size"].iter().zip(values) {
                    fs::write(folder.join(name), format!("{value}\n")).unwrap();
                }
            }
            root
        }

        #[test]
        fn each_shared_cache_counts_once() {
            let root = machine(&[
                ("cpu0/cache/index0", ["Data", "1", "0", "32K"]),
                ("cpu0/cache/index3", ["Unified", "3", "0-5", "32768K"]),
                ("cpu1/cache/index3", ["Unified", "3", "0-5", "32768K"]),
                ("cpu6/cache/index3", ["Unified", "3", "6-11", "32M"]),
                ("cpufreq/cache/index3", ["Unified", "3", "12", "1G"]),
            ]);
            assert_eq!(last_level_bytes(root.path()), Some(64 << 20));
        }

        #[test]
        fn instructions_do_not_count_and_nothing_is_none() {
            let root = machine(&[
                ("cpu0/cache/index0", ["Instruction", "2", "0", "64K"]),
                ("cpu0/cache/index1", ["Data", "1", "0", "48K"]),
                ("cpu0/cache/index2", ["Unified", "nonsense", "0", "1K"]),
            ]);
            assert_eq!(last_level_bytes(root.path()), Some(48 << 10));
            assert_eq!(last_level_bytes(&root.path().join("gone")), None);
            assert_eq!(last_level_bytes(&root.path().join("cpu0")), None);
        }
    }
}

#[cfg(windows)]
mod windows {
    use windows_sys::Win32::System::SystemInformation::{
        CacheInstruction, GetLogicalProcessorInformationEx, RelationCache, CACHE_RELATIONSHIP,
        SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX,
    };

    /// The system lists each cache once.
    pub(crate) fn last_level_bytes() -> Option<u64> {
        let list = list()?;
        let mut caches = Vec::new();
        let mut rest = &list[..];
        while rest.len() >= size_of::<SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX>() {
            // SAFETY: large enough by the condition; every bit pattern is a value of these plain numbers.
            let entry: SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX =
                unsafe { rest.as_ptr().cast::<SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX>().read_unaligned() };
            if entry.Relationship == RelationCache {
                // SAFETY: the relationship says which part of the union it is.
                let cache: CACHE_RELATIONSHIP = unsafe { entry.Anonymous.Cache };
                if cache.Type != CacheInstruction {
                    caches.push((cache.Level, u64::from(cache.CacheSize)));
                }
            }
            rest = rest.get((entry.Size as usize).max(1)..)?;
        }
        super::sum_of_highest(caches.into_iter())
    }

    fn list() -> Option<Vec<u8>> {
        let mut bytes = 0;
        // SAFETY: without a buffer it tells the size.
        unsafe { GetLogicalProcessorInformationEx(RelationCache, std::ptr::null_mut(), &mut bytes) };
        let mut list = vec![0u8; bytes as usize];
        // SAFETY: `list` is valid for writing `bytes`; what is written is read by `read_unaligned`.
        let ok =
            unsafe { GetLogicalProcessorInformationEx(RelationCache, list.as_mut_ptr().cast(), &mut bytes) };
        list.truncate(bytes as usize);
        (ok != 0).then_some(list)
    }
}
