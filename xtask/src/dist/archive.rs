//! Archives that depend on nothing but their content: entries are sorted, and have no owner and no date.

use super::package::{Content, Entry};
use anyhow::{Context, Result};
use flate2::{Compression, GzBuilder};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use zip::write::SimpleFileOptions;

/// A date that tools take without a complaint: 1 January 1980, where the dates of zip begin.
const TIME: u64 = 315_532_800;

/// Writes entries below a folder of that name.
pub(super) fn tar_gz(entries: &[Entry], root: &str, to: &Path) -> Result<()> {
    let file = BufWriter::new(File::create(to).with_context(|| format!("creating {}", to.display()))?);
    // Neither name nor time in its header.
    let mut archive = tar::Builder::new(GzBuilder::new().write(file, Compression::best()));
    for entry in entries {
        let mut header = tar::Header::new_gnu();
        header.set_mtime(TIME);
        let path = format!("{root}/{}", entry.path);
        match &entry.content {
            Content::File(bytes) => {
                header.set_size(bytes.len() as u64);
                header.set_mode(if entry.executable() { 0o755 } else { 0o644 });
                archive.append_data(&mut header, path, &bytes[..])?;
            }
            Content::Link(target) => {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_size(0);
                header.set_mode(0o777);
                archive.append_link(&mut header, path, target)?;
            }
        }
    }
    archive.into_inner()?.finish()?.flush()?;
    Ok(())
}

/// The same as a zip archive; without a folder around the entries if `root` is empty. There are no links.
pub(super) fn zip(entries: &[Entry], root: &str, to: &Path) -> Result<()> {
    let file = BufWriter::new(File::create(to).with_context(|| format!("creating {}", to.display()))?);
    let mut archive = zip::ZipWriter::new(file);
    let options = SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated)
        .compression_level(Some(9))
        .last_modified_time(zip::DateTime::default());
    for entry in entries {
        if let Content::File(bytes) = &entry.content {
            let mode = if entry.executable() { 0o755 } else { 0o644 };
            let path = if root.is_empty() { entry.path.clone() } else { format!("{root}/{}", entry.path) };
            archive.start_file(path, options.unix_permissions(mode))?;
            archive.write_all(bytes)?;
        }
    }
    archive.finish()?.flush()?;
    Ok(())
}
