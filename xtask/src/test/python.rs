//! Suite "python": `tests/python` on whatever Python 3 there is, with nothing but ctypes; the package `fastpar` on a Python 3.14
//! whose GIL is hidden from it, and on a free-threaded one where there is one; and `tests/zstandard` with that package.

use super::{debian_python, lines, Case, Context};
use crate::pypi::Packages;
use crate::{process, repo};
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(300);

/// On a free-threaded Python what happens once in a while is tried 200 times.
const PACKAGE_LIMIT: Duration = Duration::from_secs(20 * 60);

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
    cases.extend(with_gil(context)?);
    cases.extend(free_threaded(context)?);
    cases.extend(zstandard(context)?);
    Ok(cases)
}

/// The package on Debian's 3.14: all that it does, if not how fast.
fn with_gil(context: &mut Context) -> Result<Vec<Case>> {
    match debian_python::get() {
        Ok(Ok(python)) => package(context, "3.14 with GIL", &python),
        Ok(Err(reason)) => Ok(vec![Case::skipped("the package fastpar on 3.14", reason)]),
        Err(error) => Ok(vec![Case::failed("the package fastpar on 3.14", format!("{error:#}"))]),
    }
}

/// The package on the free-threaded Python that FASTPAR_PYTHON names, else on `python3.14t`.
fn free_threaded(context: &mut Context) -> Result<Vec<Case>> {
    let named = std::env::var_os("FASTPAR_PYTHON").map(PathBuf::from);
    let python = named.or_else(|| process::installed("python3.14t").then(|| "python3.14t".into()));
    match python {
        Some(python) => package(context, "free-threaded", &python),
        None => {
            let reason =
                "there is no free-threaded Python: no python3.14t on PATH, and FASTPAR_PYTHON names none";
            Ok(vec![Case::skipped("the package fastpar, free-threaded", reason)])
        }
    }
}

/// `tests/python/package` on this Python.
fn package(context: &mut Context, name: &str, python: &Path) -> Result<Vec<Case>> {
    let mut command = Command::new(python);
    command.args(["-B", "-X", "faulthandler", "tests/python/package/launcher.py"]).current_dir(repo::root());
    command.env("FASTPAR_LIBRARY", context.staged()?.shared()).env("FASTPAR_TEST_PYTHON", python);
    command.env_remove("FASTPAR_THREADS");
    let finished = process::run(&mut command, PACKAGE_LIMIT)?;
    // Which Python it was is the first line.
    println!("  {name}: {}", finished.output.lines().next().unwrap_or("no output"));
    let mut cases = lines::unittest(&finished);
    cases.iter_mut().for_each(|case| case.name = format!("{name}: {}", case.name));
    Ok(cases)
}

/// `tests/zstandard`, with the package from PyPI in a folder of its own.
fn zstandard(context: &mut Context) -> Result<Vec<Case>> {
    const NAME: &str = "the package zstandard";
    if let Some(reason) = context.setup.missing(&["python3", "pip3"]) {
        return Ok(vec![Case::skipped(NAME, reason)]);
    }
    let packages = match Packages::get(&[PACKAGE]) {
        Ok(packages) => packages,
        Err(error) => {
            let reason = format!("{PACKAGE} cannot be installed: {error:#}");
            return Ok(vec![Case::skipped(NAME, reason.lines().next().unwrap_or_default())]);
        }
    };
    let mut command = packages.python();
    command.args(["-m", "unittest", "discover", "-v", "-s", "tests/zstandard"]).current_dir(repo::root());
    command.env("FASTPAR_LIBRARY", context.staged()?.shared());
    Ok(lines::unittest(&process::run(&mut command, LIMIT)?))
}
