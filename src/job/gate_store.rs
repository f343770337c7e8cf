//! Closed gates that a thread keeps for its later calls.
#![forbid(unsafe_code)]

use crate::os::fork::{on_child, ChildHook};
use std::cell::RefCell;
use std::sync::Arc;
use std::thread::LocalKey;

/// Gates that one thread keeps: one for each usual level of nesting.
const GATES: usize = 4;

/// The gates of a thread, each with the address of the pool whose calls have used it.
pub(super) struct Gates<G>(RefCell<Vec<(*const (), Arc<G>)>>);

impl<G> Gates<G> {
    pub(super) const fn new() -> Self {
        Self(RefCell::new(Vec::new()))
    }

    /// Leaks the gates, in a forked child.
    pub(super) fn forget(&self) {
        if let Ok(mut gates) = self.0.try_borrow_mut() {
            gates.drain(..).for_each(std::mem::forget);
        }
    }
}

/// A closed gate that calls of `pool` have used. Never a gate of another pool: a late helper of that pool may
/// still be on its way to it.
#[inline]
pub(super) fn take<G>(store: &'static LocalKey<Gates<G>>, pool: *const ()) -> Option<Arc<G>> {
    // While the thread's destructors run, the store is gone.
    match store.try_with(|gates| gates.0.borrow_mut().pop()) {
        Ok(Some((of, gate))) if of == pool => Some(gate),
        _ => None,
    }
}

/// Keeps a closed and empty gate for the thread's next call of `pool`; `forget` is the hook that a forked
/// child runs.
#[inline]
pub(super) fn give_back<G>(
    store: &'static LocalKey<Gates<G>>,
    forget: &'static ChildHook,
    pool: *const (),
    gate: Arc<G>,
) {
    let _ = store.try_with(|gates| {
        let mut gates = gates.0.borrow_mut();
        if gates.len() < GATES && on_child(forget).is_ok() {
            gates.push((pool, gate));
        }
    });
}
