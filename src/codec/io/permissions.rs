//! What a new file takes over from the source: owner, group, mode, access list and times; on Windows whether
//! it is read-only, and times. Set on the open file, before anybody else can open it.
#![forbid(unsafe_code)]

#[cfg(target_os = "linux")]
use super::access_list::AccessList;
use super::input::Input;
use std::fs::{File, FileTimes};

/// Mode, access list, owner and times of the input, as far as the system allows it: the data does not depend
/// on them.
pub(crate) fn imitate(file: &File, input: &Input) {
    let Some(source) = input.metadata() else { return };
    #[cfg(unix)]
    {
        use std::os::unix::fs::{fchown, MetadataExt, PermissionsExt};
        // In this order no user can do more with the file than with the source at any time.
        let has_group = fchown(file, None, Some(source.gid())).is_ok();
        let set = |mode| _ = file.set_permissions(PermissionsExt::from_mode(mode));
        #[cfg(target_os = "linux")]
        {
            AccessList::take(file);
            match AccessList::of(input.file()) {
                None => set(mode(source.mode(), has_group)),
                Some(list) => {
                    // Unless the file gets the list: what all in it may do, and all others.
                    let common = list.common();
                    set(mode(source.mode() & (0o700 | common << 3 | common), false));
                    if has_group {
                        list.give(file);
                    }
                }
            }
        }
        #[cfg(not(target_os = "linux"))]
        set(mode(source.mode(), has_group));
        let _ = fchown(file, Some(source.uid()), None);
    }
    let mut times = FileTimes::new();
    #[cfg(windows)]
    if let Ok(created) = source.created() {
        times = std::os::windows::fs::FileTimesExt::set_created(times, created);
    }
    if let Ok(modified) = source.modified() {
        times = times.set_modified(modified);
    }
    if let Ok(accessed) = source.accessed() {
        times = times.set_accessed(accessed);
    }
    let _ = file.set_times(times);
    #[cfg(windows)]
    if source.permissions().readonly() {
        let _ = file.metadata().and_then(|own| {
            let mut permissions = own.permissions();
            permissions.set_readonly(true);
            file.set_permissions(permissions)
        });
    }
}

/// The mode of the new file: never the set-user-id, set-group-id and sticky bits. In another group than the
/// source's, members of the source's group may be among the others, and others in the new group: both get
/// what both had, as `xz` does it.
#[cfg(unix)]
fn mode(source: u32, has_group: bool) -> u32 {
    if has_group {
        return source & 0o777;
    }
    let both = (source >> 3) & source & 0o007;
    (source & 0o700) | (both << 3) | both
}

#[cfg(all(test, unix))]
mod tests {
    use super::mode;

    #[test]
    fn nobody_gets_more_than_before() {
        for source in 0..=0o7777 {
            assert_eq!(mode(source, true), source & 0o777);
            let [group, others] = [(source >> 3) & 7, source & 7];
            let new = mode(source, false);
            assert_eq!(new & !0o077, source & 0o700);
            assert_eq!([(new >> 3) & 7, new & 7], [group & others; 2]);
        }
    }
}
