//! From file to file: the streams, between an input that may be read from several threads and an output that appears when it is
//! complete.
#![forbid(unsafe_code)]

use crate::codec::io::errors as failure;
use crate::codec::io::input::Input;
use crate::codec::io::output::Target;
use crate::codec::options::Options;
use crate::codec::stream::reader::Reader;
use crate::codec::stream::writer::Writer;
use crate::error::Result;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

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

/// Compresses a file into another, which appears when it is complete.
///
/// `target` keeps mode and times of `source`. It may exist, and is replaced at the end. Of an ordinary file as many bytes are read as
/// it has when it is opened.
///
/// # Errors
/// [`ErrorKind::Io`](crate::ErrorKind::Io) with the system's number; [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument): an
/// option, or both are one file; [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported): `target` is a device; and those of
/// [`Writer::write`].
pub fn compress_file(source: &Path, target: &Path, options: &Options<'_>) -> Result<FileStats> {
    let start = Instant::now();
    options.check()?;
    let input = Arc::new(Input::open(source)?);
    let output = Target::create(target, &input)?;
    let fetched = input.len().map(|_| Arc::clone(&input));
    let mut writer = Writer::over(output, options, input.len(), fetched)?;
    match input.len() {
        Some(len) => writer.fetch(len)?,
        None => while writer.fill_from(&mut &*input)? > 0 {},
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
    output.commit(&input, options.sync)?;
    progress.finish(stats.bytes_in)?;
    stats.seconds = start.elapsed().as_secs_f64();
    Ok(stats)
}

/// Decompresses a file into another, which appears when it is complete; as [`compress_file`].
///
/// # Errors
/// As for [`compress_file`], and those of [`Reader::chunk`].
pub fn decompress_file(source: &Path, target: &Path, options: &Options<'_>) -> Result<FileStats> {
    let start = Instant::now();
    options.check()?;
    let input = Input::open(source)?;
    let mut output = Target::create(target, &input)?;
    let mut reader = Reader::over(&input, options, input.len(), false)?;
    loop {
        let chunk = reader.chunk()?;
        if chunk.is_empty() {
            break;
        }
        output.write_all(chunk).map_err(|error| failure::io(&error, "writing"))?;
        let len = chunk.len();
        reader.consume(len);
    }
    let mut stats = FileStats {
        bytes_in: reader.bytes_read(),
        bytes_out: reader.unpacked(),
        frames: reader.frames(),
        peak_memory: reader.peak_memory(),
        seconds: 0.0,
    };
    let progress = reader.into_progress();
    output.commit(&input, options.sync)?;
    progress.finish(stats.bytes_in)?;
    stats.seconds = start.elapsed().as_secs_f64();
    Ok(stats)
}
