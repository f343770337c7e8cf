//! What the targets share.

mod child;

pub use child::in_child;

use fastpar::codec::{self, Options};
use fastpar::pool::{self, PoolOptions};
use std::mem::MaybeUninit;
use std::sync::Once;

/// The most that is decoded.
pub const ROOM: usize = 1 << 18;

/// Bytes that decide what a target does; where they end everything is 0.
pub struct Choices<'d>(pub &'d [u8]);

impl<'d> Choices<'d> {
    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    /// The next 8 bytes, as a number.
    pub fn number(&mut self) -> u64 {
        (0..8).fold(0, |number, _| number << 8 | u64::from(self.byte()))
    }

    /// A number of any magnitude: small ones are as likely as large ones.
    pub fn magnitude(&mut self) -> u64 {
        let bits = self.byte() % 65;
        self.number().checked_shr(64 - u32::from(bits)).unwrap_or(0)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        (usize::from(self.byte()) << 8 | usize::from(self.byte())) % limit
    }

    /// So many bytes, or as many as there are.
    pub fn bytes(&mut self, count: usize) -> &'d [u8] {
        let (first, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        first
    }
}

/// Starts a small pool, once; whatever starts another one later makes it as small.
pub fn start_pool() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        std::env::set_var("FASTPAR_THREADS", "3");
        pool::start(&PoolOptions::default()).unwrap();
    });
}

/// What `decompress` makes of the data, in a place of so many bytes with marks behind it.
pub fn decode(data: &[u8], options: &Options<'_>, room: usize) -> fastpar::Result<Vec<u8>> {
    const MARKS: usize = 64;
    let mut place = vec![0xa5; room + MARKS];
    // SAFETY: the same layout; fastpar writes initialised bytes only.
    let dst = unsafe { &mut *(std::ptr::from_mut(&mut place[..room]) as *mut [MaybeUninit<u8>]) };
    let written = codec::decompress(data, dst, options);
    assert!(place[room..].iter().all(|&byte| byte == 0xa5), "written past the end");
    let written = written?;
    place.truncate(written);
    Ok(place)
}
