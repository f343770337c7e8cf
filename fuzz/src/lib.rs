//! What the targets share.

mod child;

pub use child::in_child;

use fastpar::codec::{self, Options};
use fastpar::pool::{self, PoolOptions};
use std::cell::RefCell;
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

/// Bytes behind a place that must stay as they are.
const MARKS: usize = 64;
const MARK: u8 = 0xa5;

thread_local! {
    /// The place of `ROOM` bytes, and its marks: a new one for each input would take longer than the input.
    static PLACE: RefCell<Vec<u8>> = RefCell::new(vec![MARK; ROOM + MARKS]);
}

/// Runs `work` on a place of `ROOM` bytes with marks behind it, which hold anything.
pub fn in_room<R>(work: impl FnOnce(&mut [u8]) -> R) -> R {
    PLACE.with_borrow_mut(|place| between_marks(place, work))
}

fn between_marks<R>(place: &mut [u8], work: impl FnOnce(&mut [u8]) -> R) -> R {
    let (room, marks) = place.split_at_mut(place.len() - MARKS);
    let result = work(room);
    assert!(marks.iter().all(|&byte| byte == MARK), "written past the end");
    result
}

/// The same bytes, to be written by fastpar, which writes initialised bytes only.
pub fn as_uninit(place: &mut [u8]) -> &mut [MaybeUninit<u8>] {
    // SAFETY: the same layout; nothing that is not initialised gets there.
    unsafe { &mut *(std::ptr::from_mut(place) as *mut [MaybeUninit<u8>]) }
}

/// What `decompress` makes of the data, in a place of so many bytes with marks behind it.
pub fn decode(data: &[u8], options: &Options<'_>, room: usize) -> fastpar::Result<Vec<u8>> {
    let work = |place: &mut [u8]| {
        let written = codec::decompress(data, as_uninit(place), options)?;
        Ok(place[..written].to_vec())
    };
    if room == ROOM {
        in_room(work)
    } else {
        between_marks(&mut vec![MARK; room + MARKS], work)
    }
}
