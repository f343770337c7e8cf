//! The symbols of the package for Windows: debuggers find them by the links in the DLL, and the lines in
//! them.

use super::wine::Wine;
use crate::windows::symbols::FILE;
use crate::windows::{pdb, GCC};
use crate::{process, repo};
use anyhow::{ensure, Context, Result};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

/// A function of the library, and where that is written, by the name that builds give the folder.
const FUNCTION: &str = "fastpar_compress";
const SOURCE: &str = "/fastpar/src/";

/// `dll`: as packaged; `folder`: the unpacked archive.
pub(super) fn check(dll: &Path, folder: &Path) -> Result<()> {
    let symbols = folder.join(FILE);
    let bytes = std::fs::read(&symbols).with_context(|| format!("reading {}", symbols.display()))?;
    let linked =
        linked_sum(&std::fs::read(dll)?).with_context(|| format!("the DLL has no link to {FILE}"))?;
    let mut sum = flate2::Crc::new();
    sum.update(&bytes);
    ensure!(linked == sum.sum(), "the link is to a file of the sum {linked:#x}, this is {:#x}", sum.sum());
    let tool = |name: &str| Command::new(format!("x86_64-w64-mingw32-{name}"));
    let names = process::must(tool("nm").arg(&symbols), LIMIT)?;
    let address = names.lines().find_map(|line| line.strip_suffix(&format!(" T {FUNCTION}")));
    let address = address.with_context(|| format!("{FUNCTION} is not among the symbols"))?;
    let mut addr2line = tool("addr2line");
    let line = process::must(addr2line.arg("-e").arg(&symbols).arg(address), LIMIT)?;
    ensure!(line.contains(SOURCE), "{FUNCTION} is at {line}");
    let root = repo::root().to_str().context("the repository's path is not UTF-8")?.as_bytes();
    ensure!(!bytes.windows(root.len()).any(|place| place == root), "it has the path of the repository in it");
    Ok(())
}

/// `.pdb`, as Windows' own functions for debuggers read it: that it is the DLL's, and has the lines.
pub(super) fn check_pdb(dll: &Path, folder: &Path, wine: &Wine) -> Result<()> {
    let work = tempfile::tempdir()?;
    std::fs::copy(dll, work.path().join("fastpar.dll"))?;
    let symbols = std::fs::read(folder.join(pdb::FILE)).context(pdb::FILE)?;
    std::fs::write(work.path().join(pdb::FILE), &symbols)?;
    let program = work.path().join("symbols.exe");
    let mut gcc = Command::new(GCC);
    gcc.args(["-std=c11", "-O1", "-Wall", "-Wextra", "-Werror"]);
    gcc.arg(repo::root().join("tests/windows/symbols.c")).arg("-o").arg(&program).arg("-ldbghelp");
    process::must(&mut gcc, LIMIT)?;
    let told = process::must(wine.command(&program).current_dir(work.path()), LIMIT)?;
    let source = SOURCE.replace('/', "\\");
    ensure!(told.contains("pdb, ") && !told.contains("no pdb"), "{told}");
    ensure!(told.contains(&format!("{FUNCTION} + 0")) && told.contains(&source), "{told}");
    for private in [repo::root().to_str(), std::env::var("HOME").ok().as_deref()].into_iter().flatten() {
        let private = private.as_bytes();
        let is_told = symbols.windows(private.len()).any(|place| place == private);
        ensure!(!is_told, "it has a path of this machine in it");
    }
    Ok(())
}

/// The sum that stands behind the name, which ends with a NUL and is filled up to a multiple of 4.
fn linked_sum(dll: &[u8]) -> Option<u32> {
    let name = [FILE.as_bytes(), &[0]].concat();
    let at = dll.windows(name.len()).position(|place| place == name)?;
    let sum = dll.get(at + name.len().next_multiple_of(4)..)?.first_chunk()?;
    Some(u32::from_le_bytes(*sum))
}
