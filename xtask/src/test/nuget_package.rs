//! The NuGet package, as suites make and check it.

use crate::dotnet::{Sdk, ASSEMBLY, LIBRARIES};
use crate::stage::Staged;
use crate::{process, repo};
use anyhow::{ensure, Context as _, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(300);

const PROJECT: &str = "bindings/csharp/Fastpar.csproj";

/// Makes the package in `artifacts`, after it was refused without the library for Windows, and made on
/// demand. Returns the folder that it is in, and its version, which no other source of packages has.
pub(super) fn make(sdk: &Sdk, staged: &Staged, dll: &Path, artifacts: &Path) -> Result<(PathBuf, String)> {
    let runtimes = artifacts.join("runtimes");
    let win = runtimes.join("win-x64/native");
    let natives = [(staged.shared(), "native/libfastpar.so"), (staged.archive(), "static/libfastpar.a")];
    for (library, place) in natives {
        let place = runtimes.join("linux-x64").join(place);
        std::fs::create_dir_all(place.parent().context("it is in a folder")?)?;
        std::fs::copy(library, place)?;
    }
    let _ = std::fs::remove_dir_all(&win);
    let [major, minor, patch] = repo::version()?;
    let version = format!("{major}.{minor}.{patch}-tests");
    let properties =
        [format!("-p:FastparRuntimes={}", runtimes.display()), format!("-p:PackageVersion={version}")];
    let complete = properties.each_ref().map(String::as_str);
    let partial = [complete[0], complete[1], "-p:FastparPartialPackage=true"];
    let incomplete = sdk.build("pack", PROJECT, artifacts, &complete);
    ensure!(
        incomplete.is_err_and(|error| format!("{error:#}").contains("fastpar.dll is missing")),
        "a package without the library for Windows was made"
    );
    let packages = artifacts.join("packages");
    let package = packages.join(format!("Fastpar.{version}.nupkg"));
    let mut expected = files();
    expected.push(NOT_FOR_MUSL.into());
    expected.push("runtimes/linux-x64/native/libfastpar.so".into());
    sdk.build("pack", PROJECT, artifacts, &partial)?;
    check(&package, &expected)?;
    std::fs::create_dir_all(&win)?;
    std::fs::copy(dll, win.join("fastpar.dll"))?;
    expected.push("runtimes/win-x64/native/fastpar.dll".into());
    sdk.build("pack", PROJECT, artifacts, &complete)?;
    check(&package, &expected)?;
    Ok((packages, version))
}

/// What a package without a library for musl has: else programs would get that of glibc.
pub(super) const NOT_FOR_MUSL: &str = "runtimes/linux-musl-x64/native/_._";

/// What a package has besides shared libraries: all builds of the library, with their documentation; what is
/// told of it; what is done when a program is built, for packages.config too; the static library.
pub(super) fn files() -> Vec<String> {
    const OTHERS: [&str; 8] = [
        "README.md",
        "icon.png",
        "licenses/LICENSE-MIT",
        "licenses/LICENSE-APACHE",
        "buildTransitive/netstandard2.0/Fastpar.targets",
        "buildTransitive/net462/Fastpar.targets",
        "build/net462/Fastpar.targets",
        "runtimes/linux-x64/static/libfastpar.a",
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
