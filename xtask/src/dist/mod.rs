//! `cargo xtask dist`: what people install, in `dist`. The same sources and the same tools make the same
//! bytes.

mod archive;
mod checklist;
mod licenses;
pub(crate) mod nuget;
mod package;
pub(crate) mod sbom;
mod target;
mod tool;
pub(crate) mod wheel;

use crate::setup::Setup;
use crate::stage::Staged;
use crate::targets::{self, Effort, Target, LINUX};
use crate::{process, repo, stage, windows};
use anyhow::{bail, Context as _, Error, Result};
use package::{Entry, Library};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

pub(crate) use target::Package;

const LIMIT: Duration = Duration::from_secs(60);
const BUILD_LIMIT: Duration = Duration::from_secs(9 * 60);

/// The platform of the wheel.
pub(crate) const WHEEL_WINDOWS: &str = "win_amd64";

/// Files of `dist`.
pub(crate) struct Made {
    pub(crate) linux: Package,
    pub(crate) windows: PathBuf,
    /// For debuggers.
    pub(crate) windows_symbols: PathBuf,
    pub(crate) wheel_windows: PathBuf,
    /// The parts of the library, for machines to read.
    pub(crate) sbom_windows: PathBuf,
    /// For further targets.
    pub(crate) others: Vec<Package>,
    pub(crate) nuget: PathBuf,
    /// The crate.
    pub(crate) source: PathBuf,
    pub(crate) sums: PathBuf,
    /// What cannot be made here, and why.
    pub(crate) left_out: Vec<String>,
}

impl Made {
    pub(crate) fn files(&self) -> Vec<&Path> {
        let Self { windows, windows_symbols, wheel_windows, sbom_windows, nuget, source, sums, .. } = self;
        let packages = std::iter::once(&self.linux).chain(&self.others).flat_map(Package::files);
        let rest = [windows, windows_symbols, wheel_windows, sbom_windows, nuget, source, sums];
        packages.chain(rest.map(PathBuf::as_path)).collect()
    }
}

/// Made elsewhere, as it takes tools that Linux has not.
const ELSEWHERE: &str =
    "libraries for macOS and by Microsoft's tools (the DLL above is for MinGW and MSVC): there, by `cargo xtask build`";

/// Makes everything in `dist`, and tells what. The libraries are left where `dotnet pack` looks for them,
/// too. Begins with the checklist of a release: what a machine can look at is checked, the rest is for the
/// person who releases.
pub(crate) fn run() -> Result<()> {
    checklist::show()?;
    let folder = repo::root().join("dist");
    let builds = repo::scratch("dist")?;
    let made = make(&Setup::prepare()?, &folder, &builds, &targets::OTHERS)?;
    for file in made.files() {
        let size = std::fs::metadata(file)?.len();
        println!("{:>10}  {}", size, file.strip_prefix(repo::root()).unwrap_or(file).display());
    }
    for what in made.left_out.iter().map(String::as_str).chain([ELSEWHERE]) {
        println!("left out: {what}");
    }
    stage::replace_all(&builds.join("runtimes"), &repo::target().join("fastpar/runtimes"))
}

/// What an archive for a system is called, without its ending, and the folder in it.
pub(crate) fn name(system: &str) -> Result<String> {
    let [major, minor, patch] = repo::version()?;
    Ok(format!("fastpar-{major}.{minor}.{patch}-{system}"))
}

pub(crate) const WINDOWS: &str = "x86_64-windows";
pub(crate) const WINDOWS_SYMBOLS: &str = "x86_64-windows-symbols";

/// Whether packages can be made on this system.
pub(crate) fn possible() -> bool {
    cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))
}

/// Builds the library for Linux, and lays out what is in its package where `cargo xtask build` lays out its
/// own.
pub(crate) fn stage(setup: &Setup) -> Result<Staged> {
    let root = repo::target().join("fastpar");
    for entry in package::of(&LINUX, &build_linux(setup, &repo::scratch("dist")?)?)? {
        entry.write(&root)?;
    }
    Ok(Staged { include: root.join("include"), lib: root.join("lib") })
}

/// Builds the library for Linux in a folder of `builds`; where it is then.
pub(crate) fn build_linux(setup: &Setup, builds: &Path) -> Result<PathBuf> {
    targets::build(setup, &LINUX, Effort::Full, &builds.join("linux"))?.map_err(Error::msg)
}

/// A target, and where it was built, or why not.
type Attempt = (&'static Target, Result<std::result::Result<PathBuf, String>>);

/// Builds in folders of `builds`, and puts the packages and the list of their sums into `folder`.
pub(crate) fn make(setup: &Setup, folder: &Path, builds: &Path, others: &[&'static Target]) -> Result<Made> {
    if !possible() {
        bail!("packages are made on x86_64 Linux");
    }
    std::fs::create_dir_all(folder)?;
    let (left, right) = others.split_at(others.len() / 2);
    let each = |targets: &[&'static Target], place: &str| -> Vec<Attempt> {
        let build = |&target| (target, targets::build(setup, target, Effort::Full, &builds.join(place)));
        targets.iter().map(build).collect()
    };
    // Side by side: a release build ends with minutes of one thread.
    let part = process::work();
    let (linux, windows, built) = std::thread::scope(|scope| {
        let aside = scope.spawn(|| {
            process::take_part(part);
            let windows = windows::build(setup, &builds.join("windows"));
            (windows, each(left, "others-1"))
        });
        let (linux, mut built) = (build_linux(setup, builds), each(right, "others-2"));
        let (windows, first) = aside.join().expect("it does not panic");
        built.splice(..0, first);
        (linux, windows, built)
    });
    let (linux, library) = target::make(&LINUX, &linux?, builds, folder)?;
    let built_windows = match windows? {
        Ok(built) => built,
        Err(reason) => bail!("the library for Windows cannot be built: {reason}"),
    };
    let entries = package::windows(&built_windows)?;
    let windows = folder.join(format!("{}.zip", name(WINDOWS)?));
    archive::zip(&entries, &name(WINDOWS)?, &windows)?;
    let windows_symbols = folder.join(format!("{}.zip", name(WINDOWS_SYMBOLS)?));
    archive::zip(&package::windows_symbols(&built_windows)?, &name(WINDOWS_SYMBOLS)?, &windows_symbols)?;
    let dll = Library::of(&entries)?;
    let (mut packages, mut libraries, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
    if built_windows.pdb.is_none() {
        left_out.push(format!("{}: this Rust comes without rust-lld", windows::pdb::FILE));
    }
    for (target, built) in built {
        match built? {
            Ok(built) => {
                let (package, library) = target::make(target, &built, builds, folder)?;
                packages.push(package);
                libraries.push((target, library));
            }
            Err(reason) => left_out.push(format!("{}: {reason}", target.name)),
        }
    }
    let natives = libraries.iter().map(|(target, library)| (target.runtime, target.built(), library));
    let natives = natives.chain([(LINUX.runtime, LINUX.built(), &library), ("win-x64", "fastpar.dll", &dll)]);
    let runtimes = nuget::runtimes(&natives.collect::<Vec<_>>(), builds)?;
    let made = Made {
        linux,
        windows,
        windows_symbols,
        wheel_windows: wheel::make(&dll, WHEEL_WINDOWS, builds, folder)?,
        sbom_windows: folder.join(format!("{}.cdx.json", name(WINDOWS)?)),
        others: packages,
        nuget: nuget::make(&runtimes, builds, folder)?,
        source: source(builds, folder)?,
        sums: folder.join("SHA256SUMS"),
        left_out,
    };
    sbom::write(windows::TARGET, &made.sbom_windows)?;
    let mut sums = String::new();
    for file in made.files().iter().filter(|file| **file != made.sums) {
        let name = file.file_name().context("a package has a name")?;
        sums += &process::must(Command::new("sha256sum").arg(name).current_dir(folder), LIMIT)?;
    }
    std::fs::write(&made.sums, sums)?;
    Ok(made)
}

/// Builds the crate from what is in its package.
pub(crate) fn build_crate() -> Result<()> {
    let mut cargo = repo::cargo();
    cargo.args(["package", "--package", "fastpar", "--allow-dirty", "--quiet"]).args(repo::unoptimized());
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
