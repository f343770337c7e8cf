//! A forked child has one thread and none of the pool: it forgets the parent's pool and starts its own at first use.

use super::{epoch, local};
use crate::error::{Error, ErrorKind, Result};
use once_cell::sync::OnceCell;

/// Sees to it that a forked child forgets the parent's threads. Once in a process's life.
pub(super) fn install() -> Result<()> {
    static INSTALLED: OnceCell<()> = OnceCell::new();
    INSTALLED
        .get_or_try_init(|| {
            // SAFETY: `child` is a plain function of this library, which stays mapped (see `pin`).
            let failed = unsafe { libc::pthread_atfork(None, None, Some(child)) };
            if failed != 0 {
                return Err(
                    Error::new(ErrorKind::OutOfMemory, "no memory for a fork handler").with_code(failed)
                );
            }
            Ok(())
        })
        .copied()
}

extern "C" fn child() {
    epoch::forget_after_fork();
    local::with(|local| local.forget_after_fork());
    crate::codec::forget_after_fork();
}
