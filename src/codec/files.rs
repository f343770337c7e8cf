//! From file to file: the streams, between an input that may be read from several threads and an output that
//! appears when it is complete.
#![forbid(unsafe_code)]

use crate::codec::format::frame::{Frames, LONGEST_HEADER};
use crate::codec::format::seek_table::{self, SeekTable};
use crate::codec::io::input::Input;
use crate::codec::io::output::{Replaced, Target, Wishes};
use crate::codec::options::Options;
use crate::codec::stream::reader::Reader;
use crate::codec::stream::writer::Writer;
use crate::codec::write_behind::{self, WriteBehind};
use crate::error::{Error, ErrorKind, Result};
use crate::os::float_env::FloatEnv;
use crate::trace::{self, Kind};
use std::ffi::CStr;
use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// The largest seek table that is read only to know how much will come.
const LARGEST_TABLE: u64 = 1 << 20;

/// What a call on files has done.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FileStats {
    /// Bytes read.
    pub bytes_in: u64,
    /// Bytes written, the seek table included.
    pub bytes_out: u64,
    /// Frames written, or decoded.
    pub frames: u64,
    /// Wall time.
    pub seconds: f64,
    /// The most memory that it took: buffers and zstd contexts.
    pub peak_memory: u64,
}

impl FileStats {
    /// What a trace says of the call.
    fn traced(&self) -> [u64; 3] {
        [self.bytes_in, self.bytes_out, self.frames]
    }
}

/// Makes a call on files, which a trace says `kind` of.
pub(super) fn traced(kind: Kind, call: impl FnOnce() -> Result<FileStats>) -> Result<FileStats> {
    traced_as(kind, None, |_| call())
}

/// The same for a call that may have a name, and that is told what a trace knows it by.
pub(super) fn traced_as(
    kind: Kind,
    name: Option<&CStr>,
    call: impl FnOnce(Option<trace::Call>) -> Result<FileStats>,
) -> Result<FileStats> {
    trace::when_first_call();
    let traced = trace::begin_named(trace::CODEC | trace::CHUNKS, name);
    let within = traced.map(trace::Call::enter);
    let result = call(traced);
    drop(within);
    if let Some(traced) = traced {
        traced.end(kind, result.as_ref().map_or([0; 3], FileStats::traced));
    }
    result
}

/// Compresses a file into another, which appears when it is complete.
///
/// `target` gets owner, mode and times of `source`. It may exist, and is replaced at the end; a link is
/// replaced itself. FIFOs, character devices and names of open descriptors are written where they stand. Of
/// an ordinary source as many bytes are read as it has when it is opened.
///
/// # Errors
/// [`ErrorKind::Io`] with the system's number;
/// [`ErrorKind::InvalidArgument`]: an option, both are one file, or the part does not lie in the source;
/// [`ErrorKind::Unsupported`]: `target` is a block device or a socket; and
/// those of [`Writer::write`].
pub fn compress_file(source: &Path, target: &Path, options: &Options<'_>) -> Result<FileStats> {
    traced(Kind::CompressFile, || compress_untraced(source, target, options))
}

fn compress_untraced(source: &Path, target: &Path, options: &Options<'_>) -> Result<FileStats> {
    let start = Instant::now();
    let options = &options.compressing()?;
    let input = Arc::new(Input::open(source)?);
    let part = part(&input, options)?;
    let output = Target::create(target, Some(&input), wishes(options, false))?;
    let len = part.as_ref().map(|part| part.end - part.start);
    let fetched = part.clone().filter(|_| !options.rsyncable);
    let mut writer = Writer::over(output, options, len, fetched.as_ref().map(|_| Arc::clone(&input)))?;
    match (fetched, part) {
        (Some(part), _) => writer.fetch(part)?,
        (None, Some(part)) => {
            let mut source = input.at(part.start)?.take(part.end - part.start);
            while writer.fill_from(&mut source)? > 0 {}
        }
        (None, None) => while writer.fill_from(&mut &*input)? > 0 {},
    }
    writer.end_data()?;
    let mut stats = FileStats {
        bytes_in: writer.consumed(),
        bytes_out: writer.written(),
        frames: writer.frames(),
        peak_memory: writer.peak_memory(),
        seconds: 0.0,
    };
    let (output, progress) = writer.into_parts();
    let replaced = output.commit(Some(&input), options.sync)?;
    progress.finish(stats.bytes_in)?;
    stats.seconds = FloatEnv::seconds_since(start);
    give_back(replaced);
    Ok(stats)
}

/// Decompresses a file into another, which appears when it is complete; as [`compress_file`].
///
/// # Errors
/// As for [`compress_file`], and those of [`Reader::chunk`].
pub fn decompress_file(source: &Path, target: &Path, options: &Options<'_>) -> Result<FileStats> {
    traced(Kind::DecompressFile, || decompress_untraced(source, target, options))
}

fn decompress_untraced(source: &Path, target: &Path, options: &Options<'_>) -> Result<FileStats> {
    let start = Instant::now();
    options.check()?;
    let input = Input::open(source)?;
    let mut output = Target::create(target, Some(&input), wishes(options, true))?;
    let (size, check_table) = announced(&input).unwrap_or_default();
    output.expect(size);
    input.begin_again()?;
    let options = &Options { check_table: options.check_table || check_table, ..*options };
    let mut reader = Reader::over(&input, options, input.len(), false)?;
    let mut output = WriteBehind::new(output, options);
    let read = write_all(&mut reader, &mut output);
    // What was read before a failure is written, which may fail before.
    let output = output.into_target()?;
    read?;
    let mut stats = FileStats {
        bytes_in: reader.bytes_read(),
        bytes_out: reader.unpacked(),
        frames: reader.frames(),
        peak_memory: reader.peak_memory(),
        seconds: 0.0,
    };
    let progress = reader.into_progress();
    let replaced = output.commit(Some(&input), options.sync)?;
    progress.finish(stats.bytes_in)?;
    stats.seconds = FloatEnv::seconds_since(start);
    give_back(replaced);
    Ok(stats)
}

fn write_all<R: Read>(reader: &mut Reader<'_, R>, output: &mut WriteBehind<'_>) -> Result<()> {
    while !reader.chunk().map_err(cannot_wait)?.is_empty() {
        // In this order: only for a long frame it is worth it to start the pool.
        let behind = reader.goes_on() && output.is_worth_it() && reader.lends(write_behind::MEMORY);
        let chunk = reader.chunk()?; // the same
        let len = chunk.len();
        if behind {
            output.hand_over(chunk)?;
        } else {
            output.write(chunk)?; // after what was handed over, whose memory is back then
            reader.end_loan();
        }
        reader.consume(len);
    }
    Ok(())
}

/// An input that was opened so that it does not wait is an error where it would have to.
fn cannot_wait(error: Error) -> Error {
    if error.kind() != ErrorKind::Again {
        return error;
    }
    #[cfg(unix)]
    let code = libc::EAGAIN;
    #[cfg(not(unix))]
    let code = 0;
    Error::new(ErrorKind::Io, "reading failed: the source has nothing now, and does not wait").with_code(code)
}

/// The part of the source that the options ask for; `None`: all there is, as its size is not known.
fn part(input: &Input, options: &Options<'_>) -> Result<Option<Range<u64>>> {
    let Options { src_offset, src_size, .. } = *options;
    if src_offset == 0 && src_size == 0 {
        return Ok(input.len().map(|len| 0..len));
    }
    if !input.is_file() {
        let text = "src_offset and src_size are for ordinary files: others are read from where they are";
        return Err(Error::new(ErrorKind::Unsupported, text));
    }
    let len = input.len().unwrap_or(0);
    let end = if src_size == 0 { Some(len) } else { src_offset.checked_add(src_size) };
    match end.filter(|&end| src_offset <= end && end <= len) {
        Some(end) => Ok(Some(src_offset..end)),
        None => Err(Error::new(
            ErrorKind::InvalidArgument,
            format!("the part of {src_size} bytes from {src_offset} on does not lie in the {len} bytes"),
        )),
    }
}

/// What the options say about the target; `marked`: it gets the source's Mark of the Web.
pub(super) fn wishes(options: &Options<'_>, marked: bool) -> Wishes {
    let Options { sync, sparse, keep, in_place, .. } = *options;
    Wishes { sync, sparse, keep, in_place, marked, append: false }
}

/// Gives the space of a file that was replaced back, on a worker of the pool if one runs.
pub(super) fn give_back(replaced: Replaced) {
    #[cfg(target_os = "linux")]
    if let Some(held) = replaced.held() {
        crate::job::run_aside(move || drop(held));
    }
    #[cfg(not(target_os = "linux"))]
    drop(replaced);
}

/// What the data says that it decompresses to, by its seek table or its first frame, and whether a seek table
/// tells checksums. It need not be true, and may be too little.
fn announced(input: &Input) -> Option<(u64, bool)> {
    let len = input.len()?;
    let mut footer = [0; seek_table::FOOTER_LEN];
    let footer_at = len.checked_sub(footer.len() as u64)?;
    input.read_at(footer_at, &mut footer).ok()?;
    let checksums = seek_table::tells_checksums(&footer);
    let table_len =
        seek_table::len_by_footer(&footer).filter(|&table_len| table_len <= LARGEST_TABLE.min(len));
    if let Some(table_len) = table_len {
        let mut table = vec![0; table_len as usize]; // a MiB at the most
        input.read_at(len - table_len, &mut table).ok()?;
        let table = SeekTable::find_after(len - table_len, &table)?;
        return Some((table.entries().map(|(_, size)| u64::from(size)).sum(), checksums));
    }
    let mut header = [0; LONGEST_HEADER as usize];
    let header = &mut header[..LONGEST_HEADER.min(len) as usize];
    input.read_at(0, header).ok()?;
    let size = Frames::of_stream(header, 0, 0).start().ok()?.content_size;
    Some((size.unwrap_or(0), checksums))
}
