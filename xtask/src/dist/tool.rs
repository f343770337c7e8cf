//! The command-line tool `fpz`, the example in C, built against the library that it is packed with.

use super::package::Entry;
use crate::targets::{zig, GLIBC};
use crate::windows::GCC;
use crate::{process, repo};
use anyhow::{Context, Result};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(180);
const SOURCE: &str = "examples/c/fpz.c";
const OPTIONS: [&str; 3] = ["-std=c11", "-O2", "-s"];

/// For Linux: with the library's old glibc, and it finds the library beside its own folder.
pub(super) fn linux(library: &[u8]) -> Result<Entry> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("libfastpar.so"), library)?;
    let mut zig = Command::new(zig()?);
    zig.args(["cc", "-target", &format!("x86_64-linux-gnu.{}.{}", GLIBC[0], GLIBC[1])]).args(OPTIONS);
    zig.args(["-fPIE", "-pie", "-Wl,-z,relro,-z,now", "-Wl,-rpath,$ORIGIN/../lib"]);
    for variable in ["ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR"] {
        zig.env(variable, repo::scratch("zig")?);
    }
    Ok(Entry::file("bin/fpz", build(zig, folder.path(), "-lfastpar")?))
}

/// For Windows, to lie beside the DLL.
pub(super) fn windows(import_library: &[u8]) -> Result<Entry> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("libfastpar.dll.a"), import_library)?;
    let (script, resource) = (folder.path().join("version.rc"), folder.path().join("version.o"));
    std::fs::write(&script, version_script()?)?;
    let mut windres = Command::new("x86_64-w64-mingw32-windres");
    process::must(windres.arg("--target=pe-x86-64").arg(&script).arg(&resource), LIMIT)?;
    let mut gcc = Command::new(GCC);
    gcc.args(OPTIONS).args(["-static", "-Wl,--no-insert-timestamp"]).arg(&resource);
    Ok(Entry::file("bin/fpz.exe", build(gcc, folder.path(), "-l:libfastpar.dll.a")?))
}

/// Compiles the source, by a path that is the same everywhere, and links it with the library in `folder`.
fn build(mut compiler: Command, folder: &Path, library: &str) -> Result<Vec<u8>> {
    let program = folder.join("fpz");
    compiler.current_dir(repo::root()).args([SOURCE, "-Iinclude", "-L"]).arg(folder).arg(library);
    // Else MinGW adds ".exe" to a name without an ending.
    let program = program.with_extension("exe");
    process::must(compiler.arg("-o").arg(&program), LIMIT)?;
    std::fs::read(&program).context("fpz")
}

/// What Windows shows of the file.
fn version_script() -> Result<String> {
    let [major, minor, patch] = repo::version()?;
    let (version, commas) = (format!("{major}.{minor}.{patch}"), format!("{major},{minor},{patch},0"));
    let strings: String = [
        ("CompanyName", "fastpar"),
        ("FileDescription", "Parallel zstd on the command line"),
        ("FileVersion", &version),
        ("InternalName", "fpz"),
        ("LegalCopyright", "MIT OR Apache-2.0"),
        ("OriginalFilename", "fpz.exe"),
        ("ProductName", "fastpar"),
        ("ProductVersion", &version),
    ]
    .iter()
    .map(|(name, text)| format!("VALUE \"{name}\", \"{text}\\0\"\n"))
    .collect();
    // A program (1) for Windows NT (0x40004); English (0x409) in UTF-16 (1200).
    Ok(format!(
        "1 VERSIONINFO\nFILEVERSION {commas}\nPRODUCTVERSION {commas}\nFILEFLAGSMASK 0x3f\nFILEFLAGS 0\n\
         FILEOS 0x40004\nFILETYPE 1\nBEGIN\nBLOCK \"StringFileInfo\"\nBEGIN\nBLOCK \"040904B0\"\nBEGIN\n\
         {strings}END\nEND\nBLOCK \"VarFileInfo\"\nBEGIN\nVALUE \"Translation\", 0x409, 1200\nEND\nEND\n"
    ))
}
