//! Batches: many buffers, each compressed to a frame of its own, or decompressed, with its own result.
//!
//! An item costs little beside the work itself: items are claimed several at a time, and each lane keeps one
//! context for the whole call. After its first items a lane allocates nothing but the message of an item that
//! fails.
#![forbid(unsafe_code)]

use super::table_follower::frames_of_table;
use crate::codec::context::cache::Cached;
use crate::codec::context::contexts::Compressor;
use crate::codec::context::decode::{self, Decoder};
use crate::codec::context::encode::Recipe;
use crate::codec::context::in_use::InUse;
use crate::codec::format::frame::Frames;
use crate::codec::format::seek_table::{self, SeekTable};
use crate::codec::frame::decompress::{self, frames, SHORTEST as SHORT};
use crate::codec::frame::sections::{Sections, SMALLEST};
use crate::codec::libzstd::calls::Uninit;
use crate::codec::options::limits;
use crate::codec::options::progress::CallProgress;
use crate::codec::options::Options;
use crate::error::{Error, ErrorKind, Result};
use crate::job::{self, Control};
use crate::memory;
use crate::pool::count_bytes;
use crate::trace::{self, Kind, Mark};
use std::mem::MaybeUninit;
use std::sync::{Mutex, PoisonError};
use zstd::zstd_safe;

/// One item: its input, the slot for its output, and what became of it.
pub struct BatchItem<'a> {
    /// What is compressed or decompressed.
    pub src: &'a [u8],
    /// Where the output goes, from its start on. What follows may be overwritten too.
    pub dst: &'a mut [MaybeUninit<u8>],
    /// Bytes written, or why the item failed. An item that has a result before the call is passed over. An
    /// item without a result after the call was not done, because the call was cancelled.
    pub result: Option<Result<usize>>,
}

/// The lengths of input at which libzstd's tables change. Between two of them more input never needs less
/// memory.
pub(super) const SIZE_CLASSES: [usize; 3] = [16 << 10, 128 << 10, 256 << 10];

/// Compresses every item to one frame, without a seek table; `frame_size`, `rsyncable` and
/// `single_frame` have no effect.
/// The bytes of an item depend on the item and the options only, as those of `compress` with
/// `single_frame`. `max_output` is a limit of each item.
///
/// # Errors
/// The failure of an item is its result: [`ErrorKind::BufferTooSmall`], with a size that is enough in
/// [`Error::needed`]; [`ErrorKind::LimitExceeded`]: `max_output`; [`ErrorKind::OutOfMemory`]. The call fails
/// with [`ErrorKind::Cancelled`], [`ErrorKind::InvalidArgument`], [`ErrorKind::LimitExceeded`]: `max_memory`,
/// and the errors of starting the pool.
pub fn compress_batch(items: &mut [BatchItem<'_>], options: &Options<'_>) -> Result<()> {
    options.check()?;
    let options =
        &Options { frame_size: 0, rsyncable: false, single_frame: true, complete: false, ..*options }
            .compressing()?;
    let waiting = || items.iter().filter(|item| item.result.is_none());
    let total = waiting().map(|item| item.src.len() as u64).sum();
    let longest = waiting().map(|item| item.src.len()).max().unwrap_or(0);
    let tight = waiting().filter(|item| bound(item.src.len()) > item.dst.len().min(limit(options)));
    let sections = Sections::new(options, Some(longest as u64));
    let most = sections.as_ref().map_or(usize::MAX, Sections::len);
    let scratch = bound(tight.map(|item| item.src.len()).max().unwrap_or(0).min(most));
    let classes = SIZE_CLASSES.into_iter().filter(|&class| class < longest).chain([longest]);
    let memory = classes.map(|len| Recipe::new(options, len.min(most)).memory()).max().unwrap_or(0);
    let memory = memory.max(sections.map_or(0, |sections| sections.memory()));
    let progress = CallProgress::new(options, Some(total));
    let new = || CompressLane {
        options,
        progress: &progress,
        memory,
        compressor: None,
        recipe: None,
        scratch: Vec::new(),
    };
    run(Kind::CompressBatch, items, &options.control(memory + scratch, 0)?, new, CompressLane::item)?;
    progress.finish(total)?;
    Ok(())
}

/// Decompresses every item: all its frames, one after the other. `max_output` is a limit of each item.
///
/// # Errors
/// The failure of an item is its result, as for `decompress`, with offsets inside the item. The call
/// fails with [`ErrorKind::Cancelled`], [`ErrorKind::InvalidArgument`], [`ErrorKind::LimitExceeded`]:
/// `max_memory`, and the errors of starting the pool.
pub fn decompress_batch(items: &mut [BatchItem<'_>], options: &Options<'_>) -> Result<()> {
    options.check()?;
    let progress = CallProgress::new(options, None);
    let control = options.control(decode::memory(), 0)?;
    let all = Options { max_lanes: control.max_lanes, ..*options };
    let waiting = items.iter().filter(|item| item.result.is_none());
    let (outer, inner) = decompress::split_lanes(waiting.map(about), &all);
    let each = all.shared_by(outer, inner);
    let new = || DecompressLane { options: &each, progress: &progress, decoder: Decoder::new(options) };
    let control = Control { max_lanes: outer, ..control };
    run(Kind::DecompressBatch, items, &control, new, DecompressLane::item)?;
    let written =
        |item: &BatchItem<'_>| item.result.as_ref().and_then(|result| result.as_ref().ok().copied());
    progress.finish(items.iter().filter_map(written).map(|size| size as u64).sum())?;
    Ok(())
}

/// How much an item decodes to, as far as its first header and the room tell.
fn about(item: &BatchItem<'_>) -> u64 {
    let told = match item.src.len() {
        0..SHORT => None, // decoded by one lane in any case
        _ => Frames::new(item.src).start().ok().and_then(|frame| frame.content_size),
    };
    told.unwrap_or(item.src.len() as u64).min(item.dst.len() as u64)
}

/// Runs `work` for every item without a result. A trace says `kind` of it.
fn run<S: Send>(
    kind: Kind,
    items: &mut [BatchItem<'_>],
    control: &Control<'_>,
    new: impl Fn() -> S,
    work: impl Fn(&mut S, usize, &[u8], &mut [MaybeUninit<u8>]) -> Result<usize> + Sync,
) -> Result<()> {
    let count = items.len();
    trace::when_first_call();
    let mark = Mark::now(trace::CODEC);
    let cells = cells(items)?;
    let result = job::run_many(count, control, new, |index, state| {
        // Locked once, by the lane that has claimed the item.
        let mut item = cells[index].lock().unwrap_or_else(PoisonError::into_inner);
        if item.result.is_some() {
            return Ok(());
        }
        match work(state, index, item.src, item.dst) {
            // The call is cancelled; the item is not at fault.
            Err(error) if error.kind() == ErrorKind::Cancelled => return Err(error),
            result => {
                if let Ok(size) = result {
                    count_bytes(item.src.len() as u64, size as u64);
                }
                item.result = Some(result);
            }
        }
        Ok(())
    });
    mark.end(kind, [count as u64, 0, 0, 0, 0]);
    result
}

fn cells<'i, 'a>(items: &'i mut [BatchItem<'a>]) -> Result<Vec<Mutex<&'i mut BatchItem<'a>>>> {
    let mut cells = Vec::new();
    memory::reserve(&mut cells, items.len())?;
    cells.extend(items.iter_mut().map(Mutex::new));
    Ok(cells)
}

fn bound(len: usize) -> usize {
    zstd_safe::compress_bound(len)
}

/// The most bytes that one item may become.
fn limit(options: &Options<'_>) -> usize {
    usize::try_from(options.max_output()).unwrap_or(usize::MAX)
}

/// What a lane keeps between the items that it compresses.
struct CompressLane<'o> {
    options: &'o Options<'o>,
    progress: &'o CallProgress<'o>,
    /// The most memory that the context may need.
    memory: usize,
    compressor: Option<InUse<Compressor>>,
    /// The recipe of the last item, and the length that it is for.
    recipe: Option<(usize, Recipe)>,
    scratch: Vec<u8>,
}

impl CompressLane<'_> {
    fn item(&mut self, index: usize, src: &[u8], dst: &mut [MaybeUninit<u8>]) -> Result<usize> {
        let large = src.len() > SMALLEST || self.options.prefix.is_some();
        if large && Sections::new(self.options, Some(src.len() as u64)).is_some() {
            // One after the other, in this lane.
            let options = Options { max_lanes: 1, max_memory: 0, progress: None, ..*self.options };
            let size = super::compress::compress_uncounted(src, dst, &options)?;
            self.progress.add(src.len())?;
            return Ok(size);
        }
        let limit = limit(self.options);
        let room = dst.len().min(limit);
        let Self { recipe, compressor, scratch, .. } = self;
        if recipe.as_ref().is_none_or(|(len, _)| *len != src.len()) {
            *recipe = Some((src.len(), Recipe::new(self.options, src.len())));
        }
        let (_, recipe) = recipe.as_ref().expect("just made");
        let bytes = recipe.bytes(src.len() as u64);
        let fit = |context: &mut InUse<Compressor>| context.has_life_for(bytes) && context.reset();
        if !compressor.as_mut().is_some_and(fit) {
            *compressor = Some(InUse::take(self.memory, bytes)?);
        }
        let context = compressor.as_mut().expect("just made");
        if room >= bound(src.len()) || recipe.fits_exactly() {
            let size =
                recipe.encode_with(context, index, src, &mut Uninit::new(&mut dst[..room]), self.progress)?;
            return size.ok_or_else(|| no_room(src.len(), dst.len(), limit));
        }
        // The bytes must not depend on the room: the frame is compressed apart from `dst`, then copied.
        let need = bound(src.len());
        if scratch.capacity() < need {
            memory::reserve(scratch, need)?;
        }
        let scratch = &mut scratch.spare_capacity_mut()[..need];
        match recipe.encode_with(context, index, src, &mut Uninit::new(scratch), self.progress)? {
            Some(size) if size <= room => {
                dst[..size].copy_from_slice(&scratch[..size]);
                Ok(size)
            }
            _ => Err(no_room(src.len(), dst.len(), limit)),
        }
    }
}

fn no_room(len: usize, room: usize, limit: usize) -> Error {
    if limit < room {
        let what = format!("the frame does not fit within max_output of {limit} bytes");
        return Error::new(ErrorKind::LimitExceeded, what);
    }
    let what = format!("the frame does not fit into {room} bytes; {} are always enough", bound(len));
    Error::new(ErrorKind::BufferTooSmall, what).with_needed(bound(len) as u64)
}

/// What a lane keeps between the items that it decompresses.
struct DecompressLane<'o> {
    options: &'o Options<'o>,
    progress: &'o CallProgress<'o>,
    decoder: Decoder<'o>,
}

impl DecompressLane<'_> {
    fn item(&mut self, _: usize, src: &[u8], dst: &mut [MaybeUninit<u8>]) -> Result<usize> {
        let complete = self.options.complete;
        let table = SeekTable::find(src).filter(|table| complete || table.has_checksums());
        if complete && table.is_none() {
            return Err(seek_table::incomplete());
        }
        let sizes = sizes(src, self.options)?;
        let limit = limit(self.options);
        let capacity = dst.len();
        let room = capacity.min(limit);
        let no_room = |total: Option<u64>| {
            let size = total.map_or("more".to_owned(), |total| format!("{total} bytes"));
            if limit < capacity || total.is_some_and(|total| total > limit as u64) {
                let what = format!("the data decompresses to {size}, max_output is {limit}");
                return Error::new(ErrorKind::LimitExceeded, what);
            }
            let what = format!("the data decompresses to {size}, dst holds {capacity}");
            let error = Error::new(ErrorKind::BufferTooSmall, what);
            match total {
                Some(total) => error.with_needed(total),
                None => error,
            }
        };
        if sizes.least > room as u64 {
            return Err(no_room(sizes.total));
        }
        let Self { options, progress, decoder } = self;
        let dst = &mut dst[..room];
        let decoded = match table {
            None => frames(src, Frames::new(src), dst, decoder, options, progress).map(|len| (len, true)),
            Some(table) => frames_of_table(src, table, dst, decoder, options, progress),
        };
        match decoded {
            Err(error) if error.kind() == ErrorKind::BufferTooSmall => Err(no_room(None)),
            Err(error) => Err(error),
            Ok((_, false)) if complete => Err(seek_table::incomplete()),
            Ok((written, _)) => Ok(written),
        }
    }
}

/// The bytes that all frames of an item decode to.
struct Sizes {
    least: u64,
    /// Known if all frames tell their sizes.
    total: Option<u64>,
}

fn sizes(src: &[u8], options: &Options<'_>) -> Result<Sizes> {
    let mut sizes = Sizes { least: 0, total: Some(0) };
    for frame in Frames::new(src) {
        let frame = frame?;
        limits::check(&frame, options)?;
        sizes.least = sizes.least.saturating_add(frame.content_size.unwrap_or(frame.least));
        sizes.total = sizes.total.zip(frame.content_size).and_then(|(total, size)| total.checked_add(size));
    }
    Ok(sizes)
}
