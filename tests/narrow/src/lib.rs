//! The parts of fastpar that need no libzstd, so that they can be tested on i686 without a C toolchain for
//! it, suite "narrow", and by Miri, which runs Rust only, suite "miri". What tests need of them is passed on
//! by small functions.
#![allow(dead_code, unused_imports, unreachable_pub, missing_docs)]

#[path = "../../../src/error.rs"]
pub mod error;
#[path = "../../../src/memory.rs"]
mod memory;
#[path = "../../../src/plan.rs"]
pub mod plan;
#[path = "../../../src/queue.rs"]
pub mod queue;
#[path = "../../../src/sync.rs"]
mod sync;

#[path = "../../../src/panics.rs"]
mod panics;

#[path = "../../../src/job"]
mod job {
    #[path = "batches.rs"]
    mod batches;
    #[path = "claims.rs"]
    pub(crate) mod claims;
    #[path = "gate.rs"]
    pub(crate) mod gate;
}

#[path = "../../../src/team"]
mod team {
    #[path = "barrier.rs"]
    pub(crate) mod barrier;
}

#[path = "../../../src/codec"]
mod codec {
    #[path = "format"]
    pub mod format {
        #[path = "frame.rs"]
        pub mod frame;
        #[path = "seek_table.rs"]
        pub mod seek_table;
        #[cfg(not(test))] // its own tests compress
        #[path = "walk.rs"]
        pub mod walk;
    }
}

mod cells;

pub use cells::{help_with_jobs, meet};
pub use codec::format::frame::{Blocks, Frame, Frames};
pub use codec::format::seek_table::SeekTable;

use std::ops::Range;

/// Claims all of a range on several threads; each batch, in no order.
pub fn claim_all(range: Range<usize>, threads: u32, singly: bool) -> Vec<Range<usize>> {
    use job::claims::{Claiming, Claims};
    let claiming = if singly { Claiming::Singly } else { Claiming::InBatches };
    let claims = Claims::new(range, threads, claiming);
    std::thread::scope(|scope| {
        let lane = || {
            let mut pace = claims.pace();
            let mut mine = Vec::new();
            while let Some(batch) = claims.claim(&pace) {
                pace.ran(&claims, batch.len());
                mine.push(batch);
            }
            mine
        };
        let lanes: Vec<_> = (0..threads).map(|_| scope.spawn(lane)).collect();
        lanes.into_iter().flat_map(|lane| lane.join().expect("a lane panicked")).collect()
    })
}
