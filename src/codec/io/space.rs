//! Space on the disk, allocated before it is written: a file system that puts that off has to do it in the
//! rename that replaces a file.
#![forbid(unsafe_code)]

use std::fs::File;

/// Below, it costs more than it saves.
const LEAST: u64 = 1 << 20;
/// The most that is allocated at first: the declared size comes from data that need not be trusted. Later as
/// much again as was written.
const FIRST: u64 = 64 << 20;

/// The space of one file.
#[derive(Default)]
pub(crate) struct Space {
    /// Bytes that shall come; 0: not known, or not to be allocated.
    expected: u64,
    /// Bytes that have their space.
    allocated: u64,
}

impl Space {
    /// So many bytes will come.
    pub(crate) fn expect(&mut self, len: u64) {
        self.expected = if len < LEAST { 0 } else { len };
    }

    /// Whether more was allocated.
    pub(crate) fn is_more_than(&self, len: u64) -> bool {
        self.allocated > len
    }

    /// Sees to it that `len` bytes at `position` have their space, as far as they are expected.
    pub(crate) fn make(&mut self, file: &File, position: u64, len: usize) {
        if position + len as u64 <= self.allocated || self.allocated >= self.expected {
            return;
        }
        let end = self.expected.min(FIRST.max(2 * self.allocated));
        if allocate(file, self.allocated, end - self.allocated) {
            self.allocated = end;
        } else {
            // The writes will tell whether the disk is full.
            self.expected = 0;
        }
    }
}

/// Where it helps and costs nothing: ext4 and XFS. Others write zeros, or stop compressing.
#[cfg(target_os = "linux")]
fn allocate(file: &File, offset: u64, len: u64) -> bool {
    use rustix::fs::{fallocate, fstatfs, FallocateFlags, FsWord};
    const XFS: FsWord = 0x5846_5342;
    const EXT4: FsWord = 0xef53;
    let helps = offset > 0 || fstatfs(file).is_ok_and(|system| [EXT4, XFS].contains(&system.f_type));
    helps && fallocate(file, FallocateFlags::KEEP_SIZE, offset, len).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn allocate(_: &File, _: u64, _: u64) -> bool {
    false
}
