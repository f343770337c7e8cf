//! The context cache: where contexts of libzstd wait for their next use.
//!
//! Each thread has a slot for the context that it used last. The thread empties and fills its slot by one
//! atomic swap, so that small calls of many threads do not contend for a lock. Behind the slots is a free
//! list with a lock; the context that was used least recently leaves it first. Slots and list are bounded in
//! number and in memory. A reservation raises the bounds of the list for a call or a stream whose own limits
//! count the contexts already: at the slow levels a context has 40 MB, and making it anew for each frame
//! takes a seventh of the call's time. If neither the thread's slot nor the list has a suitable context,
//! another thread's slot may have one. So there are never more contexts than were in use at the same time,
//! however many threads come and go.
//!
//! In the child of a fork the lock may be held by a thread that does not exist there. The child forgets the
//! list with all that is in it, and makes its own. A context in a slot is used by no thread, and stays.

use super::free_list::{Entry, FreeList};
use crate::os::fork::{self, ChildHook};
use crate::pool;
use crossbeam_utils::CachePadded;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Slots of the cache; beyond so many threads, several share a slot.
const THREAD_SLOTS: usize = 32;
/// The largest context that a slot keeps: at level 3 a context has 1.3 MB.
const LARGEST: usize = 3 << 19;
/// A context that cannot take so many more bytes of input is not cached.
const WORTH_KEEPING: u64 = 64 << 20;

/// What can be cached: a context of libzstd.
pub(crate) trait Cached: Sized + Send + 'static {
    /// A new context, if there is memory.
    fn create() -> Option<Self>;
    /// The context's memory, in bytes.
    fn size(&self) -> usize;
    /// Makes the context as good as new, but keeps its memory; false: it must not be used again.
    fn reset(&mut self) -> bool;
    /// Whether the context can take `bytes` more of input.
    fn has_life_for(&self, bytes: u64) -> bool;
    /// The cache of this kind of context.
    fn cache() -> &'static ContextCache<Self>;
}

/// See the module.
pub(crate) struct ContextCache<T> {
    thread_slots: [CachePadded<AtomicPtr<Entry<T>>>; THREAD_SLOTS],
    free_list: AtomicPtr<Mutex<FreeList<T>>>,
    /// Forgets the free list in a forked child.
    child_hook: &'static ChildHook,
}

impl<T: Cached> ContextCache<T> {
    /// An empty cache, whose `forget` the hook calls.
    pub(crate) const fn new(child_hook: &'static ChildHook) -> Self {
        Self {
            child_hook,
            thread_slots: [const { CachePadded::new(AtomicPtr::new(ptr::null_mut())) }; THREAD_SLOTS],
            free_list: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// A cached context of at most `need` bytes: a larger one would use more memory than the call has
    /// counted. The calling thread's own is preferred, then the largest that fits.
    #[inline]
    pub(super) fn take(&self, need: usize, bytes: u64) -> Option<Box<Entry<T>>> {
        let fits = |entry: &Entry<T>| entry.size <= need && entry.item.has_life_for(bytes);
        let own = swap(self.own_slot(), ptr::null_mut());
        if own.as_ref().is_some_and(|own| fits(own)) {
            return own;
        }
        let mut free_list = self.free_list()?;
        let surplus = own.map(|own| free_list.push(own));
        let found = free_list.take(fits);
        drop(free_list);
        drop(surplus); // without the lock
        found.or_else(|| self.take_elsewhere(fits))
    }

    /// A suitable context from another thread's slot.
    #[cold]
    fn take_elsewhere(&self, fits: impl Fn(&Entry<T>) -> bool) -> Option<Box<Entry<T>>> {
        for slot in &self.thread_slots {
            let Some(entry) = swap(slot, ptr::null_mut()) else { continue };
            if fits(&entry) {
                return Some(entry);
            }
            self.put_in_list(swap(slot, Box::into_raw(entry)));
        }
        None
    }

    #[inline]
    pub(super) fn put(&self, mut entry: Box<Entry<T>>) {
        entry.size = entry.item.size();
        if !entry.item.has_life_for(WORTH_KEEPING) || !entry.item.reset() {
            return;
        }
        // The slot keeps what its thread used last, even if it is another context than before.
        let other =
            if entry.size <= LARGEST { swap(self.own_slot(), Box::into_raw(entry)) } else { Some(entry) };
        self.put_in_list(other);
    }

    /// Puts a context on the free list behind the slots.
    fn put_in_list(&self, entry: Option<Box<Entry<T>>>) {
        let Some(entry) = entry else { return };
        let surplus = self.free_list().map(|mut free_list| free_list.push(entry));
        drop(surplus); // without the lock: freeing memory may take long, and no other thread should wait for that
    }

    /// Keeps `count` contexts of `size` bytes for a call under way, beyond what is cached anyway.
    pub(crate) fn reserve(&'static self, count: usize, size: usize) -> Reservation<T> {
        let bytes = count.saturating_mul(size);
        if let Some(mut free_list) = self.free_list() {
            free_list.reserve(count, bytes);
        }
        Reservation { cache: self, count, bytes }
    }

    /// The calling thread's slot.
    #[inline]
    fn own_slot(&self) -> &AtomicPtr<Entry<T>> {
        &self.thread_slots[pool::thread_number() % THREAD_SLOTS]
    }

    /// The free list behind the slots; `None`: the child hook cannot be registered, so nothing is kept in the
    /// list.
    fn free_list(&self) -> Option<MutexGuard<'static, FreeList<T>>> {
        // Acquire and release: the list's own fields. The entries are protected by the lock.
        let mut free_list = self.free_list.load(Ordering::Acquire);
        if free_list.is_null() {
            fork::on_child(self.child_hook).ok()?;
            let fresh = Box::into_raw(Box::new(Mutex::new(FreeList::new())));
            free_list = match self.free_list.compare_exchange(
                free_list,
                fresh,
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => fresh,
                Err(other) => {
                    // SAFETY: `fresh` came from Box::into_raw just above, and no other thread has seen it.
                    drop(unsafe { Box::from_raw(fresh) });
                    other
                }
            };
        }
        // SAFETY: the list is never freed.
        Some(unsafe { &*free_list }.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// See the module. Only a store: in a forked child the parent's lock may be in use.
    pub(crate) fn forget(&self) {
        self.free_list.store(ptr::null_mut(), Ordering::Release);
    }
}

/// Puts `new`, which came from a box or is null, into a slot, and returns what was there.
#[inline]
fn swap<T>(slot: &AtomicPtr<T>, new: *mut T) -> Option<Box<T>> {
    // Relaxed: whether the slot is empty or not, doing nothing is right. Acquire and release: the box's
    // content.
    if new.is_null() && slot.load(Ordering::Relaxed).is_null() {
        return None;
    }
    let old = slot.swap(new, Ordering::AcqRel);
    // SAFETY: what is in a slot came from a box, and the thread that takes it out is its only owner.
    (!old.is_null()).then(|| unsafe { Box::from_raw(old) })
}

/// While it lives, the contexts that a call has counted stay in the cache between two frames.
pub(crate) struct Reservation<T: Cached> {
    cache: &'static ContextCache<T>,
    count: usize,
    bytes: usize,
}

impl<T: Cached> Drop for Reservation<T> {
    fn drop(&mut self) {
        let surplus = self.cache.free_list().map(|mut free_list| free_list.release(self.count, self.bytes));
        drop(surplus); // without the lock
    }
}

#[cfg(test)]
mod tests {
    use super::super::free_list::{MOST, MOST_BYTES};
    use super::super::in_use::InUse;
    use super::*;
    use std::sync::atomic::AtomicUsize;

    /// A stand-in for a context; `ALIVE` counts how many there are.
    struct Thing {
        size: usize,
        life: u64,
    }

    static FORGET: ChildHook = ChildHook::new(|| THINGS.forget());
    static THINGS: ContextCache<Thing> = ContextCache::new(&FORGET);
    static ALIVE: AtomicUsize = AtomicUsize::new(0);
    /// The tests share the cache.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

    impl Cached for Thing {
        fn create() -> Option<Self> {
            ALIVE.fetch_add(1, Ordering::Relaxed);
            Some(Self { size: 1 << 10, life: u64::MAX })
        }

        fn size(&self) -> usize {
            self.size
        }

        fn reset(&mut self) -> bool {
            true
        }

        fn has_life_for(&self, bytes: u64) -> bool {
            self.life >= bytes
        }

        fn cache() -> &'static ContextCache<Self> {
            &THINGS
        }
    }

    impl Drop for Thing {
        fn drop(&mut self) {
            ALIVE.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn take(need: usize, bytes: u64) -> InUse<Thing> {
        InUse::take(need, bytes).unwrap()
    }

    /// Returns a thing to the cache that has grown to `size` bytes.
    fn leave(size: usize) {
        let mut in_use = take(0, 0);
        in_use.size = size;
    }

    /// Takes all cached things, each at most as large as the one before; returns their sizes.
    fn empty() -> Vec<usize> {
        let mut all = Vec::new();
        while let Some(entry) = THINGS.take(usize::MAX, 0) {
            all.push(entry.size);
        }
        all
    }

    #[test]
    fn the_last_one_is_the_threads_own() {
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        empty();
        leave(1000);
        leave(2000);
        assert_eq!(THINGS.free_list().unwrap().len(), 1);
        // The thread's own first, though it is not the smallest that fits; then the largest that fits.
        assert_eq!(take(5000, 0).size, 2000);
        let (own, other) = (take(5000, 0), take(5000, 0));
        assert_eq!((own.size, other.size), (2000, 1000));
        drop((other, own));
        // The thread's own is too large: it goes to the free list, and the other one is taken.
        assert_eq!(take(1500, 0).size, 1000);
        assert_eq!(empty(), [1000, 2000]);
        assert_eq!(ALIVE.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn large_ones_and_old_ones() {
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        empty();
        leave(LARGEST + 1);
        assert_eq!(THINGS.free_list().unwrap().len(), 1);
        leave(MOST_BYTES + 1); // too large to be cached
        take(0, 0).life = WORTH_KEEPING - 1; // too old to be cached
        assert_eq!(take(usize::MAX, u64::MAX).size, LARGEST + 1);
        assert_eq!(empty(), [LARGEST + 1]);
        assert_eq!(ALIVE.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn bounded_in_number_and_in_memory() {
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        empty();
        let many: Vec<_> = (0..MOST + 10).map(|_| take(0, 0)).collect();
        drop(many);
        assert_eq!(empty().len(), MOST + 1);
        let large: Vec<_> = (0..5).map(|_| take(0, 0)).collect();
        for (index, mut in_use) in large.into_iter().enumerate() {
            in_use.size = MOST_BYTES / 3 + index;
        }
        let cached = empty();
        assert_eq!(cached, [MOST_BYTES / 3 + 4, MOST_BYTES / 3 + 3]); // a third rounded down, and a little more
        assert_eq!(ALIVE.load(Ordering::Relaxed), 0);
    }

    /// Contexts that a call has counted are kept as long as the call.
    #[test]
    fn more_is_kept_for_a_call() {
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        empty();
        let size = MOST_BYTES - 1;
        let three = || (0..3).map(|_| take(usize::MAX, 0)).collect::<Vec<_>>();
        let reservation = THINGS.reserve(2, size);
        three().iter_mut().for_each(|in_use| in_use.size = size);
        assert_eq!(ALIVE.load(Ordering::Relaxed), 3); // two of the call's, and one that is cached anyway
        drop(THINGS.reserve(5, size));
        drop(three());
        assert_eq!(ALIVE.load(Ordering::Relaxed), 3);
        drop(reservation);
        assert_eq!(empty(), [size]);
        assert_eq!(ALIVE.load(Ordering::Relaxed), 0);
    }

    /// Threads that share slots: no context has two users, and none is lost.
    #[test]
    fn many_threads() {
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        empty();
        std::thread::scope(|scope| {
            for thread in 0..2 * THREAD_SLOTS as u64 {
                scope.spawn(move || {
                    for round in 0..1000 {
                        let mut in_use = take(usize::MAX, 0);
                        let mark = u64::MAX - thread;
                        in_use.life = mark;
                        if round % 16 == 0 {
                            std::thread::yield_now();
                        }
                        assert_eq!(in_use.life, mark);
                    }
                });
            }
        });
        let cached = empty().len();
        assert!(cached <= 2 * THREAD_SLOTS, "{cached}"); // at most as many as there were threads
        assert_eq!(ALIVE.load(Ordering::Relaxed), 0);
    }

    /// Threads that run one after the other need one context among them.
    #[test]
    fn threads_that_come_and_go() {
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        empty();
        for _ in 0..2 * THREAD_SLOTS {
            std::thread::spawn(|| drop(take(usize::MAX, 0))).join().unwrap();
        }
        assert_eq!(empty(), [1 << 10]);
    }

    /// The lock of the free list is in use while the process forks: the child does not wait for it.
    #[cfg(unix)]
    #[test]
    fn forked_child_has_its_own_free_list() {
        use super::super::contexts::Compressor;
        drop(InUse::<Compressor>::take(0, 0).unwrap());
        let locked = Compressor::cache().free_list().unwrap();
        // SAFETY: the child takes and returns contexts, and ends by `_exit`; a child that waits is ended by
        // the alarm.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // SAFETY: as above.
            unsafe { libc::alarm(20) };
            drop((InUse::<Compressor>::take(0, 0), InUse::<Compressor>::take(0, 0)));
            // SAFETY: as above.
            unsafe { libc::_exit(0) }
        }
        drop(locked);
        let mut status = -1;
        // SAFETY: waits for the child made above.
        assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
        assert_eq!(status, 0);
    }
}
