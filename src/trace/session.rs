//! A trace that runs: the rings of its threads, the thread that moves what is in them to the file, and how it
//! begins and ends.

use super::bell::Bell;
use super::environment;
use super::format;
use super::names::{Name, Names};
use super::output::Output;
use super::ring::{Ring, RECORD};
use super::{forget_counters, ALL, CATEGORIES};
use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use crate::os::fork::{on_child, ChildHook, Own};
use crate::os::thread::{self as os_thread, Thread};
use crate::os::{exit, loader, module};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
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
    /// Changes when there may be room for a ring.
    chances: AtomicU64,
    /// Events of threads without a ring, or with one that is gone.
    lost: AtomicU64,
    names: Names,
    writer: Mutex<Writer>,
    /// The trace's thread shall end, and no thread gets a ring any more.
    ends: AtomicBool,
    bell: Bell,
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
    forget_counters();
    environment::note_fork();
});

/// To be asked for after `FORGET` is registered, or while a trace runs. `None`: as `loader::lock`.
fn running() -> Option<MutexGuard<'static, Option<Running>>> {
    loader::lock(RUNNING.get())
}

/// What belongs to a thread that was ended is not to be had.
fn busy() -> Error {
    Error::new(ErrorKind::Busy, "the process exits, and has ended a thread that was at work for the trace")
}

/// The trace that runs.
pub(super) fn current() -> Option<Arc<Session>> {
    // Relaxed: a trace that starts or ends at this moment may be found or not.
    if CURRENT.load(Ordering::Relaxed) == 0 {
        return None;
    }
    running()?.as_ref().map(|running| Arc::clone(&running.session))
}

/// Starts a trace into a new file.
///
/// # Errors
/// [`ErrorKind::AlreadyStarted`]: a trace runs; [`ErrorKind::Io`]: there can be no such file, or there
/// is one; [`ErrorKind::InvalidArgument`]: an option; [`ErrorKind::Threads`],
/// [`ErrorKind::OutOfMemory`]; [`ErrorKind::Busy`]: the process exits, and can have no thread any more.
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
    if loader::others_have_ended() {
        return Err(busy());
    }
    module::keep_module()?;
    on_child(&FORGET)?;
    let mut running = running().ok_or_else(busy)?;
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
        chances: AtomicU64::new(0),
        lost: AtomicU64::new(0),
        names: Names::default(),
        writer: Mutex::new(Writer { output: Output::create(&file)?, lost: 0 }),
        ends: AtomicBool::new(false),
        bell: Bell::default(),
    });
    let life = Arc::clone(&session);
    let begun = session.begin().and_then(|()| {
        Thread::start("fastpar-trace", STACK, Box::new(move || life.run())).map_err(|error| {
            Error::new(ErrorKind::Threads, format!("the trace's thread could not be started: {error}"))
        })
    });
    let thread = begun.inspect_err(|_| {
        let _ = session.close(); // Windows removes no file that is open
        let _ = std::fs::remove_file(&file); // new, and of no use
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
/// [`ErrorKind::Io`]: the file could not be written; [`ErrorKind::Busy`]: the process exits, and has ended a
/// thread that was writing.
pub(crate) fn stop() -> Result<()> {
    on_child(&FORGET)?;
    environment::leave_parents();
    let mut running = running().ok_or_else(busy)?;
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
    session.close()
}

/// Brings the file up to date.
pub(crate) fn flush() {
    if let Some(session) = current() {
        session.write_out();
    }
}

/// The end of the process is that of the trace: a write that the end would cut is not begun any more.
extern "C" fn end_with_process() {
    if let Some(session) = current() {
        CATEGORIES.store(0, Ordering::Relaxed);
        let _ = session.close(); // there is nobody to tell
    }
}

impl Session {
    pub(super) fn is_current(&self) -> bool {
        CURRENT.load(Ordering::Relaxed) == self.number
    }

    /// A ring for the calling thread, if there is room for one more.
    pub(super) fn add_ring(&self) -> Option<Arc<Ring>> {
        let has_room = |rings: &Vec<_>| rings.len() < self.most_rings && !self.ends.load(Ordering::Relaxed);
        if !has_room(&*self.rings()?) {
            return None;
        }
        let ring = Ring::new(self.records, os_thread::number(), os_thread::name()).ok()?;
        let ring = Arc::new(ring);
        let mut rings = self.rings()?;
        if !has_room(&rings) {
            return None;
        }
        rings.push(Arc::clone(&ring));
        Some(ring)
    }

    /// When this has changed, a thread that got no ring may try again.
    pub(super) fn chances(&self) -> u64 {
        self.chances.load(Ordering::Relaxed)
    }

    /// What stands for the name of a call.
    pub(super) fn number_of(&self, name: &str) -> Name {
        self.names.number(name)
    }

    /// Counts an event that is lost: one that comes while the trace ends is after it, and is not. Relaxed:
    /// who got no ring for that reason has seen the end.
    pub(super) fn lose(&self) {
        if !self.ends.load(Ordering::Relaxed) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Has the trace's thread look at the rings.
    pub(super) fn wake(&self) {
        self.bell.ring();
    }

    /// The trace's thread.
    fn run(&self) {
        self.bell.belongs_here();
        loop {
            let more_to_do = self.write_out();
            if self.ends.load(Ordering::Acquire) {
                return;
            }
            if !more_to_do {
                self.bell.wait(INTERVAL);
            }
        }
    }

    fn end_thread(&self) {
        // Release, as the thread may be the last to write; the bell is rung after it.
        self.ends.store(true, Ordering::Release);
        self.bell.ring();
    }

    fn rings(&self) -> Option<MutexGuard<'_, Vec<Arc<Ring>>>> {
        loader::lock(&self.rings)
    }

    fn writer(&self) -> Option<MutexGuard<'_, Writer>> {
        loader::lock(&self.writer)
    }

    /// Writes what each file begins with.
    fn begin(&self) -> Result<()> {
        let mut writer = self.writer().ok_or_else(busy)?;
        format::begin(&mut writer.output);
        writer.output.write();
        writer.output.check()
    }

    /// Writes what is left, and ends the file. Threads that wrote events keep their rings until they write
    /// the next, in another trace, or end.
    fn close(&self) -> Result<()> {
        self.ends.store(true, Ordering::Release);
        let mut writer = self.writer().ok_or_else(busy)?;
        self.write_rings(&mut writer);
        if let Some(mut rings) = self.rings() {
            *rings = Vec::new();
        }
        writer.output.close()
    }

    /// Brings the file up to date; whether there is much to write again already.
    fn write_out(&self) -> bool {
        self.writer().is_some_and(|mut writer| self.write_rings(&mut writer))
    }

    /// Moves what is in the rings to the file. As `write_out`.
    fn write_rings(&self, writer: &mut Writer) -> bool {
        let Some(rings) = self.rings().map(|rings| rings.clone()) else { return false }; // more may come
        let mut gone = Vec::new();
        for ring in &rings {
            let last = ring.is_left();
            format::ring(&mut writer.output, ring, &self.names);
            if last {
                gone.push(ring);
            }
        }
        let Some(mut kept) = self.rings() else { return false };
        kept.retain(|ring| !gone.iter().any(|gone| Arc::ptr_eq(gone, ring)));
        // Of the rings that are gone, too, once.
        self.lost.fetch_add(gone.iter().map(|ring| ring.lost()).sum(), Ordering::Relaxed);
        let lost = self.lost.load(Ordering::Relaxed) + kept.iter().map(|ring| ring.lost()).sum::<u64>();
        // Once a look: a ring is gone, or there may be memory again.
        if kept.len() < self.most_rings {
            self.chances.fetch_add(1, Ordering::Relaxed);
        }
        let more_to_do = kept.iter().any(|ring| ring.is_half_full());
        drop(kept);
        if lost != writer.lost {
            writer.lost = lost;
            format::lost(&mut writer.output, lost);
        }
        writer.output.write();
        more_to_do
    }
}
