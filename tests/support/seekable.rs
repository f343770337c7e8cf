//! Data as zstd's own seekable writer makes it: frames without checksums, and a table that tells them.

use zstd::zstd_safe::{compress_bound, CCtx, CParameter};

/// A frame that tells its size.
fn frame(content: &[u8], checksum: bool) -> Vec<u8> {
    let mut context = CCtx::create();
    context.set_parameter(CParameter::ChecksumFlag(checksum)).unwrap();
    let mut out = Vec::with_capacity(compress_bound(content.len()));
    context.compress2(&mut out, content).unwrap();
    out
}

/// What zstd has for the checksum of a content.
pub(crate) fn checksum(content: &[u8]) -> [u8; 4] {
    *frame(content, true).last_chunk().unwrap()
}

/// The entry of a frame with its checksum.
pub(crate) fn entry(frame: &[u8], content: &[u8]) -> Vec<u8> {
    let sizes = [frame.len() as u32, content.len() as u32].map(u32::to_le_bytes);
    [&sizes.concat()[..], &checksum(content)].concat()
}

/// The table of such entries.
pub(crate) fn table(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut rest = entries.concat();
    rest.extend((entries.len() as u32).to_le_bytes());
    rest.push(0x80);
    rest.extend(0x8f92_eab1_u32.to_le_bytes());
    [&0x184d_2a5e_u32.to_le_bytes()[..], &(rest.len() as u32).to_le_bytes(), &rest].concat()
}

/// A frame of each part, and their table; `own`: frames have checksums as well.
pub(crate) fn with_checksums(parts: &[&[u8]], own: bool) -> (Vec<u8>, Vec<u8>) {
    let frames: Vec<_> = parts.iter().map(|part| frame(part, own)).collect();
    let entries: Vec<_> = frames.iter().zip(parts).map(|(frame, part)| entry(frame, part)).collect();
    (frames.concat(), table(&entries))
}
