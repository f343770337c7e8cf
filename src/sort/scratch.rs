//! The memory that sorting works in, and bytes as what is moved in them.

use super::elements::{Index, Pair};
use crate::error::{Error, ErrorKind, Result};
use crate::os::large_pages;
use std::alloc::{alloc_zeroed, dealloc, Layout};
use std::mem::size_of;
use std::ptr::NonNull;
use std::slice;

/// As much as systems give without being asked, so that zeros come with fresh pages, and cost nothing.
const ALIGNMENT: usize = 16;

/// Bytes, zero at first.
pub(super) struct Scratch {
    memory: NonNull<u8>,
    layout: Layout,
}

impl Scratch {
    pub(super) fn new(bytes: usize) -> Result<Self> {
        let failed = || {
            Error::new(ErrorKind::OutOfMemory, format!("no memory for the {bytes} bytes that sorting takes"))
        };
        let layout = Layout::from_size_align(bytes.max(1), ALIGNMENT).map_err(|_| failed())?;
        // SAFETY: the size is not zero.
        let memory = NonNull::new(unsafe { alloc_zeroed(layout) }).ok_or_else(failed)?;
        let mut made = Self { memory, layout };
        large_pages::ask_for(made.bytes());
        Ok(made)
    }

    pub(super) fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: allocated with this size, of zeros, and borrowed from `self` alone.
        unsafe { slice::from_raw_parts_mut(self.memory.as_ptr(), self.layout.size()) }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout.
        unsafe { dealloc(self.memory.as_ptr(), self.layout) };
    }
}

/// The whole records of `N` bytes at the begin of `bytes`.
pub(super) fn records_of<const N: usize>(bytes: &mut [u8]) -> &mut [[u8; N]] {
    // SAFETY: arrays of bytes are as aligned as bytes, and any bytes are valid; no more of them than fit.
    unsafe { slice::from_raw_parts_mut(bytes.as_mut_ptr().cast(), bytes.len() / N) }
}

/// The pairs that fill `bytes`, which must be aligned for them.
pub(super) fn pairs_of<I: Index>(bytes: &mut [u8]) -> &mut [Pair<I>] {
    // SAFETY: pairs are integers (`Index` is u32 or u64) without padding, so any bytes are valid both ways.
    let (before, pairs, _) = unsafe { bytes.align_to_mut::<Pair<I>>() };
    assert!(before.is_empty() && size_of::<Pair<I>>() % size_of::<I>() == 0);
    pairs
}
