//! How many CPUs' worth of time the cgroups of this process let it use (cgroup v2 `cpu.max`, v1
//! `cpu.cfs_quota_us`).
#![forbid(unsafe_code)]

use super::float_env::FloatEnv;
use super::small_file::read;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::from_utf8;
use std::sync::{Mutex, PoisonError};

/// The files of the process's cgroups, found once: asking again must neither allocate nor take long. They are
/// looked for again when the process was moved to other groups.
static KNOWN: Mutex<Option<Known>> = Mutex::new(None);

struct Known {
    /// What `/proc/self/cgroup` said.
    groups: Vec<u8>,
    limits: Vec<Limit>,
}

/// The files of one cgroup.
enum Limit {
    /// `cpu.max`: quota and period in microseconds, or "max" and the period.
    Version2(PathBuf),
    /// `cpu.cfs_quota_us` and `cpu.cfs_period_us`.
    Version1(PathBuf, PathBuf),
}

/// CPUs by the smallest quota of the process's cgroup and those around it, rounded down, at least 1; none
/// without a quota.
pub(crate) fn cpus() -> Option<u32> {
    if cfg!(miri) {
        return None; // its schedules are to depend on nothing outside
    }
    let mut buffer = [0; 4096];
    let groups = read(Path::new("/proc/self/cgroup"), &mut buffer)?;
    // In a forked child the lock may be held by a thread that does not exist: then no thread waits.
    let mut known = match KNOWN.try_lock() {
        Ok(known) => known,
        Err(std::sync::TryLockError::Poisoned(poisoned)) => PoisonError::into_inner(poisoned),
        Err(std::sync::TryLockError::WouldBlock) => return quota_of(&find(groups)),
    };
    if known.as_ref().is_none_or(|known| known.groups != groups) {
        *known = Some(Known { groups: groups.to_vec(), limits: find(groups) });
    }
    known.as_ref().and_then(|known| quota_of(&known.limits))
}

/// The limits of the process with these cgroups.
fn find(groups: &[u8]) -> Vec<Limit> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    from_utf8(groups).map_or_else(|_| Vec::new(), |groups| limits(groups, &mounts))
}

/// The files to look at: of a group, and of those around it up to the root of what is mounted.
fn limits(groups: &str, mounts: &str) -> Vec<Limit> {
    // A line is `number:controllers:path`; version 2 has number 0 and no controllers.
    let mut version2 = None;
    let mut version1 = None;
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        if controllers.is_empty() {
            version2 = Some(path);
        } else if controllers.split(',').any(|name| name == "cpu") {
            version1 = Some(path);
        }
    }
    let (path, controller) = match (version1, version2) {
        (Some(path), _) => (path, Some("cpu")),
        (None, Some(path)) => (path, None),
        (None, None) => return Vec::new(),
    };
    let Some(Folder { group, mount }) = folder(mounts, path, controller) else { return Vec::new() };
    let around = group.ancestors().take_while(|group| group.starts_with(&mount));
    let limit = |group: &Path| match controller {
        None => Limit::Version2(group.join("cpu.max")),
        Some(_) => Limit::Version1(group.join("cpu.cfs_quota_us"), group.join("cpu.cfs_period_us")),
    };
    around.map(limit).collect()
}

/// The smallest of the quotas.
fn quota_of(limits: &[Limit]) -> Option<u32> {
    FloatEnv::for_ourselves(|| {
        let smallest = limits.iter().filter_map(Limit::quota).reduce(f64::min)?;
        Some((smallest as u32).max(1))
    })
}

impl Limit {
    /// In CPUs; none where the group has no quota, or is gone.
    fn quota(&self) -> Option<f64> {
        let (mut quota, mut period) = ([0; 64], [0; 64]);
        match self {
            Self::Version2(max) => {
                let (quota, period) = from_utf8(read(max, &mut quota)?).ok()?.trim().split_once(' ')?;
                ratio(quota, period)
            }
            Self::Version1(quota_file, period_file) => {
                let quota = from_utf8(read(quota_file, &mut quota)?).ok()?;
                let period = from_utf8(read(period_file, &mut period)?).ok()?;
                ratio(quota.trim(), period.trim())
            }
        }
    }
}

/// Where a cgroup is, and where its hierarchy is mounted.
struct Folder {
    group: PathBuf,
    mount: PathBuf,
}

fn folder(mounts: &str, path: &str, controller: Option<&str>) -> Option<Folder> {
    for line in mounts.lines() {
        // `id parent device root mount options... - type source super-options`
        let (left, right) = line.split_once(" - ")?;
        let left: Vec<_> = left.split(' ').collect();
        let right: Vec<_> = right.split(' ').collect();
        let fits = match controller {
            None => right.first() == Some(&"cgroup2"),
            Some(name) => {
                right.first() == Some(&"cgroup")
                    && right.get(2).is_some_and(|options| options.split(',').any(|option| option == name))
            }
        };
        let (true, [_, _, _, root, mount, ..]) = (fits, &left[..]) else { continue };
        // Inside a container the mount shows a part of the hierarchy, which its root names.
        let path = path.strip_prefix(root.trim_end_matches('/')).unwrap_or("");
        let mount = PathBuf::from(mount);
        return Some(Folder { group: mount.join(path.trim_start_matches('/')), mount });
    }
    None
}

/// Not a number, or -1, is no quota.
fn ratio(quota: &str, period: &str) -> Option<f64> {
    let (quota, period): (f64, f64) = (quota.parse().ok()?, period.parse().ok()?);
    (quota > 0.0 && period > 0.0).then_some(quota / period)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made-up hierarchies under a folder of the test's own.
    fn hierarchy(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    fn cpus_of(groups: &str, mounts: impl FnOnce() -> Option<String>) -> Option<u32> {
        quota_of(&limits(groups, &mounts().unwrap()))
    }

    fn mount(root: &Path, shown: &str, kind: &str, options: &str) -> String {
        format!("30 23 0:26 {shown} {} rw,nosuid - {kind} none {options}\n", root.display())
    }

    #[test]
    fn the_smallest_quota_on_the_way_up_counts() {
        let root = hierarchy(&[
            ("a/cpu.max", "250000 100000\n"),
            ("a/b/cpu.max", "max 100000\n"),
            ("cpu.max", "max 100000\n"),
        ]);
        let mounts = mount(root.path(), "/", "cgroup2", "rw");
        assert_eq!(cpus_of("0::/a/b\n", || Some(mounts.clone())), Some(2));
        assert_eq!(cpus_of("0::/\n", || Some(mounts.clone())), None);
        assert_eq!(cpus_of("0::/gone/b\n", || Some(mounts)), None);
    }

    #[test]
    fn less_than_a_cpu_is_one() {
        let root = hierarchy(&[("a/cpu.max", "50000 100000\n")]);
        assert_eq!(cpus_of("0::/a\n", || Some(mount(root.path(), "/", "cgroup2", "rw"))), Some(1));
    }

    #[test]
    fn a_container_sees_a_part_of_the_hierarchy() {
        let root = hierarchy(&[("cpu.max", "300000 100000\n")]);
        let mounts = mount(root.path(), "/docker/x", "cgroup2", "rw");
        assert_eq!(cpus_of("0::/docker/x\n", || Some(mounts)), Some(3));
    }

    #[test]
    fn version_1_has_a_file_for_each_number() {
        let root = hierarchy(&[
            ("a/cpu.cfs_quota_us", "400000\n"),
            ("a/cpu.cfs_period_us", "100000\n"),
            ("cpu.cfs_quota_us", "-1\n"),
            ("cpu.cfs_period_us", "100000\n"),
        ]);
        let mounts = mount(root.path(), "/", "cgroup", "rw,cpu,cpuacct");
        let groups = "5:memory:/a\n4:cpu,cpuacct:/a\n0::/\n";
        assert_eq!(cpus_of(groups, || Some(mounts.clone())), Some(4));
        assert_eq!(cpus_of("4:cpu,cpuacct:/\n", || Some(mounts)), None);
    }

    #[test]
    fn asking_again_sees_another_quota() {
        let root = hierarchy(&[("a/cpu.max", "250000 100000\n")]);
        let found = limits("0::/a\n", &mount(root.path(), "/", "cgroup2", "rw"));
        assert_eq!(quota_of(&found), Some(2));
        fs::write(root.path().join("a/cpu.max"), "700000 100000\n").unwrap();
        assert_eq!(quota_of(&found), Some(7));
        cpus(); // of this process; the number is not known
        assert_eq!(cpus(), cpus());
    }

    #[test]
    fn nonsense_is_no_quota() {
        assert_eq!(cpus_of("", || Some(String::new())), None);
        assert_eq!(cpus_of("0::/a\n", || Some("what\n".into())), None);
        let root = hierarchy(&[("cpu.max", "-5 0\n")]);
        assert_eq!(cpus_of("0::/\n", || Some(mount(root.path(), "/", "cgroup2", "rw"))), None);
    }
}
