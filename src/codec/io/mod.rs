//! Files: the input; the output and its parts (its folder, descriptors and devices that are written as they
//! are, what is taken over from the source, holes); what Windows has functions of its own for; and the
//! system's errors.

#[cfg(target_os = "linux")]
pub(crate) mod access_list;
#[cfg(target_os = "linux")]
pub(crate) mod descriptor;
#[cfg(windows)]
#[path = "device_windows.rs"]
pub(crate) mod device;
pub(crate) mod errors;
#[cfg_attr(unix, path = "folder_unix.rs")]
#[cfg_attr(windows, path = "folder_windows.rs")]
pub(crate) mod folder;
#[cfg(windows)]
#[path = "handle_windows.rs"]
pub(crate) mod handle;
pub(crate) mod input;
#[cfg(windows)]
#[path = "mark_windows.rs"]
pub(crate) mod mark;
pub(crate) mod output;
#[cfg(windows)]
#[path = "patience_windows.rs"]
pub(crate) mod patience;
pub(crate) mod permissions;
pub(crate) mod space;
pub(crate) mod zeros;

use crate::pool::{spend, Spent};
use crate::trace::{self, Mark};
use std::ffi::OsStr;
use std::io::Result;

/// Reads from a file, or writes to it: for the statistics the thread waits.
fn transfer<N>(kind: trace::Kind, transfer: impl FnOnce() -> Result<N>) -> Result<N>
where
    N: TryInto<u64> + Copy,
{
    let mark = Mark::now(trace::FILES);
    let result = spend(Spent::Waiting, transfer);
    let bytes = result.as_ref().map_or(0, |&bytes| bytes.try_into().unwrap_or(u64::MAX));
    mark.end(kind, [bytes, 0, 0, 0, 0]);
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

/// What a new file is made after.
#[derive(Clone, Copy)]
pub(crate) struct Model<'a> {
    /// It gets the mode of an ordinary source: until then no other user may open it.
    #[cfg_attr(windows, allow(dead_code))] // nobody may
    pub(crate) private: bool,
    /// What it will replace, and its name: the access list is taken over.
    #[cfg_attr(unix, allow(dead_code))] // that of the source is
    pub(crate) old: Option<(&'a OsStr, &'a folder::Found)>,
    /// The Mark of the Web.
    #[cfg_attr(unix, allow(dead_code))]
    pub(crate) mark: Option<&'a [u8]>,
    /// It may get holes.
    #[cfg_attr(unix, allow(dead_code))] // every file may
    pub(crate) sparse: bool,
}
