//! The job engine: one parallel call becomes a job that its caller and helpers from the pool work on
//! together.
//!
//! - The caller claims and runs chunks from the first instant. It never sleeps while a chunk of its job is
//!   unclaimed, so a job can always be finished by its caller alone: that makes nesting safe from any thread.
//! - Helpers are recruited as a tree: the caller sends for one, and a helper that finds work left sends for
//!   two more before it starts. A small job is over before another thread is awake, and pays for none; for a
//!   large one, N helpers are awake after the time of about log2(N) wakes.
//! - Waiting never steals: a waiting thread runs chunks of its own job only.

mod accumulators;
mod background;
mod batches;
mod carried;
mod chunk;
mod chunks;
mod claims;
mod failure;
mod gate;
mod gate_store;
mod groups;
mod helpers;
#[cfg(all(test, loom))]
mod loom_tests;
mod loops;
mod pipeline;
mod pipelines;
mod prefix;
mod progress;
mod reduce;
mod tasks;

pub(crate) use accumulators::Accumulators;
pub use background::{Body, Done, JobHandle, OwnedProgress};
pub(crate) use carried::Carried;
pub use chunk::{Chunk, Control};
pub(crate) use groups::{run_group, Group, GroupOptions, Tasks};
pub(crate) use loops::half_of_caches;
pub use loops::{for_each_chunk, plan};
pub(crate) use pipeline::{Pipeline, Stage};
pub(crate) use pipelines::{run_pipeline, PipelineOptions, Steps};
pub use prefix::prefix;
pub(crate) use prefix::{prefix_slots, Passes};
pub(crate) use progress::Monitor;
pub use progress::Progress;
pub use reduce::reduce;
pub(crate) use reduce::{combine_in_order, reduce_slots};
#[cfg(target_os = "linux")]
pub(crate) use tasks::run_aside;
pub(crate) use tasks::{lanes_left, run_in_lanes, run_many, run_steps, run_tasks, task_lanes};
