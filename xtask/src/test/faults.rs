//! Suite "faults": programs under which the system fails: no memory, no threads, signals all the time.

use super::abi::WARNINGS;
use super::{lines, Case, Context};
use crate::{process, repo};
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const COMPILE_LIMIT: Duration = Duration::from_secs(120);
const RUN_LIMIT: Duration = Duration::from_secs(300);

pub(super) fn run(context: &mut Context) -> Result<Vec<Case>> {
    if let Some(reason) = context.setup.missing(&["gcc"]) {
        return Ok(vec![Case::skipped("faults", reason)]);
    }
    let mut cases = Vec::new();
    for source in repo::files("tests/faults", "c")? {
        let name = source.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        match compile(context, &source, &[]) {
            Ok(program) => {
                cases.extend(lines::program(&name, &process::run(&mut command(&program)?, RUN_LIMIT)?))
            }
            Err(error) => cases.push(Case::failed(name, format!("{error:#}"))),
        }
    }
    Ok(cases)
}

/// Builds one of these programs.
pub(super) fn compile(context: &mut Context, source: &Path, flags: &[&str]) -> Result<PathBuf> {
    let binary = repo::scratch("faults")?.join(source.file_stem().unwrap_or_default());
    let mut command = Command::new("gcc");
    command.args(["-std=c11", "-O1", "-g"]).args(flags).args(WARNINGS);
    command
        .arg("-I")
        .arg(repo::root().join("tests/c"))
        .arg("-I")
        .arg(repo::root().join("tests/faults"))
        .arg(source);
    command.args(context.staged()?.link_arguments()).args(["-pthread", "-ldl", "-o"]).arg(&binary);
    process::must(&mut command, COMPILE_LIMIT)?;
    Ok(binary)
}

/// A program, where it may write files.
pub(super) fn command(program: &Path) -> Result<Command> {
    let mut command = Command::new(program);
    command.current_dir(repo::scratch("faults")?).env_remove("FASTPAR_THREADS");
    Ok(command)
}
