//! `cargo xtask dist`: what people install, in `dist`. The same sources and the same tools make the same
//! bytes.

mod archive;
mod checklist;
mod licenses;
mod linux;
pub(crate) mod nuget;
mod package;
pub(crate) mod sbom;
mod tool;
pub(crate) mod wheel;

pub(crate) use linux::{zig, GLIBC};

use crate::setup::Setup;
use crate::stage::Staged;
use crate::{process, repo, stage, windows};
use anyhow::{bail, Context as _, Result};
use package::{Entry, Library};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
const BUILD_LIMIT: Duration = Duration::from_secs(9 * 60);

pub(crate) const LINUX: &str = "x86_64-unknown-linux-gnu";

/// The platforms of wheels.
pub(crate) const WHEEL_WINDOWS: &str = "win_amd64";
pub(crate) fn wheel_linux() -> String {
    format!("manylinux_{}_{}_x86_64", GLIBC[0], GLIBC[1])
}

/// Files of `dist`.
pub(crate) struct Made {
    pub(crate) linux: PathBuf,
    pub(crate) windows: PathBuf,
    /// For debuggers.
    pub(crate) windows_symbols: PathBuf,
    pub(crate) wheel_linux: PathBuf,
    pub(crate) wheel_windows: PathBuf,
    pub(crate) nuget: PathBuf,
    /// The crate.
    pub(crate) source: PathBuf,
    /// The parts of the libraries, for machines to read.
    pub(crate) sbom_linux: PathBuf,
    pub(crate) sbom_windows: PathBuf,
    pub(crate) sums: PathBuf,
}

impl Made {
    pub(crate) fn files(&self) -> [&Path; 10] {
        let Self { linux, windows, windows_symbols, wheel_linux, wheel_windows, nuget, source, .. } = self;
        let Self { sbom_linux, sbom_windows, sums, .. } = self;
        [
            linux,
            windows,
            windows_symbols,
            wheel_linux,
            wheel_windows,
            nuget,
            source,
            sbom_linux,
            sbom_windows,
            sums,
        ]
        .map(PathBuf::as_path)
    }
}

/// Makes everything in `dist`, and tells what. The libraries are left where `dotnet pack` looks for them,
/// too. Begins with the checklist of a release: what a machine can look at is checked, the rest is for the
/// person who releases.
pub(crate) fn run() -> Result<()> {
    checklist::show()?;
    let folder = repo::root().join("dist");
    let builds = repo::scratch("dist")?;
    for file in make(&Setup::prepare()?, &folder, &builds)?.files() {
        println!("{}", file.strip_prefix(repo::root()).unwrap_or(file).display());
    }
    stage::replace_all(&builds.join("runtimes"), &repo::target().join("fastpar/runtimes"))
}

/// What an archive is called, without its ending, and the folder in it.
pub(crate) fn name(system: &str) -> Result<String> {
    let [major, minor, patch] = repo::version()?;
    Ok(format!("fastpar-{major}.{minor}.{patch}-x86_64-{system}"))
}

/// Whether packages can be made on this system.
pub(crate) fn possible() -> bool {
    cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))
}

/// Builds the library for Linux, and lays out what is in its package where `cargo xtask build` lays out its
/// own.
pub(crate) fn stage() -> Result<Staged> {
    let root = repo::target().join("fastpar");
    for entry in package::linux(&build_linux(&repo::scratch("dist")?)?)? {
        entry.write(&root)?;
    }
    Ok(Staged { include: root.join("include"), lib: root.join("lib") })
}

/// Builds the library for Linux in a folder of `builds`; where it is then.
pub(crate) fn build_linux(builds: &Path) -> Result<PathBuf> {
    linux::build(&builds.join("linux"))
}

/// Builds in folders of `builds`, and puts the packages and the list of their sums into `folder`.
pub(crate) fn make(setup: &Setup, folder: &Path, builds: &Path) -> Result<Made> {
    if !possible() {
        bail!("packages are made on x86_64 Linux");
    }
    std::fs::create_dir_all(folder)?;
    // Side by side: a release build ends with minutes of one thread.
    let (linux, windows) = std::thread::scope(|scope| {
        let windows = scope.spawn(|| windows::build(setup, &builds.join("windows")));
        (build_linux(builds), windows.join().expect("it does not panic"))
    });
    let linux = package::linux(&linux?)?;
    let linux_archive = folder.join(format!("{}.tar.gz", name("linux")?));
    archive::tar_gz(&linux, &name("linux")?, &linux_archive)?;
    let built = match windows? {
        Ok(built) => built,
        Err(reason) => bail!("the library for Windows cannot be built: {reason}"),
    };
    let windows = package::windows(&built)?;
    let windows_archive = folder.join(format!("{}.zip", name("windows")?));
    archive::zip(&windows, &name("windows")?, &windows_archive)?;
    let symbols = name("windows-symbols")?;
    let windows_symbols = folder.join(format!("{symbols}.zip"));
    archive::zip(&package::windows_symbols(&built)?, &symbols, &windows_symbols)?;
    let (linux, windows) = (Library::of(&linux)?, Library::of(&windows)?);
    let libraries = [("linux-x64", "libfastpar.so", &linux), ("win-x64", "fastpar.dll", &windows)];
    let runtimes = nuget::runtimes(libraries, builds)?;
    let made = Made {
        linux: linux_archive,
        windows: windows_archive,
        windows_symbols,
        wheel_linux: wheel::make(&linux, &wheel_linux(), builds, folder)?,
        wheel_windows: wheel::make(&windows, WHEEL_WINDOWS, builds, folder)?,
        nuget: nuget::make(&runtimes, builds, folder)?,
        source: source(builds, folder)?,
        sbom_linux: folder.join(format!("{}.cdx.json", name("linux")?)),
        sbom_windows: folder.join(format!("{}.cdx.json", name("windows")?)),
        sums: folder.join("SHA256SUMS"),
    };
    sbom::write(LINUX, &made.sbom_linux)?;
    sbom::write(windows::TARGET, &made.sbom_windows)?;
    let mut sums = String::new();
    for file in made.files().iter().filter(|file| **file != made.sums) {
        let name = file.file_name().context("a package has a name")?;
        sums += &process::must(Command::new("sha256sum").arg(name).current_dir(folder), LIMIT)?;
    }
    std::fs::write(&made.sums, sums)?;
    Ok(made)
}

/// Builds the crate from what is in its package, optimizing nothing: others run what is.
pub(crate) fn build_crate() -> Result<()> {
    let mut cargo = repo::cargo();
    cargo.args(["package", "--package", "fastpar", "--allow-dirty", "--quiet"]);
    for part in ["fastpar", "rayon-core", "zstd-sys"] {
        cargo.arg("--config").arg(format!("profile.dev.package.{part}.opt-level=0"));
    }
    process::must(&mut cargo, BUILD_LIMIT).map(drop)
}

/// The crate, as registries take it. Whether it builds is a matter of the tests.
fn source(builds: &Path, folder: &Path) -> Result<PathBuf> {
    let [major, minor, patch] = repo::version()?;
    let name = format!("fastpar-{major}.{minor}.{patch}.crate");
    let mut cargo = repo::cargo();
    cargo.args([
        "package",
        "--package",
        "fastpar",
        "--allow-dirty",
        "--no-verify",
        "--quiet",
        "--target-dir",
    ]);
    process::must(cargo.arg(builds.join("crate")), LIMIT)?;
    let file = folder.join(&name);
    stage::replace(&builds.join("crate/package").join(&name), &file)?;
    Ok(file)
}
