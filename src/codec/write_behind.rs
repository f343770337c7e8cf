//! Write-behind: what the caller executes of a large frame another lane writes to the file meanwhile. The
//! system's copy into its cache takes as long as executing, and a disk may take longer.
#![forbid(unsafe_code)]

use crate::codec::io::errors;
use crate::codec::io::output::Target;
use crate::codec::options::Options;
use crate::error::{Error, ErrorKind, Result};
use crate::job::{self, Pipeline, Stage};
use crate::memory;
use crate::pool::Spent;
use std::io::Write;
use std::sync::atomic::AtomicI32;
use std::sync::{Mutex, PoisonError};

/// Bytes that are handed to the other lane at a time.
const PIECE: usize = 512 << 10;
/// Pieces on the way, at most. Where no other lane comes, the caller writes them.
const MOST: usize = 8;
/// The memory of the pieces.
pub(super) const MEMORY: usize = MOST * PIECE;

/// A file that is written in order, by the caller or by another lane.
pub(super) struct WriteBehind<'c> {
    pipeline: Pipeline<WriteStage>,
    unused: Vec<Vec<u8>>,
    /// Pipes and devices may keep a lane waiting for any time: the caller writes to them.
    is_file: bool,
    max_lanes: u32,
    cancel: Option<&'c AtomicI32>,
    /// The first failure, of which the pipeline tells once.
    failed: Option<Error>,
}

/// Writes a piece, and gives its buffer back.
struct WriteStage {
    /// Until it is taken.
    target: Mutex<Option<Target>>,
}

impl Stage for WriteStage {
    type Input = Vec<u8>;
    type Output = Vec<u8>;

    // Writing counts itself as waiting.
    const SPENT: Spent = Spent::Waiting;

    fn run(&self, piece: Vec<u8>, _lane: u32, _cancel: &AtomicI32) -> Result<Vec<u8>> {
        self.write(&piece)?;
        Ok(piece)
    }
}

impl WriteStage {
    fn write(&self, bytes: &[u8]) -> Result<()> {
        // A task at a time, and the owner only where none runs: nobody waits for the lock.
        let mut target = self.target.lock().unwrap_or_else(PoisonError::into_inner);
        let target = target.as_mut().ok_or_else(taken)?;
        target.write_all(bytes).map_err(|error| errors::io(&error, "writing"))
    }
}

fn taken() -> Error {
    Error::new(ErrorKind::Internal, "the target is not there any more")
}

impl<'c> WriteBehind<'c> {
    pub(super) fn new(target: Target, options: &Options<'c>) -> Self {
        let is_file = !target.is_stream();
        let stage = WriteStage { target: Mutex::new(Some(target)) };
        Self {
            pipeline: Pipeline::new(stage, 2),
            unused: Vec::new(),
            is_file,
            max_lanes: options.max_lanes,
            cancel: options.cancel,
            failed: None,
        }
    }

    /// Whether another lane is at it, or has a CPU for it.
    pub(super) fn is_worth_it(&self) -> bool {
        self.is_file && (self.pipeline.in_flight() > 0 || job::lanes_left(self.max_lanes) > 1)
    }

    /// Writes, after what is on the way.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.wait()?;
        self.pipeline.stage().write(bytes).map_err(|error| self.failed.get_or_insert(error).clone())
    }

    /// Copies `bytes`, to be written by whoever is free. Failures are those of what was handed over before.
    pub(super) fn hand_over(&mut self, bytes: &[u8]) -> Result<()> {
        for bytes in bytes.chunks(PIECE) {
            while self.try_next()? {}
            if self.pipeline.in_flight() >= MOST {
                self.next()?;
            }
            let mut piece = self.unused.pop().unwrap_or_default();
            piece.clear();
            memory::reserve(&mut piece, bytes.len())?;
            piece.extend_from_slice(bytes);
            self.pipeline.submit(piece, true)?;
        }
        Ok(())
    }

    /// Waits for what is on the way, and writes it where nobody else does; returns the target.
    pub(super) fn into_target(mut self) -> Result<Target> {
        self.wait()?;
        self.take().ok_or_else(taken)
    }

    /// Waits for what is on the way. Its memory is given back.
    fn wait(&mut self) -> Result<()> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        while self.next()? {}
        self.unused.clear();
        Ok(())
    }

    fn try_next(&mut self) -> Result<bool> {
        let piece = self.pipeline.try_next();
        self.took(piece)
    }

    fn next(&mut self) -> Result<bool> {
        let piece = self.pipeline.next(self.cancel);
        self.took(piece)
    }

    /// Whether there was a piece, whose buffer is kept.
    fn took(&mut self, piece: Result<Option<Vec<u8>>>) -> Result<bool> {
        let piece = piece.map_err(|error| self.failed.get_or_insert(error).clone())?;
        let found = piece.is_some();
        self.unused.extend(piece);
        Ok(found)
    }

    fn take(&mut self) -> Option<Target> {
        match self.pipeline.stage().target.try_lock() {
            Ok(mut target) => target.take(),
            Err(std::sync::TryLockError::Poisoned(target)) => target.into_inner().take(),
            // In a forked child: whoever has the lock is in the parent, and so is what is written.
            Err(std::sync::TryLockError::WouldBlock) => None,
        }
    }
}

/// The target goes, and with it a file that is not complete, before the call returns: a helper that comes
/// late may still hold the stage.
impl Drop for WriteBehind<'_> {
    fn drop(&mut self) {
        drop(self.pipeline.close());
        drop(self.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::io::output::Wishes;

    fn target(path: &std::path::Path) -> Target {
        Target::create(path, None, Wishes::default()).unwrap()
    }

    fn options(cancel: Option<&AtomicI32>) -> Options<'_> {
        Options { cancel, ..Options::default() }
    }

    #[test]
    fn bytes_are_written_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let data: Vec<u8> = (0..12_000_000u32).map(|at| (at.wrapping_mul(at) / 1013) as u8).collect();
        for behind in [[true, true, true], [true, false, true], [false, true, true]] {
            let mut output = WriteBehind::new(target(&path), &options(None));
            let (mut rest, mut turn) = (&data[..], 0);
            while !rest.is_empty() {
                let len = [1, PIECE, 3 * PIECE + 7, 0, 200_000][turn % 5].min(rest.len());
                let (now, later) = rest.split_at(len);
                if behind[turn % 3] { output.hand_over(now) } else { output.write(now) }.unwrap();
                (rest, turn) = (later, turn + 1);
                assert!(output.pipeline.in_flight() <= MOST);
            }
            output.into_target().unwrap().commit(None, false).unwrap();
            assert!(std::fs::read(&path).unwrap() == data, "{behind:?}");
        }
    }

    /// Whatever is on the way, and however it ends: no file is left, and the folder is as it was.
    #[test]
    fn nothing_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let cancel = AtomicI32::new(0);
        for end in 0..3 {
            cancel.store(0, std::sync::atomic::Ordering::Relaxed);
            let options = options(Some(&cancel));
            let mut output = WriteBehind::new(target(&path), &options);
            output.hand_over(&vec![7; 3 * PIECE]).unwrap();
            match end {
                0 => drop(output),
                1 => drop(output.into_target().unwrap()),
                _ => {
                    cancel.store(1, std::sync::atomic::Ordering::Relaxed);
                    // Where the other lane is as fast as this one nobody waits, or asks.
                    if let Err(failed) = output.hand_over(&vec![7; 2 * MOST * PIECE]) {
                        assert_eq!(failed.kind(), ErrorKind::Cancelled);
                    }
                    drop(output);
                }
            }
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{end}");
        }
    }

    /// A failure of the other lane ends the call, and what comes after it is not written.
    #[test]
    fn a_failure_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut output = WriteBehind::new(target(&folder.path().join("file")), &options(None));
        output.hand_over(b"first").unwrap();
        output.wait().unwrap();
        drop(output.take());
        let mut results = (0..3 * MOST).map(|_| output.hand_over(&[7; 100]));
        let failed = results.find_map(Result::err).expect("a lane has no target");
        assert_eq!(failed.kind(), ErrorKind::Internal);
        assert_eq!(output.into_target().err(), Some(failed));
    }
}
