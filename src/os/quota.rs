//! How many CPUs' worth of time the cgroups of this process let it use (cgroup v2 `cpu.max`, v1 `cpu.cfs_quota_us`).
#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};

/// CPUs by the smallest quota of the process's cgroup and those around it, rounded down, at least 1; none without a quota.
pub(crate) fn cpus() -> Option<u32> {
    cpus_of(&fs::read_to_string("/proc/self/cgroup").ok()?, || {
        fs::read_to_string("/proc/self/mountinfo").ok()
    })
}

fn cpus_of(groups: &str, mounts: impl FnOnce() -> Option<String>) -> Option<u32> {
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
    let mounts = mounts()?;
    let quota = match (version1, version2) {
        (Some(path), _) => smallest(&folder(&mounts, path, Some("cpu"))?, quota_of_version1),
        (None, Some(path)) => smallest(&folder(&mounts, path, None)?, quota_of_version2),
        (None, None) => None,
    }?;
    Some((quota as u32).max(1))
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

/// The smallest quota from a group up to the root of what is mounted.
fn smallest(folder: &Folder, quota: impl Fn(&Path) -> Option<f64>) -> Option<f64> {
    let groups = folder.group.ancestors().take_while(|group| group.starts_with(&folder.mount));
    groups.filter_map(quota).reduce(f64::min)
}

/// `cpu.max` is `quota period` in microseconds, or `max period`.
fn quota_of_version2(group: &Path) -> Option<f64> {
    let text = fs::read_to_string(group.join("cpu.max")).ok()?;
    let (quota, period) = text.trim().split_once(' ')?;
    ratio(quota, period)
}

fn quota_of_version1(group: &Path) -> Option<f64> {
    let quota = fs::read_to_string(group.join("cpu.cfs_quota_us")).ok()?;
    let period = fs::read_to_string(group.join("cpu.cfs_period_us")).ok()?;
    ratio(quota.trim(), period.trim())
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
    fn nonsense_is_no_quota() {
        assert_eq!(cpus_of("", || Some(String::new())), None);
        assert_eq!(cpus_of("0::/a\n", || Some("what\n".into())), None);
        let root = hierarchy(&[("cpu.max", "-5 0\n")]);
        assert_eq!(cpus_of("0::/\n", || Some(mount(root.path(), "/", "cgroup2", "rw"))), None);
    }
}
