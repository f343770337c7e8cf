//! The wheels, installed by pip into empty folders, for the suite "dist".

use super::wine::Wine;
use super::{debian_python, windows_python, Case, Context, Outcome};
use crate::header::Header;
use crate::pypi::Packages;
use crate::{abi, dist, process, repo, windows};
use anyhow::{ensure, Error, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(180);

const PIP: &str = "pip==26.3";
const AUDITWHEEL: &str = "auditwheel==6.8.2";

/// Hides the GIL of a Python that has it: what is tested is the package, not the interpreter.
const HIDE_GIL: &str = "import sys\nsys._is_gil_enabled = lambda: False\n";

/// A Python 3.14 that is called as the guide calls it, and has pip. Packages go into a folder of its own.
pub(super) struct Python {
    bin: PathBuf,
    support: PathBuf,
    packages: PathBuf,
    pip: PathBuf,
}

impl Python {
    /// In an empty folder; the reason, where there is no Python 3.14.
    pub(super) fn get(folder: &Path) -> Result<std::result::Result<Self, String>> {
        let python = match debian_python::get()? {
            Ok(python) => python,
            Err(reason) => return Ok(Err(reason)),
        };
        let bin = folder.join("bin");
        std::fs::create_dir_all(&bin)?;
        repo::link(&python, &bin.join("python3.14t"))?;
        let support = folder.join("support");
        std::fs::create_dir_all(&support)?;
        std::fs::write(support.join("sitecustomize.py"), HIDE_GIL)?;
        let pip = Packages::get(&[PIP])?.path().to_owned();
        Ok(Ok(Self { bin, support, packages: folder.join("packages"), pip }))
    }

    /// An environment in which it finds and installs packages.
    pub(super) fn prepare(&self, command: &mut Command) -> Result<()> {
        let path = [&self.packages, &self.support, &self.pip];
        command.env("PYTHONPATH", std::env::join_paths(path)?).env("PIP_TARGET", &self.packages);
        command
            .env("PIP_NO_INDEX", "1")
            .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
            .env("PIP_ROOT_USER_ACTION", "ignore");
        Ok(())
    }

    /// Where `python3.14t` is.
    pub(super) fn bin(&self) -> &Path {
        &self.bin
    }

    /// The library that the installed package loads.
    pub(super) fn loaded(&self, folder: &Path) -> Result<()> {
        let mut command = Command::new(self.bin.join("python3.14t"));
        command
            .env_clear()
            .current_dir(folder)
            .args(["-c", "import fastpar; print(fastpar._library.lib._name)"]);
        self.prepare(&mut command)?;
        let name = process::must(&mut command, LIMIT)?;
        let expected = self.packages.join("fastpar/libfastpar.so.1");
        ensure!(Path::new(name.trim()) == expected, "the package loads {name}");
        let licenses = self.packages.join(dist_info()?).join("licenses");
        for file in ["LICENSE-MIT", "LICENSE-APACHE", "LICENSES-OF-PARTS"] {
            ensure!(licenses.join(file).is_file(), "{file} is not installed");
        }
        ensure!(self.packages.join("fastpar/py.typed").is_file(), "py.typed is not installed");
        Ok(())
    }
}

fn dist_info() -> Result<String> {
    let [major, minor, patch] = repo::version()?;
    Ok(format!("fastpar-{major}.{minor}.{patch}.dist-info"))
}

/// `pip install ./bindings/python`, with the library that cargo builds. Any Python can do that, though not
/// use the result. Here nothing is optimized: others run what is.
pub(super) fn from_sources() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut pip = Packages::get(&[PIP])?.python();
    pip.env("CARGO_TARGET_DIR", repo::scratch("dist")?.join("sources"));
    pip.envs([("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"), ("CARGO_PROFILE_RELEASE_LTO", "off")]);
    pip.env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--ignore-requires-python", "--target"]);
    pip.arg(folder.path()).arg("./bindings/python");
    process::must(pip.current_dir(repo::root()), LIMIT * 4)?;
    let library = folder.path().join("fastpar/libfastpar.so.1");
    ensure!(library.is_file(), "the library is not installed");
    let exports = abi::exports(&library)?;
    ensure!(exports == abi::declared(&Header::committed()?), "it has other functions: {exports:?}");
    Ok(())
}

/// What the name of the wheel promises of systems holds for the library in it.
pub(super) fn audit(wheel: &Path, platform: &str) -> Result<()> {
    let mut auditwheel = Packages::get(&[AUDITWHEEL])?.python();
    let told = process::must(auditwheel.args(["-m", "auditwheel", "show"]).arg(wheel), LIMIT)?;
    let words = told.split_whitespace().collect::<Vec<_>>().join(" ");
    let expected = format!("the following platform tag: \"{platform}\"");
    ensure!(words.contains(&expected), "auditwheel:\n{told}");
    Ok(())
}

/// The wheel for Windows, as pip for Windows takes it, and the tests of ctypes on the library that was
/// installed. It is the library with which the suite windows runs all of the package.
pub(super) fn windows(context: &mut Context, wine: &Wine, wheel: &Path, folder: &Path) -> Result<Vec<Case>> {
    const NAME: &str = "Windows, wheel";
    let target = folder.join("windows-packages");
    let mut pip = Packages::get(&[PIP])?.python();
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-index",
        "--only-binary=:all:",
        "--python-version",
        "3.14",
    ]);
    pip.args(["--platform", dist::WHEEL_WINDOWS, "--target"]).arg(&target).arg(wheel);
    let dll = target.join("fastpar/fastpar.dll");
    let tested = context.windows()?.map(windows::Staged::dll);
    let installed = process::must(&mut pip, LIMIT).and_then(|_| {
        let (dll, tested) = (std::fs::read(&dll)?, std::fs::read(tested.map_err(Error::msg)?)?);
        ensure!(dll == tested, "the wheel has another fastpar.dll than the suite windows tests");
        ensure!(target.join(dist_info()?).join("licenses/LICENSES-OF-PARTS").is_file(), "no licences");
        Ok(())
    });
    let mut cases = vec![Case::of(NAME, || installed)];
    if matches!(cases[0].outcome, Outcome::Passed) {
        let ran = windows_python::ctypes(&context.setup, wine, &dll)?;
        cases.extend(ran.into_iter().map(|case| Case { name: format!("{NAME}: {}", case.name), ..case }));
    }
    Ok(cases)
}
