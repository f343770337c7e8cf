//! From an archive to a compressed file, piece by piece.
#![forbid(unsafe_code)]

use super::files::{give_back, traced_as, wishes, FileStats};
use crate::codec::archive::Archive;
use crate::codec::io::output::Target;
use crate::codec::options::Options;
use crate::codec::scan::{archive_transform, Output, Piece, ScanOptions, TracedAs};
use crate::codec::stream::writer::Writer;
use crate::error::{Error, ErrorKind, Result};
use crate::os::float_env::FloatEnv;
use crate::trace::{self, Kind};
use std::path::Path;
use std::time::Instant;

/// Runs `body` for every piece of the content, in parallel, and compresses what the bodies write, in the
/// order of the pieces, into a file that appears when it is complete, as by
/// [`compress_file`](super::compress_file).
///
/// # Errors
/// Those of [`archive_for`](super::archive_for) and of `compress_file`; [`ErrorKind::InvalidArgument`]:
/// `target` options for lanes, memory, cancelling or progress: those are the scan's.
pub fn transform_file<B>(
    options: &ScanOptions<'_>,
    archive: &Archive<'_>,
    target: &Options<'_>,
    path: &Path,
    body: B,
) -> Result<FileStats>
where
    B: Fn(&Piece<'_>, &mut Output) -> Result<()> + Sync,
{
    traced_as(Kind::TransformFile, options.name, |traced| {
        transform_untraced(options, archive, target, path, traced, body)
    })
}

fn transform_untraced<B>(
    options: &ScanOptions<'_>,
    archive: &Archive<'_>,
    target: &Options<'_>,
    path: &Path,
    traced: Option<trace::Call>,
    body: B,
) -> Result<FileStats>
where
    B: Fn(&Piece<'_>, &mut Output) -> Result<()> + Sync,
{
    let start = Instant::now();
    let Options { max_lanes, max_memory, cancel, progress, .. } = *target;
    if max_lanes != 0 || max_memory != 0 || cancel.is_some() || progress.is_some() {
        let text =
            "max_lanes, max_memory, cancel and progress are those of the scan: expected zero for the target";
        return Err(Error::new(ErrorKind::InvalidArgument, text));
    }
    target.check()?;
    // One half for pieces, one for frames.
    let (_, limit) = archive.limits();
    let max_memory = if options.max_memory == 0 { limit } else { options.max_memory };
    let half = if max_memory == 0 { 0 } else { (max_memory / 2).max(1) };
    let scan = ScanOptions { max_memory: half, ..*options };
    let frames =
        Options { max_lanes: options.max_lanes, max_memory: half, cancel: options.cancel, ..*target };
    let source = archive.file();
    let output = Target::create(path, source, wishes(target, false))?;
    let mut writer = Writer::over(output, &frames, None, None)?;
    let peak =
        archive_transform(archive, &scan, TracedAs::PartOf(traced), body, |bytes| writer.write(bytes))?;
    writer.end_data()?;
    let mut stats = FileStats {
        bytes_in: read_bytes(archive, options),
        bytes_out: writer.written(),
        frames: writer.frames(),
        peak_memory: writer.peak_memory() + peak,
        seconds: 0.0,
    };
    let (output, _) = writer.into_parts();
    let replaced = output.commit(source, target.sync)?;
    stats.seconds = FloatEnv::seconds_since(start);
    give_back(replaced);
    Ok(stats)
}

/// The bytes of the frames that hold the part.
fn read_bytes(archive: &Archive<'_>, options: &ScanOptions<'_>) -> u64 {
    let end = if options.size == 0 { archive.size() } else { options.offset.saturating_add(options.size) };
    if options.offset >= end {
        return 0;
    }
    let frames = archive.frame_at(options.offset) as u64..=archive.frame_at(end - 1) as u64;
    frames.filter_map(|frame| archive.frame(frame)).map(|frame| frame.size).sum()
}
