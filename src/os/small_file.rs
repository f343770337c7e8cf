//! Small files in which the kernel tells something.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// What a small file holds, without an allocation; of a larger one the beginning.
pub(crate) fn read<'b>(path: &Path, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let mut file = File::open(path).ok()?;
    let mut len = 0;
    while len < buffer.len() {
        match file.read(&mut buffer[len..]) {
            Ok(0) => break,
            Ok(more) => len += more,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
    Some(&buffer[..len])
}
