//! The NuGet package, as suites make and check it.

use crate::dotnet::{Sdk, ASSEMBLY, LIBRARIES};
use crate::{process, repo};
use anyhow::{ensure, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(300);

const PROJECT: &str = "bindings/csharp/Fastpar.csproj";

/// Makes the package in `artifacts`, after it was refused without the library for Windows, and made on
/// demand. Returns the folder that it is in, and its version.
pub(super) fn make(sdk: &Sdk, shared: &Path, dll: &Path, artifacts: &Path) -> Result<(PathBuf, String)> {
    let runtimes = artifacts.join("runtimes");
    let (linux, win) = (runtimes.join("linux-x64/native"), runtimes.join("win-x64/native"));
    std::fs::create_dir_all(&linux)?;
    std::fs::copy(shared, linux.join("libfastpar.so"))?;
    let _ = std::fs::remove_dir_all(&win);
    let property = format!("-p:FastparRuntimes={}", runtimes.display());
    let incomplete = sdk.build("pack", PROJECT, artifacts, &[&property]);
    ensure!(
        incomplete.is_err_and(|error| format!("{error:#}").contains("fastpar.dll is missing")),
        "a package without the library for Windows was made"
    );
    let [major, minor, patch] = repo::version()?;
    let version = format!("{major}.{minor}.{patch}");
    let packages = artifacts.join("packages");
    let package = packages.join(format!("Fastpar.{version}.nupkg"));
    let mut expected = files();
    expected.push(NOT_FOR_MUSL.into());
    expected.push("runtimes/linux-x64/native/libfastpar.so".into());
    sdk.build("pack", PROJECT, artifacts, &[&property, "-p:FastparPartialPackage=true"])?;
    check(&package, &expected)?;
    std::fs::create_dir_all(&win)?;
    std::fs::copy(dll, win.join("fastpar.dll"))?;
    expected.push("runtimes/win-x64/native/fastpar.dll".into());
    sdk.build("pack", PROJECT, artifacts, &[&property])?;
    check(&package, &expected)?;
    Ok((packages, version))
}

/// What a package without a library for musl has: else programs would get that of glibc.
pub(super) const NOT_FOR_MUSL: &str = "runtimes/linux-musl-x64/native/_._";

/// What a package has besides native libraries: all builds of the library, with their documentation; what is
/// told of it; what is done when a program is built, for packages.config too.
pub(super) fn files() -> Vec<String> {
    const OTHERS: [&str; 7] = [
        "README.md",
        "icon.png",
        "licenses/LICENSE-MIT",
        "licenses/LICENSE-APACHE",
        "buildTransitive/netstandard2.0/Fastpar.targets",
        "buildTransitive/net462/Fastpar.targets",
        "build/net462/Fastpar.targets",
    ];
    let files = |build| ["dll", "xml"].map(|kind| format!("lib/{build}/{ASSEMBLY}.{kind}"));
    LIBRARIES.into_iter().flat_map(files).chain(OTHERS.map(String::from)).collect()
}

/// A package has these files, and no native library besides.
pub(super) fn check(package: &Path, expected: &[String]) -> Result<()> {
    let list = process::must(Command::new("python3").args(["-m", "zipfile", "-l"]).arg(package), LIMIT)?;
    let files: Vec<_> = list.lines().filter_map(|line| line.split_whitespace().next()).collect();
    for file in expected {
        ensure!(files.contains(&file.as_str()), "{file} is not in\n{list}");
    }
    for file in files.into_iter().filter(|file| file.starts_with("runtimes/")) {
        ensure!(expected.iter().any(|known| known == file), "{file} is in\n{list}");
    }
    Ok(())
}
