//! The records of an archive as a table: aggregates, groups and selection of more than fits into memory,
//! frame by frame, while what is decoded is in the caches. What each piece comes to is put together in the
//! order of the pieces, which do not depend on lanes: so results are the same to the bit on any number.
#![forbid(unsafe_code)]

use crate::codec::archive::Archive;
use crate::codec::scan::{archive_fold, archive_transform, Output, Piece, ScanOptions, TracedAs, WaveSize};
use crate::error::{Error, ErrorKind, Result};
use crate::table::{Aggregate, GroupKey, Groups, Map, Partial, Records, Shape, Value};
use crate::trace::Kind;

/// The most bytes of what the pieces of a wave come to, if that is enough for one a lane.
const WAVE_BYTES: usize = 64 << 20;
/// What the groups of a piece take, until it is known.
const GROUPS_GUESS: usize = 256 << 10;
/// The most bytes of a piece, if the caller does not say how large pieces are.
const LARGEST_PIECE: usize = 1 << 20;

/// Records of the size that the options tell, and of this shape.
fn records<'s>(options: &ScanOptions<'_>, shape: &Shape<'s>) -> Result<Records<'s>> {
    if options.lines {
        return Err(Error::new(ErrorKind::InvalidArgument, "lines are no rows of a table"));
    }
    Records::new(options.record_size.max(1), shape)
}

/// Computes aggregates of those records of an archive that pass, all in one pass.
///
/// # Errors
/// Those of [`aggregate`](crate::table::aggregate()) and of
/// [`archive_for`](super::archive_for); [`ErrorKind::InvalidArgument`]: the shape.
pub fn archive_aggregate(
    archive: &Archive<'_>,
    options: &ScanOptions<'_>,
    shape: &Shape<'_>,
    aggregates: &[Aggregate],
) -> Result<Vec<Value>> {
    let records = records(options, shape)?;
    let mut total = records.no_aggregates(aggregates)?;
    let each = Partial::bytes(aggregates.len());
    let size = WaveSize { bytes: WAVE_BYTES, guess: each };
    let fold = |piece: &Piece<'_>| records.aggregate(piece.data, aggregates);
    archive_fold(
        archive,
        options,
        &size,
        fold,
        |_| each,
        |made| {
            total.merge(&made);
            Ok(())
        },
    )?;
    total.values(aggregates)
}

/// Computes aggregates of those records of an archive that pass, for each combination of keys that they
/// have. Numbers of rows count from the begin of the part that is scanned. Groups that take more than
/// `max_memory` bytes, while they are found, are an error; 0: there is no limit.
///
/// # Errors
/// Those of [`group`](crate::table::group()) and of [`archive_for`](super::archive_for);
/// [`ErrorKind::InvalidArgument`]: the shape.
pub fn archive_group(
    archive: &Archive<'_>,
    options: &ScanOptions<'_>,
    shape: &Shape<'_>,
    keys: &[GroupKey],
    aggregates: &[Aggregate],
    max_memory: u64,
) -> Result<Groups> {
    let records = records(options, shape)?;
    let grouping = records.grouping(keys, aggregates, max_memory)?;
    let record = options.record_size.max(1);
    let size = match usize::try_from(max_memory).unwrap_or(usize::MAX) {
        0 => WaveSize { bytes: WAVE_BYTES, guess: GROUPS_GUESS },
        // Each record may be a group, and there is room for twice as many.
        most => {
            let piece = if options.piece_size == 0 { LARGEST_PIECE } else { options.piece_size };
            let guess = (piece / record).max(1).saturating_mul(2).saturating_mul(grouping.bytes());
            WaveSize { bytes: (most / 8).min(WAVE_BYTES), guess }
        }
    };
    let mut all = grouping.no_groups();
    let fold = |piece: &Piece<'_>| {
        let first = (piece.offset - options.offset) / record as u64;
        records.group(piece.data, first, &grouping)
    };
    let bytes = |made: &_| usize::try_from(Map::bytes(made)).unwrap_or(usize::MAX);
    archive_fold(archive, options, &size, fold, bytes, |made| all.merge(&made))?;
    grouping.sorted(&all)
}

/// Gives those records of an archive that pass to `sink`, in their order, on the calling thread: some at a
/// time.
///
/// # Errors
/// Those of the sink and of [`archive_for`](super::archive_for);
/// [`ErrorKind::InvalidArgument`]: the shape.
pub fn archive_take(
    archive: &Archive<'_>,
    options: &ScanOptions<'_>,
    shape: &Shape<'_>,
    mut sink: impl FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let records = records(options, shape)?;
    let body = |piece: &Piece<'_>, output: &mut Output| records.take(piece.data, |bytes| output.write(bytes));
    let give = |bytes: &[u8]| if bytes.is_empty() { Ok(()) } else { sink(bytes) };
    archive_transform(archive, options, TracedAs::Call(Kind::Scan), body, give).map(drop)
}
