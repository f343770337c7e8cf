//! The file of a trace: after each write it is whole, a JSON array with its closing bracket, which the next
//! write goes over. So the file opens whenever the process is killed, and when the disk is full.

use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

/// What the file ends with.
const CLOSING: &str = "\n]\n";

/// What stands between events. No event holds it: line feeds of names are written as `\u000a`.
const BETWEEN: &str = ",\n";

/// A text that is written at once is about so long.
const PIECE: usize = 64 << 10;

/// No event is longer than this.
const LONGEST_EVENT: usize = 4 << 10;

/// See the module.
pub(super) struct Output {
    /// None: it is closed.
    file: Option<File>,
    /// Where the closing bracket is.
    end: u64,
    text: String,
    /// Nothing has been written yet.
    is_new: bool,
    failed: Option<io::Error>,
}

impl Output {
    /// A new file: what has the name already is not touched, a link is not followed.
    pub(super) fn create(path: &Path) -> Result<Self> {
        let mut text = Vec::new();
        memory::reserve(&mut text, PIECE + LONGEST_EVENT)?;
        let fail = |error: io::Error| {
            let text = format!("creating the trace {} failed: {error}", path.display());
            Error::new(ErrorKind::Io, text).with_code(error.raw_os_error().unwrap_or(0))
        };
        let file = File::options().write(true).create_new(true).open(path).map_err(fail)?;
        let text = String::from_utf8(text).unwrap_or_default(); // it is empty, and keeps its room
        Ok(Self { file: Some(file), end: 0, text, is_new: true, failed: None })
    }

    /// Adds an event, which `write` writes to the text.
    pub(super) fn event(&mut self, write: impl FnOnce(&mut String)) {
        self.text.push_str(if self.is_new { "[\n" } else { BETWEEN });
        self.is_new = false;
        write(&mut self.text);
        if self.text.len() >= PIECE {
            self.write();
        }
    }

    /// Writes what has been added. After a failure the file keeps the events that are whole, and gets no
    /// more.
    pub(super) fn write(&mut self) {
        if self.text.is_empty() {
            return;
        }
        let len = self.text.len();
        self.text.push_str(CLOSING);
        if let (Some(file), None) = (&mut self.file, &self.failed) {
            let text = self.text.as_bytes();
            match write_at(file, self.end, text) {
                (_, Ok(())) => self.end += len as u64,
                (written, Err(error)) => {
                    self.failed = Some(error);
                    self.end += whole_events(&text[..written.min(len)]) as u64;
                    // Over bytes that are there already: that needs no room.
                    let _ = write_at(file, self.end, CLOSING.as_bytes());
                    let _ = file.set_len(self.end + CLOSING.len() as u64);
                }
            }
        }
        self.text.clear();
    }

    /// Tells the first failure of a write.
    pub(super) fn check(&self) -> Result<()> {
        match &self.failed {
            None => Ok(()),
            Some(error) => {
                let text = format!("writing the trace failed: {error}");
                Err(Error::new(ErrorKind::Io, text).with_code(error.raw_os_error().unwrap_or(0)))
            }
        }
    }

    /// Closes the file, which threads that took part in the trace may still refer to: nothing is written any
    /// more. Tells the first failure of a write.
    pub(super) fn close(&mut self) -> Result<()> {
        self.file = None;
        self.check()
    }
}

/// Writes at a position; how many bytes were written, also where it failed.
fn write_at(file: &mut File, at: u64, text: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    if let Err(error) = file.seek(SeekFrom::Start(at)) {
        return (0, Err(error));
    }
    while written < text.len() {
        match file.write(&text[written..]) {
            Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
            Ok(more) => written += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (written, Err(error)),
        }
    }
    (written, Ok(()))
}

/// How many bytes of the beginning of a text are whole events that leave room for the closing bracket.
fn whole_events(text: &[u8]) -> usize {
    let ends = text.len().saturating_sub(CLOSING.len() - BETWEEN.len());
    text[..ends].windows(BETWEEN.len()).rposition(|part| part == BETWEEN.as_bytes()).unwrap_or(0)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn whole_events_of_a_text_that_was_cut() {
        let text = b",\n{\"a\":1},\n{\"b\":2},\n{\"c\":3}";
        let ends: Vec<usize> = (0..=text.len()).map(|cut| whole_events(&text[..cut])).collect();
        for (cut, &end) in ends.iter().enumerate() {
            assert!([0, 9, 18].contains(&end) && (end == 0 || end + CLOSING.len() <= cut), "{cut} {end}");
        }
        assert_eq!((ends[11], ends[12], ends[20], ends[21]), (0, 9, 9, 18));
    }
}
