//! Suite "python": `tests/python` on whatever Python 3 there is, with nothing but ctypes; and `tests/zstandard` with that package.

use super::{lines, Case, Context};
use crate::{process, repo};
use anyhow::{Context as _, Result};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(300);

/// What `tests/zstandard` compares with.
const PACKAGE: &str = "zstandard==0.25.0";

pub(super) fn run(context: &mut Context) -> Result<Vec<Case>> {
    if let Some(reason) = context.setup.missing(&["python3"]) {
        return Ok(vec![Case::skipped("plain ctypes", reason)]);
    }
    let mut command = Command::new("python3");
    command.args(["-B", "-m", "unittest", "discover", "-v", "-s", "tests/python"]).current_dir(repo::root());
    command.env("FASTPAR_LIBRARY", context.staged()?.shared());
    let mut cases = lines::unittest(&process::run(&mut command, LIMIT)?);
    cases.extend(zstandard(context)?);
    Ok(cases)
}

/// `tests/zstandard`, with the package from PyPI in a folder of its own.
fn zstandard(context: &mut Context) -> Result<Vec<Case>> {
    const NAME: &str = "the package zstandard";
    if let Some(reason) = context.setup.missing(&["python3", "pip3"]) {
        return Ok(vec![Case::skipped(NAME, reason)]);
    }
    let packages = repo::scratch("zstandard")?;
    let python = |arguments: &[&str]| {
        let mut command = Command::new("python3");
        command.arg("-B").args(arguments).env("PYTHONPATH", &packages).current_dir(repo::root());
        command
    };
    if process::must(&mut python(&["-c", "import zstandard"]), LIMIT).is_err() {
        let target = packages.to_str().context("target is not UTF-8")?;
        let install = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--only-binary=:all:",
            "--upgrade",
            "--target",
            target,
            PACKAGE,
        ];
        if let Err(error) = process::must(&mut python(&install), LIMIT) {
            let reason = format!("{PACKAGE} cannot be installed: {error}");
            return Ok(vec![Case::skipped(NAME, reason.lines().next().unwrap_or_default())]);
        }
    }
    let mut command = python(&["-m", "unittest", "discover", "-v", "-s", "tests/zstandard"]);
    command.env("FASTPAR_LIBRARY", context.staged()?.shared());
    Ok(lines::unittest(&process::run(&mut command, LIMIT)?))
}
