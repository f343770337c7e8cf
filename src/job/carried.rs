//! What a call takes along from its caller to every thread that works for it: the floating-point environment,
//! and the task of a group that the caller is in.

use super::groups::Frame;
use crate::os::float_env::FloatEnv;
use std::cell::Cell;
use std::ptr;

thread_local! {
    /// The innermost task of a group that the thread is in: one that it runs, or whose loop it works for.
    static TASK: Cell<*const Frame> = const { Cell::new(ptr::null()) };
}

/// The task of a group that a thread is in, if any.
#[derive(Clone, Copy)]
pub(crate) struct TaskHere(*const Frame);

// SAFETY: threads share of a frame what `Frame` says, and a call ends before the task that made it.
unsafe impl Send for TaskHere {}
// SAFETY: as above.
unsafe impl Sync for TaskHere {}

impl TaskHere {
    const NONE: Self = Self(ptr::null());

    /// Of the calling thread.
    #[inline]
    pub(crate) fn current() -> Self {
        Self(TASK.with(Cell::get))
    }

    /// Runs `work`, which must not unwind, in this task.
    #[inline]
    pub(crate) fn with<R>(self, work: impl FnOnce() -> R) -> R {
        let own = TASK.with(|task| task.replace(self.0));
        let result = work();
        TASK.with(|task| task.set(own));
        result
    }

    /// Runs `work` as the task `frame`.
    #[inline]
    pub(super) fn within<R>(frame: &Frame, work: impl FnOnce() -> R) -> R {
        Self(frame).with(work)
    }

    /// The frame of the innermost task of `group` among those around.
    pub(super) fn find(self, group: *const ()) -> Option<*const Frame> {
        let mut at = self.0;
        // SAFETY: null, or the frame of a task that has not ended: this thread is in it.
        while let Some(frame) = unsafe { at.as_ref() } {
            if ptr::eq(frame.group(), group) {
                return Some(at);
            }
            at = frame.outer().0;
        }
        None
    }
}

/// A thread, as long as it lives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct ThreadHere(*const ());

impl ThreadHere {
    /// The calling thread.
    #[inline]
    pub(super) fn current() -> Self {
        Self(TASK.with(|task| ptr::from_ref(task).cast()))
    }

    /// Whether it is the calling thread.
    #[inline]
    pub(super) fn is_current(self) -> bool {
        self == Self::current()
    }
}

/// What is taken along.
#[derive(Clone, Copy)]
pub(crate) struct Carried {
    floats: FloatEnv,
    task: TaskHere,
}

impl Carried {
    /// Of a call that the calling thread makes, `nested` in another or not: only then it can be in a task.
    #[inline]
    pub(crate) fn from_caller(nested: bool) -> Self {
        let task = if nested { TaskHere::current() } else { TaskHere::NONE };
        Self { floats: FloatEnv::current(), task }
    }

    /// The same for a job that may outlive the task.
    #[inline]
    pub(crate) fn floats_only() -> Self {
        Self::from_caller(false)
    }

    /// Takes the task of the calling thread along, too.
    #[inline]
    pub(crate) fn add_task(&mut self) {
        self.task = TaskHere::current();
    }

    /// Runs `work`, which must not unwind, on a thread that is not the caller.
    #[inline]
    pub(crate) fn with<R>(self, work: impl FnOnce() -> R) -> R {
        self.task.with(|| self.floats.with(work))
    }

    /// Runs `work`, which must not unwind, on a thread that has taken all of it along already, but whose
    /// callback may have changed its floating-point environment.
    #[inline]
    pub(crate) fn with_floats<R>(self, work: impl FnOnce() -> R) -> R {
        self.floats.with(work)
    }

    /// On the caller, after its part: what callbacks have changed in its floating-point environment is taken
    /// back.
    #[inline]
    pub(crate) fn restore_here(self) {
        self.floats.restore_here();
    }
}
