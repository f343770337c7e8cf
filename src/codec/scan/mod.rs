//! Scans: the frames of an archive are decoded in parallel, and each piece of the content goes to a callback
//! on the lane that has decoded it.
//!
//! ```text
//! plan:  archive + options -> pieces, by arithmetic (of lines: the numbers that they may have)
//! scan:  groups of frames -> tasks -> a passage through each frame -> pieces -> callback
//!                                  -> what frames cut -> seams -> whole records -> callback
//!        few large frames -> several lanes decode each, and get its pieces
//! waves: a range of pieces, then what their results are for: combined, or written, in order
//! ```

mod plan;
mod reduce;
mod seams;
mod shard;
mod shared;
mod tasks;
mod transform;
mod walk;
mod waves;

pub use plan::ScanOptions;
pub use reduce::archive_reduce;
pub(crate) use reduce::{archive_fold, archive_reduce_slots, WaveSize};
pub use shard::{archive_shard, Shard};
pub use transform::Output;
pub(crate) use transform::{archive_transform, TracedAs};

use crate::codec::archive::{Archive, Passage};
use crate::codec::options::progress::CallProgress;
use crate::codec::options::Options;
use crate::error::{Error, ErrorKind, Result};
use crate::job::{self, Control};
use crate::trace::{self, Mark};
use plan::Plan;
use seams::{Seam, Seams};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use walk::Walk;

/// Whole records of the content, as a callback gets them.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'p> {
    /// Its place among the pieces. Where records are lines some numbers stay unused.
    pub index: u64,
    /// Where the piece begins in the content.
    pub offset: u64,
    /// The bytes; where they begin a frame, they are aligned to 64.
    pub data: &'p [u8],
    /// A number below `lanes` that no other thread holds while this one works for the call.
    pub lane: u32,
    /// How many lanes there may be.
    pub lanes: u32,
}

/// Runs `body` once for every piece of the content, in parallel, in any order; returns when all have
/// returned. Pieces depend on the archive and the options only, never on lanes.
///
/// # Errors
/// Those of the body. [`ErrorKind::InvalidArgument`], before any piece: the part that is asked for does not
/// lie in the content, or is no whole number of records. The data, as [`Archive::read`].
/// [`ErrorKind::LimitExceeded`]: `max_memory`, or a line is too long. [`ErrorKind::Cancelled`],
/// [`ErrorKind::OutOfMemory`], and the errors of starting the pool.
pub fn archive_for<B>(archive: &Archive<'_>, options: &ScanOptions<'_>, body: B) -> Result<()>
where
    B: Fn(&Piece<'_>) -> Result<()> + Sync,
{
    let traced = begin(options);
    let within = traced.map(trace::Call::enter);
    let mut scan = Scan::new(archive, options, traced)?;
    let ran = scan.run(u64::MAX, &body).and_then(|()| scan.finish());
    drop(within);
    scan.end_trace(trace::Kind::Scan);
    ran
}

/// Begins a scan, if it is traced.
fn begin(options: &ScanOptions<'_>) -> Option<trace::Call> {
    trace::when_first_call();
    trace::begin_named(trace::CODEC | trace::CHUNKS, options.name)
}

/// The body of a scan.
type Body<'b> = &'b (dyn Fn(&Piece<'_>) -> Result<()> + Sync);

/// A failure, and the number of the piece that it belongs to.
type Failed = (u64, Error);

/// A scan under way.
struct Scan<'s> {
    archive: &'s Archive<'s>,
    plan: Plan,
    control: Control<'s>,
    progress: CallProgress<'s>,
    seams: Seams,
    /// Whether a line begins where the part does.
    begins: bool,
    /// The most bytes that are looked at at a time.
    room: usize,
    max_memory: u64,
    /// The first frame that is not finished.
    next: usize,
    /// The walk through that frame, if it has begun.
    carried: Mutex<Option<Walk>>,
    /// Passages that no lane uses.
    spare: Mutex<Vec<Passage>>,
    lowest: Mutex<Option<Failed>>,
    /// The lanes that share a large frame; `None`: as many as would find a CPU.
    sharing: Option<u32>,
    /// The call, where it is traced.
    traced: Option<trace::Call>,
    /// Pieces, where it is. Relaxed: a number for people.
    handed_out: AtomicU64,
}

/// Who runs the body.
#[derive(Clone, Copy)]
struct Caller<'b> {
    body: Body<'b>,
    lane: u32,
    lanes: u32,
}

impl<'s> Scan<'s> {
    fn new(archive: &'s Archive<'s>, options: &ScanOptions<'s>, traced: Option<trace::Call>) -> Result<Self> {
        let plan = Plan::new(archive, options)?;
        let (lanes, memory) = archive.limits();
        let or = |own: u32, other: u32| if own == 0 { other } else { own };
        let max_memory = if options.max_memory == 0 { memory } else { options.max_memory };
        let of_call = Options {
            max_lanes: or(options.max_lanes, lanes),
            max_memory,
            cancel: options.cancel,
            progress: options.progress,
            ..Options::default()
        };
        let no_room = || Error::new(ErrorKind::OutOfMemory, "no memory for a record");
        let room = usize::try_from(plan.largest_piece(archive)).map_err(|_| no_room())?;
        let lane = match max_memory {
            0 => 0, // nobody asks
            _ => Passage::memory(archive, plan.frames.clone(), room, max_memory)?,
        };
        let cut = if plan.frames.len() > 1 { plan.record().unwrap_or(0) } else { 0 };
        let cut = usize::try_from(cut).map_err(|_| no_room())?;
        let Control { max_lanes, .. } = of_call.control(lane.saturating_add(cut.saturating_mul(2)), 0)?;
        let cancel = options.cancel.or(archive.cancel_flag());
        let longest = if plan.record().is_some() { u64::MAX } else { plan.longest };
        let mut scan = Self {
            archive,
            control: Control { max_lanes, cancel, ..Control::default() },
            progress: CallProgress::new(&of_call, Some(plan.part.end - plan.part.start)),
            seams: Seams::new(longest),
            begins: true,
            room,
            max_memory,
            next: plan.frames.start,
            carried: Mutex::default(),
            spare: Mutex::default(),
            lowest: Mutex::default(),
            sharing: None,
            traced,
            handed_out: AtomicU64::new(0),
            plan,
        };
        archive.check_cancel()?;
        scan.progress.add(0)?;
        scan.look_before()?;
        Ok(scan)
    }

    /// Finds out whether the part of a content of lines begins with a line.
    fn look_before(&mut self) -> Result<()> {
        let start = self.plan.part.start;
        if self.plan.record().is_some() || start == 0 || self.plan.part.is_empty() {
            return Ok(());
        }
        let mut before = Vec::new();
        walk::read(self.archive, start - 1, 1, &mut before)?;
        self.begins = before == b"\n";
        if !self.begins {
            // The line before the part takes the bytes up to the next line, wherever that begins.
            let (bytes, number) = (Default::default(), 0);
            let line =
                Seam { from: start, end: start, begins: true, ends: false, number, dropped: true, bytes };
            self.seams.add(line)?;
        }
        Ok(())
    }

    /// Calls `body` for the pieces up to number `end` that have not been yet. A record that is cut may come
    /// in the next run, if it ends in a frame of that.
    fn run(&mut self, end: u64, body: Body<'_>) -> Result<()> {
        let frames = self.plan.frames_before(end, self.next);
        let tasks = self.tasks(frames.clone())?;
        let this = &*self;
        let ran = job::run_in_lanes(
            tasks.len(),
            &self.control,
            |lanes| lanes,
            |task, lane, &lanes| {
                let caller = Caller { body, lane, lanes };
                this.task(&tasks[task], end, &caller).or_else(|(number, error)| {
                    if number == shared::STOPPED {
                        return Ok(()); // the lane that has failed tells why
                    }
                    let mut lowest = this.lowest.lock().unwrap_or_else(PoisonError::into_inner);
                    if lowest.as_ref().is_none_or(|known| number < known.0) {
                        *lowest = Some((number, error.clone()));
                    }
                    Err(error)
                })
            },
        );
        let lowest = self.lowest.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        match (ran, lowest) {
            (Err(error), Some((_, lowest))) if error.kind() != ErrorKind::Panic => return Err(lowest),
            (ran, _) => ran?,
        }
        let carried = self.carried.get_mut().unwrap_or_else(PoisonError::into_inner).is_some();
        self.next = frames.end - usize::from(carried);
        Ok(())
    }

    /// The last report of progress.
    fn finish(&self) -> Result<()> {
        self.progress.add(0)?; // a flag that was set meanwhile counts
        self.progress.finish(self.plan.part.end - self.plan.part.start)
    }

    fn spare(&self) -> std::sync::MutexGuard<'_, Vec<Passage>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a piece out.
    fn call(&self, index: u64, offset: u64, data: &[u8], caller: &Caller<'_>) -> Result<(), Failed> {
        let piece = Piece { index, offset, data, lane: caller.lane, lanes: caller.lanes };
        let mark = if self.traced.is_some() { Mark::now(trace::CHUNKS) } else { Mark::NONE };
        let called = (caller.body)(&piece);
        if let Some(call) = self.traced {
            let values = [call.number(), index, offset, data.len() as u64, 0];
            mark.end_in(caller.lane, trace::Kind::Piece, values);
            self.handed_out.fetch_add(1, Ordering::Relaxed);
        }
        called.and_then(|()| self.progress.add(data.len())).map_err(|error| (index, error))
    }

    /// The call ends, where it is traced.
    fn end_trace(&self, kind: trace::Kind) {
        if let Some(call) = self.traced {
            let bytes = self.plan.part.end - self.plan.part.start;
            call.end(kind, [bytes, self.handed_out.load(Ordering::Relaxed), 0]);
        }
    }

    /// Adds bytes of a record that is cut, and hands the record out if it is whole.
    fn add(&self, seam: Seam, caller: &Caller<'_>) -> Result<(), Failed> {
        let number = seam.number;
        match self.seams.add(seam).map_err(|error| (number, error))? {
            Some(whole) => self.call(whole.number, whole.from, whole.bytes.bytes(), caller),
            None => Ok(()),
        }
    }
}
