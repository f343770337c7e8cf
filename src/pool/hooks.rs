//! Functions that run on every worker when it starts and when it ends.
//!
//! An append-only list that a worker can read at any moment without a lock, and that survives a fork. A
//! worker runs the hooks that it has not seen yet when it starts, when a hook is added, and before any
//! work. Hooks that are taken back stay in the list, and do nothing.
//!
//! Taking a hook back and running it mirror each other: a thread that runs it counts itself in, then looks
//! whether it is taken back; a thread that takes it back says so, then looks whether somebody is inside.
//! Sequential consistency: at least one sees the other.

use super::thread_state;
use crate::error::{Error, ErrorKind, Result};
use crate::os::fork::ChildHook;
use crate::os::loader;
use crate::panics::drop_payload;
use std::cell::Cell;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};

/// A function of the program, called with the worker's number.
pub type Hook = Box<dyn Fn(u32) + Send + Sync>;

/// Tells hooks apart, for the program that takes them back.
pub(crate) type Key = [usize; 3];

struct Node {
    on_start: Option<Hook>,
    on_exit: Option<Hook>,
    key: Option<Key>,
    taken_back: AtomicBool,
    /// Threads that run one of the two, or are about to look whether they may.
    inside: AtomicU32,
    older: *const Node,
}

/// The newest node. Nodes are never freed, so a pointer that was read once stays valid.
static NEWEST: AtomicPtr<Node> = AtomicPtr::new(ptr::null_mut());

thread_local! {
    /// The newest node whose `on_start` this worker has run.
    static SEEN: Cell<*const Node> = const { Cell::new(ptr::null()) };
}

/// Adds a pair of hooks; running workers find it by `catch_up`.
pub(super) fn add(on_start: Option<Hook>, on_exit: Option<Hook>, key: Option<Key>) {
    let (taken_back, inside) = (AtomicBool::new(false), AtomicU32::new(0));
    let node = Node { on_start, on_exit, key, taken_back, inside, older: ptr::null() };
    let node = Box::into_raw(Box::new(node));
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

/// Takes the hooks with this key back; when this returns none of them runs, and none will. False: there are
/// none. In a forked child nobody else runs any, nor where all other threads have ended.
///
/// # Errors
/// [`ErrorKind::Busy`]: a worker runs such a hook, and the calling thread holds what the worker may need for
/// it. That hook stays.
pub(super) fn take_back(key: Key) -> Result<bool> {
    let mut found = false;
    let mut at = NEWEST.load(Ordering::Acquire).cast_const();
    // SAFETY: null, or a node of the list; nodes are never freed.
    while let Some(node) = unsafe { at.as_ref() } {
        if node.key == Some(key) && !node.taken_back.swap(true, Ordering::SeqCst) {
            found = true;
            while node.inside.load(Ordering::SeqCst) > 0 && !loader::others_have_ended() {
                if loader::holds_lock() {
                    node.taken_back.store(false, Ordering::SeqCst);
                    return Err(Error::new(
                        ErrorKind::Busy,
                        "a hook that runs cannot be waited for in DllMain",
                    ));
                }
                std::thread::yield_now();
            }
        }
        at = node.older;
    }
    Ok(found)
}

/// In a forked child no other thread is inside a hook.
pub(super) static FORGET: ChildHook = ChildHook::new(|| {
    let mut at = NEWEST.load(Ordering::Acquire).cast_const();
    // SAFETY: null, or a node of the list; nodes are never freed.
    while let Some(node) = unsafe { at.as_ref() } {
        node.inside.store(0, Ordering::SeqCst);
        at = node.older;
    }
});

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
    unseen.iter().rev().for_each(|node| run(node, node.on_start.as_ref(), index));
}

/// Runs the `on_exit` of every hook that worker `index` has seen, newest first.
pub(super) fn run_exits(index: u32) {
    let mut at = SEEN.with(|seen| seen.replace(ptr::null()));
    // SAFETY: null, or a node of the list; nodes are never freed.
    while let Some(node) = unsafe { at.as_ref() } {
        run(node, node.on_exit.as_ref(), index);
        at = node.older;
    }
}

/// Runs one hook, unless it is taken back. Meanwhile the thread is marked, so that calls that need the
/// pool are refused. The panic hook has printed a panic already. The panic ends here, because the
/// worker and its next work are needed.
fn run(node: &Node, hook: Option<&Hook>, index: u32) {
    let Some(hook) = hook else { return };
    node.inside.fetch_add(1, Ordering::SeqCst);
    if !node.taken_back.load(Ordering::SeqCst) {
        thread_state::with(|state| state.in_hook.set(true));
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| hook(index))) {
            drop_payload(payload);
        }
        thread_state::with(|state| state.in_hook.set(false));
    }
    // A child that was forked in the hook has forgotten all that were inside.
    let out = |inside: u32| inside.checked_sub(1);
    let _ = node.inside.fetch_update(Ordering::SeqCst, Ordering::SeqCst, out);
}
