//! One frame in parallel.

pub(crate) mod blocks;
pub(crate) mod cuts;
pub(crate) mod decompress;
pub(crate) mod resume;
pub(crate) mod sections;
