//! The loop engine: chunks, lanes, failures, jobs, reductions, teams, shared state. One pool of 24 threads
//! for all tests.

#[path = "../support/mod.rs"]
mod support;

mod grid;
mod jobs;
mod plan;
mod prefix;
mod queue;
mod reduce;
mod shared;
mod sort;
mod stop;
mod stress;
mod teams;
