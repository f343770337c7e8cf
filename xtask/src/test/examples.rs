//! Suite "examples": every example is compiled strictly and run, on small input and on real input.

use super::{Case, Context};
use crate::{demo, process, repo};
use anyhow::{ensure, Context as _, Result};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(300);

pub(super) fn run(context: &mut Context) -> Result<Vec<Case>> {
    let folder = repo::scratch("examples")?;
    let inputs =
        [("empty", Vec::new()), ("one", vec![7]), ("text", repo::read("include/fastpar.h")?.into_bytes())];
    let mut files = Vec::new();
    for (name, bytes) in inputs {
        let file = folder.join(name);
        std::fs::write(&file, bytes)?;
        files.push(file);
    }
    files.push(demo::largest_compiler_library()?);
    let mut cases = Vec::new();
    for compiler in ["gcc", "clang"] {
        if let Some(reason) = context.setup.missing(&[compiler, "zstd"]) {
            cases.push(Case::skipped(compiler, reason));
            continue;
        }
        let program = folder.join(format!("bytes-{compiler}"));
        demo::compile(context.staged()?, demo::SOURCE, compiler, &program)?;
        for file in &files {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            cases.push(Case::of(format!("bytes, {compiler}, {name}"), || check(&program, file)));
        }
        cases.push(Case::of(format!("bytes, {compiler}, no such file"), || {
            let finished = process::run(Command::new(&program).arg(folder.join("missing")), LIMIT)?;
            ensure!(!finished.success() && finished.output.contains("missing"), "{}", finished.describe());
            Ok(())
        }));
        let program = folder.join(format!("fpz-{compiler}"));
        demo::compile(context.staged()?, "examples/c/fpz.c", compiler, &program)?;
        for file in &files {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            cases.push(Case::of(format!("fpz, {compiler}, {name}"), || check_fpz(&program, file)));
        }
        cases.push(Case::of(format!("fpz, {compiler}, what is wrong"), || {
            check_fpz_errors(&program, &files[2])
        }));
    }
    Ok(cases)
}

/// Every command of the tool, and `zstd` on what it makes.
fn check_fpz(program: &Path, file: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let run = |arguments: &[&str]| {
        process::must(Command::new(program).current_dir(folder.path()).args(arguments), LIMIT)
    };
    let data = std::fs::read(file)?;
    std::fs::write(folder.path().join("data"), &data)?;
    ensure!(run(&["-1", "-p", "compress", "data"])?.contains("frames"), "no summary");
    process::must(
        Command::new("zstd").current_dir(folder.path()).args(["-dq", "data.zst", "-o", "back"]),
        LIMIT,
    )?;
    ensure!(std::fs::read(folder.path().join("back"))? == data, "zstd -d gives other bytes");
    let told = run(&["-v", "decompress", "data.zst", "again"])?;
    for word in ["on the clock", "codec", "waiting", "contexts", "memory"] {
        ensure!(told.contains(word), "-v does not tell {word}: {told}");
    }
    ensure!(std::fs::read(folder.path().join("again"))? == data, "decompress gives other bytes");
    let (tested, listed) = (run(&["-p", "test", "data.zst"])?, run(&["list", "data.zst"])?);
    ensure!(tested.contains(&format!("good, {} bytes", data.len())), "{tested}");
    ensure!(listed.ends_with(&format!(" frames, {} bytes\n", data.len())), "{listed}");
    let (offset, len) = (data.len() / 3, data.len() / 5);
    let cat = format!("{} cat data.zst {offset} {len} > part", program.display());
    process::must(Command::new("sh").current_dir(folder.path()).args(["-c", &cat]), LIMIT)?;
    ensure!(
        std::fs::read(folder.path().join("part"))? == data[offset..offset + len],
        "cat gives other bytes"
    );
    Ok(())
}

/// It says what is wrong, and touches nothing.
fn check_fpz_errors(program: &Path, file: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let fails = |arguments: &[&str], words: &str| {
        let finished = process::run(Command::new(program).current_dir(folder.path()).args(arguments), LIMIT)?;
        ensure!(
            !finished.success() && finished.output.contains(words),
            "{arguments:?}\n{}",
            finished.describe()
        );
        Ok(())
    };
    std::fs::copy(file, folder.path().join("plain.zst"))?;
    std::fs::write(folder.path().join("target"), "as it was")?;
    fails(&[], "usage")?;
    fails(&["cat", "plain.zst", "-5"], "usage")?;
    fails(&["compress", "missing", "target"], "FASTPAR_ERR_IO")?;
    fails(&["decompress", "plain.zst", "target"], "FASTPAR_ERR_NOT_ZSTD")?;
    fails(&["test", "plain.zst"], "FASTPAR_ERR_NOT_ZSTD")?;
    fails(&["list", "plain.zst"], "FASTPAR_ERR_NOT_ZSTD")?;
    fails(&["cat", "missing"], "missing")?;
    ensure!(std::fs::read(folder.path().join("target"))? == b"as it was", "the target was touched");
    Ok(())
}

/// Runs the program; what it compressed is what zstd decompresses.
fn check(program: &Path, file: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let compressed = folder.path().join("out.zst");
    let restored = folder.path().join("out");
    process::must(Command::new(program).arg(file).arg(&compressed), LIMIT)?;
    process::must(Command::new("zstd").arg("-dq").arg(&compressed).arg("-o").arg(&restored), LIMIT)?;
    let (a, b) = (std::fs::read(file)?, std::fs::read(&restored).context("what zstd made of it")?);
    ensure!(a == b, "zstd -d gives other bytes");
    Ok(())
}
