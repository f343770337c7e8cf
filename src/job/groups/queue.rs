//! The waiting tasks of a lane: its own thread takes the newest, others take the oldest.
//!
//! Tasks are numbered, in 64 bits, which no program counts through. Those from `head` up to `tail` wait, in a
//! ring. The lane's thread adds and takes at the tail without a lock; others take at the head, under the
//! lock. Where both want the last tasks, each first moves its own end over what it wants, and then looks at
//! the other end. These steps are sequentially consistent, so whoever is later sees the earlier claim: others
//! then give theirs back, and the lane's thread asks for the lock, under which nobody moves the head. (The
//! protocol of Cilk-5: M. Frigo, C. Leiserson, K. Randall, "The implementation of the Cilk-5 multithreaded
//! language", PLDI 1998.)
//!
//! Others read a task after the head has passed it. So the lane's thread uses a slot again only up to `room`,
//! which it works out under the lock, when all of them have read.
//!
//! Threads of a loop in a task add to a list of its own, under the lock. The lane's thread, which is in that
//! loop meanwhile, moves it to the ring before it takes a task again.

use crate::error::{Error, ErrorKind, Result};
use crate::sync::{fence_for_loom, AtomicU64, AtomicUsize, Mutex, MutexGuard, Ordering};
use crossbeam_utils::CachePadded;
use std::cell::{Cell, UnsafeCell};
use std::collections::VecDeque;
use std::mem::MaybeUninit;
use std::sync::PoisonError;

/// The most tasks that one look takes from another lane.
const MOST_TAKEN: usize = 32;
/// Room is made for so many tasks at once, and for a quarter of those that wait.
const ROOM: usize = if cfg!(loom) { 2 } else { 64 };

/// See the module. `Q` is a task.
pub(super) struct Queue<Q> {
    own: CachePadded<Own<Q>>,
    /// The number of the oldest task. Written under the lock.
    head: CachePadded<AtomicU64>,
    lock: Mutex<Locked<Q>>,
    /// Tasks in `Locked::added`. Relaxed: advice, and right for the lane's thread, as a loop that has ended
    /// publishes what its threads did.
    added: AtomicUsize,
    /// Others may take tasks.
    shared: bool,
}

/// What the lane's thread writes; without the lock where nothing else is said.
struct Own<Q> {
    /// The number that the next task will have.
    tail: AtomicU64,
    /// Where in `slots` that task will be.
    slot: Cell<usize>,
    /// The slots are free up to the task of this number.
    room: Cell<u64>,
    /// The ring. It grows under the lock, so others read it under the lock.
    slots: UnsafeCell<Vec<Slot<Q>>>,
}

type Slot<Q> = UnsafeCell<MaybeUninit<Q>>;

/// What is used under the lock.
struct Locked<Q> {
    /// Where the task of number `head` is.
    slot: usize,
    /// Tasks that other threads have added.
    added: VecDeque<Q>,
}

// SAFETY: cells are used as their comments say: by the lane's thread, or under the lock.
unsafe impl<Q: Send> Sync for Queue<Q> {}
// SAFETY: as above.
unsafe impl<Q: Send> Send for Queue<Q> {}

impl<Q: Copy> Queue<Q> {
    /// `shared`: other threads take tasks.
    pub(super) fn new(shared: bool) -> Self {
        let own = Own {
            tail: AtomicU64::new(0),
            slot: Cell::new(0),
            room: Cell::new(0),
            slots: UnsafeCell::new(Vec::new()),
        };
        Self {
            own: CachePadded::new(own),
            head: CachePadded::new(AtomicU64::new(0)),
            lock: Mutex::new(Locked { slot: 0, added: VecDeque::new() }),
            added: AtomicUsize::new(0),
            shared,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Locked<Q>> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a task waits: advice.
    pub(super) fn may_have_tasks(&self) -> bool {
        let (head, tail) = (self.head.load(Ordering::Relaxed), self.own.tail.load(Ordering::Relaxed));
        tail > head || self.added.load(Ordering::Relaxed) > 0
    }

    /// Whether a task waits. A thread that adds one from now on sees, where it looks sequentially consistent,
    /// what the calling thread wrote so before this.
    pub(super) fn has_tasks(&self) -> bool {
        let locked = self.lock();
        fence_for_loom();
        self.own.tail.load(Ordering::SeqCst) > self.head.load(Ordering::Relaxed) || !locked.added.is_empty()
    }

    /// The number that the next task will have: what is added from now on has at least this, as long as the
    /// lane's own thread takes no task with a lower number. For the lane's thread.
    pub(super) fn top(&self) -> u64 {
        self.own.tail.load(Ordering::Relaxed)
    }

    /// Makes room for `more` tasks.
    ///
    /// # Safety
    /// For the lane's thread.
    #[inline]
    pub(super) unsafe fn reserve(&self, more: usize) -> Result<()> {
        if self.own.room.get() - self.top() >= more as u64 {
            return Ok(());
        }
        // SAFETY: the caller's promise.
        unsafe { self.make_room(more) }
    }

    /// The same, where there seems to be none.
    ///
    /// # Safety
    /// For the lane's thread.
    #[cold]
    unsafe fn make_room(&self, more: usize) -> Result<()> {
        let mut locked = self.lock();
        // SAFETY: under the lock, and by the only thread that uses the ring without it.
        let slots = unsafe { &mut *self.own.slots.get() };
        let head = self.head.load(Ordering::Relaxed);
        let (waiting, had) = ((self.top() - head) as usize, slots.len());
        if had - waiting < more {
            crate::memory::check()?; // tasks alone must not use up the reserve
            slots.try_reserve_exact(more.max(ROOM).max(waiting / 4)).map_err(|_| no_memory())?;
            // SAFETY: slots without a value are valid.
            unsafe { slots.set_len(slots.capacity()) };
            if locked.slot + waiting > had {
                // The tasks from the head to the old end of the ring go to its new end.
                let moved = had - locked.slot;
                let to = slots.len() - moved;
                // SAFETY: both are within the ring, and `ptr::copy` allows that they overlap.
                unsafe {
                    let all = slots.as_mut_ptr();
                    std::ptr::copy(all.add(locked.slot), all.add(to), moved);
                }
                locked.slot = to;
            }
            let slot = locked.slot + waiting;
            self.own.slot.set(if slot >= slots.len() { slot - slots.len() } else { slot });
        }
        self.own.room.set(head + slots.len() as u64);
        Ok(())
    }

    /// Adds tasks, for which there is room.
    ///
    /// # Safety
    /// For the lane's thread.
    #[inline(always)]
    pub(super) unsafe fn push(&self, tasks: impl IntoIterator<Item = Q>) {
        // SAFETY: this is the lane's thread, the only one that could change the ring.
        let slots = unsafe { &*self.own.slots.get() };
        let (mut slot, mut tail) = (self.own.slot.get(), self.top());
        for task in tasks {
            debug_assert!(tail < self.own.room.get());
            // SAFETY: a slot without a task, which nobody reads (see `room`).
            unsafe { (*slots[slot].get()).write(task) };
            slot = if slot + 1 == slots.len() { 0 } else { slot + 1 };
            tail += 1;
        }
        self.own.slot.set(slot);
        self.move_tail(tail);
    }

    /// Publishes the tasks before `tail`, or claims those after it.
    #[inline]
    fn move_tail(&self, tail: u64) {
        if self.shared {
            self.own.tail.swap(tail, Ordering::SeqCst); // cheaper than a store and a fence
            fence_for_loom();
        } else {
            self.own.tail.store(tail, Ordering::Release);
        }
    }

    /// Adds a task from another thread, while the lane's thread is in a loop.
    pub(super) fn push_from_elsewhere(&self, task: Q) -> Result<()> {
        let mut locked = self.lock();
        if locked.added.capacity() == locked.added.len() {
            crate::memory::check()?;
            let room = ROOM.max(locked.added.len() / 4);
            locked.added.try_reserve_exact(room).map_err(|_| no_memory())?;
        }
        locked.added.push_back(task);
        self.added.store(locked.added.len(), Ordering::Relaxed);
        Ok(())
    }

    /// The newest task, if its number is `mark` or more; with its number.
    ///
    /// # Safety
    /// For the lane's thread.
    #[inline(always)]
    pub(super) unsafe fn pop(&self, mark: u64) -> Option<(Q, u64)> {
        if self.added.load(Ordering::Relaxed) > 0 {
            // SAFETY: the caller's promise.
            if let Some(task) = unsafe { self.collect() } {
                return Some((task, self.top()));
            }
        }
        let tail = self.top();
        // Without a look at the head, which may be a claim that is given back: this thread would leave, and
        // its task be left.
        if tail <= mark {
            return None;
        }
        let number = tail - 1;
        self.move_tail(number);
        if self.shared && self.head.load(Ordering::SeqCst) > number && !self.keeps(number) {
            return None;
        }
        // SAFETY: this is the lane's thread, the only one that could change the ring.
        let slots = unsafe { &*self.own.slots.get() };
        let slot = self.own.slot.get();
        let slot = if slot == 0 { slots.len() - 1 } else { slot - 1 };
        self.own.slot.set(slot);
        // SAFETY: a task was written there, and is claimed by this thread.
        Some((unsafe { (*slots[slot].get()).assume_init() }, number))
    }

    /// Whether the lane's thread has the task that it has claimed, and others may have claimed too.
    #[cold]
    fn keeps(&self, number: u64) -> bool {
        let _locked = self.lock();
        let keeps = self.head.load(Ordering::Relaxed) <= number;
        if !keeps {
            // Nothing is left. Release: as every value of the tail.
            self.own.tail.store(number + 1, Ordering::Release);
        }
        keeps
    }

    /// Moves what other threads have added to the ring. The result is a task for which the system has no
    /// memory.
    ///
    /// # Safety
    /// For the lane's thread.
    #[cold]
    unsafe fn collect(&self) -> Option<Q> {
        // SAFETY: the caller's promise; others only take tasks, so the number can only fall.
        let room = unsafe { self.reserve(self.added.load(Ordering::Relaxed)) };
        let mut locked = self.lock();
        let alone = room.is_err().then(|| locked.added.pop_back()).flatten();
        if room.is_ok() {
            // SAFETY: as above; room was made, and the lock is not taken again.
            unsafe { self.push(locked.added.drain(..)) };
        }
        self.added.store(locked.added.len(), Ordering::Relaxed);
        alone
    }

    /// Takes the older half of the tasks, up to `most`, and gives each to `with`, the oldest first.
    pub(super) fn take_old(&self, most: usize, mut with: impl FnMut(Q)) {
        let mut locked = self.lock();
        let head = self.head.load(Ordering::Relaxed);
        let asked = self.own.tail.load(Ordering::Relaxed).saturating_sub(head).div_ceil(2).min(most as u64);
        let mut count = asked;
        if asked > 0 {
            self.head.swap(head + asked, Ordering::SeqCst); // no plain store: see the fence
            fence_for_loom();
            // It also acquires the tasks: each value of the tail releases those before it.
            count = asked.min(self.own.tail.load(Ordering::SeqCst).saturating_sub(head));
            if count < asked {
                // Relaxed: the lane's thread has claimed them, and looks again under the lock.
                self.head.store(head + count, Ordering::Relaxed);
            }
        }
        // SAFETY: under the lock.
        let slots = unsafe { &*self.own.slots.get() };
        for _ in 0..count {
            // SAFETY: a task was written there, and is claimed by this thread.
            with(unsafe { (*slots[locked.slot].get()).assume_init() });
            locked.slot = if locked.slot + 1 == slots.len() { 0 } else { locked.slot + 1 };
        }
        if count == 0 && !locked.added.is_empty() {
            let half = locked.added.len().div_ceil(2).min(most);
            locked.added.drain(..half).for_each(with);
            self.added.store(locked.added.len(), Ordering::Relaxed);
        }
    }

    /// As many as `take_old` should take at the most.
    pub(super) const MOST: usize = MOST_TAKEN;
}

#[cold]
fn no_memory() -> Error {
    // A static text takes no memory.
    Error::new(ErrorKind::OutOfMemory, "the system has no memory for one more task")
}
