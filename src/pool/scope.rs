//! What a callback may ask about the call around it: whether the call is cancelled or has failed. And what a
//! callback may ask for: that the call fail with a certain error.
//!
//! Each thread has a chain of scopes, the innermost first. A lane enters a scope once, for all chunks that it
//! runs; a failure is kept with its chunk's position, so that a callback that succeeds needs no clean-up.

use super::times::{Begun, Spent, ThreadTimes};
use crate::error::Error;
use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};

/// A call, as its callbacks see it.
pub(crate) trait Asked {
    /// Whether the call is cancelled or has failed.
    fn is_stopped(&self) -> bool;

    /// Distinguishes the callbacks of one scope: the chunk of the running callback.
    fn position(&self) -> u64 {
        0
    }

    /// Distinguishes the call from others, if `is_inside` is used for it.
    fn identity(&self) -> *const () {
        ptr::null()
    }
}

/// A call that nothing stops before this callback returns.
impl Asked for () {
    fn is_stopped(&self) -> bool {
        false
    }
}

/// A call that only its flag can stop while a callback runs.
impl Asked for Option<&AtomicI32> {
    fn is_stopped(&self) -> bool {
        // Relaxed: the flag carries no data.
        self.is_some_and(|flag| flag.load(Ordering::Relaxed) != 0)
    }
}

/// The failure that a callback asks for.
struct Told {
    position: u64,
    error: Error,
}

/// The time that a thread spends in callbacks of one call.
pub(crate) struct Scope<'a> {
    asked: &'a dyn Asked,
    begun: Begun,
    spent: Spent,
    told: Cell<Option<Box<Told>>>,
    outer: Cell<*const Scope<'static>>,
}

/// The calling thread's innermost scope and times, side by side as each scope needs both.
struct Here {
    innermost: Cell<*const Scope<'static>>,
    times: ThreadTimes,
}

thread_local! {
    static HERE: Here = const { Here { innermost: Cell::new(ptr::null()), times: ThreadTimes::new() } };
    /// The innermost scope of the thread that forked this process.
    static INHERITED: Cell<*const Scope<'static>> = const { Cell::new(ptr::null()) };
}

/// Leaves a scope, whatever unwinds through it.
struct Leave<'s>(&'s Scope<'s>);

impl Drop for Leave<'_> {
    #[inline]
    fn drop(&mut self) {
        let (scope, outer) = (ptr::from_ref(self.0).cast(), self.0.outer.get());
        HERE.with(|here| {
            here.times.end(&self.0.begun, self.0.spent);
            if ptr::eq(here.innermost.get(), scope) {
                here.innermost.set(outer);
            } else {
                leave_early(scope, outer);
            }
        });
    }
}

/// Leaves a scope before those that were entered later: their callbacks have switched to this stack, and go
/// on later.
#[cold]
fn leave_early(scope: *const Scope<'static>, outer: *const Scope<'static>) {
    find(|later| {
        let found = ptr::eq(later.outer.get(), scope);
        if found {
            later.outer.set(outer);
        }
        found
    });
}

impl<'a> Scope<'a> {
    /// Runs `callbacks` of the call `asked` on the calling thread.
    #[inline]
    pub(crate) fn enter<R>(asked: &'a dyn Asked, callbacks: impl FnOnce(&Self) -> R) -> R {
        Self::enter_for(asked, Spent::Callbacks, callbacks)
    }

    /// The same; `spent` is what the time counts as.
    #[inline]
    pub(crate) fn enter_for<R>(asked: &'a dyn Asked, spent: Spent, callbacks: impl FnOnce(&Self) -> R) -> R {
        let (outer, begun) = HERE.with(|here| (here.innermost.get(), here.times.begin()));
        let scope = Self { asked, begun, spent, told: Cell::new(None), outer: Cell::new(outer) };
        set_innermost(ptr::from_ref(&scope).cast());
        let _leave = Leave(&scope);
        callbacks(&scope)
    }

    /// Runs `work` in the calling thread's innermost scope, if that is one of the call with this identity.
    #[inline]
    pub(crate) fn innermost<R>(identity: *const (), work: impl FnOnce(&Scope<'_>) -> R) -> Option<R> {
        // SAFETY: null, or a value in a frame of this thread that is still running (`Scope::enter`).
        let scope = unsafe { innermost().as_ref()? };
        ptr::eq(scope.asked.identity(), identity).then(|| work(scope))
    }

    /// The call.
    pub(crate) fn asked(&self) -> &'a dyn Asked {
        self.asked
    }

    /// Runs `callbacks` on top of one that waits for them: what that one has asked for stays.
    #[inline]
    pub(crate) fn set_aside<R>(&self, callbacks: impl FnOnce() -> R) -> R {
        let told = self.told.take();
        let result = callbacks();
        self.told.set(told);
        result
    }

    /// The failure that the callback at the current position has asked for, if any.
    #[cold]
    pub(crate) fn take(&self) -> Option<Error> {
        let told = self.told.take()?;
        (told.position == self.asked.position()).then_some(told.error)
    }
}

#[inline]
fn set_innermost(scope: *const Scope<'static>) {
    HERE.with(|here| here.innermost.set(scope));
}

fn innermost() -> *const Scope<'static> {
    HERE.with(|here| here.innermost.get())
}

/// Gives access to the calling thread's times.
#[inline]
pub(super) fn with_times<R>(read: impl FnOnce(&ThreadTimes) -> R) -> R {
    HERE.with(|here| read(&here.times))
}

/// Runs `with` on each scope of the calling thread, the innermost first, until it says true.
fn find(with: impl Fn(&Scope<'_>) -> bool) -> bool {
    let mut at = innermost();
    // SAFETY: null, or a value in a frame of this thread that is still running (`Scope::enter`).
    while let Some(scope) = unsafe { at.as_ref() } {
        if with(scope) {
            return true;
        }
        at = scope.outer.get();
    }
    false
}

/// Whether a callback runs on the calling thread. In a process that was forked inside a callback, that
/// callback does not count.
pub(super) fn is_in_callback() -> bool {
    innermost() != INHERITED.get()
}

/// The calls around belong to the parent.
pub(super) fn forget() {
    INHERITED.set(innermost());
}

/// Whether the innermost call whose callback runs on the calling thread, or one around it, is cancelled or
/// has failed.
pub(crate) fn is_cancelled() -> bool {
    find(|scope| scope.asked.is_stopped())
}

/// Whether the calling thread is inside a callback of the call with this identity.
pub(crate) fn is_inside(identity: *const ()) -> bool {
    find(|scope| ptr::eq(scope.asked.identity(), identity))
}

/// Has the innermost call fail with `error`, if its callback breaks then. `None` takes an earlier failure
/// back.
pub(crate) fn fail(error: Option<Error>) {
    find(|scope| {
        scope.told.set(error.clone().map(|error| Box::new(Told { position: scope.asked.position(), error })));
        true
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use std::panic::{catch_unwind, AssertUnwindSafe};

    /// A call that is stopped, or not, and runs chunks.
    #[derive(Default)]
    struct Call {
        stopped: Cell<bool>,
        chunk: Cell<u64>,
    }

    impl Asked for Call {
        fn is_stopped(&self) -> bool {
            self.stopped.get()
        }

        fn position(&self) -> u64 {
            self.chunk.get()
        }
    }

    fn error() -> Option<Error> {
        Some(Error::new(ErrorKind::Corrupt, "bad"))
    }

    #[test]
    fn outside_there_is_nothing_to_ask() {
        assert!(!is_cancelled() && !is_in_callback());
        fail(error());
    }

    #[test]
    fn a_child_is_not_inside_what_it_was_forked_in() {
        Scope::enter(&(), |_| {
            assert!(is_in_callback());
            forget();
            assert!(!is_in_callback());
            Scope::enter(&(), |_| assert!(is_in_callback()));
        });
        INHERITED.set(ptr::null());
    }

    #[test]
    fn the_calls_around_count_too() {
        let (outer, inner) = (Call::default(), Call::default());
        Scope::enter(&outer, |_| {
            assert!(!is_cancelled());
            Scope::enter(&inner, |_| {
                outer.stopped.set(true);
                assert!(is_cancelled());
            });
            outer.stopped.set(false);
            inner.stopped.set(true);
            assert!(!is_cancelled());
        });
    }

    #[test]
    fn a_failure_belongs_to_the_innermost_callback_that_told_it() {
        let (outer, inner) = (Call::default(), Call::default());
        Scope::enter(&outer, |around| {
            Scope::enter(&inner, |scope| {
                fail(error());
                inner.chunk.set(1); // that callback succeeded
                assert_eq!(scope.take(), None);
                fail(error());
                fail(None);
                assert_eq!(scope.take(), None);
                fail(error());
                assert_eq!(scope.take(), error());
                assert_eq!(scope.take(), None);
                fail(error());
                scope.set_aside(|| {
                    assert_eq!(scope.take(), None);
                    fail(error()); // of a callback that succeeded
                });
                assert_eq!(scope.take(), error());
                scope.set_aside(|| fail(error()));
                assert_eq!(scope.take(), None);
            });
            assert_eq!(around.take(), None);
        });
    }

    #[test]
    fn a_panic_leaves_the_scope() {
        let call = Call::default();
        call.stopped.set(true);
        let panicked =
            catch_unwind(AssertUnwindSafe(|| Scope::enter(&call, |_| panic!("expected by the test"))));
        assert!(panicked.is_err() && !is_cancelled());
    }
}
