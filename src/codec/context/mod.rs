//! Contexts of libzstd, the cache that they wait in, and one frame encoded or decoded with one of them.

use crate::error::Result;
use crate::plan::lanes_of;
use crate::pool;

pub(crate) mod block_ends;
pub(crate) mod cache;
pub(crate) mod contexts;
pub(crate) mod decode;
pub(crate) mod encode;
pub(crate) mod in_use;

mod free_list;

/// The threads that a call may use, the caller included.
pub(crate) fn lanes(max_lanes: u32) -> Result<u32> {
    Ok(lanes_of(pool::threads()?, max_lanes).min(pool::recent_cpus()))
}
