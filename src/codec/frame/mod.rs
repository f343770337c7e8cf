//! One frame in parallel.

mod blocks;

pub(crate) mod decompress;
