//! The global pool: starting it, asking it, shutting it down.

use super::config::{self, Config, PoolOptions};
use super::counters::Stats;
use super::cpu_count;
use super::epoch::{self, Epochs};
use super::hooks::{self, Hook};
use super::thread_state::{self, ThreadState};
use super::workers::{Pool, PoolRef};
use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use crate::os::fork::{self, ChildHook};
use crate::os::{loader, module};
use crate::trace;
use std::thread;
use std::time::{Duration, Instant};

/// An announced call of the global pool.
pub(super) type Entry = epoch::Entry<'static, Pool>;

#[cfg(not(loom))]
static EPOCHS: Epochs<Pool> = Epochs::new();
#[cfg(loom)]
loom::lazy_static! {
    static ref EPOCHS: Epochs<Pool> = Epochs::new();
}

static FORGET: ChildHook = ChildHook::new(|| EPOCHS.forget());

/// Registers what a forked child forgets.
fn watch_forks() -> Result<()> {
    fork::on_child(&FORGET)?;
    fork::on_child(&thread_state::FORGET)?;
    fork::on_child(&hooks::FORGET)?;
    // The queues of rayon reclaim their memory through a collector of the process, made by the first thread
    // that needs it. A fork in the middle of that would leave the child waiting for its completion for ever.
    #[cfg(unix)]
    fork::without_forks(|| _ = crossbeam_epoch::default_collector());
    Ok(())
}

/// Announces a call: the pool of its epoch stays until the entry is dropped.
#[inline]
pub(super) fn enter() -> Result<Entry> {
    let shard = thread_state::with(ThreadState::shard);
    EPOCHS.enter(shard, watch_forks)
}

/// The pool of a call; `start` makes it if none runs.
#[inline]
fn start_for(entry: &Entry, start: impl FnOnce() -> Result<Pool>) -> Result<&Pool> {
    if let Some(pool) = entry.running() {
        return Ok(pool);
    }
    if loader::others_have_ended() {
        // A thread may have been ended while it started the pool: it would be waited for.
        entry.forget_start();
    }
    // Not in the start: this may wait for the loader, and a thread in DllMain for the start.
    module::keep_module()?;
    entry.pool(start)
}

/// The pool of a call. If there is no pool it is started with the default options, and with as many workers
/// as the system gives.
#[inline]
pub(super) fn pool_of(entry: &Entry) -> Result<&Pool> {
    let pool = start_for(entry, || Pool::start(PoolOptions::default().resolve()?, true, &EPOCHS))?;
    pool.try_to_complete();
    Ok(pool)
}

/// Starts the pool with these options.
///
/// # Errors [`ErrorKind::AlreadyStarted`] if the pool runs with other options, [`ErrorKind::InvalidArgument`]
/// for a value outside its range, [`ErrorKind::Unsupported`] if pinning is not possible here,
/// [`ErrorKind::Threads`] if not all threads could be started and `partial` is not set: then no thread is
/// left, or as many as before.
pub fn start(options: &PoolOptions) -> Result<()> {
    let config = options.resolve()?;
    thread_state::check_others()?;
    let entry;
    let running = match PoolRef::here() {
        // SAFETY: inside a call or on a worker: the pool is alive.
        Some(pool) => unsafe { pool.get() },
        None => {
            if thread_state::with(|state| state.in_hook.get()) {
                return Err(thread_state::busy_in_hook());
            }
            entry = enter()?;
            start_for(&entry, || Pool::start(config.clone(), options.partial, &EPOCHS))?
        }
    };
    if *running.config() == config {
        if options.partial {
            running.try_to_complete();
            return Ok(());
        }
        return running.complete();
    }
    let Config { threads, pin, stack_size, thread_name } = running.config();
    Err(Error::new(
        ErrorKind::AlreadyStarted,
        format!(
            "the pool runs already with threads {threads}, {}pinned, stack_size {stack_size}, thread_name {thread_name:?}",
            if *pin { "" } else { "not " },
        ),
    ))
}

/// Reads something of the pool if it runs; starts nothing.
fn peek<R>(look: impl FnOnce(&Pool) -> R) -> Option<R> {
    match PoolRef::here() {
        None => enter().ok()?.running().map(look),
        // SAFETY: inside a call or on a worker: the pool is alive.
        Some(pool) => Some(look(unsafe { pool.get() })),
    }
}

/// How many threads the pool has, or would start with.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`] if the environment asks for a number that cannot be.
pub fn threads() -> Result<u32> {
    peek(Pool::threads).map_or_else(config::threads_of_environment, Ok)
}

/// Logical CPUs that the process may use: affinity of its main thread and quotas of its cgroups counted. At
/// least one.
pub fn cpus() -> u32 {
    cpu_count::ask()
}

/// The same; the answer may be a moment old.
pub(crate) fn recent_cpus() -> u32 {
    cpu_count::refreshed()
}

/// What the pool has done since it started.
pub fn stats() -> Stats {
    peek(Pool::stats).unwrap_or_default()
}

/// Adds a pair of hooks for every worker, present and future. `on_start` has run on every live worker when
/// this returns; a worker that is inside a callback runs it when it leaves that job. A panic of a hook is
/// caught, and changes nothing else.
///
/// # Errors [`ErrorKind::Busy`](crate::error::ErrorKind::Busy) from inside a callback or a hook, and where
/// workers cannot run yet.
pub fn hook(on_start: Option<Hook>, on_exit: Option<Hook>) -> Result<()> {
    add_hook(on_start, on_exit, None)
}

/// The same, for a program that takes the hooks back by `key`.
pub(crate) fn add_hook(on_start: Option<Hook>, on_exit: Option<Hook>, key: Option<hooks::Key>) -> Result<()> {
    thread_state::refuse_inside("adding a hook")?;
    memory::check()?;
    thread_state::check_others()?;
    peek(|pool| thread_state::check_loader().and_then(|()| pool.await_workers())).unwrap_or(Ok(()))?;
    hooks::add(on_start, on_exit, key);
    if loader::holds_lock() {
        return Ok(()); // a pool that another thread has started meanwhile begins with the hooks
    }
    peek(Pool::run_new_hooks).unwrap_or(Ok(()))
}

/// Takes hooks back: when this returns none with this key runs, and none will.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`]: there are none; [`ErrorKind::Busy`] from inside a callback or a hook, and
/// in DllMain while one of them runs.
pub(crate) fn unhook(key: hooks::Key) -> Result<()> {
    thread_state::refuse_inside("taking a hook back")?;
    if hooks::take_back(key)? {
        return Ok(());
    }
    Err(Error::new(ErrorKind::InvalidArgument, "there is no hook of these functions and this user_data"))
}

/// Waits for the calls under way, then ends and joins every worker. A later call starts a new pool.
///
/// # Errors
/// [`ErrorKind::Busy`] from inside a callback or a hook, and where workers cannot run yet.
pub fn shutdown() -> Result<()> {
    shut_down(|| EPOCHS.shutdown(Pool::stop))
}

/// The same, if the calls under way end within `timeout`. While they do not, calls that begin may have to
/// wait: for up to a quarter of the time that this has waited, and at most a tenth of a second.
///
/// # Errors
/// [`ErrorKind::Timeout`]: the pool goes on; and those of [`shutdown`].
pub fn shutdown_within(timeout: Duration) -> Result<()> {
    const LONGEST_LOOK: Duration = Duration::from_millis(100);
    const SHORTEST_LOOK: Duration = Duration::from_millis(1);
    const PAUSE: Duration = Duration::from_micros(100);
    let begun = Instant::now();
    let left = || timeout.saturating_sub(begun.elapsed());
    shut_down(|| loop {
        let look = Instant::now();
        let longest = ((look - begun) / 4).clamp(SHORTEST_LOOK, LONGEST_LOOK).min(left());
        let hold = || {
            let goes_on = look.elapsed() < longest;
            if goes_on {
                thread::sleep(PAUSE); // the calls need the CPU
            }
            goes_on
        };
        if let Some(ended) = EPOCHS.try_shutdown(Pool::is_unused, hold, Pool::stop) {
            return ended;
        }
        if left().is_zero() {
            return Err(Error::new(ErrorKind::Timeout, "calls are under way still; the pool goes on"));
        }
        thread::sleep((longest * 3).min(left()));
    })
}

fn shut_down(end: impl FnOnce() -> Result<()>) -> Result<()> {
    thread_state::refuse_inside("shutting the pool down")?;
    if loader::others_have_ended() {
        return Ok(()); // the workers too
    }
    peek(|pool| thread_state::check_loader().and_then(|()| pool.await_threads())).unwrap_or(Ok(()))?;
    if loader::holds_lock() {
        // Another thread may be starting the pool, and its call need not end as long as this waits for it.
        let ended = EPOCHS.try_shutdown(|_| false, || false, Pool::stop);
        return ended.unwrap_or_else(thread_state::check_loader);
    }
    let ended = end();
    trace::flush();
    ended
}
