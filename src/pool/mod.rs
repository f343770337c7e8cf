//! The global pool's life: its threads, the calls that use them, their start and their end.
//!
//! The threads are a rayon pool that fastpar owns; rayon queues tickets and wakes the workers that sleep
//! inside it, `sleepers` those that sleep outside. What a helper does on a worker is up to the job that sends
//! its ticket (`workers::Help`).

mod arrivals;
mod call;
mod coarse_usage;
mod config;
mod counters;
mod cpu_count;
mod crew;
mod deferred;
mod epoch;
mod fibers;
mod global;
mod hooks;
mod idle_cpus;
mod keep_alive;
mod limit;
#[cfg(all(test, loom))]
mod loom_tests;
mod permits;
mod scope;
mod sleepers;
mod thread_state;
mod times;
mod usage;
mod workers;

pub(crate) use call::Call;
pub use config::{PoolOptions, Threads, DEFAULT_STACK_SIZE, DEFAULT_THREADS, MAX_THREADS};
pub use counters::Stats;
pub(crate) use global::{add_hook, recent_cpus, unhook};
pub use global::{cpus, hook, shutdown, shutdown_within, start, stats, threads};
pub use hooks::Hook;
pub(crate) use keep_alive::KeepAlive;
pub(crate) use limit::most_lanes;
pub use limit::{limit, set_limit};
pub(crate) use scope::{fail, is_cancelled, is_inside, Asked, Scope};
pub use thread_state::worker;
pub(crate) use thread_state::{check_depth, check_others, thread_number};
pub(crate) use times::{count, count_bytes, spend, wait, Counter, Spent};
pub(crate) use workers::{Help, Pool, PoolRef, Seat, Ticket, Turn, Visit};
