//! .NET for Windows, under Wine: `tests/csharp`, and how other suites run programs there.

use super::wine::{self, Wine};
use super::{csharp, lines, Case};
use crate::dotnet::{Sdk, FRAMEWORK};
use crate::{process, stage};
use anyhow::{Context as _, Result};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(20 * 60);

pub(super) fn run(wine: &Wine, dll: &Path) -> Result<Vec<Case>> {
    const NAME: &str = ".NET";
    let sdk = match Sdk::get()? {
        Ok(sdk) => sdk,
        Err(reason) => return Ok(vec![Case::skipped(NAME, reason)]),
    };
    let program = match csharp::publish_tests(&sdk, "win-x64") {
        Ok(folder) => folder.join("Fastpar.Tests.exe"),
        Err(error) => return Ok(vec![Case::failed(format!("{NAME} publishes"), format!("{error:#}"))]),
    };
    let mut command = command(wine, &program);
    command.env("FASTPAR_LIBRARY", wine::path(dll));
    Ok(lines::program(NAME, &process::run(&mut command, LIMIT)?))
}

/// Starts a program of .NET for Windows.
pub(super) fn command(wine: &Wine, program: &Path) -> Command {
    let mut command = wine.command(program);
    command.env("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1");
    // Wine asks mscoree, which the other tests go without, before it loads an assembly.
    command.env("WINEDLLOVERRIDES", "mshtml=;winemenubuilder.exe,winedbg.exe=d");
    // Pages that can be written under one address and run under another confuse Wine 8.
    command.env("DOTNET_EnableWriteXorExecute", "0");
    command
}

/// Lays out a runtime as its installer does, for programs that bring none, from the package that others take
/// theirs from.
pub(super) fn install(package: &Path, folder: &Path) -> Result<()> {
    let version = package.file_name().context("a folder for each version")?;
    let natives = package.join("runtimes/win-x64/native");
    let shared = folder.join("shared/Microsoft.NETCore.App").join(version);
    stage::replace_all(&package.join("runtimes/win-x64/lib").join(FRAMEWORK), &shared)?;
    stage::replace_all(&natives, &shared)?;
    let host = folder.join("host/fxr").join(version);
    std::fs::create_dir_all(&host)?;
    stage::replace(&natives.join("hostfxr.dll"), &host.join("hostfxr.dll"))
}
