//! A forked child has one thread and none of the pool: it forgets the parent's pool and starts its own at first use.

use super::{epoch, local};
use crate::error::{Error, ErrorKind, Result};
use std::sync::atomic::{AtomicI32, Ordering::SeqCst};
use std::thread::yield_now;

/// Forks under way; -1: what must not be forked in the middle is. Not a lock of std: several threads may install the handlers
/// at the same time, and a fork then calls them several times.
static FORKS: AtomicI32 = AtomicI32::new(0);

/// Sees to it that a forked child forgets the parent's threads. Must have happened before anything else is begun.
pub(super) fn install() -> Result<()> {
    // SAFETY: plain functions of this library, which stays mapped (see `pin`).
    let failed = unsafe { libc::pthread_atfork(Some(prepare), Some(parent), Some(child)) };
    if failed != 0 {
        return Err(Error::new(ErrorKind::OutOfMemory, "no memory for a fork handler").with_code(failed));
    }
    // The queues of rayon reclaim their memory through a collector of the process, made by the first who needs it. A fork in
    // the middle of that would leave the child waiting for its completion for ever: so it is made here, and forks wait.
    wait_and_change(|forks| (forks == 0).then_some(-1));
    crossbeam_epoch::default_collector();
    FORKS.store(0, SeqCst);
    Ok(())
}

fn wait_and_change(allowed: impl Fn(i32) -> Option<i32> + Copy) {
    while FORKS.fetch_update(SeqCst, SeqCst, allowed).is_err() {
        yield_now();
    }
}

extern "C" fn prepare() {
    wait_and_change(|forks| (forks >= 0).then_some(forks + 1));
}

extern "C" fn parent() {
    let _ = FORKS.fetch_update(SeqCst, SeqCst, |forks| (forks > 0).then_some(forks - 1));
}

extern "C" fn child() {
    FORKS.store(0, SeqCst);
    epoch::forget_after_fork();
    local::with(|local| local.forget_after_fork());
    crate::codec::forget_after_fork();
}
