//! The events of one thread on their way to the file: the thread writes them, the trace's thread reads them,
//! neither waits for the other.
//!
//! Orderings. The thread releases its records by `written`, which the reader acquires; the reader
//! releases the room by `read`, which the thread acquires. The words themselves are relaxed: nothing
//! else is read on the strength of them.

use super::event::{Record, WORDS};
use crate::error::Result;
use crate::memory;
use crossbeam_utils::CachePadded;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Bytes of a record.
pub(super) const RECORD: usize = WORDS * 8;

/// See the module.
pub(super) struct Ring {
    /// The thread.
    pub(super) thread: u64,
    pub(super) name: String,
    /// Whether the file tells the name.
    pub(super) is_named: AtomicBool,
    records: Vec<[AtomicU64; WORDS]>,
    written: CachePadded<AtomicU64>,
    read: CachePadded<AtomicU64>,
    lost: AtomicU64,
    /// The thread has ended, or belongs to a later trace.
    left: AtomicBool,
}

impl Ring {
    /// For so many records, a power of two.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfMemory`](crate::error::ErrorKind::OutOfMemory).
    pub(super) fn new(count: usize, thread: u64, name: String) -> Result<Self> {
        let mut records = Vec::new();
        memory::reserve(&mut records, count)?;
        records.resize_with(count, Default::default);
        Ok(Self {
            thread,
            name,
            is_named: AtomicBool::new(false),
            records,
            written: CachePadded::default(),
            read: CachePadded::default(),
            lost: AtomicU64::new(0),
            left: AtomicBool::new(false),
        })
    }

    /// Writes records, if there is room for all and `spare` more, or counts a lost event. Only by the ring's
    /// thread.
    pub(super) fn push(&self, records: impl Iterator<Item = Record>, count: usize, spare: usize) -> Pushed {
        let written = self.written.load(Ordering::Relaxed);
        let used = written - self.read.load(Ordering::Acquire);
        if used + (count + spare) as u64 > self.records.len() as u64 {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return Pushed::Lost;
        }
        for (at, record) in (written..).zip(records) {
            let place = &self.records[at as usize & (self.records.len() - 1)];
            place.iter().zip(record.0).for_each(|(place, word)| place.store(word, Ordering::Relaxed));
        }
        self.written.store(written + count as u64, Ordering::Release);
        if used < self.half() && used + count as u64 >= self.half() {
            Pushed::HalfFull
        } else {
            Pushed::Written
        }
    }

    fn half(&self) -> u64 {
        self.records.len() as u64 / 2
    }

    /// Whether half of the room or more is taken. For the reader, which then does not sleep: the thread calls
    /// when half of the room is taken, and not again when more is.
    pub(super) fn is_half_full(&self) -> bool {
        let used = self.written.load(Ordering::Acquire) - self.read.load(Ordering::Relaxed);
        used >= self.half()
    }

    /// Gives the records that are there to `with`, a record or more at a time: `with` says how many it has
    /// taken. Only by one thread at a time.
    pub(super) fn drain(&self, mut with: impl FnMut(&Record, &dyn Fn(u64) -> Record) -> u64) {
        let written = self.written.load(Ordering::Acquire);
        let mut read = self.read.load(Ordering::Relaxed);
        while read < written {
            let record = |after: u64| {
                let place = &self.records[(read + after) as usize & (self.records.len() - 1)];
                Record(std::array::from_fn(|word| place[word].load(Ordering::Relaxed)))
            };
            read += with(&record(0), &record);
            self.read.store(read, Ordering::Release);
        }
    }

    /// Events lost so far.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// The thread writes no more.
    pub(super) fn leave(&self) {
        self.left.store(true, Ordering::Release); // after the last record
    }

    /// Whether nothing will come any more. To be asked before `drain`.
    pub(super) fn is_left(&self) -> bool {
        self.left.load(Ordering::Acquire)
    }
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    Written,
    /// And the ring became half full: its reader should come.
    HalfFull,
    Lost,
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn record(value: u64) -> Record {
        Record([value; WORDS])
    }

    #[test]
    fn what_has_no_room_is_counted() {
        let ring = Ring::new(4, 0, String::new()).unwrap();
        let push = |value: u64, spare: usize| ring.push([record(value)].into_iter(), 1, spare);
        assert_eq!(push(1, 0), Pushed::Written);
        assert!(!ring.is_half_full());
        assert_eq!(push(2, 0), Pushed::HalfFull);
        assert_eq!(push(3, 1), Pushed::Written);
        assert_eq!(push(4, 1), Pushed::Lost, "one record is spared");
        assert_eq!(push(5, 0), Pushed::Written);
        assert_eq!(push(6, 0), Pushed::Lost);
        assert!(ring.is_half_full());
        let mut seen = Vec::new();
        ring.drain(|record, _| {
            seen.push(record.0[7]);
            1
        });
        assert_eq!((seen, ring.lost()), (vec![1, 2, 3, 5], 2));
        assert_eq!(push(7, 3), Pushed::Written);
    }

    #[test]
    fn a_reader_and_a_writer() {
        let ring = Ring::new(64, 0, String::new()).unwrap();
        let count = if cfg!(miri) { 500 } else { 100_000 };
        let (mut seen, mut sum) = (0, 0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for value in 1..=count {
                    // Two records that belong together.
                    ring.push([record(value), record(value)].into_iter(), 2, 0);
                }
                ring.leave();
            });
            loop {
                let last = ring.is_left();
                ring.drain(|first, at| {
                    assert!(first.0[0] > seen && at(1) == *first, "in order, and whole");
                    assert!(first.0.iter().all(|word| *word == first.0[0]));
                    seen = first.0[0];
                    sum += 1;
                    2
                });
                if last {
                    break;
                }
            }
        });
        assert_eq!(sum + ring.lost(), count);
    }
}
