//! Functions that run on every worker when it starts and when it ends.
//!
//! Hooks are added, never removed: an append-only list that a worker can read at any moment without a lock,
//! and that survives a fork. A worker runs the hooks that it has not seen yet when it starts, when a hook is
//! added, and before any work.

use super::thread_state;
use crate::panics::drop_payload;
use std::cell::Cell;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// A function of the program, called with the worker's number.
pub type Hook = Box<dyn Fn(u32) + Send + Sync>;

struct Node {
    on_start: Option<Hook>,
    on_exit: Option<Hook>,
    older: *const Node,
}

/// The newest node. Nodes are never freed, so a pointer that was read once stays valid.
static NEWEST: AtomicPtr<Node> = AtomicPtr::new(ptr::null_mut());

thread_local! {
    /// The newest node whose `on_start` this worker has run.
    static SEEN: Cell<*const Node> = const { Cell::new(ptr::null()) };
}

/// Adds a pair of hooks; running workers find it by `catch_up`.
pub(super) fn add(on_start: Option<Hook>, on_exit: Option<Hook>) {
    let node = Box::into_raw(Box::new(Node { on_start, on_exit, older: ptr::null() }));
    let mut newest = NEWEST.load(Ordering::Acquire);
    loop {
        // SAFETY: until the exchange succeeds no other thread knows `node`.
        unsafe { (*node).older = newest };
        // Release: the node's fields, for the acquire loads of the workers.
        match NEWEST.compare_exchange_weak(newest, node, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => return,
            Err(now) => newest = now,
        }
    }
}

/// Runs the `on_start` that worker `index` has not run yet, oldest first.
#[inline]
pub(super) fn catch_up(index: u32) {
    let newest = NEWEST.load(Ordering::Acquire).cast_const();
    if SEEN.with(|seen| seen.get() != newest) {
        run_unseen(newest, index);
    }
}

#[cold]
fn run_unseen(newest: *const Node, index: u32) {
    let seen = SEEN.with(|seen| seen.replace(newest));
    let mut unseen = Vec::new();
    let mut at = newest;
    while at != seen {
        // SAFETY: a node of the list; nodes are never freed.
        let node = unsafe { &*at };
        unseen.push(node);
        at = node.older;
    }
    let hooks = unseen.iter().rev().filter_map(|node| node.on_start.as_ref());
    hooks.for_each(|hook| run(hook, index));
}

/// Runs the `on_exit` of every hook that worker `index` has seen, newest first.
pub(super) fn run_exits(index: u32) {
    let mut at = SEEN.with(|seen| seen.replace(ptr::null()));
    // SAFETY: null, or a node of the list; nodes are never freed.
    while let Some(node) = unsafe { at.as_ref() } {
        if let Some(hook) = &node.on_exit {
            run(hook, index);
        }
        at = node.older;
    }
}

/// Runs one hook. Meanwhile the thread is marked, so that calls that need the pool are refused. The panic
/// hook has printed a panic already. The panic ends here, because the worker and its next work are needed.
fn run(hook: &Hook, index: u32) {
    thread_state::with(|state| state.in_hook.set(true));
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| hook(index))) {
        drop_payload(payload);
    }
    thread_state::with(|state| state.in_hook.set(false));
}
