//! A file that is read.
#![forbid(unsafe_code)]

use super::errors as failure;
use crate::error::{Error, ErrorKind, Result};
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// See the module.
#[derive(Debug)]
pub(crate) struct Input {
    file: File,
    path: PathBuf,
    metadata: Metadata,
}

impl Input {
    /// Opens a file, a FIFO, a device; not a directory.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let fail = |error: io::Error| failure::file(&error, "opening", path);
        // Looked at first: what opening a directory says differs between systems.
        if std::fs::metadata(path).map_err(fail)?.is_dir() {
            return Err(failure::directory("reading", path));
        }
        let file = File::open(path).map_err(fail)?;
        let metadata = file.metadata().map_err(fail)?;
        Ok(Self { file, path: path.to_owned(), metadata })
    }

    /// What the system knew of it when it was opened.
    pub(crate) fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The open file.
    #[cfg(windows)]
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Its bytes, if that is known: files that the system makes up as they are read say 0.
    pub(crate) fn len(&self) -> Option<u64> {
        Some(self.metadata.len()).filter(|&len| len > 0 && self.metadata.is_file())
    }

    /// Reads exactly `place`, of a file that has a length. From any thread.
    pub(crate) fn read_at(&self, offset: u64, place: &mut [u8]) -> Result<()> {
        let mut filled = 0;
        while filled < place.len() {
            let at = offset + filled as u64;
            match read_at(&self.file, &mut place[filled..], at) {
                Ok(0) => return Err(self.shrunk(at)),
                Ok(len) => filled += len,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failure::file(&error, "reading", &self.path).at(at)),
            }
        }
        Ok(())
    }

    /// It ended before its end.
    fn shrunk(&self, at: u64) -> Error {
        let len = self.metadata.len();
        let text = format!(
            "reading failed: the file ends at byte {at}, and had {len} when it was opened: {}",
            self.path.display()
        );
        Error::new(ErrorKind::Io, text).at(at)
    }
}

#[cfg(unix)]
fn read_at(file: &File, place: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, place, offset)
}

#[cfg(windows)]
fn read_at(file: &File, place: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, place, offset)
}

impl Read for &Input {
    fn read(&mut self, place: &mut [u8]) -> io::Result<usize> {
        let read = (&self.file).read(place);
        read.map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => error,
            _ => failure::to_io(failure::file(&error, "reading", &self.path)),
        })
    }
}
