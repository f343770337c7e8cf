//! The context cache: where contexts of libzstd wait for their next use.
//!
//! Each thread has a slot for the context that it used last. It empties and fills the slot by one atomic swap, so that small calls
//! of many threads do not meet. Behind the slots is a free list with a lock, from which the context that was used least recently
//! goes first. Slots and list are bounded in number and in memory. A reservation raises the bounds of the list for a call or a
//! stream that has counted contexts as its own: at the slow levels a context has 40 MB, and making it anew for each frame takes a
//! seventh of the call's time. If neither the own slot nor the list has a context that will do, another thread's slot may: there
//! are never more contexts than were in use at a time, however many threads come and go.
//!
//! In the child of a fork the lock may be held by a thread that does not exist. The child forgets the list with all that is in it,
//! and makes its own. A context in a slot is in nobody's hands, and stays.

use super::free_list::{Entry, FreeList};
use crate::codec::libzstd::errors;
use crate::error::Result;
use crate::os::fork::{self, ChildHook};
use crate::pool;
use crossbeam_utils::CachePadded;
use std::ops::{Deref, DerefMut};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Places: threads beyond so many share them.
const THREAD_SLOTS: usize = 32;
/// The largest context in a slot: at level 3 each has 1.3 MB.
const LARGEST: usize = 3 << 19;
/// A context that cannot take so many bytes more is not entry.
const WORTH_KEEPING: u64 = 64 << 20;

/// What can be entry.
pub(crate) trait Cached: Sized + Send + 'static {
    /// A new one, if there is memory.
    fn create() -> Option<Self>;
    /// Its memory, in bytes.
    fn size(&self) -> usize;
    /// Makes it as good as new, but for its memory; false: it is not to be used again.
    fn reset(&mut self) -> bool;
    /// Whether it can take `bytes` more.
    fn has_life_for(&self, bytes: u64) -> bool;
    /// Its cache.
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

    /// The largest one that has at most `need` bytes, as a larger one would use more memory than was counted; the calling
    /// thread's own if that will do.
    #[inline]
    fn take(&self, need: usize, bytes: u64) -> Option<Box<Entry<T>>> {
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

    /// One from another thread's slot.
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
    fn put(&self, mut entry: Box<Entry<T>>) {
        entry.size = entry.item.size();
        if !entry.item.has_life_for(WORTH_KEEPING) || !entry.item.reset() {
            return;
        }
        // Who comes next finds what was used last, be it another one than before.
        let other =
            if entry.size <= LARGEST { swap(self.own_slot(), Box::into_raw(entry)) } else { Some(entry) };
        self.put_in_list(other);
    }

    /// Puts one on the cache behind the thread_slots.
    fn put_in_list(&self, entry: Option<Box<Entry<T>>>) {
        let Some(entry) = entry else { return };
        let surplus = self.free_list().map(|mut free_list| free_list.push(entry));
        drop(surplus); // without the lock: freeing memory may take long, and nobody should wait for it
    }

    /// Keeps so many of so many bytes for a call under way, beyond what is entry anyway.
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

    /// The cache behind the thread_slots; `None` if a fork could not be survived: then nothing is entry there.
    fn free_list(&self) -> Option<MutexGuard<'static, FreeList<T>>> {
        // Acquire and release: the free_list's own fields. What is in it is the lock's business.
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
                    // SAFETY: `fresh` came from Box::into_raw just above, and nobody else saw it.
                    drop(unsafe { Box::from_raw(fresh) });
                    other
                }
            };
        }
        // SAFETY: never freed.
        Some(unsafe { &*free_list }.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// See the module. Only a store, as the parent's lock may be in_use.
    pub(crate) fn forget(&self) {
        self.free_list.store(ptr::null_mut(), Ordering::Release);
    }
}

/// Leaves `new`, which came from a box or is null, in a slot.
#[inline]
fn swap<T>(slot: &AtomicPtr<T>, new: *mut T) -> Option<Box<T>> {
    // Relaxed: empty or not, it is right to do nothing. Acquire and release: what is in the box.
    if new.is_null() && slot.load(Ordering::Relaxed).is_null() {
        return None;
    }
    let old = slot.swap(new, Ordering::AcqRel);
    // SAFETY: what is in a slot came from a box, and whoever takes it out is the only one who has it.
    (!old.is_null()).then(|| unsafe { Box::from_raw(old) })
}

/// While it lives, what is counted as somebody's memory stays on the cache between two frames.
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

/// One that is in use; it goes back at the end.
pub(crate) struct InUse<T: Cached>(Option<Box<Entry<T>>>);

impl<T: Cached> InUse<T> {
    /// One for `bytes` more of input that will need at most `need` bytes of memory.
    #[inline]
    pub(crate) fn take(need: usize, bytes: u64) -> Result<Self> {
        let create = || T::create().map(|item| Box::new(Entry { item, size: 0 }));
        match T::cache().take(need, bytes).or_else(create) {
            Some(entry) => Ok(Self(Some(entry))),
            None => Err(errors::no_context()),
        }
    }
}

impl<T: Cached> Deref for InUse<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.as_ref().expect("in_use until dropped").item
    }
}

impl<T: Cached> DerefMut for InUse<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0.as_mut().expect("in_use until dropped").item
    }
}

impl<T: Cached> Drop for InUse<T> {
    fn drop(&mut self) {
        // After a panic nobody knows what it was doing: let it go.
        if let Some(entry) = self.0.take().filter(|_| !std::thread::panicking()) {
            T::cache().put(entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::free_list::{MOST, MOST_BYTES};
    use super::*;
    use std::sync::atomic::AtomicUsize;

    /// Something to keep, which counts how many there are.
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

    /// Brings one back that has become so large.
    fn leave(size: usize) {
        let mut in_use = take(0, 0);
        in_use.size = size;
    }

    /// Takes all that are entry, each at most as large as the one before; returns their sizes.
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
        // Its own first, though it is not the smallest one that fits; then the largest that fits.
        assert_eq!(take(5000, 0).size, 2000);
        let (own, other) = (take(5000, 0), take(5000, 0));
        assert_eq!((own.size, other.size), (2000, 1000));
        drop((other, own));
        // The own one is too large: it makes room for the other one, and is found on the cache.
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
        leave(MOST_BYTES + 1); // not entry
        take(0, 0).life = WORTH_KEEPING - 1; // nor this one
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
        let entry = empty();
        assert_eq!(entry, [MOST_BYTES / 3 + 4, MOST_BYTES / 3 + 3]); // a third of it rounded down, and more
        assert_eq!(ALIVE.load(Ordering::Relaxed), 0);
    }

    /// What a call has counted stays as long as the call.
    #[test]
    fn more_is_kept_for_a_call() {
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        empty();
        let size = MOST_BYTES - 1;
        let three = || (0..3).map(|_| take(usize::MAX, 0)).collect::<Vec<_>>();
        let reservation = THINGS.reserve(2, size);
        three().iter_mut().for_each(|in_use| in_use.size = size);
        assert_eq!(ALIVE.load(Ordering::Relaxed), 3); // two of the call's, and what is entry anyway
        drop(THINGS.reserve(5, size));
        drop(three());
        assert_eq!(ALIVE.load(Ordering::Relaxed), 3);
        drop(reservation);
        assert_eq!(empty(), [size]);
        assert_eq!(ALIVE.load(Ordering::Relaxed), 0);
    }

    /// Threads that share thread_slots: nobody has what somebody else has, and nothing is lost.
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
        let entry = empty().len();
        assert!(entry <= 2 * THREAD_SLOTS, "{entry}"); // as many as there were threads
        assert_eq!(ALIVE.load(Ordering::Relaxed), 0);
    }

    /// One after the other: one is enough for them all.
    #[test]
    fn threads_that_come_and_go() {
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        empty();
        for _ in 0..2 * THREAD_SLOTS {
            std::thread::spawn(|| drop(take(usize::MAX, 0))).join().unwrap();
        }
        assert_eq!(empty(), [1 << 10]);
    }

    /// The lock of a cache is in_use while the process forks: the child does not wait for it.
    #[cfg(unix)]
    #[test]
    fn forked_child_has_its_own_shelf() {
        use super::super::contexts::Compressor;
        drop(InUse::<Compressor>::take(0, 0).unwrap());
        let locked = Compressor::cache().free_list().unwrap();
        // SAFETY: the child takes and returns contexts, and ends by `_exit`; a child that waits is ended by the alarm.
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
