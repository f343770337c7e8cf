//! A whole frame of sections of any size, in one lane: for tests and the fuzzer, which need sections of a few
//! bytes.
#![forbid(unsafe_code)]

use super::{Checksum, Sections};
use crate::codec::options::progress::CallProgress;
use crate::codec::options::Options;
use crate::error::Result;

/// Compresses `content` to one frame, in sections of `len` bytes that overlap by at most `overlap`, which is
/// not 0.
#[cfg(fuzzing)]
pub fn encode_sections(
    content: &[u8],
    options: &Options<'_>,
    len: usize,
    overlap: usize,
) -> Result<Option<Vec<u8>>> {
    let options = Options { single_frame: true, ..*options };
    options.check()?;
    let sections = Sections::new(&options, None).map(|sections| Sections { len, overlap, ..sections });
    sections.map(|sections| sections.with_size(content.len()).encode_all(content, &options)).transpose()
}

impl Sections {
    pub(super) fn with_size(self, size: usize) -> Self {
        Self { content_size: Some(size as u64), ..self }
    }

    pub(super) fn encode_all(&self, content: &[u8], options: &Options<'_>) -> Result<Vec<u8>> {
        let progress = CallProgress::new(options, None);
        let checksum = Checksum::new(content, options.checksum);
        let (header, len) = self.heading().header();
        let mut bytes = header[..len].to_vec();
        for start in (0..content.len()).step_by(self.len()) {
            let end = content.len().min(start + self.len());
            checksum.advance(end);
            let before = start.min(self.overlap());
            let mut room = vec![0; Self::bound(end - start)];
            let size = self.encode(&content[start - before..end], before, &mut room[..], &progress)?;
            bytes.extend_from_slice(&room[..size]);
        }
        let (end, len) = self.heading().end(checksum.finish().unwrap_or(0));
        bytes.extend_from_slice(&end[..len]);
        Ok(bytes)
    }
}
