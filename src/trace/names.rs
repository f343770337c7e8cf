//! Names that the program gives to its calls: numbers stand for them in events.

use super::event::kept;
use crate::memory;

/// More different names are not kept: calls of further ones have none.
const MOST: usize = 1000;

/// A name of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name(pub(super) u16);

impl Name {
    /// The call has none.
    pub(super) const NONE: Self = Self(0);
}

/// The names of a trace.
#[derive(Debug, Default)]
pub(super) struct Names(Vec<Box<str>>);

impl Names {
    /// What stands for a name, of which as much is kept as of a span's.
    pub(super) fn number(&mut self, name: &str) -> Name {
        let name = kept(name);
        if name.is_empty() {
            return Name::NONE;
        }
        let known = self.0.iter().position(|known| **known == *name);
        let index = known.or_else(|| {
            if self.0.len() >= MOST || memory::reserve(&mut self.0, 1).is_err() {
                return None;
            }
            self.0.push(name.into());
            Some(self.0.len() - 1)
        });
        index.map_or(Name::NONE, |index| Name(index as u16 + 1)) // at most MOST
    }

    /// The name that a number stands for.
    pub(super) fn get(&self, name: Name) -> Option<&str> {
        self.0.get(usize::from(name.0).checked_sub(1)?).map(|name| &**name)
    }
}
