//! The gate of a job: who may come in, who is inside, and how the caller waits for the last one out.
//!
//! A job lives on its caller's stack; the gate does not. Helpers hold a reference to the gate, and touch the job only
//! between [`Gate::enter`] and [`Gate::leave`]. A helper that comes after [`Gate::close`] finds the gate closed and goes,
//! or finds the next job that the same caller has opened since, and helps with that one: gates are reused.
//!
//! Everything that decides is one word, so that no two steps can be seen half done:
//!
//! ```text
//! bit 0       OPEN      a job is published
//! bit 1       WAITING   somebody sleeps until the gate is empty
//! bits 2-15   inside    helpers between enter and leave
//! bits 16-31  entered   helpers that ever entered this job
//! bits 32-46  limit     how many may enter
//! bit 47      LARGE     helpers that wait nearby shall come at once
//! bits 48-63  turn      counts the jobs of this gate
//! ```
//!
//! Orderings. `open` releases the job's fields, and `enter` acquires them through the word it changes; a compare that
//! succeeds on a later job's equal word acquires that later job. `leave` releases what the helper wrote, and `close` or the
//! waiting loop acquires it: what callbacks wrote is visible to the caller when the call returns. The word is the only
//! thing that these need; `job` itself is read after a successful `enter`, so relaxed is enough for it.

use crate::sync::{
    spin_loop, yield_now, AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Condvar, Mutex, Ordering,
};

const OPEN: u64 = 1;
const WAITING: u64 = 1 << 1;
const INSIDE_ONE: u64 = 1 << 2;
const INSIDE_MASK: u64 = 0x3fff << 2;
const ENTERED_ONE: u64 = 1 << 16;
const ENTERED_SHIFT: u32 = 16;
const LIMIT_SHIFT: u32 = 32;
const LIMIT_MASK: u64 = 0x7fff;
const LARGE: u64 = 1 << 47;
const TURN_ONE: u64 = 1 << 48;
const TURN_MASK: u64 = 0xffff << 48;
/// Which job, and whether it is open.
const JOB_MASK: u64 = OPEN | TURN_MASK;

/// The most helpers that a gate can count.
pub(crate) const MAX_HELPERS: u32 = 0x3fff;

/// Turns of spinning of the waiting thread before it looks at the rest of the machine: about two microseconds.
#[cfg(not(loom))]
const SPINS: u32 = 60;
/// Turns of spinning between two looks from then on: about a quarter of a microsecond.
const PAUSE: u32 = 16;
/// Looks before the waiting thread gives its time slice away, and slices given away before it sleeps. Together they take twice
/// as long as waking a thread up, 50 us on a virtual machine: so waiting costs at most three times the best that could have been
/// chosen.
#[cfg(not(loom))]
const WAIT_LOOKS: u32 = 64;
#[cfg(not(loom))]
const YIELDS: u32 = 6;
/// Looks of a helper that waits for the next job: while its caller is busy with the last chunk of this one, and afterwards.
const LAST_CHUNK_LOOKS: u32 = 400;
const LINGER_LOOKS: u32 = 128;
/// Looks at the gate for one at the rest of the machine.
const LOOKS: u32 = 8;

#[cfg(loom)]
const SPINS: u32 = 0;
#[cfg(loom)]
const WAIT_LOOKS: u32 = 0;
#[cfg(loom)]
const YIELDS: u32 = 0;

fn pause() {
    for _ in 0..PAUSE {
        spin_loop();
    }
}

/// See the module. `J` is what is published.
#[derive(Debug)]
pub(crate) struct Gate<J> {
    word: AtomicU64,
    job: AtomicPtr<J>,
    /// Helpers on their way.
    coming: AtomicU32,
    /// The pool's idle-CPU monitor knows of this gate, and sends a helper when there is a cpu for it.
    watched: AtomicBool,
    lock: Mutex<()>,
    emptied: Condvar,
}

impl<J> Gate<J> {
    /// A closed, empty gate.
    pub(crate) fn new() -> Self {
        Self {
            word: AtomicU64::new(0),
            job: AtomicPtr::new(std::ptr::null_mut()),
            coming: AtomicU32::new(0),
            watched: AtomicBool::new(false),
            lock: Mutex::new(()),
            emptied: Condvar::new(),
        }
    }

    /// Publishes `job` for at most `limit` helpers; `large`: it is not over before one that waits nearby can come. The gate is
    /// closed and empty, and only its owner opens it.
    pub(crate) fn open(&self, job: *const J, limit: u32, large: bool) {
        debug_assert!(limit <= MAX_HELPERS);
        self.job.store(job.cast_mut(), Ordering::Relaxed); // published by the release below
                                                           // Relaxed: nobody else writes to the word of a closed and empty gate.
        let turn = self.word.load(Ordering::Relaxed).wrapping_add(TURN_ONE) & TURN_MASK;
        let large = if large { LARGE } else { 0 };
        self.word.store(OPEN | u64::from(limit) << LIMIT_SHIFT | large | turn, Ordering::Release);
    }

    /// Comes in, if the gate is open and not full: the job, and a number 1, 2, ... that no other helper of it has.
    /// The job stays valid until [`Gate::leave`].
    pub(crate) fn enter(&self) -> Option<(*const J, u32)> {
        let mut word = self.word.load(Ordering::Relaxed); // only a guess: the exchange decides
        loop {
            let entered = (word >> ENTERED_SHIFT) & 0xffff;
            if word & OPEN == 0 || entered >= (word >> LIMIT_SHIFT) & LIMIT_MASK {
                return None;
            }
            // Acquire: the job's fields, released by `open`.
            match self.word.compare_exchange_weak(
                word,
                word + ENTERED_ONE + INSIDE_ONE,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Some((self.job.load(Ordering::Relaxed), entered as u32 + 1)),
                Err(now) => word = now,
            }
        }
    }

    /// Comes in once more, under the number that an earlier [`Gate::enter`] of this job gave; false if the gate is closed.
    pub(crate) fn enter_again(&self) -> bool {
        let inside = |word: u64| (word & OPEN != 0).then_some(word + INSIDE_ONE);
        // Acquire: as in `enter`.
        self.word.fetch_update(Ordering::Acquire, Ordering::Relaxed, inside).is_ok()
    }

    /// Goes out, after [`Gate::enter`] gave a job. The job must not be touched any more.
    pub(crate) fn leave(&self) {
        // Release: what this helper wrote. Acquire: the last one out may be the one who finishes a job for all.
        let before = self.word.fetch_sub(INSIDE_ONE, Ordering::AcqRel);
        if before & INSIDE_MASK == INSIDE_ONE && before & WAITING != 0 {
            // The sleeper set WAITING under the lock and sleeps with the lock released: it cannot miss this.
            drop(self.lock.lock());
            self.emptied.notify_all();
        }
    }

    /// Lets nobody in any more.
    pub(crate) fn close(&self) {
        // Acquire: if nobody is inside, this is where the helpers' writes arrive.
        self.word.fetch_and(!OPEN, Ordering::Acquire);
    }

    /// Whether nobody is inside; if so, everything that helpers wrote is visible.
    pub(crate) fn is_empty(&self) -> bool {
        self.word.load(Ordering::Acquire) & INSIDE_MASK == 0
    }

    /// Waits until nobody is inside: spinning while there are `cpus` for all, for a moment, then sleeping.
    pub(crate) fn wait_empty(&self, cpus: impl Fn() -> bool) {
        for _ in 0..SPINS {
            if self.is_empty() {
                return;
            }
            spin_loop();
        }
        for _ in 0..YIELDS {
            for look in 0..WAIT_LOOKS {
                if self.is_empty() {
                    return;
                }
                if look % LOOKS == 0 && !cpus() {
                    break;
                }
                pause();
            }
            yield_now();
        }
        let mut guard = self.lock.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        // Under the lock: whoever leaves last after this sees WAITING and has to take the lock to notify.
        while self.word.fetch_or(WAITING, Ordering::AcqRel) & INSIDE_MASK != 0 {
            guard = self.emptied.wait(guard).unwrap_or_else(|poisoned| poisoned.into_inner());
        }
        self.word.fetch_and(!WAITING, Ordering::Relaxed); // under the lock, so nobody's signal is lost
    }

    /// Waits a moment for the job after `served`, without giving the CPU away, as long as there is a `cpu` for it:
    /// where loops follow each other closely, the helper is there when it is needed. True when the next job is large, or has been
    /// there for some time. One that is over sooner is better left alone: who comes to help takes the caller's cache lines away.
    pub(crate) fn linger(&self, served: u64, cpu: impl Fn() -> bool) -> bool {
        let (mut last_chunk, mut closed, mut seen) = (0, 0, 0);
        while last_chunk < LAST_CHUNK_LOOKS && closed < LINGER_LOOKS {
            if (last_chunk + closed) % LOOKS == 0 && !cpu() {
                return false;
            }
            pause();
            let word = self.word.load(Ordering::Relaxed); // `enter` looks again
            let job = word & JOB_MASK;
            if job == served | OPEN {
                last_chunk += 1;
                continue;
            }
            if job & OPEN != 0 && (job == seen || word & LARGE != 0) {
                return true;
            }
            seen = job;
            closed += 1;
        }
        false
    }

    /// A helper on its way to the job after `served` gives up; true if that job is there and nobody else is on the way: it goes
    /// there after all.
    pub(crate) fn give_up(&self, served: u64) -> bool {
        self.ticket_arrived(); // acquires the job of whoever relied on this helper
        let job = self.job_word();
        job & OPEN != 0 && job != served | OPEN && self.claim_ticket(1)
    }

    /// Which job, and whether it is open. Relaxed: `enter` looks again.
    fn job_word(&self) -> u64 {
        self.word.load(Ordering::Relaxed) & JOB_MASK
    }

    /// Tells a job from the one before it. Relaxed: whoever needs to be sure looks at the whole word.
    pub(crate) fn turn(&self) -> u64 {
        self.word.load(Ordering::Relaxed) & TURN_MASK
    }

    /// Whether there is a job.
    pub(crate) fn is_open(&self) -> bool {
        self.word.load(Ordering::Acquire) & OPEN != 0
    }

    /// True for the one who shall tell the idle-CPU monitor of this gate: it does not know it. Exchanged on both sides, as for tickets:
    /// a idle-CPU monitor that forgets the gate afterwards sees it open.
    pub(crate) fn claim_watch(&self) -> bool {
        !self.watched.swap(true, Ordering::AcqRel)
    }

    /// The idle-CPU monitor forgets the gate; it looks whether it is open after this.
    pub(crate) fn end_watch(&self) {
        self.watched.swap(false, Ordering::AcqRel);
    }

    /// True for the one who shall send a helper: fewer than `most` are on their way.
    pub(crate) fn claim_ticket(&self, most: u32) -> bool {
        let mut coming = 1; // a guess, as one lingers often: looking first would fetch the cache line twice
        loop {
            let more = u32::from(coming < most);
            // Who is told that helpers are on their way relies on it: they must find what was opened, or left to do, before.
            // So both sides exchange, be it for the same number: if this comes first, the helper's exchange acquires what
            // this one releases.
            match self.coming.compare_exchange_weak(
                coming,
                coming + more,
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => return more == 1,
                Err(now) => coming = now,
            }
        }
    }

    /// A helper that was sent has arrived, and comes in next.
    pub(crate) fn ticket_arrived(&self) {
        self.coming.fetch_sub(1, Ordering::AcqRel);
    }

    /// Helpers on their way. Relaxed: whoever relies on them asks by [`Gate::claim_ticket`].
    pub(crate) fn coming(&self) -> u32 {
        self.coming.load(Ordering::Relaxed)
    }

    /// How many more may come in. Relaxed: advice, and right about the job of whoever is inside or has opened it.
    pub(crate) fn vacancies(&self) -> u32 {
        let word = self.word.load(Ordering::Relaxed);
        (((word >> LIMIT_SHIFT) & LIMIT_MASK) - ((word >> ENTERED_SHIFT) & 0xffff)) as u32
    }
}
