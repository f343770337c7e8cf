//! The Mark of the Web: which zone of the internet a file came from. Windows and programs ask before they run
//! or open such a file; a stream of the file holds the mark.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

const STREAM: &str = ":Zone.Identifier";

/// Browsers write some hundred bytes.
const LONGEST: u64 = 64 << 10;

fn stream(path: &Path) -> PathBuf {
    let mut text = path.as_os_str().to_owned();
    text.push(STREAM);
    text.into()
}

/// The mark of a file; none if the file has none, or it is absurdly long.
pub(crate) fn read(path: &Path) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    let len = File::open(stream(path)).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut text)).ok()?;
    (len as u64 <= LONGEST).then_some(text)
}

/// Gives a file a mark.
pub(crate) fn write(path: &Path, mark: &[u8]) -> io::Result<()> {
    std::fs::write(stream(path), mark)
}
