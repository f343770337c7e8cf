//! `cargo xtask dist`: the archives that people install, in `dist`. The same sources and the same tools make the same bytes.

mod archive;
mod licenses;
mod package;

use crate::setup::Setup;
use crate::{process, repo, stage, windows};
use anyhow::{bail, Context as _, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
const BUILD_LIMIT: Duration = Duration::from_secs(20 * 60);

pub(crate) const LINUX: &str = "x86_64-unknown-linux-gnu";

/// Makes everything in `dist`, and tells what. The libraries are left where `dotnet pack` looks for them, too.
pub(crate) fn run() -> Result<()> {
    let folder = repo::root().join("dist");
    let builds = repo::scratch("dist")?;
    for file in make(&Setup::prepare()?, &folder, &builds)? {
        println!("{}", file.strip_prefix(repo::root()).unwrap_or(&file).display());
    }
    let runtimes = repo::target().join("fastpar/runtimes");
    for (system, built, name) in [
        ("linux-x64", builds.join("linux").join(LINUX), "libfastpar.so"),
        ("win-x64", builds.join("windows").join(windows::TARGET), "fastpar.dll"),
    ] {
        let native = runtimes.join(system).join("native");
        std::fs::create_dir_all(&native)?;
        stage::replace(&built.join("release").join(name), &native.join(name))?;
    }
    Ok(())
}

/// What an archive is called, without its ending, and the folder in it.
pub(crate) fn name(system: &str) -> Result<String> {
    let [major, minor, patch] = repo::version()?;
    Ok(format!("fastpar-{major}.{minor}.{patch}-x86_64-{system}"))
}

/// Builds in folders of `builds`, and puts the archives and the list of their sums into `folder`.
pub(crate) fn make(setup: &Setup, folder: &Path, builds: &Path) -> Result<Vec<PathBuf>> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")) {
        bail!("archives are made on x86_64 Linux");
    }
    std::fs::create_dir_all(folder)?;
    let linux = package::linux(&build_linux(&builds.join("linux"))?)?;
    let linux_archive = folder.join(format!("{}.tar.gz", name("linux")?));
    archive::tar_gz(&linux, &name("linux")?, &linux_archive)?;
    let windows = match windows::build(setup, &builds.join("windows"))? {
        Ok(built) => package::windows(&built.folder)?,
        Err(reason) => bail!("the library for Windows cannot be built: {reason}"),
    };
    let windows_archive = folder.join(format!("{}.zip", name("windows")?));
    archive::zip(&windows, &name("windows")?, &windows_archive)?;
    let mut sums = String::new();
    for file in [&linux_archive, &windows_archive] {
        let name = file.file_name().context("an archive has a name")?;
        sums += &process::must(Command::new("sha256sum").arg(name).current_dir(folder), LIMIT)?;
    }
    let list = folder.join("SHA256SUMS");
    std::fs::write(&list, sums)?;
    Ok(vec![linux_archive, windows_archive, list])
}

/// The release libraries, without the paths of this machine in them; where they are.
fn build_linux(place: &Path) -> Result<PathBuf> {
    let mut cargo = repo::cargo();
    cargo.args(["build", "--release", "--lib", "--package", "fastpar", "--target", LINUX, "--target-dir"]);
    process::must(cargo.arg(place).env("CARGO_ENCODED_RUSTFLAGS", repo::without_paths()), BUILD_LIMIT)?;
    Ok(place.join(LINUX).join("release"))
}
