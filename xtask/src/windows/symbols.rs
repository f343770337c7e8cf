//! What debuggers want to know, taken out of the DLL into a file of its own, whose name the DLL tells: gdb
//! and lldb find it beside the DLL. (No `.pdb`: this compiler writes DWARF, and a linker would put little
//! more than the names of the exported functions into one.)

use super::{process, LIMIT};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) const FILE: &str = "fastpar.dll.debug";

/// Makes the two files in a folder: the DLL without its symbols, and these.
pub(super) fn split(dll: &Path, folder: &Path) -> Result<(PathBuf, PathBuf)> {
    std::fs::create_dir_all(folder)?;
    let stripped = folder.join(dll.file_name().context("a DLL has a name")?);
    let symbols = folder.join(FILE);
    // Names of the import libraries that rustc makes on the way, after folders that have random names.
    const PLACES: &str = "--strip-symbol=*_deps_rustc*_imports_lib*";
    objcopy(&["--only-keep-debug", "--wildcard", PLACES], dll, &symbols)?;
    // The link is to a name, and has the sum of what is in the file.
    let link = format!("--add-gnu-debuglink={}", symbols.display());
    objcopy(&["--strip-all", &link], dll, &stripped)?;
    Ok((stripped, symbols))
}

fn objcopy(how: &[&str], from: &Path, to: &Path) -> Result<()> {
    let mut objcopy = Command::new("x86_64-w64-mingw32-objcopy");
    // The same sources make the same files at any time.
    objcopy.args(how).arg(from).arg(to).env("SOURCE_DATE_EPOCH", "0");
    process::must(&mut objcopy, LIMIT).map(drop)
}
