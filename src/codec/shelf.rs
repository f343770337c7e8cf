//! Where contexts wait for their next use.
//!
//! Each thread has a place for the one that it used last, which it empties and fills by one atomic swap, so that small calls of
//! many threads do not meet. Behind the places there is a shelf for the others, with a lock: of those on it, the one that was used
//! least recently goes first. Both are bounded in number and in memory, but for what a call, a stream, or a piece of it has counted
//! as its own: at the slow levels a context has 40 MB, and to make it anew for each frame takes a seventh of the call's time. Where neither has one that will do, another thread's place may: there are never more contexts than were in use at a
//! time, however many threads come and go.
//!
//! In the child of a fork the shelf's lock may be held by a thread that does not exist: the child forgets the shelf, with all that
//! is on it, and makes its own. What is in a place is in nobody's hands, and stays.

use super::failure;
use super::row::{Kept, Row};
use crate::error::Result;
use crate::os::fork::{self, ChildHook};
use crate::pool;
use crossbeam_utils::CachePadded;
use std::ops::{Deref, DerefMut};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Places: threads beyond so many share them.
const PLACES: usize = 32;
/// The largest context in a place: at level 3 each has 1.3 MB.
const LARGEST: usize = 3 << 19;
/// A context that cannot take so many bytes more is not kept.
const WORTH_KEEPING: u64 = 64 << 20;

/// What can be kept.
pub(super) trait Keep: Sized + Send + 'static {
    /// A new one, if there is memory.
    fn create() -> Option<Self>;
    /// Its memory, in bytes.
    fn size(&self) -> usize;
    /// Makes it as good as new, but for its memory; false: it is not to be used again.
    fn reset(&mut self) -> bool;
    /// Whether it can take `bytes` more.
    fn has_life_for(&self, bytes: u64) -> bool;
    /// Its shelf.
    fn shelf() -> &'static Shelf<Self>;
}

/// See the module.
pub(super) struct Shelf<T> {
    places: [CachePadded<AtomicPtr<Kept<T>>>; PLACES],
    row: AtomicPtr<Mutex<Row<T>>>,
    /// Forgets the row in a forked child.
    child_hook: &'static ChildHook,
}

impl<T: Keep> Shelf<T> {
    /// An empty shelf, whose `forget` the hook calls.
    pub(super) const fn new(child_hook: &'static ChildHook) -> Self {
        Self {
            child_hook,
            places: [const { CachePadded::new(AtomicPtr::new(ptr::null_mut())) }; PLACES],
            row: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// The largest one that has at most `need` bytes, as a larger one would use more memory than was counted; the calling
    /// thread's own if that will do.
    #[inline]
    fn take(&self, need: usize, bytes: u64) -> Option<Box<Kept<T>>> {
        let fits = |kept: &Kept<T>| kept.size <= need && kept.item.has_life_for(bytes);
        let own = swap(self.own(), ptr::null_mut());
        if own.as_ref().is_some_and(|own| fits(own)) {
            return own;
        }
        let mut row = self.row()?;
        let surplus = own.map(|own| row.push(own));
        let found = row.take(fits);
        drop(row);
        drop(surplus); // without the lock
        found.or_else(|| self.take_elsewhere(fits))
    }

    /// One from another thread's place.
    #[cold]
    fn take_elsewhere(&self, fits: impl Fn(&Kept<T>) -> bool) -> Option<Box<Kept<T>>> {
        for place in &self.places {
            let Some(kept) = swap(place, ptr::null_mut()) else { continue };
            if fits(&kept) {
                return Some(kept);
            }
            self.put_behind(swap(place, Box::into_raw(kept)));
        }
        None
    }

    #[inline]
    fn put(&self, mut kept: Box<Kept<T>>) {
        kept.size = kept.item.size();
        if !kept.item.has_life_for(WORTH_KEEPING) || !kept.item.reset() {
            return;
        }
        // Who comes next finds what was used last, be it another one than before.
        let other = if kept.size <= LARGEST { swap(self.own(), Box::into_raw(kept)) } else { Some(kept) };
        self.put_behind(other);
    }

    /// Puts one on the shelf behind the places.
    fn put_behind(&self, kept: Option<Box<Kept<T>>>) {
        let Some(kept) = kept else { return };
        let surplus = self.row().map(|mut row| row.push(kept));
        drop(surplus); // without the lock: freeing memory may take long, and nobody should wait for it
    }

    /// Keeps so many of so many bytes for a call under way, beyond what is kept anyway.
    pub(super) fn lend(&'static self, count: usize, size: usize) -> Lease<T> {
        let bytes = count.saturating_mul(size);
        if let Some(mut row) = self.row() {
            row.lend(count, bytes);
        }
        Lease { shelf: self, count, bytes }
    }

    /// The calling thread's place.
    #[inline]
    fn own(&self) -> &AtomicPtr<Kept<T>> {
        &self.places[pool::thread_number() % PLACES]
    }

    /// The shelf behind the places; `None` if a fork could not be survived: then nothing is kept there.
    fn row(&self) -> Option<MutexGuard<'static, Row<T>>> {
        // Acquire and release: the row's own fields. What is in it is the lock's business.
        let mut row = self.row.load(Ordering::Acquire);
        if row.is_null() {
            fork::on_child(self.child_hook).ok()?;
            let fresh = Box::into_raw(Box::new(Mutex::new(Row::new())));
            row = match self.row.compare_exchange(row, fresh, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => fresh,
                Err(other) => {
                    // SAFETY: `fresh` came from Box::into_raw just above, and nobody else saw it.
                    drop(unsafe { Box::from_raw(fresh) });
                    other
                }
            };
        }
        // SAFETY: never freed.
        Some(unsafe { &*row }.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// See the module. Only a store, as the parent's lock may be held.
    pub(super) fn forget(&self) {
        self.row.store(ptr::null_mut(), Ordering::Release);
    }
}

/// Leaves `new`, which came from a box or is null, in a place.
#[inline]
fn swap<T>(place: &AtomicPtr<T>, new: *mut T) -> Option<Box<T>> {
    // Relaxed: empty or not, it is right to do nothing. Acquire and release: what is in the box.
    if new.is_null() && place.load(Ordering::Relaxed).is_null() {
        return None;
    }
    let old = place.swap(new, Ordering::AcqRel);
    // SAFETY: what is in a place came from a box, and whoever takes it out is the only one who has it.
    (!old.is_null()).then(|| unsafe { Box::from_raw(old) })
}

/// While it lives, what is counted as somebody's memory stays on the shelf between two frames.
pub(super) struct Lease<T: Keep> {
    shelf: &'static Shelf<T>,
    count: usize,
    bytes: usize,
}

impl<T: Keep> Drop for Lease<T> {
    fn drop(&mut self) {
        let surplus = self.shelf.row().map(|mut row| row.take_back(self.count, self.bytes));
        drop(surplus); // without the lock
    }
}

/// One that is in use; it goes back at the end.
pub(super) struct Held<T: Keep>(Option<Box<Kept<T>>>);

impl<T: Keep> Held<T> {
    /// One for `bytes` more of input that will need at most `need` bytes of memory.
    #[inline]
    pub(super) fn take(need: usize, bytes: u64) -> Result<Self> {
        let create = || T::create().map(|item| Box::new(Kept { item, size: 0 }));
        match T::shelf().take(need, bytes).or_else(create) {
            Some(kept) => Ok(Self(Some(kept))),
            None => Err(failure::no_context()),
        }
    }
}

impl<T: Keep> Deref for Held<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.as_ref().expect("held until dropped").item
    }
}

impl<T: Keep> DerefMut for Held<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0.as_mut().expect("held until dropped").item
    }
}

impl<T: Keep> Drop for Held<T> {
    fn drop(&mut self) {
        // After a panic nobody knows what it was doing: let it go.
        if let Some(kept) = self.0.take().filter(|_| !std::thread::panicking()) {
            T::shelf().put(kept);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::row::{MOST, MOST_BYTES};
    use super::*;
    use std::sync::atomic::AtomicUsize;

    /// Something to keep, which counts how many there are.
    struct Thing {
        size: usize,
        life: u64,
    }

    static FORGET: ChildHook = ChildHook::new(|| THINGS.forget());
    static THINGS: Shelf<Thing> = Shelf::new(&FORGET);
    static ALIVE: AtomicUsize = AtomicUsize::new(0);
    /// The tests share the shelf.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

    impl Keep for Thing {
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

        fn shelf() -> &'static Shelf<Self> {
            &THINGS
        }
    }

    impl Drop for Thing {
        fn drop(&mut self) {
            ALIVE.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn take(need: usize, bytes: u64) -> Held<Thing> {
        Held::take(need, bytes).unwrap()
    }

    /// Brings one back that has become so large.
    fn leave(size: usize) {
        let mut held = take(0, 0);
        held.size = size;
    }

    /// Takes all that are kept, each at most as large as the one before; returns their sizes.
    fn empty() -> Vec<usize> {
        let mut all = Vec::new();
        while let Some(kept) = THINGS.take(usize::MAX, 0) {
            all.push(kept.size);
        }
        all
    }

    #[test]
    fn the_last_one_is_the_threads_own() {
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        empty();
        leave(1000);
        leave(2000);
        assert_eq!(THINGS.row().unwrap().len(), 1);
        // Its own first, though it is not the smallest one that fits; then the largest that fits.
        assert_eq!(take(5000, 0).size, 2000);
        let (own, other) = (take(5000, 0), take(5000, 0));
        assert_eq!((own.size, other.size), (2000, 1000));
        drop((other, own));
        // The own one is too large: it makes room for the other one, and is found on the shelf.
        assert_eq!(take(1500, 0).size, 1000);
        assert_eq!(empty(), [1000, 2000]);
        assert_eq!(ALIVE.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn large_ones_and_old_ones() {
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        empty();
        leave(LARGEST + 1);
        assert_eq!(THINGS.row().unwrap().len(), 1);
        leave(MOST_BYTES + 1); // not kept
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
        for (index, mut held) in large.into_iter().enumerate() {
            held.size = MOST_BYTES / 3 + index;
        }
        let kept = empty();
        assert_eq!(kept, [MOST_BYTES / 3 + 4, MOST_BYTES / 3 + 3]); // a third of it rounded down, and more
        assert_eq!(ALIVE.load(Ordering::Relaxed), 0);
    }

    /// What a call has counted stays as long as the call.
    #[test]
    fn more_is_kept_for_a_call() {
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        empty();
        let size = MOST_BYTES - 1;
        let three = || (0..3).map(|_| take(usize::MAX, 0)).collect::<Vec<_>>();
        let lease = THINGS.lend(2, size);
        three().iter_mut().for_each(|held| held.size = size);
        assert_eq!(ALIVE.load(Ordering::Relaxed), 3); // two of the call's, and what is kept anyway
        drop(THINGS.lend(5, size));
        drop(three());
        assert_eq!(ALIVE.load(Ordering::Relaxed), 3);
        drop(lease);
        assert_eq!(empty(), [size]);
        assert_eq!(ALIVE.load(Ordering::Relaxed), 0);
    }

    /// Threads that share places: nobody has what somebody else has, and nothing is lost.
    #[test]
    fn many_threads() {
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        empty();
        std::thread::scope(|scope| {
            for thread in 0..2 * PLACES as u64 {
                scope.spawn(move || {
                    for round in 0..1000 {
                        let mut held = take(usize::MAX, 0);
                        let mark = u64::MAX - thread;
                        held.life = mark;
                        if round % 16 == 0 {
                            std::thread::yield_now();
                        }
                        assert_eq!(held.life, mark);
                    }
                });
            }
        });
        let kept = empty().len();
        assert!(kept <= 2 * PLACES, "{kept}"); // as many as there were threads
        assert_eq!(ALIVE.load(Ordering::Relaxed), 0);
    }

    /// One after the other: one is enough for them all.
    #[test]
    fn threads_that_come_and_go() {
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        empty();
        for _ in 0..2 * PLACES {
            std::thread::spawn(|| drop(take(usize::MAX, 0))).join().unwrap();
        }
        assert_eq!(empty(), [1 << 10]);
    }

    /// The lock of a shelf is held while the process forks: the child does not wait for it.
    #[cfg(unix)]
    #[test]
    fn forked_child_has_its_own_shelf() {
        use crate::codec::contexts::Compressor;
        drop(Held::<Compressor>::take(0, 0).unwrap());
        let locked = Compressor::shelf().row().unwrap();
        // SAFETY: the child takes and returns contexts, and ends by `_exit`; a child that waits is ended by the alarm.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // SAFETY: as above.
            unsafe { libc::alarm(20) };
            drop((Held::<Compressor>::take(0, 0), Held::<Compressor>::take(0, 0)));
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
