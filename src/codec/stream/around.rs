//! What a writer adds to the sections of a single frame: a header before them, and an end with the checksum
//! of all content.
#![forbid(unsafe_code)]

use crate::codec::format::header::Heading;
use crate::codec::format::xxh64::Xxh64;

/// See the module.
pub(super) struct Around {
    heading: Heading,
    hash: Xxh64,
    begun: bool,
}

impl Around {
    pub(super) fn new(heading: Heading) -> Self {
        Self { heading, hash: Xxh64::new(), begun: false }
    }

    /// The header, the first time.
    pub(super) fn begin(&mut self) -> Vec<u8> {
        let (bytes, len) = self.heading.header();
        bytes[..if std::mem::replace(&mut self.begun, true) { 0 } else { len }].to_vec()
    }

    /// There is no content: that is its size, which was not known before.
    pub(super) fn set_empty(&mut self) {
        self.heading.content_size = Some(0);
    }

    /// Counts the next bytes of the content.
    pub(super) fn add(&mut self, content: &[u8]) {
        if self.heading.checksum {
            self.hash.update(content);
        }
    }

    /// The end.
    pub(super) fn end(&self) -> Vec<u8> {
        let (bytes, len) = self.heading.end(self.hash.finish() as u32); // the lower half
        bytes[..len].to_vec()
    }
}
