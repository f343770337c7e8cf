//! The gate of a job: it lets helpers enter, counts those inside, and lets the caller wait until it is empty.
//!
//! A job lives on its caller's stack; the gate does not. Helpers hold a reference to the gate, and touch the
//! job only between [`Gate::enter`] and [`Gate::leave`]. A helper that comes after [`Gate::close`] finds the
//! gate closed and goes, or finds the next job that the same caller has opened since, and helps with that
//! one: gates are reused.
//!
//! One word holds everything that decides, so that no step can be seen half done:
//!
//! ```text
//! bit 0       OPEN      a job is published
//! bit 1       WAITING   a thread sleeps until the gate is empty
//! bits 2-15   inside    helpers between enter and leave
//! bits 16-31  entered   helpers that have entered this job so far
//! bits 32-46  limit     the most helpers that may enter
//! bit 47      LARGE     lingering helpers should come at once
//! bits 48-63  turn      counts the jobs of this gate
//! ```
//!
//! Orderings. `open` releases the job's fields, and `enter` acquires them through the word that it changes; a
//! compare that succeeds on a later job's equal word acquires that later job. `leave` releases what the
//! helper wrote, and `close` or the waiting loop acquires it: what callbacks wrote is visible to the caller
//! when the call returns. These need the word only; `job` itself is read after a successful `enter`, so
//! relaxed is enough for it.
//!
//! A thread that has added a task to a group looks whether helpers are inside or on their way, and a helper
//! looks for tasks after it has arrived, or has left. These steps, and those at the queue, are sequentially
//! consistent: either the helper sees the task, or the other thread that the helper is gone.

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
/// The bits that tell which job there is, and whether it is open.
const JOB_MASK: u64 = OPEN | TURN_MASK;

/// The most helpers that a gate can count.
pub(crate) const MAX_HELPERS: u32 = 0x3fff;

/// Turns of spinning of the waiting thread before it first counts idle CPUs: about two microseconds.
#[cfg(not(loom))]
const SPINS: u32 = 60;
/// Turns of spinning between two looks from then on: about a quarter of a microsecond.
const PAUSE: u32 = 16;
/// Looks before the waiting thread gives its time slice away, and slices given away before it sleeps.
/// Together they take twice as long as waking a thread, 50 us on a virtual machine: so waiting costs at most
/// three times the best choice.
#[cfg(not(loom))]
const WAIT_LOOKS: u32 = 64;
#[cfg(not(loom))]
const YIELDS: u32 = 6;
/// Looks of a helper that waits for the next job: while its caller runs the last chunk of this one, and
/// afterwards.
const LAST_CHUNK_LOOKS: u32 = 400;
const LINGER_LOOKS: u32 = 128;
/// Looks at the gate for each count of idle CPUs.
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

/// See the module. `J` is the type of the published job.
#[derive(Debug)]
pub(crate) struct Gate<J> {
    word: AtomicU64,
    job: AtomicPtr<J>,
    /// How often the gate was opened. Written before the word, by its owner; exact for the threads inside.
    opened: AtomicU64,
    /// Helpers on their way.
    coming: AtomicU32,
    /// The pool's idle-CPU monitor knows this gate, and will send a helper when a CPU is idle.
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
            opened: AtomicU64::new(0),
            coming: AtomicU32::new(0),
            watched: AtomicBool::new(false),
            lock: Mutex::new(()),
            emptied: Condvar::new(),
        }
    }

    /// Publishes `job` for at most `limit` helpers; `large`: the job takes longer than a lingering helper
    /// needs to come. The gate is closed and empty, and only its owner opens it.
    pub(crate) fn open(&self, job: *const J, limit: u32, large: bool) {
        debug_assert!(limit <= MAX_HELPERS);
        // Relaxed: both are published by the release below, and only the owner of a closed and empty gate
        // writes to its word.
        self.job.store(job.cast_mut(), Ordering::Relaxed);
        self.opened.store(self.opened() + 1, Ordering::Relaxed);
        let turn = self.word.load(Ordering::Relaxed).wrapping_add(TURN_ONE) & TURN_MASK;
        let large = if large { LARGE } else { 0 };
        self.word.store(OPEN | u64::from(limit) << LIMIT_SHIFT | large | turn, Ordering::Release);
    }

    /// Enters, if the gate is open, and fewer helpers than its limit and than `most` have entered: returns
    /// the job, and a number 1, 2, ... that no other helper of the job has. The job stays valid until
    /// [`Gate::leave`].
    pub(crate) fn enter(&self, most: u32) -> Option<(*const J, u32)> {
        let mut word = self.word.load(Ordering::Relaxed); // only a guess: the exchange decides
        loop {
            let entered = (word >> ENTERED_SHIFT) & 0xffff;
            if word & OPEN == 0 || entered >= ((word >> LIMIT_SHIFT) & LIMIT_MASK).min(u64::from(most)) {
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

    /// Tells the job from all others of this gate; the caller is inside.
    pub(crate) fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// Comes in once more, to the job that `opened` tells.
    pub(crate) fn enter_same(&self, opened: u64) -> Option<*const J> {
        if !self.enter_again() {
            return None;
        }
        if self.opened() != opened {
            self.leave();
            return None;
        }
        Some(self.job.load(Ordering::Relaxed))
    }

    /// Comes in once more, under the number that an earlier [`Gate::enter`] of this job gave; false if the
    /// gate is closed.
    pub(crate) fn enter_again(&self) -> bool {
        let inside = |word: u64| (word & OPEN != 0).then_some(word + INSIDE_ONE);
        // Acquire: as in `enter`.
        self.word.fetch_update(Ordering::Acquire, Ordering::Relaxed, inside).is_ok()
    }

    /// Leaves, after [`Gate::enter`] gave a job. The job must not be touched any more.
    pub(crate) fn leave(&self) {
        // Release: what this helper wrote. Acquire: the last to leave may be the thread that finishes a
        // background job. Sequentially consistent: see the module.
        let before = self.word.fetch_sub(INSIDE_ONE, Ordering::SeqCst);
        if before & INSIDE_MASK == INSIDE_ONE && before & WAITING != 0 {
            // The sleeper set WAITING under the lock and sleeps with the lock released: it cannot miss this.
            drop(self.lock.lock());
            self.emptied.notify_all();
        }
    }

    /// Lets no helper enter any more.
    pub(crate) fn close(&self) {
        // Acquire: if the gate is empty, the helpers' writes arrive here.
        self.word.fetch_and(!OPEN, Ordering::Acquire);
    }

    /// Whether the gate is empty; if so, everything that helpers wrote is visible.
    pub(crate) fn is_empty(&self) -> bool {
        self.word.load(Ordering::Acquire) & INSIDE_MASK == 0
    }

    /// Waits until the gate is empty: spins for a moment, while `cpus` says that the machine is not
    /// oversubscribed, then sleeps.
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
        // Under the lock: the last helper to leave after this sees WAITING and has to take the lock to
        // notify.
        while self.word.fetch_or(WAITING, Ordering::AcqRel) & INSIDE_MASK != 0 {
            guard = self.emptied.wait(guard).unwrap_or_else(|poisoned| poisoned.into_inner());
        }
        self.word.fetch_and(!WAITING, Ordering::Relaxed); // under the lock, so no signal is lost
    }

    /// Waits a moment for the job after `served`, without giving the CPU away, while `cpu` says that there is
    /// one to spare: when loops follow each other closely, the helper is there when it is needed. True when
    /// the next job is large, or has been open for some time. A shorter job is left alone, because a helper
    /// would take the caller's cache lines away.
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

    /// A helper on its way to the job after `served` gives up. True if that job is open and no other helper
    /// is on its way: then this helper must go there after all.
    pub(crate) fn give_up(&self, served: u64) -> bool {
        self.ticket_arrived(); // acquires the job of a caller that relied on this helper
        let job = self.job_word();
        job & OPEN != 0 && job != served | OPEN && self.claim_ticket(1)
    }

    /// The bits of [`JOB_MASK`]. Relaxed: `enter` looks again.
    fn job_word(&self) -> u64 {
        self.word.load(Ordering::Relaxed) & JOB_MASK
    }

    /// Tells jobs of this gate apart. Relaxed: a caller that needs to be sure compares the whole word.
    pub(crate) fn turn(&self) -> u64 {
        self.word.load(Ordering::Relaxed) & TURN_MASK
    }

    /// Whether a job is open.
    pub(crate) fn is_open(&self) -> bool {
        self.word.load(Ordering::Acquire) & OPEN != 0
    }

    /// True if the calling thread must tell the idle-CPU monitor of this gate: the monitor does not know the
    /// gate. Exchanged on both sides, as for tickets: a monitor that forgets the gate afterwards sees it
    /// open.
    pub(crate) fn claim_watch(&self) -> bool {
        !self.watched.swap(true, Ordering::AcqRel)
    }

    /// Whether the idle-CPU monitor knows the gate.
    pub(crate) fn is_watched(&self) -> bool {
        self.watched.load(Ordering::SeqCst)
    }

    /// The monitor forgets the gate; it checks after this whether the gate is open.
    pub(crate) fn end_watch(&self) {
        self.watched.swap(false, Ordering::SeqCst);
    }

    /// True if the calling thread must send a helper: fewer than `most` are on their way.
    pub(crate) fn claim_ticket(&self, most: u32) -> bool {
        let mut coming = 1; // a guess: one helper often lingers, and looking first would fetch the cache line twice
        loop {
            let more = u32::from(coming < most);
            // A caller that is told that helpers are on their way relies on them: they must see what it has
            // opened, or left to do. So both sides exchange, even for the same number: if this exchange is
            // first, the helper's acquires what this one releases.
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

    /// A helper that was sent has arrived, and enters next.
    pub(crate) fn ticket_arrived(&self) {
        self.coming.fetch_sub(1, Ordering::SeqCst);
    }

    /// Helpers on their way. A caller of a loop, which adds nothing to a queue, uses [`Gate::claim_ticket`].
    pub(crate) fn coming(&self) -> u32 {
        self.coming.load(Ordering::SeqCst)
    }

    /// Helpers inside.
    pub(crate) fn inside(&self) -> u32 {
        ((self.word.load(Ordering::SeqCst) & INSIDE_MASK) / INSIDE_ONE) as u32
    }

    /// How many more may enter, `most` in total. Relaxed: advice, and right about the job of whoever is
    /// inside or has opened it.
    pub(crate) fn vacancies(&self, most: u32) -> u32 {
        let word = self.word.load(Ordering::Relaxed);
        let limit = ((word >> LIMIT_SHIFT) & LIMIT_MASK) as u32;
        limit.min(most).saturating_sub((word >> ENTERED_SHIFT) as u32 & 0xffff)
    }
}
