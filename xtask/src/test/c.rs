//! Suite "c": every program of `tests/c`, and the generated calls, built in several ways and run.

use super::abi::WARNINGS;
use super::{calls, lines, Case, Context};
use crate::{process, repo};
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const COMPILE_LIMIT: Duration = Duration::from_secs(120);
const RUN_LIMIT: Duration = Duration::from_secs(180);

/// A way to build the programs.
struct Build {
    name: &'static str,
    compiler: &'static str,
    flags: &'static [&'static str],
    /// Against the static library.
    archive: bool,
}

const BUILDS: [Build; 4] = [
    Build { name: "gcc", compiler: "gcc", flags: &["-std=c99", "-O2"], archive: false },
    Build { name: "clang", compiler: "clang", flags: &["-std=c17", "-O1"], archive: false },
    Build {
        name: "sanitized",
        compiler: "gcc",
        flags: &["-std=c11", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
        archive: false,
    },
    Build { name: "static", compiler: "gcc", flags: &["-std=c11", "-O2", "-DFASTPAR_STATIC"], archive: true },
];

pub(super) fn run(context: &mut Context) -> Result<Vec<Case>> {
    let programs = programs(context)?;
    let mut cases = Vec::new();
    for build in &BUILDS {
        if let Some(reason) = context.setup.missing(&[build.compiler]) {
            cases.push(Case::skipped(build.name, reason));
            continue;
        }
        for program in &programs {
            cases.extend(build_and_run(context, build, program)?);
        }
    }
    Ok(cases)
}

/// The programs of `tests/c`, and the generated calls.
pub(super) fn programs(context: &mut Context) -> Result<Vec<PathBuf>> {
    let mut programs = repo::files("tests/c", "c")?;
    let generated = repo::scratch("c")?.join("calls.c");
    std::fs::write(&generated, calls::program(context.header()?)?)?;
    programs.push(generated);
    Ok(programs)
}

fn build_and_run(context: &mut Context, build: &Build, source: &Path) -> Result<Vec<Case>> {
    let stem = source.file_stem().unwrap_or_default().to_string_lossy();
    let name = format!("{}/{stem}", build.name);
    let binary = match compile(context, build, source) {
        Ok(binary) => binary,
        Err(error) => return Ok(vec![Case::failed(name, format!("{error:#}"))]),
    };
    let mut command = Command::new(binary);
    command.current_dir(repo::scratch("c")?); // some write files
    command.env("FASTPAR_LIBRARY", context.staged()?.shared()).env_remove("FASTPAR_THREADS");
    Ok(lines::program(&name, &process::run(&mut command, RUN_LIMIT)?))
}

fn compile(context: &mut Context, build: &Build, source: &Path) -> Result<PathBuf> {
    let staged = context.staged()?;
    let stem = source.file_stem().unwrap_or_default().to_string_lossy();
    let binary = repo::scratch("c")?.join(format!("{stem}-{}", build.name));
    let mut command = Command::new(build.compiler);
    command.args(build.flags).args(WARNINGS).arg("-I").arg(repo::root().join("tests/c")).arg(source);
    if build.archive {
        command.arg("-I").arg(&staged.include).arg(staged.archive()).args(["-lm", "-ldl"]);
    } else {
        command.args(staged.link_arguments());
    }
    process::must(command.arg("-pthread").arg("-o").arg(&binary), COMPILE_LIMIT)?;
    Ok(binary)
}
