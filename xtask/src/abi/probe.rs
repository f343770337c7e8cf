//! A library that has the functions of a header and does nothing: what C programs are compiled against, with
//! debug information that libabigail reads. (That of the library itself speaks of Rust's types.)

use crate::header::{Header, Signature};
use crate::process;
use anyhow::{bail, Context, Result};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// The programs that this needs.
pub(crate) const PROGRAMS: [&str; 4] = ["gcc", "nm", "abidw", "abidiff"];

const LIMIT: Duration = Duration::from_secs(60);

/// What abidiff's status says: bits.
const ABI_CHANGE: i32 = 4;
const ERRORS: i32 = 1 | 2;

pub(super) struct Probe {
    folder: TempDir,
    library: PathBuf,
}

impl Probe {
    pub(super) fn build(header: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let text = std::fs::read_to_string(header)?;
        std::fs::write(folder.path().join("fastpar.h"), &text)?;
        std::fs::write(folder.path().join("probe.c"), source(&crate::header::parse(&text)?))?;
        let library = folder.path().join("probe.so");
        let mut gcc = Command::new("gcc");
        gcc.args([
            "-g",
            "-O0",
            "-shared",
            "-fPIC",
            "-std=c99",
            "-Wl,-soname,libfastpar.so.1",
            "-o",
            "probe.so",
        ]);
        process::must(gcc.arg("probe.c").current_dir(folder.path()), LIMIT)?;
        Ok(Self { folder, library })
    }

    /// The types and functions in libabigail's XML.
    pub(super) fn describe(&self) -> Result<Vec<u8>> {
        let file = self.folder.path().join("types.abi");
        let mut abidw = Command::new("abidw");
        abidw.args([
            "--no-corpus-path",
            "--no-comp-dir-path",
            "--no-show-locs",
            "--no-elf-needed",
            "--out-file",
        ]);
        process::must(abidw.arg(&file).arg(&self.library), LIMIT)?;
        std::fs::read(&file).context("what abidw has written")
    }

    /// What differs from a description: with names of structs all but what is added, where these may grow at
    /// their end; without names everything.
    pub(super) fn differences(&self, baseline: &Path, may_grow: &[String]) -> Result<Option<String>> {
        let mut abidiff = Command::new("abidiff");
        abidiff.args(["--harmless", "--no-show-locs"]);
        if !may_grow.is_empty() {
            let file = self.folder.path().join("suppressions");
            let names = may_grow.join("|");
            let text = format!(
                "[suppress_type]\ntype_kind = struct\nname_regexp = ^({names})$\nhas_data_member_inserted_at = end\n"
            );
            std::fs::write(&file, text)?;
            abidiff.arg("--no-added-syms").arg("--suppressions").arg(file);
        }
        let finished = process::run(abidiff.arg(baseline).arg(&self.library), LIMIT)?;
        match finished.status.and_then(|status| status.code()) {
            Some(0) => Ok(None),
            Some(code) if code & ABI_CHANGE != 0 && code & ERRORS == 0 => Ok(Some(finished.output)),
            _ => bail!("abidiff: {}", finished.describe()),
        }
    }
}

/// Every function, defined.
fn source(header: &Header) -> String {
    let mut text = String::from("#include \"fastpar.h\"\n");
    for (item, Signature { result, parameters }) in header.functions() {
        let parameters: Vec<_> =
            parameters.iter().map(|parameter| format!("{} {}", parameter.ty, parameter.name)).collect();
        let parameters = if parameters.is_empty() { "void".to_owned() } else { parameters.join(", ") };
        let _ = writeln!(text, "{result} {}({parameters}) {{ for (;;); }}", item.name);
    }
    text
}
