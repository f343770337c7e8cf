//! Decompressing a buffer into a buffer.

use super::decode::{self, Decoder};
use super::frame::{Frame, Frames};
use super::options::Options;
use super::raw::{self, Uninit};
use super::spans::{self, Span};
use super::watch::Watch;
use crate::error::{Error, ErrorKind, Result};
use crate::job;
use crate::memory;
use std::mem::MaybeUninit;
use std::sync::{Mutex, PoisonError};

/// How many bytes `src` decompresses to, by the headers of its frames. It reads a few bytes of every block, and refuses sizes that
/// the blocks cannot have; still a few bytes may truly declare a size 30,000 times as large.
///
/// # Errors
/// [`ErrorKind::Unsupported`]: a frame does not tell; [`ErrorKind::NotZstd`], [`ErrorKind::Truncated`], [`ErrorKind::Corrupt`]. The
/// position is the frame's offset.
pub fn decompressed_size(src: &[u8]) -> Result<u64> {
    spans::declared_size(src)
}

/// Decompresses all frames of `src` into `dst`, in parallel where they tell their sizes; returns how many bytes of `dst` are
/// written from its start on. Bytes after them may be overwritten too; after a failure none of them means anything.
///
/// # Errors
/// [`ErrorKind::NotZstd`], [`ErrorKind::Truncated`], [`ErrorKind::Corrupt`], [`ErrorKind::Checksum`], [`ErrorKind::Dictionary`]: the data;
/// the position is the frame's offset. [`ErrorKind::BufferTooSmall`], with the size in [`Error::needed`] if the frames tell.
/// [`ErrorKind::LimitExceeded`]: `max_output`, `max_memory` or `window_log`. [`ErrorKind::Cancelled`],
/// [`ErrorKind::InvalidArgument`], [`ErrorKind::OutOfMemory`], and those of starting the pool.
pub fn decompress(src: &[u8], dst: &mut [MaybeUninit<u8>], options: &Options<'_>) -> Result<usize> {
    options.check()?;
    let room = usize::try_from(options.max_output()).unwrap_or(usize::MAX).min(dst.len());
    let limited = options.max_output() <= dst.len() as u64;
    let dst = &mut dst[..room];

    let mut attempted = None;
    if let Some((spans, total)) = spans::of_table(src, room)? {
        let watch = Watch::new(options, Some(total));
        match in_parallel(src, dst, &spans, options, &watch) {
            Ok(()) => {
                watch.finish(total)?;
                return Ok(total as usize); // at most `room`
            }
            // The table was only a hint: what is wrong, the data or the table, is found out without it.
            Err(error) if is_about_data(&error) => attempted = Some(watch),
            Err(error) => return Err(error),
        }
    }

    // What is wrong with data that is not a single frame is found out below.
    let mut frame = Frame::default();
    if matches!(Frames::new(src).read_next(&mut frame), Ok(true)) && frame.len == src.len() {
        if let (false, Some(size)) = (frame.skippable, frame.content_size) {
            return alone(src, &frame, size, dst, limited, options);
        }
    }

    let walked = spans::walk(src, |frame| spans::check(frame, options))?;
    if walked.least > room as u64 {
        return Err(no_room(walked.total, limited, options, room));
    }
    let watch = Watch::after(attempted, options, walked.total);
    let written = match walked.total {
        Some(total) => {
            in_parallel(src, dst, &walked.spans, options, &watch)?;
            total as usize // at most `room`
        }
        None => match serially(src, dst, options, &watch) {
            Err(error) if error.kind() == ErrorKind::BufferTooSmall && limited => {
                let limit = no_room(None, limited, options, room);
                return Err(limit.at(error.position().unwrap_or_default()));
            }
            result => result?,
        },
    };
    watch.finish(written as u64)?;
    Ok(written)
}

/// Decodes a frame that is all of `src`, on the calling thread: there is nothing to plan, nor to share out.
fn alone(
    src: &[u8],
    frame: &Frame,
    size: u64,
    dst: &mut [MaybeUninit<u8>],
    limited: bool,
    options: &Options<'_>,
) -> Result<usize> {
    spans::check(frame, options)?;
    if size > dst.len() as u64 {
        return Err(no_room(Some(size), limited, options, dst.len()));
    }
    options.control(decode::memory(), 0)?; // is there enough of it?
    let watch = Watch::new(options, Some(size));
    watch.add(0)?;
    let place = &mut dst[..size as usize]; // at most its length
    let written = Decoder::new(options).frame(src, frame, &mut Uninit::new(place), &watch)?;
    watch.finish(size)?;
    Ok(written)
}

/// The output is larger than the room for it.
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

/// Decodes spans, which lie one after the other in `dst` too.
fn in_parallel(
    src: &[u8],
    mut dst: &mut [MaybeUninit<u8>],
    spans: &[Span],
    options: &Options<'_>,
    watch: &Watch<'_>,
) -> Result<()> {
    let mut places = Vec::new();
    memory::reserve(&mut places, spans.len())?;
    for span in spans {
        let (place, rest) = dst.split_at_mut(span.len as usize); // their sum is at most the length
        places.push(Mutex::new(place)); // each is locked once, by the task that fills it
        dst = rest;
    }
    let bookkeeping = spans.len() * (size_of::<Span>() + size_of::<Mutex<&mut [u8]>>());
    let control = options.control(decode::memory(), bookkeeping)?;
    job::run_tasks(spans.len(), &control, |index, _lane| {
        let mut place = places[index].lock().unwrap_or_else(PoisonError::into_inner);
        let span = &spans[index];
        let within = Frames::within(src, span.src.clone(), span.first);
        let written = frames(src, within, &mut place, &mut Decoder::new(options), options, watch)?;
        if written != place.len() {
            return Err(Error::new(ErrorKind::Corrupt, "the seek table is wrong").at(span.src.start as u64));
        }
        Ok(())
    })
}

/// Decodes all frames on the calling thread.
fn serially(
    src: &[u8],
    dst: &mut [MaybeUninit<u8>],
    options: &Options<'_>,
    watch: &Watch<'_>,
) -> Result<usize> {
    let control = options.control(decode::memory(), 0)?;
    let place = Mutex::new((dst, 0));
    job::run_tasks(1, &control, |_, _| {
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        place.1 = frames(src, Frames::new(src), place.0, &mut Decoder::new(options), options, watch)?;
        Ok(())
    })?;
    Ok(place.into_inner().unwrap_or_else(PoisonError::into_inner).1)
}

/// Decodes some frames one after the other into `dst`; returns how many bytes are written.
pub(super) fn frames(
    src: &[u8],
    frames: Frames<'_>,
    dst: &mut [MaybeUninit<u8>],
    decoder: &mut Decoder<'_>,
    options: &Options<'_>,
    watch: &Watch<'_>,
) -> Result<usize> {
    let mut written = 0;
    for frame in frames {
        let frame = frame?;
        spans::check(&frame, options)?;
        if frame.skippable {
            continue;
        }
        let room = &mut dst[written..];
        let place = match frame.content_size.map(usize::try_from) {
            None => room,
            Some(Ok(size)) if size <= room.len() => &mut room[..size],
            Some(_) => {
                let what = format!("it does not fit into the {} bytes left", room.len());
                return Err(frame.error(ErrorKind::BufferTooSmall, what));
            }
        };
        written += decoder.frame(src, &frame, &mut Uninit::new(place), watch)?;
    }
    Ok(written)
}

/// Decompresses `src` into a new vector, of the size that the frames tell, or, where they do not, of the most that they can
/// decode to. Set `max_output` for data that is not trusted.
///
/// # Errors
/// Those of [`decompress`].
pub fn decompress_to_vec(src: &[u8], options: &Options<'_>) -> Result<Vec<u8>> {
    options.check()?;
    let walked = spans::walk(src, |frame| spans::check(frame, options))?;
    let limit = options.max_output();
    if walked.least > limit {
        return Err(no_room(walked.total, true, options, 0));
    }
    let capacity = usize::try_from(walked.total.unwrap_or(walked.most).min(limit)).unwrap_or(usize::MAX);
    // SAFETY: `decompress` returns how many bytes it has written.
    let mut bytes = unsafe { raw::fill_vec(capacity, |dst| decompress(src, dst, options))? };
    bytes.shrink_to_fit();
    Ok(bytes)
}
