//! The file of a trace: after each write it is whole, a JSON array with its closing bracket, which the next
//! write goes over. So the file opens whenever the process is killed.

use crate::error::{Error, ErrorKind, Result};
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

/// What the file ends with.
const CLOSING: &str = "\n]\n";

/// A text that is written at once is about so long.
const PIECE: usize = 64 << 10;

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
        let fail = |error: io::Error| {
            let text = format!("creating the trace {} failed: {error}", path.display());
            Error::new(ErrorKind::Io, text).with_code(error.raw_os_error().unwrap_or(0))
        };
        let file = File::options().write(true).create_new(true).open(path).map_err(fail)?;
        Ok(Self { file: Some(file), end: 0, text: String::new(), is_new: true, failed: None })
    }

    /// Adds an event, which `write` writes to the text.
    pub(super) fn event(&mut self, write: impl FnOnce(&mut String)) {
        self.text.push_str(if self.is_new { "[\n" } else { ",\n" });
        self.is_new = false;
        write(&mut self.text);
        if self.text.len() >= PIECE {
            self.write();
        }
    }

    /// Writes what has been added.
    pub(super) fn write(&mut self) {
        if self.text.is_empty() {
            return;
        }
        let len = self.text.len() as u64;
        self.text.push_str(CLOSING);
        if let (Some(file), None) = (&mut self.file, &self.failed) {
            let at = file.seek(SeekFrom::Start(self.end));
            self.failed = at.and_then(|_| file.write_all(self.text.as_bytes())).err();
            self.end += len;
        }
        self.text.clear();
    }

    /// Closes the file, which threads that took part in the trace may still refer to; tells the first failure
    /// of a write.
    pub(super) fn close(&mut self) -> Result<()> {
        self.file = None;
        match &self.failed {
            None => Ok(()),
            Some(error) => {
                let text = format!("writing the trace failed: {error}");
                Err(Error::new(ErrorKind::Io, text).with_code(error.raw_os_error().unwrap_or(0)))
            }
        }
    }
}
