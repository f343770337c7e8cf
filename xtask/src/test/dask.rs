//! Suite "dask": `tests/dask`, the package fastpar under Dask, which comes from PyPI.

use super::{lines, python, Case, Context};
use crate::pypi::Packages;
use crate::stage::Staged;
use crate::{process, repo};
use anyhow::{Context as _, Result};
use std::process::Command;
use std::time::Duration;

const PACKAGES: [&str; 2] = ["dask==2026.8.0", "distributed==2026.8.0"];

const LIMIT: Duration = Duration::from_secs(10 * 60);

pub(super) fn run(context: &mut Context) -> Result<Vec<Case>> {
    const NAME: &str = "Dask";
    if let Some(reason) = context.setup.missing(&["python3", "pip3"]) {
        return Ok(vec![Case::skipped(NAME, reason)]);
    }
    match command(context.staged()?)? {
        Ok(mut command) => {
            command.args(["-m", "unittest", "discover", "-v", "-s"]).arg(repo::root().join("tests/dask"));
            Ok(lines::unittest(&process::run(&mut command, LIMIT)?))
        }
        Err(reason) => Ok(vec![Case::skipped(NAME, reason)]),
    }
}

/// A Python that has Dask, the package fastpar and the examples, and starts others like it; the reason, where
/// there is none.
pub(crate) fn command(staged: &Staged) -> Result<Result<Command, String>> {
    let python = match python::for_package()? {
        Ok(python) => python,
        Err(reason) => return Ok(Err(reason)),
    };
    let packages = match Packages::for_python(&PACKAGES, &python) {
        Ok(packages) => packages,
        Err(error) => {
            let reason = format!("{} cannot be installed: {error}", PACKAGES.join(" and "));
            return Ok(Err(reason.lines().next().unwrap_or_default().into()));
        }
    };
    let mut folders =
        ["tests/dask", "bindings/python", "examples/python"].map(|name| repo::root().join(name)).to_vec();
    folders.push(packages.path().into());
    let path = std::env::join_paths(folders).context("target has a colon in its name")?;
    let mut command = Command::new(&python);
    command.args(["-B", "-X", "faulthandler"]).current_dir(repo::root());
    command.env("PYTHONPATH", path).env("PYTHONDONTWRITEBYTECODE", "1").env("FASTPAR_TEST_PYTHON", &python);
    command.env("FASTPAR_LIBRARY", staged.shared()).env_remove("FASTPAR_THREADS");
    Ok(Ok(command))
}
