//! The life of the pool: start, options, hooks, statistics, shutdown, fork, exit. Each test is a process of its own.

#[path = "../support/mod.rs"]
mod support;

mod jobs;
mod shutdown;
