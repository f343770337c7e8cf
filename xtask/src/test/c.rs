//! Suite "c": every program of `tests/c`, and the generated calls, built in several ways and run; and
//! pictures of timelines.

use super::abi::WARNINGS;
use super::{calls, lines, pictures, Case, Context};
use crate::stage::Staged;
use crate::{process, repo};
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const COMPILE_LIMIT: Duration = Duration::from_secs(120);
/// Of a program that hangs.
const RUN_LIMIT: Duration = Duration::from_secs(10 * 60);

/// A way to build the programs.
struct Build {
    name: &'static str,
    compiler: &'static str,
    flags: &'static [&'static str],
    /// Against the static library.
    archive: bool,
    /// Programs that cannot be built so.
    without: &'static [&'static str],
}

const BUILDS: [Build; 4] = [
    Build { name: "gcc", compiler: "gcc", flags: &["-std=c99", "-O2"], archive: false, without: &[] },
    Build { name: "clang", compiler: "clang", flags: &["-std=c17", "-O1"], archive: false, without: &[] },
    Build {
        name: "sanitized",
        compiler: "gcc",
        flags: &["-std=c11", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
        archive: false,
        // The sanitizer is not told of other stacks.
        without: &["fibers"],
    },
    Build {
        name: "static",
        compiler: "gcc",
        flags: &["-std=c11", "-O2", "-DFASTPAR_STATIC"],
        archive: true,
        without: &[],
    },
];

pub(super) fn run(context: &mut Context) -> Result<Vec<Case>> {
    let programs = programs(context)?;
    let folder = repo::scratch("c")?;
    let mut cases = Vec::new();
    for build in &BUILDS {
        match context.setup.missing(&[build.compiler]) {
            Some(reason) => cases.push(Case::skipped(build.name, reason)),
            None => cases.extend(all(context.staged()?, build, &programs, &folder)?),
        }
    }
    cases.extend(pictures::run(context)?);
    Ok(cases)
}

/// Programs all of whose tests are about Linux.
const LINUX_ONLY: [&str; 2] = ["guest", "masks"];

/// The programs that have tests for every system.
pub(super) fn portable_programs(context: &mut Context) -> Result<Vec<PathBuf>> {
    let mut programs = programs(context)?;
    programs.retain(|program| {
        !LINUX_ONLY.iter().any(|name| program.file_stem().is_some_and(|stem| stem == *name))
    });
    Ok(programs)
}

/// Those for macOS: its headers refuse `makecontext`, as deprecated.
pub(super) fn macos_programs(context: &mut Context) -> Result<Vec<PathBuf>> {
    let mut programs = portable_programs(context)?;
    programs.retain(|program| program.file_stem().is_none_or(|stem| stem != "fibers"));
    Ok(programs)
}

/// The programs of `tests/c`, and the generated calls.
pub(super) fn programs(context: &mut Context) -> Result<Vec<PathBuf>> {
    let mut programs = repo::files("tests/c", "c")?;
    let generated = repo::scratch("c")?.join("calls.c");
    std::fs::write(&generated, calls::program(context.header()?)?)?;
    programs.push(generated);
    Ok(programs)
}

/// Builds and runs programs in a folder.
fn all(staged: &Staged, build: &Build, programs: &[PathBuf], folder: &Path) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for source in programs {
        let stem = source.file_stem().unwrap_or_default().to_string_lossy();
        if build.without.contains(&&*stem) {
            continue;
        }
        let name = format!("{}/{stem}", build.name);
        let binary = folder.join(format!("{stem}-{}", build.name));
        if let Err(error) = compile(staged, build, source, &binary) {
            cases.push(Case::failed(name, format!("{error:#}")));
            continue;
        }
        let mut command = Command::new(binary);
        command.current_dir(folder); // some write files
        command.env("FASTPAR_LIBRARY", staged.shared()).env_remove("FASTPAR_THREADS");
        cases.extend(lines::program(&name, &process::run(&mut command, RUN_LIMIT)?));
    }
    Ok(cases)
}

fn compile(staged: &Staged, build: &Build, source: &Path, binary: &Path) -> Result<()> {
    let mut command = Command::new(build.compiler);
    command.args(build.flags).args(WARNINGS).arg("-I").arg(repo::root().join("tests/c")).arg(source);
    if build.archive {
        command.arg("-I").arg(&staged.include).arg(staged.archive()).args(["-lm", "-ldl"]);
    } else {
        command.args(staged.link_arguments()).arg("-lm");
    }
    process::must(command.arg("-pthread").arg("-o").arg(binary), COMPILE_LIMIT).map(drop)
}
