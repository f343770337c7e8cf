//! Writing what stands around the blocks of a frame: its header, and its end.
#![forbid(unsafe_code)]

use super::frame::{CHECKSUM, LONGEST_HEADER, MAGIC};

/// What a frame says of itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heading {
    /// The window, as a power of two.
    pub(crate) window_log: u32,
    /// The bytes of the content, if they are known.
    pub(crate) content_size: Option<u64>,
    /// The number of the dictionary that the frame needs; 0: none, or it is not told.
    pub(crate) dictionary: u32,
    /// Whether a checksum follows the last block.
    pub(crate) checksum: bool,
}

/// A header: the bytes, of which the first so many are used.
pub(crate) type Header = ([u8; LONGEST_HEADER as usize], usize);

/// The end of a frame: the bytes, of which the first so many are used.
pub(crate) type End = ([u8; LAST_BLOCK.len() + CHECKSUM], usize);

/// An empty block that is the last of its frame.
const LAST_BLOCK: [u8; 3] = [1, 0, 0];

impl Heading {
    /// The header, the same as libzstd's.
    pub(crate) fn header(&self) -> Header {
        let mut bytes = [0; LONGEST_HEADER as usize];
        let mut len = 0;
        let mut put = |value: u64, count: usize| {
            bytes[len..len + count].copy_from_slice(&value.to_le_bytes()[..count]);
            len += count;
        };
        let single_segment = self.content_size.is_some_and(|size| size <= 1 << self.window_log);
        let dictionary = match self.dictionary {
            0 => 0,
            1..=0xff => 1,
            0x100..=0xffff => 2,
            _ => 3,
        };
        let size = match self.content_size {
            None | Some(0..=255) => 0,
            Some(256..=0x100ff) => 1,
            Some(0x10100..=0xffff_fffe) => 2,
            Some(_) => 3,
        };
        let flags = u64::from(single_segment) << 5 | u64::from(self.checksum) << 2;
        put(u64::from(MAGIC), 4);
        put(size << 6 | flags | dictionary, 1);
        if !single_segment {
            put(u64::from(self.window_log - 10) << 3, 1);
        }
        put(u64::from(self.dictionary), [0, 1, 2, 4][dictionary as usize]);
        match (size, self.content_size) {
            (0, Some(content)) if single_segment => put(content, 1),
            (1, Some(content)) => put(content - 256, 2),
            (2, Some(content)) => put(content, 4),
            (3, Some(content)) => put(content, 8),
            _ => {}
        }
        (bytes, len)
    }

    /// The bytes of the header, and of what follows the last block with content.
    pub(crate) fn around(&self) -> (usize, usize) {
        (self.header().1, self.end(0).1)
    }

    /// What follows the last block with content: an empty last block, and the checksum.
    pub(crate) fn end(&self, checksum: u32) -> End {
        let mut bytes = [0; LAST_BLOCK.len() + CHECKSUM];
        bytes[..LAST_BLOCK.len()].copy_from_slice(&LAST_BLOCK);
        bytes[LAST_BLOCK.len()..].copy_from_slice(&checksum.to_le_bytes());
        (bytes, if self.checksum { bytes.len() } else { LAST_BLOCK.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::Frames;
    use super::*;

    #[test]
    fn headers_are_read_as_they_were_written() {
        for content_size in [
            None,
            Some(0),
            Some(255),
            Some(256),
            Some(0x100ff),
            Some(0x10100),
            Some(u64::from(u32::MAX)),
            Some(1 << 40),
        ] {
            for dictionary in [0, 1, 255, 256, 65_535, 65_536, u32::MAX] {
                for (window_log, checksum) in [(10, true), (21, false), (31, true)] {
                    let heading = Heading { window_log, content_size, dictionary, checksum };
                    let (bytes, len) = heading.header();
                    let frame = Frames::new(&bytes[..len]).start().unwrap();
                    assert_eq!(frame.header_len, len);
                    assert_eq!(frame.content_size, content_size);
                    assert_eq!((frame.dictionary, frame.checksum), (dictionary, checksum));
                    let single = content_size.is_some_and(|size| size <= 1 << window_log);
                    assert_eq!(frame.single_segment, single);
                    assert_eq!(frame.window, if single { content_size.unwrap() } else { 1 << window_log });
                }
            }
        }
    }
}
