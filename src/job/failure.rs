//! Why a job failed: errors of callbacks and panics, and the one of them that its caller is told.
#![forbid(unsafe_code)]

use crate::error::{Error, ErrorKind};
use crate::panics::panic_text;
use crate::pool::Scope;
use std::any::Any;
use std::sync::{Mutex, PoisonError};

/// The error of the lowest chunk that failed.
#[derive(Default)]
pub(super) struct LowestFailure(Mutex<Option<Failure>>);

struct Failure {
    chunk: usize,
    error: Error,
}

impl LowestFailure {
    pub(super) fn note(&self, chunk: usize, error: Error) {
        let mut lowest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lowest.as_ref().is_none_or(|known| chunk < known.chunk) {
            *lowest = Some(Failure { chunk, error });
        }
    }

    pub(super) fn take(&self) -> Option<Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().map(|failure| failure.error)
    }
}

/// The error that the callback of a chunk has told, or what it returned.
#[cold]
pub(super) fn callback_error(chunk: usize, code: i32, scope: &Scope<'_>) -> Error {
    let text = format!("the callback returned {code} at chunk {chunk}");
    at_chunk(Error::of_callback(text, code, scope.take()), chunk)
}

/// The error with the chunk as its position, if it has none.
pub(super) fn at_chunk(error: Error, chunk: usize) -> Error {
    let position = error.position().unwrap_or(chunk as u64);
    error.at(position)
}

#[cold]
pub(super) fn panic_error(chunk: usize, payload: Box<dyn Any + Send>) -> Error {
    let text = panic_text(payload);
    Error::new(ErrorKind::Panic, format!("the callback panicked at chunk {chunk}: {text}")).at(chunk as u64)
}
