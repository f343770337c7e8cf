//! What gdb and lldb want to know, taken out of the DLL into a file of its own, whose name the DLL tells:
//! they find it beside the DLL. (For other debuggers: `pdb`.)

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
    clear_mark(&stripped)?;
    Ok((stripped, symbols))
}

/// Takes back that objcopy calls the DLL "debug stripped": Microsoft's debuggers, and Wine, would look for a
/// file of another kind then, and not for the `.pdb`. The sum of the file, which nobody asks of a DLL, is
/// left out as it was of the file before.
fn clear_mark(dll: &Path) -> Result<()> {
    const STRIPPED: u16 = 0x200;
    let mut bytes = std::fs::read(dll)?;
    let word = bytes.get(0x3c..).and_then(<[u8]>::first_chunk).context("no header")?;
    let header = u32::from_le_bytes(*word) as usize;
    let flags = bytes.get_mut(header + 22..).and_then(<[u8]>::first_chunk_mut).context("no flags")?;
    *flags = (u16::from_le_bytes(*flags) & !STRIPPED).to_le_bytes();
    bytes.get_mut(header + 88..header + 92).context("no sum")?.fill(0);
    std::fs::write(dll, bytes).context("a DLL")
}

fn objcopy(how: &[&str], from: &Path, to: &Path) -> Result<()> {
    let mut objcopy = Command::new("x86_64-w64-mingw32-objcopy");
    // The same sources make the same files at any time.
    objcopy.args(how).arg(from).arg(to).env("SOURCE_DATE_EPOCH", "0");
    process::must(&mut objcopy, LIMIT).map(drop)
}
