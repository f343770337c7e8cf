//! A barrier for the members of a team: a member that arrives waits for all, and the last one releases them.
//!
//! One word decides:
//!
//! ```text
//! bits 0-15   arrived   members that wait in this phase
//! bits 16-31  members   members that take part; members that have ended do not
//! bit 32      SLEEPING  a member sleeps in this phase
//! bit 33      BROKEN    no member waits any more
//! bits 34-63  phase     counted up when all have arrived
//! ```
//!
//! Orderings: every change is an acquire-release of the one word, so the last member to arrive has seen what
//! all members wrote before they arrived. A member that sees the new phase, or that the barrier is broken,
//! has seen it too.

use crate::sync::{spin_loop, yield_now, AtomicU64, Condvar, Mutex, Ordering, FLAG_LOOK};

const ARRIVED: u64 = 0xffff;
const MEMBERS_SHIFT: u32 = 16;
const MEMBER: u64 = 1 << MEMBERS_SHIFT;
const SLEEPING: u64 = 1 << 32;
const BROKEN: u64 = 1 << 33;
const PHASE: u64 = 1 << 34;

/// Turns of spinning before a member gives its time slice away, and slices given away before it sleeps.
#[cfg(not(loom))]
const SPINS: u32 = 200;
#[cfg(not(loom))]
const YIELDS: u32 = 8;
#[cfg(loom)]
const SPINS: u32 = 0;
#[cfg(loom)]
const YIELDS: u32 = 0;

/// See the module.
#[derive(Debug)]
pub(crate) struct Barrier {
    word: AtomicU64,
    lock: Mutex<()>,
    released: Condvar,
}

/// The barrier is broken: a member failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Broken;

fn phase(word: u64) -> u64 {
    word / PHASE
}

/// The word once the last member has arrived: the next phase, in which none has arrived or sleeps.
fn next_phase(word: u64) -> u64 {
    (word & !(ARRIVED | SLEEPING)).wrapping_add(PHASE)
}

fn complete(word: u64) -> bool {
    word & ARRIVED == (word >> MEMBERS_SHIFT) & 0xffff
}

impl Barrier {
    /// A barrier for `members` members, at most 65,535.
    pub(crate) fn new(members: u32) -> Self {
        debug_assert!(members <= 0xffff);
        Self {
            word: AtomicU64::new(u64::from(members) << MEMBERS_SHIFT),
            lock: Mutex::new(()),
            released: Condvar::new(),
        }
    }

    /// Waits until every member that takes part has arrived. Where `cancelled` is given it is asked now and
    /// then; once it says so the barrier breaks.
    pub(crate) fn wait(&self, cancelled: Option<&dyn Fn() -> bool>) -> Result<(), Broken> {
        if cancelled.is_some_and(|cancelled| cancelled()) {
            self.break_up();
        }
        let mut word = self.word.load(Ordering::Acquire);
        let mine = loop {
            if word & BROKEN != 0 {
                return Err(Broken);
            }
            let arrived = word + 1;
            let last = complete(arrived);
            let next = if last { next_phase(arrived) } else { arrived };
            match self.word.compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(before) if last => {
                    self.wake(before);
                    return Ok(());
                }
                Ok(before) => break phase(before),
                Err(now) => word = now,
            }
        };
        self.wait_for_end_of(mine, cancelled)
    }

    fn wait_for_end_of(&self, mine: u64, cancelled: Option<&dyn Fn() -> bool>) -> Result<(), Broken> {
        for turn in 0..SPINS + YIELDS {
            if let Some(over) = ended(self.word.load(Ordering::Acquire), mine) {
                return over;
            }
            if turn < SPINS {
                spin_loop();
            } else {
                yield_now();
            }
        }
        let mut guard = self.lock.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        loop {
            let mut word = self.word.load(Ordering::Acquire);
            // SLEEPING is set before sleeping, in this phase and no other. The member that ends the phase
            // sees it in the word, and must take the lock, which the sleeper releases only by sleeping.
            while ended(word, mine).is_none() {
                match self.word.compare_exchange_weak(
                    word,
                    word | SLEEPING,
                    Ordering::AcqRel,
                    Ordering::Acquire,
                ) {
                    Ok(_) => break,
                    Err(now) => word = now,
                }
            }
            if let Some(over) = ended(word, mine) {
                return over;
            }
            let Some(cancelled) = cancelled else {
                guard = self.released.wait(guard).unwrap_or_else(|poisoned| poisoned.into_inner());
                continue;
            };
            // A flag in the caller's memory wakes nobody.
            let waited = self.released.wait_timeout(guard, FLAG_LOOK);
            guard = waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0;
            if cancelled() {
                drop(guard); // `break_up` takes the lock
                self.break_up();
                guard = self.lock.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            }
        }
    }

    /// A member ends: the others do not wait for it any more.
    pub(crate) fn leave(&self) {
        let mut word = self.word.load(Ordering::Acquire);
        loop {
            let fewer = word - MEMBER;
            // The others may have been waiting for this member only. But once the barrier is broken no phase
            // ends any more: members that still wait there wait for the member that failed, and must not take
            // its end for its arrival.
            let last = fewer & BROKEN == 0 && fewer & ARRIVED > 0 && complete(fewer);
            let next = if last { next_phase(fewer) } else { fewer };
            match self.word.compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(before) => {
                    if last {
                        self.wake(before);
                    }
                    return;
                }
                Err(now) => word = now,
            }
        }
    }

    /// Whether the barrier is broken, so that no member waits any more. Relaxed: advice.
    pub(crate) fn is_broken(&self) -> bool {
        self.word.load(Ordering::Relaxed) & BROKEN != 0
    }

    /// Releases all members, now and later, with [`Broken`].
    pub(crate) fn break_up(&self) {
        let before = self.word.fetch_or(BROKEN, Ordering::AcqRel);
        self.wake(before);
    }

    fn wake(&self, before: u64) {
        if before & SLEEPING != 0 {
            drop(self.lock.lock());
            self.released.notify_all();
        }
    }
}

/// How the wait of phase `mine` ended, if it has. A phase that was completed counts, even if the team broke
/// afterwards.
fn ended(word: u64, mine: u64) -> Option<Result<(), Broken>> {
    if phase(word) != mine {
        Some(Ok(()))
    } else if word & BROKEN != 0 {
        Some(Err(Broken))
    } else {
        None
    }
}
