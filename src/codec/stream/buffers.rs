//! Buffers of streams: used again and again, as fresh memory has to be cleared by the system first, and counted, so that a call can
//! tell how much memory it took.
#![forbid(unsafe_code)]

use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Counts memory. Relaxed everywhere: a number for people.
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

    /// Counts something until the result is dropped.
    pub(crate) fn hold(self: &Arc<Self>, bytes: usize) -> Counted {
        self.add(bytes);
        Counted { meter: Arc::clone(self), bytes }
    }

    /// What there is now.
    pub(crate) fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    /// The most that there ever was.
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
    /// It has grown, or shrunk.
    fn change(&mut self, bytes: usize) {
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
    /// It is filled by fastpar, and stays initialised.
    Input,
    /// It is filled by libzstd.
    Output,
}

/// A buffer that is filled from the front.
#[derive(Debug)]
pub(crate) struct Buffer {
    /// Initialised as far as it was ever used.
    bytes: Vec<u8>,
    filled: usize,
    /// It does not become larger of itself.
    most: usize,
    side: Side,
    counted: Counted,
}

impl Buffer {
    /// What it holds.
    pub(crate) fn filled(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }

    /// How much it holds.
    pub(crate) fn len(&self) -> usize {
        self.filled
    }

    /// The memory that it takes.
    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Room for exactly `len` more bytes; how many of them are filled is told to `advance`.
    pub(crate) fn room(&mut self, len: usize) -> Result<&mut [u8]> {
        let end = self.filled.checked_add(len).ok_or_else(no_memory)?;
        self.reserve(end)?;
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        Ok(&mut self.bytes[self.filled..end])
    }

    /// So many bytes of the room are filled.
    pub(crate) fn advance(&mut self, len: usize) {
        self.filled += len;
        assert!(self.filled <= self.bytes.len());
    }

    /// Only the first `len` bytes are left.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.filled = self.filled.min(len);
    }

    /// The first `len` bytes are gone, the others move to the front.
    pub(crate) fn forget(&mut self, len: usize) {
        self.bytes.copy_within(len..self.filled, 0);
        self.filled -= len;
    }

    /// Adds bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<()> {
        let end = self.filled + bytes.len(); // of two slices that exist
        self.reserve(end)?;
        // What is initialised is overwritten, the rest is appended: no byte is written twice.
        let known = (self.bytes.len() - self.filled).min(bytes.len());
        self.bytes[self.filled..self.filled + known].copy_from_slice(&bytes[..known]);
        self.bytes.extend_from_slice(&bytes[known..]);
        self.filled = end;
        Ok(())
    }

    /// Lets libzstd write into it: `write` is given an empty vector of the capacity asked for.
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
            // By a quarter at least each time, so that growing costs little.
            let grown = self.bytes.capacity() + self.bytes.capacity() / 4;
            let more = capacity.max(grown.min(self.most)) - self.bytes.len();
            memory::reserve(&mut self.bytes, more)?;
            self.counted.change(self.bytes.capacity());
        }
        Ok(())
    }
}

/// Where buffers wait for their next use.
#[derive(Debug)]
pub(crate) struct Buffers {
    meter: Arc<Meter>,
    limit: u64,
    unused: Mutex<Vec<Buffer>>,
}

impl Buffers {
    /// Nothing yet. Nothing is unused that would take the place of something needed, where all is to stay within `limit` bytes.
    pub(crate) fn new(meter: &Arc<Meter>, limit: u64) -> Self {
        Self { meter: Arc::clone(meter), limit, unused: Mutex::default() }
    }

    /// An empty buffer with room for `capacity` bytes, and for no more than `most`.
    pub(crate) fn take(&self, side: Side, capacity: usize, most: usize) -> Result<Buffer> {
        let mut unused = self.unused.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |buffer: &Buffer| buffer.side == side && (capacity..=most).contains(&buffer.capacity());
        if let Some(index) = unused.iter().position(fits) {
            let mut buffer = unused.swap_remove(index);
            (buffer.filled, buffer.most) = (0, most);
            return Ok(buffer);
        }
        // Sizes have changed: one that does not fit any more makes place for one that does.
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
        assert_eq!(meter.now(), 950, "what was unused has made place");
        drop((other, large));
        assert_eq!(meter.now(), 0);
        assert!(meter.peak() >= 950);
    }
}
