//! Calls of one thread on several stacks.
//!
//! A callback may switch to a fiber, or a coroutine with a stack, that calls too and switches back before its
//! call is over. To the thread that call is nested, and the pool is kept by the call around it, which now
//! ends first. Then its `Kept` is put aside, and lasts until the thread is inside no call any more.
#![forbid(unsafe_code)]

use super::global::Entry;
use super::keep_alive::KeepAlive;
use super::thread_state::End;
use std::cell::RefCell;

/// A value that keeps a pool.
pub(super) enum Kept {
    /// Of the outermost call.
    Entry(#[allow(dead_code)] Entry), // held, never read
    /// Taken while the pool was alive for another reason.
    Pool(#[allow(dead_code)] KeepAlive), // held, never read
}

thread_local! {
    static KEPT: RefCell<Option<Kept>> = const { RefCell::new(None) };
}

/// Does what an unusual end of a call needs.
#[cold]
pub(super) fn end(end: End, keep: impl FnOnce() -> Kept) {
    let change = |with: Option<Kept>| {
        // While the destructors of the thread run nothing can be put aside: the pool stays until the process
        // ends.
        let mut with = Some(with);
        let swap = |kept: &RefCell<Option<Kept>>| kept.replace(with.take().flatten());
        match KEPT.try_with(swap) {
            Ok(before) => drop(before),
            Err(_) => std::mem::forget(with),
        }
    };
    match end {
        End::Usual => {}
        End::First => change(Some(keep())),
        End::Last => change(None),
    }
}
