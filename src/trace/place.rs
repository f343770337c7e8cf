//! For which call a thread works, and in which of its lanes: so events that do not know it themselves,
//! such as those of frames and files, get both.
#![forbid(unsafe_code)]

use super::names::Name;
use std::cell::Cell;
use std::marker::PhantomData;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The number of the call; 0: none that is traced.
    pub(super) call: u64,
    pub(super) lane: Option<u32>,
    /// What the program calls the call.
    pub(super) name: Name,
}

thread_local! {
    static PLACE: Cell<Place> = const { Cell::new(Place { call: 0, lane: None, name: Name::NONE }) };
}

/// That of the calling thread.
pub(super) fn here() -> Place {
    PLACE.get()
}

/// The calling thread is at a place, until this is dropped.
pub(crate) struct Within {
    around: Place,
    /// Dropped on the same thread.
    _thread: PhantomData<*const ()>,
}

impl Within {
    pub(super) fn enter(place: Place) -> Self {
        Self { around: PLACE.replace(place), _thread: PhantomData }
    }
}

impl Drop for Within {
    fn drop(&mut self) {
        PLACE.set(self.around);
    }
}
