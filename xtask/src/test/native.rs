//! Suite "native": the library that cargo builds on this system, as programs of this system use it. For macOS
//! and Windows with Microsoft's tools, where the other suites, which want Linux, do not run.

use super::native_packages::Packages;
use super::{c, cpp, csharp, lines, python, Case, Context};
use crate::dotnet::{Sdk, FRAMEWORK};
use crate::stage::Staged;
use crate::{process, python as interpreters, repo};
use anyhow::{Context as _, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

pub(super) const NAME: &str = "native";

const BUILD_LIMIT: Duration = Duration::from_secs(20 * 60);
const RUN_LIMIT: Duration = Duration::from_secs(10 * 60);

/// For Visual Studio: its clang, for Microsoft's ABI with Microsoft's headers. The C programs use atomics as
/// gcc and clang have them.
const VISUAL_STUDIO: [&str; 2] = ["-T", "ClangCL"];

pub(super) fn run(context: &mut Context) -> Result<Vec<Case>> {
    let mut cargo = repo::cargo();
    cargo.args(["test", "--package", "fastpar", "--no-fail-fast", "--", "--show-output"]);
    let mut cases = lines::libtest(&process::run(&mut cargo, BUILD_LIMIT)?);
    let packages = match Packages::find()? {
        Some(Ok(packages)) => Some(packages),
        Some(Err(reason)) => {
            cases.push(missing(context, "packages", &reason));
            None
        }
        None => None,
    };
    cases.extend(programs(context)?);
    cases.extend(packages.as_ref().map(Packages::cmake));
    match interpreters::free_threaded() {
        Ok(python) => {
            cases.extend(python::package(context, "Python", &python)?);
            cases.extend(packages.as_ref().map(|packages| packages.wheel(&python)));
        }
        Err(reason) => cases.push(missing(context, "Python", reason)),
    }
    match Sdk::get()? {
        Ok(sdk) => {
            cases.extend(dotnet(&sdk, context.staged()?)?);
            cases.extend(packages.as_ref().map(|packages| packages.nuget(&sdk)));
        }
        Err(reason) => cases.push(missing(context, ".NET", &reason)),
    }
    Ok(cases)
}

/// Nothing is installed here, so a CI machine has to have it.
fn missing(context: &Context, name: &str, reason: &str) -> Case {
    if context.setup.ci {
        return Case::failed(name, reason);
    }
    Case::skipped(name, reason)
}

/// `tests/c` and `tests/cpp`, built by CMake.
fn programs(context: &mut Context) -> Result<Vec<Case>> {
    if !process::installed("cmake") {
        return Ok(vec![missing(context, "C and C++", "cmake is not installed")]);
    }
    let c_programs = match std::env::consts::OS {
        "linux" => c::programs(context)?,
        "macos" => c::macos_programs(context)?,
        _ => c::portable_programs(context)?,
    };
    let sources = [c_programs, cpp::programs()?].concat();
    let folder = repo::scratch(NAME)?;
    let staged = context.staged()?;
    if let Err(error) = build(staged, &sources, &folder) {
        return Ok(vec![Case::failed("C and C++ build", format!("{error:#}"))]);
    }
    if cfg!(windows) {
        // Windows looks for it beside a program first.
        std::fs::copy(staged.shared(), folder.join("fastpar.dll")).context("fastpar.dll")?;
    }
    let mut cases = Vec::new();
    for source in &sources {
        let name = source.file_name().unwrap_or_default().to_string_lossy();
        let program = folder.join(name.replace('.', "_") + std::env::consts::EXE_SUFFIX);
        let mut command = Command::new(program);
        command.current_dir(&folder); // some write files
        command.env("FASTPAR_LIBRARY", staged.shared()).env_remove("FASTPAR_THREADS");
        cases.extend(lines::program(&name, &process::run(&mut command, RUN_LIMIT)?));
    }
    Ok(cases)
}

fn build(staged: &Staged, sources: &[PathBuf], folder: &Path) -> Result<()> {
    // CMake takes a backslash for the beginning of something else.
    let shown = |path: &Path| path.display().to_string().replace('\\', "/");
    let sources: Vec<_> = sources.iter().map(|source| shown(source)).collect();
    let mut configure = Command::new("cmake");
    if cfg!(target_env = "msvc") {
        configure.args(VISUAL_STUDIO);
    }
    configure.arg("-S").arg(repo::root().join("tests/native")).arg("-B").arg(folder);
    configure.arg("-DCMAKE_BUILD_TYPE=Release").arg(format!("-DFASTPAR_PROGRAMS={}", sources.join(";")));
    for (name, path) in [
        ("FASTPAR_SHARED", staged.shared()),
        ("FASTPAR_IMPORT", staged.import_library()),
        ("FASTPAR_INCLUDE", staged.include.clone()),
    ] {
        configure.arg(format!("-D{name}={}", shown(&path)));
    }
    process::must(&mut configure, BUILD_LIMIT)?;
    let mut build = Command::new("cmake");
    build.arg("--build").arg(folder).args(["--config", "Release", "--parallel"]);
    process::must(&mut build, BUILD_LIMIT).map(drop)
}

/// `tests/csharp` on the .NET of this system.
fn dotnet(sdk: &Sdk, staged: &Staged) -> Result<Vec<Case>> {
    match csharp::build_tests(sdk, FRAMEWORK) {
        Ok(program) => {
            let mut command = sdk.command();
            command.arg(program).env("FASTPAR_LIBRARY", staged.shared());
            Ok(lines::program(".NET", &process::run(&mut command, RUN_LIMIT)?))
        }
        Err(error) => Ok(vec![Case::failed(".NET builds", format!("{error:#}"))]),
    }
}
