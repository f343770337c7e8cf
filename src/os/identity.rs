//! The user and the groups for whom a thread acts.
//!
//! For the kernel these are a thread's own, though the C library keeps them alike on all threads. A server of
//! files changes those of one thread for a while (setfsuid, or the system calls themselves), and threads that
//! are made meanwhile inherit them. A worker serves every caller, so it acts for whom the main thread acts.

use super::small_file;
use crate::memory;
use std::path::Path;
use std::str::from_utf8;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::yield_now;

const PROCESS: &str = "/proc/self/status";
const OWN: &str = "/proc/thread-self/status";

/// What the kernel tells takes more only where there are hundreds of groups.
const USUAL: usize = 4 << 10;

/// With as many groups as there can be, of as many digits.
const LARGEST: usize = USUAL + 65_536 * 11;

/// What the kernel tells of a thread.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Identity {
    /// Real, effective, saved, and that for files.
    users: [u32; 4],
    groups: [u32; 4],
    /// None: there was no memory for so many.
    more_groups: Option<Vec<u32>>,
}

impl Identity {
    /// None where the system does not tell.
    fn read(path: &str) -> Option<Self> {
        let path = Path::new(path);
        let mut usual = [0; USUAL];
        let text = small_file::read(path, &mut usual)?;
        let mut larger = Vec::new();
        if text.len() < USUAL || memory::reserve(&mut larger, LARGEST).is_err() {
            return Self::parse(text);
        }
        larger.resize(LARGEST, 0);
        Self::parse(small_file::read(path, &mut larger)?)
    }

    fn parse(text: &[u8]) -> Option<Self> {
        // The first line is a name, of any bytes.
        let name = text.iter().position(|&byte| byte == b'\n')?;
        let text = from_utf8(&text[name + 1..]).ok()?;
        let line = |name| text.split_inclusive('\n').find_map(|line: &str| line.strip_prefix(name));
        let four = |name| {
            let mut numbers = line(name)?.split_whitespace().map(str::parse);
            let mut next = || numbers.next()?.ok();
            Some([next()?, next()?, next()?, next()?])
        };
        let (users, groups, listed) = (four("Uid:")?, four("Gid:")?, line("Groups:")?);
        // A line without an end was cut off.
        let more_groups = listed.ends_with('\n').then(|| numbers(listed)).flatten();
        Some(Self { users, groups, more_groups })
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
        if let Some(groups) = &self.more_groups {
            // SAFETY: so many numbers are valid for reading.
            unsafe { libc::syscall(calls::SETGROUPS, groups.len(), groups.as_ptr()) };
        }
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

/// None if one is no number, or there is no memory.
fn numbers(text: &str) -> Option<Vec<u32>> {
    let mut numbers = Vec::new();
    memory::reserve(&mut numbers, text.split_whitespace().count()).ok()?;
    for number in text.split_whitespace() {
        numbers.push(number.parse().ok()?);
    }
    Some(numbers)
}

/// Makes the calling thread, a new worker, act for the user and the groups of the main thread.
pub(super) fn join_process() {
    let both = || Some((Identity::read(PROCESS)?, Identity::read(OWN)?));
    if both().is_some_and(|(process, own)| process != own) {
        one_at_a_time(|| {
            let was_dumpable = is_dumpable();
            let mut taken_on = None;
            // The process may change its own meanwhile, by the C library on all threads, and what was taken
            // on then is what it has given up. Where nothing changes any more, the system has refused.
            while let Some((process, own)) = both() {
                let is_known = taken_on.as_ref() == Some(&process);
                if process != own && !is_known {
                    process.take_on();
                    taken_on = Some(process);
                    continue;
                }
                if is_known && was_dumpable && !is_dumpable() {
                    stay_dumpable(&process);
                }
                return;
            }
        });
    }
}

/// Whether the process may be debugged and leave a core file. The kernel ends that for all of the process
/// when one of its threads changes its user.
fn is_dumpable() -> bool {
    // SAFETY: takes plain numbers.
    unsafe { libc::prctl(libc::PR_GET_DUMPABLE) == 1 }
}

/// Gives it back, unless the process itself has changed its user at this moment.
fn stay_dumpable(process: &Identity) {
    let set = |dumpable: libc::c_ulong| {
        // SAFETY: takes plain numbers.
        unsafe { libc::prctl(libc::PR_SET_DUMPABLE, dumpable, 0, 0, 0) };
    };
    set(1);
    if Identity::read(PROCESS).as_ref() != Some(process) {
        set(0);
    }
}

/// What belongs to all of the process is looked at and changed by one new thread after the other. Not a lock
/// of std: a fork may leave it to a thread that the child does not have.
fn one_at_a_time(act: impl FnOnce()) {
    /// The process in which a thread is inside; 0: none is.
    static INSIDE: AtomicU32 = AtomicU32::new(0);
    let process = std::process::id();
    let enter = |of: u32| (of != process).then_some(process);
    while INSIDE.fetch_update(Ordering::Acquire, Ordering::Relaxed, enter).is_err() {
        yield_now();
    }
    act();
    INSIDE.store(0, Ordering::Release);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_tells() {
        let text =
            "Name:\tGroups: 3\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nFDSize:\t64\nGroups:\t9 10 \nPid:\t1\n";
        let parse = |text: &str| Identity::parse(text.as_bytes());
        let identity = parse(text).unwrap();
        assert_eq!((identity.users, identity.groups), ([1, 2, 3, 4], [5, 6, 7, 8]));
        assert_eq!(identity.more_groups, Some(vec![9, 10]));
        let groups = text.find("\nPid").unwrap();
        for cut in [0, 20, 40] {
            assert_eq!(parse(&text[..cut]), None, "{cut}");
        }
        assert_eq!(parse(&text[..groups]), Some(Identity { more_groups: None, ..identity.clone() }));
        let many = parse(&text.replace("9 10", &"1 ".repeat(65_536))).unwrap();
        assert_eq!(many.more_groups, Some(vec![1; 65_536]));
        let named = text.replace("Groups: 3", "?").into_bytes();
        let named: Vec<u8> = named.into_iter().map(|byte| if byte == b'?' { 0xff } else { byte }).collect();
        assert_eq!(Identity::parse(&named), Some(identity));
        assert!(Identity::read(OWN).is_some_and(|own| own.more_groups.is_some()));
    }
}
