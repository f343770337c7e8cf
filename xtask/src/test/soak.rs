//! Suite "soak": mixed work for a minute, many calls of every kind, and a few under Valgrind; `cargo xtask soak` does the long runs.

use super::{faults, lines, Case, Context};
use crate::setup::Setup;
use crate::{process, repo};
use anyhow::{bail, Result};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// Mixed work in the test command.
const SECONDS: u64 = 60;
const LIMIT: Duration = Duration::from_secs(300);

/// Less data for a program that is watched step by step.
const SMALL: &str = "-DCALLS_SIZE=100000";

/// Errors, and blocks that nobody points to any more. What the library keeps until the process ends is still pointed to.
const MEMCHECK: [&str; 5] = [
    "--error-exitcode=99",
    "--leak-check=full",
    "--errors-for-leak-kinds=definite,indirect",
    "--num-callers=20",
    "--quiet",
];

pub(super) fn run(context: &mut Context) -> Result<Vec<Case>> {
    let absent = context.setup.install_if_missing(&["valgrind"]);
    if let Some(reason) = absent.or_else(|| context.setup.missing(&["gcc"])) {
        return Ok(vec![Case::skipped("soak", reason)]);
    }
    let mut cases = Vec::new();
    let mut add = |name: &str, command: &mut Command| -> Result<()> {
        cases.extend(lines::program(name, &process::run(command, LIMIT)?));
        Ok(())
    };
    let flat = faults::compile(context, &source("flat.c"), &[])?;
    add("flat", &mut faults::command(&flat)?)?;
    let soak = faults::compile(context, &source("soak.c"), &[])?;
    add("soak", faults::command(&soak)?.arg(SECONDS.to_string()))?;
    let once = faults::compile(context, &source("soak.c"), &[SMALL])?;
    let mut memcheck = Command::new("valgrind");
    memcheck
        .args(MEMCHECK)
        .arg(once)
        .arg("0")
        .current_dir(repo::scratch("faults")?)
        .env("FASTPAR_THREADS", "3");
    add("memcheck", &mut memcheck)?;
    Ok(cases)
}

fn source(name: &str) -> PathBuf {
    repo::root().join("tests/soak").join(name)
}

/// Mixed work for so long.
pub(crate) fn long(minutes: u64) -> Result<()> {
    let mut context = Context::new(Setup::prepare()?);
    let program = faults::compile(&mut context, &source("soak.c"), &[])?;
    let seed = std::time::UNIX_EPOCH.elapsed()?.as_secs();
    println!("seed {seed}");
    let limit = Duration::from_secs(minutes * 60 + 300);
    let mut command = faults::command(&program)?;
    let finished = process::run(command.arg((minutes * 60).to_string()).arg(seed.to_string()), limit)?;
    println!("{}", finished.output.trim_end());
    if !finished.success() {
        bail!("{}", finished.describe());
    }
    Ok(())
}
