//! The checksum of a content that several lanes compress. It has to be computed in order, and costs little:
//! whichever lane comes first goes on with it, as far as the sections that are begun reach. The others do not
//! wait.
#![forbid(unsafe_code)]

use crate::codec::format::xxh64::Xxh64;
use crate::trace::{self, Kind, Mark};
use std::sync::{Mutex, PoisonError};

/// See the module.
pub(crate) struct Checksum<'a> {
    content: &'a [u8],
    /// `None`: no checksum is wanted.
    state: Option<Mutex<(Xxh64, usize)>>,
}

impl<'a> Checksum<'a> {
    /// The checksum of `content`, if it is wanted.
    pub(crate) fn new(content: &'a [u8], wanted: bool) -> Self {
        Self { content, state: wanted.then(|| Mutex::new((Xxh64::new(), 0))) }
    }

    /// Goes on to `end`, unless another lane is at it.
    pub(crate) fn advance(&self, end: usize) {
        let Some(Ok(mut state)) = self.state.as_ref().map(Mutex::try_lock) else { return };
        let (hash, done) = &mut *state;
        if *done < end {
            update(hash, &self.content[*done..end]);
            *done = end;
        }
    }

    /// The checksum of the whole content, if it is wanted.
    pub(crate) fn finish(self) -> Option<u32> {
        let (mut hash, done) = self.state?.into_inner().unwrap_or_else(PoisonError::into_inner);
        update(&mut hash, &self.content[done..]);
        Some(hash.finish() as u32) // its lower half
    }
}

fn update(hash: &mut Xxh64, content: &[u8]) {
    let mark = Mark::now(trace::CODEC);
    hash.update(content);
    mark.end(Kind::Checksum, [content.len() as u64, 0, 0, 0, 0]);
}
