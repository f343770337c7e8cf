//! The user and the groups for whom a thread acts.
//!
//! For the kernel these are a thread's own, though the C library keeps them alike on all threads. A server of
//! files changes those of one thread for a while (setfsuid, or the system calls themselves), and threads that
//! are made meanwhile inherit them. A worker serves every caller, so it acts for whom the main thread acts.

use super::small_file;
use std::path::Path;
use std::str::from_utf8;

/// More groups than that are left as they were inherited.
const MOST_GROUPS: usize = 256;

/// What the kernel tells of a thread.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Identity {
    /// Real, effective, saved, and that for files.
    users: [u32; 4],
    groups: [u32; 4],
    more_groups: [u32; MOST_GROUPS],
    count: usize,
}

impl Identity {
    /// None where the system does not tell all of it.
    fn read(path: &str) -> Option<Self> {
        let mut buffer = [0; 4096];
        let text = small_file::read(Path::new(path), &mut buffer)?;
        Self::parse(from_utf8(text).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let line = |name| text.split_inclusive('\n').find_map(|line: &str| line.strip_prefix(name));
        let four = |name| {
            let mut numbers = line(name)?.split_whitespace().map(str::parse);
            let mut next = || numbers.next()?.ok();
            Some([next()?, next()?, next()?, next()?])
        };
        let (mut more_groups, mut count) = ([0; MOST_GROUPS], 0);
        // A line without an end was cut off.
        for group in line("Groups:").filter(|line| line.ends_with('\n'))?.split_whitespace() {
            *more_groups.get_mut(count)? = group.parse().ok()?;
            count += 1;
        }
        Some(Self { users: four("Uid:")?, groups: four("Gid:")?, more_groups, count })
    }

    /// Makes the calling thread act for them. What the system refuses stays as it is.
    fn take_on(&self) {
        // The right to change one of them may depend on the others, and come back or go with a user.
        self.take_groups();
        let [real, effective, saved, files] = self.users;
        set(calls::SETRESUID, [real, effective, saved]);
        set(calls::SETFSUID, [files, 0, 0]);
        self.take_groups();
    }

    fn take_groups(&self) {
        // SAFETY: so many numbers are valid for reading.
        unsafe { libc::syscall(calls::SETGROUPS, self.count, self.more_groups.as_ptr()) };
        let [real, effective, saved, files] = self.groups;
        set(calls::SETRESGID, [real, effective, saved]);
        set(calls::SETFSGID, [files, 0, 0]);
    }
}

/// The system calls themselves act on the calling thread only.
fn set(call: libc::c_long, [first, second, third]: [u32; 3]) {
    // SAFETY: takes plain numbers.
    unsafe { libc::syscall(call, first, second, third) };
}

/// The calls that take numbers of 32 bits.
#[cfg(not(any(target_arch = "x86", target_arch = "arm")))]
mod calls {
    pub(super) use libc::{
        SYS_setfsgid as SETFSGID, SYS_setfsuid as SETFSUID, SYS_setgroups as SETGROUPS,
        SYS_setresgid as SETRESGID, SYS_setresuid as SETRESUID,
    };
}

#[cfg(any(target_arch = "x86", target_arch = "arm"))]
mod calls {
    pub(super) use libc::{
        SYS_setfsgid32 as SETFSGID, SYS_setfsuid32 as SETFSUID, SYS_setgroups32 as SETGROUPS,
        SYS_setresgid32 as SETRESGID, SYS_setresuid32 as SETRESUID,
    };
}

/// Makes the calling thread, a new worker, act for the user and the groups of the main thread.
pub(super) fn join_process() {
    let [process, own] = ["/proc/self/status", "/proc/thread-self/status"].map(Identity::read);
    if let (Some(process), Some(own)) = (process, own) {
        if process != own {
            process.take_on();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_tells() {
        let text =
            "Name:\tGroups: 3\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nFDSize:\t64\nGroups:\t9 10 \nPid:\t1\n";
        let identity = Identity::parse(text).unwrap();
        assert_eq!((identity.users, identity.groups), ([1, 2, 3, 4], [5, 6, 7, 8]));
        assert_eq!(identity.more_groups[..identity.count], [9, 10]);
        let groups = text.find("\nPid").unwrap();
        for cut in [0, 20, 40, groups] {
            assert_eq!(Identity::parse(&text[..cut]), None, "{cut}");
        }
        assert!(Identity::parse(&text.replace("9 10", &"1 ".repeat(MOST_GROUPS))).is_some());
        assert_eq!(Identity::parse(&text.replace("9 10", &"1 ".repeat(MOST_GROUPS + 1))), None);
    }
}
