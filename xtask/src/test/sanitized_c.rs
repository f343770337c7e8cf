//! The C programs of the suites "tsan" and "msan": they and the shared library are built for the sanitizer,
//! so that the C API is seen from both of its sides.

use super::abi::WARNINGS;
use super::sanitizers::{told, Sanitizer, LIMIT};
use super::{c, instrumented, lines, Case, Context};
use crate::stage::{self, Staged};
use crate::{process, repo};
use anyhow::{ensure, Error, Result};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const COMPILE_LIMIT: Duration = Duration::from_secs(300);

/// Builds the programs of `tests/c` that `sanitizer` can run, and the generated calls, and runs them.
pub(super) fn run(context: &mut Context, sanitizer: &Sanitizer) -> Result<Vec<Case>> {
    let mut programs = c::programs(context)?;
    programs.retain(|source| sanitizer.c_programs.without.iter().all(|&name| stem(source) != name));
    let (staged, runtime) = (library(sanitizer)?, instrumented::runtime(sanitizer.suite));
    let folder = repo::scratch(sanitizer.suite)?.join("c");
    std::fs::create_dir_all(&folder)?;
    let mistake = sanitizer.c_mistake;
    let mut cases = vec![Case::of(format!("reported: {mistake} in C"), || {
        let source = repo::root().join("tests/sanitizers/mistakes.c");
        let binary = folder.join("mistakes");
        compile(&staged, sanitizer, runtime.as_deref(), &source, &binary)?;
        let mut command = Command::new(&binary);
        let reports = sanitizer.report_to("c-mistakes", command.arg(mistake))?;
        let finished = process::run(&mut command, LIMIT)?;
        ensure!(!told(&reports)?.is_empty(), "there is no report\n{}", finished.describe());
        Ok(())
    })];
    for source in &programs {
        let name = stem(source);
        let binary = folder.join(name);
        if let Err(error) = compile(&staged, sanitizer, runtime.as_deref(), source, &binary) {
            cases.push(Case::failed(name, format!("{error:#}")));
            continue;
        }
        let mut command = Command::new(&binary);
        command.current_dir(&folder); // some write files
        command.env("FASTPAR_LIBRARY", staged.shared()).env_remove("FASTPAR_THREADS");
        let reports = sanitizer.report_to(&format!("c-{name}"), &mut command)?;
        cases.extend(lines::program(name, &process::run(&mut command, LIMIT)?));
        cases.push(Case::checked(format!("{name}: no report"), told(&reports)?));
    }
    Ok(cases)
}

fn stem(source: &Path) -> &str {
    source.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default()
}

/// The shared library for the sanitizer, laid out as programs link it.
fn library(sanitizer: &Sanitizer) -> Result<Staged> {
    let mut cargo = instrumented::sanitized(sanitizer.flag, sanitizer.suite, "build").map_err(Error::msg)?;
    process::must(cargo.arg("--lib"), LIMIT)?;
    let built = instrumented::built(sanitizer.suite).join("libfastpar.so");
    let lib = repo::scratch(sanitizer.suite)?.join("lib");
    std::fs::create_dir_all(&lib)?;
    let staged = Staged { include: repo::root().join("include"), lib };
    stage::replace(&built, &staged.shared())?;
    repo::link(Path::new("libfastpar.so.1"), &staged.lib.join("libfastpar.so"))?;
    Ok(staged)
}

fn compile(
    staged: &Staged,
    sanitizer: &Sanitizer,
    runtime: Option<&Path>,
    source: &Path,
    binary: &Path,
) -> Result<()> {
    let mut command = Command::new("clang");
    command.args(["-std=c11", "-O1", "-g"]).args(sanitizer.c_programs.flags).args(WARNINGS);
    command.args(instrumented::clang_flags(sanitizer.flag));
    command.arg("-I").arg(repo::root().join("tests/c")).arg(source);
    command.args(staged.link_arguments());
    // The library's code is rustc's, so its runtime is the one that has all that it calls.
    if let Some(runtime) = runtime {
        command.args(["-fno-sanitize-link-runtime", "-Wl,--whole-archive"]).arg(runtime);
        command.args(["-Wl,--no-whole-archive", "-Wl,--export-dynamic", "-lrt", "-lresolv"]);
    }
    if sanitizer.flag == "memory" {
        // Rust finds some calls by name at run time: in the program, which comes before all libraries.
        command.arg(instrumented::kernel_writes()?);
    }
    command.args(["-lm", "-ldl", "-pthread", "-o"]).arg(binary);
    process::must(&mut command, COMPILE_LIMIT).map(drop)
}
