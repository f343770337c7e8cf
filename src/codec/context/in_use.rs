//! A context that is in use: taken from its cache, or made, and returned when it is dropped.
#![forbid(unsafe_code)]

use super::cache::Cached;
use super::free_list::Entry;
use crate::codec::libzstd::errors;
use crate::error::Result;
use crate::pool::{count, Counter};
use std::ops::{Deref, DerefMut};

/// See the module.
pub(crate) struct InUse<T: Cached>(Option<Box<Entry<T>>>);

impl<T: Cached> InUse<T> {
    /// A context for `bytes` more of input that will need at most `need` bytes of memory.
    #[inline]
    pub(crate) fn take(need: usize, bytes: u64) -> Result<Self> {
        let create = || {
            let item = T::create()?;
            count(Counter::ContextsMade, 1);
            Some(Box::new(Entry { item, size: 0 }))
        };
        let cached = T::cache().take(need, bytes).inspect(|_| count(Counter::ContextsReused, 1));
        match cached.or_else(create) {
            Some(entry) => Ok(Self(Some(entry))),
            None => Err(errors::no_context()),
        }
    }
}

impl<T: Cached> Deref for InUse<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.as_ref().expect("in use until dropped").item
    }
}

impl<T: Cached> DerefMut for InUse<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0.as_mut().expect("in use until dropped").item
    }
}

impl<T: Cached> Drop for InUse<T> {
    fn drop(&mut self) {
        // After a panic the context may be in the middle of anything: it is dropped.
        if let Some(entry) = self.0.take().filter(|_| !std::thread::panicking()) {
            T::cache().put(entry);
        }
    }
}
