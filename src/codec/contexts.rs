//! Contexts of libzstd kept for the next call: making one costs memory that the system has to clear first.
//!
//! They are kept on two shelves, one for each direction, bounded in number and in memory; the one that was used least recently
//! goes first. A shelf is made when it is first needed, and never freed. In the child of a fork its lock may be held by a thread
//! that does not exist: the child forgets the shelf, with all that is on it, and makes its own.

use super::failure;
use crate::error::Result;
use crate::pool;
use std::ops::{Deref, DerefMut};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use zstd::zstd_safe::{CCtx, CDict, DCtx, DDict, ErrorCode, ResetDirective};

/// The most contexts on one shelf.
const MOST: usize = 64;
/// The most memory of the contexts on one shelf: at level 3 each has 1.3 MB.
const MOST_BYTES: usize = 64 << 20;

/// A compressing context is dropped before it has seen so many bytes. libzstd numbers positions over all frames of a context, in
/// 32 bits; where they run over it has to renumber, and then what it finds would depend on what came before.
const LIFETIME: u64 = 2 << 30;

/// A context that cannot take so much more is not kept.
const WORTH_KEEPING: u64 = 64 << 20;

/// What a shelf can keep.
pub(super) trait Context: Sized + Send + 'static {
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

/// A context that compresses.
pub(super) struct Compressor {
    context: CCtx<'static>,
    seen: u64,
    /// What the context refers to until it is reset.
    dict: Option<Arc<CDict<'static>>>,
}

impl Compressor {
    /// The context, to be used for a frame of `bytes`.
    pub(super) fn begin(&mut self, bytes: u64) -> &mut CCtx<'static> {
        self.seen = self.seen.saturating_add(bytes);
        &mut self.context
    }

    /// Compresses with a dictionary from here on, until the context is reset.
    pub(super) fn use_dictionary(&mut self, dict: Arc<CDict<'static>>) -> Result<(), ErrorCode> {
        let before = self.dict.replace(dict);
        let dict: *const CDict<'static> = self.dict.as_deref().map_or(ptr::null(), ptr::from_ref);
        // SAFETY: kept until the context refers to another one, is reset or is dropped, which comes first (see the fields).
        let set = self.context.ref_cdict(unsafe { &*dict });
        if set.is_err() {
            std::mem::forget(before); // the context may refer to it still
        }
        set.map(drop)
    }
}

/// A context that decompresses.
pub(super) struct Decompressor {
    context: DCtx<'static>,
    /// What the context refers to until it is reset.
    dict: Option<Arc<DDict<'static>>>,
}

impl Decompressor {
    /// The context.
    pub(super) fn context(&mut self) -> &mut DCtx<'static> {
        &mut self.context
    }

    /// Decompresses with a dictionary from here on, until the context is reset.
    pub(super) fn use_dictionary(&mut self, dict: Arc<DDict<'static>>) -> Result<(), ErrorCode> {
        let before = self.dict.replace(dict);
        let dict: *const DDict<'static> = self.dict.as_deref().map_or(ptr::null(), ptr::from_ref);
        // SAFETY: kept until the context refers to another one, is reset or is dropped, which comes first (see the fields).
        let set = self.context.ref_ddict(unsafe { &*dict });
        if set.is_err() {
            std::mem::forget(before); // the context may refer to it still
        }
        set.map(drop)
    }
}

static COMPRESSORS: Shelf<Compressor> = Shelf::new();
static DECOMPRESSORS: Shelf<Decompressor> = Shelf::new();

impl Context for Compressor {
    fn create() -> Option<Self> {
        CCtx::try_create().map(|context| Self { context, seen: 0, dict: None })
    }

    fn size(&self) -> usize {
        self.context.sizeof()
    }

    fn reset(&mut self) -> bool {
        let reset = self.context.reset(ResetDirective::SessionAndParameters).is_ok();
        if reset {
            self.dict = None;
        }
        reset
    }

    fn has_life_for(&self, bytes: u64) -> bool {
        self.seen.saturating_add(bytes) <= LIFETIME
    }

    fn shelf() -> &'static Shelf<Self> {
        &COMPRESSORS
    }
}

impl Context for Decompressor {
    fn create() -> Option<Self> {
        DCtx::try_create().map(|context| Self { context, dict: None })
    }

    fn size(&self) -> usize {
        self.context.sizeof()
    }

    fn reset(&mut self) -> bool {
        let reset = self.context.reset(ResetDirective::SessionAndParameters).is_ok();
        if reset {
            self.dict = None;
        }
        reset
    }

    fn has_life_for(&self, _: u64) -> bool {
        true
    }

    fn shelf() -> &'static Shelf<Self> {
        &DECOMPRESSORS
    }
}

/// Where contexts of one kind wait for their next use, the one used last at the end.
pub(super) struct Shelf<T> {
    place: AtomicPtr<Mutex<Vec<T>>>,
}

impl<T: Context> Shelf<T> {
    const fn new() -> Self {
        Self { place: AtomicPtr::new(ptr::null_mut()) }
    }

    /// The shelf; `None` if a fork could not be survived: then nothing is kept.
    fn kept(&self) -> Option<&'static Mutex<Vec<T>>> {
        // Acquire and release: the shelf's own fields. What is in it is the lock's business.
        let mut kept = self.place.load(Ordering::Acquire);
        if kept.is_null() {
            pool::watch_forks().ok()?;
            let fresh = Box::into_raw(Box::new(Mutex::new(Vec::new())));
            kept = match self.place.compare_exchange(
                ptr::null_mut(),
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
        Some(unsafe { &*kept })
    }

    /// The largest context that has at most `need` bytes, as a larger one would use more memory than was counted.
    fn take(&self, need: usize, bytes: u64) -> Option<T> {
        let mut kept = self.kept()?.lock().unwrap_or_else(PoisonError::into_inner);
        let fitting = kept
            .iter()
            .enumerate()
            .filter(|(_, context)| context.size() <= need && context.has_life_for(bytes));
        let (index, _) = fitting.max_by_key(|(_, context)| context.size())?;
        Some(kept.remove(index))
    }

    fn put(&self, mut context: T) {
        let size = context.size();
        if size > MOST_BYTES || !context.has_life_for(WORTH_KEEPING) || !context.reset() {
            return;
        }
        let Some(kept) = self.kept() else { return };
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sum: usize = size + kept.iter().map(Context::size).sum::<usize>();
        let mut surplus = Vec::new();
        while sum > MOST_BYTES || kept.len() >= MOST {
            let oldest = kept.remove(0);
            sum -= oldest.size();
            surplus.push(oldest);
        }
        kept.push(context);
        drop(kept); // freeing memory may take long, and nobody should wait for it
        drop(surplus);
    }

    #[cfg(unix)]
    fn forget(&self) {
        self.place.store(ptr::null_mut(), Ordering::Release);
    }
}

/// A context in use; it goes back to its shelf at the end.
pub(super) struct Held<T: Context>(Option<T>);

impl<T: Context> Held<T> {
    /// A context for `bytes` more of input that will need at most `need` bytes of memory.
    pub(super) fn take(need: usize, bytes: u64) -> Result<Self> {
        match T::shelf().take(need, bytes).or_else(T::create) {
            Some(context) => Ok(Self(Some(context))),
            None => Err(failure::no_context()),
        }
    }
}

impl<T: Context> Deref for Held<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("held until dropped")
    }
}

impl<T: Context> DerefMut for Held<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect("held until dropped")
    }
}

impl<T: Context> Drop for Held<T> {
    fn drop(&mut self) {
        // After a panic nobody knows what it was doing: let it go.
        if let Some(context) = self.0.take().filter(|_| !std::thread::panicking()) {
            T::shelf().put(context);
        }
    }
}

/// See the module. Only stores, as the parent's locks may be held.
#[cfg(unix)]
pub(super) fn forget_after_fork() {
    COMPRESSORS.forget();
    DECOMPRESSORS.forget();
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// The lock of a shelf is held while the process forks: the child does not wait for it.
    #[test]
    fn forked_child_has_its_own_shelf() {
        drop(Held::<Compressor>::take(0, 0).unwrap());
        let locked = COMPRESSORS.kept().unwrap().lock();
        // SAFETY: the child takes and returns a context, and ends by `_exit`; a child that waits is ended by the alarm.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // SAFETY: as above.
            unsafe {
                libc::alarm(20);
                drop(Held::<Compressor>::take(0, 0));
                libc::_exit(0)
            }
        }
        drop(locked);
        let mut status = -1;
        // SAFETY: waits for the child made above.
        assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
        assert_eq!(status, 0);
    }
}
