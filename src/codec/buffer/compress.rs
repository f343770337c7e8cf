//! Compressing a buffer into a buffer.

use super::batch::SIZE_CLASSES;
use super::frame_layout::FrameLayout;
use super::output::{Output, OutputSlot};
use super::single_frame;
use crate::codec::context;
use crate::codec::context::cache::Cached;
use crate::codec::context::contexts::Compressor;
use crate::codec::context::encode::{Recipe, BLOCK, SLACK};
use crate::codec::format::seek_table;
use crate::codec::frame::sections::Sections;
use crate::codec::libzstd::calls::{self, Uninit};
use crate::codec::options::progress::CallProgress;
use crate::codec::options::Options;
use crate::error::{Error, ErrorKind, Result};
use crate::job;
use crate::memory;
use crate::pool::{count_bytes, spend, Spent};
use crate::trace::{self, Kind, Mark};
use std::borrow::Cow;
use std::mem::MaybeUninit;
use zstd::zstd_safe;

/// A capacity that is enough for compressing any `len` bytes with these options.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`]: an option is out of range, or the capacity would exceed the largest
/// buffer.
pub fn compress_bound(len: usize, options: &Options<'_>) -> Result<usize> {
    let options = &options.compressing()?;
    fits_memory(FrameLayout::bound_for(len, options)?)
}

fn fits_memory(bound: Option<usize>) -> Result<usize> {
    bound.ok_or_else(|| {
        Error::new(ErrorKind::InvalidArgument, "the output could be larger than any buffer can be")
    })
}

/// Compresses `src` into `dst`, in parallel; returns how many bytes of `dst` are written from its start on.
///
/// Frames are compressed straight into `dst`, so bytes after the result may be overwritten too. `dst` may be
/// smaller than [`compress_bound`] says, if the result fits; then there is less parallelism. The result
/// depends on `src` and the options, never on threads or on the room.
///
/// # Errors
/// [`ErrorKind::BufferTooSmall`] with a size that is enough in [`Error::needed`];
/// [`ErrorKind::LimitExceeded`]: `max_output`, or (before any work) `max_memory`; [`ErrorKind::Cancelled`],
/// [`ErrorKind::InvalidArgument`], [`ErrorKind::OutOfMemory`]; and the errors of starting the pool. The
/// position is a frame's number.
pub fn compress(src: &[u8], dst: &mut [MaybeUninit<u8>], options: &Options<'_>) -> Result<usize> {
    trace::when_first_call();
    let mark = Mark::now(trace::CODEC);
    let compressed = spend(Spent::Codec, || compress_uncounted(src, dst, options));
    let size = *compressed.as_ref().unwrap_or(&0) as u64;
    mark.end(Kind::Compress, [src.len() as u64, size, 0, 0, 0]);
    compressed.inspect(|_| count_bytes(src.len() as u64, size))
}

/// The same, for a part of a call that counts its bytes itself.
pub(super) fn compress_uncounted(
    src: &[u8],
    dst: &mut [MaybeUninit<u8>],
    options: &Options<'_>,
) -> Result<usize> {
    let options = &options.compressing()?;
    let progress = CallProgress::new(options, Some(src.len() as u64));
    let layout = FrameLayout::of(src, options, &progress)?;
    let bound = fits_memory(layout.bound())?;
    let recipes = Recipes::new(options, &layout);
    let room = Room::new(dst.len(), bound, options);
    let capacity = room.capacity;
    if let Some(sections) = Sections::new(options, Some(src.len() as u64)) {
        return single_frame::compress(src, dst, &room, options, &progress, layout, &sections);
    }

    // With less room than the bound a frame may have to be compressed apart from `dst`: see `squeeze`.
    let scratch = if room.is_tight() { recipes.scratch() } else { 0 };
    let control = options.control(recipes.memory(), scratch + Output::bookkeeping(&layout))?;
    if layout.frames() == 1 && !room.is_tight() {
        // A single frame leaves nothing to share out, and there is room for the largest result.
        progress.add(0)?;
        let slot = &mut dst[..bound - layout.tail()];
        let size = recipes.first.encode(0, src, &mut Uninit::new(slot), &progress)?;
        let size = size.ok_or_else(|| room.error(0))?;
        let written = add_table(dst, size, &layout, [(size as u32, src.len() as u32)].into_iter()); // of 1 GiB
        progress.finish(src.len() as u64)?;
        return Ok(written);
    }
    let lanes = layout.frames().min(context::lanes(control.max_lanes)? as usize);
    let _lease = Compressor::cache().reserve(lanes, recipes.memory());
    // The end of `dst` is kept for the seek table, so that the table fits when the frames do.
    let output = Output::new(&mut dst[..capacity.saturating_sub(layout.tail())], layout.clone())?;
    job::run_tasks(layout.frames(), &control, |frame, _lane| {
        let part = &src[layout.range(frame)];
        let recipe = recipes.of(part.len());
        let mut claim = output.claim(frame);
        let size = match claim.slot()? {
            OutputSlot::Rest(dst) if !recipe.fits_exactly() => squeeze(part.len(), dst, |scratch| {
                recipe.encode(frame, part, &mut Uninit::new(scratch), &progress)
            })?,
            OutputSlot::Rest(dst) | OutputSlot::Slot(dst) => {
                recipe.encode(frame, part, &mut Uninit::new(dst), &progress)?
            }
        };
        let size = size.ok_or_else(|| room.error(frame))?;
        claim.finish(size);
        Ok(())
    })?;
    let (written, sizes) = output.into_sizes();
    let entry = |(frame, compressed)| (compressed, layout.range(frame).len() as u32); // of 1 GiB at most
    let written = add_table(dst, written, &layout, sizes.into_iter().enumerate().map(entry));
    progress.finish(src.len() as u64)?;
    Ok(written)
}

/// Adds the seek table of these (compressed, decompressed) sizes to the `written` bytes, if there is to
/// be any.
pub(super) fn add_table(
    dst: &mut [MaybeUninit<u8>],
    written: usize,
    layout: &FrameLayout,
    entries: impl ExactSizeIterator<Item = (u32, u32)>,
) -> usize {
    let table = &mut dst[written..written + layout.table_len()];
    if !table.is_empty() {
        seek_table::write(table, entries);
    }
    written + table.len()
}

/// How to compress the frames of an input: unless the content cuts it they have at most two lengths.
struct Recipes<'o> {
    options: &'o Options<'o>,
    first: Recipe,
    first_len: usize,
    last: Recipe,
    last_len: usize,
}

impl<'o> Recipes<'o> {
    fn new(options: &'o Options<'_>, layout: &FrameLayout) -> Self {
        let (first_len, last_len) = (layout.largest(), layout.range(layout.frames() - 1).len());
        let first = Recipe::new(options, first_len);
        let last = if last_len == first_len { first.clone() } else { Recipe::new(options, last_len) };
        Self { options, first, first_len, last, last_len }
    }

    fn of(&self, len: usize) -> Cow<'_, Recipe> {
        if len == self.first_len {
            Cow::Borrowed(&self.first)
        } else if len == self.last_len {
            Cow::Borrowed(&self.last)
        } else {
            Cow::Owned(Recipe::new(self.options, len))
        }
    }

    /// The most memory that a lane needs.
    fn memory(&self) -> usize {
        let both = self.first.memory().max(self.last.memory());
        if !self.options.rsyncable {
            return both;
        }
        let classes = SIZE_CLASSES.into_iter().filter(|&class| class < self.first_len);
        classes.map(|len| Recipe::new(self.options, len).memory()).fold(both, usize::max)
    }

    /// The most memory that a lane needs where there may be too little room: for `squeeze`, or for a block.
    fn scratch(&self) -> usize {
        zstd_safe::compress_bound(self.first_len.min(BLOCK)) + SLACK
    }
}

/// The room that there is for a result.
pub(super) struct Room {
    pub(super) capacity: usize,
    bound: usize,
    limited: bool,
}

impl Room {
    fn new(dst_len: usize, bound: usize, options: &Options<'_>) -> Self {
        let capacity = usize::try_from(options.max_output()).unwrap_or(usize::MAX).min(dst_len);
        Self { capacity, bound, limited: capacity < dst_len }
    }

    /// Whether it may be too little.
    pub(super) fn is_tight(&self) -> bool {
        self.capacity < self.bound
    }

    /// The error where it is too little for a frame.
    pub(super) fn error(&self, frame: usize) -> Error {
        let Self { capacity, bound, limited } = self;
        let error = if *limited {
            let what = format!("frame {frame} does not fit within max_output of {capacity} bytes");
            Error::new(ErrorKind::LimitExceeded, what)
        } else {
            let what =
                format!("frame {frame} does not fit within {capacity} bytes; {bound} are always enough");
            Error::new(ErrorKind::BufferTooSmall, what).with_needed(*bound as u64)
        };
        error.at(frame as u64)
    }
}

/// Compresses `len` bytes that may not fit into `dst`: into memory of their own, because the bytes of the
/// result must not depend on the room, then copies it. Only one frame at a time does this: the lowest, when
/// it is alone.
pub(super) fn squeeze(
    len: usize,
    dst: &mut [MaybeUninit<u8>],
    encode: impl FnOnce(&mut [MaybeUninit<u8>]) -> Result<Option<usize>>,
) -> Result<Option<usize>> {
    let mut scratch = Vec::<u8>::new();
    let bound = zstd_safe::compress_bound(len);
    memory::reserve(&mut scratch, bound)?;
    let scratch = &mut scratch.spare_capacity_mut()[..bound];
    let size = encode(scratch)?;
    Ok(size.filter(|&size| size <= dst.len()).inspect(|&size| dst[..size].copy_from_slice(&scratch[..size])))
}

/// Compresses `src` into a new vector.
///
/// # Errors
/// Those of [`compress`], and [`ErrorKind::OutOfMemory`].
///
/// ```
/// use fastpar::codec::{compress_to_vec, decompress_to_vec, Options};
///
/// let text = b"many happy returns ".repeat(1000);
/// let packed = compress_to_vec(&text, &Options::default())?;
/// assert!(packed.len() < 100);
/// assert_eq!(decompress_to_vec(&packed, &Options::default())?, text);
/// # Ok::<(), fastpar::Error>(())
/// ```
pub fn compress_to_vec(src: &[u8], options: &Options<'_>) -> Result<Vec<u8>> {
    let capacity = compress_bound(src.len(), options)?;
    // SAFETY: `compress` returns how many bytes it has written.
    let mut bytes = unsafe { calls::fill_vec(capacity, |dst| compress(src, dst, options))? };
    bytes.shrink_to_fit();
    Ok(bytes)
}
