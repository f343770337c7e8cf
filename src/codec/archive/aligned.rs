//! Bytes in memory that begins at a multiple of 64, which is a cache line and the largest vector register.
#![forbid(unsafe_code)]

use crate::error::Result;
use crate::memory;

/// What the first byte is aligned to.
const ALIGNMENT: usize = 64;

/// See the module.
#[derive(Default)]
pub(crate) struct Aligned {
    memory: Vec<u8>,
    /// Where in `memory` the first byte is.
    start: usize,
    len: usize,
}

impl Aligned {
    /// Bytes that fit without other memory.
    pub(crate) fn room(&self) -> usize {
        self.memory.len() - self.start
    }

    /// Makes room for `room` bytes; the bytes that are there stay.
    pub(crate) fn reserve(&mut self, room: usize) -> Result<()> {
        if room <= self.room() {
            return Ok(());
        }
        let mut memory = Vec::new();
        let all = room.saturating_add(ALIGNMENT - 1);
        memory::reserve(&mut memory, all)?;
        memory.resize(all, 0);
        let start = memory.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT - 1);
        memory[start..start + self.len].copy_from_slice(self.bytes());
        (self.memory, self.start) = (memory, start);
        Ok(())
    }

    /// All the room, whatever it holds.
    pub(crate) fn whole(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..]
    }

    /// The bytes that are there.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.len]
    }

    /// So many bytes are there now; they have room.
    pub(crate) fn set_len(&mut self, len: usize) {
        assert!(len <= self.room());
        self.len = len;
    }

    /// Drops all but the bytes from `from` on, which become the first.
    pub(crate) fn drop_before(&mut self, from: usize) {
        let (start, end) = (self.start, self.start + self.len);
        self.memory.copy_within(start + from..end, start);
        self.len -= from;
    }

    /// Adds bytes.
    pub(crate) fn extend(&mut self, bytes: &[u8]) -> Result<()> {
        let end = self.len + bytes.len();
        if end > self.room() {
            self.reserve(end.max(self.len + self.len / 2))?;
        }
        let len = self.len;
        self.whole()[len..end].copy_from_slice(bytes);
        self.len = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_stay_where_they_are_aligned() {
        let mut bytes = Aligned::default();
        assert!(bytes.bytes().is_empty() && bytes.room() == 0);
        for count in 1..200u8 {
            bytes.extend(&[count]).unwrap();
            assert_eq!(bytes.bytes().as_ptr() as usize % ALIGNMENT, 0);
        }
        assert_eq!(bytes.bytes(), (1..200).collect::<Vec<u8>>());
        bytes.drop_before(150);
        assert_eq!(bytes.bytes(), (151..200).collect::<Vec<u8>>());
        bytes.reserve(1000).unwrap();
        assert_eq!(bytes.bytes(), (151..200).collect::<Vec<u8>>());
        bytes.set_len(0);
        assert!(bytes.bytes().is_empty() && bytes.room() >= 1000);
    }
}
