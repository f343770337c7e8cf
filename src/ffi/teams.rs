//! Group "teams": members that run at the same time and meet at barriers.

use super::borrow::{self, OptionsStruct};
use super::guard::guard;
use super::status::{fastpar_error, fastpar_status};
use crate::error::{Error, ErrorKind, Result};
use crate::team::{self, Team, TeamOptions};
use std::ffi::{c_char, c_void};
use std::mem::offset_of;
use std::ops::ControlFlow;

/// A team at work. Opaque; belongs to `fastpar_team_run`, valid until it returns.
pub struct fastpar_team {
    _private: [u8; 0],
}

/// Called once for each member, all at the same time, each on a thread of its own.
///
/// Member 0 is the thread that called `fastpar_team_run`. Must return normally: no C++ exception, no longjmp.
///
/// @param user_data  the `user_data` of the call
/// @param team       for `fastpar_team_barrier`; valid until the callback returns
/// @param member     0 to members - 1
/// @param members    how many there are
/// @return 0; anything else ends the team: the others are released from their barriers with
///         FASTPAR_ERR_CANCELLED, and the call returns FASTPAR_ERR_CALLBACK with the value of the first
///         member that failed in `error->code`.
pub type fastpar_member_fn = Option<
    unsafe extern "C" fn(user_data: *mut c_void, team: *mut fastpar_team, member: u32, members: u32) -> i32,
>;

/// The program's side of a team.
struct ForeignMember {
    function: unsafe extern "C" fn(*mut c_void, *mut fastpar_team, u32, u32) -> i32,
    user_data: *mut c_void,
}

// SAFETY: the program promises that the callback may be called from several threads at the same time.
unsafe impl Sync for ForeignMember {}

impl ForeignMember {
    fn call(&self, team: &Team, member: u32) -> ControlFlow<i32> {
        let handle = std::ptr::from_ref(team).cast_mut().cast();
        // SAFETY: the program promises that the callback may be called with its data while the call runs.
        match unsafe { (self.function)(self.user_data, handle, member, team.members()) } {
            0 => ControlFlow::Continue(()),
            code => ControlFlow::Break(code),
        }
    }
}

/// Runs a callback on several threads at the same time, and returns when all have ended.
///
/// Equivalent to this, but for the pool, which keeps its threads:
///
/// ```c
/// for (uint32_t m = 1; m < members; m++) thread[m] = start_thread(member, user_data, team, m, members);
/// int32_t code = member(user_data, team, 0, members);
/// for (uint32_t m = 1; m < members; m++) join_thread(thread[m]);
/// ```
///
/// Unlike the chunks of a loop, the members may wait for each other (`fastpar_team_barrier`, a queue, a
/// lock): each has a thread.
///
/// @param members    1 to the threads of the pool, the caller included; 0: as many as the pool has
/// @param member     must not be NULL
/// @param user_data  given to `member`; may be NULL
/// @param error      may be NULL
/// @return FASTPAR_OK: every member returned 0; FASTPAR_ERR_CALLBACK: a member returned something else:
///         `error->code` is its value, `error->position` the member; of several, the first in time;
///         FASTPAR_ERR_THREADS: more members than the pool has threads, or than threads could be started; or,
///         from inside a callback, more than are free now; FASTPAR_ERR_INVALID_ARGUMENT: `member` is NULL;
///         FASTPAR_ERR_BUSY: from inside a hook, or workers cannot run now, see "Loading" and "Ending" above;
///         as `fastpar_for` if the pool cannot be started, or past 128 calls within each other.
///
/// Blocks until the last member has returned, and before that until enough workers have finished what they
/// are doing: not from inside a callback, where it fails at once instead. Where no worker can begin, each
/// call fails after two seconds, also from inside a chunk: a loop of such chunks takes two seconds for each.
/// May be called from any thread, by several at a time. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_team_run(
    members: u32,
    member: fastpar_member_fn,
    user_data: *mut c_void,
    error: *mut fastpar_error,
) -> fastpar_status {
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, || run(members, &TeamOptions::default(), member, user_data)) }
}

/// Options of a team. Set `struct_size` to `sizeof(fastpar_team_options)` and every field you do not need to
/// zero.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fastpar_team_options {
    /// `sizeof(fastpar_team_options)`.
    pub struct_size: usize,
    /// 1 to the threads of the pool, the caller included. 0: as many as the pool has.
    pub members: u32,
    /// 0.
    pub flags: u32,
    /// May be NULL. A flag, 0 at first, that any thread may set by `fastpar_cancel` while the call runs.
    pub cancel: *const i32,
    /// May be NULL. What traces call the team, as `fastpar_loop_options.name`.
    pub name: *const c_char,
}

// SAFETY: integers and a nullable pointer; zero is the default of each; begins with struct_size.
unsafe impl OptionsStruct for fastpar_team_options {
    const NAME: &'static str = "fastpar_team_options";
    const SIZE_V1: usize = offset_of!(Self, name);
}

/// Runs a team as `fastpar_team_run` does, with options.
///
/// Once its flag is set the members are released from their barriers with FASTPAR_ERR_CANCELLED, now
/// and later, within some 20 ms. Members that wait for something else have to ask
/// (`fastpar_is_cancelled`).
///
/// @param options    may be NULL: as many members as the pool has threads
/// @param member     must not be NULL
/// @param user_data  given to `member`; may be NULL
/// @param error      may be NULL
/// @return as `fastpar_team_run`; FASTPAR_ERR_CANCELLED: the flag was set before the return, and no member
///         failed; FASTPAR_ERR_INVALID_ARGUMENT, FASTPAR_ERR_UNSUPPORTED: an option.
///
/// Blocks as `fastpar_team_run` does. May be called from any thread, by several at a time. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_team_run_with(
    options: *const fastpar_team_options,
    member: fastpar_member_fn,
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
        run(raw.members, &TeamOptions { cancel, name }, member, user_data)
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// Runs a team of the program.
fn run(
    members: u32,
    options: &TeamOptions<'_>,
    member: fastpar_member_fn,
    user_data: *mut c_void,
) -> Result<()> {
    let function = member.ok_or_else(|| Error::new(ErrorKind::InvalidArgument, "member is NULL"))?;
    let foreign = ForeignMember { function, user_data };
    team::run_with(members, options, &|team: &Team, member| foreign.call(team, member))
}

/// Waits until every member of the team has come to the barrier.
///
/// What members wrote before it is visible to all after it. A member that has returned is not waited for.
///
/// @param team   the team that the member's callback was given; must not be NULL
/// @param error  may be NULL
/// @return FASTPAR_OK; FASTPAR_ERR_CANCELLED: a member failed, now or before, or the team is cancelled:
///         no member waits any more, return from the callback; FASTPAR_ERR_INVALID_ARGUMENT: `team` is
///         NULL, or the calling thread is not a member of it; FASTPAR_ERR_THREADS: in a child that a
///         member forked, where the others are not.
///
/// Blocks: spins briefly, then sleeps. Only for the members, from their callbacks. Since: 1.0
///
/// # Safety
/// `team` is NULL or the team that the member's callback was given.
#[no_mangle]
pub unsafe extern "C" fn fastpar_team_barrier(
    team: *mut fastpar_team,
    error: *mut fastpar_error,
) -> fastpar_status {
    // SAFETY: the caller's promise: NULL, or made from a `&Team` that lives while its members run.
    let body = || match unsafe { team.cast::<Team>().cast_const().as_ref() } {
        Some(team) => team.barrier(),
        None => Err(Error::new(ErrorKind::InvalidArgument, "team is NULL")),
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}
