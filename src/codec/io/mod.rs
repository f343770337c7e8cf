//! The parts of targets: the folder that a file is in, descriptors that are open already, what is taken over from the source, holes.

#[cfg(target_os = "linux")]
pub(super) mod descriptor;
#[cfg_attr(unix, path = "folder_unix.rs")]
#[cfg_attr(windows, path = "folder_windows.rs")]
pub(super) mod folder;
pub(super) mod permissions;
pub(super) mod space;
pub(super) mod zeros;

/// What a name stands for, links not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
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
