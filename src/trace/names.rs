//! Names that the program gives to its calls: numbers stand for them in events.
#![forbid(unsafe_code)]

use super::event::kept;
use std::sync::OnceLock;

/// More different names are not kept: calls of further ones have none.
const MOST: usize = 1000;

/// A name of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name(pub(super) u16);

impl Name {
    /// The call has none.
    pub(super) const NONE: Self = Self(0);
}

/// The names of a trace, which fill their places one after the other. Nobody waits for a thread that
/// looks for a name, or adds one: a name is made before it gets its place.
#[derive(Debug)]
pub(super) struct Names(Box<[OnceLock<Box<str>>]>);

impl Default for Names {
    fn default() -> Self {
        Self((0..MOST).map(|_| OnceLock::new()).collect())
    }
}

impl Names {
    /// What stands for a name, of which as much is kept as of a span's.
    pub(super) fn number(&self, name: &str) -> Name {
        let name = kept(name);
        if name.is_empty() {
            return Name::NONE;
        }
        let mut own: Option<Box<str>> = None;
        for (index, place) in self.0.iter().enumerate() {
            if place.get().is_none() {
                own = place.set(own.unwrap_or_else(|| name.into())).err();
            }
            // Another thread may have been faster, with this name or another one.
            if place.get().is_some_and(|known| **known == *name) {
                return Name(index as u16 + 1); // at most MOST
            }
        }
        Name::NONE
    }

    /// The name that a number stands for.
    pub(super) fn get(&self, name: Name) -> Option<&str> {
        let place = self.0.get(usize::from(name.0).checked_sub(1)?)?;
        place.get().map(|name| &**name)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Threads that add the same names at the same time get the same numbers, each name once.
    #[test]
    fn threads_agree_on_names() {
        let names = Names::default();
        let texts: Vec<String> = (0..100).map(|number| format!("name {number}")).collect();
        let numbers = |first: usize| -> Vec<u16> {
            let mut found = vec![0; texts.len()];
            for at in (0..texts.len()).map(|at| (at + first) % texts.len()) {
                found[at] = names.number(&texts[at]).0;
            }
            found
        };
        std::thread::scope(|scope| {
            let others: Vec<_> = (0..4).map(|thread| scope.spawn(move || numbers(thread * 25))).collect();
            let found = numbers(0);
            assert_eq!(found.iter().copied().collect::<BTreeSet<_>>(), (1..=100).collect());
            for other in others {
                assert_eq!(other.join().expect("it ends"), found);
            }
        });
        for (text, number) in texts.iter().zip(numbers(0)) {
            assert_eq!(names.get(Name(number)), Some(&**text));
        }
        assert_eq!((names.get(Name::NONE), names.get(Name(101))), (None, None));
    }
}
