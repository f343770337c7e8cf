//! What a forked child forgets. A child has one thread and none of the parent's others: their work, and the
//! locks that they held, are lost in it.
//!
//! State that must be forgotten is registered as a [`ChildHook`], by [`on_child`], before it exists. What
//! belongs to one process remembers it as a [`Process`], and refuses to work in a child.

use crate::error::{Error, ErrorKind, Result};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering::SeqCst};

/// Counts the forks between the first process and this process.
static GENERATION: AtomicU64 = AtomicU64::new(0);

/// The process that something belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process(u64);

impl Process {
    /// The calling process.
    #[inline]
    pub(crate) fn current() -> Self {
        // Sequentially consistent: free on a load, and the handlers of a fork store so.
        Self(GENERATION.load(SeqCst))
    }

    /// Whether this is still the same process.
    #[inline]
    pub(crate) fn is_current(self) -> bool {
        self == Self::current()
    }

    /// Fails in a child that was forked since.
    #[inline]
    pub(crate) fn check(self) -> Result<()> {
        if self.is_current() {
            Ok(())
        } else {
            Err(forked())
        }
    }
}

#[cold]
fn forked() -> Error {
    Error::new(
        ErrorKind::Threads,
        "the process was forked during this call; its other threads are in the parent",
    )
}

/// A value that each process has for itself, made when it is asked for: for locks, which a thread that does
/// not exist in a forked child may hold. Never freed.
pub(crate) struct Own<T>(AtomicPtr<T>);

impl<T> Own<T> {
    pub(crate) const fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// The value of this process. To be asked for after a hook that calls `forget` is registered.
    pub(crate) fn get(&self) -> &'static T
    where
        T: Default + Sync + 'static,
    {
        let mut known = self.0.load(SeqCst);
        if known.is_null() {
            let fresh = Box::into_raw(Box::<T>::default());
            known = match self.0.compare_exchange(ptr::null_mut(), fresh, SeqCst, SeqCst) {
                Ok(_) => fresh,
                Err(other) => {
                    // SAFETY: `fresh` came from Box::into_raw just above, and no other thread has seen it.
                    drop(unsafe { Box::from_raw(fresh) });
                    other
                }
            };
        }
        // SAFETY: came from a box, and is never freed.
        unsafe { &*known }
    }

    /// In a forked child: its value is a new one.
    pub(crate) fn forget(&self) {
        self.0.store(ptr::null_mut(), SeqCst);
    }
}

#[cfg(not(unix))]
pub(crate) use elsewhere::{on_child, ChildHook};
#[cfg(unix)]
pub(crate) use unix::{on_child, without_forks, ChildHook};

#[cfg(unix)]
mod unix {
    use super::{Error, ErrorKind, Result, GENERATION};
    use std::ptr;
    use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, Ordering::SeqCst};
    use std::thread::yield_now;

    /// A function that runs in a forked child, in a static of the module that has something to forget. The
    /// parent's locks may be held in the child, so the function only stores.
    pub(crate) struct ChildHook {
        forget: fn(),
        listed: AtomicBool,
        next: AtomicPtr<ChildHook>,
    }

    impl ChildHook {
        pub(crate) const fn new(forget: fn()) -> Self {
            Self { forget, listed: AtomicBool::new(false), next: AtomicPtr::new(ptr::null_mut()) }
        }
    }

    /// The hooks, the newest first. Hooks are statics, and never leave the list.
    static HOOKS: AtomicPtr<ChildHook> = AtomicPtr::new(ptr::null_mut());
    static INSTALLED: AtomicBool = AtomicBool::new(false);

    /// Forks under way; -1: something runs that must not be forked in the middle. Not a lock of std: several
    /// threads may install the handlers at the same time, and a fork then calls them several times.
    static FORKS: AtomicI32 = AtomicI32::new(0);

    /// Runs `hook` in every child that is forked from now on. Allocates nothing; asking again does nothing.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfMemory`] if the system has no memory for the handlers.
    #[inline]
    pub(crate) fn on_child(hook: &'static ChildHook) -> Result<()> {
        if hook.listed.load(SeqCst) {
            return Ok(());
        }
        list(hook)
    }

    /// Runs as soon as the library is loaded: of a fork that has begun before the handlers were installed the
    /// C library runs none in the child, which would then wait for what the parent's threads were doing.
    #[cfg(all(any(target_os = "linux", target_vendor = "apple"), not(miri)))]
    #[used]
    #[cfg_attr(target_os = "linux", link_section = ".init_array")]
    #[cfg_attr(target_vendor = "apple", link_section = "__DATA,__mod_init_func")]
    static AT_LOAD: extern "C" fn() = {
        extern "C" fn at_load() {
            let _ = install(); // a failure is told when the first hook is listed
        }
        at_load
    };

    fn install() -> Result<()> {
        if INSTALLED.load(SeqCst) {
            return Ok(());
        }
        // SAFETY: plain functions of this library, which stays mapped (see `module`), or whose handlers the C
        // library drops with it.
        let failed = unsafe { libc::pthread_atfork(Some(prepare), Some(parent), Some(child)) };
        if failed != 0 {
            return Err(Error::new(ErrorKind::OutOfMemory, "no memory for a fork handler").with_code(failed));
        }
        INSTALLED.store(true, SeqCst);
        Ok(())
    }

    #[cold]
    fn list(hook: &'static ChildHook) -> Result<()> {
        install()?;
        without_forks(|| {
            if !hook.listed.load(SeqCst) {
                hook.next.store(HOOKS.load(SeqCst), SeqCst);
                HOOKS.store(ptr::from_ref(hook).cast_mut(), SeqCst);
                hook.listed.store(true, SeqCst);
            }
        });
        Ok(())
    }

    /// Runs `action` while forks, and other calls of this, wait. A hook is registered already; `action` must
    /// not fork, call this, or panic.
    pub(crate) fn without_forks(action: impl FnOnce()) {
        wait_and_change(|forks| (forks == 0).then_some(-1));
        action();
        FORKS.store(0, SeqCst);
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
        GENERATION.fetch_add(1, SeqCst);
        let mut next = HOOKS.load(SeqCst);
        // SAFETY: null, or a static.
        while let Some(hook) = unsafe { next.as_ref() } {
            (hook.forget)();
            next = hook.next.load(SeqCst);
        }
    }
}

/// Where there is no fork nothing is forgotten.
#[cfg(not(unix))]
mod elsewhere {
    use super::Result;

    pub(crate) struct ChildHook;

    impl ChildHook {
        pub(crate) const fn new(_forget: fn()) -> Self {
            Self
        }
    }

    #[allow(clippy::unnecessary_wraps)] // the same signature on every system
    pub(crate) fn on_child(_hook: &'static ChildHook) -> Result<()> {
        Ok(())
    }
}
