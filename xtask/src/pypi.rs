//! Tools from PyPI, each set in a folder of its own: nothing of the machine's Python changes.

use crate::{process, repo};
use anyhow::{Context, Result};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(5 * 60);

/// Installed packages.
pub(crate) struct Packages {
    folder: PathBuf,
}

impl Packages {
    /// Installs exactly these, "name==version", with what they need, unless they are there already.
    pub(crate) fn get(packages: &[&str]) -> Result<Self> {
        let all = repo::scratch("pypi")?;
        let folder = all.join(packages.join("+"));
        if !folder.is_dir() {
            println!("  fetching {} (kept in {})", packages.join(", "), all.display());
            let new = tempfile::tempdir_in(&all)?;
            let mut pip = Command::new("python3");
            pip.args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--only-binary=:all:",
            ]);
            process::must(pip.arg("--target").arg(new.path()).args(packages), LIMIT)?;
            match std::fs::rename(new.path(), &folder) {
                Err(_) if folder.is_dir() => {}
                result => result.with_context(|| format!("moving to {}", folder.display()))?,
            }
        }
        Ok(Self { folder })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }

    /// A Python that sees them, whatever stands in the environment.
    pub(crate) fn python(&self) -> Command {
        let mut command = Command::new("python3");
        command.env("PYTHONPATH", &self.folder).env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    /// A PATH with their programs first.
    pub(crate) fn programs(&self) -> Result<OsString> {
        let others = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(self.folder.join("bin")).chain(std::env::split_paths(&others));
        std::env::join_paths(folders).context("target has a colon in its name")
    }
}
