//! `tests/csharp` on .NET for Windows, under Wine.

use super::wine::{self, Wine};
use super::{csharp, lines, Case};
use crate::dotnet::Sdk;
use crate::process;
use anyhow::Result;
use std::path::Path;
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
    let mut command = wine.command(&program);
    command.env("FASTPAR_LIBRARY", wine::path(dll)).env("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1");
    // Wine asks mscoree, which the other tests go without, before it loads an assembly.
    command.env("WINEDLLOVERRIDES", "mshtml=;winemenubuilder.exe,winedbg.exe=d");
    // Pages that can be written under one address and run under another confuse Wine 8.
    command.env("DOTNET_EnableWriteXorExecute", "0");
    Ok(lines::program(NAME, &process::run(&mut command, LIMIT)?))
}
