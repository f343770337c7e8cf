//! The archive for Windows as Visual Studio sees it, for the suite "dist": clang compiles for Microsoft's
//! ABI, and LLVM's counterparts of `lib` and `link`, which Zig brings along, do the rest.

use super::wine::Wine;
use crate::process;
use crate::targets::zig;
use anyhow::{ensure, Context as _, Result};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

/// Functions of Windows that the program needs.
const KERNEL: &str = "LIBRARY kernel32.dll\nEXPORTS\n    ExitProcess\n";

/// Builds the program against the import library, and runs it with the DLL beside it.
pub(super) fn program(package: &Path, source: &Path, place: &Path, wine: &Wine) -> Result<()> {
    std::fs::create_dir_all(place)?;
    let (lib, dll) = (package.join("lib"), package.join("bin/fastpar.dll"));
    import_library(&lib.join("fastpar.def"), &place.join("fastpar.lib"))?;
    let same = std::fs::read(place.join("fastpar.lib"))? == std::fs::read(lib.join("fastpar.lib"))?;
    ensure!(same, "lib /def: makes another import library than the one in the archive");
    std::fs::write(place.join("kernel32.def"), KERNEL)?;
    import_library(&place.join("kernel32.def"), &place.join("kernel32.lib"))?;
    let mut clang = Command::new("clang");
    clang.args([
        "--target=x86_64-pc-windows-msvc",
        "-ffreestanding",
        "-std=c99",
        "-O1",
        "-Wall",
        "-Wextra",
        "-Werror",
    ]);
    clang.arg("-I").arg(package.join("include")).arg("-c").arg(source).args(["-o", "program.obj"]);
    process::must(clang.current_dir(place), LIMIT)?;
    let mut link = Command::new(zig()?);
    link.args(["lld-link", "/nodefaultlib", "/entry:entry", "/subsystem:console", "/out:program.exe"]);
    process::must(link.args(["program.obj", "fastpar.lib", "kernel32.lib"]).current_dir(place), LIMIT)?;
    std::fs::copy(dll, place.join("fastpar.dll")).context("fastpar.dll")?;
    process::must(&mut wine.command(&place.join("program.exe")), LIMIT).map(drop)
}

/// `lib /def:`
fn import_library(definition: &Path, to: &Path) -> Result<()> {
    let mut lib = Command::new(zig()?);
    lib.args(["lib", "/machine:x64"]).arg(format!("/def:{}", definition.display()));
    process::must(lib.arg(format!("/out:{}", to.display())), LIMIT).map(drop)
}
