//! A trace that runs: the rings of its threads, the thread that moves what is in them to the file, and how it
//! begins and ends.

use super::environment;
use super::format;
use super::output::Output;
use super::ring::{Ring, RECORD};
use super::{ALL, CATEGORIES};
use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use crate::os::fork::{on_child, ChildHook, Own};
use crate::os::thread::{self as os_thread, Thread};
use crate::os::{exit, loader, module};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

/// What a trace takes of memory, at the most, unless its options say otherwise.
const MEMORY: u64 = 64 << 20;
/// The least that its options may say.
const SMALLEST_MEMORY: u64 = 1 << 20;
/// So many threads have a ring.
const RINGS: u64 = 256;
/// The largest ring.
const LARGEST_RING: u64 = 1 << 20;

/// How often the rings are looked at, at least.
const INTERVAL: Duration = Duration::from_millis(100);
const STACK: usize = 256 << 10;

/// What to trace. 0: the default.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Options {
    pub(crate) max_memory: u64,
    pub(crate) categories: u32,
}

/// See the module.
pub(super) struct Session {
    number: u64,
    /// Records of a ring.
    records: usize,
    rings: Mutex<Vec<Arc<Ring>>>,
    most_rings: usize,
    /// Events of threads without a ring, or with one that is gone.
    lost: AtomicU64,
    writer: Mutex<Writer>,
    ends: Mutex<bool>,
    changed: Condvar,
}

struct Writer {
    output: Output,
    /// How many lost events the file tells of.
    lost: u64,
}

/// The trace that runs and its thread.
struct Running {
    session: Arc<Session>,
    thread: Thread,
}

/// The number of the trace that runs; 0: there is none.
static CURRENT: AtomicU64 = AtomicU64::new(0);

/// Replaced in a forked child, because a thread that does not exist there may hold the lock.
static RUNNING: Own<Mutex<Option<Running>>> = Own::new();

static FORGET: ChildHook = ChildHook::new(|| {
    CATEGORIES.store(0, Ordering::Relaxed);
    CURRENT.store(0, Ordering::Relaxed);
    RUNNING.forget();
    environment::note_fork();
});

fn running() -> MutexGuard<'static, Option<Running>> {
    RUNNING.get().lock().unwrap_or_else(PoisonError::into_inner)
}

/// The trace that runs.
pub(super) fn current() -> Option<Arc<Session>> {
    running().as_ref().map(|running| Arc::clone(&running.session))
}

/// Starts a trace into a new file.
///
/// # Errors
/// [`ErrorKind::AlreadyStarted`]: a trace runs; [`ErrorKind::Io`]: there can be no such file, or there
/// is one; [`ErrorKind::InvalidArgument`]: an option; [`ErrorKind::Threads`],
/// [`ErrorKind::OutOfMemory`].
pub(crate) fn start(options: Options, path: &Path) -> Result<()> {
    let invalid = |text: String| Err(Error::new(ErrorKind::InvalidArgument, text));
    if options.categories & !ALL != 0 {
        return invalid(format!(
            "categories is {:#x}, expected a sum of FASTPAR_TRACE_*",
            options.categories
        ));
    }
    let memory = if options.max_memory == 0 { MEMORY } else { options.max_memory };
    if memory < SMALLEST_MEMORY {
        return invalid(format!("max_memory is {memory}, expected at least {SMALLEST_MEMORY} bytes"));
    }
    memory::check()?;
    module::keep_module()?;
    on_child(&FORGET)?;
    let mut running = running();
    if running.is_some() {
        return Err(Error::new(ErrorKind::AlreadyStarted, "a trace runs already"));
    }
    exit::at_exit(end_with_process);
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let ring = 1 << (memory / RINGS).min(LARGEST_RING).ilog2();
    let file = environment::of_this_process(path)?;
    let session = Arc::new(Session {
        number: NEXT.fetch_add(1, Ordering::Relaxed),
        records: ring / RECORD,
        rings: Mutex::default(),
        most_rings: usize::try_from(memory / ring as u64).unwrap_or(usize::MAX),
        lost: AtomicU64::new(0),
        writer: Mutex::new(Writer { output: Output::create(&file)?, lost: 0 }),
        ends: Mutex::new(false),
        changed: Condvar::new(),
    });
    format::begin(&mut session.writer().output);
    session.write_out(session.writer());
    let life = Arc::clone(&session);
    let thread = Thread::start("fastpar-trace", STACK, Box::new(move || life.run())).map_err(|error| {
        let _ = std::fs::remove_file(&file); // new, and of no use
        Error::new(ErrorKind::Threads, format!("the trace's thread could not be started: {error}"))
    })?;
    CURRENT.store(session.number, Ordering::Relaxed);
    *running = Some(Running { session, thread });
    environment::remember(Some((options, path)));
    let categories = if options.categories == 0 { ALL } else { options.categories };
    CATEGORIES.store(categories, Ordering::Relaxed);
    Ok(())
}

/// Ends the trace that runs, and its file.
///
/// # Errors
/// [`ErrorKind::Io`]: the file could not be written.
pub(crate) fn stop() -> Result<()> {
    let mut running = running();
    CATEGORIES.store(0, Ordering::Relaxed);
    let Some(Running { session, thread }) = running.take() else { return Ok(()) };
    CURRENT.store(0, Ordering::Relaxed);
    environment::remember(None);
    drop(running);
    session.end_thread();
    // Where threads cannot end now the trace's ends later.
    if !loader::holds_lock() && !loader::others_have_ended() {
        thread.join();
    }
    let mut writer = session.writer();
    session.write_rings(&mut writer);
    writer.output.close()
}

/// Brings the file up to date.
pub(crate) fn flush() {
    if CURRENT.load(Ordering::Relaxed) != 0 {
        if let Some(session) = current() {
            session.write_out(session.writer());
        }
    }
}

/// The same at the end of the process. Threads that have been ended may have left locks behind.
extern "C" fn end_with_process() {
    fn lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
        if !loader::others_have_ended() {
            return Some(mutex.lock().unwrap_or_else(PoisonError::into_inner));
        }
        match mutex.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
    if CURRENT.load(Ordering::Relaxed) == 0 {
        return;
    }
    let session = lock(RUNNING.get()).and_then(|running| Some(Arc::clone(&running.as_ref()?.session)));
    if let Some(session) = session {
        if let Some(writer) = lock(&session.writer) {
            session.write_out(writer);
        }
    }
}

impl Session {
    pub(super) fn is_current(&self) -> bool {
        CURRENT.load(Ordering::Relaxed) == self.number
    }

    /// A ring for the calling thread, if there is room for one more.
    pub(super) fn add_ring(&self) -> Option<Arc<Ring>> {
        let is_full = |rings: &Vec<_>| rings.len() >= self.most_rings;
        if is_full(&self.rings()) {
            return None;
        }
        let ring = Arc::new(Ring::new(self.records, os_thread::number(), os_thread::name()));
        let mut rings = self.rings();
        if is_full(&rings) {
            return None;
        }
        rings.push(Arc::clone(&ring));
        Some(ring)
    }

    /// Counts an event that is lost.
    pub(super) fn lose(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    /// Has the trace's thread look at the rings.
    pub(super) fn wake(&self) {
        self.changed.notify_one(); // without the lock, which would be to wait: the thread comes soon anyway
    }

    /// The trace's thread.
    fn run(&self) {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        while !*ends {
            ends = self.changed.wait_timeout(ends, INTERVAL).unwrap_or_else(PoisonError::into_inner).0;
            drop(ends);
            self.write_out(self.writer());
            ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn end_thread(&self) {
        *self.ends.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_one();
    }

    fn rings(&self) -> MutexGuard<'_, Vec<Arc<Ring>>> {
        self.rings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_out(&self, mut writer: MutexGuard<'_, Writer>) {
        self.write_rings(&mut writer);
    }

    /// Moves what is in the rings to the file.
    fn write_rings(&self, writer: &mut Writer) {
        let rings = self.rings().clone(); // threads may add theirs meanwhile
        let mut gone = Vec::new();
        for ring in &rings {
            let last = ring.is_left();
            format::ring(&mut writer.output, ring);
            if last {
                gone.push(ring);
            }
        }
        let mut kept = self.rings();
        kept.retain(|ring| !gone.iter().any(|gone| Arc::ptr_eq(gone, ring)));
        // Of the rings that are gone, too, once.
        self.lost.fetch_add(gone.iter().map(|ring| ring.lost()).sum(), Ordering::Relaxed);
        let lost = self.lost.load(Ordering::Relaxed) + kept.iter().map(|ring| ring.lost()).sum::<u64>();
        drop(kept);
        if lost != writer.lost {
            writer.lost = lost;
            format::lost(&mut writer.output, lost);
        }
        writer.output.write();
    }
}
