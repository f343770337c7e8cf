//! What a frame that comes in parts refers to, kept until the frame has ended.
#![forbid(unsafe_code)]

use super::carried::Carried;
use crate::codec::options::reference::{KeptReference, Reference};
use std::sync::Arc;

/// See the module. Clones share it.
#[derive(Clone)]
pub(crate) struct Outside(Arc<Inner>);

struct Inner {
    reference: KeptReference,
    /// Where the content begins in it that matches may refer to.
    content_at: usize,
    reps: [u32; 3],
    carried: Carried,
}

impl Outside {
    /// `None`: something about it is odd, and libzstd decodes the frame.
    pub(crate) fn new(reference: Reference<'_>) -> Option<Self> {
        let dictionary = reference.dictionary()?;
        Some(Self(Arc::new(Inner {
            content_at: reference.bytes().len() - dictionary.content().len(),
            reps: dictionary.repeat_offsets(),
            carried: Carried::of(&dictionary).ok()?,
            reference: reference.keep(),
        })))
    }

    /// The dictionary, or the prefix.
    pub(in crate::codec::frame) fn reference(&self) -> Reference<'_> {
        self.0.reference.get()
    }

    /// The content before that of the frame.
    pub(super) fn content(&self) -> &[u8] {
        &self.reference().bytes()[self.0.content_at..]
    }

    /// The repeat offsets that the frame begins with.
    pub(super) fn repeat_offsets(&self) -> [u32; 3] {
        self.0.reps
    }

    /// What the first part has before it.
    pub(crate) fn carried(&self) -> Carried {
        self.0.carried.clone()
    }
}
