//! Group "groups": tasks that make tasks.

use super::borrow::{self, OptionsStruct};
use super::guard::guard;
use super::status::{fastpar_error, fastpar_status};
use crate::error::{Error, ErrorKind, Result};
use crate::job::{run_group, Group, GroupOptions, Tasks};
use std::ffi::{c_char, c_void};
use std::mem::offset_of;
use std::ops::ControlFlow;

/// A group of tasks at work. Opaque; belongs to `fastpar_group_run`, valid until that returns.
pub struct fastpar_group {
    _private: [u8; 0],
}

/// A task of a group.
///
/// Called once, by the thread that runs the group or by a worker, several tasks at the same time, in no
/// order. It may spawn tasks (`fastpar_group_spawn`), wait for them (`fastpar_group_wait`), and call every
/// function of fastpar except `fastpar_pool_shutdown` and `fastpar_pool_hook`. It must return normally: a C++
/// exception or a longjmp through it is undefined.
///
/// @param item   what was given with the task
/// @param group  for the tasks that it spawns; the same for all tasks of a run
/// @param lane   a number below `fastpar_pool_threads()`, and below `max_lanes` if that is not 0, that no
///               other thread of the group has meanwhile. A task that waits runs others on its lane.
/// @return 0 to go on; anything else ends the group: no other task is begun, and `fastpar_group_run` returns
///         FASTPAR_ERR_CALLBACK with this value in `error->code`.
pub type fastpar_task_fn =
    Option<unsafe extern "C" fn(item: *mut c_void, group: *mut fastpar_group, lane: u32) -> i32>;

/// Takes an item back that will not be used.
///
/// Called from a thread that works for the call, several at the same time in groups. It must return normally:
/// no C++ exception, no longjmp.
///
/// @param user_data  as the options say
/// @param item       the item
pub type fastpar_drop_fn = Option<unsafe extern "C" fn(user_data: *mut c_void, item: *mut c_void)>;

/// Options of a group. Set `struct_size` to `sizeof(fastpar_group_options)` and every field you do not need
/// to zero.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fastpar_group_options {
    /// `sizeof(fastpar_group_options)`.
    pub struct_size: usize,
    /// Threads that work on the group at the same time, the caller included. 0: every thread of the pool.
    pub max_lanes: u32,
    /// 0.
    pub flags: u32,
    /// May be NULL. A flag, 0 at first, that any thread may set by `fastpar_cancel` while the call runs.
    pub cancel: *const i32,
    /// May be NULL. After a failure or a cancel called once for each task that was accepted and is not begun.
    pub drop: fastpar_drop_fn,
    /// Given to `drop`.
    pub drop_data: *mut c_void,
    /// May be NULL. What traces call the group, as `fastpar_loop_options.name`.
    pub name: *const c_char,
}

// SAFETY: integers and nullable pointers and functions; zero is the default of each; begins with struct_size.
unsafe impl OptionsStruct for fastpar_group_options {
    const NAME: &'static str = "fastpar_group_options";
    const SIZE_V1: usize = offset_of!(Self, name);
}

type TaskFunction = unsafe extern "C" fn(*mut c_void, *mut fastpar_group, u32) -> i32;

/// A task of the program.
#[derive(Clone, Copy)]
struct ForeignTask {
    function: TaskFunction,
    item: *mut c_void,
}

// SAFETY: the program promises that its tasks may run on any thread that works for the group.
unsafe impl Send for ForeignTask {}

impl ForeignTask {
    fn new(function: fastpar_task_fn, item: *mut c_void, name: &'static str) -> Result<Self> {
        match function {
            Some(function) => Ok(Self { function, item }),
            None => Err(Error::new(ErrorKind::InvalidArgument, name)),
        }
    }
}

/// The tasks of a group of the program.
struct ForeignTasks {
    drop: fastpar_drop_fn,
    drop_data: *mut c_void,
}

// SAFETY: the program promises that its callbacks may be called from several threads at the same time.
unsafe impl Send for ForeignTasks {}
// SAFETY: as above.
unsafe impl Sync for ForeignTasks {}

impl Tasks for ForeignTasks {
    type Item = ForeignTask;

    #[inline]
    fn run(&self, task: ForeignTask, group: &Group<Self>, lane: u32) -> ControlFlow<i32> {
        let group = std::ptr::from_ref(group).cast_mut().cast();
        // SAFETY: the program promises that the task may be called with its item while the group runs.
        match unsafe { (task.function)(task.item, group, lane) } {
            0 => ControlFlow::Continue(()),
            code => ControlFlow::Break(code),
        }
    }

    fn discard(&self, task: ForeignTask) {
        if let Some(function) = self.drop {
            // SAFETY: the program promises that the callback may be called with its data.
            unsafe { function(self.drop_data, task.item) };
        }
    }
}

/// Runs a task and all tasks that it and they spawn, in parallel, and returns when all have ended.
///
/// For work that is no range: trees, recursion, graphs. Equivalent to this, but for threads and order:
///
/// ```c
/// push(root, user_data);
/// while (pop(&task, &item)) {                    // fastpar_group_spawn pushes
///     int32_t code = task(item, group, 0);
///     if (code != 0) return FASTPAR_ERR_CALLBACK;
/// }
/// return FASTPAR_OK;
/// ```
///
/// The calling thread works too, and runs the root. Spawning nests nothing, however deep the recursion; a
/// task that waits for others (`fastpar_group_wait`) keeps its place on its stack. What tasks wrote is
/// visible when the call returns.
///
/// After a failure or a cancel no task is begun. The tasks that wait then are given to `drop`, on the threads
/// that work, and those that run finish first. A task waits in about 32 bytes, the newest of a thread first;
/// it takes twice as much while tasks that it has spawned have not ended.
///
/// @param options    may be NULL: every thread of the pool
/// @param root       the first task, with lane 0; must not be NULL
/// @param user_data  the item of the root, never given to `drop`; may be NULL
/// @param error      may be NULL
/// @return FASTPAR_OK: every task returned 0; FASTPAR_ERR_CALLBACK: a task returned non-zero: `error->code`
///         is its value (of several failures the first in time); another status: a task has set it by
///         `fastpar_fail`; FASTPAR_ERR_CANCELLED: the flag was set before the return, and no task failed;
///         FASTPAR_ERR_INVALID_ARGUMENT, FASTPAR_ERR_UNSUPPORTED: an option, or `root` is NULL;
///         FASTPAR_ERR_OUT_OF_MEMORY: for the group, or the pool; FASTPAR_ERR_LIMIT_EXCEEDED,
///         FASTPAR_ERR_BUSY: as `fastpar_for`; FASTPAR_ERR_THREADS: in a child that a task forked.
///
/// Blocks until the last task has returned. May be called from any thread, by any number at a time, and from
/// inside callbacks (nested): the caller can finish a group alone. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_group_run(
    options: *const fastpar_group_options,
    root: fastpar_task_fn,
    user_data: *mut c_void,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        // SAFETY: the caller's promise.
        let raw = unsafe { borrow::options(options)? };
        if raw.flags != 0 {
            let text = format!("flags is {:#x}, expected 0", raw.flags);
            return Err(Error::new(ErrorKind::InvalidArgument, text));
        }
        // SAFETY: the caller's promise.
        let cancel = unsafe { borrow::cancel_flag(raw.cancel)? };
        // SAFETY: the caller's promise.
        let name = unsafe { borrow::name(raw.name) };
        let root = ForeignTask::new(root, user_data, "root is NULL")?;
        let tasks = ForeignTasks { drop: raw.drop, drop_data: raw.drop_data };
        run_group(tasks, &GroupOptions { max_lanes: raw.max_lanes, cancel, name }, root)
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// Adds a task to a group.
///
/// @param group  what the task was given; must not be NULL
/// @param task   must not be NULL
/// @param item   given to `task`, or to the group's `drop`; may be NULL
/// @param error  may be NULL
/// @return FASTPAR_OK: the task will run once, or be dropped once; FASTPAR_ERR_CANCELLED: the group has
///         failed or is cancelled; FASTPAR_ERR_OUT_OF_MEMORY: no room for one more task, the group goes on;
///         FASTPAR_ERR_INVALID_ARGUMENT: `task` is NULL, or the calling thread is not inside a task of this
///         group, whether the group has ended or not; FASTPAR_ERR_THREADS: in a child that a task forked. On
///         failure the item stays the caller's.
///
/// Never blocks. May be called from any thread that runs a task of the group, or a callback of a loop, a
/// team or a group in one: what is spawned belongs to that task. Not from jobs that outlive it
/// (`fastpar_for_start`). Since: 1.0
///
/// # Safety
/// Pointers are valid as described; `group` may have ended.
#[no_mangle]
pub unsafe extern "C" fn fastpar_group_spawn(
    group: *mut fastpar_group,
    task: fastpar_task_fn,
    item: *mut c_void,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        let task = ForeignTask::new(task, item, "task is NULL")?;
        Group::<ForeignTasks>::spawn(group.cast_const().cast(), task)
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// Waits, inside a task, until all tasks that it has spawned, and all below, have ended.
///
/// The thread runs tasks of this group meanwhile, and no others: those that it waits for, and while few tasks
/// wait within each other on it, any. So a task must not hold a lock over the wait that other tasks of the
/// group take. A task that waits on a fiber must not return before that wait has.
///
/// @param group  what the task was given; must not be NULL
/// @param error  may be NULL
/// @return FASTPAR_OK: they have ended, and what they wrote is visible; FASTPAR_ERR_CANCELLED: they have
///         ended or were dropped, as the group has failed or is cancelled; FASTPAR_ERR_INVALID_ARGUMENT: the
///         calling thread is not inside a task of this group, whether the group has ended or not;
///         FASTPAR_ERR_BUSY: from a callback of another call that the task makes, such as a loop;
///         FASTPAR_ERR_LIMIT_EXCEEDED: past 128 waits and calls within each other on its thread a wait runs
///         nothing, and no other thread of the group is left that could: not all of them have ended;
///         FASTPAR_ERR_THREADS: in a child that a task forked.
///
/// Blocks. May be called from inside tasks only, on any thread. Since: 1.0
///
/// # Safety
/// Pointers are valid as described; `group` may have ended.
#[no_mangle]
pub unsafe extern "C" fn fastpar_group_wait(
    group: *mut fastpar_group,
    error: *mut fastpar_error,
) -> fastpar_status {
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, || Group::<ForeignTasks>::wait(group.cast_const().cast())) }
}
