//! Tools from PyPI, each set in a folder of its own: nothing of the machine's Python changes.

use crate::{process, repo};
use anyhow::{Context, Result};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(5 * 60);

/// What wheels for Linux may ask of the C library that a Python 3.14 has.
const PLATFORMS: [&str; 3] = ["manylinux_2_28", "manylinux_2_17", "manylinux2014"];

/// Installed packages.
pub(crate) struct Packages {
    folder: PathBuf,
}

impl Packages {
    /// Installs exactly these, "name==version", with what they need, unless they are there already.
    pub(crate) fn get(packages: &[&str]) -> Result<Self> {
        Self::install(packages, &packages.join("+"), &[], |_| Ok(()))
    }

    /// The same for another Python, which has no pip: that of `python3` finds what fits it.
    pub(crate) fn for_python(packages: &[&str], python: &Path) -> Result<Self> {
        const TELL: &str =
            "import sys, sysconfig; t = 't' if sysconfig.get_config_var('Py_GIL_DISABLED') else ''; \
                            print('%d.%d' % sys.version_info[:2], 'cp%d%d' % sys.version_info[:2] + t)";
        let told = process::must(Command::new(python).args(["-c", TELL]), LIMIT)?;
        let (version, abi) = told.trim().split_once(' ').context("the Python tells no version")?;
        let mut flags: Vec<_> =
            ["--implementation", "cp", "--python-version", version].map(String::from).into();
        // A free-threaded Python loads no extension of the stable ABI.
        for abi in [abi, "none", "abi3"].iter().take(if abi.ends_with('t') { 2 } else { 3 }) {
            flags.extend(["--abi".into(), (*abi).into()]);
        }
        for platform in PLATFORMS {
            flags.extend(["--platform".into(), format!("{platform}_{}", std::env::consts::ARCH)]);
        }
        let flags: Vec<_> = flags.iter().map(String::as_str).collect();
        Self::install(packages, &format!("{}+{abi}", packages.join("+")), &flags, |folder| {
            // Once, and not by each process that is started.
            let mut compile = Command::new(python);
            process::must(compile.args(["-m", "compileall", "-q"]).arg(folder), LIMIT).map(drop)
        })
    }

    fn install(
        packages: &[&str],
        name: &str,
        flags: &[&str],
        prepare: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<Self> {
        let all = repo::scratch("pypi")?;
        let folder = all.join(name);
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
            process::must(pip.args(flags).arg("--target").arg(new.path()).args(packages), LIMIT)?;
            prepare(new.path())?;
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
