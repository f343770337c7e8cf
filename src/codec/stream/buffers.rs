//! Buffers of streams. They are used again and again, because the system clears fresh memory first, and their
//! memory is counted, so that a call can tell how much it took.
#![forbid(unsafe_code)]

use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Counts memory. Relaxed everywhere: the counts order no other data.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    now: AtomicU64,
    peak: AtomicU64,
}

impl Meter {
    fn add(&self, bytes: usize) {
        let now = self.now.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64;
        self.peak.fetch_max(now, Ordering::Relaxed);
    }

    fn sub(&self, bytes: usize) {
        self.now.fetch_sub(bytes as u64, Ordering::Relaxed);
    }

    /// Counts `bytes` until the result is dropped.
    pub(crate) fn hold(self: &Arc<Self>, bytes: usize) -> Counted {
        self.add(bytes);
        Counted { meter: Arc::clone(self), bytes }
    }

    /// The bytes that are counted now.
    pub(crate) fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    /// The most bytes that were counted at a time.
    pub(crate) fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }
}

/// Memory that is counted.
#[derive(Debug)]
pub(crate) struct Counted {
    meter: Arc<Meter>,
    bytes: usize,
}

impl Counted {
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The counted memory has grown, or shrunk, to `bytes`.
    pub(crate) fn change(&mut self, bytes: usize) {
        self.meter.add(bytes.saturating_sub(self.bytes));
        self.meter.sub(self.bytes.saturating_sub(bytes));
        self.bytes = bytes;
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.meter.sub(self.bytes);
    }
}

/// What a buffer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Filled by fastpar, and always initialised.
    Input,
    /// Filled by libzstd.
    Output,
}

/// A buffer that is filled from the front.
#[derive(Debug)]
pub(crate) struct Buffer {
    /// Initialised as far as the buffer was ever filled.
    bytes: Vec<u8>,
    filled: usize,
    /// Growing with headroom stops at so many bytes.
    most: usize,
    side: Side,
    counted: Counted,
}

impl Buffer {
    /// The filled bytes.
    pub(crate) fn filled(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }

    /// The number of filled bytes.
    pub(crate) fn len(&self) -> usize {
        self.filled
    }

    /// The memory that the buffer takes.
    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Room for exactly `len` more bytes. The caller tells `advance` how many of them it has filled.
    pub(crate) fn room(&mut self, len: usize) -> Result<&mut [u8]> {
        let end = self.filled.checked_add(len).ok_or_else(no_memory)?;
        self.reserve(end)?;
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        Ok(&mut self.bytes[self.filled..end])
    }

    /// The first `len` bytes of the room are filled.
    pub(crate) fn advance(&mut self, len: usize) {
        self.filled += len;
        assert!(self.filled <= self.bytes.len());
    }

    /// Keeps only the first `len` bytes.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.filled = self.filled.min(len);
    }

    /// Removes the first `len` bytes; the others move to the front.
    pub(crate) fn forget(&mut self, len: usize) {
        self.bytes.copy_within(len..self.filled, 0);
        self.filled -= len;
    }

    /// Appends `bytes`.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<()> {
        let end = self.filled + bytes.len(); // the sum of two slices' lengths
        self.reserve(end)?;
        // Initialised bytes are overwritten and the others appended, so that no byte is written twice.
        let known = (self.bytes.len() - self.filled).min(bytes.len());
        self.bytes[self.filled..self.filled + known].copy_from_slice(&bytes[..known]);
        self.bytes.extend_from_slice(&bytes[known..]);
        self.filled = end;
        Ok(())
    }

    /// Lets libzstd write into the buffer: `write` gets an empty vector of the capacity that `take` was asked
    /// for.
    pub(crate) fn fill(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<()> {
        self.bytes.clear();
        self.filled = 0;
        write(&mut self.bytes)?;
        self.filled = self.bytes.len();
        self.counted.change(self.bytes.capacity());
        Ok(())
    }

    fn reserve(&mut self, capacity: usize) -> Result<()> {
        if capacity > self.bytes.capacity() {
            // By at least a quarter each time, so that growing costs little.
            let grown = self.bytes.capacity() + self.bytes.capacity() / 4;
            let more = capacity.max(grown.min(self.most)) - self.bytes.len();
            memory::reserve(&mut self.bytes, more)?;
            self.counted.change(self.bytes.capacity());
        }
        Ok(())
    }
}

/// Buffers that wait for their next use.
#[derive(Debug)]
pub(crate) struct Buffers {
    meter: Arc<Meter>,
    limit: u64,
    unused: Mutex<Vec<Buffer>>,
}

impl Buffers {
    /// No buffers yet. All memory together stays within `limit` bytes: an unused buffer is freed if a needed
    /// one would exceed them.
    pub(crate) fn new(meter: &Arc<Meter>, limit: u64) -> Self {
        Self { meter: Arc::clone(meter), limit, unused: Mutex::default() }
    }

    /// An empty buffer with room for `capacity` bytes, which grows with headroom up to `most`.
    pub(crate) fn take(&self, side: Side, capacity: usize, most: usize) -> Result<Buffer> {
        let mut unused = self.unused.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |buffer: &Buffer| buffer.side == side && (capacity..=most).contains(&buffer.capacity());
        if let Some(index) = unused.iter().position(fits) {
            let mut buffer = unused.swap_remove(index);
            (buffer.filled, buffer.most) = (0, most);
            return Ok(buffer);
        }
        // Sizes have changed: an unused buffer that is too small is freed for a new one.
        if let Some(index) = unused.iter().position(|buffer| buffer.side == side) {
            drop(unused.swap_remove(index));
        }
        while self.meter.now().saturating_add(capacity as u64) > self.limit && unused.pop().is_some() {}
        let counted = self.meter.hold(capacity);
        drop(unused);
        let mut bytes = Vec::new();
        memory::reserve(&mut bytes, capacity)?;
        let mut buffer = Buffer { bytes, filled: 0, most, side, counted };
        buffer.counted.change(buffer.bytes.capacity());
        Ok(buffer)
    }

    /// Keeps a buffer for the next use.
    pub(crate) fn put(&self, buffer: Buffer) {
        self.unused.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
    }
}

fn no_memory() -> Error {
    Error::new(ErrorKind::OutOfMemory, "no memory for a buffer")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_used_again_and_counted() {
        let meter = Arc::new(Meter::default());
        let buffers = Buffers::new(&meter, 1000);
        let mut buffer = buffers.take(Side::Input, 100, 250).unwrap();
        buffer.push(b"one").unwrap();
        buffer.room(3).unwrap().copy_from_slice(b"two");
        buffer.advance(3);
        buffer.push(&[b'x'; 200]).unwrap();
        assert_eq!(&buffer.filled()[..7], b"onetwox");
        buffer.forget(3);
        assert_eq!((&buffer.filled()[..4], buffer.len()), (&b"twox"[..], 203));
        let grown = buffer.capacity();
        assert!(grown >= 206 && meter.now() == grown as u64);
        buffers.put(buffer);
        let other = buffers.take(Side::Output, 150, 300).unwrap();
        let again = buffers.take(Side::Input, 150, 300).unwrap();
        assert_eq!((again.len(), again.capacity()), (0, grown));
        assert_eq!(meter.now(), grown as u64 + 150);
        buffers.put(again);
        let large = buffers.take(Side::Output, 800, 800).unwrap();
        assert_eq!(meter.now(), 950, "the unused buffer was freed");
        drop((other, large));
        assert_eq!(meter.now(), 0);
        assert!(meter.peak() >= 950);
    }
}
