//! Files: the input; the output and its parts (its folder, descriptors that are open already, what is taken
//! over from the source, holes); and the system's errors.

#[cfg(target_os = "linux")]
pub(crate) mod access_list;
#[cfg(target_os = "linux")]
pub(crate) mod descriptor;
pub(crate) mod errors;
#[cfg_attr(unix, path = "folder_unix.rs")]
#[cfg_attr(windows, path = "folder_windows.rs")]
pub(crate) mod folder;
pub(crate) mod input;
pub(crate) mod output;
pub(crate) mod permissions;
pub(crate) mod space;
pub(crate) mod zeros;

use crate::pool::{spend, Spent};
use crate::trace::{self, Mark};
use std::io::Result;

/// Reads from a file, or writes to it: for the statistics the thread waits.
fn transfer(kind: trace::Kind, transfer: impl FnOnce() -> Result<usize>) -> Result<usize> {
    let mark = Mark::now(trace::FILES);
    let result = spend(Spent::Waiting, transfer);
    mark.end(kind, 0, [*result.as_ref().unwrap_or(&0) as u64, 0, 0, 0, 0]);
    result
}

/// What a name stands for, links not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An ordinary file.
    File,
    Directory,
    /// A symbolic link.
    Link,
    /// A FIFO or a character device: it is written where it stands.
    Stream,
    /// A block device, a socket.
    Other,
}
