//! `cargo xtask demo`: the library at work on a real file, through a C program.

use crate::stage::Staged;
use crate::{process, repo, stage};
use anyhow::{bail, ensure, Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

/// The source of the program.
pub(crate) const SOURCE: &str = "examples/c/bytes.c";

/// The program for the main job: files of trades.
pub(crate) const TRADES: &str = "examples/c/trades.c";

/// Builds everything, and runs the program on `file` or on the largest library of the Rust compiler.
pub(crate) fn run(file: Option<&Path>) -> Result<()> {
    println!("building the release library (the first time takes a minute or two)");
    let staged = stage::stage()?;
    let folder = tempfile::tempdir()?;
    let program = folder.path().join("bytes");
    println!("compiling {SOURCE}");
    compile(&staged, SOURCE, "cc", &program)?;
    let file = match file {
        Some(file) => file.to_owned(),
        None => largest_compiler_library()?,
    };
    let compressed = folder.path().join("demo.zst");
    println!("running it on {}\n", file.display());
    let status = Command::new(&program).arg(&file).arg(&compressed).status()?;
    ensure!(status.success(), "the program ended with {status}");
    println!();
    if process::installed("zstd") {
        process::must(Command::new("zstd").arg("-tq").arg(&compressed), LIMIT)?;
        println!("zstd -t: the compressed file is valid\n");
        let program = folder.path().join("trades");
        println!(
            "compiling {TRADES}, and running it on four files of a million trades each, which it makes\n"
        );
        compile(&staged, TRADES, "cc", &program)?;
        let status = Command::new(&program).arg(folder.path()).status()?;
        ensure!(status.success(), "the program ended with {status}");
    } else {
        println!("zstd is not installed: the compressed file was not checked by it");
    }
    Ok(())
}

/// Compiles a program against the staged header and library.
pub(crate) fn compile(staged: &Staged, source: &str, compiler: &str, program: &Path) -> Result<()> {
    let mut command = Command::new(compiler);
    command.current_dir(repo::root()).args(["-std=c11", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]);
    command.arg(source).args(staged.link_arguments()).arg("-o").arg(program);
    process::must(&mut command, LIMIT).map(drop)
}

/// More than 100 MB of real data on every machine that can build this.
pub(crate) fn largest_compiler_library() -> Result<PathBuf> {
    let sysroot = process::must(Command::new("rustc").args(["--print", "sysroot"]), LIMIT)?;
    let folder = Path::new(sysroot.trim()).join("lib");
    let mut largest = (0, PathBuf::new());
    for entry in std::fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))? {
        let entry = entry?;
        let size = entry.metadata()?.len();
        if entry.path().extension().is_some_and(|extension| extension == "so") && size > largest.0 {
            largest = (size, entry.path());
        }
    }
    if largest.0 == 0 {
        bail!("{} holds no shared library: name a file", folder.display());
    }
    Ok(largest.1)
}
