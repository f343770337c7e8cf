//! Decompressing a buffer into a buffer.

use super::frame_groups::{self, FrameGroup};
use crate::codec::context::decode::{self, Decoder};
use crate::codec::format::frame::{Frame, Frames};
use crate::codec::format::seek_table::{self, SeekTable};
use crate::codec::frame::decompress::{self, frames};
use crate::codec::libzstd::calls;
use crate::codec::options::limits;
use crate::codec::options::progress::CallProgress;
use crate::codec::options::Options;
use crate::error::{Error, ErrorKind, Result};
use crate::job::{self, Control};
use crate::memory;
use crate::pool::{count_bytes, spend, Spent};
use crate::trace::{self, Kind, Mark};
use std::mem::MaybeUninit;
use std::sync::{Mutex, PoisonError};

/// How many bytes `src` decompresses to, by the headers of its frames. The function reads a few bytes of
/// every block, and refuses sizes that the blocks cannot have. Even so a few bytes of input may truly decode
/// to 30,000 times as many.
///
/// # Errors
/// [`ErrorKind::Unsupported`]: a frame does not tell its size; [`ErrorKind::NotZstd`],
/// [`ErrorKind::Truncated`], [`ErrorKind::Corrupt`]. The position is the frame's offset.
pub fn decompressed_size(src: &[u8]) -> Result<u64> {
    frame_groups::declared_size(src)
}

/// Decompresses all frames of `src` into `dst`, in parallel if the frames tell their sizes; returns how many
/// bytes of `dst` are written from its start on. Bytes after them may be overwritten too. After a failure the
/// content of `dst` is undefined.
///
/// # Errors
/// The data: [`ErrorKind::NotZstd`], [`ErrorKind::Truncated`], [`ErrorKind::Corrupt`],
/// [`ErrorKind::Checksum`] (also one that the seek table tells), [`ErrorKind::Dictionary`]; the
/// position is the frame's offset. [`ErrorKind::BufferTooSmall`], with the size in [`Error::needed`] if
/// the frames tell it. [`ErrorKind::LimitExceeded`]: `max_output`, `max_memory` or `window_log`.
/// [`ErrorKind::Cancelled`], [`ErrorKind::InvalidArgument`], [`ErrorKind::OutOfMemory`], and the errors
/// of starting the pool.
pub fn decompress(src: &[u8], dst: &mut [MaybeUninit<u8>], options: &Options<'_>) -> Result<usize> {
    trace::when_first_call();
    let mark = Mark::now(trace::CODEC);
    let decompressed = spend(Spent::Codec, || decompress_uncounted(src, dst, options));
    let size = *decompressed.as_ref().unwrap_or(&0) as u64;
    mark.end(Kind::Decompress, [src.len() as u64, size, 0, 0, 0]);
    decompressed.inspect(|_| count_bytes(src.len() as u64, size))
}

fn decompress_uncounted(src: &[u8], dst: &mut [MaybeUninit<u8>], options: &Options<'_>) -> Result<usize> {
    options.check()?;
    let room = usize::try_from(options.max_output()).unwrap_or(usize::MAX).min(dst.len());
    let limited = options.max_output() <= dst.len() as u64;
    let dst = &mut dst[..room];

    let table = SeekTable::find(src);
    if options.complete && table.is_none() {
        return Err(seek_table::incomplete());
    }
    let mut attempted = None;
    if let Some((table, groups, total)) = frame_groups::of_table(table, room)? {
        let progress = CallProgress::new(options, Some(total));
        match in_parallel(src, dst, &groups, Some(table), options, &progress) {
            Ok(()) => {
                progress.finish(total)?;
                return Ok(total as usize); // at most `room`
            }
            // What decodes, but to something else than the writer of the table had.
            Err(error) if seek_table::is_mismatch(&error) => return Err(error),
            // The seek table is only a hint. Decoding without it finds out whether the data or the table is
            // wrong.
            Err(error) if is_about_data(&error) => attempted = Some(progress),
            Err(error) => return Err(error),
        }
    }

    let written = without_table(src, dst, attempted, limited, options)?;
    match options.complete {
        true => Err(seek_table::incomplete()), // the table tells other frames
        false => Ok(written),
    }
}

/// The same by the headers of the frames. `attempted`: the progress of an attempt by the seek table.
fn without_table<'o>(
    src: &[u8],
    dst: &mut [MaybeUninit<u8>],
    attempted: Option<CallProgress<'o>>,
    limited: bool,
    options: &Options<'o>,
) -> Result<usize> {
    let room = dst.len();
    // Not a single whole frame: the general way below finds out what is wrong, if anything is.
    let mut frame = Frame::default();
    if matches!(Frames::new(src).read_next(&mut frame), Ok(true)) && frame.len == src.len() {
        if let (false, Some(size)) = (frame.skippable, frame.content_size) {
            return alone(src, &frame, size, dst, limited, options);
        }
    }

    let walked = frame_groups::walk(src, options)?;
    if walked.least > room as u64 {
        return Err(no_room(walked.total, limited, options, room));
    }
    let progress = CallProgress::after(attempted, options, walked.total);
    let written = match walked.total {
        Some(total) => {
            in_parallel(src, dst, &walked.groups, None, options, &progress)?;
            total as usize // at most `room`
        }
        None => match serially(src, dst, options, &progress) {
            Err(error) if error.kind() == ErrorKind::BufferTooSmall && limited => {
                let limit = no_room(None, limited, options, room);
                return Err(limit.at(error.position().unwrap_or_default()));
            }
            result => result?,
        },
    };
    progress.finish(written as u64)?;
    Ok(written)
}

/// Decodes a frame that is all of `src`: by several lanes, or on the calling thread.
fn alone(
    src: &[u8],
    frame: &Frame,
    size: u64,
    dst: &mut [MaybeUninit<u8>],
    limited: bool,
    options: &Options<'_>,
) -> Result<usize> {
    limits::check(frame, options)?;
    if size > dst.len() as u64 {
        return Err(no_room(Some(size), limited, options, dst.len()));
    }
    options.control(decode::memory(), 0)?; // is there enough memory?
    let progress = CallProgress::new(options, Some(size));
    progress.add(0)?;
    let slot = &mut dst[..size as usize]; // at most its length
    let mut decoder = Decoder::new(options);
    let written = decompress::frame(src, frame, slot, &mut decoder, options, &progress)?;
    progress.finish(size)?;
    Ok(written)
}

/// The error for an output that is larger than the room for it.
fn no_room(total: Option<u64>, limited: bool, options: &Options<'_>, room: usize) -> Error {
    let size = total.map_or("more".to_owned(), |total| format!("{total} bytes"));
    if limited {
        let what = format!("the data decompresses to {size}, max_output is {}", options.max_output());
        return Error::new(ErrorKind::LimitExceeded, what);
    }
    let what = format!("the data decompresses to {size}, dst holds {room}");
    let error = Error::new(ErrorKind::BufferTooSmall, what);
    match total {
        Some(total) => error.with_needed(total),
        None => error,
    }
}

/// Whether an error says something about the data, rather than about the call.
fn is_about_data(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Corrupt
            | ErrorKind::Checksum
            | ErrorKind::Truncated
            | ErrorKind::Dictionary
            | ErrorKind::NotZstd
            | ErrorKind::BufferTooSmall
    ) || error.kind() == ErrorKind::LimitExceeded && error.position().is_some()
}

/// Decodes groups of frames in parallel; their contents lie one after the other in `dst`. What a seek table
/// tells of them is checked.
fn in_parallel(
    src: &[u8],
    mut dst: &mut [MaybeUninit<u8>],
    groups: &[FrameGroup],
    table: Option<SeekTable<'_>>,
    options: &Options<'_>,
    progress: &CallProgress<'_>,
) -> Result<()> {
    let mut slots = Vec::new();
    memory::reserve(&mut slots, groups.len())?;
    for group in groups {
        let (slot, rest) = dst.split_at_mut(group.len as usize); // their sum is at most the length
        slots.push(Mutex::new(slot)); // each is locked once, by the task that fills it
        dst = rest;
    }
    let bookkeeping = groups.len() * (size_of::<FrameGroup>() + size_of::<Mutex<&mut [u8]>>());
    let control = options.control(decode::memory(), bookkeeping)?;
    let max_memory = options.max_memory.saturating_sub(bookkeeping as u64); // of a limit something is left
    let all = Options { max_memory, max_lanes: control.max_lanes, ..*options };
    let (outer, inner) = decompress::split_lanes(groups.iter().map(|group| group.len), &all);
    let each = all.shared_by(outer, inner);
    let control = Control { max_lanes: outer, ..control };
    job::run_tasks(groups.len(), &control, |index, _lane| {
        let mut slot = slots[index].lock().unwrap_or_else(PoisonError::into_inner);
        let group = &groups[index];
        let within = Frames::within(src, group.src.clone(), group.first);
        let written = frames(src, within, &mut slot, &mut Decoder::new(options), &each, progress)?;
        if written != slot.len() {
            return Err(Error::new(ErrorKind::Corrupt, "the seek table is wrong").at(group.src.start as u64));
        }
        // SAFETY: all of the slot was written.
        let content = unsafe { calls::filled(&slot) };
        table
            .filter(SeekTable::has_checksums)
            .map_or(Ok(()), |table| frame_groups::check(src, group, table, content, || progress.add(0)))
    })
}

/// Decodes all frames on the calling thread.
fn serially(
    src: &[u8],
    dst: &mut [MaybeUninit<u8>],
    options: &Options<'_>,
    progress: &CallProgress<'_>,
) -> Result<usize> {
    let control = options.control(decode::memory(), 0)?;
    let slot = Mutex::new((dst, 0));
    job::run_tasks(1, &control, |_, _| {
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        slot.1 = frames(src, Frames::new(src), slot.0, &mut Decoder::new(options), options, progress)?;
        Ok(())
    })?;
    Ok(slot.into_inner().unwrap_or_else(PoisonError::into_inner).1)
}

/// Decompresses `src` into a new vector. Its capacity is the size that the frames tell, or else the most that
/// the frames can decode to: set `max_output` for data that is not trusted.
///
/// # Errors
/// Those of [`decompress`].
pub fn decompress_to_vec(src: &[u8], options: &Options<'_>) -> Result<Vec<u8>> {
    options.check()?;
    let walked = frame_groups::walk(src, options)?;
    let limit = options.max_output();
    if walked.least > limit {
        return Err(no_room(walked.total, true, options, 0));
    }
    let capacity = usize::try_from(walked.total.unwrap_or(walked.most).min(limit)).unwrap_or(usize::MAX);
    // SAFETY: `decompress` returns how many bytes it has written.
    let mut bytes = unsafe { calls::fill_vec(capacity, |dst| decompress(src, dst, options))? };
    bytes.shrink_to_fit();
    Ok(bytes)
}
