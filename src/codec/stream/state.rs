//! The state of a writer: after a call that fails, or that does not return because the sink panics, every
//! call fails.
#![forbid(unsafe_code)]

use crate::error::{Error, ErrorKind, Result};

/// See the module.
pub(super) enum State {
    Open,
    Finished,
    Failed(Error),
}

impl State {
    /// Begins a call of an open writer. Until the call sets the state that it ends with, the writer has
    /// failed.
    pub(super) fn begin(&mut self) -> Result<()> {
        let unfinished = Error::new(ErrorKind::Closed, "the writer was left in the middle of a call");
        match std::mem::replace(self, Self::Failed(unfinished)) {
            Self::Open => Ok(()),
            Self::Finished => {
                *self = Self::Finished;
                Err(Error::new(ErrorKind::Closed, "the stream is finished"))
            }
            Self::Failed(error) => {
                *self = Self::Failed(error.clone());
                Err(error)
            }
        }
    }
}
