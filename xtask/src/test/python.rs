//! Suite "python": `tests/python` on whatever Python 3 there is, with nothing but ctypes; the package
//! `fastpar` on a Python 3.14 whose GIL is hidden from it, and on a free-threaded one where there is one;
//! `tests/zstandard` with that package; limits by threadpoolctl; what checkers of types say about
//! `tests/python/types`.

use super::{debian_python, lines, python_types, Case, Context};
use crate::pypi::Packages;
use crate::{process, python, repo};
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(10 * 60);

/// On a free-threaded Python what happens once in a while is tried 200 times.
const PACKAGE_LIMIT: Duration = Duration::from_secs(20 * 60);

/// Runs a program with the package, from which it hides a GIL.
pub(super) const RUN: &str = "import runpy, sys; sys._is_gil_enabled = lambda: False; \
                              del sys.argv[0]; runpy.run_path(sys.argv[0], run_name='__main__')";

pub(super) fn run(context: &mut Context) -> Result<Vec<Case>> {
    if let Some(reason) = context.setup.missing(&["python3"]) {
        return Ok(vec![Case::skipped("plain ctypes", reason)]);
    }
    let mut command = Command::new("python3");
    command.args(["-B", "-m", "unittest", "discover", "-v", "-s", "tests/python"]).current_dir(repo::root());
    command.env("FASTPAR_LIBRARY", context.staged()?.shared());
    let mut cases = lines::unittest(&process::run(&mut command, LIMIT)?);
    cases.extend(with_gil(context)?);
    cases.extend(cpython(context)?);
    cases.extend(free_threaded(context)?);
    cases.extend(zstandard(context)?);
    cases.extend(limits(context)?);
    cases.extend(types(context));
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

/// CPython's own tests of what the package replaces.
fn cpython(context: &mut Context) -> Result<Vec<Case>> {
    const NAME: &str = "CPython's own tests";
    let python = match debian_python::get()? {
        Ok(python) => python,
        Err(reason) => return Ok(vec![Case::skipped(NAME, reason)]),
    };
    let tests = match debian_python::tests() {
        Ok(tests) => tests,
        Err(error) => return Ok(vec![Case::failed(NAME, format!("{error:#}"))]),
    };
    let folder = tempfile::tempdir()?;
    let mut command = Command::new(python);
    command
        .args(["-B", "-X", "faulthandler"])
        .arg(repo::root().join("tests/python/cpython/suites.py"))
        .arg(tests);
    command.current_dir(folder.path());
    command.env("FASTPAR_LIBRARY", context.staged()?.shared()).env_remove("FASTPAR_THREADS");
    let mut cases = lines::unittest(&process::run(&mut command, LIMIT)?);
    cases.iter_mut().for_each(|case| case.name = format!("{NAME}: {}", case.name));
    Ok(cases)
}

/// The package on a free-threaded Python.
fn free_threaded(context: &mut Context) -> Result<Vec<Case>> {
    match python::free_threaded() {
        Ok(python) => package(context, "free-threaded", &python),
        Err(reason) => Ok(vec![Case::skipped("the package fastpar, free-threaded", reason)]),
    }
}

/// What runs tests of the package on this Python; those in `tests/python/package` if no others are named.
fn launcher(context: &mut Context, python: &Path) -> Result<Command> {
    let mut command = Command::new(python);
    command.args(["-B", "-X", "faulthandler"]).arg(repo::root().join("tests/python/package/launcher.py"));
    command.current_dir(repo::root());
    command.env("FASTPAR_LIBRARY", context.staged()?.shared()).env("FASTPAR_TEST_PYTHON", python);
    command.env_remove("FASTPAR_THREADS");
    Ok(command)
}

/// The Python that has the package tested by other suites; the reason, where there is none.
pub(super) fn for_package() -> Result<Result<PathBuf, String>> {
    match python::free_threaded() {
        Ok(python) => Ok(Ok(python)),
        Err(_) => debian_python::get(),
    }
}

/// A program that uses the package, and what makes commands that run it; the reason, where there is no Python
/// for it.
pub(super) fn script(
    context: &mut Context,
    script: &Path,
) -> Result<Result<impl Fn() -> Command + 'static, String>> {
    let script = repo::root().join(script);
    let library = context.staged()?.shared();
    Ok(for_package()?.map(|python| {
        move || {
            let mut command = Command::new(&python);
            command.args(["-B", "-W", "ignore", "-c", RUN]).arg(&script).env("FASTPAR_LIBRARY", &library);
            command.env("PYTHONPATH", repo::root().join("bindings/python")).env_remove("FASTPAR_THREADS");
            command
        }
    }))
}

/// A test of the package that belongs to another suite; the reason, where there is no Python for it.
pub(super) fn package_test(
    context: &mut Context,
    folder: &str,
    file: &str,
) -> Result<Result<Command, String>> {
    let python = match for_package()? {
        Ok(python) => python,
        Err(reason) => return Ok(Err(reason)),
    };
    let mut command = launcher(context, &python)?;
    command.args(["discover", "-v", "-s"]).arg(repo::root().join(folder)).args(["-p", file]);
    Ok(Ok(command))
}

/// `tests/python/package` on this Python.
pub(super) fn package(context: &mut Context, name: &str, python: &Path) -> Result<Vec<Case>> {
    let finished = process::run(&mut launcher(context, python)?, PACKAGE_LIMIT)?;
    // Which Python it was is the first line.
    println!("  {name}: {}", finished.output.lines().next().unwrap_or("no output"));
    let mut cases = lines::unittest(&finished);
    cases.iter_mut().for_each(|case| case.name = format!("{name}: {}", case.name));
    Ok(cases)
}

/// `tests/python/types`.
fn types(context: &Context) -> Vec<Case> {
    match context.setup.missing(&["pip3"]) {
        Some(reason) => vec![Case::skipped("types", reason)],
        None => python_types::cases(),
    }
}

/// `tests/python/limits`, with threadpoolctl from PyPI.
fn limits(context: &mut Context) -> Result<Vec<Case>> {
    const NAME: &str = "threadpoolctl";
    const PACKAGE: &str = "threadpoolctl==3.6.0";
    if let Some(reason) = context.setup.missing(&["pip3"]) {
        return Ok(vec![Case::skipped(NAME, reason)]);
    }
    let packages = match Packages::get(&[PACKAGE]) {
        Ok(packages) => packages,
        Err(error) => {
            let reason = format!("{PACKAGE} cannot be installed: {error}");
            return Ok(vec![Case::skipped(NAME, reason.lines().next().unwrap_or_default())]);
        }
    };
    match package_test(context, "tests/python/limits", "test_limits.py")? {
        Ok(mut command) => {
            let finished = process::run(command.env("PYTHONPATH", packages.path()), LIMIT)?;
            let mut cases = lines::unittest(&finished);
            cases.iter_mut().for_each(|case| case.name = format!("{NAME}: {}", case.name));
            Ok(cases)
        }
        Err(reason) => Ok(vec![Case::skipped(NAME, reason)]),
    }
}

/// `tests/zstandard`, with the package from PyPI.
fn zstandard(context: &mut Context) -> Result<Vec<Case>> {
    if let Some(reason) = context.setup.missing(&["python3", "pip3"]) {
        return Ok(vec![Case::skipped("the package zstandard", reason)]);
    }
    let packages = match Packages::get(&[python::ZSTANDARD]) {
        Ok(packages) => packages,
        Err(error) => {
            let reason = format!("{} cannot be installed: {error}", python::ZSTANDARD);
            return Ok(vec![Case::skipped(
                "the package zstandard",
                reason.lines().next().unwrap_or_default(),
            )]);
        }
    };
    let mut command = packages.python();
    command.args(["-m", "unittest", "discover", "-v", "-s", "tests/zstandard"]);
    command.current_dir(repo::root());
    command.env("FASTPAR_LIBRARY", context.staged()?.shared());
    Ok(lines::unittest(&process::run(&mut command, LIMIT)?))
}
