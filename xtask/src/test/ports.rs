//! `packaging/`: the ports for Conan and vcpkg, as far as they can be looked at without a build of their own.

use super::Case;
use crate::pypi::Packages;
use crate::{process, repo};
use anyhow::{ensure, Result};
use std::time::Duration;

const CONAN: &str = "conan==2.34.0";
const LIMIT: Duration = Duration::from_secs(120);

pub(super) fn run() -> Vec<Case> {
    vec![Case::of("port for vcpkg", vcpkg), Case::of("port for Conan", conan)]
}

fn version() -> Result<String> {
    let [major, minor, patch] = repo::version()?;
    Ok(format!("{major}.{minor}.{patch}"))
}

/// It has this version, and installs files that a build makes.
fn vcpkg() -> Result<()> {
    let manifest = repo::read("packaging/vcpkg/vcpkg.json")?;
    let wanted = format!("\"version\": \"{}\"", version()?);
    ensure!(manifest.contains(&wanted), "{wanted} is not in packaging/vcpkg/vcpkg.json");
    let port = repo::read("packaging/vcpkg/portfile.cmake")?;
    for file in ["libfastpar.so.1", "fastpar.dll", "fastpar.lib", "libfastpar.dll.a", "libfastpar.a"] {
        ensure!(port.contains(file), "the port does not know {file}");
    }
    Ok(())
}

/// Conan reads it, takes this version from the sources, and takes along what a build needs.
fn conan() -> Result<()> {
    let packages = Packages::get(&[CONAN])?;
    let home = tempfile::tempdir()?;
    let conan = |arguments: &[&str]| {
        let mut command = packages.python();
        command.arg(packages.path().join("bin/conan")).args(arguments);
        process::must(command.current_dir(repo::root()).env("CONAN_HOME", home.path()), LIMIT)
    };
    conan(&["export", "packaging/conan"])?;
    let reference = format!("fastpar/{}", version()?);
    let folder = conan(&["cache", "path", &reference, "--folder=export_source"])?;
    let folder = folder.lines().last().unwrap_or_default().trim();
    for file in ["Cargo.toml", "Cargo.lock", "build.rs", "src/lib.rs", "include/fastpar.h", "LICENSE-MIT"] {
        ensure!(std::path::Path::new(folder).join(file).is_file(), "{file} is not in {folder}");
    }
    Ok(())
}
