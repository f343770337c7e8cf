//! Group "pool": functions that run on every worker when it starts and ends.

use super::guard::guard;
use super::status::{fastpar_error, fastpar_status};
use crate::error::{Error, ErrorKind};
use crate::pool;
use std::ffi::c_void;

/// Called on a worker thread: when it starts, or when it ends.
///
/// It must return normally: no C++ exception, no longjmp. Inside it, functions that need the pool return
/// FASTPAR_ERR_BUSY.
///
/// @param user_data  the `user_data` of `fastpar_pool_hook`
/// @param worker     the worker's number, below the threads of the pool
pub type fastpar_thread_fn = Option<unsafe extern "C" fn(user_data: *mut c_void, worker: u32)>;

/// A hook of the program.
struct ForeignHook {
    function: unsafe extern "C" fn(*mut c_void, u32),
    user_data: *mut c_void,
}

// SAFETY: the program promises that its hook and user_data may be used from every worker.
unsafe impl Send for ForeignHook {}
// SAFETY: as above.
unsafe impl Sync for ForeignHook {}

impl ForeignHook {
    fn boxed(function: fastpar_thread_fn, user_data: *mut c_void) -> Option<pool::Hook> {
        let hook = Self { function: function?, user_data };
        Some(Box::new(move |worker| hook.call(worker)))
    }

    fn call(&self, worker: u32) {
        // SAFETY: the program promises that the hook may be called with its user_data for as long as the
        // process lives.
        unsafe { (self.function)(self.user_data, worker) }
    }
}

/// Adds functions that run on every worker thread when it starts and when it ends.
///
/// `on_start` runs on every live worker before this returns, and on every later one before its first
/// callback. `on_exit` runs on a worker that ends (shutdown), if its `on_start` has run there. Hooks
/// stay until `fastpar_pool_unhook`, or for the life of the process; several start in the order in
/// which they were added, and exit in the reverse order. A forked child's workers run them too.
///
/// @param on_start   may be NULL
/// @param on_exit    may be NULL; not both
/// @param user_data  given to both; used for as long as the hooks stay, by several threads at a time
/// @param error      may be NULL
/// @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: both are NULL; FASTPAR_ERR_BUSY: from inside a callback
///         or a hook, or workers cannot run now, see "Loading" and "Ending" above.
///
/// Blocks until the workers have run it; a worker that is inside a callback runs it when it is out. May be
/// called from any thread that is not inside a callback. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_pool_hook(
    on_start: fastpar_thread_fn,
    on_exit: fastpar_thread_fn,
    user_data: *mut c_void,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        if on_start.is_none() && on_exit.is_none() {
            return Err(Error::new(ErrorKind::InvalidArgument, "on_start and on_exit are both NULL"));
        }
        let hooks = (ForeignHook::boxed(on_start, user_data), ForeignHook::boxed(on_exit, user_data));
        pool::add_hook(hooks.0, hooks.1, Some(hook_key(on_start, on_exit, user_data)))
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// What tells a program's hooks apart.
fn hook_key(on_start: fastpar_thread_fn, on_exit: fastpar_thread_fn, user_data: *mut c_void) -> [usize; 3] {
    let address = |function: fastpar_thread_fn| function.map_or(0, |function| function as usize);
    [address(on_start), address(on_exit), user_data as usize]
}

/// Takes back what `fastpar_pool_hook` has added with the same three.
///
/// When it returns, neither function runs on any thread, and neither will: they may be unloaded, and
/// `user_data` freed. `on_exit` is not called for workers where `on_start` has run.
///
/// @param on_start   as given to `fastpar_pool_hook`; may be NULL
/// @param on_exit    as given to it; may be NULL
/// @param user_data  as given to it; may be NULL
/// @param error      may be NULL
/// @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: no such hook is there; FASTPAR_ERR_BUSY: from inside a
///         callback or a hook; or from DllMain while one of them runs, which then stays.
///
/// Blocks while one of them runs. May be called from any thread that is not inside a callback. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_pool_unhook(
    on_start: fastpar_thread_fn,
    on_exit: fastpar_thread_fn,
    user_data: *mut c_void,
    error: *mut fastpar_error,
) -> fastpar_status {
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, || pool::unhook(hook_key(on_start, on_exit, user_data))) }
}
