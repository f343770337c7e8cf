//! Access lists (POSIX ACLs): what further users and groups may do with a file. With one, the bits for the
//! group in the mode are the most that anybody in the list may do, not what the group may.
#![forbid(unsafe_code)]

use rustix::fs::{fgetxattr, fremovexattr, fsetxattr, XattrFlags};
use rustix::io::Errno;
use std::fs::File;

const NAME: &str = "system.posix_acl_access";

/// The most bytes that Linux keeps under such a name.
const LONGEST: usize = 65_536;
/// Bytes of the version before the entries.
const VERSION: usize = 4;
/// An entry: tag, permissions, and the number of a user or a group; little-endian.
const ENTRY: usize = 8;

/// Entries about others than the owner, all others, and the mask: a user, the file's group, a group.
const LISTED: [u16; 3] = [0x02, 0x04, 0x08];

/// The list of a file, as the system stores it.
pub(crate) struct AccessList(Vec<u8>);

impl AccessList {
    /// The access list of an open file; `None` if it has none. A list that cannot be read allows nothing.
    pub(crate) fn of(file: &File) -> Option<Self> {
        let read = || {
            let mut list = vec![0; LONGEST];
            let len = fgetxattr(file, NAME, list.as_mut_slice())?;
            list.truncate(len);
            Ok(list)
        };
        match read() {
            Ok(list) => Some(Self(list)),
            Err(Errno::NODATA | Errno::NOTSUP | Errno::NOSYS) => None,
            Err(_) => Some(Self(Vec::new())),
        }
    }

    /// Gives a file the same one; nothing happens where that is not possible.
    pub(crate) fn give(&self, file: &File) {
        if !self.0.is_empty() {
            let _ = fsetxattr(file, NAME, &self.0, XattrFlags::empty());
        }
    }

    /// Removes the access list that a new file inherited from its folder.
    pub(crate) fn take(file: &File) {
        let _ = fremovexattr(file, NAME);
    }

    /// What every user in the list may do: three bits, as in a mode.
    pub(crate) fn common(&self) -> u32 {
        let entries = self.0.get(VERSION..).unwrap_or_default().chunks_exact(ENTRY);
        let listed = entries
            .filter(|entry| LISTED.contains(&u16::from_le_bytes([entry[0], entry[1]])))
            .map(|entry| u32::from(u16::from_le_bytes([entry[2], entry[3]])));
        listed.reduce(|all, permissions| all & permissions).unwrap_or(0) & 7
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_may_do() {
        let list = |entries: &[(u16, u16)]| {
            let bytes = entries.iter().flat_map(|(tag, permissions)| {
                [&tag.to_le_bytes()[..], &permissions.to_le_bytes(), &[7; 4]].concat()
            });
            AccessList([2, 0, 0, 0].into_iter().chain(bytes).collect()).common()
        };
        assert_eq!(list(&[(1, 7), (4, 5), (0x10, 7), (0x20, 0)]), 5, "the group alone");
        assert_eq!(list(&[(1, 6), (2, 4), (4, 6), (8, 7), (0x10, 7), (0x20, 7)]), 4);
        assert_eq!(list(&[(1, 6), (2, 4), (2, 0), (4, 6), (0x10, 4), (0x20, 4)]), 0, "somebody may not");
        assert_eq!(list(&[]), 0);
        assert_eq!(AccessList(vec![1]).common(), 0);
    }
}
