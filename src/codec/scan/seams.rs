//! Records that are cut by the ends of frames. The lanes give what they find of such a record, in any order;
//! the lane that brings the last missing bytes gets the whole record.
#![forbid(unsafe_code)]

use crate::codec::archive::Aligned;
use crate::error::{Error, ErrorKind, Result};
use std::sync::{Mutex, PoisonError};

/// Bytes of one record that follow each other.
pub(super) struct Seam {
    /// Where they begin and end in the content.
    pub(super) from: u64,
    pub(super) end: u64,
    /// Whether the record begins with them.
    pub(super) begins: bool,
    /// Whether the record ends with them.
    pub(super) ends: bool,
    /// The number of the piece; of bytes that the record begins with only.
    pub(super) number: u64,
    /// The record began before the scan, and is no piece.
    pub(super) dropped: bool,
    pub(super) bytes: Aligned,
}

/// See the module. There are about two seams a lane: next to each frame that is under way.
pub(super) struct Seams {
    open: Mutex<Vec<Seam>>,
    /// The longest record.
    longest: u64,
}

impl Seams {
    pub(super) fn new(longest: u64) -> Self {
        Self { open: Mutex::default(), longest }
    }

    /// Adds bytes; returns the record if it is whole now.
    pub(super) fn add(&self, mut seam: Seam) -> Result<Option<Seam>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if !seam.begins {
            if let Some(at) = open.iter().position(|other| !other.ends && other.end == seam.from) {
                let mut before = open.swap_remove(at);
                before.bytes.extend(seam.bytes.bytes())?;
                (before.end, before.ends) = (seam.end, seam.ends);
                seam = before;
            }
        }
        if !seam.ends {
            if let Some(at) = open.iter().position(|other| !other.begins && other.from == seam.end) {
                let after = open.swap_remove(at);
                seam.bytes.extend(after.bytes.bytes())?;
                (seam.end, seam.ends) = (after.end, after.ends);
            }
        }
        if !seam.dropped && seam.bytes.bytes().len() as u64 > self.longest {
            return Err(too_long(seam.from, self.longest));
        }
        if seam.begins && seam.ends {
            return Ok(Some(seam).filter(|seam| !seam.dropped));
        }
        if seam.dropped {
            seam.bytes = Aligned::default();
        }
        open.push(seam);
        Ok(None)
    }
}

/// The error of a line that is longer than it may be.
pub(super) fn too_long(offset: u64, longest: u64) -> Error {
    let text = format!("a line around byte {offset} of the content is longer than {longest} bytes");
    Error::new(ErrorKind::LimitExceeded, text).at(offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seam(from: u64, bytes: &[u8], begins: bool, ends: bool) -> Seam {
        let mut kept = Aligned::default();
        kept.extend(bytes).unwrap();
        let (end, number) = (from + bytes.len() as u64, from);
        Seam { from, end, begins, ends, number, dropped: false, bytes: kept }
    }

    #[test]
    fn the_last_part_brings_the_record() {
        let parts = [(0, "ab", true, false), (2, "cd", false, false), (4, "e", false, true)];
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let seams = Seams::new(5);
            let mut whole = Vec::new();
            for part in order {
                let (from, text, begins, ends) = parts[part];
                whole.extend(seams.add(seam(from, text.as_bytes(), begins, ends)).unwrap());
            }
            let [record] = &whole[..] else { panic!("{} records", whole.len()) };
            assert_eq!(
                (record.bytes.bytes(), record.from, record.end, record.number),
                (&b"abcde"[..], 0, 5, 0)
            );
        }
    }

    #[test]
    fn a_record_may_begin_with_a_frame() {
        for order in [[0, 1], [1, 0]] {
            let seams = Seams::new(2);
            let parts = [(7, "", true, false), (7, "xy", false, true)];
            let whole: Vec<_> = order
                .iter()
                .filter_map(|&part| {
                    let (from, text, begins, ends) = parts[part];
                    seams.add(seam(from, text.as_bytes(), begins, ends)).unwrap()
                })
                .collect();
            assert_eq!((whole.len(), whole[0].bytes.bytes()), (1, &b"xy"[..]));
        }
    }

    #[test]
    fn a_record_that_is_too_long_is_refused() {
        let seams = Seams::new(3);
        assert!(seams.add(seam(0, b"ab", true, false)).unwrap().is_none());
        assert!(seams.add(seam(2, b"cd", false, true)).is_err());
    }
}
