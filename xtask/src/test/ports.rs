//! `packaging/`: the ports for Conan and vcpkg. Conan runs as its users have it, and CMake runs what the port
//! for vcpkg has; but for the build: instead of cargo's there is the library that has been built.

use super::Case;
use crate::pypi::Packages;
use crate::stage::Staged;
use crate::{process, repo};
use anyhow::{ensure, Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const CONAN: &str = "conan==2.34.0";
const LIMIT: Duration = Duration::from_secs(180);

pub(super) fn run(staged: &Staged) -> Vec<Case> {
    vec![
        Case::of("port for vcpkg", vcpkg),
        Case::of("port for Conan, shared", || conan(staged, true)),
        Case::of("port for Conan, static", || conan(staged, false)),
    ]
}

fn version() -> Result<String> {
    let [major, minor, patch] = repo::version()?;
    Ok(format!("{major}.{minor}.{patch}"))
}

/// What the port installs beside headers, for each system and linkage.
const INSTALLED: [(&str, &str, &[&str]); 6] = [
    ("linux", "static", &["lib/libfastpar.a"]),
    ("linux", "dynamic", &["lib/libfastpar.so", "lib/libfastpar.so.1"]),
    ("windows", "static", &["lib/fastpar.lib"]),
    ("windows", "dynamic", &["bin/fastpar.dll", "lib/fastpar.lib"]),
    ("mingw", "static", &["lib/libfastpar.a"]),
    ("mingw", "dynamic", &["bin/fastpar.dll", "lib/libfastpar.dll.a"]),
];

/// It has this version, and installs what a build makes, for debugging too.
fn vcpkg() -> Result<()> {
    let manifest = repo::read("packaging/vcpkg/vcpkg.json")?;
    let wanted = format!("\"version\": \"{}\"", version()?);
    ensure!(manifest.contains(&wanted), "{wanted} is not in packaging/vcpkg/vcpkg.json");
    for (system, linkage, wanted) in INSTALLED {
        let place = tempfile::tempdir()?;
        let mut cmake = Command::new("cmake");
        cmake.arg(format!("-DPORT={}", repo::root().join("packaging/vcpkg").display()));
        cmake.arg(format!("-DPLACE={}", place.path().display()));
        cmake.arg(format!("-DSYSTEM={system}")).arg(format!("-DLINKAGE={linkage}"));
        process::must(cmake.arg("-P").arg(repo::root().join("tests/ports/vcpkg.cmake")), LIMIT)?;
        let packages = place.path().join("packages");
        ensure!(packages.join("include/fastpar.h").is_file(), "{system}: no header");
        for folder in ["lib", "bin"] {
            let wanted = wanted.iter().filter(|path| path.starts_with(folder));
            let mut wanted: Vec<_> = wanted.map(|path| PathBuf::from(&path[folder.len() + 1..])).collect();
            wanted.sort();
            for root in [packages.clone(), packages.join("debug")] {
                let found = files(&root.join(folder));
                ensure!(found == wanted, "{system}, {linkage}: {found:?} in {folder}, not {wanted:?}");
            }
        }
    }
    Ok(())
}

/// The names in a folder, which need not be there.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.map(|entry| PathBuf::from(entry.file_name())).collect();
    names.sort();
    names
}

/// Instead of cargo: puts the libraries, which FASTPAR_BUILT names the folder of, where cargo would.
const CARGO: &str = r#"#!/bin/sh -e
test -f Cargo.toml && test -f Cargo.lock && test -f build.rs && test -f src/lib.rs
while [ $# -gt 0 ]; do
  case $1 in --target) target=$2;; --target-dir) folder=$2;; esac
  shift
done
mkdir -p "$folder/$target/release"
cp "$FASTPAR_BUILT/libfastpar.so" "$FASTPAR_BUILT/libfastpar.a" "$folder/$target/release"
"#;

/// `conan create`, then a program that finds the package by what Conan writes for pkg-config.
fn conan(staged: &Staged, shared: bool) -> Result<()> {
    let packages = Packages::get(&[CONAN])?;
    let home = tempfile::tempdir()?;
    let tools = home.path().join("tools");
    std::fs::create_dir(&tools)?;
    make_program(&tools.join("cargo"))?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(tools).chain(std::env::split_paths(&path)))?;
    let conan = |arguments: &[&str]| {
        let mut command = packages.python();
        command.arg(packages.path().join("bin/conan")).args(arguments).current_dir(repo::root());
        command.env("CONAN_HOME", home.path().join("conan")).env("PATH", &path);
        process::must(command.env("FASTPAR_BUILT", &staged.lib), LIMIT)
    };
    let option = format!("fastpar/*:shared={}", if shared { "True" } else { "False" });
    conan(&["profile", "detect"])?;
    conan(&["create", "packaging/conan", "--options", &option])?;
    let (version, found) = (version()?, home.path().join("found"));
    let output = format!("--output-folder={}", found.display());
    let required = format!("--requires=fastpar/{version}");
    conan(&["install", &required, "--options", &option, "--generator", "PkgConfigDeps", &output])?;
    let mut query = Command::new("pkg-config");
    query.args(["--cflags", "--libs", "fastpar"]).env("PKG_CONFIG_PATH", &found);
    let flags = process::must(&mut query, LIMIT)?;
    let folder = flags.split_whitespace().find_map(|flag| flag.strip_prefix("-L"));
    let program = found.join("consumer");
    let mut gcc = Command::new("gcc");
    gcc.arg(repo::root().join("tests/install/consumer.c")).arg("-o").arg(&program);
    process::must(gcc.args(flags.split_whitespace()), LIMIT)?;
    let mut consumer = Command::new(&program);
    if shared {
        consumer.env("LD_LIBRARY_PATH", folder.context("no folder of the library")?);
    }
    super::installed::works(consumer)
}

fn make_program(at: &Path) -> Result<()> {
    std::fs::write(at, CARGO)?;
    process::must(Command::new("chmod").arg("+x").arg(at), LIMIT).map(drop)
}
