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
#[cfg(windows)]
#[path = "../../../src/short_waits.rs"]
mod short_waits;
#[path = "../../../src/sync.rs"]
mod sync;

#[path = "../../../src/panics.rs"]
mod panics;

#[path = "../../../src/os"]
mod os {
    #[path = "prefetch.rs"]
    pub(crate) mod prefetch;
}

/// Waits that no statistics count.
mod pool {
    pub(crate) fn wait<R>(until: impl FnOnce() -> R) -> R {
        until()
    }
}

/// No trace runs here.
mod trace {
    pub(crate) const CODEC: u32 = 0;

    pub(crate) enum Kind {
        DecodeBlocks,
        ExecuteBlocks,
        Checksum,
    }

    pub(crate) struct Mark;

    impl Mark {
        pub(crate) fn now(_: u32) -> Self {
            Self
        }

        pub(crate) fn end(self, _: Kind, _: [u64; 5]) {}
    }
}

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
        #[path = "bits.rs"]
        pub mod bits;
        #[path = "dictionary.rs"]
        pub mod dictionary;
        #[path = "frame.rs"]
        pub mod frame;
        #[path = "fse.rs"]
        mod fse;
        #[path = "huffman.rs"]
        pub mod huffman;
        #[path = "huffman_streams.rs"]
        mod huffman_streams;
        #[path = "literals.rs"]
        pub mod literals;
        #[path = "repeat_offsets.rs"]
        mod repeat_offsets;
        #[path = "seek_table.rs"]
        pub mod seek_table;
        #[path = "sequence_bits.rs"]
        pub mod sequence_bits;
        #[path = "sequence_reader.rs"]
        mod sequence_reader;
        #[path = "sequence_tables.rs"]
        pub mod sequence_tables;
        #[path = "sequences.rs"]
        pub mod sequences;
        #[cfg(not(test))] // its own tests compress
        #[path = "walk.rs"]
        pub mod walk;
        #[path = "xxh64.rs"]
        pub mod xxh64;
    }

    /// A dictionary as bytes; the library's own keeps what libzstd has made of it besides.
    pub(crate) mod options {
        pub(crate) mod reference {
            use crate::codec::format::dictionary::Dictionary;

            #[derive(Clone, Copy)]
            pub(crate) struct Reference<'r>(&'r [u8]);

            impl<'r> Reference<'r> {
                pub(crate) fn dictionary(&self) -> Option<Dictionary<'r>> {
                    Dictionary::read(self.0).ok()
                }

                pub(crate) fn bytes(&self) -> &'r [u8] {
                    self.0
                }

                pub(crate) fn keep(&self) -> KeptReference {
                    KeptReference(self.0.into())
                }
            }

            #[derive(Clone)]
            pub(crate) struct KeptReference(Box<[u8]>);

            impl KeptReference {
                pub(crate) fn get(&self) -> Reference<'_> {
                    Reference(&self.0)
                }
            }
        }
    }

    #[cfg(not(test))] // as above
    #[path = "frame"]
    pub mod frame {
        #[path = "blocks/mod.rs"]
        pub mod blocks;
    }
}

mod cells;

pub use cells::{help_with_jobs, meet};
pub use codec::format::frame::{Blocks, Frame, Frames};
pub use codec::format::seek_table::SeekTable;

use std::ops::Range;

/// What the block decoder makes of a frame that is all of `data`, in a place of `room` bytes, on several
/// threads; `None`: it is left to libzstd.
#[cfg(not(test))]
pub fn decode_blocks(data: &[u8], room: usize, threads: u32) -> Option<Vec<u8>> {
    use codec::frame::blocks::{self, Slot};
    use std::sync::Mutex;
    let frame = Frames::new(data).next()?.ok().filter(|frame| frame.len == data.len() && !frame.skippable)?;
    let header = blocks::header_of(&frame)?;
    let slots: Vec<_> = (0..blocks::slots(threads)).map(|_| Mutex::new(Box::new(Slot::new()))).collect();
    let mut place = Box::new_uninit_slice(room);
    let run = |lane: &(dyn Fn() + Sync)| {
        std::thread::scope(|scope| {
            (1..threads).for_each(|_| drop(scope.spawn(lane)));
            lane();
        });
        Ok(())
    };
    let written =
        blocks::decode(data, &header, None, &mut place, &slots, &|_| Ok(()), run).expect("no step fails")?;
    // Under Miri a step for each byte takes longer than all of the decoding.
    // SAFETY: so many bytes are written.
    Some(unsafe { std::slice::from_raw_parts(place[..written].as_ptr().cast(), written) }.to_vec())
}

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
