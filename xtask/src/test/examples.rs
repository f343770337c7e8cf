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
        demo::compile(context.staged()?, compiler, &program)?;
        for file in &files {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            cases.push(Case::of(format!("bytes, {compiler}, {name}"), || check(&program, file)));
        }
        cases.push(Case::of(format!("bytes, {compiler}, no such file"), || {
            let finished = process::run(Command::new(&program).arg(folder.join("missing")), LIMIT)?;
            ensure!(!finished.success() && finished.output.contains("missing"), "{}", finished.describe());
            Ok(())
        }));
    }
    Ok(cases)
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
