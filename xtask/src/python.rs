//! Pythons, and packages from PyPI in folders of their own.

use crate::{process, repo};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(300);

/// The package that fastpar is compared with.
pub(crate) const ZSTANDARD: &str = "zstandard==0.25.0";

/// The free-threaded Python that FASTPAR_PYTHON names, else `python3.14t`; the reason, where there is none.
pub(crate) fn free_threaded() -> Result<PathBuf, &'static str> {
    let named = std::env::var_os("FASTPAR_PYTHON").map(PathBuf::from);
    named
        .or_else(|| process::installed("python3.14t").then(|| "python3.14t".into()))
        .ok_or("there is no free-threaded Python: no python3.14t on PATH, and FASTPAR_PYTHON names none")
}

/// `python3` with such a folder of packages.
pub(crate) fn with(packages: &Path) -> Command {
    let mut command = Command::new("python3");
    command.arg("-B").env("PYTHONPATH", packages).current_dir(repo::root());
    command
}

/// Installs packages into the folder `name` unless `check` runs with what is there; the reason, where they cannot be had.
pub(crate) fn packages(name: &str, packages: &[&str], check: &str) -> Result<Result<PathBuf, String>> {
    let folder = repo::scratch(name)?;
    if process::must(with(&folder).args(["-c", check]), LIMIT).is_err() {
        let mut install = with(&folder);
        install.args(["-m", "pip", "install", "--quiet", "--only-binary=:all:", "--upgrade", "--target"]);
        install.arg(folder.to_str().context("target is not UTF-8")?).args(packages);
        if let Err(error) = process::must(&mut install, LIMIT) {
            let reason = format!("{} cannot be installed: {error}", packages.join(" "));
            return Ok(Err(reason.lines().next().unwrap_or_default().into()));
        }
    }
    Ok(Ok(folder))
}
