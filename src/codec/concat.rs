//! Joining compressed files: their frames are copied as they are, and one seek table is written.
#![forbid(unsafe_code)]

use super::files::{give_back, traced, wishes, FileStats};
use crate::codec::archive::Archive;
use crate::codec::buffer::compress::compress_to_vec;
use crate::codec::format::seek_table::{self, Growing};
use crate::codec::io::errors;
use crate::codec::io::input::Input;
use crate::codec::io::output::{Target, Wishes};
use crate::codec::options::progress::CallProgress;
use crate::codec::options::Options;
use crate::error::{Error, ErrorKind, Result};
use crate::os::float_env::FloatEnv;
use crate::trace::Kind;
use std::io::Write;
use std::ops::Range;
use std::path::Path;
use std::time::Instant;

/// Bytes of frames that are copied between two checks of the cancel flag.
const STEP: u64 = 8 << 20;
/// The largest window as a power of two: frames are not decoded.
const ANY_WINDOW: u32 = if usize::BITS < 64 { 30 } else { 31 };

/// Joins compressed files to one, which appears when it is complete, as by
/// [`compress_file`](super::compress_file). The target may be the first of them: that appends the others.
///
/// # Errors
/// Those of [`Archive::open`], and of `compress_file`; [`ErrorKind::InvalidArgument`]: no sources, or the
/// target is another than the first of them, or `keep` is set and it is the first.
pub fn concat_files(sources: &[&Path], path: &Path, options: &Options<'_>) -> Result<FileStats> {
    traced(Kind::ConcatFiles, || concat_untraced(sources, path, options))
}

fn concat_untraced(sources: &[&Path], path: &Path, options: &Options<'_>) -> Result<FileStats> {
    let start = Instant::now();
    options.check()?;
    let Some((first, others)) = sources.split_first() else {
        return Err(Error::new(ErrorKind::InvalidArgument, "count is 0: there is no file to copy"));
    };
    let quiet = Options { window_log: ANY_WINDOW, max_output: 0, progress: None, ..*options };
    let open = |path: &Path| Archive::open(path, &quiet).map_err(|error| errors::of_data(error, path));
    let archive = open(first)?;
    let wishes = Wishes { append: true, ..wishes(options, false) };
    let target = Target::create(path, archive.file(), wishes)?;
    let progress = CallProgress::new(options, None);
    let table = Growing::new(options.seek_table, options.complete, 0)?;
    let wants_table = options.seek_table || options.complete;
    let checked = wants_table && any_checksums(&archive, others)?;
    let mut joined = Joined { target, table, checked, progress, options, stats: FileStats::default() };
    joined.add(&archive).map_err(|error| errors::of_data(error, first))?;
    for source in others {
        let archive = open(source)?;
        if archive.file().is_some_and(|file| file.is_called(path)) {
            let text = errors::about("the output is one of the inputs, but not the first", path);
            return Err(Error::new(ErrorKind::InvalidArgument, text));
        }
        joined.add(&archive).map_err(|error| errors::of_data(error, source))?;
    }
    let Joined { target, progress, mut stats, .. } = joined.end()?;
    // Windows renames over no file that is open; what is appended to keeps nothing but its name there.
    let appends = cfg!(windows) && archive.file().is_some_and(|file| file.is_called(path));
    let archive = (!appends).then_some(archive);
    let replaced = target.commit(archive.as_ref().and_then(Archive::file), options.sync)?;
    progress.finish(stats.bytes_in)?;
    stats.seconds = FloatEnv::seconds_since(start);
    give_back(replaced);
    Ok(stats)
}

/// Whether a source has a seek table that tells checksums: then the new table does.
fn any_checksums(first: &Archive<'_>, others: &[&Path]) -> Result<bool> {
    if first.file().map_or(Ok(false), tells_checksums)? {
        return Ok(true);
    }
    for source in others {
        // Opened for a moment only, as there may be more sources than files that a process may open.
        if tells_checksums(&Input::open_seekable(source)?)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn tells_checksums(file: &Input) -> Result<bool> {
    let mut footer = [0; seek_table::FOOTER_LEN];
    let at = file.len().and_then(|len| len.checked_sub(footer.len() as u64));
    let Some(at) = at else { return Ok(false) };
    file.read_at(at, &mut footer)?;
    Ok(seek_table::tells_checksums(&footer))
}

/// The target so far.
struct Joined<'o> {
    target: Target,
    table: Growing,
    /// The table tells checksums.
    checked: bool,
    progress: CallProgress<'o>,
    options: &'o Options<'o>,
    stats: FileStats,
}

impl Joined<'_> {
    /// Copies the frames of a source that are not empty.
    fn add(&mut self, archive: &Archive<'_>) -> Result<()> {
        let mut run = 0..0;
        self.stats.bytes_in += archive.file().and_then(|file| file.len()).unwrap_or(0);
        for (index, frame) in (0..).map_while(|index| Some((index, archive.frame(index as u64)?))) {
            if frame.content_size == 0 {
                continue;
            }
            if frame.offset != run.end || run.end - run.start >= STEP {
                self.copy(archive, &run)?;
                run = frame.offset..frame.offset;
            }
            run.end += frame.size;
            self.stats.frames += 1;
            match (u32::try_from(frame.size), u32::try_from(frame.content_size)) {
                (Ok(size), Ok(content)) if self.checked => {
                    self.table.push_checked((size, content), archive.checksum(index)?, self.limit())?;
                }
                (Ok(size), Ok(content)) => self.table.push((size, content), self.limit())?,
                _ if self.options.complete => {
                    let what = "a seek table cannot tell of so large a frame";
                    return Err(Error::new(ErrorKind::LimitExceeded, what).at(frame.offset));
                }
                _ => self.table = Growing::default(), // what a table cannot tell needs none
            }
        }
        self.copy(archive, &run)
    }

    fn limit(&self) -> u64 {
        if self.options.max_memory == 0 {
            u64::MAX
        } else {
            self.options.max_memory
        }
    }

    fn copy(&mut self, archive: &Archive<'_>, run: &Range<u64>) -> Result<()> {
        let len = run.end - run.start;
        if len == 0 {
            return Ok(());
        }
        self.count(len)?;
        match archive.file() {
            Some(file) => self.target.copy(file, run.clone())?,
            None => return Err(Error::new(ErrorKind::Internal, "the source is no file")),
        }
        self.progress.add(usize::try_from(len).unwrap_or(usize::MAX))
    }

    /// Counts bytes of the target before they are written.
    fn count(&mut self, len: u64) -> Result<()> {
        self.stats.bytes_out += len;
        if self.stats.bytes_out > self.options.max_output() {
            let text = format!("the result is larger than max_output of {} bytes", self.options.max_output());
            return Err(Error::new(ErrorKind::LimitExceeded, text));
        }
        self.progress.add(0)
    }

    /// The seek table; where there is no frame, an empty one.
    fn end(mut self) -> Result<Self> {
        let rest: Vec<u8> = if self.stats.frames == 0 {
            self.stats.frames = 1;
            let Options { checksum, complete, .. } = *self.options;
            compress_to_vec(&[], &Options { checksum, complete, ..Options::default() })?
        } else {
            self.table.bytes().collect()
        };
        self.count(rest.len() as u64)?;
        self.target.write_all(&rest).map_err(|error| errors::io(&error, "writing"))?;
        self.stats.peak_memory = self.table.memory() as u64;
        Ok(self)
    }
}
