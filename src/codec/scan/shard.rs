//! Shards: the parts of an archive that several machines scan, cut at frames.
#![forbid(unsafe_code)]

use super::plan::Plan;
use super::ScanOptions;
use crate::codec::archive::Archive;
use crate::error::{Error, ErrorKind, Result};
use std::ops::Range;

/// A part of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Where it begins in the content: with `size` the part that is to be scanned.
    pub offset: u64,
    /// Its bytes.
    pub size: u64,
    /// The first frame that is to be read for it.
    pub first_frame: u64,
    /// How many frames are.
    pub frames: u64,
}

/// Shard `index` of `shards` of the part that `options` ask for; arithmetic only. A record belongs to the
/// shard of the frame where it begins. Lines belong to the shard where they begin; the last may reach into
/// frames behind it.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`]: `index` is not below `shards`, or the options, as [`archive_for`].
///
/// [`archive_for`]: super::archive_for
pub fn archive_shard(
    archive: &Archive<'_>,
    options: &ScanOptions<'_>,
    shards: u64,
    index: u64,
) -> Result<Shard> {
    if index >= shards {
        let text = format!("index is {index}, but there are {shards} shards");
        return Err(Error::new(ErrorKind::InvalidArgument, text));
    }
    let (part, record) = Plan::part(archive, options)?;
    let cut = |number| cut(archive, &part, record, shards, number);
    let (begin, end) = (cut(index), cut(index + 1));
    if begin == end {
        let frames = archive.frames() as u64;
        return Ok(Shard { offset: archive.size(), size: 0, first_frame: frames, frames: 0 });
    }
    let (first, last) = (archive.frame_at(begin) as u64, archive.frame_at(end - 1) as u64);
    Ok(Shard { offset: begin, size: end - begin, first_frame: first, frames: last - first + 1 })
}

/// Where shard `number` begins: the frame's edge that is nearest to its share of the bytes, and the first
/// record from there on.
fn cut(archive: &Archive<'_>, part: &Range<u64>, record: u64, shards: u64, number: u64) -> u64 {
    let len = part.end - part.start;
    if number == shards || len == 0 {
        return part.end;
    }
    let share = (u128::from(len) * u128::from(number) / u128::from(shards)) as u64; // at most `len`
    if share == 0 {
        return part.start;
    }
    let ideal = part.start + share;
    if ideal >= part.end {
        return part.end;
    }
    let content = archive.content(archive.frame_at(ideal));
    let nearest = if ideal - content.start <= content.end - ideal { content.start } else { content.end };
    let from = nearest.clamp(part.start, part.end) - part.start;
    let at = from.div_ceil(record).saturating_mul(record);
    part.start.saturating_add(at).min(part.end)
}
